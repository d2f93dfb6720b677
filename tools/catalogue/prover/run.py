"""What one run of the interpreter knows: the class, what its methods stored, what they want.

Problem: statements, expressions and calls (interpret.py, evaluate.py, calls.py) speak of the same
run. Method: its state, the search order and the demands on the parts of the state stand here, below
the three. Invariant: a demand is only ever added; what cannot be demanded is an UnknownError.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable

from prover.order import Base, UnknownError, layout_of
from prover.sources import Class, External, Function, Meaning, Module, Sources, dotted_name
from prover.values import (
    ITEM,
    VALUE,
    Any_,
    Atom,
    Atoms,
    Box,
    Const,
    Field,
    Pairs,
    Part,
    Safe,
    Self,
    SelfDict,
    Wish,
    attributes,
    box,
)  # fmt: skip

Env = dict[str, Atoms]
DEEPEST = 14
MOST_STEPS = 60_000


class PathEnd(Exception):
    """Nothing behind this point runs."""


class Frame:
    """One function that is being interpreted."""

    def __init__(self, module: Module, index: int, first: str, depth: int) -> None:
        """Take where the function stands: module, place in the search order, first parameter."""
        self.module, self.index, self.first, self.depth = module, index, first, depth
        self.returns: set[Atom] = set()


def join(a: Env, b: Env) -> Env:
    """What holds after either of two paths."""
    return {key: a.get(key, frozenset()) | b.get(key, frozenset()) for key in a.keys() | b.keys()}


class Run:
    """The state of one interpretation of a class's methods."""

    def __init__(self, order: list[Base], sources: Sources) -> None:
        """Take the class's search order."""
        self.order, self.sources = order, sources
        self.wish = Wish()
        self.forbidden: set[str] = set()
        self.stored: dict[str, set[Atom]] = {}  # attributes that the methods set
        self.grown: set[Atom] = set()  # what was put into any container after it was made
        self.places: list[str] = []
        self.steps = 0
        self.active: set[tuple[object, ...]] = set()
        self.layout = layout_of(order)

    # --- the class ---

    def find(self, name: str, start: int = 0) -> tuple[int, Class] | None:
        """The first class in the order, from `start` on, whose body binds the name."""
        for index in range(start, len(self.order)):
            base = self.order[index]
            if isinstance(base, Class) and name in base.members:
                return index, base
        return None

    def contract(self) -> str:
        """The contract of a state that is a dict of attributes."""
        if self.wish.kinds - {"dict", "mapping", "builtin"}:
            raise UnknownError("the state is used as something else than a dict")
        if ITEM in self.wish.below or VALUE in self.wish.below:
            raise UnknownError("the state is used as something else than a dict")
        return attributes(self.wish.below, self.forbidden)

    def class_at(self, index: int) -> Meaning:
        """A class of the order."""
        base = self.order[index]
        return base if isinstance(base, Class) else External(f"builtins.{base.name}")

    def index_of(self, owner: Class | None) -> int:
        """The place of a class in the order."""
        return next((i for i, base in enumerate(self.order) if base is owner), -1)

    def members(self, name: str) -> Iterable[ast.AST]:
        """What the first class that binds the name binds it to."""
        found = self.find(name)
        return found[1].members[name] if found else []

    def where(self, node: ast.AST, frame: Frame) -> str:
        """File and line."""
        return f"{frame.module.file}:{getattr(node, 'lineno', 0)}"

    def grow(self, value: Atoms) -> None:
        """Some container now may hold the value; which one is not told apart."""
        self.grown |= next(iter(box(value))).inner - {Safe()}  # type: ignore[union-attr]

    def inside(self, base: Box | Pairs) -> set[Atom]:
        """What may be found in a container."""
        return {*base.inner, *self.grown}

    # --- wishes ---

    def want(self, base: Field, kind: str) -> None:
        """Leave a wish."""
        if base.path == () and kind in ("plain", "list", "seq", "str"):
            raise UnknownError("the state is used as something else than a dict")
        self.wish.at(base.path).kinds.add(kind)

    def touch(self, value: Atoms, kind: str, node: ast.AST, frame: Frame) -> None:
        """Something is done to a value that is harmless for this kind."""
        for atom in value:
            if isinstance(atom, Field):
                self.want(atom, kind)
            elif isinstance(atom, (Box, Pairs)):
                if kind == "plain":
                    self.touch(frozenset(leaves(atom) | leaves_of(self.grown)), kind, node, frame)
            elif isinstance(atom, (Any_, Part)):
                raise UnknownError(f"looks into what the state holds at {self.where(node, frame)}")
            elif isinstance(atom, (Self, SelfDict)) and kind != "builtin":
                raise UnknownError(f"compares or converts itself at {self.where(node, frame)}")
            elif isinstance(atom, Self) and self.layout == "":
                raise UnknownError(f"asks whether it is true at {self.where(node, frame)}")

    def truth(self, value: Atoms, node: ast.AST, frame: Frame) -> None:
        """The value decides a condition."""
        self.touch(value, "builtin", node, frame)

    def key(self, value: Atoms, node: ast.AST, frame: Frame) -> None:
        """The value is hashed and compared as a key."""
        for atom in value:
            if isinstance(atom, Field):
                self.want(atom, "plain")
            elif isinstance(atom, (Any_, Self, SelfDict, Part, Box)):
                raise UnknownError(
                    f"uses what the state holds as a key at {self.where(node, frame)}"
                )

    def iterate(self, value: Atoms, node: ast.AST, frame: Frame) -> Atoms:
        """What iterating over a value gives."""
        out: set[Atom] = set()
        for atom in value:
            if isinstance(atom, Box):
                out |= self.inside(atom)
            elif isinstance(atom, (Safe, Const)):
                out.add(Safe())
            elif isinstance(atom, Field) and atom.path:
                self.want(atom, "seq")
                out.add(Field((*atom.path, ITEM)))
            elif isinstance(atom, Field):
                self.want(atom, "dict")
                out.add(Safe())  # its keys are text
            elif isinstance(atom, SelfDict):
                out.add(Safe())
            else:
                raise UnknownError(f"iterates over something at {self.where(node, frame)}")
        return frozenset(out)

    # --- what the layers above add ---

    def method(self, name: str, *args: Atoms) -> Atoms:
        """Interpret a method of the instance by its name."""
        raise NotImplementedError

    def call_function(
        self, function: Function, args: list[Atoms], named: dict[str, Atoms], depth: int,
        index: int = -1, env: Env | None = None,
    ) -> Atoms:  # fmt: skip
        """Interpret a call of a function whose source is here."""
        raise NotImplementedError

    def call(self, node: ast.Call, env: Env, frame: Frame) -> Atoms:
        """Any call."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Atoms, env: Env, frame: Frame) -> None:
        """target = value."""
        raise NotImplementedError

    def set_attribute(
        self, base: Atom, name: str, value: Atoms, node: ast.AST, frame: Frame
    ) -> None:
        """base.name = value."""
        raise NotImplementedError

    def store_self(self, name: str, value: Atoms, node: ast.AST, frame: Frame) -> None:
        """object.__setattr__: a data descriptor of the class comes first."""
        raise NotImplementedError

    def update_self(self, value: Atoms, node: ast.AST, frame: Frame) -> None:
        """self.__dict__ gets all of a dict."""
        raise NotImplementedError

    def put(self, base: Field, name: str, value: Atoms, node: ast.AST, frame: Frame) -> None:
        """A store into a dict of the state: what is read there later may be this instead."""
        raise NotImplementedError


def is_exception(dotted: str) -> bool:
    """Whether a name is one of Python's own exceptions."""
    found = getattr(builtins, dotted.removeprefix("builtins."), None)
    return isinstance(found, type) and issubclass(found, BaseException)


