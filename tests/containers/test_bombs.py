"""Small files that claim much cost little: time and memory stay bounded, nothing is clean."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import lz4.frame
import numpy as np
import py7zr
import pytest
import zstandard

ROOT = Path(__file__).resolve().parents[2]
BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()
SIZE = 600 << 20  # what each claims
MEMORY = 1300 << 20  # bytes
SECONDS = 20


def pieces(size: int) -> list[bytes]:
    return [bytes(1 << 20)] * (size >> 20)


def with_object(made: object) -> bytes:
    out = [made.compress(piece) for piece in pieces(SIZE)]  # type: ignore[attr-defined]
    return b"".join([*out, made.flush()])  # type: ignore[attr-defined]


def lz4_bomb() -> bytes:
    with lz4.frame.LZ4FrameCompressor() as made:
        out = [made.begin(), *(made.compress(piece) for piece in pieces(SIZE)), made.flush()]
    return b"".join(out)


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("model.pkl", "w", force_zip64=True) as member,
    ):
        for piece in pieces(SIZE):
            member.write(piece)
    return out.getvalue()


def seven_bomb() -> bytes:
    out = io.BytesIO()
    filters = [{"id": py7zr.FILTER_LZMA2, "preset": 1}]
    with py7zr.SevenZipFile(out, "w", filters=filters) as archive:
        archive.writestr(bytes(SIZE), "model.pkl")
    return out.getvalue()


def nested() -> bytes:
    data = b"\x80\x02N."
    for _ in range(20):
        data = gzip.compress(data, mtime=0)
    return data


BOMBS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: with_object(zlib.compressobj(9, zlib.DEFLATED, 31)),
    "zlib": lambda: with_object(zlib.compressobj(9)),
    "bz2": lambda: with_object(bz2.BZ2Compressor()),
    "xz": lambda: with_object(lzma.LZMACompressor(preset=1)),
    "lzma": lambda: with_object(lzma.LZMACompressor(lzma.FORMAT_ALONE, preset=1)),
    "zstd": lambda: with_object(zstandard.ZstdCompressor().compressobj()),
    "lz4": lz4_bomb,
    "zip": zip_bomb,
    "7z": seven_bomb,
    "twice": lambda: gzip.compress(with_object(zlib.compressobj(9, zlib.DEFLATED, 31))),
    "nested": nested,
}


@pytest.mark.parametrize("kind", sorted(BOMBS))
def test_a_bomb_costs_little(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(BOMBS[kind]())
    measure = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True)\n"
        "sys.stdout.buffer.write(done.stdout)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)\n"
    )
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", measure, str(BRINE), "scan", "--format", "json", str(path)],
        capture_output=True,
        check=True,
    )
    seconds = time.monotonic() - begin
    assert json.loads(done.stdout)["files"][0]["verdict"] == "incomplete"
    assert seconds < SECONDS
    assert int(done.stderr) * 1024 < MEMORY


def test_a_line_beyond_the_limit_is_searched_in_bounds(tmp_path: Path) -> None:
    """Numbers as protocol 0 writes them: each byte may begin an opcode with a line of its own."""
    path = tmp_path / "array.pkl"
    numbers = np.random.default_rng(0).normal(size=5_000_000)
    path.write_bytes(pickle.dumps({"numbers": numbers}, 0))
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", path], capture_output=True, check=False, timeout=60
    )
    summary = json.loads(done.stdout)["summary"]
    assert summary["incomplete"] == 1
    assert summary["bytes_read"] < 40 * path.stat().st_size
