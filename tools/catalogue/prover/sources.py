"""Python sources as trees: which class a name means, and in which order its bases are searched.

Problem: a class's unpickling runs what its bases define, and those stand in other modules, behind
imports, aliases and conditions. Method: modules are parsed, never imported; a name is followed
through assignments and imports to the statement that defines it; bases are put in order as Python
does (C3). Invariant: what has two possible meanings, or none that is seen here, is unknown, and
nothing is concluded about it.
"""

from __future__ import annotations

import ast
import collections.abc
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from prover.known import NOT_IN_STARS, STARS

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
MAX_HOPS = 32
ABSTRACT = {*collections.abc.__all__}
# What binds a module's names without a statement that says so.
BINDERS = {"globals", "locals", "vars"}


@dataclass(frozen=True)
class External:
    """A name that is not defined in any source that was given: a builtin, a C extension."""

    dotted: str


@dataclass(frozen=True)
class Function:
    """A function or method as it is written."""

    module: Module
    node: FunctionNode | ast.Lambda
    owner: Class | None = None

    @property
    def place(self) -> str:
        """File and line, from the library's root on."""
        return f"{self.module.file}:{self.node.lineno}"


@dataclass(frozen=True)
class Value:
    """A name that is assigned an expression which is no other name."""

    module: Module
    node: ast.expr


Meaning: TypeAlias = "External | Function | Value | Class | Module | None"


