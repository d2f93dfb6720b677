"""Compile the catalogue's TOML facts into one block of bytes that the program embeds.

    python3 tools/catalogue/embed.py --facts catalogue --defs src/catalogue --output catalogue.bin

The block is position-independent: it holds offsets from its own start and is read in place, never
parsed. Layout (little-endian, every section aligned to 4 bytes; src/catalogue/blob.h reads it):

    header   magic, then offset and count of each section
    blocks   offset of each block of 16 names
    names    front-coded: shared prefix length, suffix length (LEB128), suffix
    facts    one record a name, in the order of the names
    classes  one record a class
    words    contracts
    texts    32-bit length, bytes; addressed by offset
    index    open addressing by CRC-32 of the name: its high 8 bits and the number from 1

A name is `module:qualified.name`; a module's own fact is `module:`. The names are sorted bytewise.
The danger data lives in a folder of its own and may be missing.
"""

from __future__ import annotations

import argparse
import re
import struct
import sys
import tomllib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts import ContractError, Names, compile_contract

MAGIC = b"BRNFACT2"
BLOCK = 16
LONGEST = 512
NONE = 0xFFFFFFFF
KINDS = ("module", "callable", "class", "constant")
CAPABILITIES = (
    "run_code", "process", "network", "write", "delete", "native", "import", "unpickle",
    "reach", "read", "environment", "global_state", "exit",
)  # fmt: skip
CLASS_CONTRACTS = ("new", "state", "append", "extend", "setitem", "add")
HASHES = ("unknown", "inert", "none")
ROW_KEYS = {
    "module": {"names", "why"},
    "callable": {
        "module", "modules", "names", "call", "does", "gives", "fresh", "loader", "why", "older",
        "calling",
    },
    "class": {
        "module", "modules", "names", "call", "does", "gives", "fresh", "loader", "why", "hash",
        "instance", "like", "older", "base", "parser", "keywords", "layer", "keeps",
        "calling", *CLASS_CONTRACTS,
    },
    "constant": {"module", "modules", "names", "type", "fresh", "why"},
}  # fmt: skip
# Rows on facts that other rows state: what calling the name does, or that no fact stands.
NOTES = {"acting": {"module", "names", "calling", "why"}, "withheld": {"module", "names", "why"}}
DANGER_KEYS = {
    "module",
    "modules",
    "aliases",
    "importing",
    "read_only",
    "mixed",
    "why",
    *CAPABILITIES,
}


class FactError(ValueError):
    """A row that makes no sense; says which file and why."""


@dataclass
class Fact:
    """What is known of one name, before numbers are given."""

    key: str
    kind: str
    danger: bool
    row: dict[str, Any]
    origin: str
    canonical: str
    caps: int = 0
    acting: str = ""


@dataclass
class Tables:
    """The growing sections of the block."""

    ops: dict[str, int]
    behaviours: dict[str, int]
    facts: dict[str, Fact] = field(default_factory=dict)
    patterns: dict[str, str] = field(default_factory=dict)
    texts: bytearray = field(default_factory=lambda: bytearray(4))
    text_at: dict[bytes, int] = field(default_factory=lambda: {b"": 0})
    words: list[int] = field(default_factory=lambda: [0])
    word_at: dict[tuple[int, ...], int] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    dotted: dict[str, str] = field(default_factory=dict)
    notes: list[tuple[str, dict[str, Any], str]] = field(default_factory=list)
    types: dict[str, int] = field(default_factory=dict)

    def text(self, data: bytes) -> int:
        """Keep a text once; give its offset."""
        if data not in self.text_at:
            self.text_at[data] = len(self.texts)
            self.texts += struct.pack("<I", len(data)) + data
            self.texts += bytes(-len(self.texts) % 4)
        return self.text_at[data]

    def key_of(self, dotted: str) -> str:
        """Give the key of a dotted name that has a fact."""
        if dotted not in self.dotted:
            raise ContractError(f"no fact of the name {dotted!r}")
        return self.dotted[dotted]

    def type_of(self, dotted: str) -> int:
        """Give a class's number from 1; 0 is 'not known'."""
        key = self.facts[self.key_of(dotted)].canonical
        if key not in self.types:
            raise ContractError(f"{dotted!r} is no class")
        return self.types[key]

    def rank_of(self, dotted: str) -> int:
        """Give the number of a name's canonical form."""
        return self.ranks[self.facts[self.key_of(dotted)].canonical]

    def contract(self, source: str | None) -> int:
        """Keep a contract once; give the offset of its words, 0 for none."""
        if source is None:
            return 0
        names = Names(self.text, self.rank_of, self.type_of, self.patterns, self.ops)
        words = tuple(compile_contract(source, names))
        if words not in self.word_at:
            self.word_at[words] = len(self.words)
            self.words.extend(words)
        return self.word_at[words]


