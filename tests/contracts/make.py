"""Pickles that a contract accepts, and the nearest that it refuses, made from its text alone.

Problem: a contract is only held by a test that sends what it must refuse. Method: the tree of the
contract (grammar.py) is turned into opcodes that build a fitting value; one part of it, the target,
is given other octets instead. Instances are made the way the facts say that they are made.
Invariant: what stands around the target fits the contract, so that a refusal speaks of the target.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
from dataclasses import dataclass, field

from tests.contracts import grammar
from tests.contracts.facts import Facts
from tests.contracts.grammar import Node

DEEPEST = 7
MOST_NODES = 4000


class ImpossibleError(Exception):
    """Nothing that fits can be made from the facts."""


def text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def octets(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def integer(value: int) -> bytes:
    data = value.to_bytes(9, "little", signed=True)
    return b"\x8a\x09" + data


def reference(key: str) -> bytes:
    """A name by its key `module:name`."""
    module, name = key.split(":")
    return text(module) + text(name) + b"\x93"


def tuple_of(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def list_of(*items: bytes) -> bytes:
    return b"](" + b"".join(items) + b"e"


def dict_of(*items: bytes) -> bytes:
    return b"}(" + b"".join(items) + b"u"


def call(key: str, *arguments: bytes) -> bytes:
    return reference(key) + tuple_of(*arguments) + b"R"


# What torch's own files hold where a tensor's elements are: four floats of the storage "0".
STORAGE = tuple_of(
    text("storage"), reference("torch:FloatStorage"), text("0"), text("cpu"), integer(4)
)  # fmt: skip
STORAGE += b"Q"


def array(kind: str, numbers: bytes, *shape: int) -> bytes:
    dtype = call("numpy:dtype", text(kind), integer(0), integer(1))
    extents = tuple_of(*[integer(extent) for extent in shape])
    return call("numpy._core.numeric:_frombuffer", octets(numbers), dtype, extents, text("C"))


# A k-d tree over one point of one dimension: a single leaf.
KDTREE = tuple_of(
    array("S1", struct.pack("<qqdqqqqqq", -1, 1, 0.0, 0, 1, 0, 0, 0, 0), 72),
    array("f8", bytes(8), 1, 1), integer(1), integer(1), integer(1),
    array("f8", bytes(8), 1), array("f8", bytes(8), 1), array("i8", bytes(8), 1), b"N", b"N",
)  # fmt: skip

# Numbers of categories, with as many categories: of a Categorical, and of an index of one level.
CATEGORY_TYPE = (
    reference("pandas:CategoricalDtype") + b")\x81"
    + dict_of(
        text("categories"),
        call(
            "pandas.core.indexes.base:_new_Index", reference("pandas:Index"),
            dict_of(text("data"), array("f8", bytes(16), 2)),
        ),
    )
    + b"b"
)  # fmt: skip
CODES = tuple_of(CATEGORY_TYPE, array("i1", b"\0\x01\xff", 3))
LEVELS = dict_of(
    text("levels"), list_of(array("f8", bytes(16), 2)),
    text("codes"), list_of(array("i1", b"\0\x01\xff", 3)),
)  # fmt: skip
# A frame of two columns: the state of its manager, and the arguments of its call.
AXIS = call(
    "pandas.core.indexes.base:_new_Index",
    reference("pandas:Index"),
    dict_of(text("data"), array("f8", bytes(16), 2)),
)
PLACES = call("builtins:slice", integer(0), integer(2), integer(1))
FRAME_STATE = tuple_of(
    b"]",
    b"]",
    b"]",
    dict_of(
        text("0.14.1"),
        dict_of(
            text("axes"),
            list_of(AXIS, AXIS),
            text("blocks"),
            list_of(dict_of(text("values"), array("f8", bytes(16), 2), text("mgr_locs"), PLACES)),
        ),
    ),
)
FRAME_ARGUMENTS = tuple_of(
    tuple_of(
        call(
            "pandas._libs.internals:_unpickle_block", array("f8", bytes(16), 2), PLACES, integer(2)
        )
    ),
    list_of(AXIS, AXIS),
)
VIEW = call(
    "torch._utils:_rebuild_tensor_v2", STORAGE, integer(0), tuple_of(integer(4)),
    tuple_of(integer(1)), b"\x89", call("collections:OrderedDict"),
)  # fmt: skip

# Values of every kind, none of which does anything: one of them is what a part must refuse.
ABUSES: tuple[bytes, ...] = (
    text("abuse"), integer(77), b"N", octets(b"abuse"), b"G" + struct.pack(">d", 1.5), b"\x88",
    b")", b"]", b"}", tuple_of(text("abuse")), list_of(text("abuse")),
    dict_of(text("abuse"), b"N"), dict_of(text("__abuse__"), b"N"), dict_of(b"N", b"N"),
    integer(-(2**60)), integer(2**60), text("__abuse__"), text("\0"),
    call("collections:OrderedDict"), call("builtins:object"),
    call("collections:OrderedDict") + b"(" + text("k") + integer(1) + b"u",
    call("datetime:timedelta", integer(1), integer(0), integer(0)),
    call("builtins:complex", b"G" + struct.pack(">d", 1.5), b"G" + struct.pack(">d", 1.5)),
    b"\x8f", b"\x8f(" + text("abuse") + b"\x90", call("builtins:bytearray"),
    reference("builtins:int"), reference("collections:OrderedDict"),
    tuple_of(integer(1), integer(2)), tuple_of(b"N", b"N"), list_of(integer(77)),
    tuple_of(*[integer(n) for n in range(9)]), tuple_of(*[b"N"] * 14),
    tuple_of(list_of(text("abuse")), b"N"), tuple_of(b"]", b"N"),
    dict_of(text("abuse"), call("builtins:object")), dict_of(text("abuse"), list_of(b"N")),
    list_of(call("builtins:object")), tuple_of(call("builtins:object")),
    tuple_of(call("builtins:object"), b"N"), tuple_of(text("abuse"), b"N"),
)  # fmt: skip
# For a part that takes anything: classes often, since that is what callables ask for.
ANYTHING = (*ABUSES[:12], *[reference("builtins:object"), reference("collections:OrderedDict")] * 4)
# Parts that look at more than one value: none is refused by itself, only by its neighbours.
RELATIONS = (
    "cells", "record", "first", "stated", "kdtree", "codes", "placed", "weighed", "small", "backed",
    "regex",
)  # fmt: skip
UNHASHABLE = tuple_of(b"]", b"N")


@dataclass
class Making:
    """One value that is being made: the part that gets other octets, and what was needed."""

    target: Node | None = None
    abuse: bytes = b""
    chance: random.Random | None = None  # None: the shortest value
    storage: bool = False
    used: bool = False
    nodes: int = 0
    open: list[str] = field(default_factory=list)

    def some(self, low: int, high: int) -> int:
        """How many."""
        return self.chance.randint(low, high) if self.chance else 1


class Maker:
    """Makes values from the facts."""

    def __init__(self, facts: Facts) -> None:
        """Take the facts."""
        self.facts = facts
        self.patterns = facts.tables.patterns
        self.trees: dict[str, Node] = {}
        self.below: dict[int, set[int]] = {}

    def tree(self, source: str) -> Node:
        """The tree of a contract, the same one each time."""
        if source not in self.trees:
            self.trees[source] = grammar.read(source, self.patterns)
        return self.trees[source]

    def holds(self, node: Node, making: Making) -> bool:
        """Whether the target is this part or below it."""
        if making.target is None or making.used:
            return False
        if id(node) not in self.below:
            self.below[id(node)] = {id(part) for part in node.walk()}
        return id(making.target) in self.below[id(node)]

    def value(self, node: Node, making: Making) -> bytes:
        """Opcodes that build a value which fits, but for the target."""
        making.nodes += 1
        if making.nodes > MOST_NODES:
            raise ImpossibleError("too large")
        if node is making.target and not making.used:
            making.used = True
            return making.abuse
        found = getattr(self, f"make_{NAMED.get(node.op, node.op)}", None)
        if found is None:
            raise ImpossibleError(node.op)
        return bytes(found(node, making))

    # --- constants ---

    def make_any(self, node: Node, making: Making) -> bytes:
        return making.chance.choice(ANYTHING) if making.chance else b"N"

    def make_none(self, node: Node, making: Making) -> bytes:
        return b"N"

    def make_bool(self, node: Node, making: Making) -> bytes:
        return making.chance.choice((b"\x88", b"\x89")) if making.chance else b"\x88"

    def make_int(self, node: Node, making: Making) -> bytes:
        return integer(making.chance.choice((0, 1, 2, 3, 5, 17, -1, 2000)) if making.chance else 1)

    def make_float(self, node: Node, making: Making) -> bytes:
        number = making.chance.choice((0.0, 1.5, -2.0, float("nan"))) if making.chance else 1.5
        return b"G" + struct.pack(">d", number)

    def make_str(self, node: Node, making: Making) -> bytes:
        return text(making.chance.choice(("a", "b", "", "cpu", "x1")) if making.chance else "a")

    def make_bytes(self, node: Node, making: Making) -> bytes:
        return octets(b"\0" * making.some(0, 16) if making.chance else b"\0" * 8)

    def make_bytearray(self, node: Node, making: Making) -> bytes:
        return b"\x96" + struct.pack("<Q", 2) + b"ab"

    def make_plain(self, node: Node, making: Making) -> bytes:
        return making.chance.choice(ABUSES[:12]) if making.chance else text("a")

    def make_hashable(self, node: Node, making: Making) -> bytes:
        some = (text("a"), integer(3), tuple_of(integer(1), text("b")))
        return making.chance.choice(some) if making.chance else text("a")

    def make_attribute(self, node: Node, making: Making) -> bytes:
        return text("trend")

    def make_range(self, node: Node, making: Making) -> bytes:
        number = node.low
        if making.chance:
            number = making.chance.randint(node.low, min(node.high, node.low + 100))
        return integer(number)

    def make_text(self, node: Node, making: Making) -> bytes:
        return text(literal(node).decode("latin1"))

    def make_octets(self, node: Node, making: Making) -> bytes:
        return octets(literal(node))

    def make_chars(self, node: Node, making: Making) -> bytes:
        build = (lambda word: octets(word.encode())) if node.names[0].startswith("b") else text
        allowed = literal(node).decode("latin1")
        for wanted in ("f8", "i4", "cpu", "cuda:0"):
            fits = set(wanted) <= set(allowed)
            if fits and (making.chance is None or making.chance.random() < 0.5):
                return build(wanted)
        return build(making.chance.choice(allowed) if making.chance else allowed[:1])

    def make_at_most(self, node: Node, making: Making) -> bytes:
        makers = {"str": self.make_str, "bytes": self.make_bytes, "int": self.make_int}
        return makers[node.names[0]](node, making)

    def make_elements(self, node: Node, making: Making) -> bytes:
        name = node.names[0].strip('"')
        kind = name if len(name) > 1 else name + "8"
        return array(kind, bytes(16), 2)

    def make_storage(self, node: Node, making: Making) -> bytes:
        making.storage = True
        return STORAGE

    def make_class(self, node: Node, making: Making) -> bytes:
        return reference("collections:OrderedDict")

    def make_inert(self, node: Node, making: Making) -> bytes:
        return reference("builtins:int")

    # --- containers ---

    def make_alternatives(self, node: Node, making: Making) -> bytes:
        holding = [part for part in node.parts if self.holds(part, making)]
        choices = holding or list(node.parts)
        if making.chance and not holding:
            making.chance.shuffle(choices)
        for part in choices:
            before = (making.nodes, making.used)
            try:
                return self.value(part, making)
            except ImpossibleError:
                making.nodes, making.used = before
        raise ImpossibleError("no alternative")

    def make_tuple(self, node: Node, making: Making) -> bytes:
        return tuple_of(*self.items(node, making))

    def make_list(self, node: Node, making: Making) -> bytes:
        return list_of(*self.items(node, making))

    def make_set(self, node: Node, making: Making) -> bytes:
        return b"\x8f(" + b"".join(self.items(node, making)) + b"\x90"

    def items(self, node: Node, making: Making) -> list[bytes]:
        """Some items of one kind, the target among them."""
        count = making.some(1 if self.holds(node, making) else 0, 3)
        return [self.value(node.parts[0], making) for _ in range(count)]

    def make_sequence(self, node: Node, making: Making) -> bytes:
        items: list[bytes] = []
        for at, (part, modifier) in enumerate(zip(node.parts, node.names, strict=True)):
            later = any(self.holds(other, making) for other in node.parts[at:])
            if (
                modifier == "?"
                and not later
                and not (making.chance and making.chance.random() < 0.5)
            ):
                break
            count = making.some(1 if later else 0, 2) if modifier == "*" else 1
            if modifier == "*" and making.chance is None and not self.holds(part, making):
                count = 0
            items += [self.value(part, making) for _ in range(count)]
        return tuple_of(*items) if node.op == "(" else list_of(*items)

    def make_dict(self, node: Node, making: Making) -> bytes:
        key, value = node.parts
        return dict_of(self.value(key, making), self.value(value, making))

    def make_attrs(self, node: Node, making: Making) -> bytes:
        items = [] if making.chance and making.chance.random() < 0.3 else [text("plain_name"), b"N"]
        for name, part in zip(node.names, node.parts, strict=True):
            wanted = self.holds(part, making)
            if part.op == "never" and not wanted:
                continue
            if wanted or making.chance is None or making.chance.random() < 0.6:
                try:
                    items += [text(name[1:-1]), self.value(part, making)]
                except ImpossibleError:
                    if wanted:
                        raise
        return dict_of(*items)

    def make_both(self, node: Node, making: Making) -> bytes:
        """From the part with the target, else from the one that says more."""
        first, second = node.parts
        if second.op == "stated" and self.holds(node, making):
            raise ImpossibleError("made by its call alone")
        if second.op == "stated":
            return self.stated(first, making)
        whole = {"kdtree": KDTREE, "backed": VIEW, "codes": CODES}.get(second.op)
        if whole is not None and not self.holds(node, making):
            making.storage |= second.op == "backed"
            levels = second.op == "codes" and first.op == "both"
            return LEVELS if levels else whole
        if second.op == "placed" and not self.holds(node, making):
            return FRAME_STATE if len(first.parts) == 4 else FRAME_ARGUMENTS
        if second.op in RELATIONS or self.holds(first, making):
            return self.value(first, making)
        if first.op == "dict" and second.op == "attrs":
            keys = {name for part in first.parts[0].walk() for name in part.names}
            items: list[bytes] = []
            for name, part in zip(second.names, second.parts, strict=True):
                if name in keys:
                    items += [text(name[1:-1]), self.value(part, making)]
            return dict_of(*items)
        return self.value(second, making)

    def stated(self, first: Node, making: Making) -> bytes:
        """An instance with a state of its class: one that is for what the pattern says."""
        state = self.facts.row(self.facts.canonical(first.names[0])).get("state")
        if state is None:
            raise ImpossibleError("no state")
        tree = self.tree(state)
        options = [part for part in tree.parts if part.op == "when"]
        inner = Making(chance=making.chance)
        if options:
            wanted = grammar.spell(first, {})
            fitting = [one for one in options if grammar.spell(one.parts[0], {}) == wanted]
            if first.op == "object":
                fitting = fitting or options
            if not fitting:
                raise ImpossibleError("no state for it")
            first, tree = fitting[0].parts
        out = self.value(first, inner) + self.value(tree, inner) + b"b"
        making.storage |= inner.storage
        return out

    # --- references and instances ---

    def make_ref(self, node: Node, making: Making) -> bytes:
        name = making.chance.choice(node.names) if making.chance else node.names[0]
        return reference(self.facts.tables.key_of(name))

    def make_object(self, node: Node, making: Making) -> bytes:
        names = list(node.names)
        if making.chance:
            making.chance.shuffle(names)
        for name in names:
            try:
                return self.instance(self.facts.canonical(name), making)
            except ImpossibleError:
                continue
        raise ImpossibleError(f"no instance of {', '.join(node.names)[:80]}")

    def make_empty(self, node: Node, making: Making) -> bytes:
        return call(self.facts.tables.key_of(node.names[0]))

    def make_made(self, node: Node, making: Making) -> bytes:
        """With the arguments that the pattern names, and those that the class's own call wants."""
        key = self.facts.tables.key_of(node.names[0])
        row = self.facts.row(key)
        pattern = node.parts[0]
        if "call" not in row:
            return reference(key) + self.value(pattern, making) + b"\x81"
        own = self.tree(row["call"])
        spelled = [grammar.spell(part, {}) for part in pattern.parts]
        for option in own.parts if own.op == "alternatives" else [own]:
            first = option.parts[:1] if option.op == "(" and pattern.op == "(" else []
            if first and [grammar.spell(part, {}) for part in first] == spelled[:1]:
                if pattern is making.target and not making.used:
                    break
                items = [self.value(pattern.parts[0], making)]
                items += [self.value(part, making) for part in option.parts[1:]]
                return reference(key) + tuple_of(*items) + b"R"
        return reference(key) + self.value(pattern, making) + b"R"

    def make_built(self, node: Node, making: Making) -> bytes:
        key = self.facts.canonical(node.names[0])
        return self.instance(key, making) + self.value(node.parts[0], making) + b"b"

    def make_filled(self, node: Node, making: Making) -> bytes:
        key = self.facts.tables.key_of(node.names[0])
        pair = self.value(node.parts[0], making) + self.value(node.parts[1], making)
        return call(key) + b"(" + pair + b"u"

    def make_when(self, node: Node, making: Making) -> bytes:
        """The state; its instance is made by `target_of`."""
        return self.value(node.parts[1], making)

    def instance(self, key: str, making: Making) -> bytes:
        """An object of a class, however the facts say that one comes to be."""
        if key in making.open or len(making.open) > DEEPEST:
            raise ImpossibleError(f"{key} is made of itself")
        making.open.append(key)
        try:
            constants = self.facts.constants.get(key)
            if constants:
                return reference(making.chance.choice(constants) if making.chance else constants[0])
            for maker in [key, *self.facts.givers.get(key, [])]:
                row = self.facts.row(maker)
                for contract, how in (("call", b"R"), ("new", b"\x81")):
                    if contract not in row:
                        continue
                    before = (making.nodes, making.used)
                    try:
                        arguments = self.value(self.tree(row[contract]), making)
                        return reference(maker) + arguments + how
                    except ImpossibleError:
                        making.nodes, making.used = before
            raise ImpossibleError(f"nothing makes a {key}")
        finally:
            making.open.pop()

    # --- whole streams ---

    def stream(self, key: str, contract: str, tree: Node, making: Making) -> bytes:
        """The opcodes that reach a contract of a name."""
        if contract == "call":
            return reference(key) + self.value(tree, making) + b"R"
        if contract == "new":
            return reference(key) + self.value(tree, making) + b"\x81"
        if contract == "state":
            made, given = self.target_of(key, tree, making)
            again = making.target is None and making.chance and making.chance.random() < 0.2
            return made + given + b"b" + (given + b"b" if again else b"")
        canonical = self.facts.tables.facts[key].canonical
        made = self.instance(canonical, Making(chance=making.chance))
        if contract == "extend":  # what is put in comes as a list
            options = tree.parts if tree.op == "alternatives" else [tree]
            lists = [part for part in options if part.op in ("list", "seq")] or options
            holding = [part for part in lists if self.holds(part, making)]
            given = self.value((holding or lists)[0], making)
            return made + (given[1:] if given.startswith(b"](") else b"(" + given + b"e")
        given = self.value(tree, making)
        if contract == "setitem":  # a pair, spelled as its two items
            return made + given[1:-1] + b"s"
        if contract == "add":
            return made + b"(" + given + b"\x90"
        return made + given + b"a"

    def target_of(self, key: str, tree: Node, making: Making) -> tuple[bytes, bytes]:
        """The instance that a state is for, and the state."""
        options = tree.parts if tree.op == "alternatives" else [tree]
        holding = [part for part in options if self.holds(part, making)]
        chosen = (holding or options)[0]
        if making.chance and not holding:
            chosen = making.chance.choice(options)
        if making.target is not tree and chosen.op == "when":
            made = self.value(chosen.parts[0], making)
            return made, self.value(chosen.parts[1], making)
        canonical = self.facts.tables.facts[key].canonical
        inner = Making(chance=making.chance)
        made = self.instance(canonical, inner)
        making.storage |= inner.storage
        given = self.value(tree if tree is making.target else chosen, making)
        return made, given


NAMED = {"(": "sequence", "[": "sequence", "seq": "list"}


def literal(node: Node) -> bytes:
    """The octets of a quoted text."""
    quoted = node.names[0].removeprefix("b")
    return quoted[1:-1].encode("ascii").decode("unicode_escape").encode("latin1")


def file_of(opcodes: bytes, storage: bool) -> tuple[str, bytes]:
    """A file's name and bytes: a pickle, or torch's zip around one with a storage."""
    return packed(b"\x80\x04" + opcodes + b".", storage)


def packed(stream: bytes, storage: bool) -> tuple[str, bytes]:
    """The same of a whole stream."""
    if not storage:
        return "witness.pkl", stream
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, data in (
            ("data.pkl", stream), ("byteorder", b"little"), ("data/0", b"\0" * 16),
            ("version", b"3\n"),
        ):  # fmt: skip
            archive.writestr(zipfile.ZipInfo(f"witness/{name}"), data)
    return "witness.pt", out.getvalue()
