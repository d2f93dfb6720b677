"""Deflate streams at and beyond the edge of the format, by a seed."""

from __future__ import annotations

import random
import zlib

LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]


class Bits:
    def __init__(self) -> None:
        self.number = 0
        self.count = 0

    def value(self, bits: int, count: int) -> None:
        self.number |= (bits & ((1 << count) - 1)) << self.count
        self.count += count

    def code(self, bits: int, count: int) -> None:
        for i in range(count - 1, -1, -1):
            self.value(bits >> i & 1, 1)

    def bytes(self) -> bytes:
        return self.number.to_bytes((self.count + 7) // 8, "little")


def fixed_block(rng: random.Random, bits: Bits, last: bool) -> None:
    bits.value(1 if last else 0, 1)
    bits.value(1, 2)
    for _ in range(rng.randrange(12)):
        if rng.random() < 0.6:
            bits.code(0x30 + rng.randrange(0x60, 0x90), 8)
            continue
        symbol = rng.choice([257, 258, 264, 265, 279, 280, 285, 286, 287])
        if symbol < 280:
            bits.code(symbol - 256, 7)
        else:
            bits.code(0xC0 + symbol - 280, 8)
        if 265 <= symbol < 285:
            bits.value(rng.randrange(32), (symbol - 261) // 4)
        distance = rng.choice([0, 0, 0, 1, 2, 3, 4, 10, 29, 30, 31])
        bits.code(distance, 5)
        if 4 <= distance < 30:
            bits.value(rng.randrange(4), distance // 2 - 1)
    if rng.random() < 0.95:
        bits.code(0, 7)


def canonical(lengths: list[int]) -> dict[int, tuple[int, int]]:
    code = 0
    out = {}
    for length in range(1, 16):
        for symbol, have in enumerate(lengths):
            if have == length:
                out[symbol] = (code & ((1 << length) - 1), length)
                code += 1
        code <<= 1
    return out


def dynamic_block(rng: random.Random, bits: Bits, last: bool) -> None:
    """Few symbols, with set sizes and lengths that zlib may refuse."""
    bits.value(1 if last else 0, 1)
    bits.value(2, 2)
    literals = rng.choice([257, 258, 286, 287, 288])
    distances = rng.choice([1, 2, 30, 31, 32])
    lengths = [0] * (literals + distances)
    used = rng.choice([[97, 256], [97, 98, 256], [256], [97], [97, 98, 257, 256]])
    sizes = {1: [rng.choice([1, 1, 2])], 2: [1, 1], 3: [1, 2, 2], 4: [2, 2, 2, 2]}[len(used)]
    for symbol, size in zip(used, sizes, strict=True):
        if symbol < literals:
            lengths[symbol] = size
    if rng.random() < 0.7:
        lengths[literals + rng.randrange(min(distances, 2))] = rng.choice([1, 1, 2])
    # One length for the symbols of the length code: 0 to 15 all have four bits.
    bits.value(literals - 257, 5)
    bits.value(distances - 1, 5)
    bits.value(15, 4)
    for symbol in LENGTH_ORDER:
        bits.value(0 if symbol >= 16 else 4, 3)
    for length in lengths:
        bits.code(length, 4)
    codes = canonical(lengths[:literals])
    for _ in range(rng.randrange(10)):
        symbol = rng.choice([s for s in used if s in codes] or [0])
        if symbol in codes and symbol != 256:
            bits.code(*codes[symbol])
            if symbol == 257:
                bits.value(rng.randrange(2), 1)
    if 256 in codes and rng.random() < 0.9:
        bits.code(*codes[256])


def forge(seed: int) -> bytes:
    rng = random.Random(seed)
    if rng.random() < 0.3:
        text = bytes(rng.choice(b"abcdef") for _ in range(rng.randrange(1, 200)))
        packer = zlib.compressobj(rng.choice([1, 6, 9]), zlib.DEFLATED, -15)
        data = bytearray(packer.compress(text) + packer.flush())
        for _ in range(rng.randrange(3)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(data[: rng.choice([len(data), rng.randrange(len(data) + 1)])])
    bits = Bits()
    blocks = rng.choice([1, 1, 2, 3])
    for i in range(blocks):
        last = i == blocks - 1 and rng.random() < 0.95
        rng.choice([fixed_block, dynamic_block])(rng, bits, last)
    return bits.bytes() + rng.choice([b"", b"", bytes(8), b"\xff" * 8])
