"""Loads pickles with the real unpickler and tells what they did beyond building objects.

    python child.py FILE...       the first file is honest and only warms up
    python child.py --served      frames arrive on standard input, a line answers each

Prints for each file, as JSON: the audit events that are no part of importing a module, changes of
builtins and of the named classes. A crash ends the process; the parent looks for the culprit.

A frame is a letter, the length of its data (32 bits, little-endian) and the data: `N` a name that
is imported (what its import does is told too) and whose classes are watched from then on, `P` a
pickle, `T` a file for torch.load, `S` asks what changed since the last `N`.
"""

from __future__ import annotations

import builtins
import copyreg
import importlib
import io
import json
import os
import pickle
import resource
import sys
import tempfile
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
# What an import is asked about: it starts, sends, writes or deletes something.
HARMS = {
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork",
    "os.forkpty", "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.link",
    "os.symlink", "os.kill",
    "os.truncate", "os.putenv", "os.unsetenv", "os.chdir", "shutil.rmtree", "shutil.copyfile",
    "socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "urllib.Request",
    "webbrowser.open", "http.client.connect", "ftplib.connect", "smtplib.connect", "pty.spawn",
}  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Entries of a class's dictionary that Python makes anew when it is asked for them.
UNWATCHED = {"__dict__", "__doc__", "__abstractmethods__", "_abc_impl", "__annotations_cache__"}
events: list[str] = []
imported: list[str] = []
armed = False
asking = False


def importing() -> bool:
    """Whether a module is being imported just now."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Note an event of the load, or what an import does."""
    if asking and (event in HARMS or (event == "open" and int(arguments[2] or 0) & WRITING)):
        imported.append(f"{event} {arguments!r}"[:160])
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


def load(data: bytes, torch_file: bool = False) -> str:
    """Unpickle; give the error's name."""
    try:
        if torch_file:
            sys.modules["torch"].load(io.BytesIO(data), weights_only=False)
        else:
            pickle.Unpickler(io.BytesIO(data)).load()
    except BaseException as error:  # a file may be broken; what counts is what it did
        return type(error).__name__
    return ""


def watched(data: bytes, torch_file: bool = False) -> dict[str, Any]:
    """One load, and what it did."""
    global armed
    events.clear()
    armed = True
    error = load(data, torch_file)
    armed = False
    return {"events": events[:], "error": error}


def find(key: str) -> Any:
    """The object of a name `module:qualified`."""
    module, name = key.split(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found


def everything(found: Any) -> dict[str, int]:
    """The state, the modules that are there, and the dictionaries of the classes of a name."""
    out = state()
    out |= {f"sys.modules {key}": id(value) for key, value in sys.modules.items()}
    for cls in found.__mro__ if isinstance(found, type) else ():
        out |= {f"{cls.__name__}.{k}": id(v) for k, v in vars(cls).items()
                if k not in UNWATCHED}  # fmt: skip
    return out


def served() -> None:
    """Answer frames until there are no more."""
    global asking
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    tempfile.tempdir = tempfile.gettempdir()  # found by writing, which ends here
    sys.addaudithook(hook)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    found: Any = None
    before: dict[str, int] = {}
    while head := sys.stdin.buffer.read(5):
        data = sys.stdin.buffer.read(int.from_bytes(head[1:], "little"))
        answer: dict[str, Any] = {}
        if head[:1] == b"N":
            imported.clear()
            asking = True
            try:
                found = find(data.decode())
                importlib.import_module("torch" if data.startswith(b"torch") else "pickle")
            except BaseException as error:  # of another version, or wants what is not installed
                found = None
                answer["missing"] = f"{type(error).__name__}: {error}"[:120]
            asking = False
            answer["import"] = imported[:]
            before = everything(found)
        elif head[:1] == b"S":
            after = everything(found)
            answer["changed"] = [key for key, value in before.items() if after.get(key) != value]
        else:
            answer = watched(data, head[:1] == b"T")
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Warm up with the first file, watch the others."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    if sys.argv[1:] == ["--served"]:
        served()
        return
    resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
    streams = [Path(name).read_bytes() for name in sys.argv[1:]]
    load(streams[0])
    sys.addaudithook(hook)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    lines = []
    for name, data in zip(sys.argv[2:], streams[1:], strict=True):
        before = state()
        seen = watched(data)
        after = state()
        changed = [key for key, value in before.items() if after.get(key) != value]
        lines.append({"file": name, "changed": changed, **seen})
    print(json.dumps(lines))


if __name__ == "__main__":
    main()
