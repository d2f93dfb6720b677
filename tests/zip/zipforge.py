"""Builds zip files in which every field of every structure can be a lie.

The payloads are harmless: pickles of different text, so that a test sees which one a reader got.
Sizes, checksums and offsets are right unless an entry or the archive says otherwise.
"""

from __future__ import annotations

import pickle
import struct
import zlib
from dataclasses import dataclass, field

A = pickle.dumps("payload A", protocol=2)
B = pickle.dumps("payload B", protocol=2)
C = pickle.dumps("payload C", protocol=2)

STORED = 0
DEFLATED = 8
DESCRIPTOR = 1 << 3
UTF8 = 1 << 11
DIRECTORY_ATTRIBUTE = 1 << 4
NOON = 0x6000  # a DOS time that is not zero


@dataclass
class Entry:
    """One member. A field that is None is computed; `local_*` default to the central ones."""

    name: bytes
    data: bytes = b""  # what a reader should get
    method: int = STORED
    raw: bytes | None = None  # the stored bytes, when they are not `data` packed by `method`
    behind: bytes = b""  # follows the stored bytes, belongs to nobody
    flags: int = 0
    time: int = NOON
    date: int = 0x21
    crc: int | None = None
    compressed: int | None = None
    uncompressed: int | None = None
    extra: bytes = b""
    comment: bytes = b""
    external: int = 0
    disk: int = 0
    version: int = 20
    made_by: int = 0x314
    offset: int | None = None  # of the local header, as the directory says
    name_size: int | None = None
    extra_size: int | None = None
    comment_size: int | None = None
    signature: bytes = b"PK\1\2"
    local_name: bytes | None = None
    local_method: int | None = None
    local_flags: int | None = None
    local_crc: int | None = None
    local_compressed: int | None = None
    local_uncompressed: int | None = None
    local_extra: bytes = b""
    local_name_size: int | None = None
    local_extra_size: int | None = None
    local_signature: bytes = b"PK\3\4"
    descriptor: bytes = b""

    def stored(self) -> bytes:
        if self.raw is not None:
            return self.raw
        if self.method == DEFLATED:
            packer = zlib.compressobj(9, zlib.DEFLATED, -15)
            return packer.compress(self.data) + packer.flush()
        return self.data


@dataclass
class Zip64:
    """The zip64 end record and its locator."""

    record_size: int = 44
    disk: int = 0
    directory_disk: int = 0
    entries_on_disk: int | None = None
    entries: int | None = None
    size: int | None = None
    offset: int | None = None
    signature: bytes = b"PK\6\6"
    between: bytes = b""  # between record and locator
    locator_offset: int | None = None
    locator_disk: int = 0
    locator_disks: int = 1
    locator_signature: bytes = b"PK\6\7"


@dataclass
class Archive:
    entries: list[Entry] = field(default_factory=list)
    order: list[int] | None = None  # of the directory; indices may repeat
    zip64: Zip64 | None = None
    prefix: bytes = b""
    count_prefix: bool = True  # whether offsets include it
    before_directory: bytes = b""
    before_end: bytes = b""
    disk: int = 0
    directory_disk: int = 0
    entries_on_disk: int | None = None
    total: int | None = None
    size: int | None = None
    offset: int | None = None
    comment: bytes = b""
    comment_size: int | None = None
    suffix: bytes = b""
    end_signature: bytes = b"PK\5\6"


def pick(value: int | None, default: int) -> int:
    return default if value is None else value


def u16(value: int) -> int:
    return value & 0xFFFF


def u32(value: int) -> int:
    return value & 0xFFFFFFFF


def u64(value: int) -> int:
    return value & 0xFFFFFFFFFFFFFFFF


