"""Loads pickles with the real unpickler and tells what they did beyond building objects.

    python child.py FILE... < the first file is honest and only warms up

Prints one JSON line for each file: the audit events that are no part of importing a module, changes
of builtins and of the named classes. A crash ends the process; the parent looks for the culprit.
"""

from __future__ import annotations

import builtins
import copyreg
import io
import json
import os
import pickle
import resource
import sys
import warnings
from pathlib import Path
from typing import Any

# What the interpreter tells about its own work: looking at attributes and frames changes nothing.
QUIET = {
    "import", "pickle.find_class", "object.__getattr__", "object.__setattr__", "sys._getframe",
    "sys._getframemodulename", "builtins.id", "gc.get_objects", "gc.get_referrers",
    "sys.unraisablehook", "cpython.run_command", "array.__new__", "object.__delattr__",
    "type.__setattr__", "sys.excepthook",
}  # fmt: skip
events: list[str] = []
armed = False


def importing() -> bool:
    """Whether a module is being imported just now."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Note an event of the load."""
    if armed and event not in QUIET and not importing():
        events.append(f"{event} {arguments!r}"[:200])


def state() -> dict[str, int]:
    """What no load may change."""
    out: dict[str, int] = {}
    for module in (builtins, os, copyreg, pickle):
        out |= {f"{module.__name__}.{k}": id(v) for k, v in vars(module).items() if k != "_"}
    for cls in (dict, list, object, type):
        out |= {f"{cls.__name__}.{k}": id(v) for k, v in vars(cls).items()}
    for name in ("numpy", "torch", "pandas", "sklearn.base", "torch.nn.modules.module"):
        if name in sys.modules:
            found = vars(sys.modules[name])
            out |= {f"{name}.{k}": id(v) for k, v in found.items() if isinstance(v, type)}
    return out


def load(data: bytes) -> str:
    """Unpickle; give the error's name."""
    try:
        pickle.Unpickler(io.BytesIO(data)).load()
    except BaseException as error:  # a file may be broken; what counts is what it did
        return type(error).__name__
    return ""


def main() -> None:
    """Warm up with the first file, watch the others."""
    global armed
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
    streams = [Path(name).read_bytes() for name in sys.argv[1:]]
    load(streams[0])
    sys.addaudithook(hook)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    lines = []
    for name, data in zip(sys.argv[2:], streams[1:], strict=True):
        before = state()
        events.clear()
        armed = True
        error = load(data)
        armed = False
        after = state()
        changed = [key for key, value in before.items() if after.get(key) != value]
        lines.append({"file": name, "events": events[:], "changed": changed, "error": error})
    print(json.dumps(lines))


if __name__ == "__main__":
    main()
