"""Everything callable that installed libraries have, found by importing their modules in a child.

`python -m tests.sweep.names numpy torch ...` prints `module name` lines: functions, classes and the
methods of classes, public and private, under each name by which a pickle could reach them.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import pkgutil
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType

# Importing these starts something, wants a terminal or a screen, or never ends.
LEFT_OUT = {
    "antigravity", "this", "idlelib", "turtle", "turtledemo", "lib2to3", "test", "tkinter",
    "ensurepip", "venv", "pydoc_data",
}  # fmt: skip
PARTS_LEFT_OUT = {
    "__main__",
    "tests",
    "test",
    "conftest",
    "testing",
    "_testing",
    "setup",
    "scripts",
}
LIBRARIES = (
    "numpy", "scipy", "pandas", "sklearn", "joblib", "torch", "dill", "cloudpickle",
)  # fmt: skip


def modules_of(top: str) -> Iterator[ModuleType]:
    """The modules below a top-level one, as far as they can be imported."""
    open_names = [top]
    while open_names:
        name = open_names.pop()
        if set(name.split(".")) & PARTS_LEFT_OUT:
            continue
        try:
            module = importlib.import_module(name)
        except BaseException:  # whatever a library does when it cannot be imported here
            continue
        yield module
        for found in pkgutil.iter_modules(getattr(module, "__path__", [])):
            open_names.append(f"{name}.{found.name}")


def callables_of(module: ModuleType) -> Iterator[str]:
    """Names of callables of a module, and of its own classes' members."""
    for name, value in sorted(vars(module).items()):
        if not name.isidentifier() or not callable(value):
            continue
        yield name
        if isinstance(value, type) and value.__module__ == module.__name__:
            for member, inner in sorted(vars(value).items()):
                if callable(inner) or isinstance(inner, (classmethod, staticmethod)):
                    yield f"{name}.{member}"


def standard_library() -> list[str]:
    """The top-level modules of the standard library."""
    return sorted(sys.stdlib_module_names - LEFT_OUT)


def main() -> None:
    """Print what was found."""
    warnings.simplefilter("ignore")
    found: set[tuple[str, str]] = set()
    noise = io.StringIO()
    with contextlib.redirect_stdout(noise), contextlib.redirect_stderr(noise):
        for top in sys.argv[1:]:
            for module in modules_of(top):
                with contextlib.suppress(Exception):
                    found |= {(module.__name__, name) for name in callables_of(module)}
    for module_name, name in sorted(found):
        print(module_name, name)


if __name__ == "__main__":
    main()
