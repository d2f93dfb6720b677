"""Prove facts of classes from the sources of libraries, without running any of their code.

    python3 tools/catalogue/prove.py --sources .venv/lib/python3.11/site-packages [--write]

For each library of tools/catalogue/libraries.toml whose source is found (several folders: several
versions), every class is decided (prover/decide.py); what is proven in all versions goes to
catalogue/inert/proven/LIBRARY.toml. Prints a table of classes seen, proven, reviewed by hand and
undecided; `--undecided LIBRARY` lists why.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tomllib
from pathlib import Path

from prover.library import Library, Outcome, prove_library
from prover.write import render

ROOT = Path(__file__).resolve().parents[2]


def reviewed(folder: Path) -> set[str]:
    """The names that have a fact written by hand, or are known to be dangerous."""
    out: set[str] = set()
    for path in [*folder.glob("inert/*.toml"), *folder.glob("danger/*.toml")]:
        with path.open("rb") as file:
            data = tomllib.load(file)
        for kind in ("callable", "class", "constant", "danger"):
            for row in data.get(kind, []):
                modules = row.get("modules", [row.get("module", "")]) + row.get("aliases", [])
                lists = [v for k, v in row.items() if isinstance(v, list) and k not in
                         ("modules", "aliases")]  # fmt: skip
                out |= {f"{m}:{n}" if m else n for m in modules for names in lists for n in names}
    return out


def inherits(folder: Path) -> dict[str, str]:
    """Classes with facts written by hand, and the class whose facts they have: "module.name"."""
    out: dict[str, str] = {}
    for path in folder.glob("inert/*.toml"):
        with path.open("rb") as file:
            data = tomllib.load(file)
        for row in data.get("class", []):
            modules = row.get("modules", [row.get("module", "")])
            for name in row["names"]:
                for module in modules:
                    out[f"{module}:{name}"] = row.get("like", f"{modules[0]}.{name}")
    return out


def table(outcomes: list[Outcome]) -> None:
    """Print what was seen."""
    print(
        f"{'library':16} {'versions':34} {'classes':>8} {'proven':>8} {'by hand':>8}"
        f" {'undecided':>10}"
    )
    for out in outcomes:
        versions = ", ".join(out.versions)
        print(f"{out.library.name:16} {versions[:34]:34} {out.seen:8} {len(out.rows):8} "
              f"{out.by_hand:8} {len(out.undecided):10}")  # fmt: skip


def main() -> int:
    """Prove, print, write or compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sources", type=Path, action="append", required=True)
    parser.add_argument("--facts", type=Path, default=ROOT / "catalogue")
    parser.add_argument("--library", action="append", default=[])
    parser.add_argument("--undecided", action="append", default=[])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    gc.disable()  # what is parsed is kept: looking for garbage takes most of the time
    with (Path(__file__).parent / "libraries.toml").open("rb") as file:
        libraries = [Library(**row) for row in tomllib.load(file)["library"]]
    known = reviewed(options.facts)
    by_hand = inherits(options.facts)
    outcomes = []
    changed = 0
    for library in libraries:
        if options.library and library.name not in options.library:
            continue
        gc.collect()
        outcome = prove_library(library, options.sources, known, by_hand)
        if outcome is None:
            print(f"{library.name}: not all of its pinned versions are here", file=sys.stderr)
            continue
        outcomes.append(outcome)
        path = options.facts / "inert" / "proven" / f"{library.name}.toml"
        text = render(outcome)
        if options.write:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "ascii")
        elif not path.is_file() or path.read_text("ascii") != text:
            print(f"{path.name} is not what the sources give", file=sys.stderr)
            changed += 1
        if library.name in options.undecided:
            for key, why in sorted(outcome.undecided.items()):
                print(f"{key}: {why}")
    table(outcomes)
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
