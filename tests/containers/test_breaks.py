"""A payload that came out is found, whatever is cut or changed behind it."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import lz4.frame
import py7zr
import pytest
import zstandard

from tests.e2e.program import torch_zip

ROOT = Path(__file__).resolve().parents[2]
BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()
COMMAND = b"echo brine"
CALL = b"\x80\x02cposix\nsystem\nX" + struct.pack("<I", len(COMMAND)) + COMMAND + b"\x85R"
STREAM = (
    CALL
    + b"0}("
    + b"".join(b"X\x05\x00\x00\x00key%02dG" % i + struct.pack(">d", 1 / (i + 1)) for i in range(12))
    + b"u."
)


def seven(data: bytes) -> bytes:
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w") as archive:
        archive.writestr(data, "data.pkl")
    return out.getvalue()


def verdicts(folder: Path) -> dict[str, str]:
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", folder], capture_output=True, check=False
    )
    return {Path(f["path"]).name: f["verdict"] for f in json.loads(done.stdout)["files"]}


def decoded_length(decode: Callable[[bytes], bytes], data: bytes) -> Iterator[int]:
    """How much the reference decoder has put out after each byte."""
    total = 0
    for at in range(len(data)):
        total += len(decode(data[at : at + 1]))
        yield total


def after_payload(data: bytes, decode: Callable[[bytes], bytes]) -> int:
    for at, total in enumerate(decoded_length(decode, data), start=1):
        if total >= len(CALL):
            return at
    raise AssertionError("the payload never comes out")


def variants(data: bytes, first: int) -> Iterator[tuple[str, bytes]]:
    for at in range(first, len(data)):
        yield f"cut{at}.bin", data[:at]
        for flip in (0x01, 0x80, 0xFF):
            yield f"flip{at}-{flip}.bin", data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]


SURE: dict[str, tuple[Callable[[bytes], bytes], Callable[[], Callable[[bytes], bytes]]]] = {
    "bare": (lambda data: data, lambda: lambda piece: piece),
    "gzip": (gzip.compress, lambda: zlib.decompressobj(31).decompress),
    "gzip stored": (
        lambda data: gzip.compress(data, 0),
        lambda: zlib.decompressobj(31).decompress,
    ),
    "zlib": (zlib.compress, lambda: zlib.decompressobj().decompress),
}


@pytest.mark.parametrize("kind", sorted(SURE))
def test_malicious_wherever_the_rest_breaks(tmp_path: Path, kind: str) -> None:
    pack, decoder = SURE[kind]
    data = pack(STREAM)
    first = after_payload(data, decoder())
    for name, changed in variants(data, first):
        (tmp_path / name).write_bytes(changed)
    got = verdicts(tmp_path)
    assert len(got) > 100
    assert {name: v for name, v in got.items() if v != "malicious"} == {}


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_members_are_found_behind_any_cut(tmp_path: Path, how: int) -> None:
    data = torch_zip(STREAM, how)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = archive.infolist()[0]
    start = 30 + len(info.filename)
    first = start + len(CALL)
    if how == zipfile.ZIP_DEFLATED:
        body = data[start : start + info.compress_size]
        first = start + after_payload(body, zlib.decompressobj(-15).decompress)
    for name, changed in variants(data, first):
        (tmp_path / name).write_bytes(changed)
    got = verdicts(tmp_path)
    assert {name: v for name, v in got.items() if v != "malicious"} == {}


NEVER_CLEAN: dict[str, Callable[[bytes], bytes]] = {
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "zstd": zstandard.compress,
    "lz4": lz4.frame.compress,
    "7z": seven,
}


@pytest.mark.parametrize("kind", sorted(NEVER_CLEAN))
def test_never_clean_and_never_unrecognized(tmp_path: Path, kind: str) -> None:
    data = NEVER_CLEAN[kind](STREAM)
    for name, changed in variants(data, 8 if kind != "7z" else 32):
        (tmp_path / name).write_bytes(changed)
    got = verdicts(tmp_path)
    assert {name: v for name, v in got.items() if v in ("clean", "unrecognized")} == {}
    assert sum(v == "malicious" for v in got.values()) > 0
