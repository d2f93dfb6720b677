"""The VM oracles: CPython's own unpicklers, with nothing to run.

Problem: what does an unpickler do with a stream, exactly, in which order, and where does it fail?
Method: let the real one tell. Both unpicklers of the running CPython (``_pickle.Unpickler`` in C,
``pickle._Unpickler`` in Python) run the stream; only ``find_class`` is replaced, and gives inert
recorder classes that write down what is done to them. Nothing is imported, nothing is called.

A run gives a list of lines, the same that ``brine-differential`` prints:

    I module NUL name       find_class was asked for this name
    C callable n            called with n arguments         (a class: "module NUL name"; else "obj")
    N callable n            __new__ with n arguments
    B target                __setstate__
    S how target            append, extend, setitem, add
    H target                __hash__
    P                       persistent_load
    stop n                  the load returned, n bytes of the stream were used
    broken | memory         it raised

With ``deep`` the lines of C, N, B, P and stop end with the arguments (state, id, result) spelled
out, sharing and identity included; see Speller. Runs on Python 3.8 and later, without libraries.
"""

from __future__ import annotations

import _pickle
import io
import math
import pickle
import struct
from typing import Any, Callable, Dict, List, Tuple

ENCODINGS = ("ASCII", "utf-8", "latin1", "bytes")

LOG: List[str] = []
_log = LOG.append
_new: Any = object.__new__


class Setup:
    """How a stream is to be loaded: the byte that the driver sends."""

    __slots__ = ("python", "encoding", "persistent", "twice", "deep")

    def __init__(self, byte: int) -> None:
        self.python = bool(byte & 1)
        self.encoding = ENCODINGS[byte >> 1 & 3]
        self.persistent = bool(byte & 8)
        self.twice = bool(byte & 16)
        self.deep = bool(byte & 32)


# --- spelling values out ---------------------------------------------------------------------

LARGE = 10**600  # ints from here on are only named
_SPELL = [False]  # whether this run is deep


class Opaque(Exception):
    """A key whose equality cannot be told from its spelling (nan, frozenset, memoryview)."""


def has_opaque(key: Any) -> bool:
    if type(key) is tuple:
        return any(has_opaque(item) for item in key)
    if type(key) is float:
        return math.isnan(key)
    return type(key) in (frozenset, memoryview)


class Speller:
    """A value as text. What has an identity (a bytearray's is not looked at) gets a number when it
    is met first, and is ``@number`` when it is met again. Sets are only named, their order being
    nobody's."""

    def __init__(self) -> None:
        self.seen: Dict[int, int] = {}
        self.out: List[str] = []

    def known(self, value: Any) -> bool:
        number = self.seen.get(id(value))
        if number is not None:
            self.out.append("@%d" % number)
            return True
        self.seen[id(value)] = len(self.seen)
        return False

    def items(self, values: Any) -> None:
        for value in values:
            self.value(value)
            self.out.append(",")

    def value(self, value: Any) -> None:
        out = self.out
        kind = type(value)
        if value is None:
            out.append("N")
        elif kind is bool:
            out.append("T" if value else "F")
        elif kind is int:
            out.append("i%d" % value if abs(value) < LARGE else "I")
        elif kind is float:
            out.append("nan" if math.isnan(value) else "f" + struct.pack(">d", value).hex())
        elif kind is str:
            raw = value.encode("utf-8", "surrogatepass")
            out.append("s" + raw.hex())
        elif kind is bytes:
            out.append("b" + value.hex())
        elif kind is tuple:
            if not value:
                out.append("()")
            elif not self.known(value):
                out.append("(")
                self.items(value)
                out.append(")")
        elif kind is bytearray:
            out.append("a" + value.hex())
        elif kind is frozenset:
            out.append("frozenset")
        elif kind is memoryview:
            out.append("view")
        elif isinstance(value, Meta):
            out.append("r" + value.expression.encode("utf-8", "surrogatepass").hex())
        elif not self.known(value):
            self.container(value)

    def container(self, value: Any) -> None:
        out = self.out
        kind = type(value)
        if kind is list:
            out.append("[")
            self.items(value)
            out.append("]")
        elif kind is dict:
            if any(has_opaque(key) for key in value):
                out.append("{?}")
                return
            out.append("{")
            for key, item in value.items():
                self.value(key)
                out.append(":")
                self.value(item)
                out.append(",")
            out.append("}")
        elif kind is set:
            out.append("set")
        else:
            self.recorded(value)

    def recorded(self, value: Any) -> None:
        out = self.out
        how, callee, args = value.story
        out.append(how + "<")
        if how == "P":
            self.value(args)
        else:
            self.value(callee)
            out.append("(")
            self.items(args)
            out.append(")")
        for name, items in (("b", value.states), ("a", value.appended), ("s", value.stored)):
            if items:
                out.append(name + "[")
                self.items(items)
                out.append("]")
        out.append(">")


