"""A package of classes that are hard to judge, as source: what the prover says of each is the test.

Every class in EVIL runs something that the file chooses, or may, when an instance is unpickled; the
prover must not give it a fact that lets this happen. Those in PLAIN are harmless and proven.
"""

from __future__ import annotations

BASE = """
import abc, collections, dataclasses, enum, functools, os, typing, weakref
from collections import OrderedDict
from pkg import helpers
from pkg.helpers import Patched, run, plain_decorator, changing_decorator, Meta

class Calls:
    def __setstate__(self, state):
        self.callback = state["callback"]
        self.callback()

class CallsLater:
    def __setstate__(self, state):
        self.__dict__.update(state)
        self.start()
    def start(self):
        self.hook(1)

class Named:
    def __setstate__(self, state):
        getattr(self, state["name"])()

class Evals:
    def __setstate__(self, state):
        exec(state["source"])

class Opens:
    def __setstate__(self, state):
        self.file = open(state["path"])

class Elsewhere:
    def __setstate__(self, state):
        run(state["command"])

class InLoop:
    def __setstate__(self, state):
        for item in state["items"]:
            item()

class InComprehension:
    def __setstate__(self, state):
        self.out = [f(1) for f in state["functions"]]

class InLambda:
    def __setstate__(self, state):
        f = lambda: state["f"]()
        f()

class InTry:
    def __setstate__(self, state):
        try:
            pass
        finally:
            state["f"]()

class InWith:
    def __setstate__(self, state):
        with state["context"]:
            pass

class WithOperator:
    def __setstate__(self, state):
        self.sum = state["a"] + state["b"]

class Compares:
    def __setstate__(self, state):
        self.same = state["a"] == state["b"]

class Subscripts:
    def __setstate__(self, state):
        self.item = state["a"][state["b"]]

class Formats:
    def __setstate__(self, state):
        self.text = f"{state['a']}"

class Iterates:
    def __setstate__(self, state):
        a, b = state["pair"]

class TakesAttribute:
    def __setstate__(self, state):
        self.value = state["object"].value

class SetsElsewhere:
    def __setstate__(self, state):
        state["target"].value = state["value"]

class SetsByName:
    def __setstate__(self, state):
        for key, value in state.items():
            setattr(self, key, value)
    @property
    def path(self):
        return 1
    @path.setter
    def path(self, value):
        os.remove(value)

class Super(Calls):
    def __setstate__(self, state):
        super().__setstate__(state)

class Inherits(CallsLater):
    pass

class Overrides(CallsLater):
    def start(self):
        os.system(self.command)

class Diamond(OrderedDict, Calls):
    pass

class Descriptor:
    def __set__(self, instance, value):
        os.system(value)
    def __get__(self, instance, owner=None):
        return None

class HasDescriptor:
    command = Descriptor()
    def __setstate__(self, state):
        self.command = state["command"]

class Deletes:
    def __del__(self):
        os.remove(self.path)

class Hashes:
    def __hash__(self):
        return self.function()

class Equal:
    def __eq__(self, other):
        return self.function(other)
    __hash__ = object.__hash__

class Stores(dict):
    def __setitem__(self, key, value):
        os.system(value)

class Appends(list):
    def append(self, value):
        os.system(value)

class Extends(list):
    def extend(self, values):
        os.system(values[0])

class Allocates:
    def __new__(cls, command="x"):
        os.system(command)
        return super().__new__(cls)

class GetsAttribute:
    def __getattr__(self, name):
        return os.system

class AnyAttribute:
    def __getattribute__(self, name):
        return os.system

class SetsAttribute:
    def __setattr__(self, name, value):
        os.system(value)
    def __setstate__(self, state):
        self.x = state["x"]

class WithMeta(metaclass=Meta):
    pass

class SubMeta(WithMeta):
    pass

class Starts:
    def __init_subclass__(cls):
        cls.__setstate__ = run

class Started(Starts):
    pass

@changing_decorator
class Changed:
    pass

class Patch:
    pass

Patch.__setstate__ = run

class SetLater:
    pass

setattr(SetLater, "__setstate__", run)

class ByName:
    pass

for _name in ("__setstate__",):
    setattr(ByName, _name, run)

class Conditional:
    if os.environ.get("X"):
        def __setstate__(self, state):
            os.system(state)
    else:
        def __setstate__(self, state):
            pass

class Assigned:
    __setstate__ = run

class Partial:
    __setstate__ = functools.partialmethod(run)

class Computed(helpers.make_base()):
    pass

class Body:
    locals()["__setstate__"] = run

class BodyExec:
    exec("def __setstate__(self, s): run(s)")

class Imported:
    from pkg.helpers import run as __setstate__

class Missing(enum.Enum):
    A = 1
    @classmethod
    def _missing_(cls, value):
        os.system(value)

class Tuple(typing.NamedTuple("Tuple", [("a", int)])):
    def __new__(cls, a):
        os.system(a)
        return super().__new__(cls, a)

class Foreign(helpers.io.BytesIO):
    pass

class Matches:
    def __setstate__(self, state):
        match state:
            case {"f": f}:
                f()

class Walrus:
    def __setstate__(self, state):
        if (f := state.get("f")) is not None:
            f()

class Stars:
    def __setstate__(self, state):
        run(*state["args"], **state["kwargs"])

class Global:
    def __setstate__(self, state):
        global run
        run = state["f"]

class Nested:
    def __setstate__(self, state):
        def inner(x):
            return x()
        inner(state["f"])

class Mapped:
    def __setstate__(self, state):
        self.out = list(map(state["f"], [1]))

class Sorted:
    def __setstate__(self, state):
        self.out = sorted([1, 2], key=state["key"])

class ViaDict:
    def __setstate__(self, state):
        self.__dict__ = state["mapping"]

class ClassOf:
    def __setstate__(self, state):
        self.__class__ = state["cls"]

class MakesClass:
    def __setstate__(self, state):
        self.made = state["cls"]()

class Isinstance:
    def __setstate__(self, state):
        self.yes = isinstance(state["a"], state["b"])

class Weak:
    def __setstate__(self, state):
        self.ref = weakref.ref(state["a"], state["callback"])

class Truth:
    def __setstate__(self, state):
        if state["a"]:
            self.b = 1

class Length:
    def __setstate__(self, state):
        self.n = len(state["a"])

class Joins:
    def __setstate__(self, state):
        self.text = os.path.join(state["a"], "b")

@dataclasses.dataclass
class Data:
    a: int = 0
    def __setstate__(self, state):
        self.__init__(**state)
    def __post_init__(self):
        os.system(self.a)
"""

