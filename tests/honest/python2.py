"""Pickles as Python 2 wrote them, made by today's pickler with Python 2's opcodes and names.

A `str` of Python 2 is STRING, SHORT_BINSTRING or BINSTRING; text is UNICODE; modules have their old
names; objects of old-style classes are INST. scikit-learn's and NumPy's modules stand at their old
places.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from typing import Any

from tests.honest.writers import File, Make, made, possible

MODULES = {
    "builtins": "__builtin__",
    "copyreg": "copy_reg",
    "numpy._core.multiarray": "numpy.core.multiarray",
    "numpy._core.numeric": "numpy.core.numeric",
    "sklearn.linear_model._logistic": "sklearn.linear_model.logistic",
    "sklearn.linear_model._base": "sklearn.linear_model.base",
    "sklearn.linear_model._ridge": "sklearn.linear_model.ridge",
    "sklearn.linear_model._coordinate_descent": "sklearn.linear_model.coordinate_descent",
    "sklearn.linear_model._stochastic_gradient": "sklearn.linear_model.stochastic_gradient",
    "sklearn.tree._classes": "sklearn.tree.tree",
    "sklearn.ensemble._forest": "sklearn.ensemble.forest",
    "sklearn.ensemble._gb": "sklearn.ensemble.gradient_boosting",
    "sklearn.ensemble._weight_boosting": "sklearn.ensemble.weight_boosting",
    "sklearn.ensemble._bagging": "sklearn.ensemble.bagging",
    "sklearn.ensemble._voting": "sklearn.ensemble.voting_classifier",
    "sklearn.preprocessing._data": "sklearn.preprocessing.data",
    "sklearn.preprocessing._label": "sklearn.preprocessing.label",
    "sklearn.preprocessing._encoders": "sklearn.preprocessing._encoders",
    "sklearn.decomposition._pca": "sklearn.decomposition.pca",
    "sklearn.decomposition._nmf": "sklearn.decomposition.nmf",
    "sklearn.decomposition._truncated_svd": "sklearn.decomposition.truncated_svd",
    "sklearn.svm._classes": "sklearn.svm.classes",
    "sklearn.cluster._kmeans": "sklearn.cluster.k_means_",
    "sklearn.cluster._dbscan": "sklearn.cluster.dbscan_",
    "sklearn.neighbors._classification": "sklearn.neighbors.classification",
    "sklearn.neighbors._regression": "sklearn.neighbors.regression",
    "sklearn.neural_network._multilayer_perceptron": "sklearn.neural_network.multilayer_perceptron",
}


_Pickler: Any = vars(pickle)["_Pickler"]  # the one that is written in Python


# The one name that is longer than a line.
SELECTION = "sklearn.feature_selection.univariate_selection"
MODULES["sklearn.feature_selection._univariate_selection"] = SELECTION


class Pickler2(_Pickler):
    """Writes text as Python 2 wrote its str, and modules by their old names."""

    dispatch = dict(_Pickler.dispatch)

    def save_text(self, value: str) -> None:
        """A str of ASCII was bytes in Python 2; other text was unicode."""
        if not value.isascii():
            _Pickler.save_str(self, value)
            return
        data = value.encode()
        if self.proto == 0:
            self.write(b"S" + repr(value).encode() + b"\n")
        elif len(data) < 256:
            self.write(b"U" + bytes([len(data)]) + data)
        else:
            self.write(b"T" + len(data).to_bytes(4, "little") + data)
        self.memoize(value)

    def save_octets(self, value: bytes) -> None:
        """A str of Python 2 with any octets."""
        if self.proto == 0:
            self.write(b"S" + repr(value)[1:].encode() + b"\n")
        else:
            self.write(b"T" + len(value).to_bytes(4, "little") + value)
        self.memoize(value)

    def save_name(self, thing: Any, name: str | None = None) -> None:
        """GLOBAL with the module's old name."""
        name = name or getattr(thing, "__qualname__", thing.__name__)
        module = vars(pickle)["whichmodule"](thing, name)
        line = f"c{MODULES.get(module, module)}\n{name}\n"
        self.write(line.encode())
        self.memoize(thing)

    save_global = save_name
    dispatch[str] = save_text
    dispatch[bytes] = save_octets
    dispatch[type] = save_name
    dispatch[type(len)] = save_name
    dispatch[type(made)] = save_name


def python2(label: str, make: Make) -> Iterator[File]:
    """The protocols that Python 2 had."""
    thing = made(make)
    for protocol in (0, 1, 2):
        out = io.BytesIO()
        Pickler2(out, protocol).dump(thing)
        yield File(f"{label}.py2.p{protocol}.pkl", out.getvalue())


def python2_files() -> Iterator[File]:
    """Plain data, arrays and models."""
    import collections
    import datetime

    import numpy as np
    from sklearn import (
        cluster,
        decomposition,
        ensemble,
        feature_selection,
        linear_model,
        naive_bayes,
        neighbors,
        neural_network,
        pipeline,
        preprocessing,
        svm,
        tree,
    )

    numbers = np.random.default_rng(1).random((24, 3))
    classes = np.array([0, 1] * 12)
    things: dict[str, Make] = {
        "plain": lambda: {"a": 1, "b": [1.5, None, True], "c": ("x", "y"), "d": {"e": 2**70}},
        "words": lambda: [f"word{i}" for i in range(40)],
        "text": lambda: ["ascii", "\u00e4\u4e2d", b"\x00\xff"],
        "dates": lambda: [datetime.date(2012, 1, 2)],
        "ordered": lambda: collections.OrderedDict(a=1, b=2),
        "default": lambda: collections.defaultdict(int, a=1),
        "cifar": lambda: {"data": np.zeros((2, 12), np.uint8), "labels": [1, 2], "batch": "1 of 5"},
        "embeddings": lambda: {"king": np.ones(4, np.float32), "queen": np.zeros(4, np.float32)},
        "array": lambda: np.arange(6.0).reshape(2, 3),
        "scalars": lambda: [np.float64(1.5), np.int32(2)],
        "records": lambda: np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]),
        "objects": lambda: np.array(["a", 1, None], dtype=object),
        "state": lambda: np.random.RandomState(1),  # noqa: NPY002
    }
    models = [
        linear_model.LogisticRegression(),
        linear_model.Ridge(),
        linear_model.Lasso(),
        linear_model.LinearRegression(),
        linear_model.SGDClassifier(),
        tree.DecisionTreeClassifier(),
        ensemble.RandomForestClassifier(2),
        ensemble.GradientBoostingClassifier(n_estimators=2),
        ensemble.AdaBoostClassifier(n_estimators=2),
        ensemble.BaggingClassifier(n_estimators=2),
        ensemble.ExtraTreesClassifier(2),
        preprocessing.StandardScaler(),
        preprocessing.MinMaxScaler(),
        preprocessing.LabelEncoder(),
        decomposition.PCA(2),
        decomposition.TruncatedSVD(2),
        decomposition.NMF(2),
        svm.SVC(),
        svm.LinearSVC(),
        cluster.KMeans(2),
        cluster.DBSCAN(),
        naive_bayes.GaussianNB(),
        naive_bayes.MultinomialNB(),
        neighbors.KNeighborsClassifier(algorithm="brute"),
        neural_network.MLPClassifier(3, max_iter=3),
        feature_selection.SelectKBest(k=2),
        pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
    ]
    for model in models:
        first = classes if isinstance(model, preprocessing.LabelEncoder) else numbers
        things[type(model).__name__] = lambda model=model, first=first: model.fit(first, classes)
    yield from possible({f"py2_{key}": make for key, make in things.items()}, python2)
