"""What unpickling an instance of a class runs, asked of the class itself.

    python child.py < lines of JSON with "module", "name"

Answers a line of JSON each. Imports the library, so it runs confined: nothing can be written, and
an audit hook refuses to start, connect and delete. Nothing here shares code with the prover, which
reads source and imports nothing.
"""

from __future__ import annotations

import abc
import importlib
import inspect
import json
import os
import resource
import sys
import tempfile
import warnings
from types import FunctionType
from typing import Any

# What the unpickler may run of a class, and what an instance's death runs.
RUN = (
    "__new__",
    "__setstate__",
    "__setattr__",
    "__getattr__",
    "__getattribute__",
    "__del__",
    "__hash__",
    "__eq__",
    "__init__",
    "append",
    "extend",
    "__setitem__",
    "add",
    "__call__",
)
REFUSED = (
    "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect",
           "os.remove", "os.rename", "os.rmdir", "shutil.rmtree", "urllib.Request",
)  # fmt: skip


def guard(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse what no import of a library may do here."""
    if event in REFUSED:
        raise PermissionError(event)


def source_of(function: Any) -> str:
    """File and line of a function's first line."""
    code = inspect.unwrap(function).__code__
    return f"{os.path.realpath(code.co_filename)}:{code.co_firstlineno}"


def definition(cls: type, name: str) -> dict[str, str] | None:
    """Who in the search order defines a name, and how."""
    for base in cls.__mro__:
        if name not in vars(base):
            continue
        found = vars(base)[name]
        plain = found.__func__ if isinstance(found, (staticmethod, classmethod)) else found
        kind = "source" if isinstance(plain, FunctionType) else type(plain).__name__
        out = {"by": f"{base.__module__}.{base.__qualname__}", "kind": kind}
        if found is None:
            out["kind"] = "none"
        elif kind == "source":
            out["at"] = source_of(plain)
        return out
    return None


def described(cls: type) -> dict[str, Any]:
    """Everything of a class that the proof speaks of."""
    lines = inspect.getsourcelines(cls)
    file = inspect.getsourcefile(cls) or ""
    native = [base.__name__ for base in cls.__mro__
              if base.__module__ in ("builtins", "collections") and base is not object]  # fmt: skip
    return {
        "metaclass": f"{type(cls).__module__}.{type(cls).__qualname__}",
        # Special methods of a metaclass of its own.
        "metamethods": sorted(
            name
            for meta in inspect.getmro(type(cls))
            if meta not in (type, object, abc.ABCMeta)
            for name, found in vars(meta).items()
            if name.startswith("__") and callable(found)
        ),
        "metacall": "__call__" in vars(type(cls)) and type(cls) is not type,
        "file": os.path.realpath(file),
        "line": lines[1],
        "decorated": lines[0][0].lstrip().startswith("@"),
        "native": native,
        "slots": sorted(
            name
            for base in cls.__mro__
            if "__slots__" in vars(base)
            for name, found in vars(base).items()
            if inspect.ismemberdescriptor(found)
        ),
        "members": sorted(getattr(cls, "__members__", {})),
        **{name: definition(cls, name) for name in RUN},
    }


def main() -> None:
    """Answer until there are no more questions."""
    warnings.simplefilter("ignore")
    sys.dont_write_bytecode = True
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    tempfile.tempdir = tempfile.gettempdir()  # found by writing, which ends here
    sys.addaudithook(guard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            found: Any = importlib.import_module(asked["module"])
            for part in asked["name"].split("."):
                found = getattr(found, part)
            answer = described(found)
        except BaseException as error:  # not installed, of another version, or refused
            answer = {"missing": f"{type(error).__name__}: {error}"[:150]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
