"""Hold the reviewed facts against the installed libraries.

    python3 tools/catalogue/check.py [--facts catalogue]

Imports each module that a reviewed fact names, where it is installed, and checks what can be
checked without running anything of a model: the name exists, a class is a class and a function is
none, a constant has its type, and what a class says of `new`, `hash` and stores agrees with what
it defines. Also validates every file against catalogue/schema.json where jsonschema is installed.
Prints one line for each disagreement.
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import tomllib
import warnings
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

MISSING = object()


def import_quietly(name: str) -> Any:
    """Give the module, or MISSING when it is not installed here."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError:
        return MISSING


def find(module: str, name: str) -> Any:
    """Give what a name refers to, or MISSING."""
    root = import_quietly(module)
    if root is MISSING:
        return MISSING
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return reduce(lambda obj, part: getattr(obj, part, MISSING), name.split("."), root)


def check_class(label: str, row: dict[str, Any], found: Any) -> Iterator[str]:
    """A class fact: what runs is what the row speaks of."""
    if not isinstance(found, type):
        yield f"{label}: is no class"
        return
    own = {key for base in found.__mro__[:-1] for key in vars(base)}
    takes = "__new__" in own or "__init__" in own  # else object.__new__ takes nothing more
    if not takes and row.get("new", "()") != "()" and "does" not in row:
        yield f"{label}: `new` takes arguments, but object.__new__ does not"
    unhashable = found.__hash__ is None
    claims = row.get("hash", "unknown")
    if claims == "none" and not unhashable:
        yield f"{label}: can be hashed"
    if claims == "inert" and unhashable and "base" not in row:
        yield f"{label}: cannot be hashed"
    for key, method in (("append", "append"), ("extend", "extend"), ("add", "add")):
        if key in row and not hasattr(found, method):
            yield f"{label}: has no {method}"


def newer_python(row: dict[str, Any]) -> bool:
    """Whether a proven row speaks of a standard library that is newer than the one that runs."""
    proven = re.match(r"proven: cpython (\d+)\.(\d+)", row["why"])
    return proven is not None and (int(proven[1]), int(proven[2])) > sys.version_info[:2]


def check_row(kind: str, row: dict[str, Any]) -> Iterator[str]:
    """One row of a file, spread over its names."""
    if kind == "module":
        return
    modules = row.get("modules", [row.get("module")])
    for name in row["names"]:
        objects = [(module, find(module, name)) for module in modules]
        known = [(module, found) for module, found in objects if found is not MISSING]
        installed = any(import_quietly(module) is not MISSING for module in modules)
        if "older" not in row and not known and installed and not newer_python(row):
            yield f"{modules[0]}.{name}: does not exist"
        for module, found in known:
            label = f"{module}.{name}"
            if kind == "class":
                yield from check_class(label, row, found)
            if kind == "callable" and isinstance(found, type):
                yield f"{label}: is a class"
            if kind == "callable" and not callable(found):
                yield f"{label}: cannot be called"
            if kind == "constant" and "type" in row:
                module_name, _, type_name = row["type"].rpartition(".")
                wanted = find(module_name, type_name)
                if wanted is not MISSING and not isinstance(found, wanted):
                    yield f"{label}: is a {type(found).__name__}"


def check_schema(folder: Path, path: Path, data: dict[str, Any]) -> Iterator[str]:
    """The file against the schema, when there is a validator."""
    jsonschema = import_quietly("jsonschema")
    if jsonschema is MISSING:
        return
    schema = json.loads((folder / "schema.json").read_text("utf-8"))
    for error in jsonschema.Draft202012Validator(schema).iter_errors(data):
        yield f"{path.name}: {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"


def main() -> int:
    """Check all files; the exit status says whether all agree."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--facts", type=Path, default=Path("catalogue"))
    folder: Path = parser.parse_args().facts
    problems: list[str] = []
    rows = 0
    for path in sorted(folder.glob("*/**/*.toml")):
        with path.open("rb") as file:
            data = tomllib.load(file)
        problems += check_schema(folder, path, data)
        for kind in ("module", "callable", "class", "constant"):
            for row in data.get(kind, []):
                rows += len(row["names"])
                problems += check_row(kind, row)
    for problem in problems:
        print(problem)
    print(f"{rows} names checked, {len(problems)} disagreements", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
