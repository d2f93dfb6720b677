"""Fetch and unpack the libraries whose sources are proven, at the versions of libraries.toml.

    python tools/catalogue/fetch.py build/sources .venv

What the environment has at the right version is read there; the rest is downloaded as wheels for
any Python that has one, and unpacked without being installed. `folders` in the target holds the
options for prove.py.
"""

from __future__ import annotations

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


def download(distribution: str, version: str, wheels: Path) -> Path:
    """One wheel, from the index that pip is configured for."""
    before = set(wheels.glob("*.whl"))
    platforms = [option for name in PLATFORMS for option in ("--platform", name)]
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
            name = "newest" if newest else f"{library.distribution}-{version}"
            folder = target / name
            if version_in(folder, library.distribution) != version:
                print(f"fetching {library.distribution} {version}")
                unpack(download(library.distribution, version, wheels), folder)
            if folder not in folders:
                folders.append(folder)
    (target / "folders").write_text(" ".join(f"--sources {folder}" for folder in folders), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
