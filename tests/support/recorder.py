"""Runs printed Python and records what it does, instead of doing it.

``brine explain --full`` prints the program that a pickle stands for. Here it runs with recorders
in the place of everything imported: nothing is executed, and each import, call, construction, state
and store becomes an event, named as in ``brine inspect --format json``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    kind: str  # import · call · construct · set_state · store · persistent
    name: str = ""  # import: module.name; store: how
    nargs: int | None = None  # call, construct


class Recorder:
    """Stands for anything imported and for anything that a recorder gave."""

    def __init__(self, log: list[Event]) -> None:
        object.__setattr__(self, "_log", log)

    def __getattribute__(self, name: str) -> Any:
        log: list[Event] = object.__getattribute__(self, "_log")
        if name == "__new__":

            def construct(_cls: object, *args: object, **_kwargs: object) -> Recorder:
                log.append(Event("construct", nargs=len(args)))
                return Recorder(log)

            return construct
        if name == "__setstate__":
            return lambda _state: log.append(Event("set_state"))
        if name in ("append", "extend", "add"):
            return lambda _value: log.append(Event("store", name))
        raise AttributeError(name)

    def __call__(self, *args: object, **_kwargs: object) -> Recorder:
        log: list[Event] = object.__getattribute__(self, "_log")
        log.append(Event("call", nargs=len(args)))
        return Recorder(log)

    def __setitem__(self, _key: object, _value: object) -> None:
        object.__getattribute__(self, "_log").append(Event("store", "setitem"))


class ImportedModule:
    """What ``from module import name`` takes its name from."""

    def __init__(self, module: str, log: list[Event]) -> None:
        object.__setattr__(self, "_module", module)
        object.__setattr__(self, "_log", log)

    def __getattribute__(self, name: str) -> Any:
        log: list[Event] = object.__getattribute__(self, "_log")
        module: str = object.__getattribute__(self, "_module")
        log.append(Event("import", f"{module}.{name}"))
        return Recorder(log)


def _globals(log: list[Event]) -> dict[str, Any]:
    def find_class(module: str, name: str) -> Recorder:
        log.append(Event("import", f"{module}.{name}"))
        return Recorder(log)

    def persistent_load(_pid: object) -> Recorder:
        log.append(Event("persistent"))
        return Recorder(log)

    def import_(name: str, *_rest: object) -> ImportedModule:
        return ImportedModule(name, log)

    def set_attribute(_target: object, _key: object, _value: object) -> None:
        log.append(Event("store", "setattr"))

    names: dict[str, Callable[..., Any]] = {
        "__import__": import_,
        "setattr": set_attribute,
        "float": float,
        "set": set,
        "frozenset": frozenset,
        "bytearray": bytearray,
    }
    return {
        "__builtins__": names,
        "find_class": find_class,
        "persistent_load": persistent_load,
        "next_buffer": lambda: b"",
        "unknown": lambda: (),
    }


def run(python: str) -> tuple[list[Event], Any]:
    """The events of a printed program in order, and what it calls ``result``."""
    log: list[Event] = []
    namespace = _globals(log)
    exec(compile(python, "<printed>", "exec", dont_inherit=True), namespace)
    return log, namespace.get("result")