SLOTS = """
import enum, os
from pkg import helpers

class SlotsBehindProperty:
    __slots__ = ("_kept", "command")
    pass

class SlotsShadowed(SlotsBehindProperty):
    __slots__ = ("other",)
    @property
    def command(self):
        return self._kept
    @command.setter
    def command(self, value):
        os.system(value)

class SlotsSet:
    __slots__ = ("command",)
    def __setattr__(self, name, value):
        os.system(value)

class SlotsAsked:
    __slots__ = ("a", "b")
    def __getattr__(self, name):
        return self.a(name)

class SlotsDropped:
    __slots__ = ("a",)
    def __del__(self):
        self.a()

class SlotsComputed:
    __slots__ = tuple(helpers.NAMES)

class ErrorWithState(Exception):
    def __setstate__(self, state):
        os.system(state["command"])

class ErrorThatSets(Exception):
    def __setattr__(self, name, value):
        os.system(value)

class ErrorWithProperty(Exception):
    @property
    def command(self):
        return ""
    @command.setter
    def command(self, value):
        os.system(value)

class ErrorMade(Exception):
    def __init__(self, command):
        os.system(command)

class TextMade(str):
    def __new__(cls, command):
        os.system(command)

class TextStarted(str):
    def __init__(self, command):
        os.system(command)

class FlagMade(enum.IntFlag):
    A = 1
    def __new__(cls, command):
        os.system(command)

class FlagAsked(enum.Flag):
    A = 1
    @classmethod
    def _missing_(cls, value):
        os.system(value)
"""
HELPERS = """
import io, os, functools

def run(*args, **kwargs):
    os.system(args[0])

def plain_decorator(cls):
    return cls

def changing_decorator(cls):
    cls.__setstate__ = run
    return cls

def make_base():
    return object

class Patched:
    pass

class Meta(type):
    def __call__(cls, *args):
        os.system(args[0])
    def __new__(mcs, name, bases, namespace):
        namespace["__setstate__"] = run
        return super().__new__(mcs, name, bases, namespace)
"""

PATCHER = """
from pkg.helpers import Patched, run
from pkg.plain import PatchedElsewhere

Patched.__setstate__ = run
PatchedElsewhere.__setstate__ = run
"""

