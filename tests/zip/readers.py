"""What the real readers return: PyTorch's zip reader in child processes, CPython's zipfile here."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RECORDS = ["data.pkl", "version", "byteorder", "data/0", "constants.pkl", ".data/version"]


@dataclass
class TorchResult:
    """`names` is None when the archive does not open; `records` holds what lookups returned."""

    names: list[str] | None = None
    records: dict[str, bytes] = field(default_factory=dict)
    crashed: bool = False


def read_with_torch(data: bytes) -> TorchResult:
    import torch

    try:
        reader = torch._C.PyTorchFileReader(io.BytesIO(data))
    except (RuntimeError, ValueError, IndexError, OSError):
        return TorchResult()
    result = TorchResult(names=[])
    try:
        names = reader.get_all_records()
    except (RuntimeError, UnicodeDecodeError):
        names = []
    result.names = names
    for name in dict.fromkeys([*RECORDS, *names]):
        if "\0" in name:
            continue
        try:
            result.records[name] = reader.get_record(name)
        except (RuntimeError, ValueError, MemoryError, UnicodeError):
            continue
    return result


def _child(batch: Sequence[bytes], pipe: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with os.fdopen(pipe, "wb") as out:
        pickle.dump([read_with_torch(data) for data in batch], out)


def _run_batch(batch: Sequence[bytes]) -> list[TorchResult] | None:
    import torch  # noqa: F401  (the child inherits it)

    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            _child(batch, write)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    try:
        return list(pickle.loads(answer))
    except (EOFError, pickle.UnpicklingError):
        return None


def torch_results(zips: Sequence[bytes]) -> list[TorchResult]:
    """In children, because the reader may crash; a batch that does is halved until it is one."""
    if not zips:
        return []
    answer = _run_batch(zips)
    if answer is not None:
        return answer
    if len(zips) == 1:
        return [TorchResult(crashed=True)]
    half = len(zips) // 2
    return torch_results(zips[:half]) + torch_results(zips[half:])


@dataclass
class ZipfileMember:
    name: str
    whole: bytes | None  # what read() returned; None when it raised
    streamed: bytes  # what came out byte by byte before the end or the error


def read_with_zipfile(data: bytes) -> list[ZipfileMember] | None:
    """None when zipfile does not open it. NotImplementedError and others are its refusals, too."""
    refusals = (
        zipfile.BadZipFile, NotImplementedError, ValueError, OSError, RuntimeError, EOFError,
        OverflowError, MemoryError, struct.error, KeyError,
    )  # fmt: skip
    import zlib

    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except refusals:
        return None
    out = []
    for info in archive.infolist():
        whole = None
        streamed = b""
        try:
            with archive.open(info) as member:
                whole = member.read()
        except (*refusals, zlib.error):
            try:
                with archive.open(info) as member:
                    while byte := member.read(1):
                        streamed += byte
            except (*refusals, zlib.error):
                pass
        out.append(ZipfileMember(info.filename, whole, streamed))
    return out


def driver_results(driver: Path, zips: Sequence[bytes]) -> list[dict[str, Any]]:
    import json

    stream = b"".join(struct.pack("<I", len(data)) + data for data in zips)
    done = subprocess.run([driver, *RECORDS], input=stream, capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def find_driver() -> Path | None:
    """BRINE_ZIP_DRIVER, or the program in one of the build folders."""
    if named := os.environ.get("BRINE_ZIP_DRIVER"):
        return Path(named)
    root = Path(__file__).resolve().parents[2]
    for build in sorted(root.glob("build/*")):
        for place in (build / "tests" / "brine-zip-driver", build / "brine-zip-driver"):
            if place.is_file():
                return place
    return None
