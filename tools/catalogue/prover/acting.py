"""What calling a class or a function can do outside: open, import, execute, load.

Problem: a file that only refers to a class may be called with arguments of the file's choosing by
whoever uses what was loaded. Method: the bodies that a call runs (metaclass, `__new__`, `__init__`,
`__post_init__`, or the function's own) are read with what they call by name, a few calls deep; a
parameter, and what is computed from it, is the file's. Calling a parameter itself is no deed: what
the file can give there is seen where it stands in the file. Limit: this finds, it proves nothing.
What is not seen is not told, so that it may only take from what names are trusted with.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from prover.order import Order, UnknownError
from prover.sources import (
    Class,
    External,
    Function,
    FunctionNode,
    Meaning,
    Module,
    Sources,
    Value,
    dotted_name,
    names_in,
)

DEEPEST = 2  # calls of other functions
LONGEST = 12  # calls in all, the object's own methods among them
CONSTRUCTORS = ("__new__", "__init__", "__post_init__", "__attrs_post_init__", "model_post_init")
TOLD = ("run_code", "process", "network", "write", "delete", "native", "import", "unpickle", "read")
# These act whatever they are given.
ALWAYS = {"process", "network"}
# Names of methods that act, whatever they are called on: with an argument of the file's.
METHODS = {
    "from_pretrained": "network+unpickle", "hf_hub_download": "network",
    "snapshot_download": "network", "cached_download": "network", "cached_path": "network",
    "load_state_dict_from_url": "network+unpickle", "download_url": "network+write",
    "load_from_checkpoint": "unpickle", "from_single_file": "network+unpickle",
    "extractall": "write", "import_module": "import",
}  # fmt: skip
# The same, of an object that is the file's: a path.
PATHS = {
    "read_text": "read", "read_bytes": "read", "write_text": "write", "write_bytes": "write",
    "mkdir": "write", "touch": "write", "unlink": "delete", "rmdir": "delete", "open": "read",
}  # fmt: skip
# They ask for a path, and open nothing.
ASKS = ("os.", "posixpath.", "genericpath.", "pathlib.", "shutil.which", "glob.", "fnmatch.",
        "importlib.metadata.")  # fmt: skip
# What the library itself starts, and what reads its own annotations.
ITS_OWN = ("multiprocessing.", "typing.get_type_hints", "inspect.", "linecache.")
# Where every name is a function of numbers, or a class that keeps what it is given.
PLAIN_NAMES = (
    "torch.nn", "torch.nn.functional", "torch.nn.init", "torch.optim", "torch.optim.lr_scheduler",
    "scipy.stats", "scipy.special", "math", "jax.nn", "jax.numpy", "torch.distributions",
    "torch.special", "torch.linalg",
)  # fmt: skip
# Of these results nothing is left of what went in.
MEASURES = {
    "len", "isinstance", "issubclass", "type", "int", "float", "bool", "id", "hash", "callable",
    "hasattr", "range",
}  # fmt: skip


@dataclass(frozen=True, order=True)
class Deed:
    """Something that a call does: capabilities joined by "+", through what, and where."""

    caps: str
    through: str
    place: str


@dataclass
class Frame:
    """One body that is read, and which of its names are the file's."""

    module: Module
    node: FunctionNode | ast.Lambda
    cls: Class | None
    owner: Class | None
    theirs: set[str]
    attributes: Attributes
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    local: set[str] = field(default_factory=set)
    found: set[str] = field(default_factory=set)  # what `getattr` gave for a name of the file's


