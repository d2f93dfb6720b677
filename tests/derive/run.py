"""Proven facts are derived again by a second method, and compared.

    python tests/derive/run.py [--facts N] [--seed N] [--all]

The prover reads source with `ast` and imports nothing. Here the classes of a random sample are
imported in a confined child (child.py), which says what a live class has: which `__new__`,
`__setstate__`, `__getattr__`, `__del__`, `__hash__`, stores, from which class and at which line,
and what the metaclass is. From that the facts are derived once more; a difference is a
disagreement. Facts of libraries that are not installed, or in another version, are counted.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CHILD = Path(__file__).with_name("child.py")
WHY = re.compile(r"proven: (\S+) (\S+) ([^:]+):([\d,]+) (runs (.*)|is an enumeration)")
PLAIN_METACLASSES = {
    "builtins.type", "abc.ABCMeta", "typing._ProtocolMeta", "enum.EnumMeta", "enum.EnumType",
}  # fmt: skip
# What isinstance, issubclass and repr ask a metaclass for, which unpickling an instance does not.
ASKED_ABOUT_CLASSES = {"__instancecheck__", "__subclasscheck__", "__repr__"}
NATIVE_HASH = {"dict", "list", "set", "OrderedDict", "defaultdict", "Counter", "bytearray", "deque"}


@dataclass(frozen=True)
class Proven:
    """A class with proven facts."""

    library: str
    version: str
    module: str
    name: str
    file: str
    lines: tuple[int, ...]
    places: tuple[str, ...]  # "file:line" of methods that run, as far as they are listed
    more: bool  # there are more than are listed
    facts: dict[str, str]

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


def proven_facts() -> Iterator[Proven]:
    """Every class of catalogue/inert/proven/."""
    for path in sorted((ROOT / "catalogue" / "inert" / "proven").glob("*.toml")):
        with path.open("rb") as file:
            data = tomllib.load(file)
        for row in data.get("class", []):
            match = WHY.fullmatch(row["why"])
            if match is None or row.get("older"):
                continue
            library, version, source, lines, _, runs = match.groups()
            more = bool(runs) and runs.endswith(" ...")
            places = () if runs in (None, "no code of its own") else tuple(
                runs.removesuffix(" ...").split(", "))  # fmt: skip
            module = row.get("modules", [row.get("module")])[0]
            for name in row["names"]:
                yield Proven(library, version, module, name, source,
                             tuple(map(int, lines.split(","))), places, more,
                             {k: v for k, v in row.items() if isinstance(v, str)})  # fmt: skip


# The part of a state's contract that is set slot by slot.
SLOTS = re.compile(r"\(none \| [^()]*, dict<([^<>]*), any>\)")


def ask(rows: list[Proven], python: str) -> list[dict[str, Any]]:
    """What the child says of each."""
    lines = "".join(json.dumps({"module": row.module, "name": row.name}) + "\n" for row in rows)
    done = subprocess.run(
        [python, "-W", "ignore", str(CHILD)], input=lines, capture_output=True, text=True,
        timeout=1500, check=False, cwd=tempfile.gettempdir(),
    )  # fmt: skip
    out = [json.loads(line) for line in done.stdout.splitlines()]
    if len(out) != len(rows):
        raise ValueError(f"the child ended with {done.returncode}: {done.stderr[-300:]}")
    return out


def by_source(found: dict[str, Any] | None) -> bool:
    """Whether a name is defined by Python code."""
    return found is not None and found["kind"] == "source"


def short(place: str, row: Proven) -> str:
    """A place as the proof writes it: from the package's folder on."""
    top = row.file.split("/", 1)[0]
    return f"{top}/{place.rsplit(f'/{top}/', 1)[-1]}" if f"/{top}/" in place else place


