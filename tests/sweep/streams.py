"""The ways in which a pickle calls a name with something that would do harm."""

from __future__ import annotations

import struct
from collections.abc import Callable

TEXT = "echo brine"


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def octets(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def name(module: str, qualified: str) -> bytes:
    return text(module) + text(qualified) + b"\x93"


# types.CodeType(...) as an argument, so that the stream carries code.
CODE = (
    name("types", "CodeType") + b"(K\0K\0K\0K\0K\1K\x43" + octets(b"d\0S\0") + b"N\x85))"
    + text("x") + text("f") + text("f") + b"K\1" + octets(b"") + octets(b"") + b"))tR"
)  # fmt: skip
ARGUMENTS = {
    "text": text(TEXT),
    "bytes": octets(TEXT.encode()),
    "tuple": text(TEXT) + text("x") + b"\x86",
    "number": b"K\7",
    "code": CODE,
}
STATE = b"}(" + text("command") + text(TEXT) + text("callback") + name("os", "system") + b"u"

Kind = Callable[[bytes], bytes]
KINDS: dict[str, Kind] = {
    **{
        f"REDUCE {label}": (lambda ref, value=value: b"\x80\x04" + ref + value + b"\x85R.")
        for label, value in ARGUMENTS.items()
    },
    "NEWOBJ text": lambda ref: b"\x80\x04" + ref + text(TEXT) + b"\x85\x81.",
    "OBJ text": lambda ref: b"\x80\x04(" + ref + text(TEXT) + b"o.",
    "REDUCE two": lambda ref: b"\x80\x04" + ref + text(TEXT) + text(TEXT) + b"\x86R.",
    "BUILD dict": lambda ref: b"\x80\x04" + ref + b")\x81" + STATE + b"b.",
    "BUILD tuple": lambda ref: b"\x80\x04" + ref + b")\x81" + STATE + STATE + b"\x86b.",
}


def inst(module: str, qualified: str) -> bytes:
    """INST names its callable in lines, so not every name can be written."""
    return b"(" + text(TEXT) + f"i{module}\n{qualified}\n.".encode()


def streams(module: str, qualified: str) -> dict[str, bytes]:
    """One stream for each kind."""
    ref = name(module, qualified)
    return {
        **{kind: make(ref) for kind, make in KINDS.items()},
        "INST text": inst(module, qualified),
    }