def read_numbers(path: Path, macro: str) -> dict[str, int]:
    """Number the entries of a .def file in their order."""
    found = re.findall(rf"^{macro}\((\w+)\)", path.read_text("ascii"), re.MULTILINE)
    return {name: number for number, name in enumerate(found)}


def check_keys(row: dict[str, Any], allowed: set[str], origin: str) -> None:
    """Refuse a row with a key that nobody reads."""
    unknown = sorted(set(row) - allowed)
    if unknown:
        raise FactError(f"{origin}: unknown key {', '.join(unknown)}")


def modules_of(row: dict[str, Any], origin: str) -> list[str]:
    """Give a row's modules; the first is the canonical one."""
    modules = row.get("modules", [row["module"]] if "module" in row else [])
    if not modules or not all(isinstance(module, str) and module for module in modules):
        raise FactError(f"{origin}: a row needs `module` or `modules`")
    return list(modules)


def capability_bits(names: str, origin: str) -> int:
    """Give the bits of 'write+network'."""
    bits = 0
    for name in names.split("+"):
        if name not in CAPABILITIES:
            raise FactError(f"{origin}: no capability {name!r}")
        bits |= 1 << CAPABILITIES.index(name)
    return bits


def rows_of_inert(data: dict[str, Any], origin: str) -> Iterator[Fact]:
    """Spread the rows of a file of reviewed facts over their names."""
    for kind in KINDS:
        for row in data.get(kind, []):
            check_keys(row, ROW_KEYS[kind], origin)
            if kind == "module":
                for name in row["names"]:
                    yield Fact(f"{name}:", kind, False, row, origin, f"{name}:")
                continue
            modules = modules_of(row, origin)
            for module in modules:
                for name in row["names"]:
                    canonical = f"{modules[0]}:{name}"
                    yield Fact(f"{module}:{name}", kind, False, row, origin, canonical)


def rows_of_danger(data: dict[str, Any], origin: str) -> Iterator[Fact]:
    """Spread the rows of a file of dangerous names; without a module each name brings its own."""
    for row in data.get("danger", []):
        groups = {key: value for key, value in row.items() if "+" in key or key in CAPABILITIES}
        check_keys({k: v for k, v in row.items() if k not in groups}, DANGER_KEYS, origin)
        importing = capability_bits(row["importing"], origin) if "importing" in row else 0
        places: list[tuple[str, str]] = []
        if "module" in row or "modules" in row:
            own = modules_of(row, origin)
            places = [(module, module) for module in own]
            places += [(alias, own[0]) for alias in row.get("aliases", [])]
        for module, _ in places:
            yield Fact(f"{module}:", "module", True, row, origin, f"{module}:", importing)
        for group, names in groups.items():
            bits = capability_bits(group, origin)
            for name in names:
                if not places:
                    module = name.partition(":")[0]
                    if not row.get("mixed"):
                        yield Fact(f"{module}:", "module", True, row, origin, f"{module}:")
                    yield Fact(name, "callable", True, row, origin, name, bits)
                for module, canonical in places:
                    key = f"{module}:{name}"
                    yield Fact(key, "callable", True, row, origin, f"{canonical}:{name}", bits)


def load(tables: Tables, folder: Path) -> None:
    """Read every file; a name has one fact, and a module's own fact may stand in both bodies."""
    for section, reader in (("inert", rows_of_inert), ("danger", rows_of_danger)):
        for path in sorted((folder / section).glob("**/*.toml")):
            origin = path.relative_to(folder).as_posix()
            with path.open("rb") as file:
                data = tomllib.load(file)
            allowed = {"danger"} if section == "danger" else {*KINDS, *NOTES, "patterns"}
            check_keys(data, allowed, origin)
            tables.patterns.update(data.get("patterns", {}))
            tables.notes += [(kind, row, origin) for kind in NOTES for row in data.get(kind, [])]
            for fact in reader(data, origin):
                add_fact(tables, fact)
        if section == "inert":
            apply_notes(tables)
    for key, fact in tables.facts.items():
        dotted = key.replace(":", ".").rstrip(".")
        if fact.kind != "module":
            tables.dotted.setdefault(dotted, key)


