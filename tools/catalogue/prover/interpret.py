"""What a method of unpickling does, found by running it over sets of what its values may be.

Problem: `__setstate__` is code, and the file chooses its argument. Method: the function is
interpreted over the values of values.py, with both branches of every condition and loops until
nothing new appears; methods, properties and library functions that it calls are interpreted in
turn. Invariant: whatever is not understood ends in UnknownError, and the class stays undecided.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
from collections.abc import Iterable

from prover.known import HARMLESS, LOOKS_AT_TYPE_ONLY, SAFE_METHODS
from prover.order import Base, UnknownError, layout_of
from prover.sources import Class, External, Function, Meaning, Module, Sources, Value, dotted_name
from prover.values import (
    ANY,
    ITEM,
    SAFE,
    SELF,
    VALUE,
    Any_,
    Atom,
    Atoms,
    Box,
    Const,
    Field,
    Local,
    Method,
    Pairs,
    Part,
    Ref,
    Safe,
    Self,
    SelfDict,
    Super,
    Wish,
    attributes,
    box,
)  # fmt: skip

Env = dict[str, Atoms]
DEEPEST = 14
MOST_STEPS = 60_000
DICT_METHODS = {"get", "setdefault", "pop", "items", "keys", "values", "update", "popitem", "clear"}
LIST_METHODS = {"append", "extend", "insert", "remove", "reverse", "sort", "count", "index"}
BOX_METHODS = DICT_METHODS | LIST_METHODS | {"copy", "add", "discard", "union", "difference"}


PLAIN_FUNCTIONS = {
    "str", "repr", "int", "float", "min", "max", "any", "all", "range", "abs", "sum", "round",
    "print_", "bytes", "format", "slice", "ord", "chr",
}  # fmt: skip


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


class Interpreter:
    """Runs methods of one class and collects what they want of the state."""

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

    def settle(self, name: str, *args: Atoms) -> Atoms:
        """Interpret a method until another run, with what the first one left, finds nothing new.

        Gives what it may return; nothing when it always raises.
        """
        returned: Atoms = frozenset()
        for _ in range(6):
            before = (sum(map(len, self.stored.values())), len(self.grown), len(self.stored))
            with contextlib.suppress(PathEnd):
                returned |= self.method(name, *args)
            if before == (sum(map(len, self.stored.values())), len(self.grown), len(self.stored)):
                return returned
        raise UnknownError(f"{name} does not settle")

    def method(self, name: str, *args: Atoms) -> Atoms:
        """Interpret a method of the instance by its name."""
        found = self.find(name)
        function = found[1].function(name) if found else None
        if found is None or function is None:
            raise UnknownError(f"{name} is no plain function")
        return self.call_function(function, [SELF, *args], {}, 0, found[0])

    # --- functions and statements ---

    def call_function(
        self, function: Function, args: list[Atoms], named: dict[str, Atoms], depth: int,
        index: int = -1, env: Env | None = None,
    ) -> Atoms:  # fmt: skip
        """Interpret a call of a function whose source is here."""
        node = function.node
        if depth > DEEPEST:
            raise UnknownError(f"calls too deep at {function.place}")
        if isinstance(node, ast.AsyncFunctionDef):
            raise UnknownError(f"async at {function.place}")
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                name = (dotted_name(decorator) or "?").split(".")[-1]
                if name not in ("staticmethod", "classmethod", "property", "setter", "override"):
                    raise UnknownError(f"a decorated function at {function.place}")
        if any(isinstance(part, (ast.Yield, ast.YieldFrom, ast.Await)) for part in ast.walk(node)):
            raise UnknownError(f"a generator at {function.place}")
        if function.place not in self.places:
            self.places.append(function.place)
        key = (node, tuple(args), tuple(sorted(named.items(), key=lambda item: item[0])))
        if key in self.active:
            if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
                raise PathEnd  # for the same name: Python gives up on it
            raise UnknownError(f"recursion at {function.place}")
        self.active.add(key)
        try:
            local: Env = dict(env or {})
            first = self.bind(node.args, args, named, local, function)
            frame = Frame(function.module, index, first, depth)
            if isinstance(node, ast.Lambda):
                return self.eval(node.body, local, frame)
            falls = self.block(node.body, local, frame)
            if falls is None and not frame.returns:
                raise PathEnd
            return frozenset(frame.returns) | (SAFE if falls is not None else frozenset())
        finally:
            self.active.discard(key)

    def bind(
        self, spec: ast.arguments, args: list[Atoms], named: dict[str, Atoms], env: Env,
        function: Function,
    ) -> str:  # fmt: skip
        """Bind arguments to parameters; give the name of the first parameter."""
        names = [arg.arg for arg in [*spec.posonlyargs, *spec.args]]
        rest = dict(named)
        for i, name in enumerate(names):
            if i < len(args):
                env[name] = args[i]
            elif name in rest:
                env[name] = rest.pop(name)
            else:
                env[name] = SAFE  # a default
        for arg in spec.kwonlyargs:
            env[arg.arg] = rest.pop(arg.arg, SAFE)
        if spec.vararg:
            env[spec.vararg.arg] = box(*args[len(names) :])
        elif len(args) > len(names):
            raise PathEnd
        if spec.kwarg:
            env[spec.kwarg.arg] = box(*rest.values())
        elif rest:
            raise UnknownError(f"arguments that do not fit at {function.place}")
        return names[0] if names else ""

    def block(self, body: list[ast.stmt], env: Env, frame: Frame) -> Env | None:
        """Run statements; None when nothing runs behind them."""
        current: Env | None = env
        for stmt in body:
            if current is None:
                return None
            try:
                current = self.statement(stmt, current, frame)
            except PathEnd:
                return None
        return current

    def where(self, node: ast.AST, frame: Frame) -> str:
        """File and line."""
        return f"{frame.module.file}:{getattr(node, 'lineno', 0)}"

    def statement(self, stmt: ast.stmt, env: Env, frame: Frame) -> Env | None:
        """Run one statement."""
        match stmt:
            case ast.Expr(value):
                self.eval(value, env, frame)
            case ast.Assign(targets, value):
                found = self.eval(value, env, frame)
                for target in targets:
                    self.assign(target, found, env, frame)
            case ast.AnnAssign(target, _, value):
                if value is not None:
                    self.assign(target, self.eval(value, env, frame), env, frame)
            case ast.AugAssign(target, _, value):
                self.augment(target, value, env, frame)
            case ast.If(test, body, orelse):
                self.truth(self.eval(test, env, frame), test, frame)
                one = self.block(body, dict(env), frame)
                two = self.block(orelse, dict(env), frame)
                return two if one is None else one if two is None else join(one, two)
            case ast.For(target, iterable, body, orelse):
                items = self.iterate(self.eval(iterable, env, frame), stmt, frame)
                for _ in range(6):
                    before = dict(env)
                    inner = dict(env)
                    self.assign(target, items, inner, frame)
                    after = self.block(body, inner, frame)
                    env = join(env, after) if after is not None else env
                    if env == before:
                        break
                else:
                    raise UnknownError(f"a loop that does not settle at {self.where(stmt, frame)}")
                return self.block(orelse, env, frame)
            case ast.Try():
                return self.attempt(stmt, env, frame)
            case ast.Return(value):
                frame.returns |= self.eval(value, env, frame) if value is not None else SAFE
                return None
            case ast.Raise(exc, cause):
                for part in (exc, cause):
                    if part is not None:
                        self.eval(part, env, frame)
                return None
            case ast.Delete(targets):
                for target in targets:
                    self.delete(target, env, frame)
            case ast.Assert(test, _):
                self.truth(self.eval(test, env, frame), test, frame)
            case ast.Import() | ast.ImportFrom():
                self.imports(stmt, env, frame)
            case ast.FunctionDef(name):
                if stmt.decorator_list:
                    raise UnknownError(f"a decorated function at {self.where(stmt, frame)}")
                env[name] = frozenset({Local(stmt, env, frame)})
            case ast.Pass():
                pass
            case ast.Continue() | ast.Break():
                # What follows may run or not; the loop joins both anyway.
                return env
            case _:
                raise UnknownError(f"{type(stmt).__name__} at {self.where(stmt, frame)}")
        return env

    def attempt(self, stmt: ast.Try, env: Env, frame: Frame) -> Env | None:
        """try: a handler may run after any part of the body."""
        seen = dict(env)
        current: Env | None = dict(env)
        for inner in stmt.body:
            if current is None:
                break
            current = self.block([inner], current, frame)
            seen = join(seen, current) if current is not None else seen
        if current is not None:
            current = self.block(stmt.orelse, current, frame)
        for handler in stmt.handlers:
            if handler.type is not None:
                self.eval(handler.type, dict(seen), frame)
            inside = dict(seen)
            if handler.name:
                inside[handler.name] = SAFE
            after = self.block(handler.body, inside, frame)
            current = (
                after if current is None else current if after is None else join(current, after)
            )
        if stmt.finalbody:
            final = self.block(
                stmt.finalbody, dict(current if current is not None else seen), frame
            )
            return None if current is None else final
        return current

    def imports(self, stmt: ast.Import | ast.ImportFrom, env: Env, frame: Frame) -> None:
        """An import inside a function, of the library itself or of what HARMLESS speaks of."""
        own = frame.module.name.split(".")[0]
        if isinstance(stmt, ast.Import):
            names = [(a.asname or a.name.split(".")[0], a.name, "") for a in stmt.names]
        else:
            origin = frame.module.absolute(stmt)
            names = [(a.asname or a.name, origin, a.name) for a in stmt.names]
        for bound, module, name in names:
            top = module.split(".")[0]
            if top != own and not any(key.startswith(f"{top}.") for key in HARMLESS):
                raise UnknownError(f"imports {module} at {self.where(stmt, frame)}")
            env[bound] = frozenset({Ref(self.sources.imported(module, name, 0))})

    # --- stores ---

    def assign(self, target: ast.expr, value: Atoms, env: Env, frame: Frame) -> None:
        """target = value."""
        match target:
            case ast.Name(name):
                env[name] = value
            case ast.Tuple([first, second]) if any(isinstance(a, Pairs) for a in value):
                if not all(isinstance(a, (Pairs, Safe)) for a in value):
                    raise UnknownError(f"a store at {self.where(target, frame)}")
                self.assign(first, SAFE, env, frame)
                inner = {b for a in value if isinstance(a, Pairs) for b in a.inner}
                self.assign(second, frozenset(inner | {Safe()}), env, frame)
            case ast.Tuple(elts) | ast.List(elts):
                items = self.iterate(value, target, frame)
                for item in elts:
                    self.assign(item, items, env, frame)
            case ast.Starred(inner):
                self.assign(inner, box(value), env, frame)
            case ast.Attribute(base, name):
                for atom in self.eval(base, env, frame):
                    self.set_attribute(atom, name, value, target, frame)
            case ast.Subscript(base, key):
                keys = self.eval(key, env, frame)
                for atom in self.eval(base, env, frame):
                    self.set_item(atom, keys, value, target, env, frame)
            case _:
                raise UnknownError(f"a store at {self.where(target, frame)}")

    def set_attribute(
        self, base: Atom, name: str, value: Atoms, node: ast.AST, frame: Frame
    ) -> None:
        """base.name = value."""
        if isinstance(base, Box):
            return  # an object of the library's that the method has just made
        if not isinstance(base, Self):
            raise UnknownError(f"sets an attribute of something else at {self.where(node, frame)}")
        if name == "__dict__":
            self.update_self(value, node, frame)
            return
        if name.startswith("__") and name.endswith("__"):
            raise UnknownError(f"sets {name} at {self.where(node, frame)}")
        own = self.find("__setattr__")
        if own is not None:
            self.method("__setattr__", frozenset({Const(name)}), value)
            return
        self.store_self(name, value, node, frame)

    def store_self(self, name: str, value: Atoms, node: ast.AST, frame: Frame) -> None:
        """object.__setattr__: a data descriptor of the class comes first."""
        for found in self.members(name):
            if isinstance(found, ast.FunctionDef):
                if is_property(found):
                    self.setter(name, value, node, frame)
                    return
                continue
            if isinstance(found, ast.expr) and not is_plain(found):
                raise UnknownError(f"sets {name}, which may be a descriptor")
        self.stored.setdefault(name, set()).update(value)

    def setter(self, name: str, value: Atoms, node: ast.AST, frame: Frame) -> None:
        """Run a property's setter."""
        for index, base in enumerate(self.order):
            if not isinstance(base, Class):
                continue
            for stmt in base.node.body:
                if isinstance(stmt, ast.FunctionDef) and stmt.name == name:
                    ends = {(dotted_name(d) or "").split(".")[-1] for d in stmt.decorator_list}
                    if "setter" in ends:
                        function = Function(base.module, stmt, base)
                        self.call_function(function, [SELF, value], {}, frame.depth + 1, index)
                        return
        raise PathEnd

    def members(self, name: str) -> Iterable[ast.AST]:
        """What the first class that binds the name binds it to."""
        found = self.find(name)
        return found[1].members[name] if found else []

    def update_self(self, value: Atoms, node: ast.AST, frame: Frame) -> None:
        """self.__dict__ gets all of a dict."""
        for atom in value:
            if isinstance(atom, Field) and atom.path == ():
                self.wish.kinds.add("dict")
            elif isinstance(atom, Box):
                if not all(isinstance(a, (Safe, Const, Ref)) for a in self.inside(atom)):
                    raise UnknownError(f"fills __dict__ at {self.where(node, frame)}")
            elif not isinstance(atom, SelfDict):
                raise UnknownError(f"fills __dict__ at {self.where(node, frame)}")

    def set_item(
        self, base: Atom, keys: Atoms, value: Atoms, node: ast.AST, env: Env, frame: Frame
    ) -> None:
        """base[keys] = value."""
        name = one_text(keys)
        if isinstance(base, Box):
            self.grow(value)
            self.key(keys, node, frame)
        elif isinstance(base, SelfDict):
            if name is None:
                raise UnknownError(
                    f"sets an attribute by a computed name at {self.where(node, frame)}"
                )
            self.stored.setdefault(name, set()).update(value)
        elif isinstance(base, Field):
            if name is None:
                raise UnknownError(f"stores under a computed key at {self.where(node, frame)}")
            self.want(base, "dict")
            self.put(base, name, value, node, frame)
        elif isinstance(base, Self) and self.layout == "dict" and not self.find("__setitem__"):
            self.key(keys, node, frame)
        else:
            raise UnknownError(f"stores into something else at {self.where(node, frame)}")

    def put(self, base: Field, name: str, value: Atoms, node: ast.AST, frame: Frame) -> None:
        """A store into a dict of the state: what is read there later may be this instead."""
        if base.path == ():
            self.stored.setdefault(name, set()).update(value)
        elif not value <= {Safe(), *(a for a in value if isinstance(a, (Const, Box)))}:
            raise UnknownError(f"moves data inside the state at {self.where(node, frame)}")

    def grow(self, value: Atoms) -> None:
        """Some container now may hold the value; which one is not told apart."""
        self.grown |= next(iter(box(value))).inner - {Safe()}  # type: ignore[union-attr]

    def inside(self, base: Box | Pairs) -> set[Atom]:
        """What may be found in a container."""
        return {*base.inner, *self.grown}

    def augment(self, target: ast.expr, value: ast.expr, env: Env, frame: Frame) -> None:
        """target += value."""
        old = self.eval(as_load(target), env, frame)
        new = self.eval(value, env, frame)
        if any(isinstance(atom, Box) for atom in old):
            items = self.iterate(new, value, frame)
            self.touch(frozenset(a for a in old if not isinstance(a, Box)), "list", target, frame)
            inner = {b for a in old if isinstance(a, Box) for b in a.inner}
            fields = frozenset(a for a in old if isinstance(a, Field))
            self.grow(items)
            self.assign(target, box(frozenset(inner), items) | fields, env, frame)
            return
        self.touch(old | new, "plain", target, frame)
        self.assign(target, SAFE, env, frame)

    def delete(self, target: ast.expr, env: Env, frame: Frame) -> None:
        """del target."""
        match target:
            case ast.Name(name):
                env.pop(name, None)
            case ast.Attribute(base, _) if self.eval(base, env, frame) == SELF:
                if self.find("__delattr__"):
                    raise UnknownError(f"__delattr__ at {self.where(target, frame)}")
            case ast.Subscript(base, key):
                keys = self.eval(key, env, frame)
                self.key(keys, target, frame)
                for atom in self.eval(base, env, frame):
                    if isinstance(atom, Field):
                        self.want(atom, "dict")
                    elif not isinstance(atom, (Box, SelfDict)):
                        raise UnknownError(f"del at {self.where(target, frame)}")
            case _:
                raise UnknownError(f"del at {self.where(target, frame)}")

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

    # --- expressions ---

    def eval(self, node: ast.expr, env: Env, frame: Frame) -> Atoms:
        """What an expression may be."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise UnknownError("too much to follow")
        match node:
            case ast.Constant(value):
                return frozenset({Const(value)}) if isinstance(value, str) else SAFE
            case ast.Name(name):
                return self.name(name, env, node, frame)
            case ast.Attribute():
                found = self.member(node, env, frame)
                if any(isinstance(a, Part) and isinstance(a.base, Field) for a in found):
                    place = self.where(node, frame)  # a property of whatever stands there
                    raise UnknownError(f"an attribute of what the state holds at {place}")
                return found
            case ast.Subscript(base, key):
                return self.subscript(self.eval(base, env, frame), key, env, node, frame)
            case ast.Call():
                return self.call(node, env, frame)
            case ast.Compare(left, ops, comparators):
                return self.compare(left, ops, comparators, env, frame)
            case ast.BoolOp(_, values):
                found = self.eval(values[0], env, frame)
                for value in values[1:]:
                    self.truth(found, node, frame)
                    try:
                        found |= self.eval(value, env, frame)
                    except PathEnd:
                        continue
                return found
            case ast.UnaryOp(op, operand):
                found = self.eval(operand, env, frame)
                self.touch(found, "builtin" if isinstance(op, ast.Not) else "plain", node, frame)
                return SAFE
            case ast.BinOp(left, _, right):
                one, two = self.eval(left, env, frame), self.eval(right, env, frame)
                boxes = [a for a in one | two if isinstance(a, Box)]
                rest = frozenset(a for a in one | two if not isinstance(a, Box))
                self.touch(rest, "plain", node, frame)
                return box(*(frozenset(a.inner) for a in boxes), rest) if boxes else SAFE
            case ast.IfExp(test, body, orelse):
                self.truth(self.eval(test, env, frame), node, frame)
                found = frozenset()
                for part in (body, orelse):
                    try:
                        found |= self.eval(part, env, frame)
                    except PathEnd:
                        continue
                return found
            case ast.List(elts) | ast.Tuple(elts) | ast.Set(elts):
                inside = [self.eval(item, env, frame) for item in elts]
                if isinstance(node, ast.Set):
                    for atoms in inside:
                        self.key(atoms, node, frame)
                return box(*inside)
            case ast.Dict(keys, values):
                for word in keys:
                    if word is not None:
                        self.key(self.eval(word, env, frame), node, frame)
                return box(*(self.eval(value, env, frame) for value in values))
            case ast.Starred(inner):
                return self.iterate(self.eval(inner, env, frame), node, frame)
            case ast.JoinedStr(values):
                for value in values:
                    self.eval(value, env, frame)
                return SAFE
            case ast.FormattedValue(value):
                self.touch(self.eval(value, env, frame), "plain", node, frame)
                return SAFE
            case ast.Lambda():
                return frozenset({Local(node, env, frame)})
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self.comprehension(node, env, frame)
            case ast.NamedExpr(target, value):
                found = self.eval(value, env, frame)
                self.assign(target, found, env, frame)
                return found
            case ast.Slice(lower, upper, step):
                for bound in (lower, upper, step):
                    if bound is not None:
                        self.touch(self.eval(bound, env, frame), "plain", node, frame)
                return SAFE
        raise UnknownError(f"{type(node).__name__} at {self.where(node, frame)}")

    def comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, env: Env,
        frame: Frame,
    ) -> Atoms:  # fmt: skip
        """[... for ... in ... if ...]."""
        inner = dict(env)
        for part in node.generators:
            items = self.iterate(self.eval(part.iter, inner, frame), node, frame)
            self.assign(part.target, items, inner, frame)
            for test in part.ifs:
                self.truth(self.eval(test, inner, frame), node, frame)
        if isinstance(node, ast.DictComp):
            self.key(self.eval(node.key, inner, frame), node, frame)
            return box(self.eval(node.value, inner, frame))
        found = self.eval(node.elt, inner, frame)
        if isinstance(node, ast.SetComp):
            self.key(found, node, frame)
        return box(found)

    def compare(
        self, left: ast.expr, ops: list[ast.cmpop], comparators: list[ast.expr], env: Env,
        frame: Frame,
    ) -> Atoms:  # fmt: skip
        """Comparisons run the operands' code, but `is` and a key's lookup in a dict do not."""
        one = self.eval(left, env, frame)
        for op, node in zip(ops, comparators, strict=True):
            two = self.eval(node, env, frame)
            if isinstance(op, (ast.In, ast.NotIn)):
                self.key(one, node, frame)
                for atom in two:
                    if isinstance(atom, Field):
                        self.want(atom, "dict" if atom.path == () else "mapping")
                    elif isinstance(atom, Box):
                        self.touch(atom.inner, "plain", node, frame)
                    elif (
                        isinstance(atom, Self)
                        and not (self.layout == "dict" and not self.find("__contains__"))
                        or isinstance(atom, Any_)
                    ):
                        raise UnknownError(f"looks for a key at {self.where(node, frame)}")
            elif not isinstance(op, (ast.Is, ast.IsNot)):
                self.touch(one | two, "plain", node, frame)
            one = two
        return SAFE

    def name(self, name: str, env: Env, node: ast.AST, frame: Frame) -> Atoms:
        """A local or global name."""
        if name in env:
            return env[name]
        if name == "__class__" and frame.index >= 0:
            return frozenset({Ref(self.class_at(frame.index))})
        meaning = self.sources.look_up(frame.module, name)
        return self.global_value(meaning, name, node, frame)

    def class_at(self, index: int) -> Meaning:
        """A class of the order."""
        base = self.order[index]
        return base if isinstance(base, Class) else External(f"builtins.{base.name}")

    def global_value(self, meaning: Meaning, name: str, node: ast.AST, frame: Frame) -> Atoms:
        """What a global name stands for; a constant is harmless, other objects are looked up."""
        if meaning is None:
            raise UnknownError(f"the name {name} at {self.where(node, frame)} has no one meaning")
        if isinstance(meaning, Value) and isinstance(meaning.node, ast.Constant):
            value = meaning.node.value
            return frozenset({Const(value)}) if isinstance(value, str) else SAFE
        return frozenset({Ref(meaning)})

    def member(self, node: ast.Attribute, env: Env, frame: Frame) -> Atoms:
        """What an attribute expression gives to whoever calls it."""
        out: set[Atom] = set()
        for atom in self.eval(node.value, env, frame):
            out |= self.attribute(atom, node.attr, node, frame)
        return frozenset(out)

    def attribute(self, base: Atom, name: str, node: ast.AST, frame: Frame) -> Atoms:
        """base.name."""
        if isinstance(base, Self):
            return self.self_attribute(name, node, frame)
        if isinstance(base, Super):
            return self.super_attribute(base, name, node, frame)
        if isinstance(base, Ref):
            return self.global_attribute(base.meaning, name, node, frame)
        if isinstance(base, (Field, Box, Safe, Const, SelfDict)):
            return frozenset({Part(base, name)})
        if isinstance(base, Part) and isinstance(base.base, (Safe, Const)):
            return frozenset({Part(Safe(), name)})
        raise UnknownError(f"an attribute of what the state holds at {self.where(node, frame)}")

    def global_attribute(self, meaning: Meaning, name: str, node: ast.AST, frame: Frame) -> Atoms:
        """An attribute of a module, a class or something without source."""
        if isinstance(meaning, Module):
            return self.global_value(
                self.sources.imported(meaning.name, name, 0), name, node, frame
            )
        if isinstance(meaning, External):
            return frozenset({Ref(External(f"{meaning.dotted}.{name}"))})
        if isinstance(meaning, Class):
            if name in ("__name__", "__module__", "__qualname__", "__doc__"):
                return SAFE
            function = meaning.function(name)
            if function is not None:
                return frozenset({Ref(function)})
            found = meaning.members.get(name, [])
            if len(found) == 1 and isinstance(found[0], ast.Constant):
                return SAFE
        raise UnknownError(f"the attribute {name} at {self.where(node, frame)}")

    def self_attribute(self, name: str, node: ast.AST, frame: Frame) -> Atoms:
        """self.name: properties first, then the instance, then the class, then __getattr__."""
        if name == "__dict__":
            return frozenset({SelfDict()})
        if name == "__class__":
            return frozenset({Ref(self.class_at(0))})
        found = self.find(name)
        if name.startswith("__") and name.endswith("__"):
            return self.special(name, found, node, frame)
        out: set[Atom] = set(self.stored.get(name, ()))
        if found is None:
            out.add(Field((name,)))
            if self.find("__getattr__") is not None:
                with contextlib.suppress(PathEnd):
                    out |= self.method("__getattr__", frozenset({Const(name)}))
            return frozenset(out)
        for member in found[1].members[name]:
            if isinstance(member, ast.FunctionDef) and not member.decorator_list:
                self.forbidden.add(name)  # the instance would come first
                out.add(Method(Function(found[1].module, member, found[1]), SELF))
            elif isinstance(member, ast.FunctionDef) and is_property(member):
                function = Function(found[1].module, member, found[1])
                out |= self.call_function(function, [SELF], {}, frame.depth + 1, found[0])
            elif isinstance(member, ast.FunctionDef) and is_static(member):
                self.forbidden.add(name)
                out.add(Ref(Function(found[1].module, member, found[1])))
            elif isinstance(member, ast.expr) and is_plain(member):
                out |= {Safe(), Field((name,))}
            else:
                raise UnknownError(f"the attribute {name} at {self.where(node, frame)}")
        return frozenset(out)

    def special(
        self, name: str, found: tuple[int, Class] | None, node: ast.AST, frame: Frame
    ) -> Atoms:
        """A special method by its name; no state may hold one."""
        if found is not None:
            function = found[1].function(name)
            if function is not None:
                return frozenset({Method(function, SELF)})
        if name in ("__module__", "__doc__"):
            return SAFE
        return frozenset({Part(Self(), name)})

    def super_attribute(self, base: Super, name: str, node: ast.AST, frame: Frame) -> Atoms:
        """super().name."""
        found = self.find(name, base.after)
        if found is not None:
            function = found[1].function(name)
            if function is None or (
                isinstance(function.node, ast.FunctionDef) and function.node.decorator_list
            ):
                raise UnknownError(f"super().{name} at {self.where(node, frame)}")
            return frozenset({Method(function, SELF)})
        if name in ("__setstate__", "__getattr__"):
            raise PathEnd  # object has none
        return frozenset({Part(Self(), name)})

    def subscript(self, base: Atoms, key: ast.expr, env: Env, node: ast.AST, frame: Frame) -> Atoms:
        """base[key]."""
        keys = self.eval(key, env, frame)
        name = one_text(keys)
        out: set[Atom] = set()
        for atom in base:
            if isinstance(atom, Box):
                self.key(keys, node, frame)
                out |= {atom} if isinstance(key, ast.Slice) else self.inside(atom)
            elif isinstance(atom, (Safe, Const)):
                self.touch(keys, "plain", node, frame)
                out.add(Safe())
            elif isinstance(atom, SelfDict) and name is not None:
                out |= {*self.stored.get(name, ()), Field((name,))}
            elif isinstance(atom, Field) and name is not None:
                self.want(atom, "dict" if atom.path == () else "mapping")
                out |= self.stored.get(name, set()) if atom.path == () else set()
                out.add(Field((*atom.path, name)))
            elif isinstance(atom, Field) and isinstance(key, ast.Constant) and atom.path:
                self.want(atom, "seq")
                out.add(Field((*atom.path, ITEM)))
            elif isinstance(atom, Field) and isinstance(key, ast.Slice) and atom.path:
                self.want(atom, "seq")
                out.add(Box(frozenset({Field((*atom.path, ITEM))})))
            else:
                raise UnknownError(f"looks into something at {self.where(node, frame)}")
        return frozenset(out)

    # --- calls ---

    def call(self, node: ast.Call, env: Env, frame: Frame) -> Atoms:
        """Any call."""
        if isinstance(node.func, ast.Name) and node.func.id == "super" and "super" not in env:
            return self.super_call(node, env, frame)
        if isinstance(node.func, ast.Attribute):
            callee = self.member(node.func, env, frame)
        else:
            callee = self.eval(node.func, env, frame)
        args: list[Atoms] = []
        for arg in node.args:
            if isinstance(arg, ast.Starred):
                raise UnknownError(f"*arguments at {self.where(node, frame)}")
            args.append(self.eval(arg, env, frame))
        named: dict[str, Atoms] = {}
        spread: set[Atom] = set()
        for keyword in node.keywords:
            found = self.eval(keyword.value, env, frame)
            if keyword.arg is None:
                spread |= found
            else:
                named[keyword.arg] = found
        if spread:
            raise UnknownError(f"**arguments at {self.where(node, frame)}")
        out: set[Atom] = set()
        ended = 0
        for atom in callee:
            try:
                out |= self.call_atom(atom, args, named, node, env, frame)
            except PathEnd:
                ended += 1
        if ended and ended == len(callee):
            raise PathEnd
        return frozenset(out)

    def super_call(self, node: ast.Call, env: Env, frame: Frame) -> Atoms:
        """super() and super(Class, self)."""
        if env.get(frame.first) != SELF:
            return frozenset({Part(Box(frozenset()), "super")})
        index = frame.index
        if node.args:
            meaning = self.sources.resolve(frame.module, dotted_name(node.args[0]) or "?")
            index = next((i for i, base in enumerate(self.order) if base is meaning), -1)
        if index < 0:
            raise UnknownError(f"super() at {self.where(node, frame)}")
        return frozenset({Super(index + 1)})

    def call_atom(
        self, callee: Atom, args: list[Atoms], named: dict[str, Atoms], node: ast.Call, env: Env,
        frame: Frame,
    ) -> Atoms:  # fmt: skip
        """A call of one of the things that the callee may be."""
        depth = frame.depth + 1
        if isinstance(callee, Method):
            index = self.index_of(callee.function.owner)
            return self.call_function(callee.function, [callee.bound, *args], named, depth, index)
        if isinstance(callee, Local):
            function = Function(callee.frame.module, callee.node)
            return self.call_function(function, args, named, depth, callee.frame.index, callee.env)
        if isinstance(callee, Ref):
            return self.call_ref(callee.meaning, args, named, node, frame)
        if isinstance(callee, Part):
            return self.call_part(callee, args, named, node, env, frame)
        raise UnknownError(f"calls what the state holds at {self.where(node, frame)}")

    def index_of(self, owner: Class | None) -> int:
        """The place of a class in the order."""
        return next((i for i, base in enumerate(self.order) if base is owner), -1)

    def call_ref(
        self, meaning: Meaning, args: list[Atoms], named: dict[str, Atoms], node: ast.Call,
        frame: Frame,
    ) -> Atoms:  # fmt: skip
        """A call of a global: of the library's own code, or of what is known to be harmless."""
        where = self.where(node, frame)
        if isinstance(meaning, Function):
            if meaning.owner is not None:
                index = self.index_of(meaning.owner)
                return self.call_function(meaning, args, named, frame.depth + 1, index)
            return self.call_function(meaning, args, named, frame.depth + 1)
        if isinstance(meaning, Class):
            return self.make(meaning, args, named, node, frame)
        if not isinstance(meaning, External):
            raise UnknownError(f"calls something at {where}")
        dotted = meaning.dotted
        if dotted.startswith("builtins."):
            return self.call_builtin(dotted.removeprefix("builtins."), args, named, node, frame)
        if dotted not in HARMLESS:
            raise UnknownError(f"calls {dotted} at {where}")
        if dotted == "typing.cast" and len(args) == 2:
            return args[1]
        for value in [*args, *named.values()]:
            if dotted not in LOOKS_AT_TYPE_ONLY:
                self.touch(value, "plain", node, frame)
        return box(*args, *named.values())

    def make(
        self, cls: Class, args: list[Atoms], named: dict[str, Atoms], node: ast.Call, frame: Frame
    ) -> Atoms:
        """An object of a library class: its __init__ is interpreted over a box."""
        made = box(*args, *named.values())
        current: Class | None = cls
        for _ in range(DEEPEST):
            assert current is not None
            if any(name in current.members for name in ("__new__", "__setattr__", "__del__")):
                raise UnknownError(f"makes a {cls.name} at {self.where(node, frame)}")
            if "__init__" in current.members:
                function = current.function("__init__")
                if function is None:
                    raise UnknownError(f"makes a {cls.name} at {self.where(node, frame)}")
                self.call_function(function, [made, *args], named, frame.depth + 1)
                for value in [*args, *named.values()]:
                    self.touch(value, "plain", node, frame)
                return made
            bases = [self.sources.resolve(current.module, dotted_name(b) or "?")
                     for b in current.node.bases]  # fmt: skip
            if len(bases) == 1 and isinstance(bases[0], Class):
                current = bases[0]
                continue
            if all(isinstance(b, External) and is_exception(b.dotted) for b in bases):
                for value in [*args, *named.values()]:
                    self.touch(value, "plain", node, frame)
                return made
            break
        raise UnknownError(f"makes a {cls.name} at {self.where(node, frame)}")

    def call_builtin(
        self, name: str, args: list[Atoms], named: dict[str, Atoms], node: ast.Call, frame: Frame
    ) -> Atoms:
        """Python's own functions and types."""
        where = self.where(node, frame)
        if name == "isinstance" and len(args) == 2:
            if any(isinstance(a, (Field, Any_)) for a in leaves_of(args[1])):
                raise UnknownError(f"isinstance of something at {where}")
            return SAFE
        if name in ("id", "callable"):
            return SAFE
        if name == "type" and len(args) == 1:
            if args[0] == SELF:
                return frozenset({Ref(self.class_at(0))})
            return SAFE
        if name in ("hasattr", "getattr") and args:
            text = one_text(args[1])
            if text is None:
                raise UnknownError(f"{name} with a computed name at {where}")
            out: set[Atom] = set(args[2]) if len(args) > 2 else set()
            for atom in args[0]:
                try:
                    out |= self.attribute(atom, text, node, frame)
                except PathEnd:
                    continue
            return SAFE if name == "hasattr" else frozenset(out)
        if name in ("setattr", "object.__setattr__") and len(args) == 3:
            return self.call_setattr(name, args, node, frame)
        if name == "vars" and args == [SELF]:
            return frozenset({SelfDict()})
        if name in ("len", "bool"):
            for value in args:
                self.touch(value, "builtin", node, frame)
            return SAFE
        if "key" in named:
            raise UnknownError(f"{name} with a key at {where}")
        if name in ("list", "tuple", "set", "frozenset", "sorted", "reversed", "enumerate", "zip"):
            items = [self.iterate(value, node, frame) for value in args]
            if name in ("set", "frozenset", "sorted"):
                for value in items:
                    self.touch(value, "plain", node, frame)
            return box(*items, SAFE)
        if name == "dict" and not args:
            return box(*named.values())
        if name == "dict" and len(args) == 1:
            inner: set[Atom] = set()
            for atom in args[0]:
                if isinstance(atom, Field):
                    self.want(atom, "dict")
                    inner.add(Any_())
                elif isinstance(atom, Box):
                    inner |= atom.inner
                else:
                    raise UnknownError(f"dict() at {where}")
            return box(frozenset(inner), *named.values())
        if name in PLAIN_FUNCTIONS:
            for value in [*args, *named.values()]:
                self.touch(value, "plain", node, frame)
            return SAFE
        if is_exception(f"builtins.{name}"):
            for value in [*args, *named.values()]:
                self.touch(value, "plain", node, frame)
            return SAFE
        raise UnknownError(f"calls {name} at {where}")

    def call_setattr(self, name: str, args: list[Atoms], node: ast.Call, frame: Frame) -> Atoms:
        """setattr(self, name, value)."""
        if args[0] != SELF:
            raise UnknownError(f"setattr of something else at {self.where(node, frame)}")
        text = one_text(args[1])
        if text is not None:
            if name == "setattr":
                self.set_attribute(Self(), text, args[2], node, frame)
            else:
                self.store_self(text, args[2], node, frame)
            return SAFE
        if self.find("__setattr__") is not None or args[1] != SAFE:
            raise UnknownError(f"setattr with a computed name at {self.where(node, frame)}")
        self.forbidden |= descriptors(self.order)
        return SAFE

    def call_part(
        self, callee: Part, args: list[Atoms], named: dict[str, Atoms], node: ast.Call, env: Env,
        frame: Frame,
    ) -> Atoms:  # fmt: skip
        """A method of a built-in value, of the state, of __dict__, or of `object` by super()."""
        base, name = callee.base, callee.name
        where = self.where(node, frame)
        if isinstance(base, (Safe, Const)):
            if name not in SAFE_METHODS:
                raise UnknownError(f"calls {name} of something at {where}")
            for value in [*args, *named.values()]:
                self.touch(value, "plain", node, frame)
            return SAFE
        if isinstance(base, Box):
            return self.call_box(base, name, args, named, node, env, frame)
        if isinstance(base, SelfDict):
            return self.call_self_dict(name, args, node, frame)
        if isinstance(base, Field):
            return self.call_field(base, name, args, node, frame)
        if isinstance(base, Self):
            return self.call_object(name, args, named, node, frame)
        raise UnknownError(f"calls {name} of something at {where}")

    def call_box(
        self, base: Box, name: str, args: list[Atoms], named: dict[str, Atoms], node: ast.Call,
        env: Env, frame: Frame,
    ) -> Atoms:  # fmt: skip
        """A method of a container that the method made."""
        if name == "__init__" and not base.inner:
            for value in [*args, *named.values()]:
                self.touch(value, "plain", node, frame)
            return SAFE  # super().__init__() of an object of the library's
        if name not in BOX_METHODS:
            raise UnknownError(f"calls {name} at {self.where(node, frame)}")
        if name in ("add", "get", "pop", "setdefault", "count", "index", "remove", "discard"):
            for value in args[:1]:
                self.touch(value, "plain", node, frame)
        if name in ("sort", "union", "difference"):
            self.touch(frozenset({base}), "plain", node, frame)
        if name in ("append", "extend", "update", "setdefault", "insert", "add"):
            for value in [*args, *named.values()]:
                self.grow(
                    self.iterate(value, node, frame) if name in ("extend", "update") else value
                )
        if name in ("items", "popitem"):
            return box(frozenset({Pairs(frozenset(self.inside(base)))}))
        if name in ("keys", "values", "copy", "union", "difference"):
            return box(frozenset(self.inside(base)))
        return frozenset({*self.inside(base), Safe()}).union(*args[1:])

    def call_self_dict(self, name: str, args: list[Atoms], node: ast.Call, frame: Frame) -> Atoms:
        """self.__dict__.update(...) and others."""
        if name == "update" and len(args) == 1:
            self.update_self(args[0], node, frame)
            return SAFE
        text = one_text(args[0]) if args else None
        if name in ("get", "pop", "setdefault") and text is not None:
            rest = args[1] if len(args) > 1 else SAFE
            if name == "setdefault":
                self.stored.setdefault(text, set()).update(rest)
            return frozenset({*self.stored.get(text, ()), Field((text,)), *rest})
        if name == "items":
            return box(frozenset({Pairs(ANY)}))
        if name in ("values", "copy"):
            return box(ANY)
        if name in ("keys", "clear"):
            return box(SAFE)
        if name in ("discard", "add"):
            return frozenset()  # a dict has none: nothing behind this runs
        raise UnknownError(f"__dict__.{name} at {self.where(node, frame)}")

    def call_field(
        self, base: Field, name: str, args: list[Atoms], node: ast.Call, frame: Frame
    ) -> Atoms:
        """A method of something that the state holds."""
        text = one_text(args[0]) if args else None
        if name in ("get", "pop", "setdefault") and text is not None:
            self.want(base, "dict")
            rest = args[1] if len(args) > 1 else SAFE
            if name == "setdefault":
                self.put(base, text, rest, node, frame)
            old = self.stored.get(text, set()) if base.path == () else set()
            return frozenset({*old, Field((*base.path, text)), *rest})
        if name in ("items", "values", "copy"):
            self.want(base, "dict")
            if name == "copy" and base.path == ():
                return frozenset({base})
            return box(frozenset({Pairs(ANY)}) if name == "items" else ANY)
        if name == "keys":
            self.want(base, "dict")
            return box(SAFE)
        if name in LIST_METHODS - {"remove"} and base.path:
            self.want(base, "list")
            if name not in ("append", "extend", "insert", "reverse"):
                self.touch(frozenset({base}), "plain", node, frame)
            return SAFE
        if name in ("discard", "remove") and base.path:
            self.want(base, "set")
            for value in args:
                self.key(value, node, frame)
            return SAFE
        if name in SAFE_METHODS and base.path:
            self.want(base, "str")
            for value in args:
                self.touch(value, "plain", node, frame)
            return SAFE
        raise UnknownError(f"calls {name} of what the state holds at {self.where(node, frame)}")

    def call_object(
        self, name: str, args: list[Atoms], named: dict[str, Atoms], node: ast.Call, frame: Frame
    ) -> Atoms:
        """super().name(...) where only object or a built-in container has the method."""
        if name == "__setattr__" and len(args) == 2:
            return self.call_setattr("object.__setattr__", [SELF, *args], node, frame)
        if name in ("__init__", "__init_subclass__"):
            for value in [*args, *named.values()]:
                self.touch(value, "plain", node, frame)
            return SAFE
        if name in ("__getitem__", "get", "pop") and self.layout == "dict" and args:
            self.key(args[0], node, frame)
            return ANY
        if name == "__setitem__" and self.layout == "dict":
            self.key(args[0], node, frame)
            return SAFE
        raise UnknownError(f"calls {name} at {self.where(node, frame)}")


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
