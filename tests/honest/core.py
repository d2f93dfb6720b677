"""Makers of the libraries that the other tests need anyway: Python, NumPy, SciPy, pandas ..."""

from __future__ import annotations

import argparse
import array
import collections
import datetime
import decimal
import fractions
import io
import ipaddress
import pathlib
import random
import types
import uuid
from collections.abc import Iterator
from typing import Any

from tests.honest.writers import File, Make, joblibs, made, pickles, torch_files

UTC = datetime.timezone.utc  # noqa: UP017 - as old Pythons wrote it


ARRAY_TYPES = (
    "?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "S3", "U3",
    ">f8", ">i4", "M8[s]", "m8[ns]",
)  # fmt: skip


def python_files() -> Iterator[File]:
    """Plain data, as configuration files, vocabularies and caches hold it."""
    things: dict[str, Any] = {
        "config": {"lr": 1e-4, "layers": [1, 2], "name": "x", "none": None, "ok": True},
        "vocabulary": {f"token{i}": i for i in range(300)},
        "nested": [({"a": {1, 2}}, frozenset({3})), (4, (5, (6,)))],
        "dates": [datetime.datetime(2020, 1, 2), datetime.date(2020, 1, 2), datetime.time(3, 4, 5)],
        "zones": [datetime.datetime(2020, 1, 2, tzinfo=UTC), datetime.timedelta(1, 2, 3)],
        "decimals": [decimal.Decimal("1.25"), fractions.Fraction(1, 3), 2**100, -(2**70), 1j],
        "paths": [pathlib.PurePosixPath("/a/b"), pathlib.PurePosixPath("c")],
        "ids": [uuid.UUID(int=7), ipaddress.ip_address("10.0.0.1")],
        "collections": [
            collections.OrderedDict(a=1),
            collections.defaultdict(list, a=[1]),
            collections.defaultdict(int),
            collections.Counter("abca"),
            collections.deque([1, 2], maxlen=5),
        ],
        "namespaces": [argparse.Namespace(lr=0.1, layers=[1]), types.SimpleNamespace(a=1)],
        "arrays": [array.array("d", [1.0]), array.array("i", [1, 2]), bytearray(b"abc")],
        "ranges": [range(1, 9, 2), slice(1, 2), ..., NotImplemented],
        "types": [int, str, list, dict, float, Exception],
        "text": ["", "\u00e4\u4e2d", "a" * 5000, b"\0\xff", "\ud800"],
        "random": random.Random(3).getstate(),
        "errors": [ValueError("x"), KeyError("y"), StopIteration()],
        "floats": [0.0, -0.0, float("nan"), float("inf"), 1e300],
        "bools": {True: False, None: None, 1.5: (), "x": []},
    }
    for label, thing in things.items():
        yield from pickles(f"py_{label}", lambda thing=thing: thing)


def numpy_files() -> Iterator[File]:
    """Arrays of every type, in every container, and random generators."""
    import numpy as np

    things: dict[str, Make] = {
        **{
            f"array_{code}": (lambda code=code: np.arange(6).reshape(2, 3).astype(code))
            for code in ARRAY_TYPES
        },
        "fortran": lambda: np.asfortranarray(np.ones((3, 2))),
        "objects": lambda: np.array(["a", None, {"b": 1}, [1, 2]], dtype=object),
        "records": lambda: np.zeros(2, dtype=[("a", "<f4"), ("b", "<i8", (2,)), ("c", "U4")]),
        "recarray": lambda: np.rec.array([(1, 2.0, "x")], names="a,b,c"),
        "masked": lambda: np.ma.array([1.0, 2.0], mask=[True, False]),
        "scalars": lambda: [np.float32(1), np.int64(2), np.bool_(True), np.str_("x")],
        "times": lambda: [np.datetime64("2020-01-01"), np.timedelta64(3, "D")],
        "dtypes": lambda: [np.dtype("f4"), np.dtype([("a", "i4")]), np.float32, np.int8],
        "random_state": lambda: np.random.RandomState(3),  # noqa: NPY002
        "legacy_state": lambda: np.random.get_state(),  # noqa: NPY002
        "generator": lambda: np.random.default_rng(3),
        "generators": lambda: [np.random.Generator(np.random.MT19937(1)),
                               np.random.Generator(np.random.Philox(1)),
                               np.random.Generator(np.random.SFC64(1))],
        "seed": lambda: np.random.SeedSequence(5),
        "polynomials": lambda: [np.polynomial.Polynomial([1, 2]), np.poly1d([1, 2]),
                                np.polynomial.Chebyshev([1, 2])],
        "empty": lambda: [np.array(3.0), np.zeros((0, 3)), np.zeros(0, dtype=object)],
        "view": lambda: np.arange(10)[::2],
        "ufuncs": lambda: {"f": np.log1p, "g": np.exp, "h": np.tanh},
        "matrix": lambda: np.matrix([[1, 2], [3, 4]]),
        "dict": lambda: {"mean": np.ones(3), "std": np.float64(2), "n": np.int64(3)},
    }  # fmt: skip
    for label, make in things.items():
        yield from pickles(f"np_{label}", make)
        yield from joblibs(f"np_{label}", make, few=True)
        array_ = made(make)
        if isinstance(array_, np.ndarray):
            out = io.BytesIO()
            np.save(out, array_, allow_pickle=True)
            yield File(f"np_{label}.npy", out.getvalue())
            for compressed in (np.savez, np.savez_compressed):
                out = io.BytesIO()
                compressed(out, a=array_, b=np.arange(3))
                yield File(f"np_{label}.{compressed.__name__}.npz", out.getvalue())


