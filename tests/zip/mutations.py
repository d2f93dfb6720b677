"""Zip files by the thousand: a small archive with one to four of its fields changed, by a seed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

from tests.zip import zipforge
from tests.zip.zipforge import A, Archive, B, C, Entry, Zip64

WIDE = [0, 1, 2, 20, 46, 100, 0x7FFF, 0xFFFE, 0xFFFF, 0x10000, 0xFFFFFFFE, 0xFFFFFFFF]
HUGE = [*WIDE, 1 << 32, 1 << 63, (1 << 64) - 1, (1 << 64) - 30, (1 << 64) - 100]
FLAGS = [0, 1, 1 << 3, 1 << 5, 1 << 6, 1 << 11, 1 << 13, 0x808, 0xFFFF]
METHODS = [0, 8, 8, 0, 1, 9, 12, 14, 93, 99]
NAMES = [
    b"m/data.pkl", b"M/DATA.PKL", b"m/Data.pkl", b"m/data.pkl\0x", b"m/data.pk\xed", b"m/", b"m",
    b"", b"/data.pkl", b"n/data.pkl", b"../data.pkl", b"m\0/data.pkl", b"m/data.pkl/", b"m/version",
    b"m/.data/version", b"m/\xc3\xa9", b"m/\xff\xfe", b"m\\data.pkl", b"m/constants.pkl",
]  # fmt: skip
PAYLOADS = [A, B, C, b"", b"3\n", b"10", b" +3junk", b"-18446744073709551613", b"0", b"11", b"x"]


def near(rng: random.Random, size: int) -> int:
    return max(0, size + rng.choice([-30, -5, -2, -1, 0, 1, 2, 3, 17, 30, 46, 100]))


def zip64_field(rng: random.Random, entry: Entry) -> bytes:
    values = [
        rng.choice([len(entry.data), near(rng, len(entry.data)), rng.choice(HUGE)])
        for _ in range(rng.randrange(5))
    ]
    data = b"".join(struct.pack("<Q", zipforge.u64(v)) for v in values)
    data += rng.choice([b"", b"", b"\0\0\0\0", b"abc"])
    size = rng.choice([len(data)] * 4 + [0, 8, 16, 24, 100])
    before = rng.choice([b"", b"", b"UT\1\0\1", b"FB\4\0ZZZZ", b"\1"])
    return before + struct.pack("<HH", 1, size) + data


def deflate_oddly(rng: random.Random) -> bytes:
    return rng.choice(
        [
            b"",
            b"\3\0",
            b"\1\0\0\xff\xff",
            b"\1\3\0\xfc\xffabc",
            b"\5",
            b"K\4\0",
            b"\x07",
            rng.randbytes(20),
            zipforge.Entry(b"", A * 40, 8).stored()[:-3],
            zipforge.Entry(b"", A, 8).stored() + b"more",
            b"\x00\3\0\xfc\xffabc\3\0",
        ]  # fmt: skip
    )


def change_entry(rng: random.Random, entry: Entry) -> None:
    stored = len(entry.stored())
    changes: dict[str, Callable[[], Any]] = {
        "name": lambda: rng.choice(NAMES),
        "local_name": lambda: rng.choice([*NAMES, entry.name.upper()]),
        "data": lambda: rng.choice(PAYLOADS),
        "raw": lambda: rng.choice([deflate_oddly(rng), rng.choice(PAYLOADS)]),
        "behind": lambda: rng.choice([A, b"\0" * 8, b"PK\3\4", rng.randbytes(9)]),
        "method": lambda: rng.choice(METHODS),
        "flags": lambda: rng.choice(FLAGS),
        "time": lambda: rng.choice([0, 0, 1, 0x6000]),
        "date": lambda: rng.choice([0, 0x21, 0xFFFF]),
        "crc": lambda: rng.choice([0, 1, 0xFFFFFFFF]),
        "compressed": lambda: rng.choice([near(rng, stored), near(rng, stored), rng.choice(WIDE)]),
        "uncompressed": lambda: rng.choice(
            [near(rng, len(entry.data)), near(rng, len(entry.data)), rng.choice(WIDE)]
        ),
        "extra": lambda: rng.choice(
            [
                zip64_field(rng, entry),
                zip64_field(rng, entry),
                b"\1",
                b"UT\5\0\1aaaa",
                b"\1\0\xff\0",
                struct.pack("<HHBI", 0x7075, 14, 1, 0) + b"m/version",
            ]
        ),  # fmt: skip
        "comment": lambda: rng.choice([b"hello", b"PK\5\6" + b"\0" * 18, A]),
        "external": lambda: rng.choice([0x10, 0xFFFFFFFF, 0x81A40000]),
        "disk": lambda: rng.choice([0, 1, 2, 0xFFFF]),
        "version": lambda: rng.choice([0, 20, 45, 63, 64, 0xFFFF]),
        "offset": lambda: rng.choice([0, 1, rng.randrange(400), rng.choice(WIDE)]),
        "name_size": lambda: near(rng, len(entry.name)),
        "extra_size": lambda: near(rng, len(entry.extra)),
        "comment_size": lambda: near(rng, len(entry.comment)),
        "signature": lambda: rng.choice([b"PK\1\2", b"PK\1\3", b"PK\3\4"]),
        "local_method": lambda: rng.choice(METHODS),
        "local_flags": lambda: rng.choice(FLAGS),
        "local_crc": lambda: rng.choice([0, 1]),
        "local_compressed": lambda: rng.choice(WIDE),
        "local_uncompressed": lambda: rng.choice(WIDE),
        "local_extra": lambda: rng.choice([b"FB\6\0ZZZZZZ", b"\1", zip64_field(rng, entry)]),
        "local_name_size": lambda: near(rng, len(entry.name)),
        "local_extra_size": lambda: rng.choice([near(rng, len(entry.local_extra)), 0xFFFF]),
        "local_signature": lambda: rng.choice([b"PK\3\5", b"PK\1\2"]),
        "descriptor": lambda: struct.pack("<4s3I", b"PK\7\x08", 0, stored, stored),
    }
    name = rng.choice(list(changes))
    setattr(entry, name, changes[name]())
    if name in ("extra", "compressed", "uncompressed") and rng.random() < 0.4:
        entry.extra = zip64_field(rng, entry)
        for wide in ("compressed", "uncompressed", "offset"):
            if rng.random() < 0.5:
                setattr(entry, wide, 0xFFFFFFFF)


def change_zip64(rng: random.Random, zip64: Zip64, archive: Archive) -> None:
    size = len(zipforge.build(archive))
    changes: dict[str, Callable[[], Any]] = {
        "record_size": lambda: rng.choice([43, 44, 45, 0, (1 << 64) - 1]),
        "disk": lambda: rng.choice([0, 1, 2]),
        "directory_disk": lambda: rng.choice([0, 1, 2]),
        "entries_on_disk": lambda: rng.choice([0, 1, 3, 4, 5]),
        "entries": lambda: rng.choice([0, 1, 3, 4, 5, 1 << 33]),
        "size": lambda: rng.choice([near(rng, 200), rng.choice(HUGE)]),
        "offset": lambda: rng.choice([rng.randrange(size), rng.choice(HUGE)]),
        "signature": lambda: b"PK\6\5",
        "between": lambda: rng.choice([b"\0" * 56, b"abc", b"PK\6\6" + b"\0" * 52]),
        "locator_offset": lambda: rng.choice([rng.randrange(size), rng.choice(HUGE)]),
        "locator_disk": lambda: rng.choice([0, 1]),
        "locator_disks": lambda: rng.choice([0, 1, 2]),
        "locator_signature": lambda: b"PK\6\6",
    }
    name = rng.choice(list(changes))
    setattr(zip64, name, changes[name]())


def change_archive(rng: random.Random, archive: Archive) -> None:
    count = len(archive.entries)
    size = len(zipforge.build(archive))
    changes: dict[str, Callable[[], Any]] = {
        "order": lambda: [rng.randrange(count) for _ in range(rng.randrange(1, count + 3))],
        "zip64": lambda: Zip64(),
        "prefix": lambda: rng.choice([b"MZ junk", b"PK\3\4junk", b"PYTORCH1", A, bytes(64)]),
        "count_prefix": lambda: False,
        "before_directory": lambda: rng.choice([b"gap", bytes(46), A]),
        "before_end": lambda: rng.choice([b"gap", bytes(22)]),
        "disk": lambda: rng.choice([0, 1, 2, 0xFFFF]),
        "directory_disk": lambda: rng.choice([0, 1, 2, 0xFFFF]),
        "entries_on_disk": lambda: rng.choice([0, 1, count, count + 1, 0xFFFF]),
        "total": lambda: rng.choice([0, 1, count - 1, count, count + 1, 0xFFFF]),
        "size": lambda: rng.choice([near(rng, 220), rng.choice(WIDE)]),
        "offset": lambda: rng.choice([rng.randrange(size), rng.choice(WIDE)]),
        "comment": lambda: rng.choice([b"hello", zipforge.build(zipforge.torch_like(B))]),
        "comment_size": lambda: rng.choice([0, 1, 5, 0xFFFF]),
        "suffix": lambda: rng.choice(
            [b"x", b"PK\5\6", bytes(21), bytes(22), bytes(1000), b"PK\5\6" + bytes(18), A]
        ),
        "end_signature": lambda: b"PK\5\7",
    }
    name = rng.choice(list(changes))
    setattr(archive, name, changes[name]())
    if name == "prefix" and rng.random() < 0.5:
        archive.count_prefix = False


def base(rng: random.Random) -> Archive:
    archive = zipforge.torch_like(rng.choice([A, A, B]))
    if rng.random() < 0.3:
        rng.shuffle(archive.entries)
    if rng.random() < 0.3:
        archive.zip64 = Zip64()
    if rng.random() < 0.3:
        for entry in archive.entries:
            entry.method = rng.choice([0, 8])
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2, 3])):
        twin = Entry(rng.choice(NAMES[:4]), rng.choice([B, C]), rng.choice([0, 8]))
        archive.entries.insert(rng.randrange(len(archive.entries) + 1), twin)
    return archive


def forge(seed: int) -> bytes:
    """The same seed gives the same bytes, for ever."""
    rng = random.Random(seed)
    archive = base(rng)
    for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 4])):
        kind = rng.random()
        if kind < 0.65:
            change_entry(rng, rng.choice(archive.entries))
        elif kind < 0.8 and archive.zip64 is not None:
            change_zip64(rng, archive.zip64, archive)
        else:
            change_archive(rng, archive)
    data = bytearray(zipforge.build(archive))
    kind = rng.random()
    if kind < 0.08:
        for _ in range(rng.choice([1, 1, 2, 4])):
            data[rng.randrange(len(data))] = rng.choice([0, 1, 0x50, 0xFF, rng.randrange(256)])
    elif kind < 0.12:
        data += zipforge.build(base(rng))
    elif kind < 0.14:
        del data[rng.randrange(len(data)) :]
    elif kind < 0.15:
        data = bytearray(rng.randbytes(70000)) + data + rng.randbytes(rng.choice([0, 65536, 66000]))
    return bytes(data)


def forge_many(count: int, first: int = 0) -> Iterator[bytes]:
    return (forge(seed) for seed in range(first, first + count))
