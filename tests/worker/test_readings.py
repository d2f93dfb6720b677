"""7z archives that py7zr unpacks and libarchive refuses, or reads in another way: what py7zr gets
out of them stands in our trace."""

from __future__ import annotations

import bz2
import contextlib
import io
import json
import lzma
import os
import random
import struct
import subprocess
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import py7zr
import pytest

from tests.containers.wrappers import open_7z

ROOT = Path(__file__).resolve().parents[2]
BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()
EVIL = b"cposix\nsystem\n(Vtrue\ntR."
GOOD = b"\x80\x02}X\x01\x00\x00\x00aK\x01s."
START = 32
COPY, BZIP2, BCJ = b"\x01\x00", b"\x03\x04\x02\x02", b"\x04\x03\x03\x01\x03"
DELTA = b"\x21\x03\x01\x03"


def lzma2(dictionary: int = 0x10) -> bytes:
    return b"\x21\x21\x01" + bytes([dictionary])


def squeezed(data: bytes) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}]
    return lzma.compress(data, lzma.FORMAT_RAW, filters=filters)


@dataclass
class Archive:
    """One folder with one member, each number of its header as one likes."""

    stream: bytes
    unpacked: int = len(EVIL)
    coders: list[bytes] = field(default_factory=lambda: [COPY])
    position: int = 0
    packed: int = -1
    bonds: bytes | None = None
    size: int | None = None
    sum: bytes = b""
    attributes: int = 0x81A48020
    behind: bytes = b""

    def pack(self) -> bytes:
        count = len(self.coders)
        bonds = b"".join(bytes([i, i - 1]) for i in range(1, count))
        packed = len(self.stream) if self.packed < 0 else self.packed
        name = "data.pkl".encode("utf-16le") + b"\0\0"
        header = b"\x01\x04\x06" + bytes([self.position, 1, 9, packed, 0])
        header += b"\x07\x0b\x01\x00" + bytes([count]) + b"".join(self.coders)
        header += bonds if self.bonds is None else self.bonds
        header += b"\x0c" + bytes([self.unpacked]) * count + b"\0"
        header += b"\x08" + self.sum + b"\0\0\x05\x01\x11" + bytes([len(name) + 1, 0]) + name
        header += b"\x15\x06\x01\x00" + struct.pack("<I", self.attributes) + b"\0\0"
        streams = self.stream + self.behind
        told = struct.pack("<QQI", len(streams), len(header), zlib.crc32(header))
        begin = b"7z\xbc\xaf\x27\x1c\0\4" + struct.pack("<I", zlib.crc32(told)) + told
        return begin + streams + header


def damaged_header() -> bytes:
    """A changed byte in the compressed header, which py7zr writes without a sum."""
    rng = random.Random(4)
    while True:
        out = io.BytesIO()
        with py7zr.SevenZipFile(out, "w", filters=[{"id": py7zr.FILTER_COPY}]) as archive:
            archive.writestr(EVIL, "data.pkl")
        data = bytearray(out.getvalue())
        (offset,) = struct.unpack_from("<Q", data, 12)
        data[rng.randrange(START + len(EVIL), START + offset)] ^= 1 << rng.randrange(8)
        if EVIL in read_by_py7zr(bytes(data)):
            return bytes(data)


def read_by_py7zr(data: bytes) -> list[bytes]:
    """What came out, also before an error."""
    found: list[bytes] = []
    with contextlib.suppress(Exception):
        for member in open_7z(data):
            found.append(member)
    return found


def scan(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", path], capture_output=True, check=False
    )
    file: dict[str, Any] = json.loads(done.stdout)["files"][0]
    return file


SMALL = squeezed(EVIL)
CASES = {
    # 7-Zip and libarchive go to the position, py7zr does not.
    "another position": Archive(EVIL.ljust(63) + GOOD.ljust(63), position=63, packed=len(EVIL)),
    "junk behind LZMA2's end": Archive(SMALL + b"junk", coders=[lzma2()]),
    "junk behind bzip2's end": Archive(bz2.compress(EVIL) + b"junk", coders=[BZIP2]),
    "a larger packed stream than there is": Archive(SMALL, coders=[lzma2()], packed=100),
    "a dictionary of a gigabyte": Archive(SMALL, coders=[lzma2(36)]),
    "a member that is no file": Archive(SMALL, coders=[lzma2()], attributes=0x01808020),
    "a wrong sum": Archive(SMALL, coders=[lzma2()], sum=b"\x0a\x01abcd"),
    "bonds that say another order": Archive(
        lzma.compress(
            EVIL,
            lzma.FORMAT_RAW,
            filters=[{"id": lzma.FILTER_DELTA, "dist": 4}, {"id": lzma.FILTER_LZMA2}],
        ),
        coders=[lzma2(24), DELTA],
        bonds=b"\0\1",
    ),
    "a filter for machine code behind bzip2": Archive(bz2.compress(EVIL), coders=[BZIP2, BCJ]),
}


@pytest.mark.parametrize("case", sorted(CASES))
def test_what_py7zr_reads_is_in_the_trace(tmp_path: Path, case: str) -> None:
    data = CASES[case].pack()
    assert EVIL in read_by_py7zr(data)
    path = tmp_path / "pytorch_model.bin"
    path.write_bytes(data)
    found = scan(path)
    assert found["verdict"] == "malicious", found["findings"]


def test_a_damaged_header_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    for _ in range(20):
        path.write_bytes(damaged_header())
        found = scan(path)
        assert found["verdict"] == "malicious", found["findings"]


def test_both_readings_are_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "model.7z"
    path.write_bytes(Archive(GOOD.ljust(63) + EVIL, position=63, packed=len(EVIL)).pack())
    assert EVIL not in read_by_py7zr(path.read_bytes())
    found = scan(path)
    assert found["verdict"] == "malicious", found["findings"]
    assert len(found["views"]) > 1


def test_zstandard_is_read_and_what_is_not_is_named(tmp_path: Path) -> None:
    for name, wanted, payload in (("good.7z", "clean", GOOD), ("evil.7z", "malicious", EVIL)):
        with py7zr.SevenZipFile(
            tmp_path / name, "w", filters=[{"id": py7zr.FILTER_ZSTD, "level": 3}]
        ) as archive:
            archive.writestr(b"text\n" * 9000, "README.txt")
            archive.writestr(payload, "data.pkl")
        assert scan(tmp_path / name)["verdict"] == wanted
    with py7zr.SevenZipFile(
        tmp_path / "brotli.7z", "w", filters=[{"id": py7zr.FILTER_BROTLI, "level": 3}]
    ) as archive:
        archive.writestr(GOOD, "data.pkl")
    found = scan(tmp_path / "brotli.7z")
    assert found["verdict"] == "incomplete"
    assert any("Brotli" in finding["title"] for finding in found["findings"])