def disagreements(row: Proven, live: dict[str, Any]) -> list[str]:
    """Where the live class says something else than the fact."""
    out: list[str] = []
    facts = row.facts
    if short(live["file"], row) != row.file:
        out.append(f"stands in {short(live['file'], row)}, not {row.file}")
    if not any(live["line"] <= line <= live["line"] + 12 for line in row.lines):
        out.append(f"stands at line {live['line']}, not {row.lines}")
    plain = live["metaclass"] in PLAIN_METACLASSES or {*live["metamethods"]} <= ASKED_ABOUT_CLASSES
    if not plain and "like" not in facts:
        out.append(f"its metaclass is {live['metaclass']}")
    slots = SLOTS.search(facts.get("state", ""))
    if slots and (strangers := {*re.findall(r'"([^"]*)"', slots[1])} - {*live["slots"]}):
        out.append(f"has no slots {sorted(strangers)}")
    if "like" in facts:
        return out + inherited(row, live)
    if live["members"]:
        return out + (["an enumeration with a contract for states"] if "state" in facts else [])
    if "new" in facts and by_source(live["__new__"]):
        made = live["__new__"]
        named_tuple = made["by"].endswith(row.name) or "tuple" in live["native"]
        if not named_tuple:
            out.append(f"__new__ is code at {short(made['at'], row)}")
    for name in ("__setstate__", "__del__"):
        if by_source(live[name]):
            out += listed(row, live[name]["at"], name)
    if by_source(live["__getattribute__"]):
        out.append(f"__getattribute__ is code at {short(live['__getattribute__']['at'], row)}")
    if by_source(live["__getattr__"]) and not by_source(live["__setstate__"]):
        out += listed(row, live["__getattr__"]["at"], "__getattr__")
    return out + hashes(row, live) + stores(row, live)


def listed(row: Proven, place: str, name: str) -> list[str]:
    """A method that runs must be among the places that the proof names."""
    file, line = short(place, row).rsplit(":", 1)
    for known in row.places:
        other, number = known.rsplit(":", 1)
        if other == file and 0 <= int(number) - int(line) <= 6:  # behind its decorators
            return []
    return [] if row.more else [f"{name} at {file}:{line} runs and is not named"]


def inherited(row: Proven, live: dict[str, Any]) -> list[str]:
    """A class that has another's facts must not define what unpickling runs."""
    own = f"{row.module}.{row.name}"
    return [
        f"{name} is its own, at {short(live[name]['at'], row)}"
        for name in ("__new__", "__setstate__", "__setattr__", "__getattr__", "__getattribute__",
                     "__del__", "__hash__", "__eq__")
        if by_source(live[name]) and live[name]["by"] == own
    ]  # fmt: skip


def hashes(row: Proven, live: dict[str, Any]) -> list[str]:
    """How an instance is hashed."""
    found = live["__hash__"] or {"kind": "none"}
    if found["kind"] == "none":
        derived = "none"
    elif found["kind"] == "source":
        derived = "unknown"
    else:
        derived = "inert"
    said = row.facts.get("hash", "unknown")
    if said == derived or said == "unknown":  # saying less is no disagreement
        return []
    return [f"its hash is {derived}, not {said}"]


def stores(row: Proven, live: dict[str, Any]) -> list[str]:
    """What opcodes put into it, by which method."""
    out = []
    for contract, method in (("append", "append"), ("extend", "extend"),
                             ("setitem", "__setitem__"), ("add", "add")):  # fmt: skip
        if contract not in row.facts:
            continue
        found = live[method]
        if found is None:
            out.append(f"has no {method}")
        elif found["kind"] == "source":
            out.append(f"{method} is code at {short(found['at'], row)}")
    return out


def main() -> int:
    """Print counts and disagreements."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--facts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="every fact, not a sample")
    options = parser.parse_args()
    rows = list(proven_facts())
    random.Random(options.seed).shuffle(rows)
    counts, wrong = derive(rows, len(rows) if options.all else options.facts)
    for word, number in counts.items():
        print(f"{word:28} {number:6}")
    for row, problems in wrong:
        print(f"disagreement: {row}: {'; '.join(problems)}")
    return 1 if wrong else 0


def derive(rows: list[Proven], wanted: int) -> tuple[Counter[str], list[tuple[Proven, list[str]]]]:
    """Derive facts until as many as wanted could be, in the order given."""
    counts: Counter[str] = Counter({"derived again": 0, "agree": 0})
    wrong: list[tuple[Proven, list[str]]] = []
    tops: dict[str, bool] = {}
    for start in range(0, len(rows), 400):
        group = [row for row in rows[start : start + 400] if installed(row, tops, counts)]
        for row, live in zip(group, ask(group, sys.executable), strict=True):
            if counts["derived again"] == wanted:
                return counts, wrong
            if "missing" in live:
                counts["cannot be imported here"] += 1
                continue
            counts["derived again"] += 1
            problems = disagreements(row, live)
            counts["agree"] += not problems
            if problems:
                wrong.append((row, problems))
    return counts, wrong


def installed(row: Proven, tops: dict[str, bool], counts: Counter[str]) -> bool:
    """Whether the library is here in the version that was proven."""
    import importlib.metadata

    if row.library not in tops:
        try:
            version = importlib.metadata.version(row.library).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            version = ""
        tops[row.library] = version == row.version
    counts["library not installed"] += not tops[row.library]
    return tops[row.library]


if __name__ == "__main__":
    sys.exit(main())
