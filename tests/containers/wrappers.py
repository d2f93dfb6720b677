"""Containers around a pickle, made by the real libraries or by hand, and how a person opens them.

A wrapper packs bytes; its opener gives what a library hands out, up to the place where it raises.
The payload of every stream is a call of `brine_mark.mark("...")`, a module that only writes down
what it is called with.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import pickle
import random
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

import lz4.frame
import numpy as np
import zstandard

from tests.containers import recorder

recorder.install()
PACKAGE, RESOURCE = "models", "model.pkl"
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
Pack = Callable[[bytes, random.Random], bytes]
Open = Callable[[bytes], Iterator[bytes]]


def mark(word: str) -> bytes:
    """A call of the recorder, protocol 0 and binary arguments; leaves its result on the stack."""
    data = word.encode()
    return b"cbrine_mark\nmark\nX" + struct.pack("<I", len(data)) + data + b"\x85R"


# --- streams --------------------------------------------------------------------------------------


def stream_first(word: str, rng: random.Random) -> bytes:
    return b"\x80\x02" + mark(word) + b"0" + pickle.dumps(filler(rng), 2)[2:]


def stream_last(word: str, rng: random.Random) -> bytes:
    body = pickle.dumps(filler(rng), 2)
    return body[:-1] + b"0" + mark(word) + b"."


def stream_text(word: str, rng: random.Random) -> bytes:
    return b"(dp0\ncbrine_mark\nmark\n(V" + word.encode() + b"\ntR0."


def stream_framed(word: str, rng: random.Random) -> bytes:
    body = mark(word) + b"0" + pickle.dumps(filler(rng), 2)[2:]
    return b"\x80\x04\x95" + struct.pack("<Q", len(body)) + body


def stream_behind(word: str, rng: random.Random) -> bytes:
    """A second pickle behind the first, which loops of loads and torch's legacy format read."""
    heads = (LEGACY_MAGIC, 1001, {"little_endian": True})
    head = b"".join(pickle.dumps(value, 2) for value in heads)
    return head + stream_first(word, rng) + pickle.dumps([], 2)


def stream_nested(word: str, rng: random.Random) -> bytes:
    inner = b"\x80\x02" + mark(word) + b"."
    return b"\x80\x03c_pickle\nloads\nC" + bytes([len(inner)]) + inner + b"\x85R."


