"""What a value makes its loader read, make or compute is bounded by what the file holds.

Honest values of pandas, NumPy, torch and the standard library are clean; the nearest that make
compiled code read outside of an array, ask for far more memory than the file has, or take a time
out of all proportion are not. Nothing here is loaded.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from tests.e2e.program import verdict, verdict_of
from tests.facts.kept import check_clean
from tests.facts.values import (
    NEW_INDEX,
    Call,
    Later,
    Name,
    New,
    Opcodes,
    array,
    element,
    index,
    numbers,
    stream,
    text,
    whole,
)

DAYS = pd.date_range("2024-01-01", periods=4)
LABELS = ["a", "b", None, "a"]
LETTERS = pd.Categorical(LABELS)
FRAME = pd.DataFrame(
    {
        "day": DAYS,
        "zone": DAYS.tz_localize("UTC"),
        "span": DAYS - DAYS[0],
        "month": DAYS.to_period("M"),
        "label": LETTERS,
        "cut": pd.cut([1.0, 2.0, 3.0, 4.0], 2),
        "text": pd.array(["a", "b", "c", "d"], dtype="string[python]"),
        "whole": pd.array([1, 2, None, 4], dtype="Int64"),
    }
)
HONEST: dict[str, Any] = {
    "frame": FRAME,
    "rows by more than one label": FRAME.set_index(["day", "label", "span"]),
    "days": DAYS,
    "days of a zone": DAYS.tz_localize("Europe/Berlin"),
    "spans": DAYS - DAYS[0],
    "months": DAYS.to_period("M"),
    "intervals": pd.interval_range(0, 4),
    "intervals of days": pd.interval_range(DAYS[0], periods=3),
    "numbered": pd.RangeIndex(2**40),
    "categories that are numbered": pd.Categorical.from_codes([0, 1, -1], pd.RangeIndex(2)),
    "categories that are days": pd.Categorical(DAYS),
    "categories that are spans": pd.Categorical(DAYS - DAYS[0]),
    "categories that are months": pd.Categorical(DAYS.to_period("M")),
    "categories that are numbers": pd.Categorical([1, 5, 5]),
    "categories that are intervals": pd.cut(pd.Series([1.0, 2.0]), 2),
    "categories of which nothing has one": pd.Categorical([None, None], ["a"]),
    "no categories": pd.Categorical([]),
    "many categories": pd.Categorical(range(40_000)),
    "an index of categories": pd.CategoricalIndex(LABELS),
    "more than one level": pd.MultiIndex.from_product([["a", "b"], DAYS, [1, 2]]),
    "a masked array": np.ma.array([1.0, 2.0], mask=[True, False]),
    "masked text": np.ma.array(["a", "b"], mask=[True, False]),
    "a text of no length": np.array([], dtype="S0"),
    "numbers of any size": [Fraction(3**200, 2**300), Decimal(2) / Decimal(3)],
    "patterns": [
        re.compile(r"'s|'t|[^\W\d_]+|\d+|[^\s\w]+|\s+(?!\S)|\s+", re.IGNORECASE),
        re.compile("[\U0001f600-\U0001f64f\U0001f300-\U0001f5ff\u2702-\u27b0]+"),
        re.compile("|".join(f"word{number}" for number in range(2000))),
        re.compile(b"[\0-\xff]+"),
    ],
}


@pytest.mark.parametrize("name", HONEST)
def test_honest(name: str, tmp_path: Path) -> None:
    check_clean(tmp_path, HONEST[name])


SEQUENCES = pack_sequence([torch.ones(2), torch.ones(3)], enforce_sorted=False)


def test_honest_tensors(tmp_path: Path) -> None:
    shown = torch.zeros(1).expand(1000)
    sparse = torch.eye(3).to_sparse()
    rows = torch.eye(3).to_sparse_csr()
    channels = torch.quantize_per_channel(
        torch.ones(2, 2), torch.ones(2), torch.zeros(2), 0, torch.qint8
    )
    torch.save([SEQUENCES, shown, sparse, rows, channels], tmp_path / "model.pt")
    assert verdict(tmp_path / "model.pt") == "clean"
    assert verdict_of(tmp_path, pickle.dumps(SEQUENCES, 4)) == "clean"


class Given:
    """Pickled as a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.made = (function, args)

    def __reduce__(self) -> Any:
        return self.made