def scipy_files() -> Iterator[File]:
    """Sparse matrices, interpolators, results."""
    import numpy as np
    from scipy import interpolate, optimize, sparse, spatial, stats

    x = np.linspace(0, 1, 8)
    y = np.sin(x)
    square = np.diag([1.0, 2.0, 3.0])
    things: dict[str, Make] = {
        **{f"sparse_{kind}": (lambda kind=kind: sparse.csr_matrix(square).asformat(kind))
           for kind in ("csr", "csc", "coo", "bsr", "dia", "lil", "dok")},
        **{f"sparse_array_{kind}": (lambda kind=kind: sparse.csr_array(square).asformat(kind))
           for kind in ("csr", "csc", "coo", "lil")},
        "cubic": lambda: interpolate.CubicSpline(x, y),
        "pchip": lambda: interpolate.PchipInterpolator(x, y),
        "akima": lambda: interpolate.Akima1DInterpolator(x, y),
        "interp1d": lambda: interpolate.interp1d(x, y),
        "interp1d_cubic": lambda: interpolate.interp1d(x, y, kind="cubic"),
        "spline": lambda: interpolate.UnivariateSpline(x, y),
        "bspline": lambda: interpolate.make_interp_spline(x, y),
        "rbf": lambda: interpolate.RBFInterpolator(x[:, None], y),
        "grid": lambda: interpolate.RegularGridInterpolator((x,), y),
        "barycentric": lambda: interpolate.BarycentricInterpolator(x, y),
        "minimum": lambda: optimize.minimize(lambda v: (v**2).sum(), [1.0]),
        "rotation": lambda: spatial.transform.Rotation.from_euler("x", 0.3),
        "tree": lambda: spatial.cKDTree(np.ones((4, 2))),
        "frozen": lambda: stats.norm(0, 1),
        "kde": lambda: stats.gaussian_kde(y),
        "linregress": lambda: stats.linregress(x, y),
    }  # fmt: skip
    for label, make in things.items():
        yield from pickles(f"sp_{label}", make, (2, 4, 5))
        yield from joblibs(f"sp_{label}", make, few=True)


