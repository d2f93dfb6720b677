"""Which facts of a class follow from its source: what unpickling an instance would run.

For each class at a module's top level: metaclass, decorators, bases, `__new__`, `__setstate__` (or
the default), `__getattr__`, `__del__`, stores, hash. Invariant: a fact is given only when every
class in the search order is known and nothing assigns a special method from outside.
"""

from __future__ import annotations

import ast
import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

from prover.interpret import Interpreter
from prover.known import (
    INHERITED,
    KNOWN_TO_CONVERT,
    LAYER,
    NAMED_IN_LOOPS,
    READ_DECORATORS,
    ROOTS_ABOVE,
    SAME_STATE_DICT,
    STATE_DICT,
)
from prover.order import Base, Native, Order, UnknownError, layout_of
from prover.run import PathEnd, descriptors
from prover.sources import Class, External, Function, Module, Sources, dotted_name, statements
from prover.values import STATE, Const

OPTIMIZER = "torch.optim.optimizer.Optimizer"
HOOKS = {
    "__new__", "__init__", "__setstate__", "__setattr__", "__delattr__", "__getattr__",
    "__getattribute__", "__del__", "__hash__", "__eq__", "__dict__", "__class__", "__slots__",
    "__setitem__", "append", "extend", "add", "__reduce__", "__reduce_ex__", "__contains__",
}  # fmt: skip
# Class decorators that leave the class as its body says, or whose changes are listed here.
PLAIN_DECORATORS = {
    "functools.total_ordering", "typing.final", "typing.runtime_checkable",
    "typing_extensions.final", "typing_extensions.runtime_checkable",
    "typing_extensions.deprecated",
    "typing_extensions.override", "abc.update_abstractmethods",
    # These make an enumeration of the body, or note its members in the module.
    "enum._simple_enum", "enum.global_enum", "enum.unique",
}  # fmt: skip
# Decorators of libraries that change documentation only, read one by one.
PLAIN_ENDINGS = {
    "set_module", "xp_capabilities", "auto_docstring", "add_start_docstrings", "add_end_docstrings",
    "Substitution", "Appender",
    # These write docstrings, or give methods other names too (get_linewidth: get_lw).
    "interpd", "define_aliases",
    # These give the class back and note it in a table, or replace `forward` or `__init__`.
    "requires", "register_tag", "register_notrace_module", "register_embeddings",
    "functional_transform", "maybe_allow_in_graph", "use_kernel_forward_from_hub",
    "use_kernelized_func",
    "use_experts_implementation",
    "strict",
}  # fmt: skip


@dataclass
class Verdict:
    """What was found out about a class."""

    cls: Class
    facts: dict[str, str] = field(default_factory=dict)
    members: list[str] = field(default_factory=list)  # of an enumeration
    bound: set[str] = field(default_factory=set)  # what else its attributes are
    places: list[str] = field(default_factory=list)  # methods that were interpreted
    alias: str = ""  # the module that a decorator gives the class for its own
    problem: str = ""  # why nothing is known
    refused: bool = False  # known not to be inert, rather than not known