def local_header(entry: Entry, packed: bytes) -> bytes:
    name = entry.name if entry.local_name is None else entry.local_name
    compressed = pick(entry.compressed, len(packed))
    uncompressed = pick(entry.uncompressed, len(entry.data))
    return (
        struct.pack(
            "<4s5H3I2H",
            entry.local_signature,
            u16(entry.version),
            u16(pick(entry.local_flags, entry.flags)),
            u16(pick(entry.local_method, entry.method)),
            u16(entry.time),
            u16(entry.date),
            u32(pick(entry.local_crc, pick(entry.crc, zlib.crc32(entry.data)))),
            u32(pick(entry.local_compressed, compressed)),
            u32(pick(entry.local_uncompressed, uncompressed)),
            u16(pick(entry.local_name_size, len(name))),
            u16(pick(entry.local_extra_size, len(entry.local_extra))),
        )
        + name
        + entry.local_extra
    )


def central_header(entry: Entry, packed: bytes, offset: int) -> bytes:
    return (
        struct.pack(
            "<4s6H3I5H2I",
            entry.signature,
            u16(entry.made_by),
            u16(entry.version),
            u16(entry.flags),
            u16(entry.method),
            u16(entry.time),
            u16(entry.date),
            u32(pick(entry.crc, zlib.crc32(entry.data))),
            u32(pick(entry.compressed, len(packed))),
            u32(pick(entry.uncompressed, len(entry.data))),
            u16(pick(entry.name_size, len(entry.name))),
            u16(pick(entry.extra_size, len(entry.extra))),
            u16(pick(entry.comment_size, len(entry.comment))),
            u16(entry.disk),
            0,
            u32(entry.external),
            u32(pick(entry.offset, offset)),
        )
        + entry.name
        + entry.extra
        + entry.comment
    )


def zip64_records(zip64: Zip64, count: int, size: int, offset: int, here: int) -> bytes:
    record = struct.pack(
        "<4sQ2H2I4Q",
        zip64.signature,
        u64(zip64.record_size),
        45,
        45,
        u32(zip64.disk),
        u32(zip64.directory_disk),
        u64(pick(zip64.entries_on_disk, pick(zip64.entries, count))),
        u64(pick(zip64.entries, count)),
        u64(pick(zip64.size, size)),
        u64(pick(zip64.offset, offset)),
    )
    locator = struct.pack(
        "<4sIQI",
        zip64.locator_signature,
        u32(zip64.locator_disk),
        u64(pick(zip64.locator_offset, here)),
        u32(zip64.locator_disks),
    )
    return record + zip64.between + locator


def build(archive: Archive) -> bytes:
    base = len(archive.prefix) if archive.count_prefix else 0
    body = bytearray()
    offsets = []
    packed = [entry.stored() for entry in archive.entries]
    for entry, data in zip(archive.entries, packed, strict=True):
        offsets.append(base + len(body))
        body += local_header(entry, data) + data + entry.descriptor + entry.behind
    body += archive.before_directory
    start = base + len(body)
    order = range(len(archive.entries)) if archive.order is None else archive.order
    directory = b"".join(central_header(archive.entries[i], packed[i], offsets[i]) for i in order)
    body += directory
    count = len(list(order))
    if archive.zip64 is not None:
        here = base + len(body)
        body += zip64_records(archive.zip64, count, len(directory), start, here)
    body += archive.before_end
    body += struct.pack(
        "<4s4H2IH",
        archive.end_signature,
        u16(archive.disk),
        u16(archive.directory_disk),
        u16(pick(archive.entries_on_disk, pick(archive.total, count))),
        u16(pick(archive.total, count)),
        u32(pick(archive.size, len(directory))),
        u32(pick(archive.offset, start)),
        u16(pick(archive.comment_size, len(archive.comment))),
    )
    return archive.prefix + bytes(body) + archive.comment + archive.suffix


def torch_like(payload: bytes = A, root: bytes = b"m", **changes: object) -> Archive:
    """The records of a small torch.save file; `changes` are fields of its data.pkl entry."""
    archive = Archive(
        [
            Entry(root + b"/data.pkl", payload),
            Entry(root + b"/byteorder", b"little"),
            Entry(root + b"/data/0", b"\0\0\x80?" * 4),
            Entry(root + b"/version", b"3\n"),
        ]
    )
    for name, value in changes.items():
        setattr(archive.entries[0], name, value)
    return archive
