"""The blocks of a frame have the places of its axis, each once.

pandas writes a block's number to each of its places in compiled code that looks at no bounds. The
frames that pandas pickles are clean; blocks whose places lie beyond the axis, come twice or are
missing are not. Nothing here is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.e2e.program import verdict_of
from tests.facts.kept import check_clean
from tests.facts.values import Call, Name, New, array, element, index, stream, whole

MIXED = pd.DataFrame({"a": [1, 2], "b": [1.0, 2.0], "c": ["x", "y"], "d": [3, 4], "e": [5, 6]})
ZEROS = np.zeros((2, 4))
HONEST = {
    "of several types": MIXED,
    "in another order": MIXED[["e", "b", "a"]],
    "backwards": MIXED[list("edcba")],
    "every other column": MIXED[["a", "d"]],
    "not consolidated": MIXED.assign(f=1).assign(g=2.0).drop(columns="a"),
    "transposed": MIXED.T,
    "without columns": pd.DataFrame(index=[1, 2]),
    "without rows": pd.DataFrame(columns=["a", "b"]),
    "empty": pd.DataFrame(),
    "wide": pd.DataFrame(np.zeros((1, 50_000))),
    "labels of two levels": pd.DataFrame(
        ZEROS, columns=pd.MultiIndex.from_product([["a", "b"], [1, 2]])
    ),
    "days as labels": pd.DataFrame(ZEROS, columns=pd.date_range("2024-01-01", periods=4)),
    "months as labels": pd.DataFrame(ZEROS, columns=pd.period_range("2024-01", periods=4)),
    "intervals as labels": pd.DataFrame(ZEROS, columns=pd.interval_range(0, 4)),
    "categories as labels": pd.DataFrame(ZEROS, columns=pd.CategoricalIndex(list("abab"))),
    "numbers as labels": pd.DataFrame(ZEROS, columns=[10, 20, 30, 40]),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest(name: str, tmp_path: Path) -> None:
    check_clean(tmp_path, HONEST[name])


def places(*bounds: int | None) -> Call:
    return Call(Name("builtins", "slice"), bounds)


def axis(length: int) -> Call:
    return index("RangeIndex", start=0, stop=length, step=1)


def values(count: int, columns: int = 1) -> Call:
    return array((count, columns), bytes(8 * count * columns), element("f8"))


MANAGER = Name("pandas.core.internals.managers", "BlockManager")


def stated(length: int, *blocks: tuple[Any, Any]) -> New:
    """A manager with the state of old files."""
    listed = [{"values": given, "mgr_locs": at} for given, at in blocks]
    table = {"axes": [axis(length), axis(1)], "blocks": listed}
    return New(MANAGER, (), ([], [], [], {"0.14.1": table}))


def called(length: int, *blocks: tuple[Any, Any]) -> Call:
    """A manager that is made of its blocks."""
    unpickle = Name("pandas._libs.internals", "_unpickle_block")
    listed = tuple(Call(unpickle, (given, at, 2)) for given, at in blocks)
    return Call(MANAGER, (listed, [axis(length), axis(1)]))


Blocks = tuple[tuple[Any, Any], ...]
CLEAN: dict[str, tuple[int, Callable[[], Blocks]]] = {
    "a slice": (2, lambda: ((values(2), places(0, 2, 1)),)),
    "a slice backwards": (2, lambda: ((values(2), places(1, None, -1)),)),
    "numbers": (2, lambda: ((values(2), whole(1, 0)),)),
    "steps and numbers": (
        4, lambda: ((values(2), places(0, 4, 2)), (values(2), whole(3, 1, letters="i4"))),
    ),
    "nothing": (0, lambda: ()),
}  # fmt: skip
BEYOND: dict[str, tuple[int, Callable[[], Blocks]]] = {
    "a number beyond": (1, lambda: ((values(1), whole(1)),)),
    "a number far beyond": (1, lambda: ((values(1), whole(2**34)),)),
    "a number below": (1, lambda: ((values(1), whole(-1)),)),
    "a slice beyond": (1, lambda: ((values(1), places(5, 6, 1)),)),
    "a slice from the end": (2, lambda: ((values(2), places(-2, 2, 1)),)),
    "a slice without end": (2, lambda: ((values(2), places(0, None, 1)),)),
    "a slice of no step": (2, lambda: ((values(2), places(0, 2, 0)),)),
    "a place twice": (2, lambda: ((values(2), whole(0, 0)),)),
    "a place of two blocks": (
        2, lambda: ((values(2), places(0, 2, 1)), (values(1), whole(1))),
    ),
    "a place of no block": (3, lambda: ((values(2), places(0, 2, 1)),)),
    "numbers that are no integers": (1, lambda: ((values(1), whole(0, letters="f8")),)),
    "many places that nothing pays for": (
        2**30, lambda: ((values(2**30, 0), places(0, 2**30, 1)),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", [stated, called])
@pytest.mark.parametrize("name", CLEAN)
def test_clean(make: Any, name: str, tmp_path: Path) -> None:
    length, blocks = CLEAN[name]
    assert verdict_of(tmp_path, stream(make(length, *blocks()))) == "clean"


@pytest.mark.parametrize("make", [stated, called])
@pytest.mark.parametrize("name", BEYOND)
def test_beyond(make: Any, name: str, tmp_path: Path) -> None:
    length, blocks = BEYOND[name]
    assert verdict_of(tmp_path, stream(make(length, *blocks()))) == "suspicious"


def test_an_axis_of_unknown_length(tmp_path: Path) -> None:
    table = {
        "axes": [index("Index", data=None), axis(1)],
        "blocks": [{"values": values(1), "mgr_locs": places(0, 1, 1)}],
    }
    manager = New(MANAGER, (), ([], [], [], {"0.14.1": table}))
    assert verdict_of(tmp_path, stream(manager)) == "suspicious"
