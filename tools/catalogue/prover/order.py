"""The order in which a class's bases are searched, and what bases outside the sources define.

Bases that have no source here (types written in C) stand in a table that says what of unpickling
they run. Invariant: a base that is neither in a source nor in the table makes the class unknown.
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import dataclass

from prover.known import READ_METACLASSES
from prover.sources import Class, External, Meaning, Module, Sources, Value, dotted_name


class UnknownError(Exception):
    """Something that cannot be told; says what."""


@dataclass(frozen=True)
class Native:
    """A class without source, of which this is known.

    `layout` is the built-in container that instances are ("" for a bare object); `hashes` tells how
    an instance is hashed: by identity, by contents ("contents"), or not at all ("none").
    """

    name: str
    bases: tuple[str, ...] = ("object",)
    layout: str = ""
    hashes: str = ""


NATIVE = {
    row.name: row
    for row in (
        Native("object", ()),
        Native("dict", layout="dict", hashes="none"),
        Native("list", layout="list", hashes="none"),
        Native("tuple", layout="tuple", hashes="contents"),
        Native("collections.namedtuple", ("tuple",), "tuple", "contents"),
        Native("collections.OrderedDict", ("dict",), "dict", "none"),
        Native("collections.defaultdict", ("dict",), "dict", "none"),
        Native("set", layout="set", hashes="none"),
        Native("types.SimpleNamespace", hashes="none"),
        # Written in Python: `data` is an attribute, no hook but __contains__ and stores is defined.
        Native("collections.UserDict", hashes="none"),
        Native("collections.UserList", hashes="none"),
        Native("typing.Generic"),
        Native("typing.Protocol", ("typing.Generic",)),
        Native("abc.ABC"),
        Native("enum.Enum", layout="enum", hashes="inert"),
        Native("enum.IntEnum", ("enum.Enum",), "enum", "contents"),
        Native("enum.StrEnum", ("enum.Enum",), "enum", "contents"),
        Native("enum.Flag", ("enum.Enum",), "enum", "inert"),
        Native("enum.IntFlag", ("enum.Flag",), "enum", "contents"),
        Native("str", layout="str", hashes="contents"),
        Native("int", layout="int", hashes="contents"),
        Native("float", layout="float", hashes="contents"),
    )
}
# Python's own exceptions, which keep their arguments and set attributes by name.
for _name, _found in vars(builtins).items():
    if isinstance(_found, type) and issubclass(_found, BaseException):
        _bases = tuple(base.__name__ for base in _found.__bases__)
        NATIVE[_name] = Native(_name, _bases, "exception")
SPELLINGS = {
    "typing_extensions.Protocol": "typing.Protocol",
    "typing_extensions.Generic": "typing.Generic",
}
# Python's own classes that add methods and nothing that unpickling runs, but a comparison that
# takes the hash away. Their sources are CPython's: __slots__ is empty and no hook is defined.
ABSTRACT = {
    "Mapping": "none", "MutableMapping": "none", "Sequence": "", "MutableSequence": "",
    "Set": "none", "MutableSet": "none", "Iterable": "", "Iterator": "", "Sized": "",
    "Container": "",
    "Collection": "", "Hashable": "", "Callable": "", "Reversible": "", "Generator": "",
}  # fmt: skip
for _name, _hashes in ABSTRACT.items():
    NATIVE[f"collections.abc.{_name}"] = Native(f"collections.abc.{_name}", hashes=_hashes)
    SPELLINGS[f"typing.{_name}"] = f"collections.abc.{_name}"
    SPELLINGS[f"_collections_abc.{_name}"] = f"collections.abc.{_name}"
METACLASSES = {"type", "abc.ABCMeta", "typing._ProtocolMeta"}

Base = Class | Native


def layout_of(order: list[Base]) -> str:
    """The built-in container that instances are; an enumeration first, whatever its values are."""
    found = [base.layout for base in order if isinstance(base, Native) and base.layout]
    return "enum" if "enum" in found else next(iter(found), "")


def native(dotted: str) -> Native | None:
    """A row of the table by a name as sources spell it."""
    dotted = dotted.removeprefix("builtins.")
    return NATIVE.get(SPELLINGS.get(dotted, dotted))


def named_tuple(module: Module, node: ast.expr, sources: Sources) -> bool:
    """Whether an expression makes a plain named tuple."""
    if not isinstance(node, ast.Call):
        return False
    dotted = dotted_name(node.func)
    meaning = sources.resolve(module, dotted) if dotted else None
    names = {"collections.namedtuple", "typing.NamedTuple"}
    return isinstance(meaning, External) and meaning.dotted in names


def with_metaclass(module: Module, node: ast.expr, sources: Sources) -> list[ast.expr] | None:
    """The bases in `six.with_metaclass(ABCMeta, base...)`."""
    if not isinstance(node, ast.Call) or node.keywords or not node.args:
        return None
    if (dotted_name(node.func) or "").split(".")[-1] != "with_metaclass":
        return None
    meta = sources.resolve(module, dotted_name(node.args[0]) or "?")
    if isinstance(meta, External) and meta.dotted in METACLASSES:
        return node.args[1:]
    return None


def simple_enum(cls: Class) -> list[ast.expr]:
    """The base in `@_simple_enum(IntEnum)`, by which the standard library makes enumerations."""
    return [
        node.args[0]
        for node in cls.node.decorator_list
        if isinstance(node, ast.Call)
        and node.args
        and (dotted_name(node.func) or "?").split(".")[-1] == "_simple_enum"
    ]


class Order:
    """Computes and keeps the search order of classes."""

    def __init__(self, sources: Sources) -> None:
        """Take the sources that names are followed in."""
        self.sources = sources
        self.known: dict[Class | str, list[Base] | UnknownError] = {}

    def bases(self, cls: Class) -> list[Base]:
        """The direct bases; fails on one that is not known."""
        out: list[Base] = []
        for node in [*cls.node.bases, *simple_enum(cls)]:
            out += self.base(cls.module, node, cls)
        return out or [NATIVE["object"]]

    def base(self, module: Module, node: ast.expr, cls: Class) -> list[Base]:
        """What one base expression stands for."""
        if isinstance(node, ast.Subscript):
            node = node.value
        if named_tuple(module, node, self.sources):
            return [NATIVE["collections.namedtuple"]]
        through = with_metaclass(module, node, self.sources)
        if through is not None:
            return [base for inner in through for base in self.base(module, inner, cls)]
        dotted = dotted_name(node)
        if dotted is None:
            raise UnknownError(f"a base that is computed at {cls.place}")
        meaning: Meaning = self.sources.resolve(module, dotted)
        if isinstance(meaning, Class):
            if meaning is cls:
                raise UnknownError(f"a base of its own name at {cls.place}")
            return [meaning]
        if isinstance(meaning, Value):
            inner = meaning.node
            if isinstance(inner, ast.Subscript):
                return self.base(meaning.module, inner.value, cls)
            if named_tuple(meaning.module, inner, self.sources):
                return [NATIVE["collections.namedtuple"]]
        if isinstance(meaning, External):
            if meaning.dotted in ("typing.NamedTuple", "typing_extensions.NamedTuple"):
                return [NATIVE["collections.namedtuple"]]
            found = native(meaning.dotted)
            if found is not None:
                return [found]
            raise UnknownError(f"the base {meaning.dotted} has no source here ({cls.place})")
        raise UnknownError(f"the base {dotted} cannot be told ({cls.place})")

    def of(self, cls: Base) -> list[Base]:
        """The search order, the class itself first, `object` last."""
        key: Class | str = cls.name if isinstance(cls, Native) else cls
        if key not in self.known:
            self.known[key] = UnknownError(f"bases go in a circle at {key}")
            try:
                self.known[key] = self.compute(cls)
            except UnknownError as error:
                self.known[key] = error
        found = self.known[key]
        if isinstance(found, UnknownError):
            raise found
        return found

    def compute(self, cls: Base) -> list[Base]:
        """Python's C3 merge."""
        if isinstance(cls, Native):
            bases: list[Base] = [NATIVE[name] for name in cls.bases]
        else:
            bases = self.bases(cls)
        lists = [list(self.of(base)) for base in bases] + [list(bases)]
        out: list[Base] = [cls]
        while any(lists):
            lists = [rest for rest in lists if rest]
            for rest in lists:
                head = rest[0]
                if not any(head in other[1:] for other in lists):
                    break
            else:
                raise UnknownError("bases that have no order")
            out.append(head)
            lists = [[item for item in rest if item is not head] for rest in lists]
        return out

    def metaclass(self, cls: Class) -> bool:
        """Fail when a class or one of its bases has a metaclass that is not known to be plain; give
        whether it has one that may do something of its own when the class is called.
        """
        calls = False
        for base in self.of(cls):
            if isinstance(base, Native):
                continue
            for keyword in base.node.keywords:
                if keyword.arg != "metaclass":
                    continue
                meaning = self.sources.resolve(base.module, dotted_name(keyword.value) or "?")
                plain = isinstance(meaning, External) and meaning.dotted in METACLASSES
                if isinstance(meaning, Class):
                    plain = meaning.key in READ_METACLASSES or self.plain_meta(meaning)
                    calls = calls or meaning.key != "abc:ABCMeta"
                if not plain:
                    raise UnknownError(f"a metaclass of its own at {base.place}")
        return calls

    def plain_meta(self, meta: Class) -> bool:
        """Whether a metaclass changes nothing that unpickling an instance runs."""
        allowed = {"__new__", "__init__", "__instancecheck__", "__subclasscheck__", "__doc__",
                   "__call__", "__repr__", "__prepare__"}  # fmt: skip
        if meta.key == "abc:ABCMeta":
            return True
        names = {name for name in meta.members if name.startswith("__")}
        if not names <= allowed or "__new__" in names or "__init__" in names:
            return False  # __new__ and __init__ may give the class what its body does not show
        for node in meta.node.bases:
            meaning = self.sources.resolve(meta.module, dotted_name(node) or "?")
            if isinstance(meaning, External) and meaning.dotted.removeprefix("builtins.") in {
                "type", "abc.ABCMeta",
            }:  # fmt: skip
                continue
            if not (isinstance(meaning, Class) and self.plain_meta(meaning)):
                return False
        return True
