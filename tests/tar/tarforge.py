"""Tars by the thousand: headers by hand, any field forged, by a seed."""

from __future__ import annotations

import io
import random
import tarfile
from dataclasses import dataclass, field

BLOCK = 512
NUMBERS = {
    "mode": (100, 108),
    "uid": (108, 116),
    "gid": (116, 124),
    "size": (124, 136),
    "mtime": (136, 148),
    "devmajor": (329, 337),
    "devminor": (337, 345),
}
TEXTS = {"name": (0, 100), "link": (157, 257), "magic": (257, 265), "prefix": (345, 500)}


@dataclass
class Header:
    """One header block and what follows it; numbers and texts are raw field contents."""

    name: bytes = b"file"
    type: bytes = b"0"
    data: bytes = b""
    size: bytes | None = None  # the field; none: the data's size
    fields: dict[str, bytes] = field(default_factory=dict)
    patches: list[tuple[int, bytes]] = field(default_factory=list)  # bytes at an offset
    checksum: str = "unsigned"  # or signed, wrong, spaced, base256
    pad: bytes = b"\0"

    def block(self) -> bytes:
        out = bytearray(BLOCK)
        put(out, TEXTS["name"], self.name)
        for key, (start, end) in NUMBERS.items():
            if key not in ("size", "devmajor", "devminor"):
                put(out, (start, end), b"%0*o\0" % (end - start - 1, 0o644 if key == "mode" else 0))
        put(
            out,
            NUMBERS["size"],
            self.size if self.size is not None else b"%011o\0" % len(self.data),
        )
        out[156:157] = self.type
        put(out, TEXTS["magic"], b"ustar\x0000")
        for key, value in self.fields.items():
            put(out, {**TEXTS, **NUMBERS}[key], value)
        for at, value in self.patches:
            out[at : at + len(value)] = value
        return summed(bytes(out[:BLOCK]), self.checksum)

    def build(self) -> bytes:
        missing = -len(self.data) % BLOCK
        return self.block() + self.data + (self.pad * missing)[:missing]


def put(out: bytearray, where: tuple[int, int], value: bytes) -> None:
    start, end = where
    out[start:end] = value[: end - start].ljust(end - start, b"\0")


def summed(block: bytes, kind: str = "unsigned") -> bytes:
    bare = block[:148] + b" " * 8 + block[156:]
    total = sum(bare)
    if kind == "signed":
        total = sum(byte - 256 if byte > 127 else byte for byte in bare)
    text = b"%06o\0 " % total if total >= 0 else b"-%o" % -total
    if kind == "wrong":
        text = b"%06o\0 " % (total + 1)
    elif kind == "spaced":
        text = (b" +0o%o" % total).ljust(8)
    elif kind == "base256":
        text = b"\x80" + total.to_bytes(7, "big")
    return block[:148] + text[:8].ljust(8, b"\0") + block[156:]


def record(key: bytes, value: bytes, lie: int = 0) -> bytes:
    length = len(key) + len(value) + 3
    total = length + len(str(length))
    total = length + len(str(total))
    return b"%d %s=%s\n" % (total + lie, key, value)


def member(name: bytes, data: bytes, **named: object) -> Header:
    return Header(name=name, data=data, **named)  # type: ignore[arg-type]


def pax(*records: bytes, type: bytes = b"x") -> Header:
    return Header(name=b"pax", type=type, data=b"".join(records))


def archive(*parts: Header | bytes, end: bytes = b"\0" * 1024) -> bytes:
    return b"".join(part.build() if isinstance(part, Header) else part for part in parts) + end


NAMES = [
    b"storages",
    b"pickle",
    b"a/b",
    b"dir/",
    b"dir//",
    b"/abs",
    b"../up",
    b"",
    b"/",
    b"x" * 100,
    b"n\0hidden",
    b"\xff\xfe",
    b"\xc3\xa9",
    b"./storages",
    b"a/",
    b"long" * 20,
]
OCTAL = [
    b"0",
    b"",
    b"\0",
    b" ",
    b"7 ",
    b" 12\0",
    b"0o10",
    b"0O_1_0",
    b"1_0",
    b"1__0",
    b"_1",
    b"1_",
    b"+5",
    b"-5",
    b"-1000",
    b"-2000",
    b"--5",
    b"9",
    b"12 3",
    b"\x1c5",
    b"5\x1f",
    b"\t6\n",
    b"\x805",
    b"777",
    b"1000",
    b"1001",
    b"7777777",
    b"77777777777",
    b"0x10",
    b"0b1",
    b"+",
    b"0o",
    b"\xb2",
    b"1\0junk",
]
BASE256 = [0, 1, 5, 511, 512, 513, 1500, -1, -5, -512, -513, -2000, 1 << 40, 1 << 62, 1 << 80]
DECIMAL = [
    b"0",
    b"5",
    b"512",
    b"513",
    b" 7 ",
    b"+9",
    b"-1",
    b"-600",
    b"1_0",
    b"1__0",
    b"x",
    b"",
    b"1.5",
    "٥".encode(),
    "１２".encode(),
    b"\xc2\xa05",
    b"\x1c5",
    b"99999999999999999999999",
    b"\xff",
    b"1e2",
    b"0" * 4301 + b"5",
    b"12\n",
]