class Decider:
    """Decides classes one by one."""

    def __init__(
        self, sources: Sources, packages: list[str], by_hand: dict[str, str] | None = None
    ) -> None:
        """Take the sources, the packages whose modules may patch classes, and the classes with
        facts written by hand: which one's facts they have.
        """
        self.by_hand = by_hand or {}
        self.sources, self.order = sources, Order(sources)
        self.patched = {key for package in packages for key in patches(sources, package)}

    def decide(self, cls: Class) -> Verdict:
        """Find the facts of one class."""
        verdict = Verdict(cls)
        try:
            self.facts(cls, verdict)
        except UnknownError as error:
            verdict.problem = str(error)
            verdict.facts.clear()
        except RecursionError:
            verdict.problem = "too much to follow"
            verdict.facts.clear()
        return verdict

    def facts(self, cls: Class, verdict: Verdict) -> None:
        """Fill in the facts; fail on what is not known."""
        order = self.order.of(cls)
        intercepted = self.order.metaclass(cls)
        layout = layout_of(order)
        verdict.alias = stated_module(cls)
        frozen = False
        root = self.inherited(order)
        for base in order:
            if isinstance(base, Class) and not (root and base.key in self.by_hand):
                frozen = self.check_class(base) or frozen
        if root:
            verdict.facts["like"] = root
            if is_layer(order):
                verdict.facts["layer"] = "true" if keeps_state_dict(cls, order) else "false"
            return
        if layout == "enum":
            self.enumeration(cls, order, verdict)
            return
        interpreter = Interpreter(order, self.sources)
        self.new(interpreter, layout, verdict)
        if interpreter.find("__del__") is not None:
            interpreter.settle("__del__")
        self.state(interpreter, layout, verdict)
        self.stores(interpreter, layout, verdict)
        self.hash(order, frozen, verdict)
        if intercepted:
            verdict.facts.pop("call", None)
        if is_layer(order):
            kept = keeps_state_dict(cls, order) and keeps_state(interpreter)
            verdict.facts["layer"] = "true" if kept else "false"
        elif not layout and not interpreter.places and "state" in verdict.facts:
            # Its attributes are what BUILD is given: nothing of its own runs.
            verdict.facts["keeps"] = "true"
        verdict.places += interpreter.places

    def inherited(self, order: list[Base]) -> str:
        """The class of INHERITED whose facts hold for a class with this search order, or ""."""
        roots = list(dict.fromkeys(
            self.by_hand[base.key]
            for base in order
            if isinstance(base, Class) and self.by_hand.get(base.key) in INHERITED
        ))  # fmt: skip
        if not roots or not {*roots[1:]} <= ROOTS_ABOVE.get(roots[0], set()):
            return ""
        root = roots[0]
        names = {name for each in roots for name in INHERITED[each]}
        taken = HOOKS - {"__init__", "append", "extend", "add", "__contains__", "__setitem__",
                         "__reduce__", "__reduce_ex__"} | names  # fmt: skip
        read = {
            base.name
            for above in order
            if isinstance(above, Class) and self.by_hand.get(above.key) in roots
            for base in self.order.of(above)
            if isinstance(base, Native)
        }
        for base in order:
            if isinstance(base, Native):
                if base.name not in read and (base.layout or base.hashes):
                    return ""
            elif self.by_hand.get(base.key) not in roots:
                own = taken & base.members.keys()
                if root == OPTIMIZER and fills_in_options(base):
                    own -= {"__setstate__"}
                if own or (root == OPTIMIZER and not plain_step(base)):
                    return ""
        return root

    def check_class(self, base: Class) -> bool:
        """Fail on what makes a class something else than its body; give whether it compares."""
        if base.odd:
            raise UnknownError(base.odd)
        if base.key in self.patched or f":{base.name}" in self.patched:
            raise UnknownError(f"a special method of {base.name} is set from outside")
        for name in ("__getattribute__", "__dict__", "__class__"):
            if name in base.members:
                raise UnknownError(f"{name} at {base.place}")
        for name in HOOKS & base.members.keys() - {"__slots__", "__hash__", "__eq__"}:
            if len(base.members[name]) != 1:
                raise UnknownError(f"{name} is defined twice at {base.place}")
        if "__slots__" in base.members:
            slot_names(base)
        starter = base.members.get("__init_subclass__", [])
        for node in starter:
            if any(name in HOOKS for name in texts_in(node)):
                raise UnknownError(f"__init_subclass__ sets special methods at {base.place}")
        compares = False
        for decorator in base.node.decorator_list:
            compares = self.check_decorator(base, decorator) or compares
        return compares

    def check_decorator(self, base: Class, node: ast.expr) -> bool:
        """Fail on an unknown class decorator; give whether it adds a comparison."""
        call = node if isinstance(node, ast.Call) else None
        dotted = dotted_name(call.func if call else node)
        meaning = self.sources.resolve(base.module, dotted) if dotted else None
        if isinstance(meaning, External):
            if meaning.dotted in PLAIN_DECORATORS:
                return False
            if meaning.dotted == "dataclasses.dataclass":
                options = {k.arg: k.value for k in call.keywords} if call else {}
                for name in ("slots", "unsafe_hash", "weakref_slot"):
                    value = options.get(name)
                    if value is not None and not is_false(value):
                        raise UnknownError(f"a dataclass with {name} at {base.place}")
                equal = options.get("eq")
                return equal is None or not is_false(equal)
        if dotted and dotted.split(".")[-1] in PLAIN_ENDINGS:
            return False
        if isinstance(meaning, Class) and meaning.key in READ_DECORATORS:
            return False
        if isinstance(meaning, Function) and meaning.owner is None:
            name = getattr(meaning.node, "name", "")
            if f"{meaning.module.name}:{name}" in READ_DECORATORS:
                return False
        raise UnknownError(f"the decorator {dotted} at {base.place}")

    def new(self, interpreter: Interpreter, layout: str, verdict: Verdict) -> None:
        """cls.__new__ without arguments; a named tuple takes what it is given."""
        found = interpreter.find("__new__")
        if found is not None:
            raise UnknownError(f"__new__ at {found[1].place}")
        if any(base.name == "collections.namedtuple" for base in interpreter.order):
            layout = "namedtuple"
        if layout in TAKES:
            verdict.facts["new"], verdict.facts["call"] = TAKES[layout]
            if interpreter.find("__init__") is not None:
                del verdict.facts["call"]
            return
        verdict.facts["new"] = "()"
        if any(base.name == "collections.defaultdict" for base in interpreter.order):
            if interpreter.find("__init__") is None:
                verdict.facts["call"] = "() | ($factory)"
            return
        # Both name themselves and nothing else when they are pickled.
        plain = {"collections.OrderedDict", "types.SimpleNamespace"}
        if {b.name for b in interpreter.order} & plain and interpreter.find("__init__") is None:
            verdict.facts["call"] = "()"

    def state(self, interpreter: Interpreter, layout: str, verdict: Verdict) -> None:
        """BUILD: __setstate__, or names put straight into __dict__ and into slots."""
        if layout == "tuple":
            return  # no attributes, or none that an honest file sets
        if layout == "exception":  # BaseException.__setstate__ sets each name as an attribute
            if any(map(interpreter.find, ("__setstate__", "__setattr__"))):
                raise UnknownError("an exception that sets its own state")
            interpreter.forbidden |= descriptors(interpreter.order) | CONVERTED
            verdict.facts["state"] = f"none | {interpreter.contract()}"
            return
        if interpreter.find("__setstate__") is not None:
            interpreter.settle("__setstate__", STATE)
        elif interpreter.find("__getattr__") is not None and interpreter.settle(
            "__getattr__", frozenset({Const("__setstate__")})
        ):
            raise UnknownError("__getattr__ may give a __setstate__")
        if layout == "list":
            interpreter.forbidden |= {"append", "extend"}
        contract = interpreter.contract()
        if interpreter.find("__setstate__") is None:
            contract = slotted(interpreter, contract)
        verdict.facts["state"] = contract

    def stores(self, interpreter: Interpreter, layout: str, verdict: Verdict) -> None:
        """What opcodes put into a container, by the built-in's own methods."""
        if layout == "dict" and interpreter.find("__setitem__") is None:
            verdict.facts["setitem"] = "(hashable, any)"
        if layout == "list" and not any(map(interpreter.find, ("append", "extend"))):
            verdict.facts["append"] = "any"
            verdict.facts["extend"] = "list<any> | tuple<any>"

    def hash(self, order: list[Base], compares: bool, verdict: Verdict) -> None:
        """How an instance is hashed."""
        for base in order:
            if isinstance(base, Native):
                if base.hashes:
                    if base.hashes == "none":
                        verdict.facts["hash"] = "none"
                    if base.name in ("str", "int", "float"):
                        verdict.facts["hash"] = "inert"
                    return
                continue
            if "__hash__" in base.members:
                if all(isinstance(n, ast.Constant) and n.value is None
                       for n in base.members["__hash__"]):  # fmt: skip
                    verdict.facts["hash"] = "none"
                return
            if "__eq__" in base.members:
                verdict.facts["hash"] = "none"
                return
            if base.node.decorator_list and compares:
                return
        verdict.facts["hash"] = "inert"

    def enumeration(self, cls: Class, order: list[Base], verdict: Verdict) -> None:
        """An enumeration: its members, by number or text or by name.

        What is no member is compared with each and shown: it is a constant.
        """
        for base in order:
            if isinstance(base, Class):
                for node in base.members.get("_missing_", []):
                    if not only_raises(node):
                        raise UnknownError(f"_missing_ at {base.place}")
                # `__new__` and `__init__` make the members; what a file asks for is looked up, and
                # only a flag makes a new member, by its own `__new__`.
                own = ["__hash__", "__eq__", "__call__"]
                if any(isinstance(b, Native) and b.name == "enum.Flag" for b in order):
                    own += ["__new__", "__init__"]
                for name in own:
                    if name in base.members:
                        raise UnknownError(f"{name} at {base.place}")
        for name, found in cls.members.items():
            if name.startswith("_") or not all(isinstance(n, ast.expr) for n in found):
                continue
            verdict.members.append(name)
        verdict.bound = {name for base in order if isinstance(base, Class) for name in base.members}
        verdict.bound |= {*dir(enum.Flag), *dir(str), *dir(int), *dir(float), *dir(bytes)}
        verdict.facts.update({"call": "($member)", "fresh": "shared", "hash": "inert"})
        if not verdict.members:
            raise UnknownError("an enumeration without members")


