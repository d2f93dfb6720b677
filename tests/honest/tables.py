"""Frames, arrays and models over them, as they are saved: the later part of the corpus."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from tests.honest.writers import File, Make, both, few, joblibs, pickles, possible


def sample() -> tuple[Any, Any, Any]:
    """A frame, numbers and two classes by name."""
    import numpy as np
    import pandas as pd

    chance = np.random.default_rng(2)
    frame = pd.DataFrame(
        {"age": chance.random(30), "pay": chance.random(30), "town": ["x", "y", "z"] * 10}
    )
    return frame, frame[["age", "pay"]], np.array(["no", "yes"] * 15)


def array_files() -> Iterator[File]:
    """NumPy again: generators within data, odd element types, old containers."""
    import numpy as np

    things: dict[str, Make] = {
        **{
            f"generator_{name}": (
                lambda name=name: {"rng": np.random.Generator(getattr(np.random, name)(3)), "n": 1}
            )
            for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
        },
        **{
            f"bits_{name}": (lambda name=name: getattr(np.random, name)(3))
            for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")
        },
        "spawned": lambda: np.random.default_rng(3).spawn(2),
        "used": lambda: (lambda r: (r.normal(size=3), r)[1])(np.random.RandomState(1)),  # noqa: NPY002
        "nested_records": lambda: np.zeros(2, [("a", [("x", "f4"), ("y", "i2", 3)]), ("b", "S4")]),
        "titles": lambda: np.zeros(2, [(("Title", "a"), "f4")]),
        "aligned": lambda: np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
        "void": lambda: np.void(b"abcd"),
        "record": lambda: np.rec.array([(1, 2.0)], names="a,b")[0],
        "longdouble": lambda: np.ones(2, np.longdouble),
        "big_endian": lambda: np.arange(4).astype(">i8"),
        "masked_records": lambda: np.ma.array([(1, 2.0)], mask=[(0, 1)], dtype="i4,f4"),
        "masked_constant": lambda: [np.ma.masked, np.ma.array(1.0)],
        "char": lambda: np.char.array(["a", "b"]),
        "text": lambda: np.array(["\u00e4", "longer"]),
        "variable_text": lambda: np.array(["a", "bcd"], dtype=np.dtypes.StringDType()),
        "objects": lambda: np.array([np.ones(2), {"a": np.float64(1)}, None], dtype=object),
        "object_cube": lambda: np.full((2, 2, 2), None, dtype=object),
        "times": lambda: np.array(["2020", "NaT"], "M8[us]"),
        "zero": lambda: [np.zeros((0,)), np.zeros((2, 0, 3))],
        "subclass": lambda: np.matrix([[1, 2]]),
        "polynomials": lambda: [
            np.polynomial.Legendre([1]),
            np.polynomial.Hermite([1]),
            np.polynomial.Laguerre([1, 2]),
            np.polynomial.HermiteE([2]),
        ],
        "functions": lambda: [np.mean, np.linalg.norm, np.argmax, np.concatenate, np.sqrt],
        "types": lambda: [
            np.float16,
            np.uint64,
            np.str_,
            np.datetime64,
            np.ndarray,
            np.dtype("M8[s]"),
        ],
        "iinfo": lambda: [np.dtype("f8").newbyteorder(">"), np.dtype((np.float32, (2, 2)))],
        "errors": lambda: [np.linalg.LinAlgError("x")],
    }
    yield from possible({f"npx_{key}": make for key, make in things.items()}, pickles)
    yield from possible(
        {f"npx_{key}": make for key, make in things.items()}, lambda a, b: joblibs(a, b, few=True)
    )


def frame_files() -> Iterator[File]:
    """pandas again: every extension type, offset, index and window."""
    import numpy as np
    import pandas as pd

    offsets = {
        name: cls
        for name, cls in vars(pd.offsets).items()
        if inspect.isclass(cls) and issubclass(cls, pd.tseries.offsets.BaseOffset)
    }
    things: dict[str, Make] = {
        f"offset_{name}": (lambda cls=cls: [cls(), cls(2)]) for name, cls in offsets.items()
    }
    for code in (
        "Int8",
        "Int16",
        "Int32",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "Float32",
        "boolean",
        "string",
        "category",
        "object",
        "float16",
        "complex128",
        "bool",
    ):
        things[f"array_{code}"] = lambda code=code: pd.Series([1, 0, 1]).astype(code)
        things[f"indexed_{code}"] = lambda code=code: pd.DataFrame(
            {"v": [1.0, 2.0]}, index=pd.Series([1, 0]).astype(code)
        )
    days = pd.date_range("2020", periods=4)
    things |= {
        "columns": lambda: pd.DataFrame(
            np.ones((2, 4)), columns=pd.MultiIndex.from_product([["a", "b"], [1, 2]])
        ),
        "rows": lambda: pd.DataFrame(
            {"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, "x"), (2, "y")])
        ),
        "flags": lambda: pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
        "attrs": lambda: (lambda f: (f.attrs.update(source="x"), f)[1])(pd.DataFrame({"a": [1]})),
        "empty": lambda: [pd.DataFrame(), pd.Series(dtype=float), pd.Index([])],
        "dtypes": lambda: pd.DataFrame({"a": [1], "b": ["x"]}).dtypes,
        "describe": lambda: pd.DataFrame({"a": [1, 2]}).describe(),
        "counts": lambda: pd.Series(list("abca")).value_counts(),
        "resampled": lambda: pd.Series(range(4), days).resample("2D").sum(),
        "zoned": lambda: pd.Series(range(4), days.tz_localize("America/New_York")),
        "utc": lambda: pd.DataFrame({"t": days.tz_localize("UTC")}),
        "microseconds": lambda: pd.Series(days.as_unit("us")),
        "periods": lambda: pd.DataFrame(
            {"a": [1, 2]}, index=pd.period_range("2020", periods=2, freq="M")
        ),
        "interval_index": lambda: pd.cut(pd.Series([1, 2, 3]), 2),
        "quantiles": lambda: pd.qcut(pd.Series(range(8)), 4),
        "categories": lambda: pd.Categorical(["a", "b"], categories=["b", "a", "c"], ordered=True),
        "category_dtype": lambda: pd.CategoricalDtype(["a", "b"]),
        "interval": lambda: [
            pd.Interval(0, 1),
            pd.Interval(pd.Timestamp("2020"), pd.Timestamp("2021")),
        ],
        "stamps": lambda: {
            "t": pd.Timestamp("2020-01-01 10:00", tz="Asia/Tokyo"),
            "d": pd.Timedelta("1D"),
        },
        "nested": lambda: {"train": pd.DataFrame({"a": [1]}), "meta": {"cols": pd.Index(["a"])}},
        "list": lambda: [pd.Series([1]), pd.Series(["a"])],
        "objects": lambda: pd.DataFrame({"a": [np.ones(2), None], "b": [{"k": 1}, [1]]}),
        "dates": lambda: pd.Series([pd.Timestamp("2020").date()]),
        "groupers": lambda: pd.Grouper(freq="D"),
        "slices": lambda: pd.IndexSlice[1:2],
        "bool_frame": lambda: pd.DataFrame(np.eye(3, dtype=bool)),
        "float_index": lambda: pd.Series([1, 2], index=[0.5, 1.5]),
        "merged": lambda: pd.merge(
            pd.DataFrame({"k": [1], "a": [2]}), pd.DataFrame({"k": [1], "b": [3]})
        ),
        "transposed": lambda: pd.DataFrame({"a": [1, 2], "b": [3, 4]}).T,
        "sliced": lambda: pd.DataFrame({"a": range(9)}).iloc[2:8:2],
        "exploded": lambda: pd.Series([[1, 2], [3]]).explode(),
    }
    yield from possible({f"pdx_{key}": make for key, make in things.items()}, both)


def estimator_files() -> Iterator[File]:
    """Every estimator, fitted on a frame with classes by name, in the search that found it."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils import all_estimators

    _, numbers, names = sample()
    for name, cls in all_estimators():

        def fitted(cls: Any = cls) -> Any:
            for target in (names, numbers["pay"], numbers, None):
                try:
                    return cls().fit(numbers, target)
                except Exception:  # takes another kind of target
                    continue
            raise TypeError(cls.__name__)

        def piped(cls: Any = cls) -> Any:
            steps = Pipeline([("scale", StandardScaler()), ("model", cls())])
            for target in (names, numbers["pay"]):
                try:
                    return steps.fit(numbers, target)
                except Exception:  # as above
                    continue
            raise TypeError(cls.__name__)

        def searched(cls: Any = cls) -> Any:
            search = GridSearchCV(cls(), {}, cv=2)
            return search.fit(numbers, names if hasattr(cls, "predict_proba") else numbers["pay"])

        yield from possible({f"skx_{name}": fitted}, lambda a, b: joblibs(a, b, few=True))
        yield from possible({f"skx_piped_{name}": piped}, lambda a, b: pickles(a, b, (3,)))
        if hasattr(cls, "predict"):
            yield from possible({f"skx_search_{name}": searched}, lambda a, b: pickles(a, b, (5,)))