def spell(value: Any) -> str:
    if not _SPELL[0]:
        return ""
    speller = Speller()
    speller.value(value)
    return " " + "".join(speller.out)


def spell_items(values: Tuple[Any, ...]) -> str:
    if not _SPELL[0]:
        return ""
    speller = Speller()
    speller.items(values)
    return " (" + "".join(speller.out) + ")"


# --- recorders -------------------------------------------------------------------------------


class Action:
    """A method that works on an instance and on the class itself, as a lookup finds it."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __get__(self, instance: Any, owner: Any) -> Callable[[Any], None]:
        how = self.how
        target = owner.expression if instance is None else "obj"
        line = "B " + target if how == "setstate" else "S " + how + " " + target

        def act(argument: Any) -> None:
            if how == "setstate":
                _log(line + spell(argument))
            else:
                _log(line)
            if instance is None or not _SPELL[0]:
                return
            if how == "setstate":
                instance.states.append(argument)
            elif how == "extend":
                instance.appended.extend(argument)
            else:
                instance.appended.append(argument)

        return act


class Meta(type):
    expression: str

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        _log("C " + cls.expression + " " + str(len(args)) + spell_items(args))
        return make(cls, "C", cls, args)

    def __setitem__(cls, key: Any, value: Any) -> None:
        _log("S setitem " + cls.expression)


class Recorder(metaclass=Meta):
    """What every imported name is."""

    __slots__ = ("story", "states", "appended", "stored")
    expression = "?"

    story: Tuple[str, Any, Any]
    states: List[Any]
    appended: List[Any]
    stored: List[Any]

    def __new__(cls, /, *args: Any, **kwargs: Any) -> Any:
        if isinstance(cls, type):
            _log("N " + cls.expression + " " + str(len(args)) + spell_items(args))
            return make(cls, "N", cls, args)
        # The Python unpickler looks __new__ up on whatever stands there.
        _log("N obj " + str(len(args)) + spell_items(args))
        return make(type(cls), "N", cls, args)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        _log("C obj " + str(len(args)) + spell_items(args))
        return make(type(self), "C", self, args)

    def __setitem__(self, key: Any, value: Any) -> None:
        _log("S setitem obj")
        if _SPELL[0]:
            self.stored += (key, value)

    def __hash__(self) -> int:
        _log("H obj")
        return 1

    __setstate__ = Action("setstate")
    extend = Action("extend")
    append = Action("append")
    add = Action("add")


def make(cls: Any, how: str, callee: Any, args: Any) -> Any:
    value = _new(cls)
    if _SPELL[0]:
        value.story = (how, callee, args)
        value.states = []
        value.appended = []
        value.stored = []
    return value


_CLASSES: Dict[Tuple[str, str], Any] = {}


def find_class(self: Any, module: str, name: str) -> Any:
    _log("I " + module + "\0" + name)
    try:
        return _CLASSES[module, name]
    except KeyError:
        if len(_CLASSES) > 20000:
            _CLASSES.clear()
        namespace = {"expression": module + "\0" + name, "__slots__": ()}
        made = _CLASSES[module, name] = Meta("Recorded", (Recorder,), namespace)
        return made


class Persistent(Recorder):
    """What persistent_load gives."""

    __slots__ = ()
    expression = "persistent"


def persistent_load(self: Any, pid: Any) -> Any:
    _log("P" + spell(pid))
    return make(Persistent, "P", None, pid)


class COracle(_pickle.Unpickler):
    find_class = find_class


class CPersistentOracle(_pickle.Unpickler):
    find_class = find_class
    persistent_load = persistent_load


class PyOracle(pickle._Unpickler):
    find_class = find_class


class PyPersistentOracle(pickle._Unpickler):
    find_class = find_class
    persistent_load = persistent_load


_UNPICKLERS: Any = ((COracle, CPersistentOracle), (PyOracle, PyPersistentOracle))


class Failure:
    """The exception that ended the last run, for those who classify differences."""

    last: str = ""


def run(data: bytes, setup: Setup) -> List[str]:
    """Loads the stream and gives what happened. The list is used again by the next run."""
    LOG.clear()
    _SPELL[0] = setup.deep
    Failure.last = ""
    unpickler = _UNPICKLERS[setup.python][setup.persistent]
    file = io.BytesIO(data)
    for _ in range(2 if setup.twice else 1):
        try:
            value = unpickler(file, encoding=setup.encoding).load()
            _log("stop " + str(file.tell()) + spell(value))
        except MemoryError:
            Failure.last = "MemoryError"
            _log("memory")
            break
        except Exception as error:
            Failure.last = type(error).__name__ + ": " + str(error)[:200]
            _log("broken")
            break
    return LOG
