"""What the real tarfile lists, and what the program's driver lists."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SHOWN = 4096
MOST = 2000  # members; a negative size makes tarfile go round for ever


@dataclass
class Member:
    name: bytes
    type: int
    data: int
    size: int
    link: bytes
    content: bytes | None  # the first bytes that come out, none when reading raises


@dataclass
class Listing:
    members: list[Member] = field(default_factory=list)
    error: str = ""


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def begin_of(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes | None:
    if not (info.isreg() or info.type not in tarfile.SUPPORTED_TYPES):
        return None
    if tangled(parts_of(info), info.size):
        return None
    at = tar.fileobj.tell()
    try:
        file = tar.extractfile(info)
        return file.read(SHOWN) if file is not None else None
    except (tarfile.TarError, OSError, ValueError, OverflowError):
        return None
    finally:
        tar.fileobj.seek(at)


def parts_of(info: tarfile.TarInfo) -> list[tuple[int, int]]:
    """Of a sparse file: offset and size of each part."""
    return list(getattr(info, "sparse", None) or [])


def tangled(parts: list[tuple[int, int]], size: int) -> bool:
    """Maps out of order, or beyond the size: tarfile searches them for ever, or reads twice."""
    last = 0
    for offset, count in parts:
        if offset < last or count < 0 or offset + count > size:
            return True
        last = offset + count
    return False


def list_with_tarfile(data: bytes) -> Listing:
    out = Listing()
    try:
        with tarfile.open(fileobj=io.BufferedReader(io.BytesIO(data)), mode="r:") as tar:
            while (info := tar.next()) is not None and len(out.members) < MOST:
                out.members.append(
                    Member(
                        raw(info.name),
                        info.type[0] if info.type else 0,
                        info.offset_data,
                        info.size,
                        raw(info.linkname),
                        begin_of(tar, info),
                    )
                )
    except Exception as error:  # noqa: BLE001  (whatever tarfile raises ends the listing)
        out.error = f"{type(error).__name__}: {error}"
    return out


def find_driver() -> Path | None:
    named = os.environ.get("BRINE_TAR_DRIVER")
    default = Path(__file__).resolve().parents[2] / "build" / "tests" / "brine-tar-driver"
    path = Path(named) if named else default
    return path if path.exists() else None


def driver_results(driver: Path, tars: Iterable[bytes]) -> list[dict[str, Any]]:
    text = b"".join(struct.pack("<I", len(data)) + data for data in tars)
    run = subprocess.run([str(driver)], input=text, capture_output=True, check=True, timeout=300)
    return [json.loads(line) for line in run.stdout.splitlines()]


def misses(real: Listing, ours: dict[str, Any]) -> list[str]:
    """Members of tarfile's that the driver does not have. A negative size is nobody's number."""
    offered: dict[tuple[bytes, int, int], list[tuple[int, bytes, bytes]]] = {}
    for name, kind, data, size, link, begin in ours["members"]:
        content = bytes.fromhex("" if begin == "!" else begin)
        offered.setdefault((bytes.fromhex(name), kind, data), []).append(
            (size, bytes.fromhex(link), content)
        )
    out = []
    for member in real.members:
        found = offered.get((member.name, member.type, member.data))
        if found is None:
            out.append(f"member {member}")
        elif 0 <= member.size < 1 << 60 and all(size != member.size for size, _, _ in found):
            out.append(f"size of {member}: {found}")
        elif all(link != member.link for _, link, _ in found):
            out.append(f"link of {member}: {found}")
        elif member.content is not None and all(
            not content.startswith(member.content) for _, _, content in found
        ):
            out.append(f"content of {member}: {found}")
    return out