def apply_notes(tables: Tables) -> None:
    """Give facts what other rows say of them; a name's aliases get the same."""
    homes: dict[str, list[Fact]] = {}
    for fact in tables.facts.values():
        homes.setdefault(fact.canonical, []).append(fact)
    for kind, row, origin in tables.notes:
        check_keys(row, NOTES[kind], origin)
        if kind == "acting":
            capability_bits(row.get("calling", ""), origin)
        for module in modules_of(row, origin):
            for name in row["names"]:
                note_fact(tables, homes, kind, row, f"{origin}: {module}:{name}")


def note_fact(
    tables: Tables, homes: dict[str, list[Fact]], kind: str, row: dict[str, Any], label: str
) -> None:
    """One name of such a row."""
    fact = tables.facts.get(label.split(": ", 1)[1])
    if fact is None or fact.kind not in ("class", "callable"):
        raise FactError(f"{label} has no fact of a class or function")
    if kind == "acting" and (fact.acting or "calling" in fact.row):
        raise FactError(f"{label} has `calling` already, in {fact.origin}")
    for one in homes[fact.canonical]:
        if kind == "acting":
            one.acting = row["calling"]
        else:
            del tables.facts[one.key]


def add_fact(tables: Tables, fact: Fact) -> None:
    """Put a fact in its place, refusing a second one for the same name."""
    fits = len(fact.key) <= LONGEST
    if not fits or not re.fullmatch(r"[\x21-\x39\x3b-\x7e]+:[\x21-\x39\x3b-\x7e]*", fact.key):
        raise FactError(f"{fact.origin}: {fact.key!r} is no name")
    before = tables.facts.get(fact.key)
    if before is None:
        tables.facts[fact.key] = fact
    elif fact.kind == before.kind and (fact.kind == "module" or fact.danger == before.danger == 1):
        before.caps |= fact.caps
    else:
        raise FactError(f"{fact.origin}: {fact.key} has a fact already, in {before.origin}")


def inherited(tables: Tables, fact: Fact) -> dict[str, Any]:
    """A row with what it takes over from the class that it is `like`."""
    row = fact.row
    seen: list[str] = []
    while "like" in row:
        name = row["like"]
        if name in seen:
            raise FactError(f"{fact.origin}: {name} is like itself")
        seen.append(name)
        base = tables.facts[tables.key_of(name)].row
        row = {**base, **{key: value for key, value in row.items() if key != "like"}}
        if "like" in base:
            row["like"] = base["like"]
    return row


def give_numbers(tables: Tables) -> list[str]:
    """Sort the names and number names and classes."""
    order = sorted(tables.facts, key=lambda key: key.encode("ascii"))
    tables.ranks = {key: rank for rank, key in enumerate(order)}
    for key in order:
        fact = tables.facts[key]
        if fact.kind == "class" and fact.canonical == key:
            tables.types[key] = len(tables.types) + 1
    return order


def fact_record(tables: Tables, fact: Fact) -> bytes:
    """32 bytes: see blob.h."""
    row = inherited(tables, fact) if fact.kind == "class" else fact.row
    argument = NONE
    gives = row.get("gives", "")
    if gives.startswith("argument "):
        argument = int(gives.removeprefix("argument "))
        gives = ""
    if fact.danger:
        number = 0
    elif fact.kind == "class":
        number = tables.types[fact.canonical]
    elif fact.kind == "constant":
        number = tables.type_of(row["type"]) if "type" in row else 0
    else:
        number = 0
    result = tables.type_of(gives) if gives not in ("", "none") else 0
    if fact.kind == "class" and not row.get("gives"):
        result = number
    flags = (
        (1 if fact.danger else 0)
        | (2 if row.get("fresh", "fresh") == "shared" else 0)
        | (4 if gives == "none" else 0)
        | (8 if "type" in row or fact.kind == "class" else 0)
    )
    does = row.get("does", "none")
    if does not in tables.behaviours:
        raise FactError(f"{fact.origin}: {fact.key}: no behaviour {does!r}")
    loader = tables.text(row.get("loader", "").encode("ascii"))
    call = row.get("call")
    calling = fact.acting or row.get("calling", "")
    caps = capability_bits(calling, fact.origin) if calling else fact.caps
    if fact.danger:
        both = capability_bits("read+write", fact.origin)
        call = row.get("read_only") if fact.caps & both == both else None
    return struct.pack(
        "<BBBBHHIIIIII",
        KINDS.index(fact.kind), flags, tables.behaviours[does], argument & 0xFF,
        caps, 0, number, result, tables.contract(call),
        tables.ranks[fact.canonical], tables.text(row.get("why", "").encode("ascii")), loader,
    )  # fmt: skip


