"""A library in one or more versions: the facts that hold in all of them."""

from __future__ import annotations

import ast
import importlib.metadata
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prover.decide import Decider, Verdict, import_problem, slotted_state
from prover.order import UnknownError
from prover.sources import Class, Module, Sources
from prover.values import Wish

# What `slotted_state` writes.
SLOTTED = re.compile(r"(.+) \| none \| \(none \| (.+), dict<([^<>]+), any>\)")
TEST_PART = re.compile(
    r"(^|\.)(tests?|testing|conftest|_testing|setup|__main__|_test_\w+|test_\w+)(\.|$)"
)


@dataclass(frozen=True)
class Library:
    """A row of libraries.toml."""

    name: str
    distribution: str
    package: str
    versions: list[str] = field(hash=False)
    older: list[str] = field(default_factory=list, hash=False)
    modules: list[str] = field(default_factory=list, hash=False)
    without: list[str] = field(default_factory=list, hash=False)
    without_older: list[str] = field(default_factory=list, hash=False)
    also: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def packages(self) -> list[str]:
        """The packages that the library has; the standard library has many."""
        return [self.package] if self.package else self.modules

    @property
    def pinned(self) -> list[str]:
        """All versions, the newest first."""
        return [*self.versions, *self.older]


@dataclass
class Row:
    """Facts of one class, and where they come from."""

    module: str
    name: str
    facts: dict[str, str]
    members: list[str]
    line: int
    file: str
    places: list[str]
    version: str  # the newest that has it
    older: bool = False
    alias: str = ""


@dataclass
class Outcome:
    """What a library gave."""

    library: Library
    versions: list[str]
    seen: int = 0
    by_hand: int = 0
    rows: dict[str, Row] = field(default_factory=dict)
    undecided: dict[str, str] = field(default_factory=dict)


def version_in(folder: Path, distribution: str) -> str | None:
    """The version of a distribution that lies unpacked in a folder."""
    for found in importlib.metadata.distributions(path=[str(folder)]):
        name = re.sub(r"[-_.]+", "-", found.metadata["Name"] or "").lower()
        if name == distribution:
            return found.version.split("+")[0]
    return None


def other_name(library: Library, module: str) -> str:
    """The name that files know a module by, where the library is also used unpacked."""
    for inside, outside in library.also.items():
        if module.startswith(f"{inside}."):
            return outside + module.removeprefix(inside)
    return ""


def covers(library: Library, module: str, version: str = "") -> bool:
    """Whether the library's row asks for a module, in this version."""
    if TEST_PART.search(module):
        return False

    def below(names: list[str]) -> bool:
        return any(module == name or module.startswith(f"{name}.") for name in names)

    without = library.without + (library.without_older if version in library.older else [])
    return below(library.modules or library.packages) and not below(without)


def forwarded(sources: Sources, module: Module) -> Module | None:
    """The module that another's `__getattr__` takes all names from: `return getattr(other, name)`.

    None when it does anything else.
    """
    found = module.bound["__getattr__"]
    if len(found) != 1 or not isinstance(found[0], ast.FunctionDef):
        return None
    function = found[0]
    match function.body:
        case [ast.Return(ast.Call(ast.Name("getattr"), [ast.Name(other), ast.Name(name)], []))]:
            meaning = sources.look_up(module, other)
            asked = [argument.arg for argument in function.args.args]
            return meaning if asked == [name] and isinstance(meaning, Module) else None
    return None