@dataclass
class Attributes:
    """The attributes of an instance that are the file's."""

    theirs: set[str] = field(default_factory=set)
    all: bool = False

    def has(self, name: str) -> bool:
        """Whether an attribute is the file's."""
        return self.all or name in self.theirs


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when a body does: not those of functions that it only defines."""
    body = node.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else [node]
    stack: list[ast.AST] = list(body) if isinstance(body, list) else [body]
    stack.reverse()
    while stack:
        one = stack.pop()
        yield one
        if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            continue
        stack.extend(reversed(list(ast.iter_child_nodes(one))))


def parameters(node: FunctionNode | ast.Lambda) -> list[str]:
    """All parameters, `*args` and `**kwargs` among them."""
    args = node.args
    out = [one.arg for one in (*args.posonlyargs, *args.args, *args.kwonlyargs)]
    return out + [one.arg for one in (args.vararg, args.kwarg) if one is not None]


def is_static(function: Function) -> bool:
    """Whether the first parameter is no instance and no class."""
    decorators = getattr(function.node, "decorator_list", [])
    return any(dotted_name(one) == "staticmethod" for one in decorators)


class Acting:
    """Finds the deeds of classes and functions in one set of sources."""

    def __init__(self, sources: Sources, danger: dict[str, str]) -> None:
        """Take the sources, and capabilities of dangerous names: "a.b.c"."""
        self.sources = sources
        self.danger = danger
        self.order = Order(sources)
        self.orders: dict[Class, list[Class]] = {}
        self.memo: dict[tuple[object, ...], frozenset[Deed]] = {}
        self.active: set[tuple[object, ...]] = set()

    # --- what is asked ---

    def calling(self, meaning: Meaning) -> frozenset[Deed]:
        """What calling a class or a function does when all arguments are the file's."""
        if isinstance(meaning, Class):
            return self.construct(meaning, None, 0)
        if isinstance(meaning, Function):
            names = parameters(meaning.node)
            if meaning.owner is not None and not is_static(meaning):
                names = names[1:]
            everything = Attributes(all=True)
            return self.body(meaning, meaning.owner, set(names), everything, 0, 0)
        if isinstance(meaning, Value) and isinstance(meaning.node, ast.Lambda):
            names = parameters(meaning.node)
            function = Function(meaning.module, meaning.node)
            return self.body(function, None, set(names), Attributes(), 0, 0)
        return frozenset()

    def instance(self, cls: Class) -> frozenset[Deed]:
        """What calling an instance does when its attributes are the file's."""
        method = self.method(cls, "__call__")
        if method is None or method.module.name == "torch.nn.modules.module":
            return frozenset()
        names = set(parameters(method.node)[1:])
        return self.body(method, cls, names, Attributes(all=True), 0, 0)

    # --- classes ---

    def search_order(self, cls: Class) -> list[Class]:
        """The classes that are searched; where a base is unknown, those that are seen."""
        if cls not in self.orders:
            self.orders[cls] = [cls]  # a circle ends here
            try:
                found = [base for base in self.order.of(cls) if isinstance(base, Class)]
            except UnknownError:
                found = [cls]
                for node in cls.node.bases:
                    dotted = dotted_name(node.value if isinstance(node, ast.Subscript) else node)
                    base = self.sources.resolve(cls.module, dotted) if dotted else None
                    if isinstance(base, Class):
                        above = self.search_order(base)
                        found = [one for one in found if one not in above] + above
            self.orders[cls] = found
        return self.orders[cls]

    def method(self, cls: Class, name: str, after: Class | None = None) -> Function | None:
        """The method that a name finds, or the next one behind a class."""
        order = self.search_order(cls)
        if after is not None and after in order:
            order = order[order.index(after) + 1 :]
        for base in order:
            if name in base.members:
                return base.function(name)
        return None

    def below(self, cls: Class, key: str) -> bool:
        """Whether a class inherits from another."""
        return any(base.key == key for base in self.search_order(cls))

    def fields(self, cls: Class) -> set[str]:
        """Attributes that a generated constructor sets: those of dataclasses and the like."""
        out: set[str] = set()
        for base in self.search_order(cls):
            for stmt in base.node.body:
                if isinstance(stmt, ast.AnnAssign) and isinstance(stmt.target, ast.Name):
                    out.add(stmt.target.id)
        return out

    def construct(self, cls: Class, theirs: set[str] | None, depth: int) -> frozenset[Deed]:
        """What `cls(...)` does; `theirs` are the parameters that are the file's, None for all."""
        key = (cls, None if theirs is None else frozenset(theirs), depth)
        if key in self.memo:
            return self.memo[key]
        if key in self.active:
            return frozenset()
        self.active.add(key)
        attributes = Attributes()
        if self.method(cls, "__init__") is None:
            attributes.theirs = self.fields(cls)
        deeds: set[Deed] = set()
        for entry in (self.meta_call(cls), *(self.method(cls, name) for name in CONSTRUCTORS)):
            if entry is None:
                continue
            names = set(parameters(entry.node)[1:])
            if theirs is not None:
                variable = {
                    one.arg for one in (entry.node.args.vararg, entry.node.args.kwarg) if one
                }
                names &= theirs | variable
            deeds |= self.body(entry, cls, names, attributes, depth, 0)
        self.active.discard(key)
        self.memo[key] = frozenset(deeds)
        return self.memo[key]

    def meta_call(self, cls: Class) -> Function | None:
        """The metaclass's own `__call__`."""
        for base in self.search_order(cls):
            for keyword in base.node.keywords:
                if keyword.arg == "metaclass":
                    meta = self.sources.resolve(base.module, dotted_name(keyword.value) or "?")
                    return self.method(meta, "__call__") if isinstance(meta, Class) else None
        return None

    # --- bodies ---

    def body(
        self, function: Function, cls: Class | None, theirs: set[str], attributes: Attributes,
        depth: int, length: int,
    ) -> frozenset[Deed]:  # fmt: skip
        """What one body does."""
        key = (function.node, cls, frozenset(theirs), attributes.all,
               frozenset(attributes.theirs), depth)  # fmt: skip
        if key in self.memo:
            return self.memo[key]
        if key in self.active or depth > DEEPEST or length > LONGEST:
            return frozenset()
        self.active.add(key)
        frame = Frame(function.module, function.node, cls, function.owner, set(theirs), attributes)
        self.mark(frame)
        deeds: set[Deed] = set()
        for node in own_nodes(function.node):
            if isinstance(node, ast.Call):
                deeds |= self.call(node, frame, depth, length)
        self.active.discard(key)
        self.memo[key] = frozenset(deeds)
        return self.memo[key]

    def mark(self, frame: Frame) -> None:
        """Note which names and attributes of a body are the file's."""
        nodes = list(own_nodes(frame.node))
        for node in nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name.split(".")[0]
                    frame.imports[name] = (alias.name if alias.asname else name, "")
            elif isinstance(node, ast.ImportFrom):
                origin = frame.module.absolute(node)
                for alias in node.names:
                    frame.imports[alias.asname or alias.name] = (origin, alias.name)
        for _ in range(2):  # once more for loops
            for node in nodes:
                for target, value in bindings(node):
                    self.bind(target, value, frame)
        frame.local |= set(parameters(frame.node))

    def bind(self, target: ast.expr, value: ast.expr, frame: Frame) -> None:
        """target = value."""
        theirs = self.is_theirs(value, frame)
        found = is_found(value, self, frame)
        for name in names_in(target):
            frame.local.add(name)
            if theirs:
                frame.theirs.add(name)
            if found:
                frame.found.add(name)
        attribute = own_attribute(target, frame)
        if attribute is not None and theirs:
            frame.attributes.theirs.add(attribute)

    def is_theirs(self, node: ast.AST | None, frame: Frame) -> bool:
        """Whether a value is the file's or computed from it."""
        if node is None or isinstance(node, (ast.Constant, ast.Compare, ast.Lambda)):
            return False
        if isinstance(node, ast.Name):
            return node.id in frame.theirs
        if isinstance(node, ast.Call) and dotted_name(node.func) in MEASURES:
            return False
        if isinstance(node, ast.Attribute):
            own = own_attribute(node, frame)
            if own is not None:
                return frame.attributes.has(own)
        if isinstance(node, ast.IfExp):
            return self.is_theirs(node.body, frame) or self.is_theirs(node.orelse, frame)
        return any(self.is_theirs(child, frame) for child in ast.iter_child_nodes(node))

    # --- calls ---

    def call(self, node: ast.Call, frame: Frame, depth: int, length: int) -> frozenset[Deed]:
        """What one call does."""
        place = f"{frame.module.file}:{node.lineno}"
        func = node.func
        args = [*node.args, *(keyword.value for keyword in node.keywords)]
        theirs = any(self.is_theirs(arg, frame) for arg in args)
        if is_found(func, self, frame) or (isinstance(func, ast.Name) and func.id in frame.found):
            return frozenset({Deed("reach", "getattr", place)})
        spelled = self.spelled(func, frame)
        meaning = self.meaning(func, frame)
        names = [spelled] if spelled else []
        if isinstance(meaning, (Class, Function)):
            top = getattr(meaning.node, "name", "")
            owner = (
                meaning.owner.name + "." if isinstance(meaning, Function) and meaning.owner else ""
            )
            names.append(f"{meaning.module.name}.{owner}{top}")
        for name in names:
            caps = told(name, self.danger.get(name, ""), node)
            if caps and (theirs or ALWAYS & set(caps.split("+"))):
                return frozenset({Deed(caps, name, place)})
        if isinstance(func, ast.Attribute):
            caps = METHODS.get(func.attr, "") if theirs else ""
            if not caps and self.is_theirs(func.value, frame):
                caps = PATHS.get(func.attr, "")
                if func.attr == "open" and writes(node, 0):
                    caps = "write"
            if caps:
                return frozenset({Deed(caps, func.attr, place)})
        elif isinstance(func, ast.Name) and theirs and func.id in METHODS:
            return frozenset({Deed(METHODS[func.id], func.id, place)})
        return self.follow(node, frame, meaning, depth, length)

    def spelled(self, func: ast.expr, frame: Frame) -> str | None:
        """The dotted name that a call's text means, imports followed."""
        dotted = dotted_name(func)
        if dotted is None:
            if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Call):
                inner = self.spelled(func.value.func, frame)  # Path(x).open
                return f"{inner}.{func.attr}" if inner else None
            return None
        head, _, rest = dotted.partition(".")
        if head in frame.imports:
            origin, name = frame.imports[head]
        elif head in frame.local:
            return None
        else:
            bound = frame.module.bound.get(head, [])
            if not bound:
                return f"builtins.{dotted}"
            first = bound[0]
            if not isinstance(first, tuple):
                return f"{frame.module.name}.{dotted}"
            origin, name = first
        return ".".join(part for part in (origin, name, rest) if part)

    def meaning(self, func: ast.expr, frame: Frame) -> Meaning:
        """The class or function that a call's text means."""
        dotted = dotted_name(func)
        if dotted is None:
            return None
        head, _, rest = dotted.partition(".")
        if head in frame.imports:
            found = self.sources.imported(*frame.imports[head], 1)
            for part in rest.split(".") if rest else []:
                found = self.member(found, part)
            return found
        if head in frame.local:
            return None
        found = self.sources.look_up(frame.module, head)
        for part in rest.split(".") if rest else []:
            found = self.member(found, part)
        return found

    def member(self, found: Meaning, part: str) -> Meaning:
        """What an attribute of a module or class is."""
        if isinstance(found, Module):
            return self.sources.imported(found.name, part, 1)
        if isinstance(found, External):
            return self.sources.imported(found.dotted, part, 1)
        if isinstance(found, Class):
            return self.method(found, part)
        return None

    def follow(
        self, node: ast.Call, frame: Frame, meaning: Meaning, depth: int, length: int
    ) -> frozenset[Deed]:
        """What the called body does: the object's own methods, the library's functions, classes."""
        func = node.func
        if isinstance(func, ast.Attribute) and frame.cls is not None:
            method = None
            if isinstance(func.value, ast.Call) and dotted_name(func.value.func) == "super":
                method = self.method(frame.cls, func.attr, frame.owner)
            elif own_attribute(func, frame) is not None:
                method = self.method(frame.cls, func.attr)
            if method is not None:
                skip = 0 if is_static(method) else 1
                if func.attr == "__new__":
                    return self.enter(
                        node, node.args[1:], method, frame, frame.cls, 1, depth, length
                    )
                return self.enter(node, node.args, method, frame, frame.cls, skip, depth, length)
        if isinstance(meaning, Function) and meaning.owner is not None:
            if node.args and is_self(node.args[0], frame) and frame.cls is not None:
                return self.enter(node, node.args[1:], meaning, frame, frame.cls, 1, depth, length)
            if self.near(meaning.module, frame):
                skip = 0 if is_static(meaning) else 1
                return self.enter(node, node.args, meaning, frame, None, skip, depth + 1, length)
            return frozenset()
        if isinstance(meaning, Function) and self.near(meaning.module, frame):
            return self.enter(node, node.args, meaning, frame, None, 0, depth + 1, length)
        if isinstance(meaning, Class) and self.near(meaning.module, frame) and depth < DEEPEST:
            constructor = self.method(meaning, "__init__") or self.method(meaning, "__new__")
            if constructor is None:
                return frozenset()
            names = self.passed(node, node.args, constructor, frame, 1)
            return self.construct(meaning, names, depth + 1)
        return frozenset()

    def near(self, module: Module, frame: Frame) -> bool:
        """Whether a module is of the same library."""
        return module.name.split(".")[0] == frame.module.name.split(".")[0]

    def passed(
        self, node: ast.Call, args: list[ast.expr], function: Function, frame: Frame, skip: int
    ) -> set[str]:
        """Which parameters of a called function are the file's."""
        spec = function.node.args
        places = [one.arg for one in (*spec.posonlyargs, *spec.args)][skip:]
        theirs: set[str] = set()

        def note(name: str, value: ast.expr) -> None:
            if self.is_theirs(value, frame):
                theirs.add(name)

        for index, arg in enumerate(args):
            if isinstance(arg, ast.Starred):
                if self.is_theirs(arg, frame):
                    theirs |= set(places[index:]) | ({spec.vararg.arg} if spec.vararg else set())
                break
            if index < len(places):
                note(places[index], arg)
            elif spec.vararg is not None:
                note(spec.vararg.arg, arg)
        known = {*places, *(one.arg for one in spec.kwonlyargs)}
        for keyword in node.keywords:
            if keyword.arg is None:
                if self.is_theirs(keyword.value, frame):
                    theirs |= (
                        known - {k.arg for k in node.keywords if k.arg} - set(places[: len(args)])
                    )
                    if spec.kwarg is not None:
                        theirs.add(spec.kwarg.arg)
            elif keyword.arg in known:
                note(keyword.arg, keyword.value)
            elif spec.kwarg is not None and self.is_theirs(keyword.value, frame):
                theirs.add(spec.kwarg.arg)
        return theirs

    def enter(
        self, node: ast.Call, args: list[ast.expr], function: Function, frame: Frame,
        cls: Class | None, skip: int, depth: int, length: int,
    ) -> frozenset[Deed]:  # fmt: skip
        """The body of a called function."""
        theirs = self.passed(node, args, function, frame, skip)
        attributes = frame.attributes if cls is not None else Attributes()
        return self.body(function, cls, theirs, attributes, depth, length + 1)