def base256(value: int, width: int = 12) -> bytes:
    mark = b"\xff" if value < 0 else b"\x80"
    return mark + (value % (1 << 8 * (width - 1))).to_bytes(width - 1, "big")


def number(rng: random.Random, near: int) -> bytes:
    return rng.choice(
        [
            rng.choice(OCTAL),
            base256(rng.choice(BASE256)),
            b"%o" % near,
            b"%o" % max(0, near + rng.choice([-513, -512, -1, 1, 511, 512, 5000])),
        ]
    )


def content(rng: random.Random) -> bytes:
    size = rng.choice([0, 1, 3, 100, 511, 512, 513, 1024, 1500])
    return bytes(rng.choices(b"abcdefgh\n0123456789", k=size))


def pax_records(rng: random.Random) -> bytes:
    out = []
    for _ in range(rng.randrange(1, 5)):
        lie = rng.choice([0] * 40 + [-1, 1, -3, 5, 1000])
        key, value = rng.choice(
            [
                (b"path", rng.choice(NAMES)),
                (b"linkpath", rng.choice(NAMES)),
                (b"size", rng.choice(DECIMAL)),
                (b"size", b"%d" % rng.choice([0, 1, 100, 512, 513, 1024])),
                (b"comment", b"hello"),
                (b"GNU.sparse.size", rng.choice(DECIMAL)),
                (b"GNU.sparse.realsize", b"%d" % rng.randrange(3000)),
                (b"GNU.sparse.name", rng.choice(NAMES)),
                (b"GNU.sparse.major", rng.choice([b"1", b"1", b"0", b"01"])),
                (b"GNU.sparse.minor", rng.choice([b"0", b"0", b"1"])),
                (b"hdrcharset", rng.choice([b"BINARY", b"x"])),
                (
                    b"GNU.sparse.map",
                    rng.choice(
                        [b"0,5,100,5", b"0,1", b"", b"1", b"5,5,0,5", b"x,1", b"0,-1", b"600,10"]
                    ),
                ),
                (b"GNU.sparse.offset", b"%d" % rng.randrange(900)),
                (b"GNU.sparse.numbytes", b"%d" % rng.randrange(90)),
                (b"mtime", rng.choice(DECIMAL)),
                (b"\xff", b"\xfe"),
                (b"a\nb", b"c"),
                (b"PATH", b"no"),
                (b"path", b"p" * rng.choice([99, 300, 5000])),
            ]
        )
        out.append(record(key, value, lie))
    if rng.random() < 0.1:
        out.insert(
            rng.randrange(len(out) + 1),
            rng.choice([b"\n", b"\0", b"junk", b"0 path=x\n", b"7 =aa\n", b"12 path"]),
        )
    return b"".join(out)