def class_record(tables: Tables, key: str) -> bytes:
    """32 bytes: see blob.h."""
    fact = tables.facts[key]
    row = inherited(tables, fact)
    instance = row.get("instance", "none")
    if instance not in tables.behaviours:
        raise FactError(f"{fact.origin}: {key}: no behaviour {instance!r}")
    flags = HASHES.index(row.get("hash", "unknown")) | tables.behaviours[instance] << 8
    flags |= (1 << 16 if row.get("parser") else 0) | (1 << 17 if row.get("keywords") else 0)
    flags |= (1 << 18 if row.get("layer") else 0) | (1 << 19 if fact.row.get("keeps") else 0)
    contracts = [tables.contract(row.get(name)) for name in CLASS_CONTRACTS]
    return struct.pack("<8I", tables.ranks[key], *contracts, flags)


def leb128(number: int) -> bytes:
    """Seven bits a byte, the last without the high bit."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def front_coded(order: list[str]) -> tuple[list[int], bytes]:
    """Give the offset of each block and the names."""
    offsets: list[int] = []
    out = bytearray()
    before = b""
    for rank, name in enumerate(order):
        key = name.encode("ascii")
        shared = 0
        if rank % BLOCK == 0:
            offsets.append(len(out))
        else:
            limit = min(len(before), len(key))
            while shared < limit and before[shared] == key[shared]:
                shared += 1
            out += leb128(shared)
        out += leb128(len(key) - shared) + key[shared:]
        before = key
    return offsets, bytes(out)


def hash_index(order: list[str]) -> list[int]:
    """Give the slots of a table at most two thirds full; 0 is an empty slot."""
    if len(order) >= 1 << 24:
        raise FactError("too many names for the index")
    size = 16
    while size * 2 < len(order) * 3:
        size *= 2
    slots = [0] * size
    for rank, name in enumerate(order):
        code = zlib.crc32(name.encode("ascii"))
        at = code & (size - 1)
        while slots[at]:
            at = (at + 1) & (size - 1)
        slots[at] = (code & 0xFF000000) | (rank + 1)
    return slots


def pack(sections: list[tuple[bytes, int]]) -> bytes:
    """Put the sections behind a header of their offsets and counts."""
    head = len(MAGIC) + 4 + 8 * len(sections)
    at = head
    table, body = bytearray(), bytearray()
    for data, count in sections:
        table += struct.pack("<II", at, count)
        padded = data + bytes(-len(data) % 4)
        body += padded
        at += len(padded)
    return MAGIC + struct.pack("<I", at) + bytes(table) + bytes(body)


def build(tables: Tables) -> bytes:
    """Give the finished block."""
    order = give_numbers(tables)
    records, classes = bytearray(), bytearray()
    for key in order:
        fact = tables.facts[key]
        try:
            records += fact_record(tables, fact)
            if key in tables.types:
                classes += class_record(tables, key)
        except ContractError as error:
            raise FactError(f"{fact.origin}: {key}: {error}") from error
    offsets, names = front_coded(order)
    index = hash_index(order)
    return pack(
        [
            (struct.pack(f"<{len(offsets)}I", *offsets), len(offsets)),
            (names, len(order)),
            (bytes(records), len(order)),
            (bytes(classes), len(tables.types)),
            (struct.pack(f"<{len(tables.words)}I", *tables.words), len(tables.words)),
            (bytes(tables.texts), len(tables.texts)),
            (struct.pack(f"<{len(index)}I", *index), len(index)),
        ]
    )


def main() -> int:
    """Compile; on a mistake in the data print one line that says where."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--facts", type=Path, required=True)
    parser.add_argument("--defs", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    tables = Tables(
        ops=read_numbers(options.defs / "contract_ops.def", "BRINE_CONTRACT_OP"),
        behaviours=read_numbers(options.defs / "behaviours.def", "BRINE_BEHAVIOUR"),
    )
    try:
        load(tables, options.facts)
        block = build(tables)
    except (FactError, tomllib.TOMLDecodeError) as error:
        print(f"catalogue: {error}", file=sys.stderr)
        return 1
    options.output.write_bytes(block)
    return 0


if __name__ == "__main__":
    sys.exit(main())
