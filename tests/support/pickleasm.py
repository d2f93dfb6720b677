"""A tiny assembler and disassembler of pickles, for tests.

Pickles that attack are written by hand, and ``pickletools`` refuses to read many of them. Here a
program is a list of instructions; names are those of ``pickletools``::

    assemble("PROTO 4", "GLOBAL os system", "MARK", "UNICODE true", "TUPLE", "REDUCE", "STOP")

An argument is written as plain text where it has no blanks and else as a Python literal::

    "BININT1 5"   "BINUNICODE 'two words'"   "SHORT_BINBYTES b'\\xff'"   "GLOBAL 'a b' 'c'"

Counted opcodes take the payload and write its length. ``raw(b"...")`` stands for any bytes. The
disassembler never fails: what it cannot read becomes ``raw``, and assembling gives the bytes back.
"""

from __future__ import annotations

import ast
import pickletools
import shlex
import struct
from collections.abc import Iterable

_BY_NAME = {info.name: info for info in pickletools.opcodes}
_BY_CODE = {ord(info.code): info for info in pickletools.opcodes}

# Fixed-size arguments: name of pickletools' reader -> struct format.
_FIXED = {
    "uint1": "<B",
    "uint2": "<H",
    "int4": "<i",
    "uint4": "<I",
    "uint8": "<Q",
    "float8": ">d",
}
# Counted ones: -> format of the length.
_COUNTED = {
    "string1": "<B",
    "string4": "<i",
    "bytes1": "<B",
    "bytes4": "<I",
    "bytes8": "<Q",
    "bytearray8": "<Q",
    "unicodestring1": "<B",
    "unicodestring4": "<I",
    "unicodestring8": "<Q",
    "long1": "<B",
    "long4": "<i",
}


def raw(data: bytes) -> str:
    """Bytes that are no instruction, as an instruction."""
    return "raw " + repr(data)


def _literal(word: str) -> object:
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word


def _split(text: str) -> tuple[str, list[str]]:
    name, _, rest = text.strip().partition(" ")
    if not rest:
        return name, []
    if name in ("GLOBAL", "INST"):
        return name, shlex.split(rest, posix=False)
    return name, [rest]


def _payload(value: object) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, int):
        size = (value.bit_length() >> 3) + 1 if value else 0
        return value.to_bytes(size, "little", signed=True)
    return str(value).encode("utf-8", "surrogatepass")


def _line(value: object) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return str(value).encode("utf-8", "surrogatepass")


def code(name: str, *arguments: object) -> bytes:
    """One instruction from Python values."""
    info = _BY_NAME[name]
    head = info.code.encode("latin-1")
    if info.arg is None:
        return head
    reader = info.arg.name
    if reader in _FIXED:
        return head + struct.pack(_FIXED[reader], arguments[0])
    if reader in _COUNTED:
        payload = _payload(arguments[0])
        return head + struct.pack(_COUNTED[reader], len(payload)) + payload
    if reader == "stringnl_noescape_pair":
        return head + _line(arguments[0]) + b"\n" + _line(arguments[1]) + b"\n"
    return head + _line(arguments[0]) + b"\n"


def assemble(*instructions: str | bytes) -> bytes:
    """A program as bytes. Bytes among the instructions are taken as they are."""
    out = bytearray()
    for instruction in instructions:
        if isinstance(instruction, bytes):
            out += instruction
            continue
        name, words = _split(instruction)
        values = [_literal(word) for word in words]
        if name == "raw":
            assert isinstance(values[0], bytes)
            out += values[0]
        elif name in ("STRING", "INT", "LONG", "FLOAT", "GET", "PUT", "PERSID", "UNICODE") and (
            not isinstance(values[0], bytes)
        ):
            out += code(name, words[0] if name != "UNICODE" else values[0])
        else:
            out += code(name, *values)
    return bytes(out)


def _argument_end(data: bytes, start: int, reader: str) -> int | None:
    """Where the argument at `start` ends; None when the data end first or the length lies."""
    if reader in _FIXED:
        end = start + struct.calcsize(_FIXED[reader])
    elif reader in _COUNTED:
        head = struct.calcsize(_COUNTED[reader])
        if start + head > len(data):
            return None
        (count,) = struct.unpack_from(_COUNTED[reader], data, start)
        if count < 0:
            return None
        end = start + head + count
    else:
        end = start
        for _ in range(2 if reader == "stringnl_noescape_pair" else 1):
            end = data.find(b"\n", end) + 1
            if end == 0:
                return None
    return end if end <= len(data) else None


def split(data: bytes) -> list[bytes]:
    """The stream cut into instructions; bytes that are none are pieces of one byte."""
    pieces = []
    position = 0
    while position < len(data):
        info = _BY_CODE.get(data[position])
        end: int | None = position + 1
        if info is not None and info.arg is not None:
            end = _argument_end(data, position + 1, info.arg.name)
        if end is None:
            end = len(data)
        pieces.append(data[position:end])
        position = end
    return pieces


def _show(piece: bytes) -> str:
    info = _BY_CODE.get(piece[0])
    if info is None:
        return raw(piece)
    if info.arg is None:
        return info.name
    reader = info.arg.name
    body = piece[1:]
    if _argument_end(piece, 1, reader) != len(piece):
        return raw(piece)
    if reader in _FIXED:
        (value,) = struct.unpack(_FIXED[reader], body)
        text = f"{info.name} {value!r}"
    elif reader in _COUNTED:
        payload = body[struct.calcsize(_COUNTED[reader]) :]
        text = f"{info.name} {payload!r}"
    elif reader == "stringnl_noescape_pair":
        module, name = body[:-1].split(b"\n")
        text = f"{info.name} {module!r} {name!r}"
        if b" " in body or b"'" in body or b'"' in body:
            return raw(piece)
    else:
        text = f"{info.name} {body[:-1]!r}"
    try:
        return text if assemble(text) == piece else raw(piece)
    except (ValueError, SyntaxError, struct.error, OverflowError):
        return raw(piece)


def disassemble(data: bytes) -> list[str]:
    """The instructions, so that ``assemble(*disassemble(data)) == data``."""
    return [_show(piece) for piece in split(data)]


def listing(data: bytes) -> str:
    """Instructions with their offsets, one a line."""
    lines = []
    position = 0
    for piece in split(data):
        lines.append(f"{position:5}: {_show(piece)}")
        position += len(piece)
    return "\n".join(lines)


def join(programs: Iterable[bytes]) -> bytes:
    return b"".join(programs)