def is_property(node: ast.FunctionDef) -> bool:
    """Whether a definition is a plain property."""
    return [dotted_name(d) for d in node.decorator_list] in (["property"], ["abc.abstractproperty"])


def is_static(node: ast.FunctionDef) -> bool:
    """Whether a definition is a plain static method."""
    return [dotted_name(d) for d in node.decorator_list] == ["staticmethod"]


def is_plain(node: ast.expr) -> bool:
    """Whether an expression in a class body can be no descriptor: literals and names of types."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return all(is_plain(item) for item in node.elts)
    if isinstance(node, ast.Dict):
        return True
    if isinstance(node, (ast.BinOp, ast.UnaryOp)):
        return all(is_plain(n) for n in ast.iter_child_nodes(node) if isinstance(n, ast.expr))
    return False


def descriptors(order: list[Base]) -> set[str]:
    """The names of a class that setting an attribute might run: properties, and what may be one."""
    out: set[str] = set()
    for base in order:
        if not isinstance(base, Class):
            continue
        for name, found in base.members.items():
            for member in found:
                if isinstance(member, ast.FunctionDef):
                    if member.decorator_list:
                        out.add(name)
                elif not (isinstance(member, ast.expr) and is_plain(member)):
                    out.add(name)
    return out


def leaves(atom: Atom) -> set[Atom]:
    """What a container holds at any depth; the atom itself when it is none."""
    if isinstance(atom, (Box, Pairs)):
        return leaves_of(atom.inner)
    return {atom}


def leaves_of(atoms: Iterable[Atom]) -> set[Atom]:
    """The same of several."""
    return {leaf for atom in atoms for leaf in leaves(atom)}


def one_text(value: Atoms) -> str | None:
    """The text that a value surely is."""
    if len(value) == 1:
        (atom,) = value
        if isinstance(atom, Const):
            return atom.text
    return None


def as_load(target: ast.expr) -> ast.expr:
    """The target of an augmented assignment as an expression that reads it."""
    return target