def workflow_files() -> Iterator[File]:
    """scikit-learn's other objects: kernels, splitters, scorers, bunches, odd parameters."""
    import numpy as np
    from sklearn import (
        calibration,
        compose,
        datasets,
        ensemble,
        feature_extraction,
        feature_selection,
        frozen,
        gaussian_process,
        isotonic,
        linear_model,
        metrics,
        model_selection,
        multioutput,
        neighbors,
        pipeline,
        preprocessing,
        svm,
        tree,
    )
    from sklearn.gaussian_process import kernels

    frame, numbers, names = sample()
    pay = numbers["pay"]
    logistic = linear_model.LogisticRegression
    things: dict[str, Make] = {
        **{
            f"kernel_{name}": (lambda cls=cls: cls())
            for name, cls in vars(kernels).items()
            if inspect.isclass(cls) and issubclass(cls, kernels.Kernel)
        },
        **{
            f"split_{name}": (lambda cls=cls: cls())
            for name, cls in vars(model_selection).items()
            if inspect.isclass(cls) and hasattr(cls, "split")
        },
        "kernel_sum": lambda: kernels.RBF() + kernels.WhiteKernel() * kernels.ConstantKernel(2.0),
        "gpr": lambda: gaussian_process.GaussianProcessRegressor(kernels.Matern()).fit(
            numbers, pay
        ),
        "iris": datasets.load_iris,
        "wine": lambda: datasets.load_wine(as_frame=True),
        "scorer": lambda: metrics.make_scorer(metrics.f1_score, average="macro"),
        "scorers": lambda: {
            "a": metrics.get_scorer("accuracy"),
            "b": metrics.get_scorer("roc_auc"),
        },
        "cv_results": lambda: model_selection.cross_validate(logistic(), numbers, names),
        "report": lambda: metrics.classification_report(names, names, output_dict=True),
        "selector": lambda: compose.make_column_transformer(
            (preprocessing.OneHotEncoder(), compose.make_column_selector(dtype_include=object)),
            remainder="passthrough",
        ).fit(frame),
        "columns": lambda: pipeline.Pipeline(
            [
                (
                    "prep",
                    compose.ColumnTransformer(
                        [
                            ("num", preprocessing.StandardScaler(), ["age", "pay"]),
                            ("cat", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["town"]),
                        ]
                    ),
                ),
                ("model", ensemble.HistGradientBoostingClassifier(max_iter=2)),
            ]
        ).fit(frame, names),
        "target": lambda: compose.TransformedTargetRegressor(
            linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1
        ).fit(numbers, pay),
        "frozen": lambda: frozen.FrozenEstimator(logistic().fit(numbers, names)),
        "calibrated": lambda: calibration.CalibratedClassifierCV(
            svm.LinearSVC(), method="isotonic", cv=2
        ).fit(numbers, names),
        "isotonic": lambda: isotonic.IsotonicRegression(out_of_bounds="clip").fit(pay, pay),
        "chain": lambda: multioutput.RegressorChain(linear_model.Ridge()).fit(numbers, numbers),
        "stack": lambda: ensemble.StackingRegressor(
            [("a", linear_model.Ridge()), ("b", tree.DecisionTreeRegressor())], cv=2
        ).fit(numbers, pay),
        "vote": lambda: ensemble.VotingClassifier(
            [("a", logistic()), ("b", tree.DecisionTreeClassifier())], voting="soft"
        ).fit(numbers, names),
        "rfecv": lambda: feature_selection.RFECV(logistic(), cv=2).fit(numbers, names),
        "kbest": lambda: feature_selection.SelectKBest(feature_selection.f_regression, k=1).fit(
            numbers, pay
        ),
        "percentile": lambda: feature_selection.SelectPercentile(
            feature_selection.mutual_info_classif
        ).fit(numbers, names),
        "hashing": lambda: feature_extraction.text.HashingVectorizer(n_features=8),
        "dict_vectorizer": lambda: feature_extraction.DictVectorizer().fit([{"a": 1}, {"b": "x"}]),
        "tfidf_stop": lambda: feature_extraction.text.TfidfVectorizer(
            stop_words="english", ngram_range=(1, 2), dtype=np.float32
        ).fit(["one film", "two films"]),
        "function": lambda: preprocessing.FunctionTransformer(np.log1p, np.expm1),
        "ordinal": lambda: preprocessing.OrdinalEncoder(dtype=np.int64).fit(frame[["town"]]),
        "power": lambda: preprocessing.PowerTransformer().fit(numbers),
        "quantile": lambda: preprocessing.QuantileTransformer(n_quantiles=5).fit(numbers),
        "splines": lambda: preprocessing.SplineTransformer().fit(numbers),
        "neighbours_kd": lambda: neighbors.KNeighborsRegressor(algorithm="kd_tree").fit(
            numbers, pay
        ),
        "neighbours_ball": lambda: neighbors.KNeighborsRegressor(
            algorithm="ball_tree", metric="manhattan"
        ).fit(numbers, pay),
        "halving": lambda: model_selection.ParameterGrid({"a": [1, 2]}),
        "sampler": lambda: model_selection.ParameterSampler({"a": [1, 2]}, 2),
        "svm_text": lambda: pipeline.make_pipeline(
            feature_extraction.text.CountVectorizer(), svm.SVC(probability=False)
        ).fit(["a b", "b c", "c d", "d a"], [0, 1, 0, 1]),
        "bundle": lambda: {
            "model": ensemble.RandomForestRegressor(2).fit(numbers, pay),
            "columns": numbers.columns,
            "scaler": preprocessing.MinMaxScaler().fit(numbers),
            "version": "1.0",
            "metrics": {"r2": np.float64(0.5)},
            "trained": frame.head(2),
        },
        "losses": lambda: [
            linear_model.SGDClassifier(loss=name).fit(numbers, names)
            for name in ("hinge", "log_loss", "huber", "modified_huber")
        ],
        "boosted_poisson": lambda: ensemble.HistGradientBoostingRegressor(
            loss="poisson", max_iter=2
        ).fit(numbers, pay),
        "boosted_classes": lambda: ensemble.GradientBoostingRegressor(
            loss="quantile", n_estimators=2
        ).fit(numbers, pay),
        "glm": lambda: linear_model.TweedieRegressor(power=1.5).fit(numbers, pay + 1),
    }
    yield from possible({f"skw_{key}": make for key, make in things.items()}, both)


