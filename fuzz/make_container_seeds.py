"""Writes the seeds of the codec, numpy and frames fuzzers."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zlib
from pathlib import Path

import lz4.frame
import numpy as np
import zstandard

SEEDS = Path(__file__).resolve().parent / "seeds"
TEXT = b"brine " * 20
CODECS = [
    gzip.compress(TEXT, mtime=0),
    zlib.compress(TEXT),
    bz2.compress(TEXT),
    lzma.compress(TEXT),
    lzma.compress(TEXT, lzma.FORMAT_ALONE),
    zstandard.ZstdCompressor(write_checksum=True).compress(TEXT),
    lz4.frame.compress(TEXT, content_checksum=True),
]


def write(name: str, data: bytes) -> None:
    path = SEEDS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def array(value: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, value, allow_pickle=True)
    return out.getvalue()


def frame(kind: int, payload: bytes = b"") -> bytes:
    return bytes([kind]) + struct.pack("<I", len(payload)) + payload


def main() -> None:
    for number, data in enumerate(CODECS):
        write(f"codec/{number}", bytes([number]) + data)
        write(f"codec/{number}-cut", bytes([number]) + data[:-3])
        write(f"codec/{number}-twice", bytes([number]) + data + data + b"junk")
    kinds = ["<f8", "S5", [("a", "i4"), ("b", "f8", (2,))], "O", [("a", "O")]]
    for number, kind in enumerate(kinds):
        write(f"numpy/{number}", array(np.zeros((2, 3), dtype=kind)))
    write("numpy/two", array(np.arange(3)) + array(np.arange(4)))
    talk = frame(1) + frame(3, b"\0a.pkl") + frame(4, b"N.") + frame(5) + frame(6)
    write("frames/whole", b"\x07" + talk)
    write("frames/refused", b"\x07" + frame(2, b"no"))
    write("frames/lies", b"\x07" + frame(1) + frame(4, b"x") + talk)
    write("frames/broken", b"\x1f" + talk[:-5] + frame(6, b"damaged"))


if __name__ == "__main__":
    main()
