"""What a call may give, and what it demands of its arguments.

Problem: a method of unpickling calls others. Method: the library's own functions are interpreted in
turn, Python's own and those of known.py have their demands written here. Invariant: a callee that
is neither is an UnknownError.
"""

from __future__ import annotations

import ast

from prover.evaluate import Expressions
from prover.known import HARMLESS, LOOKS_AT_TYPE_ONLY, SAFE_METHODS
from prover.order import UnknownError
from prover.run import DEEPEST, Env, Frame, PathEnd, descriptors, is_exception, leaves_of, one_text
from prover.sources import Class, External, Function, Meaning, dotted_name
from prover.values import (
    ANY,
    SAFE,
    SELF,
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
    box,
)  # fmt: skip

DICT_METHODS = {"get", "setdefault", "pop", "items", "keys", "values", "update", "popitem", "clear"}
LIST_METHODS = {"append", "extend", "insert", "remove", "reverse", "sort", "count", "index"}
BOX_METHODS = DICT_METHODS | LIST_METHODS | {"copy", "add", "discard", "union", "difference"}


PLAIN_FUNCTIONS = {
    "str", "repr", "int", "float", "min", "max", "any", "all", "range", "abs", "sum", "round",
    "print_", "bytes", "format", "slice", "ord", "chr",
}  # fmt: skip


class Calls(Expressions):
    """Interprets calls."""

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

    def call_ref(
        self, meaning: Meaning, args: list[Atoms], named: dict[str, Atoms], node: ast.Call,
        frame: Frame,
    ) -> Atoms:  # fmt: skip
        """A call of a global: of the library's own code, or of what is known to be harmless."""
        where = self.where(node, frame)
        if isinstance(meaning, Function):
            if asks_for_type(meaning):
                return SAFE
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


def asks_for_type(function: Function) -> bool:
    """Whether a function whose source is here only asks for its argument's type."""
    name = getattr(function.node, "name", "?")
    dotted = f"{function.module.name}.{name}"
    return function.owner is None and dotted in LOOKS_AT_TYPE_ONLY - {"typing.cast"}
