"""Makes honest model files with the real libraries and counts what Brine says of them.

    python tests/honest/run.py [--library NAME ...] [--sample N] [--keep FOLDER] [--reasons]

Prints a table by library and, with --reasons, why files are not clean. Libraries that are not
installed are named and left out. Every file is made anew; nothing is kept but with --keep.
"""

from __future__ import annotations

import argparse
import json
import os
import pickletools
import random
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.honest.core import CORE  # noqa: E402
from tests.honest.further import FURTHER  # noqa: E402
from tests.honest.kinds import KINDS  # noqa: E402
from tests.honest.later import LATER  # noqa: E402
from tests.honest.people import PEOPLE  # noqa: E402
from tests.honest.sizes import SIZES  # noqa: E402
from tests.honest.writers import File  # noqa: E402

BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()
LIBRARIES: dict[str, Callable[[], Iterator[File]]] = {
    **CORE,
    **FURTHER,
    **LATER,
    **KINDS,
    **SIZES,
    **PEOPLE,
}


@dataclass
class Tally:
    """What was seen of one library."""

    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, list[str]] = field(default_factory=dict)  # why, and in which files
    names: set[frozenset[str]] = field(default_factory=set)
    failed: str = ""


def files_of(maker: Callable[[], Iterator[File]], tally: Tally) -> Iterator[File]:
    """The files, until the library fails."""
    try:
        yield from maker()
    except Exception as error:  # a missing library, or one of another version
        tally.failed = f"{type(error).__name__}: {error}"[:120]


def globals_in(data: bytes) -> frozenset[str]:
    """The names that a plain pickle imports; empty for other files."""
    out: set[str] = set()
    words: list[str] = []
    try:
        for opcode, value, _ in pickletools.genops(data):
            if opcode.name in ("GLOBAL", "INST"):
                out.add(str(value))
            elif opcode.name == "STACK_GLOBAL":
                out.add(" ".join(words[-2:]))
            elif isinstance(value, str):
                words.append(value)
    except Exception:  # an archive, or compressed
        return frozenset()
    return frozenset(out)


def scan(folder: Path) -> list[dict[str, Any]]:
    """What Brine says of all files of a folder."""
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", folder], capture_output=True, check=False
    )
    files: list[dict[str, Any]] = json.loads(done.stdout)["files"]
    return files


def measure(name: str, sample: int, keep: Path | None) -> Tally:
    """Make one library's files and scan them."""
    tally = Tally()
    made = list(files_of(LIBRARIES[name], tally))
    if sample:
        made = random.Random(5).sample(made, min(sample, len(made)))
    with tempfile.TemporaryDirectory() as scratch:
        folder = (keep or Path(scratch)) / name
        folder.mkdir(parents=True, exist_ok=True)
        for file in made:
            (folder / file.name).write_bytes(file.data)
            data = file.data
            if data[:2] == b"PK" and file.name.endswith(".pt"):
                with zipfile.ZipFile(folder / file.name) as archive:
                    data = archive.read(next(n for n in archive.namelist() if "data.pkl" in n))
            tally.names.add(globals_in(data))
        if not made:
            return tally
        for report in scan(folder):
            tally.verdicts[report["verdict"]] += 1
            if report["verdict"] == "clean":
                continue
            for finding in report["findings"]:
                why = f"{finding['code']} {finding.get('callable') or finding['title']}"[:150]
                tally.reasons.setdefault(why, []).append(Path(report["path"]).name)
    tally.names.discard(frozenset())
    return tally


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--library", action="append", choices=sorted(LIBRARIES))
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--reasons", action="store_true")
    parser.add_argument(
        "--later", action="store_true", help="only what was written after the facts"
    )
    parser.add_argument("--kinds", action="store_true", help="only the fourth group")
    parser.add_argument("--people", action="store_true", help="only the sixth group")
    options = parser.parse_args()
    columns = ("clean", "suspicious", "malicious", "incomplete", "unrecognized")
    print(f"{'library':18} {'files':>6} {'sets':>5} " + " ".join(f"{c:>12}" for c in columns))
    sums: Counter[str] = Counter()
    every: set[frozenset[str]] = set()
    chosen = [(options.kinds, KINDS), (options.later, LATER), (options.people, PEOPLE)]
    group = next((makers for wanted, makers in chosen if wanted), LIBRARIES)
    for name in options.library or group:
        tally = measure(name, options.sample, options.keep)
        total = sum(tally.verdicts.values())
        every |= tally.names
        sums.update(tally.verdicts)
        shown = " ".join(f"{tally.verdicts[c]:12}" for c in columns)
        print(f"{name:18} {total:6} {len(tally.names):5} {shown}  {tally.failed}")
        if options.reasons:
            for why, where in sorted(tally.reasons.items(), key=lambda row: -len(row[1])):
                print(f"      {len(where):4} {why}  ({where[0]})")
    shown = " ".join(f"{sums[c]:12}" for c in columns)
    print(f"{'all':18} {sum(sums.values()):6} {len(every):5} {shown}")
    return 1 if sums["malicious"] or sums["incomplete"] or sums["unrecognized"] else 0


if __name__ == "__main__":
    sys.exit(main())