@dataclass
class Judged:
    """One version of a library, and what was decided of its classes."""

    version: str
    sources: Sources
    verdicts: dict[str, Verdict]
    # Texts in files that put a finder on sys.meta_path, and what a table there gives for them.
    redirected: dict[str, str] = field(default_factory=dict)

    def means(self, key: str) -> Verdict | None:
        """What the name of another version's class means here; None when there is no such name.

        Fails when it is something that was not decided: a fact speaks of a name in every version.
        """
        if key in self.verdicts:
            return self.verdicts[key]
        module_name, _, name = key.partition(":")
        module = self.sources.module(module_name)
        top = name.split(".")[0]
        if module is None:
            package, _, within = module_name.partition(".")
            target = self.redirected.get(module_name, self.redirected.get(within))
            if target is None:
                return None
            places = (self.sources.module(place) for place in (target, f"{package}.{target}"))
            module = next((place for place in places if target and place is not None), None)
            if module is None:
                raise UnknownError(f"a module that {self.version} finds elsewhere")
        if top not in module.bound and "__getattr__" in module.bound:
            module = forwarded(self.sources, module)
            if module is None:
                raise UnknownError(f"something that {module_name} gives in {self.version}")
        if not (top in module.bound or module.stars):
            return None
        meaning = self.sources.look_up(module, top)
        if top not in module.bound and not isinstance(meaning, Class):
            return None  # none of the modules that it takes all names from is known to have it
        found = self.verdicts.get(meaning.key) if isinstance(meaning, Class) else None
        if found is None or found.problem:
            raise UnknownError(f"something else in {self.version}")
        return found if top == name else None


def decided(
    library: Library, version: str, folder: Path, others: list[Path], by_hand: dict[str, str]
) -> Judged:
    """Decide every class of one version."""
    sources = Sources([folder, *(other for other in others if other != folder)])
    decider = Decider(sources, library.packages, by_hand)
    verdicts: dict[str, Verdict] = {}
    for name in (name for package in library.packages for name in sources.walk(package)):
        if not covers(library, name, version):
            continue
        module = sources.module(name)
        if module is None:
            continue
        problem = import_problem(sources, module)
        for cls in module.classes():
            verdict = decider.decide(cls)
            if problem:
                verdict.problem, verdict.refused = problem, True
                verdict.facts.clear()
            verdicts[cls.key] = verdict
    return Judged(version, sources, verdicts, redirected(folder, library.packages))


def redirected(folder: Path, packages: list[str]) -> dict[str, str]:
    """The texts of files that put a finder of their own on sys.meta_path: names of old modules.

    With what a table of such a file has for them, or nothing.
    """
    out: dict[str, str] = {}
    for package in packages:
        for path in (folder / package.replace(".", "/")).rglob("*.py"):
            text = path.read_text(encoding="utf-8", errors="replace")
            if "sys.meta_path." not in text:
                continue
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    out.setdefault(node.value, "")
                if isinstance(node, ast.Dict):
                    for key, value in zip(node.keys, node.values, strict=True):
                        match key, value:
                            case ast.Constant(str(old)), ast.Constant(str(new)):
                                out[old] = new
    return out


def attribute_entries(contract: str) -> dict[str, str] | None:
    """The entries of an `attrs` contract by name: a pattern, or "" for a forbidden name."""
    if contract == "attrs":
        return {}
    if not (contract.startswith("attrs<") and contract.endswith(">")):
        return None
    out: dict[str, str] = {}
    depth = 0
    start = 0
    text = contract[6:-1]
    parts = []
    for i, char in enumerate(text):
        depth += (char in "<([") - (char in ">)]")
        if char == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    for part in parts:
        match = re.fullmatch(r'\s*"([^"]*)"\s*(?::\s*(.*))?', part)
        if match is None:
            return None
        out[match[1]] = match[2] or ""
    return out


def together(a: str, b: str) -> str:
    """A contract that implies both."""
    if a == b:
        return a
    slots = SLOTTED.fullmatch(a), SLOTTED.fullmatch(b)
    if slots[0] and slots[1]:
        attributes = together(slots[0][1], slots[1][1])
        keys = sorted({*slots[0][3].split(" | ")} & {*slots[1][3].split(" | ")})
        if keys:
            return slotted_state(attributes, keys)
    one, two = attribute_entries(a), attribute_entries(b)
    if one is None or two is None:
        return f"both<{a}, {b}>"
    out: list[str] = []
    for name in sorted(one.keys() | two.keys()):
        if name in one and name in two and one[name] != two[name]:
            known = one[name] and two[name]
            pattern = f"both<{one[name]}, {two[name]}>" if known else ""
        else:
            pattern = one.get(name) or two.get(name) or ""
        out.append(f'"{name}": {pattern}' if pattern else f'"{name}"')
    forbidden = [entry for entry in out if ":" not in entry]
    typed = [entry for entry in out if ":" in entry]
    entries = [*forbidden, *typed]
    return f"attrs<{', '.join(entries)}>" if entries else "attrs"


