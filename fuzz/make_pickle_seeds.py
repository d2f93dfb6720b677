#!/usr/bin/env python3
"""Writes fuzz/seeds/pickle: one small stream for each thing that an unpickler does.

    fuzz/make_pickle_seeds.py FOLDER

Every opcode occurs, and so do the ways in which streams reach further: names put together,
resolvers, state, stores into what was not built, lies about lengths. Payloads do nothing (`true`).
"""

from __future__ import annotations

import collections
import datetime
import decimal
import pickle
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from pickleasm import assemble  # noqa: E402

SYSTEM = ("GLOBAL posix system", "UNICODE true", "TUPLE1", "REDUCE")
THING = ("GLOBAL mod Thing", "EMPTY_TUPLE", "NEWOBJ")

PROGRAMS: dict[str, tuple[str | bytes, ...]] = {
    "reduce": (*SYSTEM, "STOP"),
    "broken-behind": (*SYSTEM, b"X."),
    "truncated-frame": ("PROTO 4", "FRAME 4096", *SYSTEM, "STOP"),
    "frame": ("PROTO 4", b"\x95\x03\0\0\0\0\0\0\0NN0."),
    "inst": ("MARK", "UNICODE true", "INST posix system", "STOP"),
    "inst-type": ("MARK", "INST mod Thing", "STOP"),
    "obj": ("MARK", "GLOBAL posix system", "UNICODE true", "OBJ", "STOP"),
    "newobj": ("PROTO 2", *THING, "STOP"),
    "newobj-ex": (
        "PROTO 4", "GLOBAL mod Thing", "NONE", "TUPLE1", "EMPTY_DICT", "SHORT_BINUNICODE k",
        "NONE", "SETITEM", "NEWOBJ_EX", "STOP",
    ),
    "stack-global": (
        "PROTO 4", "SHORT_BINUNICODE os", "MEMOIZE", "POP", "BINGET 0",
        "SHORT_BINUNICODE path.join", "STACK_GLOBAL", "STOP",
    ),
    "extension": (
        "PROTO 2", "GLOBAL copyreg add_extension", "UNICODE posix", "UNICODE system", "BININT1 7",
        "TUPLE3", "REDUCE", "POP", "EXT1 7", "EXT2 7", "EXT4 7", "TUPLE3", "STOP",
    ),
    "getattr": (
        "GLOBAL builtins getattr", "GLOBAL os path", "UNICODE join", "TUPLE2", "REDUCE",
        "EMPTY_TUPLE", "REDUCE", "STOP",
    ),
    "import-module": (
        "GLOBAL importlib import_module", "UNICODE os", "TUPLE1", "REDUCE", "STOP",
    ),
    "map-drained": (
        "GLOBAL builtins list", "GLOBAL builtins map", *SYSTEM[:1], "EMPTY_LIST", "UNICODE true",
        "APPEND", "TUPLE2", "REDUCE", "TUPLE1", "REDUCE", "STOP",
    ),
    "nested": (
        "PROTO 3", "GLOBAL pickle loads", b"C" + bytes([len(assemble(*SYSTEM, "STOP"))]),
        assemble(*SYSTEM, "STOP"), "TUPLE1", "REDUCE", "STOP",
    ),
    "joined-name": (
        "GLOBAL operator concat", "UNICODE sys", "UNICODE tem", "TUPLE2", "REDUCE", "PUT 0", "POP",
        "PROTO 4", "UNICODE posix", "GET 0", "STACK_GLOBAL", "STOP",
    ),
    "decoded-name": (
        "GLOBAL codecs decode", "UNICODE flfgrz", "UNICODE rot13", "TUPLE2", "REDUCE", "STOP",
    ),
    "state": (*THING, "EMPTY_DICT", "UNICODE a", "NONE", "SETITEM", "BUILD", "STOP"),
    "state-slots": (*THING, "NONE", "EMPTY_DICT", "UNICODE a", "NONE", "SETITEM", "TUPLE2",
                    "BUILD", "STOP"),
    "state-of-a-class": ("GLOBAL mod Thing", "NONE", "EMPTY_DICT", "UNICODE __setstate__",
                         "GLOBAL posix system", "SETITEM", "TUPLE2", "BUILD", "STOP"),
    "stores": (
        "PROTO 4", *THING, "NONE", "APPEND", "MARK", "NONE", "NONE", "APPENDS", "NONE", "NONE",
        "SETITEM", "MARK", "NONE", "NONE", "SETITEMS", "MARK", "NONE", "ADDITEMS", "STOP",
    ),
    "store-into-modules": (
        "GLOBAL sys modules", "UNICODE os", "NONE", "SETITEM", "POP", *SYSTEM, "STOP",
    ),
    "containers": (
        "PROTO 4", "EMPTY_LIST", "MEMOIZE", "MARK", "EMPTY_DICT", "MEMOIZE", "MARK", "BININT1 1",
        "BINGET 0", "SETITEMS", "EMPTY_SET", "MARK", "BININT1 2", "ADDITEMS", "MARK", "BININT1 3",
        "FROZENSET", "EMPTY_TUPLE", "APPENDS", "STOP",
    ),
    "old-containers": (
        "MARK", "MARK", "NONE", "LIST", "MARK", "UNICODE k", "NONE", "DICT", "MARK", "NONE",
        "TUPLE", "TUPLE", "STOP",
    ),
    "changed-in-the-memo": (
        "PROTO 4", "EMPTY_LIST", "MEMOIZE", "TUPLE1", "BINGET 0", "NONE", "APPEND", "POP",
        "GLOBAL mod f", "BINGET 0", "TUPLE1", "REDUCE", "TUPLE2", "STOP",
    ),
    "memo-twice": (
        "EMPTY_LIST", "PUT 0", "EMPTY_DICT", "PUT 0", "POP", "GET 0", "TUPLE2", "STOP",
    ),
    "memo-far": ("NONE", "LONG_BINPUT 65535", "LONG_BINGET 65535", "TUPLE2", "STOP"),
    "memo-odd-text": ("NONE", b"p 0_1 \n", b"g1\n", "TUPLE2", "STOP"),
    "memo-lie": ("LONG_BINGET 4294967295", "STOP"),
    "length-lie": (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "STOP"),
    "laughs": ("EMPTY_TUPLE", *("DUP", "TUPLE2") * 30, "STOP"),
    "laughs-hashed": (
        "EMPTY_DICT", "EMPTY_TUPLE", *("DUP", "TUPLE2") * 12, "NONE", "SETITEM", "STOP",
    ),
    "recursive": ("EMPTY_LIST", "PUT 0", "GET 0", "APPEND", "STOP"),
    "deep": (*("EMPTY_LIST",) * 60, *("APPEND",) * 59, "STOP"),
    "marks": ("MARK", "MARK", "POP", "NONE", "POP_MARK", "MARK", "NONE", "DUP", "TUPLE", "STOP"),
    "numbers": (
        "MARK", "INT 01", "INT 00", "INT 010", "INT 0x1f", "INT 99999999999999999999", "LONG 7L",
        "FLOAT 1.5", "FLOAT inf", "FLOAT 1_0", "BININT -5", "BININT1 5", "BININT2 555",
        "LONG1 1267650600228229401496703205376", "LONG4 -1", "BINFLOAT 2.5", "NEWTRUE", "NEWFALSE",
        "LIST", "STOP",
    ),
    "texts": (
        "MARK", b"S'a\\x41'\n", b'S"b"\n', b"V\\u0041\n", b"U\x02\xe9\xff", b"T\x01\0\0\0x",
        "BINUNICODE k", "SHORT_BINUNICODE k", "BINUNICODE8 k", "SHORT_BINBYTES b'b'",
        "BINBYTES b'b'", "BINBYTES8 b'b'", "BYTEARRAY8 b'b'", "LIST", "STOP",
    ),
    "surrogate": (b"X\x03\0\0\0\xed\xa0\x80", "STOP"),
    "buffers": ("PROTO 5", "NEXT_BUFFER", "READONLY_BUFFER", "STOP"),
    "persistent": ("PERSID id", "UNICODE id", "BINPERSID", "TUPLE2", "STOP"),
    "storage": (
        "PROTO 2", "GLOBAL torch._utils _rebuild_tensor_v2", "MARK", "MARK", "UNICODE storage",
        "GLOBAL torch FloatStorage", "UNICODE 0", "UNICODE cpu", "BININT1 4", "TUPLE", "BINPERSID",
        "BININT1 0", "BININT1 4", "TUPLE1", "BININT1 1", "TUPLE1", "NEWFALSE",
        "GLOBAL collections OrderedDict", "EMPTY_TUPLE", "REDUCE", "TUPLE", "REDUCE", "STOP",
    ),
    "python-only": ("GLOBAL mod f", "EMPTY_LIST", "REDUCE", "STOP"),
    "python-only-text": ("GLOBAL mod f", "UNICODE ab", "REDUCE", "STOP"),
    "two-pickles": (*SYSTEM, "STOP", *SYSTEM, "STOP"),
    "protocol-down": (
        "PROTO 4", "PROTO 0", "GLOBAL __builtin__ xrange", "PROTO 4", "GLOBAL os path.join",
        "TUPLE2", "STOP",
    ),
    "object-keys": ("EMPTY_DICT", *THING, "NONE", "SETITEM", "STOP"),
    "object-in-shared-keys": (
        "EMPTY_DICT", "EMPTY_TUPLE", "DUP", "TUPLE2", "MARK", "GLOBAL mod Thing", "OBJ", "TUPLE2",
        *("DUP", "TUPLE2") * 3, "NONE", "SETITEM", "STOP",
    ),
    "default-factory": (
        "GLOBAL collections defaultdict", "GLOBAL posix system", "TUPLE1", "REDUCE", "STOP",
    ),
    "partial": ("GLOBAL functools partial", "GLOBAL posix system", "TUPLE1", "REDUCE", "STOP"),
    "text-file": (b"(class Console(Exception):\n    pass\n",),
}  # fmt: skip

OBJECTS: dict[str, object] = {
    "datetime": datetime.datetime(2020, 1, 2, 3, 4, 5),
    "ordered-dict": collections.OrderedDict(a=[1], b={2}),
    "decimals": [decimal.Decimal("1.5"), 2**70, b"\xff", "\u20ac", 1.5, None, True],
}


def main(folder: str) -> None:
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name, program in PROGRAMS.items():
        (target / name).write_bytes(assemble(*program))
    for name, value in OBJECTS.items():
        for protocol in range(6):
            (target / f"{name}-{protocol}").write_bytes(pickle.dumps(value, protocol))


if __name__ == "__main__":
    main(sys.argv[1])