def told(name: str, caps: str, node: ast.Call) -> str:
    """The capabilities of a dangerous name that count here."""
    if not caps or name.startswith(ITS_OWN):
        return ""
    found = [cap for cap in TOLD if cap in caps.split("+")]
    if (
        name.startswith(ASKS)
        and found == ["read"]
        and not name.endswith((".open", "_text", "_bytes"))
    ):
        return ""
    if set(found) == {"read", "write"}:
        opens = name.split(".")[-1] == "open"
        mode = 0 if name.startswith("pathlib.") else 1
        return "write" if opens and writes(node, mode) else "read" if opens else "+".join(found)
    return "+".join(found)


def writes(node: ast.Call, place: int) -> bool:
    """Whether the mode that a file is opened with may write."""
    mode = next((keyword.value for keyword in node.keywords if keyword.arg == "mode"), None)
    if mode is None and len(node.args) > place:
        mode = node.args[place]
    if mode is None:
        return False
    return not (
        isinstance(mode, ast.Constant)
        and isinstance(mode.value, str)
        and not set(mode.value) & set("wax+")
    )


def bindings(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """The targets that a statement or expression binds, and to what."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            pairs: Iterable[tuple[ast.expr, ast.expr]] = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = zip(target.elts, node.value.elts, strict=False)
            for one, value in pairs:
                yield from ((part, value) for part in spread(one))
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
        if node.value is not None:
            yield node.target, node.value
    elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        yield node.target, node.iter
    elif isinstance(node, (ast.With, ast.AsyncWith)):
        for item in node.items:
            if item.optional_vars is not None:
                yield item.optional_vars, item.context_expr


def spread(target: ast.expr) -> Iterator[ast.expr]:
    """The parts of a target that is a tuple."""
    if isinstance(target, (ast.Tuple, ast.List)):
        for part in target.elts:
            yield from spread(part)
    else:
        yield target


def is_self(node: ast.expr, frame: Frame) -> bool:
    """Whether an expression is the instance, or the class, whose method is read."""
    if not isinstance(node, ast.Name) or frame.owner is None:
        return False
    names = [one.arg for one in (*frame.node.args.posonlyargs, *frame.node.args.args)]
    return bool(names) and names[0] == node.id and node.id not in frame.theirs


def own_attribute(node: ast.expr, frame: Frame) -> str | None:
    """The name in `self.name`."""
    if isinstance(node, ast.Attribute) and is_self(node.value, frame):
        return node.attr
    return None


def is_found(node: ast.expr, acting: Acting, frame: Frame) -> bool:
    """Whether an expression is `getattr(something, name)` with a name of the file's.

    Not of the instance itself or what is given, and not where every name is harmless.
    """
    if not (isinstance(node, ast.Call) and dotted_name(node.func) == "getattr"):
        return False
    if len(node.args) < 2 or not acting.is_theirs(node.args[1], frame):
        return False
    base = node.args[0]
    if is_self(base, frame) or acting.is_theirs(base, frame):
        return False
    return acting.spelled(base, frame) not in PLAIN_NAMES
