"""Whether a safetensors file holds exactly the expected tensors.

The header is read by a strict reader of our own (no holes, no overlap, alignment, full cover) and
by the real safetensors library, which must agree that the file is sound.
"""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import safe_open

from tests.convert.oracle import Bits, Expected

SIZES = {
    "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32, "F16": 16,
    "BF16": 16, "I16": 16, "U16": 16, "I8": 8, "U8": 8, "BOOL": 8, "F4": 4,
}  # fmt: skip


def read(path: Path) -> tuple[dict[str, Bits], dict[str, str]]:
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length], object_pairs_hook=unique)
    metadata = header.pop("__metadata__", {})
    body = data[8 + length :]
    at = 0
    out: dict[str, Bits] = {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        assert begin == at, f"{name}: a hole or an overlap at {at}"
        bits = SIZES.get(entry["dtype"], 8)
        count = 1
        for size in entry["shape"]:
            count *= size
        assert (end - begin) * 8 == count * bits, f"{name}: a size that does not fit"
        assert begin % max(bits // 8, 1) == 0, f"{name}: not aligned"
        out[name] = Bits(entry["dtype"], tuple(entry["shape"]), body[begin:end])
        at = end
    assert at == len(body), "bytes behind the last tensor"
    with safe_open(path, framework="np") as real:
        assert set(real.keys()) == set(out)
    return out, metadata


def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    out = dict(pairs)
    assert len(out) == len(pairs), "a name twice"
    return out


def difference(path: Path, expected: Expected) -> str | None:
    """What is wrong; None when all is as it must be."""
    found, metadata = read(path)
    metadata |= dict(json.loads(metadata.get("brine.aliases", "[]")))
    first: dict[tuple[object, ...], str] = {}
    for name in sorted(expected.same, key=lambda name: name.encode()):
        first.setdefault(expected.same[name], name)
    for name, bits in expected.tensors.items():
        kept = first[expected.same[name]] if name in expected.same else name
        if kept != name:
            if name in found or metadata.get(name) != kept:
                return f"{name}: is {kept}, and the metadata does not say so"
            continue
        if name not in found:
            return f"{name}: missing"
        if found[name] != bits:
            return f"{name}: {found[name]} instead of {bits}"[:300]
    extra = set(found) - set(expected.tensors)
    return f"too many: {sorted(extra)[:3]}" if extra else None