PLAIN = '''
import abc, collections, enum, threading, types, typing, warnings
from collections import OrderedDict, defaultdict

class PatchedElsewhere:
    pass

class Bare:
    """Nothing of its own."""
    def method(self):
        return self.callback()

class Fills:
    def __setstate__(self, state):
        self.__dict__.update(state)
        if "new" not in self.__dict__:
            self.new = None
        self.__dict__.setdefault("other", [])

class Keeps:
    def __setstate__(self, state):
        self.a = state["a"]
        self.b = state.get("b", 1)

class Calls_own:
    def __setstate__(self, state):
        self.__dict__ = state
        self._fill()
    def _fill(self):
        self.lock = threading.Lock()

class Abstract(abc.ABC, typing.Generic[typing.TypeVar("T")]):
    pass

class Concrete(Abstract):
    pass

class Ordered(OrderedDict):
    pass

class Spaced(types.SimpleNamespace):
    def __iter__(self):
        return iter(vars(self).items())
    def __getattr__(self, name):
        raise AttributeError(f"no {name} here")

class SpacedBegins(types.SimpleNamespace):
    def __init__(self, **options):
        super().__init__(**options)
        self.callback()

class Point(typing.NamedTuple):
    x: int
    y: int

class Calling(type):
    def __call__(cls, *args):
        return os.system(*args)

class Called(tuple, metaclass=Calling):
    pass

class Colour(enum.Enum):
    RED = 1
    GREEN = "g"

class Word(str, enum.Enum):
    YES = "yes"
    @classmethod
    def _missing_(cls, value):
        raise ValueError(f"{value} is none of {list(cls._value2member_map_.keys())}")

class Property:
    @property
    def value(self):
        return self.callback()

class Slotted:
    __slots__ = ("a", "__b", "__weakref__")

class SlottedBelow(Slotted):
    __slots__ = {"c": "a documented slot"}

class Failed(ValueError, KeyError):
    pass

class Warned(UserWarning):
    def __str__(self):
        return "shown"

class Text(str):
    pass

class Number(float):
    pass

class Groups(defaultdict):
    pass

class Status(enum.IntEnum):
    def __new__(cls, value, phrase):
        obj = int.__new__(cls, value)
        obj._value_ = value
        return obj
    OK = 200, "fine"

class Options(enum.IntFlag):
    FAST = 1
    SMALL = 2

@enum._simple_enum(enum.IntEnum)
class Simple:
    ONE = 1
'''
PROVEN = {
    "Bare": {"new": "()", "state": "attrs", "hash": "inert"},
    "Fills": {"new": "()", "hash": "inert"},
    "Keeps": {"new": "()", "hash": "inert"},
    "Calls_own": {"new": "()"},
    "Abstract": {"state": "attrs"},
    "Concrete": {"state": "attrs"},
    "Called": {"new": "() | (seq<any>)"},
    "Ordered": {"call": "()"},
    "Spaced": {"call": "()", "state": "attrs"},
    "SpacedBegins": {"new": "()"},
    "Point": {"call": "(any*)"},
    "Colour": {"call": "($member)"},
    "Word": {"call": "($member)"},
    "Property": {"state": "attrs"},
    "Slotted": {"state": 'attrs | none | (none | attrs, dict<"_Slotted__b" | "a", any>)'},
    "SlottedBelow": {
        "state": 'attrs | none | (none | attrs, dict<"_Slotted__b" | "a" | "c", any>)'
    },
    "Failed": {
        "call": "(plain*)",
        "new": "(plain*)",
        "state": 'none | attrs<"args", "characters_written", "end", "start">',
        "hash": "inert",
    },
    "Warned": {"call": "(plain*)"},
    "Text": {"call": "() | (str)", "new": "() | (str)", "state": "attrs", "hash": "inert"},
    "Number": {"new": "() | (int | float)"},
    "Groups": {"call": "() | ($factory)", "setitem": "(hashable, any)", "hash": "none"},
    "Status": {"call": "($member)", "fresh": "shared"},
    "Options": {"call": "($member)"},
    "Simple": {"call": "($member)", "fresh": "shared"},
}
# Classes of BASE that may have a fact, and a text that the named contract must hold.
GUARDED = {
    "WithOperator": ("state", "plain"),
    "Compares": ("state", "plain"),
    "Formats": ("state", "plain"),
    "Iterates": ("state", "seq"),
    "Subscripts": ("state", '"a"'),
    "Truth": ("state", '"a"'),
    "Length": ("state", '"a"'),
    "CallsLater": ("state", '"hook"'),
    "Descriptor": ("state", "attrs"),
    "Starts": ("state", "attrs"),
    "Weak": ("state", '"callback"'),
    "Isinstance": ("state", '"b"'),
    "SetsByName": ("state", '"path"'),
    "Stores": ("state", "attrs"),
    "Appends": ("state", '"append"'),
    "Extends": ("state", '"extend"'),
    "Hashes": ("state", "attrs"),
    "Equal": ("state", "attrs"),
    "SlotsBehindProperty": ("state", "dict"),
    "SlotsShadowed": ("state", 'dict<"_kept" | "other", any>'),
    "SlotsSet": ("state", "attrs"),
    "ErrorWithProperty": ("state", '"command"'),
    "ErrorMade": ("state", "attrs"),
    "TextStarted": ("new", "(str)"),
}
# What a class of BASE must not take, whatever else is known of it.
WITHOUT = {
    "Called": ("call", ""),  # its metaclass runs where the class is called
    "SlotsSet": ("state", "dict"),
    "SlotsAsked": ("state", "dict"),
    "SlotsDropped": ("state", "dict"),
    "ErrorMade": ("call", ""),
    "SpacedBegins": ("call", ""),
    "TextStarted": ("call", ""),
}
FILES = {
    "base": BASE,
    "slots": SLOTS,
    "helpers": HELPERS,
    "patcher": PATCHER,
    "plain": PLAIN,
    "__init__": "",
}
