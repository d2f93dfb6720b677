#!/usr/bin/env python3
"""Writes what the bench reads: streams, torch zips, a folder of small files, bombs, facts.

    inputs.py FOLDER        needs PyTorch for the torch zips

Everything is made from fixed seeds, and only when it is not there yet.
"""

from __future__ import annotations

import io
import pickle
import random
import struct
import subprocess
import sys
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import codec_rates  # noqa: E402

GIB = 1 << 30
SPARSE_RECORDS = 20
FOLDER_FILES = 2000


# --- six dense streams: the opcodes that real files are full of -----------------------------------


def records() -> bytes:
    dice = random.Random(1)
    cities = [f"city {i}" for i in range(500)]
    rows = [
        {
            "id": i,
            "name": f"person {i}",
            "city": dice.choice(cities),
            "age": dice.randrange(100),
            "active": i % 3 == 0,
            "tags": [f"t{dice.randrange(50)}", f"u{i}"],
        }
        for i in range(300_000)
    ]
    return pickle.dumps(rows, protocol=4)


def small_ints() -> bytes:
    dice = random.Random(2)
    return pickle.dumps([dice.randrange(256) for _ in range(8_000_000)], protocol=4)


def floats() -> bytes:
    dice = random.Random(3)
    return pickle.dumps([dice.random() for _ in range(3_000_000)], protocol=4)


def tuples() -> bytes:
    dice = random.Random(4)
    return pickle.dumps([(i % 200, dice.randrange(200)) for i in range(1_500_000)], protocol=4)


def reduces() -> bytes:
    return pickle.dumps([OrderedDict([(i % 100, 0)]) for i in range(700_000)], protocol=4)


def long_strings() -> bytes:
    dice = random.Random(6)
    letters = "abcdefghijklmnopqrstuvwxyz "
    text = "".join(dice.choices(letters, k=100_000))
    starts = (dice.randrange(len(text) - 100) for _ in range(400_000))
    return pickle.dumps([text[s : s + 100] for s in starts], protocol=4)


STREAMS: dict[str, Callable[[], bytes]] = {
    "records": records,
    "small_ints": small_ints,
    "floats": floats,
    "tuples": tuples,
    "reduces": reduces,
    "long_strings": long_strings,
}


# --- bombs: small streams that would be expensive for a careless reader ---------------------------


def frame(body: bytes, protocol: int = 4) -> bytes:
    return bytes([0x80, protocol]) + body + b"."


def nested(start: bytes, end: bytes, depth: int) -> bytes:
    return frame(start * depth + end * depth)


BOMBS: dict[str, Callable[[], bytes]] = {
    # Twice the size at each step: 2^100000 leaves, but the sharing keeps it small.
    "laughs_dup": lambda: frame(b")" + b"2\x86" * 100_000),
    "laughs_memo": lambda: frame(
        b")" + b"".join(b"\x94j" + struct.pack("<I", i) + b"\x86" for i in range(100_000))
    ),
    "nested_lists": lambda: nested(b"]", b"a", 100_000)[:-2] + b".",
    "nested_tuples": lambda: frame(b")" + b"\x85" * 1_000_000),
    "nested_marks": lambda: frame(b"(" * 4_000_000),
    "length_2_63": lambda: frame(b"\x8d" + struct.pack("<Q", 1 << 63)),
    "length_2_40": lambda: frame(b"\x8e" + struct.pack("<Q", 1 << 40)),
    "frame_2_62": lambda: frame(b"\x95" + struct.pack("<Q", 1 << 62)),
    "memo_sparse": lambda: frame(
        b"N"
        + b"".join(
            b"r" + struct.pack("<I", (i * 2_654_435_761) & 0xFFFFFFFF) for i in range(500_000)
        )
    ),
    "memo_far": lambda: frame(b"Nr\xff\xff\xff\xff"),
    "hash_shared_tuple": lambda: frame(b"}" + b")" + b"2\x86" * 64 + b"Ns"),
    "long_digits": lambda: b"L" + b"7" * 2_000_000 + b"L\n.",
    "long4": lambda: frame(b"\x8b" + struct.pack("<i", 4_000_000) + b"\x7f" * 4_000_000),
    "dup_million": lambda: frame(b"N" + b"2" * 4_000_000),
    "reduce_million": lambda: frame(
        b"\x8c\x0bcollections\x8c\x0bOrderedDict\x93\x94" + b"h\x00)R0" * 500_000
    ),
}


# --- torch zips -----------------------------------------------------------------------------------


def torch_600() -> bytes:
    import torch

    tensors = OrderedDict(
        (f"layers.{i // 6}.part{i % 6}.weight", torch.full((100, 250), i / 600)) for i in range(600)
    )
    out = io.BytesIO()
    torch.save(tensors, out)
    return out.getvalue()


def unicode(text: str) -> bytes:
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def sparse_pickle(records: int, numel: int) -> bytes:
    """A state dict of `records` tensors of `numel` floats, as torch.save writes it."""
    out = b"\x80\x02}("
    for i in range(records):
        storage = (
            b"("
            + unicode("storage")
            + b"ctorch\nFloatStorage\n"
            + unicode(str(i))
            + unicode("cpu")
            + b"J"
            + struct.pack("<i", numel)
            + b"tQ"
        )
        out += (
            unicode(f"layer{i}.weight")
            + b"ctorch._utils\n_rebuild_tensor_v2\n("
            + storage
            + b"K\x00J"
            + struct.pack("<i", numel)
            + b"\x85K\x01\x85\x89"
            + b"ccollections\nOrderedDict\n)RtR"
        )
    return out + b"u."


