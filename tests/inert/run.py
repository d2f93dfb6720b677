"""What Brine calls clean is inert: changed honest pickles, loaded for real under watch.

    python tests/inert/run.py [--changes N] [--library NAME ...]

For each honest pickle N changed copies are made (mutate.py). Those that Brine calls clean are
loaded in a child that reports audit events, changed builtins and crashes (child.py); each is a
failure.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.honest.run import LIBRARIES  # noqa: E402
from tests.inert import mutate  # noqa: E402

BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()
CHILD = Path(__file__).with_name("child.py")
LARGEST = 60_000  # bytes of a stream: what is larger has more numbers, not more kinds


def clean_among(folder: Path) -> list[Path]:
    """The files of a folder that Brine calls clean."""
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", folder], capture_output=True, check=False
    )
    files = json.loads(done.stdout)["files"]
    return sorted(Path(file["path"]) for file in files if file["verdict"] == "clean")


def watch(honest: Path, files: list[Path]) -> list[dict[str, Any]]:
    """What loading did; a crash is narrowed down to one file."""
    if not files:
        return []
    done = subprocess.run(
        [sys.executable, str(CHILD), str(honest), *map(str, files)],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    if done.returncode == 0:
        out: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
        return out
    if len(files) == 1:
        crash = f"ended with {done.returncode}: {done.stderr[-300:]}"
        return [{"file": str(files[0]), "events": [crash], "changed": [], "error": ""}]
    half = len(files) // 2
    return watch(honest, files[:half]) + watch(honest, files[half:])


def check(
    honest: list[tuple[str, bytes]], changes: int, seed: int
) -> tuple[Counter[str], list[dict[str, Any]]]:
    """Change, scan and load; counts and failures."""
    counts: Counter[str] = Counter()
    failures: list[dict[str, Any]] = []
    chance = random.Random(seed)
    memory = Path("/dev/shm")
    scratch = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    try:
        for name, stream in honest:
            folder = scratch / "changed"
            folder.mkdir()
            first = scratch / name
            first.write_bytes(stream)
            parts = mutate.pieces(stream)
            for number in range(changes):
                (folder / f"{number}.pkl").write_bytes(mutate.changed(parts, chance))
            clean = clean_among(folder)
            found = watch(first, clean)
            counts.update(streams=1, changed=changes, clean=len(clean))
            counts["loaded"] += sum(1 for row in found if not row["error"])
            bad = [row for row in found if row["events"] or row["changed"]]
            for row in bad:
                row["data"] = Path(row["file"]).read_bytes()
                row["honest"] = name
            failures += bad
            shutil.rmtree(folder)
    finally:
        shutil.rmtree(scratch)
    return counts, failures


def streams_of(library: str) -> list[tuple[str, bytes]]:
    """A library's plain pickles of protocol 2 and 4."""
    out = []
    try:
        for file in LIBRARIES[library]():
            wanted = file.name.endswith((".p2.pkl", ".p4.pkl"))
            if wanted and len(file.data) <= LARGEST:
                out.append((file.name, file.data))
    except Exception as error:  # as in the corpus: a library may be missing
        print(f"{library}: {error}", file=sys.stderr)
    return out


def main() -> int:
    """Print a table by library."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--library", action="append", choices=sorted(LIBRARIES))
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    columns = ("streams", "changed", "clean", "loaded")
    print(f"{'library':18} " + " ".join(f"{c:>9}" for c in columns) + "   failures")
    wrong = 0
    for library in options.library or LIBRARIES:
        counts, failures = check(streams_of(library), options.changes, 1)
        wrong += len(failures)
        print(f"{library:18} " + " ".join(f"{counts[c]:9}" for c in columns), len(failures))
        for row in failures[:20]:
            print(f"    {row['honest']}: {row['events'][:2]} {row['changed'][:3]}")
        for number, row in enumerate(failures if options.keep else []):
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{library}-{number}.pkl").write_bytes(row["data"])
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