WIDE = torch.zeros(1, dtype=torch.int64).expand(2**30)
COPY = torch._utils._rebuild_device_tensor_from_cpu_tensor


@pytest.mark.parametrize(
    "value",
    [
        Given(COPY, WIDE, torch.float64, "cpu", False),
        tuple.__new__(
            PackedSequence, (torch.zeros(3), torch.ones(1, dtype=torch.int64), WIDE, None)
        ),
    ],
)
def test_tensors_larger_than_their_storage(value: Any, tmp_path: Path) -> None:
    for path, data in (("model.pt", saved(value)), ("model.pkl", pickle.dumps(value, 4))):
        (tmp_path / path).write_bytes(data)
        assert verdict(tmp_path / path) == "suspicious", path


def saved(value: Any) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


ZONE_TYPE = New(Name("pandas", "DatetimeTZDtype"), (), {"unit": "ns", "tz": "UTC"})
PERIOD_TYPE = Call(Name("pandas.core.dtypes.dtypes", "PeriodDtype"), ("D",))


def times(letters: str = "M8") -> Call:
    """An element type of nanoseconds."""
    unit: tuple[Any, ...] = ({}, (b"ns", 1, 1, 1))
    state = (4, "<", None, None, None, -1, -1, 0, unit)
    return Call(Name("numpy", "dtype"), (letters, False, True), state)


def moments(letters: str = "M8") -> Call:
    return array((3,), bytes(24), times(letters))


def of(kind: str, *state: Any) -> Call:
    """An array of pandas' own, with its state or without."""
    unpickle = Name("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked")
    return Call(unpickle, (Name("pandas.arrays", kind), 82904607, None), state or None)


def interval(side: Any) -> Call:
    make = Name("pandas.core.indexes.interval", "_new_IntervalIndex")
    return Call(make, (Name("pandas", "IntervalIndex"), {"left": side, "right": side}))


def old_index(data: Any) -> Call:
    make = Name("pandas.core.indexes.datetimes", "_new_DatetimeIndex")
    return Call(make, (Name("pandas", "DatetimeIndex"), {"data": data}))


def category_type(categories: Any) -> New:
    state = {"categories": categories, "ordered": False}
    return New(Name("pandas", "CategoricalDtype"), (), state)


def coded(codes: Any, categories: Any) -> Call:
    unpickle = Name("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked")
    made = Call(unpickle, (Name("pandas", "Categorical"), 82904607, None))
    made.state = (category_type(categories), codes, {})
    return made


def two() -> Call:
    return index("Index", data=numbers(2))


def keyed(**arrays: Any) -> Call:
    """Codes in a state that is a dict."""
    made = coded(None, None)
    made.state = {"_dtype": category_type(two()), **arrays}
    return made


def levels(codes: Any, level: Any = None) -> Call:
    return index("MultiIndex", levels=[level or two()], codes=[codes], names=[None])


def late_type() -> Call:
    """Codes that were held against fewer categories than they were given later."""
    made = coded(whole(0, 1), two())
    dtype = made.state[0]
    dtype.state = None
    made.state = (
        again(dtype, {"categories": two()}, {"categories": index("Index")}),
        made.state[1],
    )
    return made


def again(value: Any, *states: Any) -> Any:
    for state in states:
        value = Later(value, state)
    return value


def empty(letters: str, count: int) -> Call:
    """An array of items that have no bytes."""
    size = (3, "|", None, None, None, 0, 1, 0)
    kind = Call(Name("numpy", "dtype"), (letters, False, True), size)
    return array((count,), b"", kind)


def masked(letters: str, size: int) -> Call:
    """A masked array of no items and a fill value."""
    make = Name("numpy.ma.core", "_mareconstruct")
    args = (Name("numpy.ma", "MaskedArray"), Name("numpy", "ndarray"), (0,), b"b")
    dtype = (3, "<", None, None, None, size, 4, 8)
    kind = Call(Name("numpy", "dtype"), (letters, False, True), dtype)
    return Call(make, args, (1, (0,), kind, False, b"", b"", "x"))


def compiled(pattern: Any, flags: int = 32) -> Call:
    return Call(Name("re", "_compile"), (pattern, flags))