def pandas_files() -> Iterator[File]:
    """Frames, series and indexes of every type."""
    import numpy as np
    import pandas as pd

    columns: dict[str, Make] = {
        "int": lambda: pd.Series([1, 2]),
        "float": lambda: pd.Series([1.0, np.nan]),
        "text": lambda: pd.Series(["a", "b"]),
        "object": lambda: pd.Series(["a", 1, None], dtype=object),
        "bool": lambda: pd.Series([True, False]),
        "category": lambda: pd.Series(pd.Categorical(["x", "y", "x"], ordered=True)),
        "dates": lambda: pd.Series(pd.date_range("2020", periods=3)),
        "zone": lambda: pd.Series(pd.date_range("2020", periods=3, tz="Europe/Berlin")),
        "spans": lambda: pd.Series(pd.to_timedelta([1, 2], unit="h")),
        "periods": lambda: pd.Series(pd.period_range("2020", periods=3, freq="Q")),
        "intervals": lambda: pd.Series(pd.interval_range(0, 3)),
        "Int64": lambda: pd.Series([1, None], dtype="Int64"),
        "Float64": lambda: pd.Series([1.5, None], dtype="Float64"),
        "boolean": lambda: pd.Series([True, None], dtype="boolean"),
        "string": lambda: pd.Series(["a", None], dtype="string"),
        "sparse": lambda: pd.Series(pd.arrays.SparseArray([0, 0, 1])),
        "lists": lambda: pd.Series([[1], {"a": 2}]),
        "uint8": lambda: pd.Series([1, 2], dtype="uint8"),
    }
    index: dict[str, Make] = {
        "multi": lambda: pd.MultiIndex.from_product([[1, 2], ["a", "b"]]),
        "range": lambda: pd.RangeIndex(4),
        "category": lambda: pd.CategoricalIndex(["a", "b"]),
        "named": lambda: pd.Index([1, 2], name="k"),
    }
    scalars: dict[str, Make] = {
        "stamp": lambda: [pd.Timestamp("2020"), pd.Timestamp("2020", tz="UTC"), pd.Timedelta(3)],
        "missing": lambda: [pd.NaT, pd.NA],
        "offsets": lambda: [pd.offsets.MonthEnd(2), pd.offsets.BDay(), pd.offsets.Hour(3)],
        "period": lambda: pd.Period("2020-03", "M"),
        "groups": lambda: pd.DataFrame({"a": [1, 1], "b": [2, 3]}).groupby("a").sum(),
        "wide": lambda: pd.DataFrame(np.ones((3, 40)), columns=[f"c{i}" for i in range(40)]),
        "mixed": lambda: pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [1.5, 2.5]}),
        "pivot": lambda: pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": [1.5, 2.5]}).pivot_table(
            index="a", columns="b", values="c"
        ),
    }
    for label, make in columns.items():
        yield from pickles(f"pd_series_{label}", make, (2, 4, 5))
        yield from pickles(f"pd_frame_{label}", lambda make=make: made(make).to_frame("v"), (4, 5))
        yield from joblibs(
            f"pd_frame_{label}", lambda make=make: made(make).to_frame("v"), few=True
        )
    for label, make in (index | scalars).items():
        yield from pickles(f"pd_{label}", make, (2, 4, 5))
    for ending in ("gz", "bz2", "xz", "zip", "tar", "zst"):
        out = io.BytesIO()
        frame = made(scalars["mixed"])
        kind = {"gz": "gzip", "zst": "zstd"}.get(ending, ending)
        frame.to_pickle(out, compression=kind)
        yield File(f"pd_to_pickle.pkl.{ending}", out.getvalue())


def sklearn_files() -> Iterator[File]:
    """Every estimator, fitted on little data, and pipelines of them."""
    import numpy as np
    from sklearn.utils import all_estimators

    numbers = np.random.default_rng(1).random((24, 3))
    classes = np.array([0, 1] * 12)
    for name, cls in all_estimators():
        try:
            estimator = cls()
        except TypeError:
            continue
        for target in (classes, numbers[:, 0], np.stack([classes, 1 - classes], 1), None):
            try:
                made(lambda: estimator.fit(numbers, target))  # noqa: B023
                break
            except Exception:  # not every estimator takes such data: it is saved unfitted
                continue
        yield from pickles(f"sk_{name}", lambda: estimator, (2, 4, 5))  # noqa: B023
        yield from joblibs(f"sk_{name}", lambda: estimator, few=True)  # noqa: B023
    yield from sklearn_pipelines(numbers, classes)


def sklearn_pipelines(numbers: Any, classes: Any) -> Iterator[File]:
    """Compositions, as they are deployed."""
    import numpy as np
    import pandas as pd
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier, StackingClassifier, VotingClassifier
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.naive_bayes import GaussianNB, MultinomialNB
    from sklearn.pipeline import FeatureUnion, make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    frame = pd.DataFrame({"a": [1.0, 2.0] * 12, "b": ["x", "y"] * 12})
    columns = ColumnTransformer([("n", StandardScaler(), ["a"]), ("c", OneHotEncoder(), ["b"])])
    words = ["a good film", "a bad film"] * 12
    things: dict[str, Make] = {
        "pipeline": lambda: make_pipeline(SimpleImputer(), StandardScaler(), Ridge()).fit(
            numbers, numbers[:, 0]
        ),
        "columns": lambda: make_pipeline(columns, LogisticRegression()).fit(frame, classes),
        "grid": lambda: GridSearchCV(LogisticRegression(), {"C": [1, 2]}, cv=2).fit(
            numbers, classes
        ),
        "search": lambda: RandomizedSearchCV(
            RandomForestClassifier(3), {"max_depth": [1, 2]}, n_iter=2, cv=2
        ).fit(numbers, classes),
        "voting": lambda: VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())]).fit(
            numbers, classes
        ),
        "stacking": lambda: StackingClassifier([("a", GaussianNB())], cv=2).fit(numbers, classes),
        "calibrated": lambda: CalibratedClassifierCV(GaussianNB(), cv=2).fit(numbers, classes),
        "ovr": lambda: OneVsRestClassifier(LogisticRegression()).fit(numbers, classes),
        "text": lambda: make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(words, classes),
        "counts": lambda: CountVectorizer(ngram_range=(1, 2)).fit(words),
        "union": lambda: FeatureUnion([("a", StandardScaler()), ("b", SimpleImputer())]).fit(
            numbers
        ),
        "function": lambda: FunctionTransformer(np.log1p).fit(numbers),
        "bundle": lambda: {"model": Ridge().fit(numbers, classes), "features": ["a", "b"], "v": 1},
    }
    for label, make in things.items():
        yield from pickles(f"sk_{label}", make, (2, 4, 5))
        yield from joblibs(f"sk_{label}", make)


