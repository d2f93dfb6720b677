"""Each codec's decoding rate beside the rate of the library that it stands on."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
import statistics
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

SIZE = 32 << 20
MOST = 1.10  # times the library's own time
NAMES = ("gzip", "zlib", "bzip2", "xz", "lzma", "zstd", "lz4")


class Rows(Protocol):
    def add(self, figure: str, value: float, unit: str, target: float, *, least: bool) -> None: ...
    def note(self, figure: str, value: float, unit: str) -> None: ...


def weights() -> bytes:
    """Like a model's: half of the bytes are noise, the others repeat within narrow bounds."""
    rng = random.Random(1)
    block = bytearray(rng.randbytes(1 << 20))
    block[3::4] = bytes(rng.choice((0x3C, 0x3D, 0xBC)) for _ in range(1 << 18))
    block[2::4] = bytes(rng.randrange(16) for _ in range(1 << 18))
    pieces = []
    for _ in range(SIZE >> 20):
        start = rng.randrange(len(block))
        pieces.append(bytes(block[start:] + block[:start]))
    return b"".join(pieces)


def packers() -> dict[str, Callable[[bytes], bytes]]:
    import lz4.frame
    import zstandard

    return {
        "gzip": lambda data: gzip.compress(data, 6, mtime=0),
        "zlib": lambda data: zlib.compress(data, 6),
        "bzip2": bz2.compress,
        "xz": lambda data: lzma.compress(data, preset=1),
        "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE, preset=1),
        "zstd": zstandard.ZstdCompressor(level=3).compress,
        "lz4": lz4.frame.compress,
    }


def write_inputs(folder: Path) -> None:
    """Once, and in a process of its own: the measuring one must stay small."""
    folder.mkdir(parents=True, exist_ok=True)
    data = weights()
    for name, pack in packers().items():
        (folder / name).write_bytes(pack(data))


def measure(table: Rows, program: Path, folder: Path, rounds: int) -> dict[str, Any]:
    """Rows of the table: a rate, and how many times the library's own time it takes."""
    print("\ncodecs, beside their libraries")
    results: dict[str, Any] = {}
    for name in NAMES:
        command: list[str | Path] = [program, name, folder / name, str(SIZE), str(rounds)]
        done = subprocess.run(command, capture_output=True, check=True)
        answer = json.loads(done.stdout)
        ours, library = (statistics.median(answer[side]) for side in ("ours", "library"))
        table.note(f"{name}: decoding", SIZE / ours / 1e6, "MB/s")
        table.add(f"{name}: against its library", ours / library, "x its time", MOST, least=False)
        results[name] = answer
    return results
