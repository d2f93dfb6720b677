"""Pickle streams out of trees of values: plain ones, names, and objects that the stream makes.

A test states an honest value and its nearest abuse side by side, without the library that it
speaks of. What is referred to twice is made once, as picklers do, so that a state may hold the
object that it is given to.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Name:
    """A name that the stream imports: module and qualified name."""

    module: str
    name: str


@dataclass(eq=False)
class New:
    """cls.__new__(cls, *args, **keywords), its state, the items put into it, the pairs stored."""

    cls: Name
    args: tuple[Any, ...] = ()
    state: Any = None
    keywords: dict[str, Any] | None = None
    items: list[Any] = field(default_factory=list)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)


@dataclass(eq=False)
class Call:
    """callable(*args), then the same."""

    callable: Any
    args: tuple[Any, ...] = ()
    state: Any = None
    items: list[Any] = field(default_factory=list)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)


@dataclass(eq=False)
class Later:
    """An object that gets one more state where it stands; what is made before that comes first."""

    value: New | Call
    state: Any
    before: tuple[Any, ...] = ()


@dataclass(eq=False)
class Opcodes:
    """A value by the opcodes that leave it on the stack."""

    octets: bytes


class Writer:
    """Writes one stream at protocol 4."""

    def __init__(self) -> None:
        """Nothing is memoized yet."""
        self.memo: dict[int, int] = {}

    def stream(self, value: Any) -> bytes:
        """The whole stream."""
        return b"\x80\x04" + self.value(value) + b"."

    def value(self, value: Any) -> bytes:
        """What leaves the value on the stack."""
        if id(value) in self.memo:
            return b"j" + struct.pack("<I", self.memo[id(value)])
        if isinstance(value, Name):
            return text(value.module) + text(value.name) + b"\x93"
        if isinstance(value, New):
            start = self.value(value.cls) + self.tuple(value.args)
            if value.keywords is None:
                return self.made(start + b"\x81", value)
            return self.made(start + self.value(value.keywords) + b"\x92", value)
        if isinstance(value, Call):
            return self.made(self.value(value.callable) + self.tuple(value.args) + b"R", value)
        if isinstance(value, Opcodes):
            return value.octets
        if isinstance(value, Later):
            first = b"".join(self.value(one) + b"0" for one in value.before)
            return first + self.value(value.value) + self.value(value.state) + b"b"
        if isinstance(value, tuple):
            return self.tuple(value)
        if isinstance(value, list):
            return b"](" + b"".join(map(self.value, value)) + b"e"
        if isinstance(value, set):
            return b"\x8f(" + b"".join(map(self.value, value)) + b"\x90"
        if isinstance(value, frozenset):
            return b"(" + b"".join(map(self.value, value)) + b"\x91"
        if isinstance(value, dict):
            return b"}(" + b"".join(self.value(x) for pair in value.items() for x in pair) + b"u"
        return constant(value)

    def tuple(self, items: tuple[Any, ...]) -> bytes:
        """A tuple of any length."""
        return b"(" + b"".join(map(self.value, items)) + b"t"

    def made(self, start: bytes, value: New | Call) -> bytes:
        """An object, noted before what follows may refer to it."""
        self.memo[id(value)] = len(self.memo)
        out = start + b"r" + struct.pack("<I", self.memo[id(value)])
        if value.items:
            out += b"(" + b"".join(map(self.value, value.items)) + b"e"
        if value.pairs:
            out += b"(" + b"".join(self.value(x) for pair in value.pairs for x in pair) + b"u"
        if value.state is not None:
            out += self.value(value.state) + b"b"
        return out


def text(value: str) -> bytes:
    """A str."""
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def constant(value: Any) -> bytes:
    """A constant."""
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        raw = value.to_bytes(8, "little", signed=True)
        return b"\x8a\x08" + raw
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bytes):
        return b"B" + struct.pack("<I", len(value)) + value
    raise TypeError(f"no constant: {value!r}")


def stream(value: Any) -> bytes:
    """The pickle of a tree."""
    return Writer().stream(value)


def element(letters: Any = "f8", order: Any = "<", flags: int = 0) -> Call:
    """A numpy.dtype as pickles have it."""
    size = int(letters[1:]) if order == "|" and letters[0] in "SV" else -1
    state = (3, order, None, None, None, size, 1 if size >= 0 else -1, flags)
    return Call(Name("numpy", "dtype"), (letters, False, True), state)


def array(shape: tuple[int, ...], raw: Any, dtype: Call | None = None) -> Call:
    """A numpy.ndarray: numbers from bytes, objects from a list."""
    reconstruct = Name("numpy._core.multiarray", "_reconstruct")
    ndarray = Name("numpy", "ndarray")
    state = (1, shape, dtype or element(), False, raw)
    return Call(reconstruct, (ndarray, (0,), b"b"), state)


def record(letters: Any, fields: dict[Any, Any], size: int, names: Any = None) -> Call:
    """A numpy.dtype with fields."""
    order = b"|" if isinstance(letters, bytes) else "|"
    state = (3, order, None, names or tuple(fields), fields, size, 1, 16)
    return Call(Name("numpy", "dtype"), (letters, False, True), state)


def numbers(count: int = 2) -> Call:
    """An array of float64."""
    return array((count,), bytes(8 * count))


def objects(*items: Any) -> Call:
    """An array of objects."""
    return array((len(items),), list(items), element("O8", "|", 63))


NEW_INDEX = Name("pandas.core.indexes.base", "_new_Index")


def index(kind: str, **parts: Any) -> Call:
    """An index of pandas, made of these parts."""
    return Call(NEW_INDEX, (Name("pandas", kind), parts))


def whole(*values: int, letters: str = "i8") -> Call:
    """An array of these numbers."""
    form = {"i1": "b", "i2": "h", "i4": "i", "i8": "q", "f8": "d"}[letters]
    return array((len(values),), struct.pack(f"<{len(values)}{form}", *values), element(letters))


def wrapped(kind: Call, count: int, behind: bytes) -> bytes:
    """A file of joblib's: an array of so many elements, whose bytes or pickle stand behind it."""
    attributes = {
        "subclass": Name("numpy", "ndarray"),
        "shape": (count,),
        "order": "C",
        "dtype": kind,
        "allow_mmap": False,
    }
    wrapper = New(Name("joblib.numpy_pickle", "NumpyArrayWrapper"), (), attributes)
    return stream(wrapper)[:-1] + behind + b"."
