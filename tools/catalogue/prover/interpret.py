"""What a method of unpickling does, found by running it over sets of what its values may be.

Problem: `__setstate__` is code, and the file chooses its argument. Method: the function is
interpreted over the values of values.py, with both branches of every condition and loops until
nothing new appears; methods, properties and library functions that it calls are interpreted in
turn. Functions and statements stand here; expressions in evaluate.py, calls in calls.py, what all
share in run.py. Invariant: whatever is not understood ends in UnknownError, and the class stays
undecided.
"""

from __future__ import annotations

import ast
import contextlib

from prover.calls import Calls
from prover.known import HARMLESS
from prover.order import UnknownError
from prover.run import DEEPEST, Env, Frame, PathEnd, as_load, is_plain, is_property, join, one_text
from prover.sources import Class, Function, dotted_name
from prover.values import (
    SAFE,
    SELF,
    Atom,
    Atoms,
    Box,
    Const,
    Field,
    Local,
    Pairs,
    Ref,
    Safe,
    Self,
    SelfDict,
    box,
)  # fmt: skip


class Interpreter(Calls):
    """Runs methods of one class and collects what they want of the state."""

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
