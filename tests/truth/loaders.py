"""A real loader over files, each in a process of its own: what it imports and does.

    loaders.py LOADER FILE...

Prints one JSON document a line: events in order, streams handed to an unpickler, how it ended.
Problem: an oracle must not do what an attack wants, and must see everything. Method: the unmodified
loader runs under an audit hook in a child without network (a namespace of its own where the kernel
allows one), with little time and no right to write files; what an event would do outside is refused
by the hook after it was written down. Payloads of fixtures are harmless all the same.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import resource
import sys
import warnings
from collections.abc import Callable
from typing import Any

# Audit events that are written down; those of REFUSED are then refused.
NOTED = (
    "pickle.find_class",
    "exec",
    "compile",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.remove",
    "os.rename",
    "os.mkdir",
    "subprocess.Popen",
    "socket.",
    "urllib.Request",
    "ctypes.dlopen",
    "shutil.",
    "webbrowser.open",
)
REFUSED = tuple(name for name in NOTED if name not in ("pickle.find_class", "exec", "compile"))

EVENTS: list[list[str]] = []
STREAMS: list[str] = []
_on = [False]


class Refused(BaseException):
    """Raised by the hook; no loader catches it."""


def imported() -> bool:
    """Whether the import system is at work: what it runs is the import's doing."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _on[0] or not event.startswith(NOTED):
        return
    if event in ("exec", "compile") and imported():
        return
    texts = [a.decode("utf-8", "replace") if isinstance(a, bytes) else a for a in arguments[:2]]
    EVENTS.append([event, *[str(text)[:500] for text in texts]])
    if event.startswith(REFUSED):
        raise Refused(event)


def confine() -> None:
    with contextlib.suppress(AttributeError, OSError):  # the hook refuses sockets all the same
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)  # type: ignore[attr-defined]
    resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def note_stream(file: Any) -> None:
    """Writes down what an unpickler is about to read."""
    try:
        at = file.tell()
        STREAMS.append(bytes(file.read()).hex())
        file.seek(at)
    except (OSError, ValueError, AttributeError, TypeError):
        pass


def watch_unpicklers(library: str | None) -> None:
    """The unpicklers say what they are given; nothing else of them changes."""
    real = pickle.Unpickler

    class Watched(real):  # type: ignore[misc,valid-type]
        def __init__(self, file: Any, **named: Any) -> None:
            note_stream(file)
            super().__init__(file, **named)

    pickle.Unpickler = Watched  # type: ignore[misc]
    kinds: list[Any] = [pickle._Unpickler]
    if library == "torch":
        import torch._weights_only_unpickler as restricted

        kinds.append(restricted.Unpickler)
    for kind in kinds:
        begin = kind.__init__

        def watched(self: Any, file: Any, *rest: Any, _begin: Any = begin, **named: Any) -> None:
            note_stream(file)
            _begin(self, file, *rest, **named)

        kind.__init__ = watched


def load_pickle(path: str) -> None:
    with open(path, "rb") as file:
        note_stream(file)
        pickle.load(file)


def load_pandas(path: str) -> None:
    import pandas

    pandas.read_pickle(path, compression=None)


def load_joblib(path: str) -> None:
    import joblib

    joblib.load(path)


def load_numpy(path: str) -> None:
    import numpy

    numpy.load(path, allow_pickle=True)


def load_torch(path: str) -> None:
    import torch

    torch.load(path, weights_only=False)


def load_torch_weights(path: str) -> None:
    import torch

    torch.load(path, weights_only=True)


def load_torch_jit(path: str) -> None:
    import torch

    torch.jit.load(path)


LOADERS: dict[str, Callable[[str], None]] = {
    "pickle.load": load_pickle,
    "pandas.read_pickle": load_pandas,
    "joblib.load": load_joblib,
    "numpy.load": load_numpy,
    "torch.load": load_torch,
    "torch.load(weights_only)": load_torch_weights,
    "torch.jit.load": load_torch_jit,
}


def child(loader: str, path: str, library: str | None, out: int) -> None:
    confine()
    watch_unpicklers(library)
    sys.addaudithook(hook)
    end = "stop"
    try:
        _on[0] = True
        LOADERS[loader](path)
    except Refused as refused:
        end = f"refused {refused}"
    except BaseException as error:
        end = f"{type(error).__name__}: {str(error)[:300]}"
    finally:
        _on[0] = False
    answer = {"path": path, "events": EVENTS, "streams": STREAMS, "end": end}
    with os.fdopen(out, "wb") as pipe:
        pipe.write(json.dumps(answer).encode() + b"\n")


def main() -> int:
    loader, *paths = sys.argv[1:]
    warnings.simplefilter("ignore")
    library = loader.partition(".")[0]
    if library != "pickle":
        __import__(library)
    if library == "torch":
        __import__("torch._weights_only_unpickler")
    result = os.dup(1)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    sys.stdout = io.StringIO()
    for path in paths:
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reader)
            try:
                child(loader, path, library, writer)
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            answer = pipe.read()
        os.waitpid(process, 0)
        lost = {"path": path, "events": [], "streams": [], "end": "the process died"}
        os.write(result, answer or json.dumps(lost).encode() + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