class Marked:
    """Pickles as the recorder's call."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return recorder.mark, (self.word,)


def arrays(rng: random.Random) -> list[np.ndarray]:
    kinds = ("f8", "<i4", "S5", "U3", "M8[s]", [("a", "i4"), ("b", "f8", (2,))], "?", "c16")
    made = []
    for _ in range(rng.randint(1, 3)):
        shape = rng.choice([(), (3,), (2, 3), (0, 4), (1, 1, 5)])
        array = np.zeros(shape, dtype=rng.choice(kinds))
        made.append(np.asfortranarray(array) if rng.random() < 0.3 else array)
    return made


def stream_joblib(word: str, rng: random.Random) -> bytes:
    import joblib

    out = io.BytesIO()
    value = rng.choice(
        [
            [*arrays(rng), Marked(word)],
            {"a": Marked(word), "b": arrays(rng)},
            [arrays(rng), np.array([Marked(word), 1], dtype=object), *arrays(rng)],
            [np.array(["x", None], dtype=object), Marked(word), *arrays(rng)],
        ]
    )
    joblib.dump(value, out, protocol=rng.randint(0, 5))
    return out.getvalue()


def stream_npy(word: str, rng: random.Random) -> bytes:
    out = io.BytesIO()
    if rng.random() < 0.3:
        np.save(out, arrays(rng)[0])
    value: np.ndarray = np.array([Marked(word), "x"], dtype=object)
    if rng.random() < 0.5:
        value = np.array([(1, Marked(word))], dtype=[("a", "i4"), ("b", "O")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.lib.format.write_array(out, value, version=rng.choice([(1, 0), (2, 0), (3, 0)]))
    return out.getvalue()


STREAMS: dict[str, Callable[[str, random.Random], bytes]] = {
    "first": stream_first,
    "last": stream_last,
    "text": stream_text,
    "framed": stream_framed,
    "behind": stream_behind,
    "nested": stream_nested,
    "joblib": stream_joblib,
    "npy": stream_npy,
}


def filler(rng: random.Random) -> object:
    return {"layer": [rng.random() for _ in range(rng.randint(1, 40))], "name": "n" * 20}


# --- wrappers -------------------------------------------------------------------------------------


def pack_gzip(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        cut = rng.randrange(len(data) + 1)
        return gzip.compress(data[:cut], mtime=0) + gzip.compress(data[cut:], mtime=0)
    return gzip.compress(data, mtime=0, compresslevel=rng.choice([0, 1, 9]))


def pack_bz2(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        cut = rng.randrange(len(data) + 1)
        return bz2.compress(data[:cut]) + bz2.compress(data[cut:])
    return bz2.compress(data)


def pack_xz(data: bytes, rng: random.Random) -> bytes:
    check = rng.choice([lzma.CHECK_NONE, lzma.CHECK_CRC32, lzma.CHECK_CRC64, lzma.CHECK_SHA256])
    return bytes(lzma.compress(data, check=check)) + b"\0" * rng.choice([0, 0, 4])


def pack_zstd(data: bytes, rng: random.Random) -> bytes:
    made = zstandard.ZstdCompressor(write_checksum=rng.random() < 0.5).compress(data)
    skipped = struct.pack("<II", 0x184D2A50 + rng.randrange(16), 5) + b"hello"
    return (skipped if rng.random() < 0.2 else b"") + bytes(made)


def pack_lz4(data: bytes, rng: random.Random) -> bytes:
    return bytes(lz4.frame.compress(data, content_checksum=rng.random() < 0.5))


def pack_zip(data: bytes, rng: random.Random) -> bytes:
    out = io.BytesIO()
    how = rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
    with zipfile.ZipFile(out, "w", how) as archive:
        archive.writestr("README.txt", b"nothing to see here\n")
        archive.writestr(rng.choice(["model.pkl", "weights.bin", "data"]), data)
    return out.getvalue()


def pack_npz(data: bytes, rng: random.Random) -> bytes:
    out = io.BytesIO()
    plain = io.BytesIO()
    np.save(plain, np.arange(3))
    with zipfile.ZipFile(out, "w", rng.choice([0, 8])) as archive:
        archive.writestr("x.npy", plain.getvalue())
        archive.writestr(rng.choice(["y.npy", "y"]), data)
    return out.getvalue()


def pack_torch_zip(data: bytes, rng: random.Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", b"little")
        archive.writestr("archive/version", b"3\n")
    return out.getvalue()


def pack_torch_package(data: bytes, rng: random.Random) -> bytes:
    """A torch.package that holds the stream as a resource, and no code."""
    out = io.BytesIO()
    outside = "brine_mark\n_pickle\ncopyreg\njoblib\nnumpy\ntests\n"
    with zipfile.ZipFile(out, "w", rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as made:
        made.writestr("archive/.data/extern_modules", outside)
        made.writestr("archive/.data/version", b"6\n")
        made.writestr(f"archive/{PACKAGE}/{RESOURCE}", data)
    return out.getvalue()


def pack_zfile(data: bytes, rng: random.Random) -> bytes:
    """What joblib compressed with before 0.10; a wrong length makes joblib refuse."""
    packed = zlib.compress(data, rng.choice([1, 9]))
    length = f"{len(data):#x}".ljust(19).encode()
    return b"ZF" + length + b" " * rng.choice([0, 0, 1]) + packed


def open_zfile(data: bytes) -> Iterator[bytes]:
    from joblib.numpy_pickle_compat import read_zfile

    yield bytes(read_zfile(io.BytesIO(data)))


def pack_tar(data: bytes, rng: random.Random) -> bytes:
    out = io.BytesIO()
    kind = rng.choice([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        for name, held in (
            ("README.txt", b"text\n"),
            (rng.choice(["model.pkl", "d/" * 60 + "weights.bin", "m\u00f6del"]), data),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(held)
            archive.addfile(info, io.BytesIO(held))
    return out.getvalue()


def pack_torch_tar(data: bytes, rng: random.Random) -> bytes:
    """torch's first format; the payload stands in one of its three members."""
    members = {
        "storages": pickle.dumps(0, 2) + pickle.dumps([], 2),
        "tensors": pickle.dumps(0, 2),
        "pickle": pickle.dumps({}, 2),
    }
    members[rng.choice(sorted(members))] = data
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, held in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(held)
            archive.addfile(info, io.BytesIO(held))
    return out.getvalue()


