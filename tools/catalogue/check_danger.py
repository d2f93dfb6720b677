"""Check that the names of the danger data exist.

    python3 tools/catalogue/check_danger.py [--python PROGRAM ...] [FILE ...]

Every name is looked for in each CPython that is found: imported where that is possible, else
searched in the module's source. A row with several modules is good when one of them has the name.
Names of packages that no interpreter has, and modules of other systems, are counted but not judged;
those of libraries (files third_party_*) are listed when missing, for libraries change.

Exit status: 1 when a name of the standard library is missing, else 0.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CAPABILITIES = {
    "run_code", "process", "network", "write", "delete", "native", "import", "unpickle",
    "reach", "read", "environment", "global_state", "exit",
}  # fmt: skip
# The oldest that Brine models, the newest, and Python 2, whose names old streams use.
ALL_VERSIONS = {"2.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"}
# Built only for other systems or by choice: nothing to look into.
ELSEWHERE = {
    "_dbm", "_gdbm", "_msi", "_subprocess", "_testcapi", "_testinternalcapi", "_winapi", "_winreg",
    "bsddb", "compression", "dl", "gdbm", "msilib", "msvcrt", "nt", "ossaudiodev", "winreg",
    "_interpreters", "_xxsubinterpreters", "concurrent.interpreters", "_curses", "_tkinter",
    "readline", "curses", "sqlite3", "_sqlite3", "dbm.gnu", "dbm.ndbm", "nis", "spwd",
    # Names that only Windows has, or CPython 3.14.
    "_ctypes:FreeLibrary", "_ctypes:LoadLibrary", "_ctypes:call_commethod", "ctypes:OleDLL",
    "ctypes:WINFUNCTYPE", "ctypes:WinDLL", "ctypes:oledll", "ctypes:set_last_error",
    "ctypes:windll", "sys:getwindowsversion", "sys:remote_exec", "os:startfile",
    "os:_getfinalpathname", "os:_getfullpathname", "os:_getvolumepathname", "os:chflags",
    "os:lchflags", "os:listdrives", "os:listmounts", "os:listvolumes", "os:add_dll_directory",
    "os:set_handle_inheritable", "socket:fromshare",
}  # fmt: skip

# Runs under any CPython from 2.7 on. Reads {"names": [...], "unsafe": [...]}, writes what it found.
WORKER = r"""
from __future__ import print_function
import importlib, io, json, os, re, sys
wanted = json.load(sys.stdin)
unsafe = set(wanted["unsafe"])
out = os.fdopen(os.dup(1), "w")
null = os.open(os.devnull, os.O_RDWR)
os.dup2(null, 0); os.dup2(null, 1); os.dup2(null, 2)
modules, sources, found, tops = {}, {}, [], set()
PLAIN = ("__init__", "__call__")
def source_of(name):
    if name not in sources:
        sources[name] = None
        for folder in sys.path:
            path = os.path.join(folder, *name.split("."))
            for end in (".py", os.path.join("", "__init__.py")):
                if os.path.isfile(path + end):
                    with io.open(path + end, encoding="latin-1") as file:
                        sources[name] = file.read()
                    return sources[name]
    return sources[name]
def module_of(name):
    if name not in modules:
        modules[name] = None
        try:
            if name not in unsafe:
                modules[name] = importlib.import_module(name)
        except BaseException:
            pass
    return modules[name]
def has(module, name):
    thing = module_of(module)
    if thing is not None:
        try:
            for part in name.split(".") if name else ():
                thing = getattr(thing, part)
            return True
        except BaseException:
            pass
    text = source_of(module)
    if text is None:
        return False
    define = r"(?m)^\s*(async +)?(class|def) +%s\b|^\s*%s *=|import.*\b%s\b"
    return all(part in PLAIN or re.search(define % ((re.escape(part),) * 3), text)
               for part in name.split(".") if part)
for name in wanted["names"]:
    module, _, rest = name.partition(":")
    if has(module, rest):
        found.append(name)
    top = module.split(".")[0]
    if top not in unsafe and (module_of(top) is not None or source_of(top) is not None):
        tops.add(top)
json.dump({"version": "%d.%d" % sys.version_info[:2], "found": found, "tops": sorted(tops)}, out)
out.flush()
os._exit(0)
"""


def rows(path: Path) -> Iterator[tuple[list[str], list[str], bool]]:
    """Give the modules and names of each row, and whether importing alone is harmful."""
    with path.open("rb") as file:
        data = tomllib.load(file)
    for row in data["danger"]:
        lists = [value for key, value in row.items() if set(key.split("+")) <= CAPABILITIES]
        names = [name for value in lists for name in value]
        modules = [*row.get("modules", [row["module"]] if "module" in row else [])]
        yield modules + row.get("aliases", []), names, "importing" in row


def interpreters() -> Iterator[str]:
    """Give every CPython of this machine."""
    folders = [*os.get_exec_path(), *map(str, Path.home().glob(".pyenv/versions/*/bin"))]
    seen = set()
    for folder in folders:
        for version in sorted(ALL_VERSIONS):
            program = shutil.which(f"python{version}", path=folder)
            if program and os.path.realpath(program) not in seen:
                seen.add(os.path.realpath(program))
                yield program


def main() -> int:
    """Look every name up everywhere."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--python", action="append", default=[])
    options = parser.parse_args()
    files = options.files or sorted((ROOT / "catalogue" / "danger").glob("*.toml"))
    groups: list[tuple[str, list[str]]] = []
    unsafe = set()
    for path in files:
        for modules, names, harmful in rows(path):
            unsafe.update(modules if harmful else [])
            for name in names:
                keys = [f"{module}:{name}" for module in modules] if modules else [name]
                groups.append((path.name, keys))
    query = json.dumps({"names": sorted({k for _, keys in groups for k in keys}),
                        "unsafe": sorted(unsafe)})  # fmt: skip
    found: set[str] = set()
    tops: set[str] = set()
    versions: set[str] = set()
    for program in [*interpreters(), *options.python]:
        done = subprocess.run(
            [program, "-B", "-c", WORKER], input=query, capture_output=True, text=True,
            timeout=300, check=False, cwd="/",
        )  # fmt: skip
        if done.returncode != 0 or not done.stdout:
            continue
        answer = json.loads(done.stdout)
        found.update(answer["found"])
        tops.update(answer["tops"])
        versions.add(answer["version"])
    missing, unseen = [], 0
    for origin, keys in groups:
        if any(key in found for key in keys):
            continue
        places = {key.split(":")[0] for key in keys}
        heads = {place.split(".")[0] for place in places}
        known = {*keys} & ELSEWHERE or places <= ELSEWHERE or heads <= ELSEWHERE
        if known or not heads & tops:
            unseen += 1
            continue
        missing.append(f"{origin}: {', '.join(keys)}")
    print(f"{len(groups)} names, {unseen} of packages that are not here, {len(missing)} missing")
    print("looked in CPython", ", ".join(sorted(versions)))
    for line in sorted(missing):
        print(line)
    # Libraries change, so that names of older versions are only listed.
    missing = [line for line in missing if not line.startswith("third_party")]
    if ALL_VERSIONS - versions:
        print("not judged: some versions of CPython are not here")
        return 0
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