def statements(body: list[ast.stmt], lazy: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """Give the statements that run when a body does, and whether a condition stands before them.

    A `lazy` module imports when it is asked for a name, from where its imports for type checkers
    say: those count.
    """
    for stmt in body:
        yield stmt, False
        parts: list[list[ast.stmt]] = []
        if isinstance(stmt, (ast.If, ast.For, ast.While, ast.AsyncFor)):
            if isinstance(stmt, ast.If) and is_type_checking(stmt.test):
                parts = [stmt.body if lazy else [], stmt.orelse]
            else:
                parts = [stmt.body, stmt.orelse]
        elif isinstance(stmt, (ast.Try, ast.TryStar)):
            parts = [stmt.body, stmt.orelse, stmt.finalbody, *(h.body for h in stmt.handlers)]
        elif isinstance(stmt, (ast.With, ast.AsyncWith)):
            parts = [stmt.body]
        for part in parts:
            for inner, _ in statements(part, lazy):
                yield inner, True


def is_type_checking(test: ast.expr) -> bool:
    """Whether a condition only holds for type checkers."""
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def dotted_name(node: ast.expr) -> str | None:
    """Give `a.b.c` for such an expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return ".".join([node.id, *reversed(parts)])


@dataclass(eq=False)
class Module:
    """One source file."""

    world: Sources
    name: str
    path: Path
    file: str
    package: bool
    tree: ast.Module
    bound: dict[str, list[ast.AST | tuple[str, str]]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    lazy: bool = False  # replaces itself by transformers' _LazyModule
    made: dict[int, Class] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Note what every top-level statement binds."""
        self.lazy = any(
            isinstance(node, ast.Call) and dotted_name(node.func) == "_LazyModule"
            for node in ast.walk(self.tree)
        )
        for stmt, _ in statements(self.tree.body, self.lazy):
            self.note(stmt)

    @cached_property
    def binds_unseen(self) -> bool:
        """Whether names may be bound by no statement: through `globals()`, or by a replacement."""
        return self.lazy or any(
            (isinstance(node, ast.Call) and not node.args and dotted_name(node.func) in BINDERS)
            or (isinstance(node, ast.Name) and node.id == "exec")
            or (isinstance(node, ast.Attribute) and dotted_name(node) == "sys.modules")
            for node in ast.walk(self.tree)
        )

    def note(self, stmt: ast.stmt) -> None:
        """Note what one statement binds: a node, or (module, name) of an import."""
        add = self.bound.setdefault
        if isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            add(stmt.name, []).append(stmt)
        elif isinstance(stmt, ast.Import):
            for alias in stmt.names:
                if alias.asname:
                    add(alias.asname, []).append((alias.name, ""))
                else:
                    top = alias.name.split(".")[0]
                    add(top, []).append((top, ""))
        elif isinstance(stmt, ast.ImportFrom):
            origin = self.absolute(stmt)
            for alias in stmt.names:
                if alias.name == "*":
                    self.stars.append(origin)
                else:
                    add(alias.asname or alias.name, []).append((origin, alias.name))
        elif isinstance(stmt, ast.Assign):
            for target in stmt.targets:
                for name in names_in(target):
                    plain = isinstance(target, ast.Name)
                    add(name, []).append(stmt.value if plain else stmt)
        elif isinstance(stmt, ast.AnnAssign) and stmt.value is not None:
            for name in names_in(stmt.target):
                add(name, []).append(stmt.value)
        elif isinstance(stmt, (ast.AugAssign, ast.For, ast.AsyncFor)):
            for name in names_in(stmt.target):
                add(name, []).append(stmt)
        elif isinstance(stmt, (ast.With, ast.AsyncWith)):
            for item in stmt.items:
                for name in names_in(item.optional_vars) if item.optional_vars else ():
                    add(name, []).append(stmt)
        elif isinstance(stmt, ast.Delete):
            for target in stmt.targets:
                for name in names_in(target):
                    add(name, []).append(stmt)

    def absolute(self, stmt: ast.ImportFrom) -> str:
        """Give the module that an import names, relative ones made absolute."""
        if not stmt.level:
            return stmt.module or ""
        parts = self.name.split(".")
        keep = len(parts) - stmt.level + (1 if self.package else 0)
        return ".".join([*parts[: max(keep, 0)], *([stmt.module] if stmt.module else [])])

    def cls(self, node: ast.ClassDef, qualified: str, outer: Class | None = None) -> Class:
        """Give the one object that stands for a class statement."""
        if id(node) not in self.made:
            self.made[id(node)] = Class(self, node, qualified, outer)
        return self.made[id(node)]

    def classes(self) -> Iterator[Class]:
        """Give the classes that a pickle can name: those at the top level."""
        for name, bindings in self.bound.items():
            if len(bindings) == 1 and isinstance(bindings[0], ast.ClassDef):
                yield self.cls(bindings[0], name)


def names_in(target: ast.expr) -> Iterator[str]:
    """Give the plain names that an assignment's target binds."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, (ast.Tuple, ast.List)):
        for item in target.elts:
            yield from names_in(item)
    elif isinstance(target, ast.Starred):
        yield from names_in(target.value)


@dataclass(eq=False)
class Class:
    """One class statement."""

    module: Module
    node: ast.ClassDef
    name: str
    outer: Class | None = None

    @property
    def key(self) -> str:
        """Give `module:name`."""
        return f"{self.module.name}:{self.name}"

    @property
    def place(self) -> str:
        """File and line, from the library's root on."""
        return f"{self.module.file}:{self.node.lineno}"

    @cached_property
    def members(self) -> dict[str, list[ast.AST]]:
        """What the class body binds; a name with two bindings has two entries."""
        out: dict[str, list[ast.AST]] = {}
        for stmt, _ in statements(self.node.body):
            if isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                if is_overload(stmt):
                    continue
                if is_accessor(stmt) and stmt.name in out:
                    continue
                out.setdefault(stmt.name, []).append(stmt)
            elif isinstance(stmt, ast.Assign):
                for target in stmt.targets:
                    for name in names_in(target):
                        plain = isinstance(target, ast.Name)
                        out.setdefault(name, []).append(stmt.value if plain else stmt)
            elif isinstance(stmt, ast.AnnAssign) and stmt.value is not None:
                for name in names_in(stmt.target):
                    out.setdefault(name, []).append(stmt.value)
            elif isinstance(stmt, (ast.Import, ast.ImportFrom, ast.AugAssign, ast.Delete, ast.For)):
                for name in bound_by(stmt):
                    out.setdefault(name, []).append(stmt)
        return out

    @cached_property
    def odd(self) -> str | None:
        """Why the body's names cannot be told, if they cannot."""
        for stmt, _ in statements(self.node.body):
            if isinstance(stmt, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
                targets = stmt.targets if isinstance(stmt, ast.Assign) else [stmt.target]
                if not all(
                    isinstance(t, (ast.Name, ast.Tuple)) or in_own(t, self) for t in targets
                ):
                    return f"an assignment in the class body at {self.module.file}:{stmt.lineno}"
            if isinstance(stmt, ast.Expr) and isinstance(stmt.value, ast.Call):
                func = stmt.value.func
                if (
                    isinstance(func, ast.Attribute)
                    and isinstance(func.value, ast.Name)
                    and func.value.id in self.members
                    and func.attr in ("pop", "update", "append", "extend", "remove")
                ):
                    continue  # changes a container that the body made
                return f"a call in the class body at {self.module.file}:{stmt.lineno}"
        return None

    def function(self, name: str) -> Function | None:
        """A method by its name when its binding is one plain function."""
        found = self.members.get(name, [])
        if len(found) == 1 and isinstance(found[0], (ast.FunctionDef, ast.AsyncFunctionDef)):
            return Function(self.module, found[0], self)
        return None


def in_own(target: ast.expr, cls: Class) -> bool:
    """Whether a target lies in a container or function that the class body itself bound."""
    while isinstance(target, (ast.Attribute, ast.Subscript)):
        target = target.value
    return isinstance(target, ast.Name) and target.id in cls.members


def bound_by(stmt: ast.stmt) -> Iterator[str]:
    """Give the names that less usual statements of a class body bind."""
    if isinstance(stmt, (ast.Import, ast.ImportFrom)):
        for alias in stmt.names:
            yield alias.asname or alias.name.split(".")[0]
    elif isinstance(stmt, (ast.AugAssign, ast.For)):
        yield from names_in(stmt.target)
    elif isinstance(stmt, ast.Delete):
        for target in stmt.targets:
            yield from names_in(target)


def is_overload(stmt: ast.AST) -> bool:
    """Whether a definition only speaks to type checkers."""
    if not isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return False
    return any((dotted_name(d) or "").split(".")[-1] == "overload" for d in stmt.decorator_list)


def is_accessor(stmt: ast.AST) -> bool:
    """Whether a definition adds a setter to a property that stands before it."""
    if not isinstance(stmt, ast.FunctionDef):
        return False
    ends = {(dotted_name(d) or "").split(".")[-1] for d in stmt.decorator_list}
    return bool(ends & {"setter", "deleter", "getter"})


class Sources:
    """All sources that were given: folders that stand on the path, the first ones first."""

    def __init__(self, folders: list[Path]) -> None:
        """Take folders of packages, as site-packages is one."""
        self.folders = folders
        self.modules: dict[str, Module | None] = {}
        self.tops: dict[str, list[Path]] = {}

    def module(self, name: str) -> Module | None:
        """Parse a module once; None when its source is not here."""
        if name not in self.modules:
            self.modules[name] = self.load(name)
        return self.modules[name]

    def load(self, name: str) -> Module | None:
        """Find and parse a module."""
        if not name:
            return None
        for folder in self.with_top(name.split(".")[0]):
            base = folder.joinpath(*name.split("."))
            for path, package in ((base / "__init__.py", True), (base.with_name(base.name + ".py"),
                                                                  False)):  # fmt: skip
                if not path.is_file():
                    continue
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        tree = ast.parse(path.read_bytes())
                except (SyntaxError, ValueError):
                    return None
                file = path.relative_to(folder).as_posix()
                return Module(self, name, path, file, package, tree)
        return None

    def with_top(self, top: str) -> list[Path]:
        """The folders that have a package or a module of this name."""
        if top not in self.tops:
            self.tops[top] = [
                folder
                for folder in self.folders
                if (folder / top).is_dir() or (folder / f"{top}.py").is_file()
            ]
        return self.tops[top]

    def walk(self, package: str) -> Iterator[str]:
        """Give the names of all modules below a package."""
        for folder in self.folders:
            base = folder.joinpath(*package.split("."))
            if base.with_name(base.name + ".py").is_file():
                yield package
            found = sorted(base.rglob("*.py"))  # a package may do without an __init__.py
            if not found:
                continue
            for path in found:
                parts = path.relative_to(folder).with_suffix("").parts
                if parts[-1] == "__init__":
                    parts = parts[:-1]
                if all(part.isidentifier() for part in parts):
                    yield ".".join(parts)
            return

    def look_up(self, module: Module, name: str, hops: int = 0) -> Meaning:
        """What a global name of a module means; None when that cannot be told."""
        if hops > MAX_HOPS:
            return None
        bindings = [b for b in module.bound.get(name, []) if not is_overload_binding(b)]
        if not bindings:
            return self.through_stars(module, name, hops)
        meanings = [self.meaning(module, name, binding, hops) for binding in bindings]
        # Of `try: from a import x` and what stands behind `except ImportError`, one binds the name.
        meanings = [meaning for meaning in meanings if not self.absent(meaning)] or meanings
        first = meanings[0]
        if first is None or any(not same(first, other) for other in meanings[1:]):
            return None
        return first

    def absent(self, meaning: Meaning) -> bool:
        """Whether an import fails: the module's source is here, and has no such name."""
        if not isinstance(meaning, External):
            return False
        place, _, name = meaning.dotted.rpartition(".")
        module = self.module(place)
        if module is None or module.stars or module.binds_unseen:
            return False
        return not {name, "__getattr__"} & module.bound.keys()

    def through_stars(self, module: Module, name: str, hops: int) -> Meaning:
        """A name that no statement binds: from `import *`, a submodule or a builtin."""
        for star in module.stars:
            other = self.module(star)
            if other is None:
                if star in STARS and name in NOT_IN_STARS:
                    continue
                return None
            if name in other.bound or other.stars:
                found = self.look_up(other, name, hops + 1)
                if found is not None and not is_builtin(found):
                    return found
        if module.package:
            inner = self.module(f"{module.name}.{name}")
            if inner is not None:
                return inner
        return External(f"builtins.{name}")

    def meaning(
        self, module: Module, name: str, binding: ast.AST | tuple[str, str], hops: int
    ) -> Meaning:
        """What one binding means."""
        if isinstance(binding, tuple):
            return self.imported(*binding, hops + 1)
        if isinstance(binding, ast.ClassDef):
            return module.cls(binding, name)
        if isinstance(binding, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return Function(module, binding)
        if isinstance(binding, ast.Lambda):
            return Function(module, binding)
        if isinstance(binding, (ast.Name, ast.Attribute)):
            dotted = dotted_name(binding)
            if dotted is not None and dotted != name:
                return self.resolve(module, dotted, hops + 1)
            return None
        if isinstance(binding, ast.expr):
            return Value(module, binding)
        return None

    def imported(self, module: str, name: str, hops: int) -> Meaning:
        """What `from module import name` gives; the module itself when there is no name."""
        if module == "collections" and name in ABSTRACT:
            module = "collections.abc"  # until Python 3.9 under both names
        found = self.module(module)
        if not name:
            return found or External(module)
        if found is None:
            inner = self.module(f"{module}.{name}")
            return inner or External(f"{module}.{name}")
        itself = found.bound.get(name) == [(found.name, name)]  # `from . import name`
        if not itself and (name in found.bound or found.stars):
            meaning = self.look_up(found, name, hops)
            if not is_builtin(meaning):
                return meaning
        inner = self.module(f"{module}.{name}")
        return inner or External(f"{module}.{name}")

    def resolve(self, module: Module, dotted: str, hops: int = 0) -> Meaning:
        """What `a.b.c` means in a module."""
        head, *rest = dotted.split(".")
        found: Meaning = self.look_up(module, head, hops)
        for part in rest:
            if isinstance(found, Module):
                found = self.imported(found.name, part, hops + 1)
            elif isinstance(found, External):
                found = self.imported(found.dotted, part, hops + 1)
            elif isinstance(found, Class):
                inner = found.members.get(part, [])
                if len(inner) == 1 and isinstance(inner[0], ast.ClassDef):
                    found = found.module.cls(inner[0], f"{found.name}.{part}", found)
                else:
                    return None
            else:
                return None
        return found


def is_builtin(meaning: Meaning) -> bool:
    """Whether a name was found nowhere but among the builtins."""
    return isinstance(meaning, External) and meaning.dotted.startswith("builtins.")


def is_overload_binding(binding: ast.AST | tuple[str, str]) -> bool:
    """Whether a binding is an overload for type checkers."""
    return isinstance(binding, ast.AST) and is_overload(binding)


def same(a: Meaning, b: Meaning) -> bool:
    """Whether two meanings are one thing."""
    if isinstance(a, Function) and isinstance(b, Function):
        return a.node is b.node
    return a is b or (isinstance(a, External) and a == b)
