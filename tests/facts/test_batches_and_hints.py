"""Batches of graphs, annotations, groups of exceptions, views and zones, from two sides.

As in test_both_sides: what honest files hold is clean, the nearest abuse is not. The abuses are
what each would run, read from its source: a class that gets the arguments instead, text in the
brackets of an annotation, an object that answers for a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.facts.test_both_sides import GETITEM, SYSTEM, UNKNOWN, check_sides, network
from tests.facts.values import Call, Name, New, numbers

BATCH = Name("torch_geometric.data.batch", "Batch")
DATA = Name("torch_geometric.data.data", "Data")
INT = Name("builtins", "int")
VALUE_ERROR = Name("builtins", "ValueError")
TZFILE = Name("dateutil.tz._tzfile", "tzfile")
PRINT = Name("builtins", "print")


def batch(*classes: Any, getter: Any = None, store: Any = None, **state: Any) -> Call:
    get = getter or New(Name("torch_geometric.data.batch", "DynamicInheritanceGetter"))
    out = Call(get, classes or (BATCH, DATA))
    storage = New(Name("torch_geometric.data.storage", "GlobalStorage"))
    storage.state = {"_mapping": {"x": 1}, "_parent": out}
    out.state = {"_store": store or storage, "_num_graphs": 2, **state}
    return out


def deep(levels: int, wide: int = 1) -> Any:
    """Annotations in annotations, each of which stands `wide` times in the one above it."""
    out: Any = INT
    for _ in range(levels):
        out = hint("Tuple", (out,) * wide)
    return out


def hint(name: str, brackets: Any) -> Call:
    return Call(GETITEM, (Name("typing", name), brackets))


def edges(graph: Any, adjacent: Any) -> New:
    cls = Name("networkx.classes.reportviews", "EdgeView")
    return New(cls, (), {"_graph": graph, "_adjdict": adjacent})


def tree(slots: Any, attributes: Any = None) -> New:
    return New(Name("xarray.core.datatree", "DataTree"), (), (attributes, slots))


def zone(cls: Any = TZFILE, names: Any = None, rule: Any = b"EST5EDT") -> Call:
    data = ([0], [0], [-18000], [0], names or ["EST"], rule)
    return Call(Name("dateutil.tz._tzfile", "_unpickle"), (cls, None, "US/Eastern", data))


def stamp(tz: Any) -> Call:
    unpickle = Name("pandas._libs.tslibs.timestamps", "_unpickle_timestamp")
    return Call(unpickle, (1583082000000000, None, tz, 1))


def sparse(**state: Any) -> New:
    indices = Call(Name("pandas._libs.sparse", "IntIndex"), (1, numbers(1)))
    dtype = New(Name("pandas", "SparseDtype"), (), {})
    known = {"_sparse_index": indices, "_sparse_values": numbers(1), "_dtype": dtype}
    return New(Name("pandas.arrays", "SparseArray"), (), {**known, **state})


def atom(name: str, *args: Any, **more: Any) -> New:
    module = "symbol" if name == "Symbol" else "numbers"
    return New(Name(f"sympy.core.{module}", name), args, **more)


def bound(name: str, fitter: Any = None) -> Call:
    made = fitter or New(Name("lifelines.fitters.weibull_aft_fitter", "WeibullAFTFitter"), ())
    return Call(Name("builtins", "getattr"), (made, name))


def likelihood(
    kept: Any = None, name: str = "_create_neg_likelihood_with_penalty_function"
) -> Call:
    fitter = New(Name("lifelines.fitters.weibull_aft_fitter", "WeibullAFTFitter"), ())
    function = bound(name, fitter)
    keywords = {
        "likelihood": bound("_log_likelihood_right_censoring", fitter),
        "penalty": kept or bound("_add_penalty", fitter),
    }
    out = Call(Name("functools", "partial"), (function,))
    out.state = (function, (), keywords, None)
    return out


def caller(*args: Any) -> Call:
    return Call(Name("operator", "methodcaller"), args)


def many(items: Any, message: Any = "many") -> Call:
    return Call(Name("builtins", "ExceptionGroup"), (message, items))


SIDES: dict[str, tuple[Callable[[], Any], list[Callable[[], Any]]]] = {
    "batch of graphs": (
        batch,
        [
            lambda: batch(Name("subprocess", "Popen"), DATA),
            lambda: batch(Name("builtins", "dict"), DATA),
            lambda: batch(BATCH, Name("elsewhere", "Data")),
            lambda: batch(BATCH, Name("builtins", "print")),
            lambda: batch(BATCH, BATCH),
            lambda: batch(BATCH, DATA, DATA),
            lambda: batch(BATCH),
            lambda: batch(store=UNKNOWN),
            lambda: batch(__class__=1),
            lambda: batch(getter=New(Name("elsewhere", "DynamicInheritanceGetter"))),
            lambda: batch(getter=DATA),
            lambda: New(BATCH, (), {}),
        ],
    ),
    "annotation of a function": (
        lambda: [
            hint("Callable", ([INT], Name("builtins", "str"))),
            hint("Callable", (Name("builtins", "Ellipsis"), INT)),
            hint("Union", (INT, Name("torch", "Tensor"))),
            hint("OrderedDict", (INT, hint("List", INT))),
            deep(2),
            Name("typing", "Callable"),
        ],
        [
            lambda: deep(4),
            lambda: deep(40, wide=2),
            lambda: hint("Callable", (["print()"], INT)),
            lambda: hint("Callable", ([INT], "print()")),
            lambda: hint("Callable", ([UNKNOWN], INT)),
            lambda: hint("Callable", (UNKNOWN, INT)),
            lambda: hint("Callable", INT),
            lambda: hint("OrderedDict", (INT, "print()")),
            lambda: hint("Union", (INT, SYSTEM)),
            lambda: hint("Annotated", (INT, UNKNOWN)),
            lambda: Call(Name("typing", "Callable"), (INT,)),
        ],
    ),
    "annotation of some values": (
        lambda: [hint("Literal", ("a", 1, None)), hint("Literal", b"a")],
        [
            lambda: hint("Literal", (UNKNOWN,)),
            lambda: hint("Literal", UNKNOWN),
            lambda: hint("Literal", ["a"]),
            lambda: hint("Final", "a"),
        ],
    ),
    "edges of a graph": (
        lambda: edges(network(), {1: {}}),
        [
            lambda: edges(network(), UNKNOWN),
            lambda: edges(network(), New(Name("collections", "OrderedDict"))),
            lambda: New(Name("networkx.classes.reportviews", "EdgeView"), (), UNKNOWN),
            lambda: New(Name("networkx.classes.reportviews", "EdgeView"), (1,), {}),
        ],
    ),
    "tree of datasets": (
        lambda: tree({"_name": None, "_children": {"a": tree({"_name": "a"})}}),
        [
            lambda: tree({"_name": None}, {"_attr_sources": 1}),
            lambda: tree({"__class__": 1}),
            lambda: tree({"name": "a"}),
            lambda: New(Name("xarray.core.datatree", "DataTree"), (), {"_name": 1}),
            lambda: New(Name("xarray.core.datatree", "DataTree"), (1,)),
        ],
    ),
    "zone of a file": (
        lambda: [zone(), stamp(zone()), zone(rule=None)],
        [
            lambda: zone(cls=Name("dateutil.tz.tz", "tzstr")),
            lambda: zone(cls=Name("elsewhere", "tzfile")),
            lambda: zone(names=[UNKNOWN]),
            lambda: zone(rule=UNKNOWN),
            lambda: zone(rule="EST5EDT"),
            lambda: Call(TZFILE, ("/etc/passwd",)),
            lambda: New(TZFILE, (), {}),
            lambda: stamp(Call(Name("zoneinfo", "elsewhere"), ())),
        ],
    ),
    "calendar of holidays": (
        lambda: New(
            Name("pandas.tseries.holiday", "USFederalHolidayCalendar"), (), {"name": "calendar"}
        ),
        [
            lambda: New(
                Name("pandas.tseries.holiday", "USFederalHolidayCalendar"), (), {"__class__": 1}
            ),
            lambda: New(Name("pandas.tseries.holiday", "USFederalHolidayCalendar"), (1,), {}),
            lambda: Call(Name("pandas.tseries.holiday", "USFederalHolidayCalendar"), ()),
        ],
    ),
    "sparse array that may be written": (
        lambda: sparse(_readonly=False),
        [
            lambda: sparse(_readonly=UNKNOWN),
            lambda: sparse(_readonly=1.5),
            lambda: sparse(_other=False),
        ],
    ),
    "symbols and numbers": (
        lambda: [atom("Symbol", "x"), atom("Integer", 2), atom("Rational", 1, 3), atom("Pi")],
        [
            lambda: atom("Symbol", UNKNOWN),
            lambda: atom("Symbol", "x", keywords={"commutative": UNKNOWN}),
            lambda: atom("Symbol", "x", state={"name": "y"}),
            lambda: atom("Symbol", "x", state=(None, {"_mhash": 1})),
            lambda: Call(Name("sympy.core.symbol", "Symbol"), ("x",)),
            lambda: atom("Integer", UNKNOWN),
            lambda: atom("Integer", "2"),
            lambda: atom("Rational", UNKNOWN, 1),
            lambda: atom("Rational", "__import__('os')", "1"),
            lambda: atom("Rational", 1, 3, state={"p": 1}),
            lambda: atom("Pi", 1),
            lambda: atom("Pi", state={"_args": ()}),
            lambda: atom("Float", "1"),
        ],
    ),
    "likelihood of a regression": (
        likelihood,
        [
            lambda: likelihood(kept=SYSTEM),
            lambda: likelihood(kept=UNKNOWN),
            lambda: likelihood(kept=PRINT, name="plot"),
            lambda: likelihood(kept=Name("elsewhere", "penalty")),
            lambda: Call(likelihood(), ()),
            lambda: Call(bound("_add_penalty"), ({}, 0)),
            lambda: bound("_compare"),
        ],
    ),
    "method with text": (
        lambda: [caller("split", ","), caller("replace", "a", "b"), caller("strip")],
        [
            lambda: caller("split", UNKNOWN),
            lambda: caller("format", "a"),
            lambda: caller("replace", "a", UNKNOWN),
            lambda: caller("split", ",", 1.5),
            lambda: caller("encode", "idna"),
            lambda: Call(caller("split", ","), (UNKNOWN,)),
            lambda: Call(caller("system", "true"), (Name("os", "path"),)),
        ],
    ),
    "names that are only kept": (
        lambda: [
            Name("signal", "SIGTERM"),
            Name("socket", "AF_INET"),
            Name("tqdm.std", "tqdm"),
            Name("builtins", "memoryview"),
        ],
        [
            lambda: Call(Name("tqdm.std", "tqdm"), ()),
            lambda: New(Name("tqdm.std", "tqdm"), ()),
            lambda: Call(Name("collections", "defaultdict"), (Name("tqdm.std", "tqdm"),)),
            lambda: Call(Name("builtins", "memoryview"), (b"a",)),
            lambda: Call(Name("signal", "raise_signal"), (Name("signal", "SIGTERM"),)),
            lambda: Name("socket", "socket"),
            lambda: Call(Name("builtins", "setattr"), (Name("signal", "SIGTERM"), "a", 1)),
            lambda: Name("signal", "signal"),
        ],
    ),
    "group of exceptions": (
        lambda: [
            many([Call(VALUE_ERROR, (1,))]),
            many((Call(VALUE_ERROR, ()), many([Call(VALUE_ERROR, ())]))),
        ],
        [
            lambda: many(UNKNOWN),
            lambda: many([Call(VALUE_ERROR, ())], UNKNOWN),
            lambda: many({1: 2}),
            lambda: Call(Name("builtins", "ExceptionGroup"), ("many",)),
        ],
    ),
    "signal of decimal": (
        lambda: [
            Call(Name("decimal", "InvalidOperation"), ()),
            Call(Name("decimal", "DivisionByZero"), ("x", 0)),
        ],
        [
            lambda: Call(Name("decimal", "InvalidOperation"), (UNKNOWN,)),
            lambda: Call(Name("decimal", "InvalidOperation"), ([PRINT],)),
        ],
    ),
}


@pytest.mark.parametrize("what", sorted(SIDES))
def test_honest_is_clean_and_abuse_is_not(what: str, tmp_path: Path) -> None:
    check_sides(tmp_path, *SIDES[what])
