"""What the interpretation of a method knows of a value, and what it wants of the state.

A value is a set of atoms: what it may be. The state that a file gives is the root of a tree of
fields; whenever the method does something with a field that would run the field's own code (compare
it, look into it, iterate over it), that becomes a wish for the field's type, and all wishes
together become the contract. Invariant: an operation on attacker's data either leaves a wish that
makes it harmless, or the method is undecided.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from prover.order import UnknownError
from prover.sources import Function, Meaning

ITEM, VALUE = "*", "**"  # path parts: an item of a list, a value of a dict under an unknown key
DEEPEST_BOX = 3


@dataclass(frozen=True)
class Safe:
    """A constant or an object of Python's own that holds nothing of the file."""


@dataclass(frozen=True)
class Const:
    """A text that is known."""

    text: str


@dataclass(frozen=True)
class Field:
    """What the state holds at a path of keys; the empty path is the state itself."""

    path: tuple[str, ...]


@dataclass(frozen=True)
class Any_:
    """Something of the file of which nothing can be demanded."""


@dataclass(frozen=True)
class Box:
    """A built-in container that the method made, and what may be in it."""

    inner: frozenset[Atom]


@dataclass(frozen=True)
class Self:
    """The instance."""


@dataclass(frozen=True)
class SelfDict:
    """The instance's __dict__."""


@dataclass(frozen=True)
class Super:
    """super(): the search goes on behind this place in the order."""

    after: int


@dataclass(frozen=True)
class Ref:
    """What a global name means."""

    meaning: Meaning


@dataclass(frozen=True)
class Method:
    """A function with its first argument."""

    function: Function
    bound: frozenset[Atom]


@dataclass(frozen=True)
class Part:
    """An attribute of a value, on its way to being called."""

    base: Atom
    name: str


@dataclass(frozen=True, eq=False)
class Local:
    """A function that the method defines."""

    node: ast.FunctionDef | ast.Lambda
    env: dict[str, Atoms]
    frame: Any


@dataclass(frozen=True)
class Pairs:
    """Pairs of a text and one of these."""

    inner: frozenset[Atom]


Atom: TypeAlias = (
    Pairs | Safe | Const | Field | Any_ | Box | Self | SelfDict | Super | Ref | Method | Part
    | Local
)  # fmt: skip
Atoms: TypeAlias = frozenset[Atom]

SAFE: Atoms = frozenset({Safe()})
ANY: Atoms = frozenset({Any_()})
SELF: Atoms = frozenset({Self()})
STATE: Atoms = frozenset({Field(())})


def box(*inner: Atoms) -> Atoms:
    """A new container of these; what is nested too deeply counts as unknown."""
    atoms: set[Atom] = set()
    for value in inner:
        atoms |= {Any_() if depth(atom) >= DEEPEST_BOX else atom for atom in value}
    return frozenset({Box(frozenset(atoms))})


def depth(atom: Atom) -> int:
    """How deep containers are nested."""
    if isinstance(atom, (Box, Pairs)):
        return 1 + max(map(depth, atom.inner), default=0)
    return 0


# Wishes for a field, as contracts.
SCALAR = "none | bool | int | float | str | bytes"
BUILTIN = f"{SCALAR} | dict<any, any> | seq<any> | set<any>"
SET = "set<any> | object<builtins.set>"
MAPPING = "dict<hashable, any> | object<collections.OrderedDict, collections.defaultdict>"


@dataclass
class Wish:
    """What is wanted of a field and of what lies below it.

    Kinds, each harmless for certain operations of the interpreter:
    plain    constants and built-in containers of them: compared, formatted, converted
    builtin  any built-in container or constant: its length and truth
    mapping  a dict of any kind: `in`, `[key]`, by the type's own slots
    dict     a plain dict with text keys: also its methods
    list     a plain list: also its methods
    seq      a plain list or tuple: iteration, `[0]`
    str      text: also its methods
    set      a plain set: also its methods
    never    must not be there
    """

    kinds: set[str] = field(default_factory=set)
    below: dict[str, Wish] = field(default_factory=dict)

    def at(self, path: tuple[str, ...]) -> Wish:
        """Give the wish at a path, made when missing."""
        wish = self
        for part in path:
            wish = wish.below.setdefault(part, Wish())
        return wish

    def pattern(self) -> str:
        """Give the contract of this field."""
        kinds = set(self.kinds)
        below = {key: wish for key, wish in self.below.items() if wish.kinds or wish.below}
        if "never" in kinds:
            raise UnknownError("a wish that nothing fulfils")
        items = below.get(ITEM)
        keys = {key: wish for key, wish in below.items() if key not in (ITEM, VALUE)}
        patterns: list[str] = []
        if below.get(VALUE) is not None:
            raise UnknownError("a wish for every value of a dict")
        if "set" in kinds:
            if keys or items is not None or kinds & {"list", "seq", "str", "plain"}:
                raise UnknownError("one field used as set and as something else")
            # What one of the two lacks is an AttributeError or a TypeError.
            return f"{SET} | attrs" if kinds & {"dict", "mapping"} else SET
        if items is not None or kinds & {"list", "seq"}:
            if keys or kinds & {"dict", "mapping", "str"}:
                raise UnknownError("one field used as list and as dict")
            inner = items.pattern() if items is not None else "any"
            word = "list" if "list" in kinds else "seq"
            patterns.append(f"{word}<{inner}>")
        elif keys or "dict" in kinds:
            patterns.append(attributes(keys))
        elif "mapping" in kinds:
            patterns.append(MAPPING)
        if "str" in kinds:
            patterns.append("str")
        if "plain" in kinds:
            patterns.append("plain")
        if not patterns and "builtin" in kinds:
            patterns.append(BUILTIN)
        if not patterns:
            return "any"
        out = patterns[0]
        for other in patterns[1:]:
            out = f"both<{out}, {other}>"
        return out


def attributes(keys: dict[str, Wish], forbidden: set[str] | None = None) -> str:
    """Give the contract of a dict of names, of which some are forbidden and some have a type."""
    entries = [f'"{name}"' for name in sorted(forbidden or ())]
    for name, wish in sorted(keys.items()):
        if name in (forbidden or ()):
            continue
        pattern = wish.pattern()
        if pattern != "any":
            entries.append(f'"{name}": {pattern}')
    return f"attrs<{', '.join(entries)}>" if entries else "attrs"
