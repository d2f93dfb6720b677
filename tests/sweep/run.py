"""The sweep: no callable of the installed libraries is clean when a pickle calls it, but the inert.

    python tests/sweep/run.py [--brine PROGRAM] [--names N] [--list-clean]

Without --brine, the program is linked with the inert facts alone: what it says does not rest on a
list of dangerous names. A clean stream is right only when the catalogue has a fact for the name;
with --list-clean those are printed, to be looked at.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests" / "support"))

import other_catalogue  # noqa: E402

from tests.sweep import names, streams  # noqa: E402

MEMORY = Path("/dev/shm")
BATCH = 400  # names


def blind_brine(folder: Path) -> Path:
    """Brine that knows no danger."""
    facts = folder / "facts"
    shutil.copytree(ROOT / "catalogue" / "inert", facts / "inert")
    other_catalogue.link(facts, folder / "brine")
    return folder / "brine"


def known_names() -> set[str]:
    """Every `module:name` that has an inert fact."""
    out: set[str] = set()
    for path in sorted((ROOT / "catalogue" / "inert").rglob("*.toml")):
        with path.open("rb") as file:
            data = tomllib.load(file)
        for kind in ("callable", "class", "constant"):
            for row in data.get(kind, []):
                for module in row.get("modules", [row.get("module")]):
                    out |= {f"{module}:{name}" for name in row["names"]}
    return out


def find_names(tops: list[str]) -> list[tuple[str, str]]:
    """What is callable below the given modules, from a child process."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.sweep.names", *tops],
        cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    lines = (line.split(" ", 1) for line in done.stdout.splitlines())
    return [(parts[0], parts[1]) for parts in lines if len(parts) == 2]


def clean_streams(
    brine: Path, wanted: list[tuple[str, str]]
) -> tuple[int, list[tuple[str, str, str]]]:
    """How many streams were scanned, and which of them are clean: (module, name, kind)."""
    clean: list[tuple[str, str, str]] = []
    total = 0
    for start in range(0, len(wanted), BATCH):
        folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        try:
            label: dict[str, tuple[str, str, str]] = {}
            for module, name in wanted[start : start + BATCH]:
                for kind, data in streams.streams(module, name).items():
                    file = f"{len(label)}.pkl"
                    (folder / file).write_bytes(data)
                    label[file] = (module, name, kind)
            done = subprocess.run(
                [brine, "scan", "--format", "json", folder], capture_output=True, check=False
            )
            files = json.loads(done.stdout)["files"]
            if len(files) != len(label):
                raise ValueError(f"{len(label)} files, {len(files)} verdicts")
            total += len(files)
            good = ("suspicious", "malicious", "incomplete")
            clean += [label[Path(f["path"]).name] for f in files if f["verdict"] not in good]
        finally:
            shutil.rmtree(folder)
    return total, clean


def main() -> int:
    """Print a table by library."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--brine", type=Path)
    parser.add_argument("--names", type=int, default=0, help="a random sample of so many")
    parser.add_argument("--list-clean", action="store_true")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp())
    brine = options.brine or blind_brine(scratch)
    known = known_names()
    groups = {"stdlib": names.standard_library(), **{n: [n] for n in names.LIBRARIES}}
    sums: Counter[str] = Counter()
    wrong: list[tuple[str, str, str]] = []
    print(f"{'library':12} {'names':>8} {'streams':>9} {'clean':>7} {'wrong':>6}")
    for label, tops in groups.items():
        found = find_names(tops)
        if options.names:
            found = random.Random(7).sample(found, min(options.names, len(found)))
        total, clean = clean_streams(brine, found)
        bad = [row for row in clean if f"{row[0]}:{row[1]}" not in known]
        wrong += bad
        sums.update(names=len(found), streams=total, clean=len(clean), wrong=len(bad))
        print(f"{label:12} {len(found):8} {total:9} {len(clean):7} {len(bad):6}")
        if options.list_clean:
            for module, name, kind in clean:
                print(f"    {kind:14} {module}.{name}")
    print(f"{'all':12} {sums['names']:8} {sums['streams']:9} {sums['clean']:7} {sums['wrong']:6}")
    for module, name, kind in wrong[:50]:
        print(f"wrong: {kind} {module}.{name}")
    shutil.rmtree(scratch)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