def boosting_files() -> Iterator[File]:
    """Boosters inside scikit-learn's compositions, and with the options that people set."""
    import catboost
    import lightgbm as lgb
    import xgboost as xgb
    from sklearn.ensemble import StackingClassifier, VotingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _, numbers, _ = sample()
    classes = [0, 1] * 15
    makers: dict[str, Any] = {
        "xgb": lambda **o: xgb.XGBClassifier(n_estimators=2, **o),
        "lgb": lambda **o: lgb.LGBMClassifier(n_estimators=2, verbose=-1, **o),
        "cat": lambda **o: catboost.CatBoostClassifier(
            iterations=2, verbose=0, allow_writing_files=False, **o
        ),
    }
    things: dict[str, Make] = {}
    for name, maker in makers.items():
        things |= {
            f"{name}_pipe": lambda m=maker: make_pipeline(StandardScaler(), m()).fit(
                numbers, classes
            ),
            f"{name}_grid": lambda m=maker: GridSearchCV(m(), {"max_depth": [2, 3]}, cv=2).fit(
                numbers, classes
            ),
            f"{name}_random": lambda m=maker: RandomizedSearchCV(
                m(), {"max_depth": [2, 3]}, n_iter=1, cv=2
            ).fit(numbers, classes),
            f"{name}_vote": lambda m=maker: VotingClassifier(
                [("a", m()), ("b", LogisticRegression())], voting="soft"
            ).fit(numbers, classes),
            f"{name}_stack": lambda m=maker: StackingClassifier([("a", m())], cv=2).fit(
                numbers, classes
            ),
            f"{name}_frame": lambda m=maker: {"model": m().fit(numbers, classes), "cols": ["a"]},
            f"{name}_unfitted": lambda m=maker: m(random_state=1, max_depth=3, learning_rate=0.1),
        }
    things |= {
        "xgb_rank": lambda: xgb.XGBRanker(n_estimators=2).fit(numbers, classes, group=[15, 15]),
        "xgb_early": lambda: xgb.XGBRegressor(n_estimators=3, early_stopping_rounds=1).fit(
            numbers, classes, eval_set=[(numbers, classes)], verbose=False
        ),
        "xgb_dart": lambda: xgb.train({"booster": "dart"}, xgb.DMatrix(numbers, classes), 2),
        "xgb_linear": lambda: xgb.train({"booster": "gblinear"}, xgb.DMatrix(numbers, classes), 2),
        "xgb_multi": lambda: MultiOutputRegressor(xgb.XGBRegressor(n_estimators=1)).fit(
            numbers, numbers
        ),
        "xgb_forest": lambda: xgb.XGBRFRegressor(n_estimators=2).fit(numbers, classes),
        "lgb_rank": lambda: lgb.LGBMRanker(n_estimators=2, verbose=-1).fit(
            numbers, classes, group=[15, 15]
        ),
        "lgb_early": lambda: lgb.LGBMClassifier(n_estimators=3, verbose=-1).fit(
            numbers,
            classes,
            eval_set=[(numbers, classes)],
            callbacks=[lgb.early_stopping(1, verbose=False)],
        ),
        "lgb_cv": lambda: lgb.cv({"verbose": -1}, lgb.Dataset(numbers, classes), 2, nfold=2),
        "lgb_multi": lambda: MultiOutputRegressor(
            lgb.LGBMRegressor(n_estimators=1, verbose=-1)
        ).fit(numbers, numbers),
        "cat_rank": lambda: catboost.CatBoostRanker(
            iterations=2, verbose=0, allow_writing_files=False
        ).fit(numbers, classes, group_id=sorted(classes)),
        "cat_multi": lambda: catboost.CatBoostRegressor(
            iterations=2, verbose=0, allow_writing_files=False, loss_function="MultiRMSE"
        ).fit(numbers, numbers),
        "cat_base": lambda: catboost.CatBoost(
            {"iterations": 2, "verbose": 0, "allow_writing_files": False}
        ).fit(numbers, classes),
    }
    yield from possible({f"bst_{key}": make for key, make in things.items()}, both)


