"""Changes honest pickles a little, so that most still load: arguments, references, order, values.

A stream is cut into its opcodes; one to three of them are replaced, repeated, dropped or exchanged.
What Brine still calls clean is then loaded for real (child.py).
"""

from __future__ import annotations

import pickletools
import random
import struct
from dataclasses import dataclass

INTEGERS = (0, 1, 2, 3, 8, 63, 127, -1, 255, 2**16, 2**31 - 1, -(2**31))
TEXTS = (
    "", "x", "os", "__class__", "__dict__", "__setstate__", "a" * 3000, "\0", "i8", "O8", "<", "V4",
    "append", "extend", "_parameters", "data", "handle", "path", "../x", "name", "state", "latin1",
)  # fmt: skip
REFERENCES = (
    ("builtins", "list"), ("builtins", "dict"), ("builtins", "int"), ("builtins", "bytearray"),
    ("collections", "OrderedDict"), ("collections", "defaultdict"), ("numpy", "ndarray"),
    ("numpy", "dtype"), ("numpy", "float64"), ("datetime", "datetime"), ("torch", "Size"),
    ("sklearn.preprocessing._data", "StandardScaler"), ("pandas", "DataFrame"),
    ("torch.nn.modules.linear", "Linear"), ("decimal", "Decimal"), ("builtins", "slice"),
)  # fmt: skip


@dataclass(frozen=True)
class Piece:
    """One opcode with its argument, as bytes."""

    name: str
    data: bytes


def pieces(stream: bytes) -> list[Piece]:
    """The opcodes of a stream; frames are left out, since lengths change."""
    found = list(pickletools.genops(stream))
    ends = [position for _, _, position in found[1:]] + [len(stream)]
    out: list[Piece] = []
    for (opcode, _, start), end in zip(found, ends, strict=True):
        if opcode.name != "FRAME" and start is not None and end is not None:
            out.append(Piece(opcode.name, stream[start:end]))
    return out


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def value(chance: random.Random) -> bytes:
    """A small value of any kind."""
    return chance.choice(
        (
            b"N", b"\x88", b"\x89", b")", b"]", b"}",
            b"J" + struct.pack("<i", chance.choice(INTEGERS)),
            b"G" + struct.pack(">d", chance.choice((0.0, -1.5, float("nan"), float("inf")))),
            text(chance.choice(TEXTS)), b"B\4\0\0\0abcd", b"B\0\0\0\0",
            b"\x8a\x09" + struct.pack("<q", 2**62) + b"\1",
            text("x") + b"K\1\x86", b"K\1\x85", b"\x8f",
        )
    )  # fmt: skip


def reference(chance: random.Random) -> bytes:
    """A class or function that is known to be harmless."""
    module, name = chance.choice(REFERENCES)
    return text(module) + text(name) + b"\x93"


SCALARS = {
    "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT",
    "BINUNICODE", "SHORT_BINUNICODE", "SHORT_BINBYTES", "BINBYTES",
    "EMPTY_LIST", "EMPTY_DICT", "EMPTY_TUPLE", "BINGET",
}  # fmt: skip


def changed(parts: list[Piece], chance: random.Random) -> bytes:
    """The stream with one to three changes behind its header."""
    out = [part.data for part in parts]
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(1, max(2, len(out) - 1))
        part = parts[at] if at < len(parts) else parts[-1]
        how = chance.random()
        if part.name == "BINGET" and how < 0.5:
            out[at] = b"h" + bytes([chance.randrange(max(1, min(len(parts), 60)))])
        elif part.name == "GLOBAL" and how < 0.6:
            out[at] = reference(chance)
        elif part.name in SCALARS:
            out[at] = reference(chance) if how < 0.15 else value(chance)
        elif part.name in ("TUPLE1", "TUPLE2", "TUPLE3") and how < 0.5:
            out[at] = chance.choice((b"\x85", b"\x86", b"\x87"))
        elif part.name in ("REDUCE", "NEWOBJ") and how < 0.3:
            out[at] = chance.choice((b"R", b"\x81"))
        elif part.name == "BUILD" and how < 0.5:
            out[at] = b"b" + value(chance) + b"b"
        elif part.name in ("SETITEMS", "APPENDS") and how < 0.3:
            out[at] = chance.choice((b"u", b"e"))
    return b"".join(out)
