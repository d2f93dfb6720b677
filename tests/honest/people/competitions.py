"""What notebooks of competitions keep between their cells."""

from __future__ import annotations

import collections
import datetime
import json
import platform
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.honest.people.shared import MOODS, REVIEWS, kept, numbers, read_back, table
from tests.honest.writers import File, Make, made, possible


def competition_files() -> Iterator[File]:
    """Notebooks of competitions: encoders, folds, predictions, features."""
    import numpy as np
    import pandas as pd
    from scipy import sparse
    from sklearn import (
        compose,
        decomposition,
        impute,
        linear_model,
        metrics,
        model_selection,
        pipeline,
        preprocessing,
    )
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.feature_extraction.text import TfidfVectorizer

    frame = table()
    x, y = numbers()
    rng = np.random.default_rng(2)

    def out_of_fold() -> Any:
        out = frame.copy()
        out["fold"] = (out["id"] % 5).astype("int8")
        out["oof_pred"] = rng.random(len(out)).astype("float32")
        return out

    def reduced() -> Any:
        out = frame.select_dtypes("number").copy()
        for column, kind in (("age", "uint8"), ("income", "float16"), ("target", "int8")):
            out[column] = out[column].astype(kind)
        return out

    def label_encoders() -> Any:
        out = {}
        for column in ("town", "grade"):
            encoder = preprocessing.LabelEncoder()
            encoder.fit(frame[column].astype(str))
            out[column] = encoder
        return out

    def fold_models() -> Any:
        models = []
        for train, test in model_selection.StratifiedKFold(3).split(x, y):
            scaler = preprocessing.StandardScaler().fit(x[train])
            model = linear_model.LogisticRegression().fit(scaler.transform(x[train]), y[train])
            score = metrics.roc_auc_score(y[test], model.predict_proba(x[test])[:, 1])
            models.append({"model": model, "scaler": scaler, "auc": score, "valid_idx": test})
        return models

    def binned() -> Any:
        out, edges = pd.cut(
            frame["age"], bins=[0, 30, 50, 100], labels=["y", "m", "o"], retbins=True
        )
        return {"ages": out, "edges": edges, "q": pd.qcut(frame["income"], 4, retbins=True)}

    def lags() -> Any:
        out = frame.set_index(["town", "when"]).sort_index()[["income"]]
        for lag in (1, 7):
            out[f"income_lag{lag}"] = out.groupby(level="town")["income"].shift(lag)
        out["rolling"] = out["income"].rolling(3, min_periods=1).mean()
        return out

    def searched() -> Any:
        search = model_selection.GridSearchCV(
            linear_model.LogisticRegression(), {"C": [0.1, 1], "solver": ["lbfgs"]}, cv=3
        ).fit(x, y)
        return search.cv_results_

    def prepared() -> Any:
        columns = compose.ColumnTransformer(
            [
                (
                    "num",
                    pipeline.make_pipeline(
                        impute.SimpleImputer(strategy="median"),
                        preprocessing.FunctionTransformer(np.log1p, feature_names_out="one-to-one"),
                        preprocessing.StandardScaler(),
                    ),
                    ["age", "income"],
                ),
                ("cat", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["town"]),
            ],
            remainder="drop",
        )
        matrix = columns.fit_transform(frame)
        return {"prep": columns, "X": matrix, "names": columns.get_feature_names_out()}

    def ratings() -> Any:
        users = pd.Series(rng.integers(0, 12, 80))
        items = pd.Series(rng.integers(0, 9, 80))
        stars = rng.integers(1, 6, 80).astype("float32")
        matrix = sparse.coo_matrix((stars, (users, items)), shape=(12, 9)).tocsr()
        return {
            "matrix": matrix,
            "user2idx": {f"u{i}": i for i in range(12)},
            "idx2item": dict(enumerate(f"film {i}" for i in range(9))),
            "means": np.asarray(matrix.mean(axis=1)).ravel(),
            "bias": collections.defaultdict(float, {i: 0.1 * i for i in range(5)}),
        }

    things: dict[str, Make] = {
        "oof": out_of_fold,
        "train_reduced": reduced,
        "label_encoders": label_encoders,
        "ordinal": lambda: preprocessing.OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1
        ).fit(frame[["town", "grade"]]),
        "target_encoder": lambda: preprocessing.TargetEncoder(random_state=0).fit(
            frame[["town"]], frame["target"]
        ),
        "target_means": lambda: {
            "town": frame.groupby("town")["target"].mean().to_dict(),
            "prior": frame["target"].mean(),
        },
        "folds": lambda: list(
            model_selection.StratifiedKFold(5, shuffle=True, random_state=42).split(x, y)
        ),
        "group_folds": lambda: [
            model_selection.GroupKFold(3),
            model_selection.StratifiedGroupKFold(
                3, shuffle=True, random_state=np.random.RandomState(1)
            ),  # noqa: NPY002
            model_selection.RepeatedKFold(n_splits=2, n_repeats=2),
            model_selection.ShuffleSplit(2),
            model_selection.LeaveOneGroupOut(),
            model_selection.PredefinedSplit([0, 1, -1]),
        ],
        "features": lambda: {
            "num": ["age", "income"],
            "cat": ("town",),
            "drop": {"id"},
            "all": frame.columns,
            "dtypes": frame.dtypes.to_dict(),
        },
        "scaler_pca": lambda: (
            preprocessing.StandardScaler().fit(x),
            decomposition.PCA(0.9, random_state=1).fit(x),
        ),
        "statistics": lambda: {
            "mean": frame["income"].mean(),
            "std": frame["age"].std(),
            "describe": frame.describe(),
            "skew": frame[["age"]].skew(),
            "mode": frame[["town", "age"]].mode().iloc[0],
        },
        "predictions": lambda: {
            "xgb": rng.random(20),
            "lgb": rng.random(20).astype("f4"),
            "weights": np.array([0.6, 0.4]),
            "threshold": np.float64(0.37),
        },
        "importances": lambda: (
            pd.DataFrame({"feature": list("abcd"), "gain": rng.random(4)})
            .sort_values("gain", ascending=False)
            .reset_index(drop=True)
        ),
        "submission": lambda: frame[["id", "target"]].set_index("id"),
        "history": lambda: {
            "loss": [np.float32(0.7), np.float32(0.5)],
            "val_auc": [0.6, 0.7],
            "lr": np.array([1e-3, 1e-4], "f4"),
        },
        "fold_models": fold_models,
        "binned": binned,
        "frequency": lambda: frame["town"].value_counts(normalize=True),
        "lags": lags,
        "cv_results": searched,
        "cv_table": lambda: pd.DataFrame(made(searched)).sort_values("rank_test_score"),
        "prepared": prepared,
        "ratings": ratings,
        "pivot": lambda: frame.pivot_table(
            index="town",
            columns="grade",
            values="income",
            observed=False,
            aggfunc=["mean", "count"],
        ),
        "correlations": lambda: frame[["age", "income", "target"]].corr(),
        "curves": lambda: {
            "roc": metrics.roc_curve(y, x[:, 0]),
            "pr": metrics.precision_recall_curve(y, x[:, 0]),
            "cm": metrics.confusion_matrix(y, y),
        },
        "knn_imputer": lambda: impute.KNNImputer(n_neighbors=3).fit(x),
        "iterative": lambda: impute.IterativeImputer(max_iter=2, random_state=0).fit(
            np.where(rng.random(x.shape) < 0.1, np.nan, x)
        ),
        "text_features": lambda: (
            lambda v: {
                "vec": v,
                "X": v.transform(REVIEWS),
                "svd": decomposition.TruncatedSVD(3).fit(v.transform(REVIEWS)),
                "y": np.array(MOODS),
                "vocab": v.vocabulary_,
                "idf": v.idf_,
            }
        )(TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True).fit(REVIEWS)),
        "embeddings": lambda: {w: rng.normal(size=16).astype("f2") for w in ("cat", "dog", "car")},
        "image_cache": lambda: [
            (f"img_{i}.png", rng.integers(0, 255, (8, 8, 3)).astype("u1"), i % 2) for i in range(5)
        ],
        "run": lambda: {
            "params": {"max_depth": 6, "eta": 0.1},
            "seed": 42,
            "git": "a1b2c3d",
            "started": datetime.datetime(2023, 4, 5, 6, 7, 8),
            "took": datetime.timedelta(minutes=12),
            "host": platform.uname(),
            "time": time.localtime(0),
            "cv": [0.81, 0.79],
        },
        "train_test": lambda: model_selection.train_test_split(
            frame.drop(columns="target"), frame["target"], stratify=frame["target"]
        ),
        "time_features": lambda: pd.DataFrame(
            {
                "hour": frame["when"].dt.hour,
                "dow": frame["when"].dt.day_name(),
                "date": frame["when"].dt.date,
                "week": frame["when"].dt.tz_localize(None).dt.to_period("W"),
                "since": frame["when"] - frame["when"].iloc[0],
            }
        ),
        "groupby": lambda: dict(list(frame.groupby("town"))),
        "json_like": lambda: json.loads('{"a": [1, 2.5, null, true], "b": {"c": "d"}}'),
        "melted": lambda: frame.melt("id", ["age", "income"]),
        "crosstab": lambda: pd.crosstab(frame["town"], frame["grade"], margins=True),
        "dummies": lambda: pd.get_dummies(frame[["town", "grade"]], drop_first=True, dtype="u1"),
        "sparse_dummies": lambda: pd.get_dummies(frame["town"], sparse=True),
        "questions": lambda: {
            "qid": [uuid.uuid5(uuid.NAMESPACE_DNS, "x").hex],
            "answers": collections.Counter(["a", "b", "a"]),
            "ids": {1, 5, 9},
        },
    }
    yield from possible(things, kept)

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "frames"
        folder.mkdir()
        for ending in ("pkl", "pkl.gz", "pkl.bz2", "pkl.xz", "pkl.zip", "pkl.tar", "pkl.zst"):
            try:
                out_of_fold().to_pickle(folder / f"oof.{ending}")
            except ImportError:  # no compressor of that kind
                (folder / f"oof.{ending}").unlink(missing_ok=True)
        yield from read_back(folder, "pandas")