def pack_7z(data: bytes, rng: random.Random) -> bytes:
    import py7zr

    filters = rng.choice(
        [
            None,
            [{"id": py7zr.FILTER_COPY}],
            [{"id": py7zr.FILTER_BZIP2}],
            [{"id": py7zr.FILTER_DEFLATE}],
            [{"id": py7zr.FILTER_PPMD, "order": 6, "mem": 20}],
            [{"id": py7zr.FILTER_LZMA}],
            [{"id": py7zr.FILTER_DELTA, "dist": 4}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
        ]
    )
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", filters=filters) as archive:
        archive.writestr(b"text\n", "README.txt")
        archive.writestr(data, rng.choice(["data.pkl", "model/data.pkl", "weights.bin"]))
    return out.getvalue()


def read_all(file: IO[bytes]) -> bytes:
    """What a reader that takes small pieces gets before it meets an error."""
    out = []
    with contextlib.suppress(Exception):
        while piece := file.read(64):
            out.append(piece)
    return b"".join(out)


def opener(module: Any) -> Open:
    """What `module.open` reads."""

    def opened(data: bytes) -> Iterator[bytes]:
        with module.open(io.BytesIO(data)) as file:
            yield read_all(file)

    return opened


def open_zlib(data: bytes) -> Iterator[bytes]:
    decoder = zlib.decompressobj()
    out = []
    with contextlib.suppress(zlib.error):
        for byte in range(len(data)):
            out.append(decoder.decompress(data[byte : byte + 1]))
            if decoder.eof:
                break
    yield b"".join(out)


def open_zip(data: bytes) -> Iterator[bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            try:
                with archive.open(info) as file:
                    yield read_all(file)
            except Exception:
                continue


def open_tar(data: bytes) -> Iterator[bytes]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for info in archive:
            if info.isreg() and (file := archive.extractfile(info)) is not None:
                yield read_all(file)


def open_7z(data: bytes) -> Iterator[bytes]:
    import tempfile
    from pathlib import Path

    import py7zr

    with tempfile.TemporaryDirectory() as folder:
        try:
            with py7zr.SevenZipFile(io.BytesIO(data)) as archive:
                archive.extractall(folder)
        finally:
            for path in sorted(Path(folder).rglob("*")):
                if path.is_file():
                    yield path.read_bytes()


@dataclass(frozen=True)
class Wrapper:
    pack: Pack
    open: Open | None
    ending: str


WRAPPERS: dict[str, Wrapper] = {
    "gzip": Wrapper(pack_gzip, opener(gzip), ".gz"),
    "zlib": Wrapper(lambda d, r: zlib.compress(d), open_zlib, ".z"),
    "bz2": Wrapper(pack_bz2, opener(bz2), ".bz2"),
    "xz": Wrapper(pack_xz, opener(lzma), ".xz"),
    "lzma": Wrapper(
        lambda d, r: lzma.compress(d, lzma.FORMAT_ALONE),
        opener(lzma),
        ".lzma",
    ),
    "zstd": Wrapper(pack_zstd, opener(zstandard), ".zst"),
    "lz4": Wrapper(pack_lz4, opener(lz4.frame), ".lz4"),
    "zip": Wrapper(pack_zip, open_zip, ".zip"),
    "npz": Wrapper(pack_npz, open_zip, ".npz"),
    "torch_zip": Wrapper(pack_torch_zip, open_zip, ".pt"),
    "package": Wrapper(pack_torch_package, open_zip, ".pt"),
    "zfile": Wrapper(pack_zfile, open_zfile, ".z"),
    "tar": Wrapper(pack_tar, open_tar, ".tar"),
    "torch_tar": Wrapper(pack_torch_tar, open_tar, ".bin"),
    "7z": Wrapper(pack_7z, open_7z, ".7z"),
}


# --- breaks ---------------------------------------------------------------------------------------


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randint(len(data) // 2, len(data))]


def change(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data) // 2, len(data))
    return data[:at] + bytes([data[at] ^ rng.randint(1, 255)]) + data[at + 1 :]


BREAKS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "none": lambda data, rng: data,
    "cut": cut,
    "change": change,
    "junk behind": lambda data, rng: data + rng.randbytes(rng.choice([1, 7, 600])),
    "nul behind": lambda data, rng: data + b"\0" * rng.choice([1, 512, 1024]),
}