def large(bits: int) -> Any:
    raw = (1 << bits).to_bytes(bits // 8 + 2, "little", signed=True)
    return Opcodes(b"\x8b" + struct.pack("<i", len(raw)) + raw)


def history(**methods: str) -> New:
    cls = Name("mmengine.logging.history_buffer", "HistoryBuffer")
    getattr_name = Name("builtins", "getattr")
    table = {key: Call(getattr_name, (cls, name)) for key, name in methods.items()}
    return New(cls, (), {"_log_history": numbers(), "statistics_methods": table})


def ways(levels: int, leaf: str = "1.0", end: bytes = b"l") -> Opcodes:
    """A list (or tuple) of few parts that is reached in 2**levels ways."""
    out = text(leaf)
    for level in range(levels):
        number = struct.pack("<I", 1000 + level)
        out += b"r" + number + b"0(" + 2 * (b"j" + number) + end
    return Opcodes(out)


def version(value: Any) -> New:
    """An estimator whose loading writes its version into a warning when it is another's."""
    return New(
        Name("sklearn.linear_model._base", "LinearRegression"), (), {"_sklearn_version": value}
    )


def optimizer(parameter: Any) -> New:
    """An optimizer whose loading hashes its parameters."""
    groups = [{"params": [parameter], "lr": 0.1, "foreach": None, "maximize": False}]
    return New(Name("torch.optim.adam", "Adam"), (), {"state": {}, "param_groups": groups})


# Built like the hostile ones below, so that what those are refused for is what they differ in.
CLEAN: dict[str, Callable[[], Any]] = {
    "moments": lambda: index("DatetimeIndex", data=of("DatetimeArray", times(), moments(), {})),
    "moments of a zone": lambda: old_index(of("DatetimeArray", ZONE_TYPE, moments(), {})),
    "spans": lambda: index(
        "TimedeltaIndex", data=of("TimedeltaArray", times("m8"), moments("m8"), {})
    ),
    "periods": lambda: index("PeriodIndex", data=of("PeriodArray", PERIOD_TYPE, whole(1), {})),
    "intervals of moments": lambda: interval(
        index("DatetimeIndex", data=of("DatetimeArray", times(), moments(), {}))
    ),
    "codes": lambda: coded(whole(0, 1, -1, letters="i1"), two()),
    "codes of two bytes": lambda: coded(whole(0, 1, -1, letters="i2"), two()),
    "codes of a range": lambda: coded(
        whole(0, 4, letters="i4"), index("RangeIndex", start=0, stop=10, step=2)
    ),
    "codes under a name": lambda: keyed(_codes=whole(0)),
    "codes of levels": lambda: levels(whole(0, 1, -1, letters="i1")),
    "few items of no bytes": lambda: empty("S0", 3),
    "masked text": lambda: masked("U4", 16),
    "a pattern": lambda: compiled("[a-z\u4e00-\u9fff]+"),
    "a period": lambda: Call(Name("pandas.core.dtypes.dtypes", "PeriodDtype"), ("W-SUN",)),
    "a fraction": lambda: Call(Name("fractions", "Fraction"), (large(1000), 3)),
    "a decimal": lambda: Call(Name("decimal", "Decimal"), (large(1000),)),
    "its own methods": lambda: history(min="min", mean="mean"),
    "a version of shared parts": lambda: version(ways(4)),
    "a parameter of shared parts": lambda: optimizer(ways(4, end=b"t")),
    "an array of no rows": lambda: array((0, 1000), b"", element("f8")),
}
BEYOND: dict[str, Callable[[], Any]] = {
    "numbers as moments": lambda: of("DatetimeArray", times(), whole(1), {}),
    "numbers as moments of a zone": lambda: of("DatetimeArray", ZONE_TYPE, numbers(), {}),
    "moments of numbers' type": lambda: of("DatetimeArray", element("i8"), moments(), {}),
    "spans as moments": lambda: of("DatetimeArray", times("m8"), moments("m8"), {}),
    "bytes as spans": lambda: of("TimedeltaArray", times("m8"), whole(1, letters="i1"), {}),
    "moments as periods": lambda: of("PeriodArray", PERIOD_TYPE, moments(), {}),
    "bytes as periods": lambda: of("PeriodArray", PERIOD_TYPE, whole(1, letters="i1"), {}),
    "an array before its state": lambda: index("DatetimeIndex", data=of("DatetimeArray")),
    "a block before its state": lambda: Call(
        Name("pandas._libs.internals", "_unpickle_block"),
        (of("DatetimeArray"), Call(Name("builtins", "slice"), (0, 1, 1)), 2),
    ),
    "a state that is followed by another": lambda: again(
        of("DatetimeArray"), (times(), moments(), {}), (times(), moments(), {})
    ),
    "moments in an index of periods": lambda: index(
        "PeriodIndex", data=of("DatetimeArray", times(), moments(), {})
    ),
    "periods in an index of moments": lambda: old_index(
        of("PeriodArray", PERIOD_TYPE, whole(1), {})
    ),
    "numbers in an index of moments": lambda: old_index(whole(1)),
    "codes beyond the categories": lambda: coded(whole(0, 2, letters="i1"), two()),
    "codes far beyond": lambda: coded(whole(2**40), two()),
    "codes below": lambda: coded(whole(-2, letters="i2"), two()),
    "codes that are no integers": lambda: coded(whole(0, letters="f8"), two()),
    "codes of no categories": lambda: coded(whole(0, letters="i1"), None),
    "codes of an empty range": lambda: coded(
        whole(0, letters="i1"), index("RangeIndex", start=5, stop=0, step=1)
    ),
    "codes beyond a range": lambda: coded(
        whole(5, letters="i1"), index("RangeIndex", start=0, stop=10, step=2)
    ),
    "codes of a range without an end": lambda: coded(
        whole(0, letters="i1"), index("RangeIndex", start=-3, stop=None, step=1)
    ),
    "codes of a range that begins twice": lambda: coded(
        whole(3, letters="i1"),
        Call(
            NEW_INDEX,
            (
                Name("pandas", "RangeIndex"),
                Opcodes(
                    b"}("
                    + text("start")
                    + b"K\x05"
                    + text("stop")
                    + b"K\x06u("
                    + text("start")
                    + b"K\x05u"
                ),
            ),
        ),
    ),
    "codes under two names": lambda: keyed(_ndarray=whole(5), _codes=whole(0)),
    "categories that change": late_type,
    "codes beyond a level": lambda: levels(whole(2, letters="i1")),
    "codes beyond a level of levels": lambda: levels(
        whole(2, letters="i1"), levels(whole(0, letters="i1"))
    ),
    "more levels than codes": lambda: index("MultiIndex", levels=[two(), two()], codes=[]),
    "many items of no bytes": lambda: empty("S0", 2**32),
    "many wide items of no bytes": lambda: empty("U0", 2**32),
    "many raw items of no bytes": lambda: empty("V0", 2**40),
    "a range that is written out": lambda: index(
        "Index", data=index("RangeIndex", start=0, stop=2**27, step=1), dtype="object"
    ),
    "a fill value of 2 GB": lambda: masked("U500000000", 2_000_000_000),
    "labels of 500 MB": lambda: index("Index", data=["a"], dtype=element("S500000000", "|")),
    "a fill value of no bytes": lambda: masked("U0", 0),
    "a long pattern": lambda: compiled("a" * 100_000),
    "many wide ranges": lambda: compiled("[\0-\uffff]" * 1000, 34),
    "many wide ranges by their escapes": lambda: compiled(r"[\0-\uffff]" * 1000, 34),
    "many patterns of wide ranges": lambda: [compiled("[\0-\uffff]" * 100) for _ in range(10)],
    "a long period": lambda: Call(Name("pandas.core.dtypes.dtypes", "PeriodDtype"), ("1" * 2000,)),
    "a large fraction": lambda: Call(Name("fractions", "Fraction"), (large(100_000), 3)),
    "a fraction of a large number": lambda: Call(
        Name("fractions", "Fraction"), (3, large(100_000))
    ),
    "a large decimal": lambda: Call(Name("decimal", "Decimal"), (large(100_000),)),
    "a long decimal": lambda: Call(Name("decimal", "Decimal"), ("1" * 100_000,)),
    "a method under another's name": lambda: history(mean="max"),
    "a version reached in many ways": lambda: version(ways(40)),
    "a long version reached in many ways": lambda: version(ways(14, "1.0" * 5000)),
    "a parameter reached in many ways": lambda: optimizer(ways(40, end=b"t")),
    "an array of no rows and many columns": lambda: array((0, 2**30), b"", element("f8")),
}


@pytest.mark.parametrize("name", CLEAN)
def test_clean(name: str, tmp_path: Path) -> None:
    assert verdict_of(tmp_path, stream(CLEAN[name]())) == "clean"


@pytest.mark.parametrize("name", BEYOND)
def test_beyond(name: str, tmp_path: Path) -> None:
    assert verdict_of(tmp_path, stream(BEYOND[name]())) == "suspicious"
