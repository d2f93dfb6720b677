"""What an expression may be, over sets of values.

Problem: an expression reads names, attributes and items, and some of these run code. Method: each
is evaluated to the atoms that it may be (values.py); calls are left to calls.py. Invariant: an
attribute or item that a property, `__getattr__` or `__getitem__` of the file's choice could answer
is an UnknownError.
"""

from __future__ import annotations

import ast
import contextlib

from prover.order import UnknownError
from prover.run import (
    MOST_STEPS,
    Env,
    Frame,
    PathEnd,
    Run,
    is_plain,
    is_property,
    is_static,
    one_text,
)
from prover.sources import Class, External, Function, Meaning, Module, Value
from prover.values import (
    ITEM,
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
    Part,
    Ref,
    Safe,
    Self,
    SelfDict,
    Super,
    box,
)  # fmt: skip


class Expressions(Run):
    """Evaluates expressions."""

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
