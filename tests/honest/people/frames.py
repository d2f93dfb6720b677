"""What users of pandas and xarray keep."""

from __future__ import annotations

import contextlib
import functools
import zoneinfo
from collections.abc import Iterator
from pathlib import Path

from tests.honest.people.shared import Pairs, kept, table
from tests.honest.writers import File, Make, possible


def frame_files() -> Iterator[File]:
    """pandas and xarray: tables, groups, offsets, styles."""
    import dateutil.relativedelta
    import dateutil.tz
    import numpy as np
    import pandas as pd
    from pandas.tseries import holiday

    frame = table()
    days = pd.date_range("2022-01-03", periods=12, freq="B")

    def pairs() -> Pairs:
        import xarray as xr

        grid = xr.DataArray(
            np.ones((2, 3)),
            [("lat", [1.0, 2.0]), ("t", days[:3])],
            name="temp",
            attrs={"units": "K"},
        )
        yield "xarray", lambda: grid
        yield "xarray_set", lambda: xr.Dataset({"temp": grid, "flag": ("lat", ["a", "b"])})
        yield "xarray_groups", lambda: grid.groupby("t.month").mean()
        yield "xarray_tree", lambda: xr.DataTree.from_dict({"/": None, "/a": grid.to_dataset()})

    things: dict[str, Make] = {
        "whole": lambda: frame,
        "multi_columns": lambda: frame.groupby("town")[["age", "income"]].agg(["mean", "std"]),
        "multi_index": lambda: frame.set_index(["town", "when", "grade"]),
        "period_index": lambda: frame.set_index(
            frame["when"].dt.tz_localize(None).dt.to_period("M")
        ),
        "intervals": lambda: frame.groupby(pd.cut(frame["age"], 3), observed=True)["income"].mean(),
        "interval": lambda: [pd.Interval(0, 1, "both"), pd.IntervalIndex.from_breaks([0, 1, 5])],
        "period": lambda: [
            pd.Period("2020Q1", "Q"),
            pd.Period("2020-01-13", "W"),
            pd.PeriodDtype("D"),
        ],
        "stamps": lambda: [
            pd.Timestamp("2020-03-01 12:00", tz="US/Eastern"),
            pd.Timestamp.max,
            pd.Timestamp("2020", tz=dateutil.tz.tzutc()),
            pd.NaT,
            pd.Timestamp("2020", tz=dateutil.tz.gettz("Europe/Rome")),
        ],
        "stamp_fixed": lambda: pd.Series(pd.to_datetime(["2020-01-01T00:00:00+05:30"])),
        "stamp_zone": lambda: pd.Timestamp("2020", tz=zoneinfo.ZoneInfo("Asia/Tokyo")),
        "offsets": lambda: [
            pd.DateOffset(months=2, hours=3),
            pd.offsets.BusinessHour(),
            pd.offsets.CustomBusinessDay(holidays=["2022-01-01"]),
            pd.offsets.Week(weekday=2),
            pd.offsets.QuarterEnd(startingMonth=2),
            pd.offsets.Easter(),
            pd.tseries.frequencies.to_offset("15min"),
        ],
        "holidays": lambda: holiday.USFederalHolidayCalendar(),
        "relative": lambda: [
            dateutil.relativedelta.relativedelta(months=1),
            dateutil.tz.tzoffset(None, 3600),
            dateutil.tz.tzlocal(),
            dateutil.relativedelta.MO(-1),
        ],
        "groupby": lambda: frame.groupby(["town", "grade"], observed=True)["income"],
        "rolling": lambda: frame["income"].rolling(3),
        "ewm": lambda: frame["income"].ewm(span=3).mean(),
        "resample": lambda: frame.set_index("when")["income"].resample("D").agg(["sum", "max"]),
        "sparse": lambda: frame[["age"]].astype(pd.SparseDtype("int64", 0)),
        "categorical": lambda: pd.Categorical.from_codes([0, 1, -1], ["lo", "hi"], ordered=True),
        "category_dtypes": lambda: {
            "grade": frame["grade"].dtype,
            "town": pd.CategoricalDtype(["Oslo", "Lima"]),
        },
        "dtypes": lambda: [
            frame.dtypes,
            pd.Int64Dtype(),
            pd.StringDtype(),
            pd.BooleanDtype(),
            pd.DatetimeTZDtype(tz="UTC"),
            pd.IntervalDtype("int64", "left"),
        ],
        "nullable": lambda: pd.DataFrame(
            {
                "a": pd.array([1, None], "UInt8"),
                "b": pd.array([1.5, None], "Float32"),
                "c": [True, None],
            }
        ).convert_dtypes(),
        "objects": lambda: pd.DataFrame(
            {
                "emb": [np.ones(3), np.zeros(3)],
                "tags": [["a"], []],
                "meta": [{"k": 1}, None],
                "path": [Path("a"), Path("b")],
            }
        ),
        "days": lambda: pd.Series(np.arange(12.0), days, name="close"),
        "timedelta": lambda: pd.Series(pd.timedelta_range("1h", periods=3, freq="30min")),
        "columns": lambda: [
            frame.columns,
            frame.index,
            frame["town"].unique(),
            frame["grade"].cat.categories,
            pd.Index(["a"], dtype="string"),
            days,
        ],
        "cut": lambda: pd.qcut(frame["income"], 3, labels=False, retbins=True),
        "attrs": lambda: (lambda f: (f.attrs.update(unit="kg", n=np.int64(2)), f)[1])(frame.copy()),
        "options": lambda: {"display": pd.get_option("display.max_rows"), "na": pd.NA},
        "empty": lambda: pd.DataFrame(columns=["a", "b"]),
        "wide": lambda: pd.DataFrame(np.random.default_rng(1).random((30, 60)).astype("f4")),
        "nested": lambda: {"train": {"x": frame.iloc[:9], "y": frame["target"].iloc[:9]}},
        "agg": lambda: {
            "mean": pd.NamedAgg("age", "mean"),
            "fn": pd.Series.nunique,
            "m": pd.DataFrame.mean,
            "read": pd.read_csv,
            "q": functools.partial(pd.Series.quantile, q=0.9),
        },
        "pivot_margins": lambda: frame.pivot_table("income", "town", "member", margins=True),
        "unstacked": lambda: frame.groupby(["town", "member"])["age"].count().unstack(),
        "errors": lambda: [pd.errors.EmptyDataError("x"), pd.errors.MergeError("y")],
        "prices": lambda: pd.concat(
            {"AAPL": pd.Series(1.0, days), "MSFT": pd.Series(2.0, days)}, axis=1, names=["ticker"]
        ),
        "sampled": lambda: frame.sample(5, random_state=1).T,
        "json": lambda: pd.json_normalize([{"a": {"b": 1}, "c": [1]}]),
        "extension": lambda: frame["note"].array,
    }
    with contextlib.suppress(ImportError):  # no xarray
        things.update(pairs())
    yield from possible(things, kept)