def fills_in_options(base: Class) -> bool:
    """Whether an optimizer's `__setstate__` calls its base's, and gives options that are missing a
    constant: `for group in self.param_groups: group.setdefault("amsgrad", False)`. Groups are
    built-in dictionaries by the contract of the base.
    """
    function = base.function("__setstate__")
    if function is None or not isinstance(function.node, ast.FunctionDef):
        return False
    match function.node:
        case ast.FunctionDef(
            args=ast.arguments([], [ast.arg(this), ast.arg(state)], None, [], [], None, []),
            body=[first, *rest],
            decorator_list=[],
        ):
            above = f"super().__setstate__({state})"
            named = f"super({base.name}, {this}).__setstate__({state})"
            if ast.unparse(first) not in (above, named):
                return False
            return all(is_default_loop(stmt, this) for stmt in rest)
    return False


def is_default_loop(stmt: ast.stmt, this: str) -> bool:
    """Whether a statement is `for group in self.param_groups: group.setdefault(text, constant)`."""
    match stmt:
        case ast.For(
            target=ast.Name(group),
            iter=ast.Attribute(ast.Name(owner), "param_groups"),
            body=body,
            orelse=[],
        ) if owner == this and group != this:
            for inner in body:
                match inner:
                    case ast.Expr(ast.Call(
                        ast.Attribute(ast.Name(name), "setdefault"),
                        [ast.Constant(str()), ast.Constant()],
                        [],
                    )) if name == group:  # fmt: skip
                        continue
                return False
            return True
    return False