def scipy_again_files() -> Iterator[File]:
    """SciPy's further objects."""
    import numpy as np
    from scipy import integrate, interpolate, optimize, signal, sparse, spatial, stats

    x = np.linspace(0, 1, 9)
    y = np.cos(x)
    things: dict[str, Make] = {
        "lti": lambda: signal.lti([1.0], [1.0, 2.0]),
        "dlti": lambda: signal.dlti([1.0], [1.0, 0.5]),
        "sos": lambda: signal.butter(2, 0.2, output="sos"),
        "root": lambda: optimize.root_scalar(lambda v: v - 1, bracket=(0, 3)),
        "least": lambda: optimize.least_squares(lambda v: v - 1, [0.0]),
        "linprog": lambda: optimize.linprog([1.0], bounds=[(0, 1)]),
        "bounds": lambda: [optimize.Bounds([0], [1]), optimize.LinearConstraint([[1]], 0, 1)],
        "ode": lambda: integrate.solve_ivp(lambda t, v: -v, (0, 1), [1.0]),
        "hull": lambda: spatial.distance.squareform([1.0, 2.0, 3.0]),
        "rotation": lambda: spatial.transform.Slerp(
            [0, 1], spatial.transform.Rotation.random(2, random_state=1)
        ),
        "ppoly": lambda: interpolate.PPoly.from_spline(interpolate.splrep(x, y)),
        "smooth": lambda: interpolate.make_smoothing_spline(x, y),
        "krogh": lambda: interpolate.KroghInterpolator(x, y),
        "linear_nd": lambda: interpolate.RectBivariateSpline(x, x, np.outer(y, y)),
        "uniform": lambda: interpolate.InterpolatedUnivariateSpline(x, y),
        "ttest": lambda: stats.ttest_ind(x, y),
        "pearson": lambda: stats.pearsonr(x, y),
        "ecdf": lambda: stats.ecdf(x),
        "describe": lambda: stats.describe(x),
        "histogram": lambda: stats.rv_histogram(np.histogram(x)),
        "random_sparse": lambda: sparse.random(4, 4, 0.5, "csr", random_state=1),
        "block": lambda: sparse.block_diag([np.eye(2), np.ones((1, 1))]),
        "bool_sparse": lambda: sparse.csr_matrix(np.eye(3, dtype=bool)),
        "list_sparse": lambda: [sparse.eye(2, format="csc"), sparse.dok_matrix((2, 2))],
    }
    yield from possible({f"spx_{key}": make for key, make in things.items()}, few)


