"""What Python's own readers of compressed files make of odd streams, the trace holds."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import os
import pickle
import random
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import lz4.frame
import pytest
import zstandard

ROOT = Path(__file__).resolve().parents[2]
BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()
COMMAND = b"echo brine"
CALL = b"\x80\x02cposix\nsystem\nX" + struct.pack("<I", len(COMMAND)) + COMMAND + b"\x85R"
STREAM = CALL + b"0X" + struct.pack("<I", 60) + bytes(range(33, 93)) + b"."
FIRST, SECOND = STREAM[:20], STREAM[20:]


def gz(data: bytes, flags: int = 0, more: bytes = b"") -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = packer.compress(data) + packer.flush()
    head = b"\x1f\x8b\x08" + bytes([flags]) + bytes(6) + more
    return head + body + struct.pack("<II", zlib.crc32(data), len(data))


def alone(data: bytes, window: int = 1 << 23, lc: int = 3, lp: int = 0, pb: int = 2) -> bytes:
    one: dict[str, Any] = {"id": lzma.FILTER_LZMA1, "dict_size": window}
    one |= {"lc": lc, "lp": lp, "pb": pb}
    return lzma.compress(data, lzma.FORMAT_ALONE, filters=[one])


def lzip(data: bytes) -> bytes:
    body = alone(data, 1 << 20)[13:]
    ends = struct.pack("<IQQ", zlib.crc32(data), len(data), 6 + len(body) + 20)
    return b"LZIP\x01\x14" + body + ends


SKIPPED = b"\x50\x2a\x4d\x18\0\0\0\0"
EMPTY_BLOCKS = b"\0\0\0\xff\xff" * 2000

ODD = {
    "reserved-flags.gz": gz(STREAM, 0xE0),
    "header-check.gz": gz(STREAM, 2, b"\xab\xcd"),
    "header-check-behind.gz": gz(FIRST) + gz(SECOND, 2, b"\xab\xcd"),
    "long-extra.gz": gz(STREAM, 4, struct.pack("<H", 60000) + b"x" * 60000),
    "long-name.gz": gz(STREAM, 8, b"n" * 200000 + b"\0"),
    "nuls-between.gz": gz(FIRST) + b"\0\0\0" + gz(SECOND),
    "empty-first.gz": gz(b"") + gz(STREAM),
    "empty-blocks.zlib": b"\x78\x9c"
    + EMPTY_BLOCKS
    + gz(STREAM)[10:-8]
    + struct.pack(">I", zlib.adler32(STREAM)),
    "small-window.zlib": (lambda z: z.compress(STREAM) + z.flush())(zlib.compressobj(6, 8, 13)),
    "split.bz2": bz2.compress(FIRST) + bz2.compress(SECOND),
    "empty-first.bz2": bz2.compress(b"") + bz2.compress(STREAM),
    "split.xz": lzma.compress(FIRST) + lzma.compress(SECOND),
    "xz-lzma.xz": lzma.compress(FIRST) + alone(SECOND),
    "xz-lzma-nuls.xz": lzma.compress(FIRST) + alone(SECOND, 1 << 20, 0, 0, 0),
    "lzma-xz.xz": alone(FIRST) + lzma.compress(SECOND),
    "split.lzma": alone(FIRST) + alone(SECOND),
    "empty-first.lzma": alone(b"") + alone(STREAM),
    "small-window.lzma": alone(STREAM, 4096),
    "properties0.xz": alone(STREAM, 1 << 20, 0, 0, 0),
    "properties1.xz": alone(STREAM, 1 << 20, 1, 2, 4),
    "lzip.xz": lzip(STREAM),
    "skipped.lz4": SKIPPED * 100 + lz4.frame.compress(STREAM),
    "split.lz4": lz4.frame.compress(FIRST) + lz4.frame.compress(SECOND),
    "skipped.zst": SKIPPED * 100 + zstandard.compress(STREAM),
    "split.zst": zstandard.compress(FIRST) + zstandard.compress(SECOND),
}

Open = Callable[[bytes], Any]
READERS: dict[str, Open] = {
    "gzip": lambda data: gzip.GzipFile(fileobj=io.BytesIO(data)),
    "bz2": lambda data: bz2.BZ2File(io.BytesIO(data)),
    "lzma": lambda data: lzma.LZMAFile(io.BytesIO(data)),  # noqa: SIM115
    "lz4": lambda data: lz4.frame.open(io.BytesIO(data)),
    "zlib": lambda data: io.BytesIO(zlib.decompress(data)),
    "zstd": lambda data: io.BufferedReader(
        zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True)
    ),
}


class Recorder(pickle.Unpickler):
    """Gives harmless names back and keeps which were called."""

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self.called: list[str] = []

    def find_class(self, module: str, name: str) -> Any:
        return lambda *_: self.called.append(f"{module}.{name}")


def calls(data: bytes) -> set[str]:
    """The readers through which pickle.load calls os.system."""
    out = set()
    for name, reader in READERS.items():
        unpickler = None
        try:
            unpickler = Recorder(reader(data))
            unpickler.load()
        except Exception:  # what happened before counts
            pass
        if unpickler is not None and "posix.system" in unpickler.called:
            out.add(name)
    return out


def verdicts(folder: Path) -> dict[str, str]:
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", folder], capture_output=True, check=False
    )
    files = cast("list[dict[str, Any]]", json.loads(done.stdout)["files"])
    return {Path(file["path"]).name: file["verdict"] for file in files}


@pytest.mark.parametrize("ending", ["", ".txt", ".joblib"])
def test_odd_streams(tmp_path: Path, ending: str) -> None:
    reached = {name for name, data in ODD.items() if calls(data)}
    assert ODD.keys() - reached <= {"lzip.xz"}  # liblzma before 5.4 has no lzip
    for name in reached:
        (tmp_path / (name + ending)).write_bytes(ODD[name])
    got = verdicts(tmp_path)
    assert len(got) == len(reached)
    assert {name: v for name, v in got.items() if v != "malicious"} == {}


@pytest.mark.parametrize("name", sorted(ODD))
def test_changed_headers(tmp_path: Path, name: str) -> None:
    chance = random.Random(name)
    data = ODD[name]
    places = [at for at in range(len(data)) if at < 48 or at >= len(data) - 200]
    reached = 0
    for number in range(int(os.environ.get("BRINE_CODEC_COUNT", "300"))):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 3))):
            changed[chance.choice(places)] = chance.choice(
                (0, 1, 2, 4, 8, 255, chance.randrange(256))
            )
        if calls(bytes(changed)):
            reached += 1
            (tmp_path / f"{number}.txt").write_bytes(changed)
    if not reached:
        return
    got = verdicts(tmp_path)
    assert len(got) == reached
    assert {n: v for n, v in got.items() if v != "malicious"} == {}


@pytest.mark.parametrize("pack", [gz, zlib.compress, bz2.compress, lzma.compress, alone])
def test_text_is_no_model(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / "README.txt.packed").write_bytes(pack(b"hello world\n" * 20))
    (tmp_path / "x.txt").write_bytes(b"x\x9c is a text, no zlib\n" * 400)
    assert set(verdicts(tmp_path).values()) == {"unrecognized"}


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("cut", [0, 1, 30])
def test_zip_methods(tmp_path: Path, method: int, cut: int) -> None:
    """What zipfile makes of a member before it sees the end is in the trace."""
    stream = STREAM + bytes(range(256)) * 4096 * (cut > 1)
    with zipfile.ZipFile(tmp_path / "model.npz", "w", method) as archive:
        archive.writestr("a.npy", stream)
    data = bytearray((tmp_path / "model.npz").read_bytes())
    with zipfile.ZipFile(tmp_path / "model.npz") as archive:
        one = archive.infolist()[0]
    end = one.header_offset + 30 + len(one.filename) + one.compress_size
    for at in range(end - cut, end):
        data[at] ^= 0x55
    (tmp_path / "model.npz").write_bytes(data)
    with zipfile.ZipFile(tmp_path / "model.npz") as archive, archive.open("a.npy") as member:
        recorder = Recorder(member)
        with contextlib.suppress(Exception):  # what happened before counts
            recorder.load()
    if "posix.system" in recorder.called:
        assert verdicts(tmp_path) == {"model.npz": "malicious"}
    else:
        assert cut > 0
        assert verdicts(tmp_path)["model.npz"] not in ("clean", "unrecognized")


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "lzma": lzma.compress,
    "lz4.frame": lz4.frame.compress,
    "zstandard": zstandard.compress,
}


@pytest.mark.parametrize("module", sorted(PACKERS))
def test_a_pickle_that_the_stream_unpacks(tmp_path: Path, module: str) -> None:
    packed = PACKERS[module](STREAM)
    stream = b"\x80\x03cpickle\nloads\nc" + module.encode() + b"\ndecompress\nB"
    stream += struct.pack("<I", len(packed)) + packed + b"\x85R\x85R."
    (tmp_path / "model.pkl").write_bytes(stream)
    assert verdicts(tmp_path) == {"model.pkl": "malicious"}