def plain_step(base: Class) -> bool:
    """Whether a class has no `step`, or a method of this name that is only decorated as torch's."""
    if "step" not in base.members:
        return True
    function = base.function("step")
    if function is None or isinstance(function.node, ast.Lambda):
        return False
    plain = {"torch.no_grad", "torch.enable_grad", "no_grad", "_use_grad_for_differentiable"}
    names = {
        dotted_name(d.func if isinstance(d, ast.Call) else d) for d in function.node.decorator_list
    }
    return names <= plain


def is_layer(order: list[Base]) -> bool:
    """Whether a class is a `torch.nn.Module`."""
    return any(isinstance(base, Class) and base.key == LAYER for base in order)


def keeps_state_dict(cls: Class, order: list[Base]) -> bool:
    """Whether a layer's `state_dict()` is that of its base, or one that `brine convert` knows."""

    def is_known(base: Class) -> bool:
        same = base.module.name.split(".")[0] == cls.module.name.split(".")[0]
        read = base.key in SAME_STATE_DICT or base.key == LAYER
        return read or (same and base.key.startswith(KNOWN_TO_CONVERT))

    return not any(
        STATE_DICT & base.members.keys()
        for base in order
        if isinstance(base, Class) and not is_known(base)
    )


def keeps_state(interpreter: Interpreter) -> bool:
    """Whether BUILD leaves a layer's dictionaries as the state has them.

    So it is with the `__setstate__` of its base, and with one that makes the state its `__dict__`
    and does nothing else.
    """
    found = interpreter.find("__setstate__")
    if found is None or found[1].key == LAYER:
        return found is not None
    match found[1].members["__setstate__"]:
        case [ast.FunctionDef(
            args=ast.arguments([], [ast.arg(this), ast.arg(state)], None, [], [], None, []),
            body=[ast.Assign([ast.Attribute(ast.Name(target), "__dict__")], ast.Name(value))],
            decorator_list=[],
        )]:  # fmt: skip
            return (this, state) == (target, value)
    return False