def containing_itself() -> list[Any]:
    """A list that is its own item."""
    out: list[Any] = []
    out.append(out)
    return out


def python_again_files() -> Iterator[File]:
    """The standard library's further types."""
    import collections
    import dataclasses
    import datetime
    import decimal
    import enum
    import fractions
    import functools
    import http
    import ipaddress
    import logging
    import operator
    import pathlib
    import re
    import string
    import time
    import uuid
    import zoneinfo

    things: dict[str, Make] = {
        "regex": lambda: re.compile(r"\w+", re.I),
        "zone": lambda: datetime.datetime(2020, 1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Rome")),
        "fold": lambda: datetime.datetime(2020, 1, 2, 3, fold=1),
        "offset": lambda: datetime.timezone(datetime.timedelta(hours=2), "X"),
        "decimal": lambda: [decimal.Decimal("NaN"), decimal.Decimal("-1E+5"), decimal.Context()],
        "fraction": lambda: {fractions.Fraction(1, 3): 1},
        "paths": lambda: [pathlib.Path("a"), pathlib.PureWindowsPath("c:/x")],
        "networks": lambda: [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_address("::1")],
        "uuids": lambda: [uuid.uuid5(uuid.NAMESPACE_DNS, "x")],
        "enums": lambda: [http.HTTPStatus.OK, re.IGNORECASE, uuid.SafeUUID.safe],
        "getters": lambda: [operator.itemgetter(1), operator.itemgetter("a", "b")],
        "attribute": lambda: operator.attrgetter("real"),
        "partial": lambda: functools.partial(int, base=2),
        "partial_sum": lambda: functools.partial(sum, [1, 2]),
        "functions": lambda: [len, sorted, operator.add, str.lower, max],
        "chain": lambda: collections.ChainMap({"a": 1}, {"b": 2}),
        "user": lambda: [
            collections.UserDict(a=1),
            collections.UserList([1]),
            collections.UserString("x"),
        ],
        "nested_default": lambda: collections.defaultdict(
            collections.Counter, a=collections.Counter("ab")
        ),
        "struct_time": lambda: time.gmtime(0),
        "formatter": lambda: string.Template("$a"),
        "log": lambda: logging.LogRecord("n", 20, "p", 1, "m", (), None),
        "missing": lambda: dataclasses.MISSING,
        "auto": lambda: [enum.Enum, int, type(None), type(...)],
        "recursive": containing_itself,
        "shared": lambda: (lambda a: {"x": a, "y": a})([1, 2]),
        "keys": lambda: {(1, "a"): 1, frozenset({1}): 2, b"k": 3, 1.5: 4, None: 5},
        "long": lambda: list(range(3000)),
        "bytes": lambda: [bytes(range(256)) * 20, bytearray(300), memoryview(b"x").tobytes()],
        "complex": lambda: [1 + 2j, -0.0, 10**40, -(10**40)],
        "errors": lambda: [
            OSError(2, "x"),
            UnicodeDecodeError("utf-8", b"x", 0, 1, "y"),
            KeyError(1),
        ],
        "iterators": lambda: [
            iter([1, 2]),
            iter({1: 2}),
            enumerate("ab"),
            zip([1], [2], strict=True),
        ],
    }
    yield from possible({f"pyx_{key}": make for key, make in things.items()}, pickles)
