"""The reviewed facts as rows, their contract lines, and a block in which one can be changed."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "catalogue"))

import embed  # noqa: E402

CONTRACTS = ("call", "new", "state", "append", "extend", "setitem", "add")
RECORD = 32
CALL_AT = 16  # of a fact's record
CLASS_AT = {"new": 4, "state": 8, "append": 12, "extend": 16, "setitem": 20, "add": 24}
FACTS, CLASSES, WORDS = 2, 3, 4  # sections of the block


@dataclass(frozen=True)
class Line:
    """One contract of one row."""

    origin: str
    kind: str
    key: str  # "module:name", the first name of the row
    contract: str  # call, new, state ...
    source: str

    def __str__(self) -> str:
        return f"{self.origin} {self.key} {self.contract}"


class Facts:
    """The facts of a folder, as the compiler reads them."""

    def __init__(self, folder: Path = ROOT / "catalogue") -> None:
        """Read and number everything."""
        defs = ROOT / "src" / "catalogue"
        self.tables = embed.Tables(
            ops=embed.read_numbers(defs / "contract_ops.def", "BRINE_CONTRACT_OP"),
            behaviours=embed.read_numbers(defs / "behaviours.def", "BRINE_BEHAVIOUR"),
        )
        embed.load(self.tables, folder)
        self.folder = folder
        self.order = embed.give_numbers(self.tables)
        self.givers: dict[str, list[str]] = {}
        self.constants: dict[str, list[str]] = {}
        for key, fact in self.tables.facts.items():
            if fact.danger or key != fact.canonical:
                continue
            if fact.kind == "constant" and "type" in fact.row:
                self.constants.setdefault(self.canonical(fact.row["type"]), []).append(key)
            gives = str(fact.row.get("gives", ""))
            known = gives not in ("", "none") and not gives.startswith("argument")
            if fact.kind in ("class", "callable") and known:
                self.givers.setdefault(self.canonical(gives), []).append(key)

    def canonical(self, dotted: str) -> str:
        """The key of a dotted name."""
        return str(self.tables.facts[self.tables.key_of(dotted)].canonical)

    def row(self, key: str) -> dict[str, Any]:
        """A row with what it takes over."""
        fact = self.tables.facts[key]
        return dict(embed.inherited(self.tables, fact)) if fact.kind == "class" else fact.row

    def lines(self) -> Iterator[Line]:
        """Every contract that stands in a row, in the order of the files."""
        for path in sorted((self.folder / "inert").glob("**/*.toml")):
            origin = path.relative_to(self.folder / "inert").as_posix()
            with path.open("rb") as file:
                data = tomllib.load(file)
            for kind in ("callable", "class"):
                for row in data.get(kind, []):
                    modules = row.get("modules", [row.get("module")])
                    keys = (f"{modules[0]}:{name}" for name in row["names"])
                    # Of some names another row says that no fact stands.
                    key = next((key for key in keys if key in self.tables.facts), None)
                    if key is None:
                        continue
                    for name in CONTRACTS:
                        if name in row:
                            yield Line(origin, kind, key, name, row[name])

    def names(self) -> Iterator[tuple[str, str]]:
        """Every callable and class that has a fact: key and kind, aliases left out."""
        for key in self.order:
            fact = self.tables.facts[key]
            if not fact.danger and fact.canonical == key and fact.kind in ("callable", "class"):
                yield key, fact.kind


class Changeable:
    """The block of all facts, with the words of weakened contracts at its end."""

    def __init__(self, facts: Facts) -> None:
        """Take the facts; the block is made by write()."""
        self.facts = facts

    def word(self, source: str) -> int:
        """Where a contract's words are; compiles it when it is new."""
        return int(self.facts.tables.contract(source))

    def write(self, path: Path) -> None:
        """The block, with every contract that was asked for."""
        self.facts.tables.types.clear()  # numbered once more, in the same order
        block = embed.build(self.facts.tables)
        path.write_bytes(block)
        head = len(embed.MAGIC) + 4
        self.sections = [
            int.from_bytes(block[head + 8 * i : head + 8 * i + 4], "little") for i in range(7)
        ]

    def place(self, key: str, contract: str) -> int:
        """The offset in the block of the word that says where a contract's words are."""
        tables = self.facts.tables
        if contract == "call":
            return self.sections[FACTS] + RECORD * tables.ranks[key] + CALL_AT
        number = tables.types[tables.facts[key].canonical] - 1
        return self.sections[CLASSES] + RECORD * number + CLASS_AT[contract]
