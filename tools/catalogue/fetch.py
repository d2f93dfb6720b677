"""Fetch and unpack the libraries whose sources are proven, at the versions of libraries.toml.

    python tools/catalogue/fetch.py build/sources .venv

What the environment has at the right version is read there; the rest is downloaded as wheels for
any Python that has one, and unpacked without being installed. The standard library is taken from
the interpreters of the path (`python3.8` ...), as far as they have the right version. `folders` in
the target holds the options for prove.py.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from prover.library import Library, version_in

# Older versions have wheels for older Pythons only; sources are the same for all.
PYTHONS = ("3.11", "3.12", "3.10", "3.9", "3.8", "3.7", "3.6", "2.7")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_24_x86_64",
             "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_12_x86_64",
             "manylinux2010_x86_64", "manylinux1_x86_64")  # fmt: skip
# Of these the wheels of another system have the same sources, and a tenth of the size.
SMALLER = {"torch": ("macosx_11_0_arm64", "macosx_10_9_x86_64")}


def download(distribution: str, version: str, wheels: Path) -> Path:
    """One wheel, from the index that pip is configured for."""
    before = set(wheels.glob("*.whl"))
    names = SMALLER.get(distribution, PLATFORMS)
    platforms = [option for name in names for option in ("--platform", name)]
    for python in PYTHONS:
        done = subprocess.run(
            [
                sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                "--only-binary=:all:", "--python-version", python, *platforms,
                "--dest", str(wheels), f"{distribution}=={version}",
            ],
            capture_output=True, check=False,
        )  # fmt: skip
        found = set(wheels.glob("*.whl")) - before
        if done.returncode == 0 and found:
            return found.pop()
    raise SystemExit(f"{distribution} {version} has no wheel here")


def unpack(wheel: Path, folder: Path) -> None:
    """The sources and the name of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        wanted = [n for n in archive.namelist() if n.endswith((".py", ".dist-info/METADATA"))]
        archive.extractall(folder, wanted)


def from_interpreter(library: Library, version: str, folder: Path) -> None:
    """The modules of the standard library that are looked at, from an interpreter on the path."""
    program = shutil.which(f"python{version.rpartition('.')[0]}")
    question = "import platform, sysconfig; print(platform.python_version()); "
    question += "print(sysconfig.get_path('stdlib'))"
    command = [program or sys.executable, "-I", "-c", question]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    found, place = (*answer.stdout.splitlines(), "", "")[:2]  # a shim of no version answers nothing
    if found != version:
        print(f"{library.distribution} {version} is not here")
        return
    for module in library.modules:
        source = Path(place).joinpath(*module.split("."))
        copied = folder.joinpath(*module.split("."))
        copied.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copied, ignore=shutil.ignore_patterns("__pycache__", "test*"))
        elif source.with_suffix(".py").is_file():
            shutil.copyfile(source.with_suffix(".py"), copied.with_suffix(".py"))
    note = folder / f"{library.distribution}-{version}.dist-info"
    note.mkdir()
    (note / "METADATA").write_text(f"Name: {library.distribution}\nVersion: {version}\n", "ascii")


def main() -> int:
    """Fetch what is missing; older versions of a library stand in folders of their own."""
    target = Path(sys.argv[1])
    installed = next((Path(sys.argv[2]) / "lib").glob("python3*")) / "site-packages"
    wheels = target / "wheels"
    wheels.mkdir(parents=True, exist_ok=True)
    folders = [installed, target / "newest"]
    with (Path(__file__).parent / "libraries.toml").open("rb") as file:
        libraries = [Library(**row) for row in tomllib.load(file)["library"]]
    for library in libraries:
        for position, version in enumerate(library.pinned):
            newest = position == 0
            if newest and version_in(installed, library.distribution) == version:
                continue
            own = newest and library.package
            name = "newest" if own else f"{library.distribution}-{version}"
            folder = target / name
            if version_in(folder, library.distribution) == version:
                pass
            elif not library.package:
                from_interpreter(library, version, folder)
            else:
                print(f"fetching {library.distribution} {version}")
                unpack(download(library.distribution, version, wheels), folder)
            if folder not in folders:
                folders.append(folder)
    (target / "folders").write_text(" ".join(f"--sources {folder}" for folder in folders), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