def zeros_crc(count: int) -> int:
    block = bytes(1 << 24)
    crc = 0
    for _ in range(count // len(block)):
        crc = zlib.crc32(block, crc)
    return crc


def write_sparse_zip(path: Path) -> None:
    """A torch zip of 20 GiB whose storages are holes: stored members, 64-byte aligned, zip64."""
    members: list[tuple[str, bytes | None]] = [
        ("data.pkl", sparse_pickle(SPARSE_RECORDS, GIB // 4))
    ]
    members += [("byteorder", b"little")]
    members += [(f"data/{i}", None) for i in range(SPARSE_RECORDS)]
    members += [("version", b"3\n")]
    hole_crc = zeros_crc(GIB)
    directory = b""
    with path.open("wb") as out:
        offset = 0
        for member, data in members:
            name = f"big/{member}".encode()
            size = GIB if data is None else len(data)
            crc = hole_crc if data is None else zlib.crc32(data)
            padding = -(offset + 30 + len(name) + 4) % 64
            extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
            head = struct.pack("<HHHHHIII", 45, 0, 0, 0, 0x21, crc, size, size)
            local = b"PK\3\4" + head + struct.pack("<HH", len(name), len(extra)) + name + extra
            out.seek(offset)
            out.write(local)
            if data is not None:
                out.write(data)
            wide = struct.pack("<HHQ", 1, 8, offset)
            directory += (
                b"PK\1\2"
                + struct.pack("<H", 45)
                + head
                + struct.pack("<HHHHHII", len(name), len(wide), 0, 0, 0, 0, 0xFFFFFFFF)
                + name
                + wide
            )
            offset += len(local) + size
        out.seek(offset)
        count = len(members)
        end64 = struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(directory), offset)
        out.write(directory + b"PK\6\6" + end64)
        out.write(b"PK\6\7" + struct.pack("<IQI", 0, offset + len(directory), 1))
        out.write(
            b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), 0xFFFFFFFF, 0)
        )


def small_files() -> Iterator[tuple[str, bytes]]:
    """2,000 files that look like a hub's small ones: half torch zips, half plain pickles."""
    import torch

    for i in range(FOLDER_FILES):
        folder = f"model{i // 20:03}"
        if i % 2:
            out = io.BytesIO()
            torch.save({"weight": torch.full((8, 8), float(i)), "bias": torch.zeros(8)}, out)
            yield f"{folder}/part{i}.pt", out.getvalue()
        else:
            config = {"layers": i, "name": f"model {i}", "labels": list(range(i % 30)), "rate": 0.1}
            yield f"{folder}/config{i}.pkl", pickle.dumps(config, protocol=4)


# --- half a million facts -------------------------------------------------------------------------


def write_facts(root: Path) -> None:
    """A catalogue of 500,000 names spread over 2,500 modules, compiled like the real one."""
    dice = random.Random(7)
    parts = ["core", "util", "model", "layer", "data", "array", "tensor", "io", "graph", "train"]
    rows = []
    for i in range(2500):
        module = f"{dice.choice(parts)}{i % 40}.{dice.choice(parts)}.{dice.choice(parts)}{i}"
        names = ", ".join(f'"{dice.choice(parts)}_{dice.choice(parts)}_{j}"' for j in range(199))
        rows.append(f'[[danger]]\nmodule = "{module}"\nreach = [{names}]\n')
    folder = root / "facts" / "danger"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "wide.toml").write_text("\n".join(rows))
    embed = [sys.executable, "-B", str(ROOT / "tools/catalogue/embed.py")]
    embed += ["--facts", str(root / "facts"), "--defs", str(ROOT / "src/catalogue")]
    subprocess.run([*embed, "--output", str(root / "facts.bin")], check=True)


def containers(folder: Path) -> None:
    """A random forest of about 42 MB by joblib, raw and zlib; a small pickle, alone and in 7z."""
    import joblib
    import numpy as np
    import py7zr
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(1)
    forest = RandomForestRegressor(n_estimators=154, random_state=1)
    forest.fit(rng.random((3000, 10)), rng.random(3000))
    joblib.dump(forest, folder / "forest.joblib")
    joblib.dump(forest, folder / "forest_zlib.joblib", compress=3)
    small = pickle.dumps({"layers": [1, 2, 3]}, protocol=4)
    (folder / "small.pkl").write_bytes(small)
    with py7zr.SevenZipFile(folder / "small.7z", "w") as archive:
        archive.writestr(small, "small.pkl")


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    root = Path(arguments[0])
    for folder, recipes in (("streams", STREAMS), ("bombs", BOMBS)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for stem, recipe in recipes.items():
            path = root / folder / f"{stem}.pkl"
            if not path.exists():
                path.write_bytes(recipe())
    if not (root / "torch_600.pt").exists():
        (root / "torch_600.pt").write_bytes(torch_600())
    if not (root / "sparse_20g.pt").exists():
        write_sparse_zip(root / "sparse_20g.pt")
    if not (root / "facts.bin").exists():
        write_facts(root)
    if not (root / "containers" / "small.7z").exists():
        (root / "containers").mkdir(parents=True, exist_ok=True)
        containers(root / "containers")
    if not all((root / "codecs" / name).exists() for name in codec_rates.NAMES):
        codec_rates.write_inputs(root / "codecs")
    if not (root / "small" / "done").exists():
        for name, data in small_files():
            path = root / "small" / "files" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        (root / "small" / "done").touch()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
