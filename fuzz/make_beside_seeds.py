"""Writes the seeds of the fuzzer of files that are read with another beside them."""

from __future__ import annotations

import base64
import pickle
import zlib
from pathlib import Path

SEEDS = Path(__file__).resolve().parent / "seeds" / "beside"
CALL = b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R."
NPY = (
    b"\x93NUMPY\x01\x00"
    + (54).to_bytes(2, "little")
    + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}".ljust(53)
    + b"\n"
)
WRAPPER = (
    b"\x80\x02cjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}(X\x08\0\0\0filename"
    b"X\x05\0\0\0a.npyX\x08\0\0\0subclasscnumpy\nndarray\nub."
)
SOURCE = b"import os, json as j\nfrom torch import nn; import a.b\nif x: import c\n"


def z_file(data: bytes) -> bytes:
    return b"ZF" + f"{len(data):#x}".ljust(19).encode() + zlib.compress(data)


def seed(kind: int, scanned: bytes, beside: bytes = b"") -> bytes:
    return bytes([kind]) + len(scanned).to_bytes(2, "little") + scanned + beside


NESTED = b"\x80\x03C" + bytes([len(CALL)]) + CALL + b"."
FILES = {
    "shelf": seed(0, NESTED, b"'a', (0, %d)\n'b', (4, %d)\n" % (len(NESTED), len(CALL))),
    "shelf_text": seed(0, b"(dp0\nVa\nI1\ns.", b"'a', (0, 13)\n"),
    "index": seed(1, b"'a', (0, 1)\n\"it's\", (512, 4)\n'\\xff\\n', (1024, 0)\n"),
    "set": seed(2, WRAPPER, NPY + CALL),
    "set_outside": seed(2, WRAPPER.replace(b"a.npy", b"../ab"), NPY + CALL),
    "z_file": seed(2, z_file(pickle.dumps({"a": 1}, 2))),
    "z_array": seed(3, z_file(b"\1" * 40)),
    "source": seed(1, SOURCE),
    "model_data": seed(
        4, b'{"a": {":type:": "x", ":serialized:": "%s"}}' % base64.b64encode(NESTED)
    ),
}


def main() -> None:
    SEEDS.mkdir(parents=True, exist_ok=True)
    for name, data in FILES.items():
        (SEEDS / name).write_bytes(data)


if __name__ == "__main__":
    main()
