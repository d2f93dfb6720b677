"""torch's weights_only unpickler and ours: accepted or refused, and at which opcode.

The real one runs on streams of the opcodes and names that it knows and some that it does not. Where
a function that it admits fails by itself (an argument that the function does not take), nothing is
compared: our World knows no functions here.
"""

from __future__ import annotations

import io
import os
import random
import sys
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

from pickleasm import assemble, listing  # noqa: E402

import worker  # noqa: E402

BUILD = Path(os.environ.get("BRINE_BUILD", ROOT / "build"))
DRIVER = BUILD / "tests" / "brine-differential"
STREAMS = 20_000
RESTRICTED = 64

WORDS = [
    *(assemble(name) for name in ("NONE", "NEWTRUE", "NEWFALSE", "EMPTY_TUPLE", "EMPTY_LIST")),
    *(assemble(name) for name in ("EMPTY_DICT", "EMPTY_SET", "MARK", "MARK", "TUPLE", "TUPLE1")),
    *(assemble(name) for name in ("TUPLE2", "TUPLE3", "APPEND", "APPENDS", "SETITEM", "SETITEMS")),
    *(assemble(name) for name in ("BINPUT 1", "BINGET 1", "LONG_BINPUT 2", "LONG_BINGET 2")),
    *(assemble(name) for name in ("BININT1 7", "BININT2 700", "BININT -5", "BINUNICODE key")),
    *(assemble(name) for name in ("BINFLOAT 1.5", "LONG1 99", "SHORT_BINSTRING b'a'", "PROTO 2")),
    *(assemble(name) for name in ("BINPERSID", "GLOBAL collections OrderedDict", "REDUCE")),
]
RARE = [
    *(assemble(name) for name in ("BUILD", "NEWOBJ", "POP", "DUP", "LIST", "DICT", "STOP")),
    *(assemble(name) for name in ("GLOBAL os system", "GLOBAL torch Size", "MEMOIZE", "OBJ")),
    *(assemble(name) for name in ("GLOBAL a B", "INT 5", "FRAME 3", "PROTO 4", "NEWOBJ_EX")),
    b"\xff",
    b"",
]


class Counted(io.BytesIO):
    """Knows where the last single byte was read: an opcode."""

    opcode = 0

    def read(self, size: int | None = -1, /) -> bytes:
        if size == 1:
            self.opcode = self.tell()
        return super().read(size)


def streams() -> list[bytes]:
    source = random.Random(3)
    made = []
    for _ in range(STREAMS):
        words = [source.choice(RARE if source.random() < 0.03 else WORDS) for _ in range(14)]
        made.append(assemble("PROTO 2") + b"".join(words) + assemble("NONE", "STOP"))
    return made


def real(data: bytes, unpickler: Any, refusal: type[Exception]) -> tuple[bool, str]:
    """Whether the comparison holds good, and how it ended."""
    file = Counted(data)
    loader = unpickler(file, encoding="utf-8")
    loader.persistent_load = lambda pid: object()
    try:
        loader.load()
    except refusal:
        return True, "refused"
    except Exception:
        # PROTO, GLOBAL and stack errors are the unpickler's; what a function raises is its own.
        return data[file.opcode : file.opcode + 1] not in (b"R", b"b", b"\x81"), "broken"
    return True, "stop"


def test_the_restricted_unpickler_accepts_and_refuses_the_same() -> None:
    import torch._weights_only_unpickler as restricted

    warnings.simplefilter("ignore")
    driver = worker.Driver(str(DRIVER))
    compared = {"stop": 0, "refused": 0, "broken": 0}
    failures = []
    for data in streams():
        valid, end = real(data, restricted.Unpickler, restricted.UnpicklingError)
        if not valid:
            continue
        ours = driver.trace(RESTRICTED, data).decode("utf-8", "replace").split("\n")[-1]
        compared[end] += 1
        accepted = ours.startswith("stop")
        if accepted != (end == "stop"):
            failures.append(f"torch: {end}, ours: {ours}\n{listing(data)}")
    driver.close()
    print(compared)
    assert min(compared.values()) > 100, compared
    assert not failures, f"{len(failures)} of {sum(compared.values())}:\n" + failures[0]
