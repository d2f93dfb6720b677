"""Models of the size that people have: what is small in every other group is large here.

A vocabulary of a hundred thousand words, a thousand trees, a frame of texts, a checkpoint of
thousands of tensors; and joblib's files as joblib before 1.6 wrote their arrays of objects.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from tests.honest.writers import File, Make, made


def written(label: str, make: Make) -> Iterator[File]:
    """pickle.dump and joblib.dump, the latter as it is, in a dict, and with older inner pickles."""
    import joblib
    from joblib import numpy_pickle

    thing = made(make)
    for protocol in (2, 4, 5):
        yield File(f"{label}.p{protocol}.pkl", pickle.dumps(thing, protocol))
    kept: dict[str, Any] = {"model": thing, "columns": ["a", "b"]}
    own = numpy_pickle.pickle
    for inner in (2, 5):

        def dump(array: Any, file: Any, protocol: int, inner: int = inner) -> None:
            pickle.dump(array, file, protocol=inner)

        names = {**vars(pickle), "dump": dump}
        numpy_pickle.pickle = SimpleNamespace(**names)
        try:
            for name, value in (("plain", thing), ("dict", kept)):
                out = io.BytesIO()
                joblib.dump(value, out)
                yield File(f"{label}.{name}{inner}.joblib", out.getvalue())
        finally:
            numpy_pickle.pickle = own


def learned() -> Iterator[tuple[str, Make]]:
    """scikit-learn on many words, trees and labels."""
    import numpy as np
    import pandas as pd
    from sklearn import ensemble, feature_extraction, linear_model, neighbors, pipeline, tree
    from sklearn import preprocessing as prep

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 6)), columns=list("abcdef"))
    truth = (frame["a"] + frame["b"] > 0).to_numpy()
    labels = np.array(["no", "yes"], object)[truth.astype(int)]
    words = [f"word{i}" for i in range(100_000)]
    texts = [" ".join(words[i::300]) for i in range(300)]
    ids = np.array([f"user{i}" for i in range(60_000)], object)

    def worded() -> Any:
        steps = feature_extraction.text.TfidfVectorizer(), linear_model.LogisticRegression()
        return pipeline.make_pipeline(*steps).fit(texts, labels)

    trees = {
        "boosted": ensemble.GradientBoostingClassifier(n_estimators=800),
        "adapted": ensemble.AdaBoostClassifier(n_estimators=300),
        "bagged": ensemble.BaggingClassifier(tree.DecisionTreeClassifier(), n_estimators=400),
        "forest": ensemble.ExtraTreesClassifier(1500),
        "isolated": ensemble.IsolationForest(n_estimators=1500),
        "binned": ensemble.HistGradientBoostingClassifier(max_iter=300),
        "stacked": ensemble.StackingClassifier([
            ("forest", ensemble.RandomForestClassifier(300)),
            ("boosted", ensemble.GradientBoostingClassifier(n_estimators=200)),
        ]),
    }  # fmt: skip
    yield "tfidf", worded
    for name, model in trees.items():
        yield name, lambda model=model: model.fit(frame, labels)
    yield (
        "neighbours",
        lambda: neighbors.KNeighborsClassifier().fit(
            rng.normal(size=(20_000, 8)), rng.integers(0, 3, 20_000)
        ),
    )
    yield "onehot", lambda: prep.OneHotEncoder().fit(ids[:, None])
    yield "ordinal", lambda: prep.OrdinalEncoder().fit(ids[:, None])
    yield "labels", lambda: prep.LabelEncoder().fit(ids)


def tabled() -> Iterator[tuple[str, Make]]:
    """Python's own containers, frames of texts and dates."""
    import numpy as np
    import pandas as pd

    count = 100_000
    yield "vocabulary", lambda: {f"word{i}": i for i in range(count)}
    yield (
        "records",
        lambda: [{"id": i, "text": f"text {i}", "tags": ["a", str(i)]} for i in range(count // 2)],
    )
    yield "frame", lambda: pd.DataFrame({"i": range(count), "t": [f"s{i}" for i in range(count)]})
    yield "objects", lambda: pd.Series([f"s{i}" for i in range(count)], dtype=object)
    yield (
        "dates",
        lambda: pd.DataFrame(
            {"d": pd.date_range("2020", periods=count, freq="min")}, [f"r{i}" for i in range(count)]
        ),
    )
    yield "categories", lambda: pd.Series([f"s{i % 999}" for i in range(count)], dtype="category")
    yield "texts", lambda: np.array([f"s{i}" for i in range(count)], object)


def trained() -> Iterator[tuple[str, Make]]:
    """torch: thousands of tensors, and what stands beside them."""
    import torch
    from torch import nn, optim

    def deep() -> nn.Module:
        return nn.Sequential(*[nn.Linear(2, 2) for _ in range(2000)])

    def checkpoint() -> Any:
        model = deep()
        optimizer = optim.Adam(model.parameters())
        sum(p.sum() for p in model.parameters()).backward()
        optimizer.step()
        return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "module": model}

    def nested() -> nn.Module:
        model: nn.Module = nn.Linear(2, 2)
        for _ in range(12):
            model = nn.Sequential(model, nn.Linear(2, 2))
        return model

    yield "deep", deep
    yield "nested", nested
    yield "checkpoint", checkpoint
    yield (
        "wide",
        lambda: {**deep().state_dict(), "embedding": torch.zeros(3000, 2000)},
    )
    yield (
        "history",
        lambda: {
            "losses": [i / 7 for i in range(100_000)],
            "vocabulary": {f"word{i}": i for i in range(100_000)},
            "state": nn.Linear(2, 2).state_dict(),
            "rng": torch.get_rng_state(),
        },
    )


def shops() -> Any:
    """A small model for each shop, each with the names of its columns."""
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [3.0, 1.0, 2.0]})
    return {f"shop{i}": LinearRegression().fit(frame, [1, 2, 3]) for i in range(1500)}


def sized() -> Iterator[File]:
    """All of them."""
    import torch

    for part in (learned, tabled):
        for name, make in part():
            yield from written(f"z_{part.__name__}_{name}", make)
    yield from written("z_shops", shops)
    for name, make in trained():
        if name == "wide":
            yield from written("z_pickled_wide", make)
        for zipped in (True, False):
            out = io.BytesIO()
            torch.save(made(make), out, _use_new_zipfile_serialization=zipped)
            yield File(f"z_trained_{name}.{'zip' if zipped else 'legacy'}.pt", out.getvalue())


SIZES: dict[str, Callable[[], Iterator[File]]] = {"sizes": sized}