def sparse_map(rng: random.Random) -> bytes:
    parts = rng.randrange(4)
    numbers = [parts]
    at = 0
    for _ in range(parts):
        at += rng.randrange(300)
        size = rng.randrange(200)
        numbers += [at, size]
        at += size
    text = b"".join(b"%d\n" % n for n in numbers)
    if rng.random() < 0.1:
        text = text.replace(b"\n", rng.choice([b" \n", b"x\n", b"\0"]), 1)
    return text.ljust(-(-len(text) // BLOCK) * BLOCK, b"\0")


def old_sparse(rng: random.Random) -> list[Header | bytes]:
    header = Header(name=rng.choice(NAMES), type=b"S", data=content(rng))
    at = 0
    for i in range(rng.randrange(5)):
        at += rng.randrange(500)
        size = rng.randrange(200)
        header.patches.append((386 + 24 * i, b"%011o\0%011o\0" % (at, size)))
        at += size
    if rng.random() < 0.1:
        header.patches.append((386, rng.choice(OCTAL)[:12].ljust(12, b"\0")))
    header.patches.append((483, number(rng, at + rng.randrange(99))[:12].ljust(12, b"\0")))
    if rng.random() < 0.5:
        return [header]
    header.patches.append((482, b"\1"))
    more = []
    for i in range(rng.randrange(1, 3)):
        block = bytearray(BLOCK)
        for j in range(rng.randrange(22)):
            at += rng.randrange(50)
            block[24 * j : 24 * j + 24] = b"%011o\0%011o\0" % (at, rng.randrange(30))
        block[504] = i == 0 and rng.random() < 0.3
        more.append(bytes(block))
    return [header.block(), *more, header.build()[BLOCK:]]


def parts(rng: random.Random) -> list[Header | bytes]:
    kind = rng.randrange(12)
    if kind < 4:
        return [Header(name=rng.choice(NAMES), data=content(rng))]
    if kind == 4:
        return [
            Header(
                name=rng.choice(NAMES),
                type=rng.choice([b"L", b"K"]),
                data=rng.choice(NAMES) + rng.choice([b"\0", b"", b"\0more", b"/\0"]),
            )
        ]
    if kind < 8:
        records = pax_records(rng)
        head = Header(name=b"pax", type=rng.choice([b"x", b"x", b"x", b"g", b"X"]), data=records)
        if b"GNU.sparse.major=1" in records or rng.random() < 0.1:
            return [head, Header(name=rng.choice(NAMES), data=sparse_map(rng) + content(rng))]
        return [head]
    if kind == 8:
        return list(old_sparse(rng))
    if kind == 9:
        return [
            Header(
                name=rng.choice(NAMES),
                type=rng.choice([b"1", b"2", b"3", b"4", b"5", b"6", b"7"]),
                data=rng.choice([b"", b"", content(rng)]),
                fields={"link": rng.choice(NAMES)},
            )
        ]
    if kind == 10:
        return [
            Header(
                name=rng.choice(NAMES),
                type=rng.choice([b"\0", b"Z", b"A", b"V", b"\xff", b" "]),
                data=content(rng),
            )
        ]
    return [rng.choice([b"\0" * BLOCK, b"junk" * 128, b"\0" * 100, b"x"])]


def mutate(rng: random.Random, header: Header) -> None:
    key = rng.choice(
        ["size", "size", "size", *NUMBERS, "checksum", "prefix", "magic", "pad", "patch", "type"]
    )
    if key == "size":
        header.size = number(rng, len(header.data))
    elif key in NUMBERS:
        header.fields[key] = rng.choice(OCTAL)
    elif key == "checksum":
        header.checksum = rng.choice(["signed", "wrong", "spaced", "base256"])
    elif key == "prefix":
        header.fields["prefix"] = rng.choice(NAMES)
    elif key == "magic":
        header.fields["magic"] = rng.choice([b"", b"ustar  \0", b"GNUtar "])
    elif key == "pad":
        header.pad = rng.choice([b"P", b"\x80"])
    elif key == "type":
        header.type = bytes([rng.choice(b"0123456789LKSxgXAVDMN\0")])
    else:
        header.patches.append(
            (rng.randrange(BLOCK), bytes(rng.randrange(256) for _ in range(rng.randrange(1, 6))))
        )


def honest(rng: random.Random) -> bytes:
    out = io.BytesIO()
    kind = rng.choice([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for i in range(rng.randrange(1, 6)):
            name = rng.choice(
                ["m/weights.bin", "ü", "deep/" * rng.randrange(25) + "x", "n" * rng.choice([9, 99])]
            )
            info = tarfile.TarInfo(f"{name}{i}")
            data = content(rng)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def forge(seed: int) -> bytes:
    rng = random.Random(seed)
    if rng.random() < 0.1:
        whole = bytearray(honest(rng))
        for _ in range(rng.randrange(3)):
            whole[rng.randrange(len(whole))] = rng.randrange(256)
        return bytes(whole)
    pieces = [piece for _ in range(rng.randrange(1, 7)) for piece in parts(rng)]
    headers = [piece for piece in pieces if isinstance(piece, Header)]
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        if headers:
            mutate(rng, rng.choice(headers))
    end = rng.choice(
        [b"\0" * 1024, b"\0" * 1024, b"", b"\0" * 512, b"\0" * 100, b"tail", b"\0" * 1024 + b"PK"]
    )
    data = archive(*pieces, end=end)
    return data[: rng.randrange(len(data) + 1)] if rng.random() < 0.05 else data
