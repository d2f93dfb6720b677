"""Converts checkpoints of every kind and compares each EXACT one with the real loader, bit by bit.

    python tests/convert/run.py [--every N] [--seed N] [--reasons] [--mutate]

With --mutate one byte of the pickle of each file is changed first: what is still EXACT must equal
what the loader gives for the changed file. Prints how many of each row and container are EXACT or
not. The status is 1 when an EXACT file differs from what the loader gives.
"""

from __future__ import annotations

import argparse
import collections
import io
import json
import random
import subprocess
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from tests.convert import oracle  # noqa: E402
from tests.convert.checkpoints import CONTAINERS, Checkpoint, checkpoints  # noqa: E402
from tests.convert.compare import difference  # noqa: E402

BATCH = 200


@dataclass
class Result:
    verdicts: dict[tuple[str, str], collections.Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    reasons: collections.Counter[str] = field(default_factory=collections.Counter)
    unwritten: list[str] = field(default_factory=list)
    files: int = 0


def converted(brine: Path, paths: Sequence[Path]) -> list[dict[str, object]]:
    done = subprocess.run(
        [brine, "convert", "--force", "--format", "json", *paths], capture_output=True, text=True
    )
    files: list[dict[str, object]] = json.loads(done.stdout)["files"]
    assert [file["path"] for file in files] == [str(path) for path in paths], done.stderr
    return files


def check(batch: Iterable[tuple[Checkpoint, Path]], brine: Path, result: Result) -> None:
    pairs = list(batch)
    for (item, path), file in zip(pairs, converted(brine, [p for _, p in pairs]), strict=True):
        verdict = str(file["verdict"])
        cell = result.verdicts.setdefault((item.row, item.container), collections.Counter())
        cell[verdict] += 1
        result.files += 1
        if verdict != "EXACT":
            result.reasons[f"{item.row}: {verdict} {file['reason']}"] += 1
            continue
        try:
            value = oracle.load(path, item.container)
        except Exception as error:
            result.wrong.append(f"{item.name}: the loader says {type(error).__name__}: {error}")
            continue
        wrong = difference(Path(str(file["output"])), oracle.expected(value))
        if wrong is not None:
            result.wrong.append(f"{item.name}: {wrong}")


def mutate(path: Path, rng: random.Random) -> None:
    """Changes one byte of the pickle; a zip is written anew around it, with the right checksum."""
    data = path.read_bytes()
    if not data.startswith(b"PK"):
        # Behind the magic number: the raw storages at the end are no pickle, but may be hit too.
        path.write_bytes(changed(data, rng))
        return
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(path, "w") as out:
        for info in source.infolist():
            member = source.read(info)
            is_pickle = info.filename.endswith("/data.pkl")
            out.writestr(info.filename, changed(member, rng) if is_pickle else member)


def changed(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :]


def run(brine: Path, every: int = 1, seed: int = 0, mutated: bool = False) -> Result:
    result = Result()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        batch: list[tuple[Checkpoint, Path]] = []
        for index, item in enumerate(checkpoints(seed)):
            if index % every:
                continue
            path = Path(folder) / f"{index}-{item.name}"
            try:
                item.write(path)
            except Exception as error:  # what torch cannot write is no file
                result.unwritten.append(f"{item.name}: {type(error).__name__}")
                continue
            if mutated:
                # By file: torch's first format names storages by address, whose length varies.
                mutate(path, random.Random(f"{seed} {index}"))
            batch.append((item, path))
            if len(batch) == BATCH:
                check(batch, brine, result)
                for _, old in batch:
                    old.unlink()
                    old.with_suffix(".safetensors").unlink(missing_ok=True)
                batch = []
        if batch:
            check(batch, brine, result)
    return result


def matrix(result: Result) -> str:
    rows = sorted({row for row, _ in result.verdicts})
    lines = [f"{'row':40}" + "".join(f"{c:>16}" for c in CONTAINERS)]
    for row in rows:
        cells = []
        for container in CONTAINERS:
            counts = result.verdicts.get((row, container), collections.Counter())
            cells.append(" ".join(f"{n} {v[:5].lower()}" for v, n in sorted(counts.items())) or "-")
        lines.append(f"{row:40}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--brine", type=Path, default=ROOT / "build" / "brine")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reasons", action="store_true")
    parser.add_argument("--mutate", action="store_true")
    options = parser.parse_args()
    result = run(options.brine, options.every, options.seed, options.mutate)
    print(matrix(result))
    total: collections.Counter[str] = collections.Counter()
    for counts in result.verdicts.values():
        total += counts
    print(f"{result.files} files: " + ", ".join(f"{n} {v}" for v, n in total.most_common()))
    print(f"{len(result.unwritten)} that torch cannot write")
    if options.reasons:
        for reason, count in result.reasons.most_common():
            print(f"  {count:4} {reason}")
    for wrong in result.wrong:
        print("WRONG " + wrong)
    print(f"{len(result.wrong)} EXACT files differ from the loader's")
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
