"""Converts the honest corpus's torch files and compares each EXACT one with what torch.load gives.

    python tests/convert/honest.py [--library NAME ...] [--keep FOLDER | --kept FOLDER] [--reasons]

The files are those of `make honest` that torch.save wrote (tests/honest); with --kept those that
lie in FOLDER/NAME, where `make honest` or --keep left them. A whole module must give
every tensor of its own state_dict(), anything else every tensor by its way. Prints a table by
library and why files are not EXACT; the status is 1 when an EXACT file differs, when an output
does not scan clean, or when fewer than 99.5 % are EXACT.
"""

from __future__ import annotations

import argparse
import collections
import json
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from tests.convert import oracle  # noqa: E402
from tests.convert.compare import difference, read  # noqa: E402
from tests.convert.run import converted  # noqa: E402
from tests.honest.run import BRINE, LIBRARIES, Tally, files_of  # noqa: E402

WANTED = 0.995


def missing_of_state_dict(output: Path, value: Any) -> str | None:
    """A tensor of the module's own state_dict() that the output does not have, bit by bit."""
    if not isinstance(value, nn.Module):
        return None
    found, metadata = read(output)
    for name, tensor in value.state_dict().items():
        if not isinstance(tensor, torch.Tensor) or nn.parameter.is_lazy(tensor):
            continue
        plain = tensor.layout == torch.strided and not tensor.is_quantized
        bits = found.get(name) or found.get(metadata.get(name, ""))
        if plain and bits != oracle.bits_of(tensor):
            return f"{name}: not as in the module's own state_dict()"
    return None


def made(name: str, folder: Path) -> list[Path]:
    """One library's torch files, made now."""
    paths = []
    for file in files_of(LIBRARIES[name], Tally()):
        if file.name.endswith(".pt"):
            paths.append(folder / file.name)
            paths[-1].write_bytes(file.data)
    return paths


def measure(paths: list[Path], reasons: dict[str, list[str]]) -> collections.Counter[str]:
    """The verdicts of one library's files; "wrong" counts besides."""
    verdicts: collections.Counter[str] = collections.Counter()
    if not paths:
        return verdicts
    outputs = []
    for path, row in zip(paths, converted(BRINE, paths), strict=True):
        verdict = str(row["verdict"])
        verdicts[verdict] += 1
        if verdict != "EXACT":
            reasons.setdefault(f"{verdict}: {row['reason']}"[:150], []).append(path.name)
            continue
        output = Path(str(row["output"]))
        outputs.append(output)
        value = torch.load(path, weights_only=False, map_location="cpu")
        wrong = missing_of_state_dict(output, value) or difference(output, oracle.expected(value))
        if wrong is not None:
            verdicts["wrong"] += 1
            reasons.setdefault(f"WRONG {wrong}"[:200], []).append(path.name)
    if outputs:
        done = subprocess.run(
            [BRINE, "scan", "--format", "json", *outputs], capture_output=True, check=False
        )
        for report in json.loads(done.stdout)["files"]:
            if report["verdict"] != "clean":
                verdicts["not clean"] += 1
                reasons.setdefault("WRONG the output is not clean", []).append(report["path"])
    return verdicts


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--library", action="append", choices=sorted(LIBRARIES))
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--reasons", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    columns = ("EXACT", "DISARMED", "PARTIAL", "REFUSED", "wrong", "not clean")
    print(f"{'library':18} {'files':>6} " + " ".join(f"{c:>9}" for c in columns))
    sums: collections.Counter[str] = collections.Counter()
    for name in options.library or LIBRARIES:
        reasons: dict[str, list[str]] = {}
        with tempfile.TemporaryDirectory() as scratch:
            folder = (options.keep or Path(scratch)) / name
            folder.mkdir(parents=True, exist_ok=True)
            if options.kept:
                kept = sorted((options.kept / name).glob("*.pt"))
                paths = [Path(shutil.copy(path, folder)) for path in kept]
            else:
                paths = made(name, folder)
            verdicts = measure(paths, reasons)
        total = sum(verdicts[c] for c in columns[:4])
        if total == 0:
            continue
        sums.update(verdicts)
        print(f"{name:18} {total:6} " + " ".join(f"{verdicts[c]:9}" for c in columns))
        if options.reasons:
            for why, where in sorted(reasons.items(), key=lambda row: -len(row[1])):
                print(f"      {len(where):4} {why}  ({where[0]})")
    total = sum(sums[c] for c in columns[:4])
    print(f"{'all':18} {total:6} " + " ".join(f"{sums[c]:9}" for c in columns))
    print(f"{100 * sums['EXACT'] / max(total, 1):.2f} % EXACT")
    wrong = sums["wrong"] + sums["not clean"]
    return 1 if wrong or sums["EXACT"] < WANTED * total else 0


if __name__ == "__main__":
    sys.exit(main())