# Attributes of exceptions that are converted when they are set, by the value's own code.
CONVERTED = {"args", "characters_written", "start", "end"}
# What a class of this layout takes for `__new__`, and when it is called without an `__init__` of
# its own. An exception keeps what it is given, a set hashes it, a tuple iterates over it.
TAKES = {
    "namedtuple": ("(any*)", "(any*)"),
    "tuple": ("() | (seq<any>)", "() | (seq<any>)"),
    "exception": ("(plain*)", "(plain*)"),
    "str": ("() | (str)", "() | (str)"),
    "int": ("() | (int)", "() | (int)"),
    "float": ("() | (int | float)", "() | (int | float)"),
    "set": ("()", "() | (seq<hashable>)"),
}


def slot_names(base: Class) -> list[str]:
    """The names of a class's slots; fails when they are computed."""
    names: list[str] = []
    for slots in base.members.get("__slots__", []):
        items: list[ast.expr | None] = [slots] if isinstance(slots, ast.expr) else [None]
        if isinstance(slots, (ast.Tuple, ast.List)):
            items = [*slots.elts]
        elif isinstance(slots, ast.Dict):
            items = [*slots.keys]
        for item in items:
            if not (isinstance(item, ast.Constant) and isinstance(item.value, str)):
                raise UnknownError(f"__slots__ at {base.place}")
            name = item.value
            if name.startswith("__") and not name.endswith("__"):
                name = f"_{base.name.lstrip('_')}{name}"
            if not name.startswith("__"):  # no __dict__, no __weakref__
                names.append(name)
    return names


def slotted(interpreter: Interpreter, attributes: str) -> str:
    """What BUILD's state may be: attributes, and (attributes, slots) when the class has slots.

    Slots are set one by one as attributes, so that no property and no `__setattr__` may stand in
    the way, and nothing may look into them before the object is whole.
    """
    names: set[str] = set()
    for base in interpreter.order:
        if isinstance(base, Class):
            names.update(slot_names(base))
    names -= descriptors(interpreter.order)
    if not names or any(map(interpreter.find, ("__setattr__", "__getattr__", "__del__"))):
        return attributes
    return slotted_state(attributes, [f'"{name}"' for name in sorted(names)])


def slotted_state(attributes: str, keys: list[str]) -> str:
    """The contract of a state that has attributes, slots of these names or both."""
    return f"{attributes} | none | (none | {attributes}, dict<{' | '.join(keys)}, any>)"


def only_raises(node: ast.AST) -> bool:
    """Whether a method does nothing but raise, with a text of its argument."""
    if not isinstance(node, ast.FunctionDef):
        return False
    body = [
        s for s in node.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
    ]
    if len(body) != 1 or not isinstance(body[0], ast.Raise):
        return False
    calls = [part for part in ast.walk(body[0]) if isinstance(part, ast.Call)]
    names = {dotted_name(call.func) or "?" for call in calls}
    return names <= {
        "ValueError",
        "KeyError",
        "list",
        "cls._value2member_map_.keys",
        "cls.__members__.keys",
    }


def stated_module(cls: Class) -> str:
    """What `@set_module("numpy")` puts into the class's __module__; pickles say that one."""
    for node in cls.node.decorator_list:
        if isinstance(node, ast.Call) and (dotted_name(node.func) or "?").endswith("set_module"):
            if len(node.args) == 1 and isinstance(node.args[0], ast.Constant):
                return str(node.args[0].value)
            raise UnknownError(f"a decorator at {cls.place}")
    return ""


def is_false(node: ast.expr) -> bool:
    """Whether an expression is False."""
    return isinstance(node, ast.Constant) and node.value is False