def merge(row: Row, verdict: Verdict) -> None:
    """Narrow the facts of a class to what an older version gives as well."""
    for key in sorted(row.facts.keys() | verdict.facts.keys()):
        if key not in verdict.facts or key not in row.facts:
            if key in ("hash", "keeps"):
                row.facts.pop(key, None)
                continue
            if key == "layer":
                row.facts[key] = "false"
                continue
            raise UnknownError(f"`{key}` is known in some versions only")
        if row.facts[key] == verdict.facts[key]:
            continue
        if key == "state":
            row.facts[key] = together(row.facts[key], verdict.facts[key])
        elif key == "hash":
            del row.facts[key]
        elif key == "layer":
            row.facts[key] = "false"
        else:
            raise UnknownError(f"`{key}` differs between versions")
    # A member that a version does not have is an error there, unless the name is something else.
    either = {*verdict.members}
    row.members = sorted(m for m in row.members if m in either or m not in verdict.bound)
    row.places += [place for place in verdict.places if place not in row.places]


def prove_library(
    library: Library, folders: list[Path], known: set[str], by_hand: dict[str, str]
) -> Outcome | None:
    """Decide all versions, the newest first, and keep what holds in each that has the class.

    The first two folders hold what the library builds on: what is installed, and the newest. What
    neither has any more is looked for in the others, which are older releases, one folder each.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        version = version_in(folder, library.distribution)
        if version is not None:
            found.setdefault(version, folder)
    if not all(version in found for version in library.pinned):
        return None
    out = Outcome(library, library.pinned)
    keys: set[str] = set()
    newer: list[Judged] = []
    # The standard library's names have facts and tables of their own; its sources tell no more.
    others = [*folders[:2], *(
        folder for folder in folders[2:]
        if folder not in found.values() and version_in(folder, "cpython") is None
    )]  # fmt: skip
    for version in library.pinned:
        judged = decided(library, version, found[version], others, by_hand)
        for key, verdict in judged.verdicts.items():
            first = key not in keys
            keys.add(key)
            if verdict.alias and f"{verdict.alias}:{verdict.cls.name}" in known:
                known.add(key)
            if key in known or key in out.undecided:
                continue
            if verdict.problem:
                out.undecided[key] = f"{verdict.problem} ({version})"
                out.rows.pop(key, None)
                continue
            add(out, key, verdict, version, newer if first else [])
        newer.append(judged)
    out.seen = len(keys)
    out.by_hand = len(keys & known)
    return out


def add(out: Outcome, key: str, verdict: Verdict, version: str, newer: list[Judged]) -> None:
    """One version's verdict on a class; `newer` versions have no class of this name."""
    try:
        if key in out.rows:
            merge(out.rows[key], verdict)
            return
        cls = verdict.cls
        row = out.rows[key] = Row(
            cls.module.name, cls.name, dict(verdict.facts), list(verdict.members),
            cls.node.lineno, cls.module.file, list(verdict.places), version, bool(newer),
            verdict.alias or other_name(out.library, cls.module.name),
        )  # fmt: skip
        for judged in newer:
            other = judged.means(key)
            if other is not None:
                merge(row, other)
    except UnknownError as error:
        out.undecided[key] = str(error)
        del out.rows[key]


def grouped(outcome: Outcome) -> Iterator[tuple[tuple[object, ...], list[Row]]]:
    """Rows of one module with the same facts, together."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in sorted(outcome.rows.values(), key=lambda row: (row.module, row.name)):
        unique = row.name if row.members else ""
        places = tuple(row.places)
        key = (row.module, row.alias, tuple(row.facts.items()), row.older, row.version, places,
               unique)  # fmt: skip
        groups.setdefault(key, []).append(row)
    yield from groups.items()


__all__ = ["Library", "Outcome", "Row", "Wish", "grouped", "prove_library"]