def torch_objects() -> Iterator[File]:
    """State dictionaries, whole modules, optimizers, schedulers, checkpoints, tensors."""
    import numpy as np
    import torch
    from torch import nn, optim
    from torch.nn.utils import prune

    for name in sorted(vars(nn)):
        layer = layer_of(getattr(nn, name))
        if layer is not None:
            yield from torch_files(f"torch_{name}", lambda layer=layer: layer)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten())
    linear = nn.Linear(3, 2)
    for name in sorted(vars(optim)):
        cls = getattr(optim, name)
        if not (isinstance(cls, type) and issubclass(cls, optim.Optimizer)):
            continue
        try:
            optimizer = cls(linear.parameters(), lr=0.1)
            linear(torch.ones(1, 3)).sum().backward()
            optimizer.step()
        except Exception:  # some want closures or other shapes
            continue
        yield from torch_files(f"optim_{name}", lambda optimizer=optimizer: optimizer)
        yield from torch_files(
            f"checkpoint_{name}",
            lambda optimizer=optimizer: {
                "model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3,
                "args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("x")),
                "rng": torch.get_rng_state(), "numpy": np.random.get_state(),  # noqa: NPY002
                "python": random.getstate(), "best": np.float64(0.5), "history": [{"loss": 1.0}],
            },
        )  # fmt: skip
    things: dict[str, Make] = {
        "state": net.state_dict,
        "net": lambda: net,
        "dtypes": lambda: {
            str(d): torch.ones(2, 2).to(d)
            for d in (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int8,
                      torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool,
                      torch.complex64, torch.float8_e4m3fn)
        },
        "shared": lambda: (lambda t: [t, t[1:], t.T])(torch.ones(3, 3)),
        "parameter": lambda: nn.Parameter(torch.ones(2)),
        "sparse": lambda: torch.eye(3).to_sparse(),
        "sparse_csr": lambda: torch.eye(3).to_sparse_csr(),
        "quantized": lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8),
        "device": lambda: [torch.device("cpu"), torch.float32, torch.Size([1])],
        "dataset": lambda: torch.utils.data.TensorDataset(torch.ones(3), torch.zeros(3)),
        "requires_grad": lambda: torch.ones(3, requires_grad=True),
        "scripted_state": lambda: collections.OrderedDict(a=torch.ones(1)),
        "ema": lambda: optim.swa_utils.AveragedModel(linear),
        "normal": lambda: torch.distributions.Normal(torch.zeros(1), torch.ones(1)),
        "transformer": lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2), 2),
        "schedulers": lambda: {
            "step": optim.lr_scheduler.StepLR(optim.SGD(linear.parameters(), 0.1), 3).state_dict(),
            "cosine": optim.lr_scheduler.CosineAnnealingLR(
                optim.SGD(linear.parameters(), 0.1), 3
            ).state_dict(),
        },
        "scheduler": lambda: optim.lr_scheduler.StepLR(optim.SGD(linear.parameters(), 0.1), 3),
        "pruned": lambda: prune.l1_unstructured(nn.Linear(3, 2), "weight", 1),
        "weight_norm": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)).state_dict(),
        "packed": lambda: nn.utils.rnn.pack_sequence([torch.ones(2), torch.ones(1)]),
        "generator": lambda: torch.Generator().get_state(),
    }  # fmt: skip
    for label, make in things.items():
        yield from torch_files(f"torch_{label}", make)
    yield from pickles("torch_plain_state", net.state_dict, (2, 4, 5))
    yield from pickles("torch_plain_net", lambda: net, (2, 4, 5))
    yield from joblibs("torch_net", lambda: net, few=True)


def layer_of(cls: Any) -> Any:
    """A small layer of a class, or None."""
    import torch

    if not (isinstance(cls, type) and issubclass(cls, torch.nn.Module)):
        return None
    for arguments in ((), (2,), (2, 2), (2, 2, 2), (4, 2), (torch.nn.Linear(1, 1), 2)):
        try:
            return made(lambda: cls(*arguments))  # noqa: B023
        except Exception:  # wants other arguments
            continue
    return None


CORE = {
    "python": python_files,
    "numpy": numpy_files,
    "scipy": scipy_files,
    "pandas": pandas_files,
    "scikit-learn": sklearn_files,
    "torch": torch_objects,
}