def texts_in(node: ast.AST) -> Iterator[str]:
    """Every text and attribute name in a piece of source."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
        elif isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
            yield part.attr


def patches(sources: Sources, package: str) -> Iterator[str]:
    """Classes whose special methods are assigned outside their body: keys, or bare names.

    What counts is what importing the library runs: top-level statements, and the functions that
    these call or that decorate something. Other functions run when the process calls them, which is
    nothing that a file decides.
    """
    for name in sources.walk(package):
        module = sources.module(name)
        if module is None:
            continue
        for node in run_on_import(module):
            targets: list[ast.expr] = []
            if isinstance(node, ast.Assign):
                targets = node.targets
            elif isinstance(node, ast.Call) and dotted_name(node.func) == "setattr":
                if len(node.args) != 3:
                    continue
                key = node.args[1]
                computed = not isinstance(key, ast.Constant) and name not in NAMED_IN_LOOPS
                if computed or (
                    isinstance(key, ast.Constant) and key.value in HOOKS - {"__class__"}
                ):
                    yield patched(sources, module, node.args[0])
            for target in targets:
                if not isinstance(target, ast.Attribute) or target.attr not in HOOKS:
                    continue
                owner = dotted_name(target.value)
                if target.attr != "__class__" and owner not in (None, "self", "cls"):
                    yield patched(sources, module, target.value)


def patched(sources: Sources, module: Module, node: ast.expr) -> str:
    """The class that an expression names: its key, or its bare name."""
    dotted = dotted_name(node) or "?"
    meaning = sources.resolve(module, dotted)
    return meaning.key if isinstance(meaning, Class) else f":{dotted}"


def run_on_import(module: Module) -> Iterator[ast.AST]:
    """Everything in the statements that importing a module runs, and in functions it calls."""
    functions: dict[str, ast.AST] = {}
    called: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            functions.setdefault(node.name, node)
        for decorator in getattr(node, "decorator_list", ()):
            call = decorator.func if isinstance(decorator, ast.Call) else decorator
            called.add((dotted_name(call) or "?").split(".")[-1])
    open_nodes: list[ast.AST] = [
        stmt for stmt, _ in statements(module.tree.body)
        if not isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]  # fmt: skip
    open_nodes += [functions[name] for name in sorted(called & functions.keys())]
    seen: set[int] = set()
    while open_nodes:
        node = open_nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, ast.Call):
            name = (dotted_name(node.func) or "?").split(".")[-1]
            if name in functions:
                open_nodes.append(functions[name])
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or (
                isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            ):
                open_nodes.append(child)


HARMFUL_ON_IMPORT = {
    "subprocess", "socket", "urllib", "requests", "http", "ftplib", "smtplib", "webbrowser",
    "shutil", "tempfile", "antigravity", "ctypes", "multiprocessing", "pty", "telnetlib",
}  # fmt: skip
HARMFUL_CALLS = {
    "os.system", "os.popen", "os.remove", "os.unlink", "os.makedirs", "os.mkdir", "os.rename",
    "os.fork", "os.kill", "builtins.open", "builtins.exec", "builtins.eval", "io.open",
    "builtins.__import__", "importlib.import_module", "os.putenv", "sys.exit", "os._exit",
}  # fmt: skip


def import_problem(sources: Sources, module: Module) -> str | None:
    """What importing a module would do that harms: a call at its top level that starts, sends or
    writes something. A module's own __getattr__ does not matter here, because only names that its
    statements bind get facts.
    """
    body: list[ast.stmt] = []
    for top in module.tree.body:
        body += top.orelse if isinstance(top, ast.If) and is_main(top.test) else [top]
    for stmt, _ in statements(body):
        if isinstance(stmt, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        parts = [stmt] if not hasattr(stmt, "body") else [
            value for name, value in ast.iter_fields(stmt) if isinstance(value, ast.expr)
        ]  # fmt: skip
        for part in parts:
            for node in ast.walk(part):
                if not isinstance(node, ast.Call):
                    continue
                problem = harmful_call(sources, module, node)
                if problem:
                    return f"{problem} at {module.file}:{node.lineno}"
    return None


def is_main(test: ast.expr) -> bool:
    """Whether a condition is `__name__ == "__main__"`."""
    match test:
        case ast.Compare(ast.Name("__name__"), [ast.Eq()], [ast.Constant("__main__")]):
            return True
    return False


def harmful_call(sources: Sources, module: Module, node: ast.Call) -> str | None:
    """Whether a call at the top level is of something that harms."""
    dotted = dotted_name(node.func)
    if dotted is None:
        return None
    meaning = sources.resolve(module, dotted)
    if not isinstance(meaning, External):
        return None
    if meaning.dotted in HARMFUL_CALLS or meaning.dotted.split(".")[0] in HARMFUL_ON_IMPORT:
        return f"calls {meaning.dotted} when imported"
    return None


__all__ = ["Decider", "Verdict", "import_problem", "patches", "PathEnd"]
