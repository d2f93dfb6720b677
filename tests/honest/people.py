"""A sixth group: what people keep of their own work, written before any of it was scanned.

The files of notebooks, competitions, training scripts, services and studies: mostly at the default
protocol, fitted on random data, several things in one file, as they are found in repositories.
"""

from __future__ import annotations

import argparse
import array
import ast
import asyncio
import base64
import cmath
import codecs
import collections
import concurrent.futures
import contextlib
import copy
import csv
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import gzip
import hashlib
import heapq
import html
import http
import io
import ipaddress
import itertools
import json
import locale
import logging
import math
import operator
import os
import pathlib
import pickle
import platform
import queue
import random
import re
import shlex
import signal as signals
import socket
import statistics
import string
import subprocess
import tempfile
import time
import tokenize
import types
import typing
import unicodedata
import urllib.parse
import uuid
import zipfile
import zlib
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.honest.writers import File, Make, made, possible

Pairs = Iterator[tuple[str, Make]]


def turn(label: str, ways: int) -> int:
    """Which of some ways this file is written in: as good as random, and always the same."""
    return zlib.crc32(label.encode()) % ways


def kept(label: str, make: Make) -> Iterator[File]:
    """pickle.dump as everybody calls it, and one other way."""
    import cloudpickle
    import joblib

    thing = made(make)
    yield File(f"{label}.pkl", pickle.dumps(thing))
    way = turn(label, 7)
    if way in (0, 1, 2):
        protocol = (2, 3, 5)[way]
        yield File(f"{label}.p{protocol}.pickle", pickle.dumps(thing, protocol))
    elif way in (3, 4):
        out = io.BytesIO()
        joblib.dump(thing, out, compress=0 if way == 3 else 3)
        yield File(f"{label}.joblib", out.getvalue())
    elif way == 5:
        yield File(f"{label}.pkl.gz", gzip.compress(pickle.dumps(thing), mtime=0))
    else:
        yield File(f"{label}.cloud.pkl", cloudpickle.dumps(thing))


def trained(label: str, make: Make) -> Iterator[File]:
    """torch.save as everybody calls it, and sometimes as before 1.6 or at another protocol."""
    import torch

    thing = made(make)
    way = turn(label, 3)
    ways: list[tuple[str, dict[str, Any]]] = [("pt", {})]
    if way == 0:
        ways.append(("old.pth", {"_use_new_zipfile_serialization": False}))
    elif way == 1:
        ways.append(("p4.ckpt", {"pickle_protocol": 4}))
    for ending, options in ways:
        out = io.BytesIO()
        torch.save(thing, out, **options)
        yield File(f"{label}.{ending}", out.getvalue())


def saved(label: str, make: Make) -> Iterator[File]:
    """numpy.save of arrays, or numpy.savez of several."""
    import numpy as np

    thing = made(make)
    out = io.BytesIO()
    if isinstance(thing, dict):
        np.savez_compressed(out, **thing)
        yield File(f"{label}.npz", out.getvalue())
    else:
        np.save(out, thing, allow_pickle=True)
        yield File(f"{label}.npy", out.getvalue())


def read_back(folder: Path, label: str) -> Iterator[File]:
    """Every file that a library's own saving has left in a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (
            ".bin",
            ".pt",
            ".pth",
            ".ckpt",
            ".pkl",
            ".zip",
            ".npy",
            ".joblib",
            ".model",
            ".gz",
            ".bz2",
            ".xz",
            ".tar",
            ".zst",
        ):
            yield File(f"{label}_{path.parent.name}_{path.name}", path.read_bytes())


def marked(thing: Any, name: str, value: Any) -> Any:
    """The thing with one more attribute."""
    setattr(thing, name, value)
    return thing


def table(rows: int = 60) -> Any:
    """A table as in a competition: numbers, towns, days."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(11)
    days = pd.date_range("2021-03-01 07:30", periods=rows, freq="h", tz="UTC")
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "age": rng.integers(18, 90, rows),
            "income": rng.lognormal(10, 1, rows),
            "town": rng.choice(["Oslo", "Lima", "Pune"], rows),
            "grade": pd.Categorical(rng.choice(list("ABC"), rows), list("CBA"), ordered=True),
            "when": days.tz_convert("Europe/Paris"),
            "visits": pd.array(rng.integers(0, 9, rows), dtype="Int64"),
            "member": pd.array(rng.random(rows) > 0.5, dtype="boolean"),
            "note": pd.array([f"n{i}" if i % 7 else None for i in range(rows)], dtype="string"),
            "target": rng.integers(0, 2, rows),
        }
    )


def numbers(rows: int = 60, columns: int = 4) -> tuple[Any, Any]:
    """Features and two classes that depend on them."""
    import numpy as np

    rng = np.random.default_rng(5)
    x = rng.normal(size=(rows, columns))
    return x, (x[:, 0] + 0.3 * rng.normal(size=rows) > 0).astype(int)


REVIEWS = [
    "the battery lasts all day and the screen is bright",
    "arrived broken and nobody answered my mails",
    "good value for the money, would buy again",
    "terrible sound, the left speaker crackles",
    "my daughter loves it and so do I",
    "stopped working after two weeks, avoid",
] * 4
MOODS = [1, 0, 1, 0, 1, 0] * 4


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


def estimator_files() -> Iterator[File]:
    """scikit-learn: one fitted model per file."""
    import numpy as np
    from scipy.spatial import distance
    from sklearn import (
        calibration,
        cluster,
        covariance,
        cross_decomposition,
        decomposition,
        discriminant_analysis,
        dummy,
        ensemble,
        feature_selection,
        gaussian_process,
        isotonic,
        kernel_approximation,
        kernel_ridge,
        linear_model,
        manifold,
        mixture,
        multiclass,
        multioutput,
        naive_bayes,
        neighbors,
        neural_network,
        preprocessing,
        random_projection,
        semi_supervised,
        svm,
        tree,
    )
    from sklearn.gaussian_process import kernels as gk

    x, y = numbers()
    positive = np.abs(x)
    real = x[:, 0] * 2 + x[:, 1]
    three = np.digitize(real, [-1, 1])
    partly = np.where(np.arange(60) % 3 == 0, -1, y)
    two = np.column_stack([real, real**2])
    labels = np.column_stack([y, three > 1]).astype(int)
    forest = ensemble.RandomForestClassifier(4, max_depth=3, random_state=0)
    logistic = linear_model.LogisticRegression()
    mixed = gk.ConstantKernel(1.0) * gk.RBF([1.0] * 4) + gk.WhiteKernel(0.1)

    xy: dict[str, Any] = {
        "svc_probability": svm.SVC(probability=True, random_state=0),
        "svc_poly": svm.SVC(kernel="poly", degree=2, class_weight="balanced"),
        "nu_svc": svm.NuSVC(nu=0.3),
        "linear_svc": svm.LinearSVC(C=0.5),
        "mlp_early": neural_network.MLPClassifier((8, 4), early_stopping=True, max_iter=20),
        "mlp_sgd": neural_network.MLPClassifier(
            (5,), solver="sgd", learning_rate="adaptive", max_iter=10
        ),
        "mlp_lbfgs": neural_network.MLPClassifier((5,), solver="lbfgs", max_iter=10),
        "hist": ensemble.HistGradientBoostingClassifier(max_iter=5, early_stopping=True),
        "hist_mono": ensemble.HistGradientBoostingClassifier(
            max_iter=3, monotonic_cst=[1, 0, 0, -1], max_bins=16
        ),
        "forest": forest,
        "forest_oob": ensemble.ExtraTreesClassifier(5, bootstrap=True, oob_score=True),
        "gbm": ensemble.GradientBoostingClassifier(
            n_estimators=4, subsample=0.8, n_iter_no_change=2
        ),
        "ada": ensemble.AdaBoostClassifier(
            tree.DecisionTreeClassifier(max_depth=1), n_estimators=4
        ),
        "bagging": ensemble.BaggingClassifier(
            neighbors.KNeighborsClassifier(3), 3, max_features=0.5
        ),
        "gpc": gaussian_process.GaussianProcessClassifier(1.0 * gk.RBF(1.0)),
        "gpc_many": gaussian_process.GaussianProcessClassifier(gk.DotProduct() + gk.Matern(nu=1.5)),
        "lda": discriminant_analysis.LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto"),
        "qda": discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1),
        "knn_kd": neighbors.KNeighborsClassifier(algorithm="kd_tree", weights="distance"),
        "knn_ball": neighbors.KNeighborsClassifier(algorithm="ball_tree", metric="chebyshev"),
        "knn_cosine": neighbors.KNeighborsClassifier(metric="cosine"),
        "knn_function": neighbors.KNeighborsClassifier(metric=distance.braycurtis),
        "radius": neighbors.RadiusNeighborsClassifier(5.0),
        "centroid": neighbors.NearestCentroid(),
        "nca": neighbors.NeighborhoodComponentsAnalysis(2, max_iter=5),
        "bernoulli": naive_bayes.BernoulliNB(),
        "sgd_log": linear_model.SGDClassifier(
            "log_loss", penalty="elasticnet", early_stopping=True
        ),
        "sgd_huber": linear_model.SGDClassifier("modified_huber", random_state=3),
        "perceptron": linear_model.Perceptron(),
        "passive": linear_model.PassiveAggressiveClassifier(),
        "logistic_cv": linear_model.LogisticRegressionCV(Cs=2, cv=2),
        "logistic_saga": linear_model.LogisticRegression(solver="saga", l1_ratio=0.5, max_iter=50),
        "ridge_classifier": linear_model.RidgeClassifierCV(),
        "stack": ensemble.StackingClassifier(
            [("rf", forest), ("lr", logistic)], passthrough=True, cv=3
        ),
        "vote_soft": ensemble.VotingClassifier(
            [("rf", forest), ("lr", logistic)], voting="soft", weights=[2, 1]
        ),
        "calibrated_isotonic": calibration.CalibratedClassifierCV(forest, method="isotonic", cv=3),
        "calibrated_sigmoid": calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2),
        "select_model": feature_selection.SelectFromModel(forest, threshold="median"),
        "rfe": feature_selection.RFE(logistic, n_features_to_select=2),
        "sequential": feature_selection.SequentialFeatureSelector(
            logistic, n_features_to_select=2, cv=2
        ),
        "univariate": feature_selection.GenericUnivariateSelect(
            feature_selection.mutual_info_classif, mode="k_best", param=2
        ),
        "fdr": feature_selection.SelectFdr(feature_selection.f_classif),
        "dummy": dummy.DummyClassifier(strategy="stratified"),
        "extra_tree": tree.ExtraTreeClassifier(max_depth=3),
        "tree_pruned": tree.DecisionTreeClassifier(ccp_alpha=0.01, class_weight={0: 1, 1: 3}),
    }
    others: dict[str, tuple[Any, ...]] = {
        "isolation": (ensemble.IsolationForest(n_estimators=5, contamination=0.1), x),
        "local_outlier": (neighbors.LocalOutlierFactor(novelty=True), x),
        "elliptic": (covariance.EllipticEnvelope(random_state=0), x),
        "one_class": (svm.OneClassSVM(nu=0.2), x),
        "sgd_one_class": (linear_model.SGDOneClassSVM(), x),
        "gmm": (mixture.GaussianMixture(3, covariance_type="tied", random_state=0), x),
        "bgmm": (mixture.BayesianGaussianMixture(n_components=3, random_state=0), x),
        "kmeans": (cluster.KMeans(4, n_init=3, random_state=1), x),
        "kmeans_mini": (cluster.MiniBatchKMeans(3, batch_size=16), x),
        "kmeans_bisecting": (cluster.BisectingKMeans(3), x),
        "dbscan": (cluster.DBSCAN(eps=0.8, min_samples=3), x),
        "hdbscan": (cluster.HDBSCAN(min_cluster_size=5), x),
        "optics": (cluster.OPTICS(min_samples=4), x),
        "agglomerative": (cluster.AgglomerativeClustering(3, compute_distances=True), x),
        "feature_agglomeration": (cluster.FeatureAgglomeration(2), x),
        "birch": (cluster.Birch(n_clusters=3), x),
        "spectral": (cluster.SpectralClustering(2, affinity="nearest_neighbors"), x),
        "mean_shift": (cluster.MeanShift(), x),
        "affinity": (cluster.AffinityPropagation(), x),
        "tsne": (manifold.TSNE(2, perplexity=5, max_iter=250), x),
        "isomap": (manifold.Isomap(n_neighbors=5), x),
        "lle": (manifold.LocallyLinearEmbedding(n_neighbors=5), x),
        "mds": (manifold.MDS(n_init=1, max_iter=5), x),
        "spectral_embedding": (manifold.SpectralEmbedding(2), x),
        "neighbors_kd": (neighbors.NearestNeighbors(algorithm="kd_tree", leaf_size=10), x),
        "neighbors_ball": (
            neighbors.NearestNeighbors(algorithm="ball_tree", metric="minkowski", p=1),
            x,
        ),
        "neighbors_brute": (neighbors.NearestNeighbors(metric="cosine", algorithm="brute"), x),
        "neighbors_haversine": (
            neighbors.NearestNeighbors(metric="haversine", algorithm="ball_tree"),
            x[:, :2],
        ),
        "density": (neighbors.KernelDensity(bandwidth=0.5, kernel="tophat"), x),
        "svr": (svm.SVR(epsilon=0.2), x, real),
        "linear_svr": (svm.LinearSVR(), x, real),
        "kernel_ridge": (kernel_ridge.KernelRidge(kernel="rbf"), x, real),
        "mlp_regressor": (
            neural_network.MLPRegressor(hidden_layer_sizes=(6,), max_iter=10),
            x,
            real,
        ),
        "hist_quantile": (
            ensemble.HistGradientBoostingRegressor(loss="quantile", quantile=0.9, max_iter=3),
            x,
            real,
        ),
        "hist_category": (
            ensemble.HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]),
            np.column_stack([three, x]),
            y,
        ),
        "gbr_huber": (ensemble.GradientBoostingRegressor(loss="huber", n_estimators=3), x, real),
        "ada_regressor": (ensemble.AdaBoostRegressor(n_estimators=2, loss="square"), x, real),
        "forest_regressor": (
            ensemble.ExtraTreesRegressor(n_estimators=3, min_samples_leaf=2),
            x,
            real,
        ),
        "forest_multi": (ensemble.RandomForestRegressor(3, criterion="absolute_error"), x, two),
        "trees_embedding": (ensemble.RandomTreesEmbedding(n_estimators=3), x),
        "vote_regressor": (
            ensemble.VotingRegressor([("a", linear_model.Ridge()), ("b", svm.SVR())]),
            x,
            real,
        ),
        "gpr": (
            gaussian_process.GaussianProcessRegressor(
                mixed, n_restarts_optimizer=1, normalize_y=True
            ),
            x,
            real,
        ),
        "gpr_periodic": (
            gaussian_process.GaussianProcessRegressor(
                gk.ExpSineSquared() * gk.RationalQuadratic() ** 2, optimizer=None
            ),
            x[:, :1],
            real,
        ),
        "elastic_cv": (linear_model.ElasticNetCV(l1_ratio=[0.2, 0.8], cv=2), x, real),
        "lasso_lars": (linear_model.LassoLarsIC(), x, real),
        "lasso_multi": (linear_model.MultiTaskLassoCV(cv=2, alphas=3), x, two),
        "omp": (linear_model.OrthogonalMatchingPursuit(n_nonzero_coefs=2), x, real),
        "bayes_ridge": (linear_model.BayesianRidge(compute_score=True), x, real),
        "ard": (linear_model.ARDRegression(), x, real),
        "huber": (linear_model.HuberRegressor(), x, real),
        "ransac": (linear_model.RANSACRegressor(random_state=0), x, real),
        "theil": (linear_model.TheilSenRegressor(max_subpopulation=20), x, real),
        "quantile": (linear_model.QuantileRegressor(quantile=0.8, alpha=0.1), x, real),
        "poisson": (linear_model.PoissonRegressor(), x, positive[:, 0]),
        "gamma": (linear_model.GammaRegressor(), x, positive[:, 0] + 0.1),
        "sgd_regressor": (linear_model.SGDRegressor(loss="epsilon_insensitive"), x, real),
        "nonnegative": (linear_model.LinearRegression(positive=True), x, real),
        "pls": (cross_decomposition.PLSRegression(2), x, two),
        "cca": (cross_decomposition.CCA(1), x, two),
        "isotonic": (isotonic.IsotonicRegression(out_of_bounds="clip"), real, y),
        "nmf": (decomposition.NMF(2, init="nndsvda", max_iter=20), positive),
        "ica": (decomposition.FastICA(2, fun="cube", max_iter=20), x),
        "dictionary": (decomposition.MiniBatchDictionaryLearning(n_components=3, max_iter=3), x),
        "topics": (decomposition.LatentDirichletAllocation(3, max_iter=2), positive),
        "kernel_pca": (decomposition.KernelPCA(2, kernel="rbf", fit_inverse_transform=True), x),
        "incremental_pca": (decomposition.IncrementalPCA(2, batch_size=20), x),
        "sparse_pca": (decomposition.SparsePCA(2, max_iter=5), x),
        "factors": (decomposition.FactorAnalysis(2, rotation="varimax"), x),
        "rbm": (neural_network.BernoulliRBM(3, n_iter=2), positive / positive.max()),
        "nystroem": (kernel_approximation.Nystroem(n_components=5), x),
        "rbf_sampler": (kernel_approximation.RBFSampler(n_components=5), x),
        "chi2_sampler": (kernel_approximation.AdditiveChi2Sampler(), positive),
        "gaussian_projection": (random_projection.GaussianRandomProjection(2), x),
        "sparse_projection": (random_projection.SparseRandomProjection(2), x),
        "label_spreading": (semi_supervised.LabelSpreading(kernel="knn"), x, partly),
        "self_training": (semi_supervised.SelfTrainingClassifier(logistic), x, partly),
        "one_vs_one": (multiclass.OneVsOneClassifier(svm.LinearSVC()), x, three),
        "one_vs_rest": (multiclass.OneVsRestClassifier(linear_model.SGDClassifier()), x, labels),
        "output_code": (multiclass.OutputCodeClassifier(logistic, random_state=1), x, three),
        "multi_output": (multioutput.MultiOutputClassifier(forest), x, labels),
        "multi_regressor": (multioutput.MultiOutputRegressor(linear_model.Ridge()), x, two),
        "chain": (multioutput.ClassifierChain(logistic, order=[1, 0]), x, labels),
        "multinomial": (naive_bayes.ComplementNB(), positive, three),
        "bins": (preprocessing.KBinsDiscretizer(3, encode="ordinal", strategy="kmeans"), x),
        "polynomial": (preprocessing.PolynomialFeatures(2, interaction_only=True), x),
        "splines": (preprocessing.SplineTransformer(4, extrapolation="periodic"), x),
        "quantiles": (
            preprocessing.QuantileTransformer(n_quantiles=10, output_distribution="normal"),
            x,
        ),
        "power": (preprocessing.PowerTransformer(method="box-cox"), positive + 0.1),
        "robust": (preprocessing.RobustScaler(quantile_range=(5, 95)), x),
        "binary_labels": (preprocessing.LabelBinarizer(sparse_output=True), three),
        "tags": (preprocessing.MultiLabelBinarizer(), [{"a", "b"}, {"c"}]),
        "centerer": (preprocessing.KernelCenterer(), x @ x.T),
        "ledoit": (covariance.LedoitWolf(), x),
        "graph_lasso": (covariance.GraphicalLasso(0.5), x),
        "bicluster": (cluster.SpectralBiclustering(2), positive),
    }
    things: dict[str, Make] = {
        name: lambda model=model: copy.deepcopy(model).fit(x, y) for name, model in xy.items()
    }
    things.update(
        {
            name: lambda model=model, data=data: model.fit(*data)
            for name, (model, *data) in others.items()
        }
    )
    yield from possible(things, kept)


def service_files() -> Iterator[File]:
    """Models as services keep them: pipelines of text and columns, searches, bundles."""
    import nltk
    import numpy as np
    import pandas as pd
    from scipy import stats
    from sklearn import (
        calibration,
        compose,
        datasets,
        decomposition,
        ensemble,
        feature_extraction,
        feature_selection,
        frozen,
        impute,
        linear_model,
        metrics,
        model_selection,
        naive_bayes,
        pipeline,
        preprocessing,
        svm,
    )
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.feature_extraction import text

    frame = table()
    x, y = numbers()
    real = x[:, 0] * 2
    logistic = linear_model.LogisticRegression()
    forest = ensemble.RandomForestClassifier(3, max_depth=2, random_state=0)

    def columns() -> Any:
        return compose.ColumnTransformer(
            [
                ("log", preprocessing.FunctionTransformer(np.log1p), ["income"]),
                (
                    "num",
                    pipeline.Pipeline(
                        [
                            ("imp", impute.SimpleImputer(add_indicator=True)),
                            ("sc", preprocessing.RobustScaler()),
                        ]
                    ),
                    ["age"],
                ),
                (
                    "cat",
                    preprocessing.OneHotEncoder(
                        min_frequency=2, sparse_output=False, handle_unknown="infrequent_if_exist"
                    ),
                    compose.make_column_selector(pattern="town|grade"),
                ),
                ("keep", "passthrough", ["id"]),
            ],
            verbose_feature_names_out=False,
            n_jobs=1,
        )

    def house_prices() -> Any:
        return compose.TransformedTargetRegressor(
            pipeline.make_pipeline(columns(), ensemble.HistGradientBoostingRegressor(max_iter=3)),
            func=np.log1p,
            inverse_func=np.expm1,
        ).fit(frame, frame["income"])

    def random_search() -> Any:
        space = {
            "model__C": stats.loguniform(1e-2, 1e2),
            "model__max_iter": stats.randint(50, 90),
            "model__l1_ratio": stats.uniform(0, 1),
        }
        pipe = pipeline.Pipeline(
            [
                ("sc", preprocessing.StandardScaler()),
                ("model", linear_model.LogisticRegression(solver="saga")),
            ]
        )
        return model_selection.RandomizedSearchCV(
            pipe,
            space,
            n_iter=2,
            cv=model_selection.StratifiedKFold(2, shuffle=True, random_state=0),
            scoring={"auc": "roc_auc", "f1": metrics.make_scorer(metrics.f1_score)},
            refit="auc",
            return_train_score=True,
            random_state=0,
        ).fit(x, y)

    def hybrid() -> Any:
        union = pipeline.FeatureUnion(
            [
                ("word", text.TfidfVectorizer(stop_words="english", max_features=50)),
                (
                    "char",
                    text.CountVectorizer(
                        analyzer="char_wb", ngram_range=(2, 3), dtype=np.float32, max_features=30
                    ),
                ),
            ],
            transformer_weights={"word": 2.0},
        )
        return pipeline.Pipeline(
            [
                ("f", union),
                ("k", feature_selection.SelectKBest(feature_selection.chi2, k=10)),
                ("c", calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2)),
            ]
        ).fit(REVIEWS, MOODS)

    def mixed_frame() -> Any:
        data = pd.DataFrame({"review": REVIEWS, "n": range(24)})
        return pipeline.make_pipeline(
            compose.make_column_transformer(
                (text.TfidfVectorizer(), "review"), (preprocessing.MinMaxScaler(), ["n"])
            ),
            linear_model.RidgeClassifier(),
        ).fit(data, MOODS)

    things: dict[str, Make] = {
        "churn": lambda: pipeline.Pipeline([("prep", columns()), ("clf", forest)]).fit(
            frame, frame["target"]
        ),
        "house_prices": house_prices,
        "random_search": random_search,
        "grid_pipeline": lambda: model_selection.GridSearchCV(
            pipeline.make_pipeline(decomposition.PCA(), svm.SVC()),
            [
                {"svc__kernel": ["linear"]},
                {"svc__C": np.logspace(-1, 1, 2), "pca": [decomposition.PCA(2), "passthrough"]},
            ],
            cv=2,
        ).fit(x, y),
        "halving": lambda: model_selection.HalvingGridSearchCV(
            forest, {"max_depth": [1, 2]}, min_resources=20, cv=2, random_state=0
        ).fit(x, y),
        "halving_random": lambda: model_selection.HalvingRandomSearchCV(
            logistic, {"C": stats.expon(scale=2)}, cv=2, random_state=0
        ).fit(x, y),
        "spam": lambda: pipeline.Pipeline(
            [
                ("vect", text.CountVectorizer(lowercase=True, binary=True)),
                ("tfidf", text.TfidfTransformer(use_idf=False)),
                ("clf", naive_bayes.MultinomialNB(alpha=0.1)),
            ]
        ).fit(REVIEWS, np.array(["ham", "spam"])[MOODS]),
        "hybrid_text": hybrid,
        "mixed_frame": mixed_frame,
        "hashing": lambda: pipeline.make_pipeline(
            text.HashingVectorizer(n_features=64), linear_model.SGDClassifier()
        ).fit(REVIEWS, MOODS),
        "word_tokenize": lambda: text.CountVectorizer(
            tokenizer=nltk.tokenize.wordpunct_tokenize, token_pattern=None
        ).fit(REVIEWS),
        "stemmed": lambda: {
            "vec": text.TfidfVectorizer().fit(REVIEWS),
            "stemmer": nltk.stem.PorterStemmer(),
            "stop": set(text.ENGLISH_STOP_WORDS),
            "split": nltk.tokenize.RegexpTokenizer(r"\w+").tokenize,
        },
        "analyzer": lambda: text.CountVectorizer(analyzer=str.split).fit(REVIEWS),
        "built": lambda: text.TfidfVectorizer(ngram_range=(1, 2)).fit(REVIEWS).build_analyzer(),
        "patterns": lambda: text.CountVectorizer(
            token_pattern=r"(?u)\b[a-z]{3,}\b",
            strip_accents="unicode",
            preprocessor=operator.methodcaller("lower"),
        ).fit(REVIEWS),
        "dicts": lambda: pipeline.make_pipeline(
            feature_extraction.DictVectorizer(sparse=False), logistic
        ).fit([{"city": "Oslo", "t": float(i)} for i in range(24)], MOODS),
        "feature_hasher": lambda: feature_extraction.FeatureHasher(8, input_type="string"),
        "functions": lambda: pipeline.make_pipeline(
            preprocessing.FunctionTransformer(np.nan_to_num),
            preprocessing.FunctionTransformer(functools.partial(np.power, 2.0)),
            preprocessing.FunctionTransformer(pd.DataFrame),
            preprocessing.FunctionTransformer(np.reshape, kw_args={"newshape": (-1, 1)}),
        ),
        "accessors": lambda: [
            preprocessing.FunctionTransformer(f)
            for f in (
                np.asarray,
                np.sqrt,
                np.ravel,
                np.squeeze,
                np.abs,
                np.float32,
                np.cbrt,
                np.sign,
                pd.to_datetime,
                pd.to_numeric,
                pd.get_dummies,
                np.vstack,
                np.isnan,
                np.where,
            )
        ],
        "to_dense": lambda: preprocessing.FunctionTransformer(
            operator.methodcaller("toarray"), accept_sparse=True
        ),
        "pick": lambda: preprocessing.FunctionTransformer(operator.itemgetter("review")),
        "threshold": lambda: model_selection.TunedThresholdClassifierCV(
            logistic, scoring="f1", cv=2
        ).fit(x, y),
        "fixed_threshold": lambda: model_selection.FixedThresholdClassifier(
            forest, threshold=0.3
        ).fit(x, y),
        "frozen": lambda: calibration.CalibratedClassifierCV(
            frozen.FrozenEstimator(forest.fit(x, y))
        ).fit(x, y),
        "pandas_out": lambda: columns().set_output(transform="pandas").fit(frame),
        "stacked": lambda: ensemble.StackingRegressor(
            [
                ("r", linear_model.RidgeCV()),
                ("h", ensemble.HistGradientBoostingRegressor(max_iter=2)),
            ],
            ensemble.GradientBoostingRegressor(n_estimators=2),
            cv=2,
        ).fit(x, real),
        "cross_validated": lambda: model_selection.cross_validate(
            forest,
            x,
            y,
            cv=2,
            scoring=["accuracy", "neg_log_loss"],
            return_estimator=True,
            return_indices=True,
        ),
        "learning_curve": lambda: model_selection.learning_curve(
            logistic, x, y, cv=2, train_sizes=[0.5, 1.0]
        ),
        "scorers": lambda: {
            "mae": metrics.make_scorer(metrics.mean_absolute_error, greater_is_better=False),
            "r2": metrics.get_scorer("r2"),
            "fn": metrics.cohen_kappa_score,
            "ap": metrics.make_scorer(
                metrics.average_precision_score, response_method="predict_proba"
            ),
        },
        "displays": lambda: [
            metrics.ConfusionMatrixDisplay(metrics.confusion_matrix(y, y)),
            metrics.RocCurveDisplay(fpr=x[:, 0], tpr=x[:, 1]),
        ],
        "wine": lambda: datasets.load_wine(as_frame=True),
        "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
        "linnerud": datasets.load_linnerud,
        "bunch": lambda: datasets.make_blobs(10, random_state=1),
        "service": lambda: {
            "model": forest.fit(x, y),
            "features": [f"f{i}" for i in range(4)],
            "threshold": 0.42,
            "version": (1, 2, 0),
            "trained_on": datetime.date(2024, 2, 29),
            "classes": forest.classes_.tolist(),
            "schema": {"age": "int64", "income": np.dtype("float64")},
            "metrics": {"auc": metrics.roc_auc_score(y, x[:, 0])},
        },
        "tuple": lambda: (logistic.fit(x, y), preprocessing.StandardScaler().fit(x), ["a", "b"]),
        "per_town": lambda: {
            town: linear_model.Ridge().fit(g[["age"]], g["income"])
            for town, g in frame.groupby("town")
        },
        "named_steps": lambda: (
            pipeline.make_pipeline(preprocessing.StandardScaler(), logistic).fit(x, y).named_steps
        ),
        "monthly": lambda: collections.OrderedDict(
            (pd.Period("2023-01", "M") + i, linear_model.LinearRegression().fit(x, real))
            for i in range(3)
        ),
    }
    yield from possible(things, kept)


def small_net() -> Any:
    """A net as in a first tutorial."""
    from torch import nn

    return nn.Sequential(
        collections.OrderedDict(
            conv=nn.Conv2d(1, 4, 3, padding=1),
            norm=nn.BatchNorm2d(4),
            act=nn.ReLU(inplace=True),
            pool=nn.AdaptiveAvgPool2d(1),
            flat=nn.Flatten(),
            head=nn.Linear(4, 3),
        )
    )


def stepped(kind: Any, **options: Any) -> tuple[Any, Any]:
    """A net and its optimizer after a few steps."""
    import torch

    net = small_net()
    optimizer = kind(net.parameters(), **options)
    for _ in range(2):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            net(torch.randn(4, 1, 6, 6)), torch.tensor([0, 1, 2, 0])
        )
        loss.backward()
        optimizer.step(lambda loss=loss: loss)
    return net, optimizer


def loop_files() -> Iterator[File]:
    """Checkpoints of training loops that people wrote themselves."""
    import numpy as np
    import torch
    from torch import nn, optim

    schedule = optim.lr_scheduler
    optimizers: dict[str, dict[str, Any]] = {
        "SGD": {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": True},
        "Adam": {"lr": 3e-4, "betas": (0.5, 0.999)},
        "AdamW": {"lr": 1e-3, "amsgrad": True, "foreach": False},
        "Adamax": {"lr": 1e-3},
        "NAdam": {"lr": 1e-3},
        "RAdam": {"lr": 1e-3, "decoupled_weight_decay": True},
        "RMSprop": {"lr": 1e-3, "momentum": 0.9, "centered": True},
        "Adagrad": {"lr": 1e-2},
        "Adadelta": {},
        "ASGD": {"lr": 1e-3},
        "Rprop": {"lr": 1e-3},
        "LBFGS": {"lr": 0.1, "max_iter": 2},
        "Adafactor": {"lr": 1e-3},
    }
    schedulers: dict[str, Callable[[Any], Any]] = {
        "StepLR": lambda o: schedule.StepLR(o, 3),
        "MultiStepLR": lambda o: schedule.MultiStepLR(o, [30, 60, 60]),
        "CosineAnnealingLR": lambda o: schedule.CosineAnnealingLR(o, 10),
        "CosineAnnealingWarmRestarts": lambda o: schedule.CosineAnnealingWarmRestarts(o, 5, 2),
        "OneCycleLR": lambda o: schedule.OneCycleLR(o, 0.1, total_steps=20, cycle_momentum=False),
        "CyclicLR": lambda o: schedule.CyclicLR(o, 1e-4, 1e-2, cycle_momentum=False),
        "ReduceLROnPlateau": lambda o: schedule.ReduceLROnPlateau(o, "max", patience=2),
        "ExponentialLR": lambda o: schedule.ExponentialLR(o, 0.98),
        "LinearLR": lambda o: schedule.LinearLR(o),
        "PolynomialLR": lambda o: schedule.PolynomialLR(o, 5),
        "LambdaLR": lambda o: schedule.LambdaLR(o, functools.partial(pow, 0.95)),
        "SequentialLR": lambda o: schedule.SequentialLR(
            o, [schedule.LinearLR(o), schedule.CosineAnnealingLR(o, 5)], [2]
        ),
        "ChainedScheduler": lambda o: schedule.ChainedScheduler([schedule.ExponentialLR(o, 0.9)]),
        "SWALR": lambda o: optim.swa_utils.SWALR(o, 0.01),
    }

    def checkpoint(kind: str, plan: str, whole: bool) -> Any:
        net, optimizer = stepped(getattr(optim, kind), **optimizers[kind])
        scheduler = schedulers[plan](optimizer)
        out = {
            "epoch": 3,
            "arch": "small_net",
            "state_dict": net.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "best_acc1": torch.tensor(71.5),
        }
        if whole:
            out.update(model=net, optimizer=optimizer, scheduler=scheduler)
        return out

    plans = list(schedulers)
    things: dict[str, Make] = {
        f"{kind}_{plans[i % len(plans)]}": lambda kind=kind, i=i: checkpoint(
            kind, plans[i % len(plans)], False
        )
        for i, kind in enumerate(optimizers)
    }
    things.update(
        {
            f"whole_{plan}_{list(optimizers)[i * 5 % 13]}": lambda plan=plan, i=i: checkpoint(
                list(optimizers)[i * 5 % 13], plan, True
            )
            for i, plan in enumerate(plans)
        }
    )

    def arguments() -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=1e-3)
        parser.add_argument("--data", type=Path, default=Path("data/train"))
        parser.add_argument("--gpus", nargs="*", type=int, default=[0, 1])
        return parser.parse_args([])

    def everything() -> Any:
        net, optimizer = stepped(optim.AdamW, lr=1e-3)
        ema = optim.swa_utils.AveragedModel(net)
        history: dict[str, list[Any]] = collections.defaultdict(list)
        history["train_loss"] += [0.9, np.float32(0.7), torch.tensor(0.6)]
        return {
            "epoch": np.int64(7),
            "global_step": 1234,
            "model_state_dict": net.state_dict(),
            "ema_state_dict": ema.state_dict(),
            "optimizer_state_dict": optimizer.state_dict(),
            "scaler": torch.amp.GradScaler("cpu", enabled=False).state_dict(),
            "args": arguments(),
            "history": history,
            "best_metric": np.float64(0.913),
            "losses": collections.deque([0.5, 0.4], maxlen=100),
            "confusion": np.eye(3, dtype=int),
            "python_rng": random.getstate(),
            "numpy_rng": np.random.get_state(),  # noqa: NPY002
            "torch_rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state_all(),
            "date": datetime.datetime(2024, 5, 6, 7, 8, 9, 10),
            "out": Path("runs/exp1"),
            "git": "0fe31c2",
            "versions": {"torch": torch.__version__, "numpy": np.__version__},
            "class_to_idx": {"cat": 0, "dog": 1},
            "device": torch.device("cuda", 0),
            "dtype": torch.float16,
            "criterion": nn.CrossEntropyLoss(label_smoothing=0.1),
        }

    def ema_model() -> Any:
        return optim.swa_utils.AveragedModel(small_net(), use_buffers=True)

    def gan() -> Any:
        make = nn.Sequential(nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.Tanh())
        judge = nn.Sequential(nn.utils.spectral_norm(nn.Conv2d(4, 1, 3)), nn.LeakyReLU(0.2, True))
        return {
            "netG": make,
            "netD": judge.state_dict(),
            "fixed_noise": torch.randn(2, 8, 1, 1),
            "optG": optim.Adam(make.parameters(), betas=(0.5, 0.99)).state_dict(),
        }

    def with_gradients() -> Any:
        net, _ = stepped(optim.SGD, lr=0.1)
        return {name: (p, p.grad) for name, p in net.named_parameters()}

    def metered() -> Any:
        return {
            "meters": {"loss": types.SimpleNamespace(val=0.5, avg=0.6, sum=6.0, count=10)},
            "rank": 0,
            "config": {
                "lr": 1e-3,
                "milestones": (10, 20),
                "act": nn.SiLU,
                "init": nn.init.kaiming_normal_,
            },
        }

    def q_learning() -> Any:
        memory: collections.deque[Any] = collections.deque(maxlen=50)
        for i in range(6):
            memory.append((np.ones(4, "f4") * i, i % 2, float(i), np.zeros(4, "f4"), i == 5))
        return {"q": small_net().state_dict(), "memory": memory, "epsilon": 0.05, "steps": 6}

    def seq2seq() -> Any:
        encoder = nn.GRU(8, 8, bidirectional=True)
        return {
            "iteration": 4000,
            "en": encoder.state_dict(),
            "embedding": nn.Embedding(10, 8).state_dict(),
            "voc_dict": {"word2index": {"hi": 3}, "index2word": {0: "PAD", 3: "hi"}},
            "vocab": collections.Counter(["to", "be", "or", "not", "to", "be"]),
        }

    things.update(
        {
            "everything": everything,
            "ema_model": ema_model,
            "ema_function": lambda: optim.swa_utils.AveragedModel(
                small_net(), multi_avg_fn=optim.swa_utils.get_swa_multi_avg_fn()
            ),
            "gan": gan,
            "gradients": with_gradients,
            "metered": metered,
            "q_learning": q_learning,
            "seq2seq": seq2seq,
            "rng_state": lambda: {
                "python": random.getstate(),
                "numpy": np.random.get_state(),  # noqa: NPY002
                "cpu": torch.random.get_rng_state(),
                "generator": torch.Generator().manual_seed(1).get_state(),
            },
            "ddp_state": lambda: {f"module.{k}": v for k, v in small_net().state_dict().items()},
            "sharded": lambda: [small_net().state_dict() for _ in range(2)],
            "groups": lambda: (
                lambda n: optim.AdamW(
                    [
                        {"params": n.conv.parameters(), "lr": 1e-4, "name": "back"},
                        {"params": n.head.parameters()},
                    ]
                )
            )(small_net()),
            "metrics": lambda: {
                "acc": torch.tensor([0.5, 0.6]),
                "f1": np.array([0.1, 0.2]),
                "per_class": {0: 0.5, 1: torch.tensor(0.25)},
                "n": (3, 4),
            },
            "embeddings": lambda: {
                "ids": ["a", "b"],
                "features": torch.randn(2, 16).half(),
                "labels": torch.tensor([1, 0], dtype=torch.uint8),
            },
            "early_stopping": lambda: {
                "counter": 3,
                "best_score": -0.25,
                "early_stop": False,
                "val_loss_min": np.inf,
                "delta": 0,
                "trace_func": print,
            },
            "quantized_state": lambda: torch.ao.quantization.quantize_dynamic(
                nn.Sequential(nn.Linear(4, 4)), {nn.Linear}, dtype=torch.qint8
            ).state_dict(),
            "profile": lambda: {
                "flops": 1e9,
                "shapes": {k: v.shape for k, v in small_net().state_dict().items()},
                "size": torch.Size([1, 3, 224, 224]),
            },
            "latents": lambda: {
                "samples": torch.randn(1, 4, 8, 8).bfloat16(),
                "sigma": torch.tensor([0.1, 1.0], dtype=torch.float64),
                "noise": torch.randn(3, dtype=torch.complex64),
            },
            "kv_cache": lambda: tuple(
                (torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 4)) for _ in range(2)
            ),
            "detection": lambda: [
                {
                    "boxes": torch.rand(2, 4),
                    "labels": torch.tensor([1, 2]),
                    "scores": torch.rand(2),
                    "masks": torch.zeros(2, 4, 4) > 0,
                    "area": torch.rand(2),
                    "iscrowd": torch.zeros(2, dtype=torch.int64),
                }
            ],
            "tensors": lambda: {
                "grad": torch.ones(3, requires_grad=True),
                "strided": torch.arange(12).view(3, 4).t(),
                "slice": torch.arange(10)[2:8:2],
                "expand": torch.ones(1).expand(4),
                "coo": torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0], (2, 2)),
                "csr": torch.eye(3).to_sparse_csr(),
                "csc": torch.eye(3).to_sparse_csc(),
                "bool": torch.tensor([True]),
                "i8": torch.tensor([1], dtype=torch.int8),
                "i16": torch.tensor([1], dtype=torch.int16),
                "f8": torch.ones(2).to(torch.float8_e4m3fn),
                "c128": torch.ones(2, dtype=torch.complex128),
                "conj": torch.ones(2, dtype=torch.complex64).conj(),
                "scalar": torch.tensor(3),
                "empty": torch.empty(0),
                "neg": torch.view_as_complex(torch.ones(2, 2)).conj().imag,
                "parameter": nn.Parameter(torch.ones(2), requires_grad=False),
                "buffer": nn.Buffer(torch.ones(2)) if hasattr(nn, "Buffer") else None,
            },
            "bsr": lambda: torch.eye(4).to_sparse_bsr((2, 2)),
            "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
            "jagged": lambda: torch.nested.nested_tensor(
                [torch.ones(2, 1), torch.ones(3, 1)], layout=torch.jagged
            ),
            "u16": lambda: torch.tensor([1, 2]).to(torch.uint16),
            "per_channel": lambda: torch.quantize_per_channel(
                torch.randn(2, 3), torch.ones(2), torch.zeros(2), 0, torch.qint8
            ),
            "attribute": lambda: marked(torch.ones(2), "tag", "x"),
            "packed": lambda: nn.utils.rnn.pack_sequence([torch.ones(3), torch.ones(2)]),
            "storage": lambda: [torch.ones(3).untyped_storage(), torch.FloatTensor([1]).storage()],
            "finfo": lambda: {"generator": torch.Generator().manual_seed(3)},
            "big": lambda: {"w": torch.randn(64, 300), "b": torch.zeros(300)},
            "swag": lambda: {
                "mean": nn.utils.parameters_to_vector(small_net().parameters()),
                "pyro": collections.OrderedDict(a=torch.ones(1)),
            },
        }
    )
    yield from possible(things, trained)


def module_files() -> Iterator[File]:
    """Whole modules, with torch.save(model)."""
    import torch
    from torch import nn
    from torch.ao import quantization
    from torch.nn.utils import parametrizations, parametrize, prune

    def block(inside: int, outside: int) -> Any:
        return nn.ModuleDict(
            {
                "conv1": nn.Conv2d(inside, outside, 3, 2, 1, bias=False),
                "bn1": nn.BatchNorm2d(outside),
                "relu": nn.ReLU(inplace=True),
                "conv2": nn.Conv2d(outside, outside, 3, groups=2),
                "down": nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inside, outside, 1)),
                "drop": nn.Dropout2d(0.1),
            }
        )

    def unet() -> Any:
        return nn.ModuleDict(
            {
                "down": nn.ModuleList([block(2, 4), block(4, 8)]),
                "up": nn.ModuleList(
                    [
                        nn.ConvTranspose2d(8, 4, 2, 2),
                        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
                    ]
                ),
                "attention": nn.MultiheadAttention(8, 2, batch_first=True, dropout=0.1),
                "out": nn.Sequential(
                    nn.GroupNorm(2, 4), nn.SiLU(), nn.Conv2d(4, 1, 1), nn.Sigmoid()
                ),
            }
        )

    def pruned() -> Any:
        net = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2))
        prune.random_unstructured(net[0], "weight", 0.3)
        prune.ln_structured(net[1], "weight", 0.5, n=2, dim=0)
        prune.global_unstructured([(net[0], "bias")], prune.L1Unstructured, amount=1)
        return net

    def statically() -> Any:
        net = nn.Sequential(
            quantization.QuantStub(), nn.Conv2d(1, 2, 3), nn.ReLU(), quantization.DeQuantStub()
        ).eval()
        net.qconfig = quantization.get_default_qconfig("x86")
        quantization.fuse_modules(net, [["1", "2"]], inplace=True)
        ready = quantization.prepare(net)
        ready(torch.randn(1, 1, 6, 6))
        return quantization.convert(ready)

    def aware() -> Any:
        net = nn.Sequential(nn.Linear(4, 4), nn.ReLU()).train()
        net.qconfig = quantization.get_default_qat_qconfig("x86")
        return quantization.prepare_qat(net).state_dict()

    def hooked() -> Any:
        net = small_net()
        net.conv.register_forward_pre_hook(nn.utils.clip_grad_norm_)
        net.head.weight.register_hook(torch.relu)
        net.register_buffer("step", torch.tensor(0), persistent=False)
        return net

    def initialised() -> Any:
        net = small_net()
        net.apply(lambda m: nn.init.ones_(m.weight) if hasattr(m, "weight") else None)
        net.class_names = ["a", "b"]
        net.conv.weight.requires_grad_(False)
        return net

    def parametrized() -> Any:
        layer = nn.Linear(3, 3)
        parametrize.register_parametrization(layer, "weight", nn.Softplus())
        return layer.parametrizations.state_dict()

    things: dict[str, Make] = {
        "blocks": lambda: nn.Sequential(
            nn.Conv2d(1, 2, 7, padding=3, padding_mode="reflect"),
            nn.MaxPool2d(2, return_indices=True),
            nn.PReLU(),
            nn.ELU(),
        ),
        "unet": unet,
        "transformer": lambda: nn.Transformer(8, 2, 1, 1, 8, batch_first=True, norm_first=True),
        "encoder": lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, activation="gelu"), 2, norm=nn.LayerNorm(8)
        ),
        "encoder_function": lambda: nn.TransformerEncoderLayer(
            8, 2, 16, activation=nn.functional.leaky_relu
        ),
        "decoder": lambda: nn.TransformerDecoderLayer(8, 2, 16, activation=nn.functional.silu),
        "lstm": lambda: nn.ModuleDict(
            {
                "emb": nn.Embedding(20, 4, padding_idx=0),
                "lstm": nn.LSTM(4, 6, 2, dropout=0.2, bidirectional=True, batch_first=True),
                "drop": nn.Dropout(0.5),
                "fc": nn.Linear(12, 2),
            }
        ),
        "cells": lambda: nn.ModuleList(
            [
                nn.LSTMCell(2, 3),
                nn.GRUCell(2, 3),
                nn.RNN(2, 3, nonlinearity="relu"),
                nn.RNNCell(2, 3),
            ]
        ),
        "weight_norm": lambda: nn.utils.weight_norm(nn.Conv1d(2, 3, 3)),
        "weight_norm_new": lambda: parametrizations.weight_norm(nn.Conv1d(2, 3, 3)).state_dict(),
        "spectral": lambda: nn.Sequential(nn.utils.spectral_norm(nn.Conv2d(1, 2, 3)), nn.Tanh()),
        "parametrized": parametrized,
        "pruned": pruned,
        "pruned_custom": lambda: prune.custom_from_mask(
            nn.Linear(3, 2), "weight", torch.ones(2, 3)
        ),
        "dynamic": lambda: quantization.quantize_dynamic(
            nn.Sequential(nn.LSTM(3, 4), nn.Linear(4, 2)), {nn.Linear, nn.LSTM}, dtype=torch.qint8
        ),
        "dynamic_half": lambda: quantization.quantize_dynamic(
            nn.Sequential(nn.Linear(4, 2)), dtype=torch.float16
        ),
        "static": statically,
        "aware": aware,
        "parallel": lambda: nn.DataParallel(small_net()),
        "hooked": hooked,
        "initialised": initialised,
        "half": lambda: small_net().half().eval(),
        "channels_last": lambda: small_net().to(memory_format=torch.channels_last),
        "lists": lambda: nn.ParameterDict(
            {"a": nn.ParameterList([torch.ones(1)]), "b": torch.zeros(2)}
        ),
        "attention": lambda: nn.MultiheadAttention(8, 2, kdim=4, vdim=4, add_bias_kv=True),
        "autoencoder": lambda: nn.Sequential(
            nn.Flatten(),
            nn.Linear(16, 4),
            nn.Softplus(),
            nn.Linear(4, 16),
            nn.Unflatten(1, (1, 4, 4)),
        ),
        "vision": lambda: nn.Sequential(
            nn.Conv2d(3, 6, 1),
            nn.PixelShuffle(1),
            nn.Hardswish(),
            nn.LocalResponseNorm(2),
            nn.InstanceNorm2d(6, affine=True),
            nn.ZeroPad2d((1, 0, 1, 0)),
            nn.ReflectionPad2d(1),
            nn.ReplicationPad2d(1),
            nn.ChannelShuffle(2),
            nn.ReLU6(),
        ),
        "audio": lambda: nn.Sequential(
            nn.Conv1d(1, 4, 5, dilation=2),
            nn.GLU(1),
            nn.Mish(),
            nn.ConvTranspose1d(2, 1, 4, 2),
            nn.AvgPool1d(2),
            nn.AdaptiveMaxPool1d(4),
            nn.LogSoftmax(-1),
        ),
        "volume": lambda: nn.Sequential(
            nn.Conv3d(1, 2, 3),
            nn.BatchNorm3d(2),
            nn.MaxPool3d(2),
            nn.ConvTranspose3d(2, 1, 2),
            nn.SyncBatchNorm(1),
        ),
        "tabular": lambda: nn.ModuleDict(
            {
                "embeds": nn.ModuleList([nn.Embedding(4, 2), nn.EmbeddingBag(4, 2, mode="max")]),
                "bn": nn.BatchNorm1d(4),
                "lins": nn.Sequential(nn.Linear(4, 2), nn.SELU()),
                "sig": nn.Hardtanh(0, 5),
                "bil": nn.Bilinear(2, 2, 1),
            }
        ),
        "norms": lambda: nn.ModuleList(
            [
                nn.RMSNorm(4),
                nn.LayerNorm([2, 4]),
                nn.Identity(),
                nn.Threshold(0.1, 0),
                nn.Softshrink(),
                nn.Softmax2d(),
                nn.CosineSimilarity(),
                nn.PairwiseDistance(),
                nn.Fold((4, 4), 2),
                nn.Unfold(2),
                nn.AlphaDropout(0.2),
                nn.FractionalMaxPool2d(2, output_size=3),
                nn.RReLU(),
                nn.GELU("tanh"),
                nn.CELU(),
                nn.LogSigmoid(),
            ]
        ),
        "losses": lambda: nn.ModuleList(
            [
                nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0])),
                nn.SmoothL1Loss(beta=0.1),
                nn.KLDivLoss(reduction="batchmean"),
                nn.CTCLoss(zero_infinity=True),
                nn.HuberLoss(),
                nn.MarginRankingLoss(0.3),
                nn.CosineEmbeddingLoss(),
                nn.NLLLoss(ignore_index=0),
                nn.GaussianNLLLoss(),
                nn.PoissonNLLLoss(),
                nn.MultiLabelSoftMarginLoss(),
                nn.TripletMarginWithDistanceLoss(distance_function=nn.functional.pairwise_distance),
                nn.AdaptiveLogSoftmaxWithLoss(4, 10, [3, 6]),
            ]
        ),
        "registry": lambda: {
            "relu": nn.ReLU,
            "gelu": nn.functional.gelu,
            "tanh": torch.tanh,
            "init": nn.init.xavier_uniform_,
            "norm": functools.partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01),
            "loss": nn.functional.mse_loss,
            "opt": torch.optim.AdamW,
            "cat": torch.cat,
            "sched": torch.optim.lr_scheduler.StepLR,
            "soft": torch.softmax,
        },
        "bert_like": lambda: nn.ModuleDict(
            {
                "word": nn.Embedding(30, 8),
                "pos": nn.Embedding(16, 8),
                "ln": nn.LayerNorm(8, 1e-12),
                "layers": nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 16) for _ in range(2)]),
                "pool": nn.Linear(8, 8),
                "cls": nn.Linear(8, 2),
            }
        ),
        "shared": lambda: (lambda e: nn.ModuleList([e, nn.Sequential(e, e)]))(nn.Linear(2, 2)),
        "lazy": lambda: nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d()),
        "sparse_embedding": lambda: nn.Embedding(10, 2, sparse=True, max_norm=1.0),
        "cosine_schedule": lambda: nn.CircularPad2d(1),
        "scripted_name": lambda: marked(small_net(), "cfg", {"depth": 18}),
        "frozen_bn": lambda: nn.Sequential(nn.BatchNorm2d(2, affine=False), nn.Dropout3d()).eval(),
    }
    yield from possible(things, trained)
    yield from possible(
        {f"pickled_{name}": things[name] for name in ("unet", "lstm", "losses", "blocks")}, kept
    )


def data_files() -> Iterator[File]:
    """Data sets, loaders and samplers of torch; distributions."""
    import numpy as np
    import torch
    from torch import distributions as dist
    from torch.utils import data

    rows = data.TensorDataset(torch.randn(10, 3), torch.randint(0, 2, (10,)))
    one, two = torch.tensor(1.0), torch.tensor([0.5, 2.0])
    things: dict[str, Make] = {
        "tensors": lambda: rows,
        "split": lambda: data.random_split(rows, [0.7, 0.3], torch.Generator().manual_seed(0)),
        "train_val": lambda: {
            "train": data.Subset(rows, np.arange(6)),
            "val": data.Subset(rows, [6, 7]),
        },
        "loader": lambda: data.DataLoader(rows, 4, shuffle=True, drop_last=True),
        "loader_seeded": lambda: data.DataLoader(
            rows, sampler=data.SubsetRandomSampler([1, 2]), generator=torch.Generator()
        ),
        "loader_collate": lambda: data.DataLoader(rows, 2, collate_fn=data.default_collate),
        "weighted": lambda: data.WeightedRandomSampler(torch.rand(10).double(), 10),
        "distributed": lambda: data.DistributedSampler(rows, 2, 0),
        "batches": lambda: list(data.DataLoader(rows, 4)),
        "chained": lambda: data.ConcatDataset([rows, data.Subset(rows, [0])]),
        "named": lambda: data.StackDataset(x=torch.ones(2, 1), y=[1, 2]),
        "pipes": lambda: data.ChainDataset([]),
        "list": lambda: [(torch.randn(1, 4, 4), i) for i in range(3)],
        "dict": lambda: {
            "data": torch.randint(0, 255, (4, 8, 8), dtype=torch.uint8),
            "targets": torch.tensor([1, 2, 3, 4]),
            "classes": ["0 - zero", "1 - one"],
        },
        "mnist": lambda: (torch.zeros(5, 28, 28, dtype=torch.uint8), torch.arange(5)),
        "cifar": lambda: {
            b"data": np.zeros((2, 3072), "u1"),
            b"labels": [6, 9],
            b"batch_label": b"training batch 1 of 5",
            b"filenames": [b"a.png"],
        },
        "normal": lambda: dist.Normal(two, one),
        "categorical": lambda: [
            dist.Categorical(logits=two),
            dist.Bernoulli(0.3),
            dist.Multinomial(3, two),
            dist.OneHotCategorical(two),
        ],
        "gaussian": lambda: dist.MultivariateNormal(torch.zeros(2), torch.eye(2)),
        "prior": lambda: {
            "a": dist.Gamma(one, one),
            "b": dist.Beta(one, one),
            "c": dist.Dirichlet(two),
            "d": dist.LogNormal(0.0, 1.0),
            "e": dist.Uniform(0.0, 1.0),
            "f": dist.HalfCauchy(1.0),
            "g": dist.Laplace(0.0, 1.0),
            "h": dist.StudentT(3.0),
            "i": dist.VonMises(0.0, 1.0),
        },
        "flow": lambda: dist.TransformedDistribution(
            dist.Normal(0.0, 1.0),
            [dist.SigmoidTransform(), dist.AffineTransform(1.0, 2.0), dist.TanhTransform()],
        ),
        "mixture": lambda: dist.MixtureSameFamily(dist.Categorical(two), dist.Normal(two, two)),
        "independent": lambda: dist.Independent(dist.Normal(two, two), 1),
    }
    yield from possible(things, trained)
    yield from possible(
        {f"pickled_{name}": things[name] for name in ("batches", "mnist", "cifar", "list")}, kept
    )


WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    "battery",
    "lasts",
    "good",
    "##s",
    "a",
    "bad",
    "film",
    "was",
    "movie",
    "day",
]


def fast_tokenizer() -> Any:
    """A trained tokenizer of words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordPiece({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=32,
    )


TINY: dict[str, Any] = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "vocab_size": 32,
    "max_position_embeddings": 32,
}


def hub_files() -> Iterator[File]:
    """transformers: whole models, tokenizers, outputs, and the files that its Trainer writes."""
    import numpy as np
    import torch
    import transformers as hf
    from transformers import modeling_outputs, trainer_callback, trainer_utils

    def model(name: str, config: str, **options: Any) -> Any:
        return getattr(hf, name)(getattr(hf, config)(**{**TINY, **options}))

    small = {"n_embd": 8, "n_layer": 1, "n_head": 2, "vocab_size": 32, "n_positions": 32}
    picture = {"image_size": 16, "patch_size": 8, "num_channels": 3}
    t5 = {"d_model": 8, "d_kv": 4, "d_ff": 16, "num_layers": 1, "num_heads": 2, "vocab_size": 32}
    bart = {
        "d_model": 8,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 8,
        "decoder_ffn_dim": 8,
    }

    def question_answering() -> Any:
        return model("BertForQuestionAnswering", "BertConfig")

    models: dict[str, Make] = {
        "bert_classifier": lambda: model(
            "BertForSequenceClassification",
            "BertConfig",
            num_labels=3,
            id2label={0: "neg", 1: "neu", 2: "pos"},
        ),
        "bert_tokens": lambda: model("BertForTokenClassification", "BertConfig", num_labels=5),
        "bert_answers": question_answering,
        "bert_masked": lambda: model("BertForMaskedLM", "BertConfig"),
        "roberta": lambda: model("RobertaForSequenceClassification", "RobertaConfig"),
        "xlm_roberta": lambda: model("XLMRobertaModel", "XLMRobertaConfig"),
        "deberta": lambda: model("DebertaV2Model", "DebertaV2Config"),
        "distilbert": lambda: hf.DistilBertForSequenceClassification(
            hf.DistilBertConfig(dim=8, n_layers=1, n_heads=2, hidden_dim=16, vocab_size=32)
        ),
        "electra": lambda: model("ElectraForSequenceClassification", "ElectraConfig"),
        "gpt2": lambda: hf.GPT2LMHeadModel(hf.GPT2Config(**small)),
        "gpt_neo": lambda: hf.GPTNeoForCausalLM(
            hf.GPTNeoConfig(
                vocab_size=32,
                hidden_size=8,
                num_layers=1,
                num_heads=2,
                attention_types=[[["global"], 1]],
            )
        ),
        "gpt_neox": lambda: model("GPTNeoXForCausalLM", "GPTNeoXConfig"),
        "llama": lambda: model("LlamaForCausalLM", "LlamaConfig", num_key_value_heads=1),
        "qwen3": lambda: model(
            "Qwen3ForCausalLM", "Qwen3Config", num_key_value_heads=1, head_dim=4
        ),
        "gemma2": lambda: model(
            "Gemma2ForCausalLM", "Gemma2Config", num_key_value_heads=1, head_dim=4
        ),
        "phi3": lambda: model(
            "Phi3ForCausalLM", "Phi3Config", num_key_value_heads=2, pad_token_id=0
        ),
        "mixtral": lambda: model(
            "MixtralForCausalLM", "MixtralConfig", num_key_value_heads=1, num_local_experts=2
        ),
        "falcon": lambda: model("FalconForCausalLM", "FalconConfig"),
        "bloom": lambda: hf.BloomForCausalLM(
            hf.BloomConfig(vocab_size=32, hidden_size=8, n_layer=1, n_head=2)
        ),
        "opt": lambda: hf.OPTForCausalLM(
            hf.OPTConfig(
                vocab_size=32,
                hidden_size=8,
                num_hidden_layers=1,
                num_attention_heads=2,
                ffn_dim=8,
                word_embed_proj_dim=8,
                max_position_embeddings=32,
            )
        ),
        "mamba": lambda: hf.MambaForCausalLM(
            hf.MambaConfig(vocab_size=32, hidden_size=8, num_hidden_layers=1, state_size=4)
        ),
        "t5": lambda: hf.T5ForConditionalGeneration(hf.T5Config(**t5)),
        "mt5": lambda: hf.MT5EncoderModel(hf.MT5Config(**t5)),
        "bart": lambda: hf.BartForConditionalGeneration(hf.BartConfig(vocab_size=60, **bart)),
        "marian": lambda: hf.MarianMTModel(hf.MarianConfig(vocab_size=60, pad_token_id=59, **bart)),
        "pegasus": lambda: hf.PegasusForConditionalGeneration(
            hf.PegasusConfig(vocab_size=60, **bart)
        ),
        "vit": lambda: model("ViTForImageClassification", "ViTConfig", **picture),
        "deit": lambda: model("DeiTForImageClassification", "DeiTConfig", **picture),
        "beit": lambda: model("BeitForImageClassification", "BeitConfig", **picture),
        "dinov2": lambda: model("Dinov2Model", "Dinov2Config", **picture),
        "convnext": lambda: hf.ConvNextForImageClassification(
            hf.ConvNextConfig(hidden_sizes=[4, 8], depths=[1, 1], num_stages=2)
        ),
        "resnet": lambda: hf.ResNetForImageClassification(
            hf.ResNetConfig(
                embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic"
            )
        ),
        "mobilenet": lambda: hf.MobileNetV2Model(hf.MobileNetV2Config(depth_multiplier=0.1)),
        "segformer": lambda: hf.SegformerForSemanticSegmentation(
            hf.SegformerConfig(
                num_encoder_blocks=1,
                depths=[1],
                sr_ratios=[1],
                hidden_sizes=[8],
                patch_sizes=[3],
                strides=[2],
                num_attention_heads=[1],
                mlp_ratios=[2],
                decoder_hidden_size=8,
            )
        ),
        "clip": lambda: hf.CLIPModel(
            hf.CLIPConfig(text_config=TINY, vision_config={**TINY, **picture}, projection_dim=4)
        ),
        "wav2vec2": lambda: hf.Wav2Vec2ForCTC(
            hf.Wav2Vec2Config(
                **TINY,
                conv_dim=(8,),
                conv_stride=(2,),
                conv_kernel=(3,),
                num_feat_extract_layers=1,
                num_conv_pos_embeddings=4,
                num_conv_pos_embedding_groups=2,
            )
        ).state_dict(),
        "whisper": lambda: hf.WhisperForConditionalGeneration(
            hf.WhisperConfig(
                vocab_size=60,
                num_mel_bins=8,
                max_source_positions=8,
                max_target_positions=8,
                pad_token_id=0,
                decoder_start_token_id=1,
                bos_token_id=1,
                eos_token_id=2,
                **bart,
            )
        ),
        "longformer": lambda: model("LongformerModel", "LongformerConfig", attention_window=4),
        "layoutlm": lambda: model("LayoutLMForTokenClassification", "LayoutLMConfig"),
        "half": lambda: model("BertModel", "BertConfig").half().eval(),
        "custom_act": lambda: model("BertModel", "BertConfig", hidden_act="quick_gelu"),
        "bundle": lambda: {
            "model": question_answering(),
            "tokenizer": fast_tokenizer(),
            "label_map": {"LABEL_0": "no"},
            "max_len": 32,
        },
        "wrapped": lambda: torch.nn.ModuleDict(
            {"bert": model("BertModel", "BertConfig"), "head": torch.nn.Linear(8, 2)}
        ),
        "dynamic": lambda: torch.ao.quantization.quantize_dynamic(
            model("BertModel", "BertConfig"), {torch.nn.Linear}, dtype=torch.qint8
        ),
        "state": lambda: model("BertModel", "BertConfig").state_dict(),
    }
    yield from possible(models, trained)

    def encoded() -> Any:
        return fast_tokenizer()(
            ["the battery lasts", "a bad film"], padding=True, return_tensors="pt"
        )

    parts: dict[str, Make] = {
        "config_bert": lambda: hf.BertConfig(num_labels=4, label2id={"a": 0}),
        "config_many": lambda: [
            hf.LlamaConfig(),
            hf.ViTConfig(),
            hf.CLIPConfig(),
            hf.T5Config(),
            hf.Wav2Vec2Config(),
            hf.LlavaConfig(),
        ],
        "config_dtype": lambda: hf.MistralConfig(dtype=torch.bfloat16),
        "tokenizer_fast": fast_tokenizer,
        "tokenizer_bert": lambda: hf.BertTokenizerFast(vocab={w: i for i, w in enumerate(WORDS)}),
        "tokenizer_byt5": lambda: hf.ByT5Tokenizer(),
        "tokenizer_canine": lambda: hf.CanineTokenizer(),
        "added": lambda: (
            lambda t: (
                t.add_tokens(["<new>"]),
                t.add_special_tokens({"additional_special_tokens": ["<a>"]}),
                t,
            )[2]
        )(fast_tokenizer()),
        "encoded": encoded,
        "encoded_list": lambda: fast_tokenizer()(REVIEWS[:3], truncation=True, max_length=8),
        "encoded_dict": lambda: dict(encoded()),
        "features": lambda: [{"input_ids": [1, 2], "label": 0}] * 3,
        "output": lambda: model("BertForSequenceClassification", "BertConfig")(**encoded()),
        "hidden": lambda: model("BertModel", "BertConfig")(output_hidden_states=True, **encoded()),
        "lm_output": lambda: hf.GPT2LMHeadModel(hf.GPT2Config(**small))(torch.tensor([[1, 2, 3]])),
        "cache": lambda: hf.DynamicCache(),
        "arguments": lambda: hf.TrainingArguments(
            "out", per_device_train_batch_size=8, eval_strategy="steps", use_cpu=True, optim="sgd"
        ),
        "arguments_generate": lambda: hf.Seq2SeqTrainingArguments(
            "out", predict_with_generate=True, use_cpu=True, generation_config=hf.GenerationConfig()
        ),
        "trainer_state": lambda: trainer_callback.TrainerState(
            epoch=2.0, log_history=[{"loss": 0.5, "step": 10}], best_metric=0.9
        ),
        "generation": lambda: hf.GenerationConfig(do_sample=True, top_p=0.9, bos_token_id=1),
        "prediction": lambda: trainer_utils.PredictionOutput(
            np.ones((2, 2)), np.array([0, 1]), {"test_loss": 0.5}
        ),
        "best_run": lambda: trainer_utils.BestRun("3", 0.8, {"lr": 1e-4}),
        "train_output": lambda: trainer_utils.TrainOutput(10, 0.4, {"epoch": 1.0}),
        "collator": lambda: hf.DataCollatorWithPadding(fast_tokenizer()),
        "collator_masked": lambda: hf.DataCollatorForLanguageModeling(
            fast_tokenizer(), mlm_probability=0.15
        ),
        "default_collator": lambda: [
            hf.default_data_collator,
            hf.set_seed,
            hf.DefaultDataCollator(),
        ],
        "image_processor": lambda: hf.ViTImageProcessor(size={"height": 16, "width": 16}),
        "image_processors": lambda: [hf.CLIPImageProcessor(), hf.DetrImageProcessor()],
        "extractor": lambda: hf.Wav2Vec2FeatureExtractor(),
        "extractor_whisper": lambda: hf.WhisperFeatureExtractor(feature_size=8),
        "pixel": lambda: hf.BatchFeature({"pixel_values": torch.zeros(1, 3, 4, 4)}),
        "schedule": lambda: hf.get_cosine_schedule_with_warmup(
            torch.optim.AdamW(torch.nn.Linear(1, 1).parameters()), 2, 10
        ),
        "quantization": lambda: hf.BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_compute_dtype=torch.float16
        ),
        "callbacks": lambda: [
            hf.EarlyStoppingCallback(3),
            hf.PrinterCallback(),
            trainer_callback.TrainerControl(True),
        ],
        "pipeline": lambda: hf.pipeline(
            "text-classification",
            model=model("BertForSequenceClassification", "BertConfig"),
            tokenizer=fast_tokenizer(),
        ),
        "stopping": lambda: hf.StoppingCriteriaList([hf.MaxLengthCriteria(5)]),
        "processors": lambda: hf.LogitsProcessorList(
            [hf.TemperatureLogitsWarper(0.7), hf.TopPLogitsWarper(0.9)]
        ),
        "outputs": lambda: [
            modeling_outputs.Seq2SeqLMOutput(logits=torch.ones(1)),
            modeling_outputs.ImageClassifierOutput(loss=torch.tensor(1.0)),
        ],
    }
    yield from possible({f"part_{name}": make for name, make in parts.items()}, kept)
    yield from possible(
        {
            f"part_{n}": parts[n]
            for n in ("encoded", "arguments", "output", "hidden", "trainer_state", "schedule")
        },
        trained,
    )

    def trainer(label: str, make: Any) -> Iterator[File]:
        with tempfile.TemporaryDirectory() as folder:
            made(lambda: make(folder))
            yield from read_back(Path(folder), label)

    def classify(folder: str, **options: Any) -> None:
        rows = [{"input_ids": [2, 5 + i, 3], "labels": i % 2} for i in range(6)]
        arguments = hf.TrainingArguments(
            folder,
            max_steps=2,
            save_steps=2,
            per_device_train_batch_size=2,
            use_cpu=True,
            report_to=[],
            disable_tqdm=True,
            **options,
        )
        run = hf.Trainer(
            model("BertForSequenceClassification", "BertConfig"),
            arguments,
            train_dataset=rows,
            eval_dataset=rows,
        )
        run.train()
        run.save_model(folder)

    runs: dict[str, Any] = {
        "trainer": classify,
        "trainer_cosine": lambda f: classify(f, lr_scheduler_type="cosine", optim="adafactor"),
        "trainer_eval": lambda f: classify(
            f,
            eval_strategy="steps",
            eval_steps=1,
            optim="sgd",
            lr_scheduler_type="reduce_lr_on_plateau",
        ),
    }
    yield from possible(runs, trainer)


def adapter_files() -> Iterator[File]:
    """peft, sentence-transformers and safetensors-like states."""
    import torch
    import transformers as hf

    def base() -> Any:
        return hf.BertForSequenceClassification(hf.BertConfig(**TINY))

    def causal() -> Any:
        return hf.LlamaForCausalLM(hf.LlamaConfig(**TINY))

    def adapters() -> Pairs:
        import peft

        yield (
            "lora",
            lambda: peft.get_peft_model(
                base(), peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"])
            ),
        )
        yield (
            "lora_causal",
            lambda: peft.get_peft_model(
                causal(), peft.LoraConfig(task_type="CAUSAL_LM", r=2, use_dora=True)
            ),
        )
        yield "ia3", lambda: peft.get_peft_model(causal(), peft.IA3Config(task_type="CAUSAL_LM"))
        yield (
            "adalora",
            lambda: peft.get_peft_model(
                causal(), peft.AdaLoraConfig(task_type="CAUSAL_LM", total_step=10)
            ),
        )
        yield "loha", lambda: peft.get_peft_model(base(), peft.LoHaConfig(target_modules=["query"]))
        yield (
            "prompt",
            lambda: peft.get_peft_model(
                causal(), peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
            ),
        )
        yield (
            "prefix",
            lambda: peft.get_peft_model(
                causal(), peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)
            ),
        )
        yield (
            "merged",
            lambda: peft.get_peft_model(
                base(), peft.LoraConfig(r=2, target_modules=["query"])
            ).merge_and_unload(),
        )
        yield (
            "configs",
            lambda: [
                peft.LoraConfig(lora_alpha=16, bias="none"),
                peft.TaskType.CAUSAL_LM,
                peft.PrefixTuningConfig(),
                peft.PeftType.LORA,
            ],
        )
        yield (
            "state",
            lambda: peft.get_peft_model_state_dict(
                peft.get_peft_model(base(), peft.LoraConfig(r=2, target_modules=["query"]))
            ),
        )

    def sentences() -> Pairs:
        import sentence_transformers as st
        from sentence_transformers import losses
        from sentence_transformers import models as parts

        def static() -> Any:
            return st.SentenceTransformer(
                modules=[
                    parts.StaticEmbedding(fast_tokenizer().backend_tokenizer, embedding_dim=8)
                ],
                device="cpu",
            )

        def bags() -> Any:
            bow = parts.BoW(vocab=["good", "bad", "film"])
            return st.SentenceTransformer(
                modules=[
                    bow,
                    parts.Dense(3, 4, activation_function=torch.nn.Tanh()),
                    parts.Normalize(),
                ],
                device="cpu",
            )

        def full() -> Any:
            with tempfile.TemporaryDirectory() as folder:
                hf.BertModel(hf.BertConfig(**TINY)).save_pretrained(folder)
                fast_tokenizer().save_pretrained(folder)
                words = parts.Transformer(folder)
                return st.SentenceTransformer(modules=[words, parts.Pooling(8)], device="cpu")

        yield "static", static
        yield "bags", bags
        yield "full", full
        yield "loss", lambda: losses.CosineSimilarityLoss(static())
        yield "example", lambda: [st.InputExample(texts=["a", "b"], label=0.5)]
        yield (
            "vectors",
            lambda: {"sentences": REVIEWS[:2], "embeddings": static().encode(REVIEWS[:2])},
        )
        yield "similarity", lambda: [st.util.cos_sim, st.SimilarityFunction.COSINE]

    for part in (adapters, sentences):
        yield from possible({f"{part.__name__}_{n}": make for n, make in part()}, trained)
    yield from possible({f"pickled_{n}": make for n, make in sentences()}, kept)


def lightning_files() -> Iterator[File]:
    """Checkpoints that a real Trainer of Lightning has written, and torchmetrics."""
    import pytorch_lightning as pl
    import torch
    import torchmetrics
    from pytorch_lightning import callbacks
    from torch import nn

    class Lit(pl.LightningModule):
        """Is not itself in any checkpoint."""

        def __init__(self, kind: str = "Adam", **options: Any) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net, self.kind = nn.Linear(3, 1), kind
            self.acc = torchmetrics.MeanSquaredError()

        def training_step(self, batch: Any, _: int) -> Any:
            loss = self.net(batch[0]).square().mean()
            self.log("loss", loss)
            return loss

        def validation_step(self, batch: Any, _: int) -> None:
            self.log("val", self.net(batch[0]).abs().mean())

        def configure_optimizers(self) -> Any:
            optimizer = getattr(torch.optim, self.kind)(self.parameters(), lr=0.01)
            plan = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plan, "monitor": "val"}}

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)

    def run(kind: str, extra: list[Any], **options: Any) -> Callable[[str], None]:
        def fit(folder: str) -> None:
            rows = torch.utils.data.TensorDataset(torch.randn(8, 3))
            loader = torch.utils.data.DataLoader(rows, 4)
            best = callbacks.ModelCheckpoint(folder, monitor="val", save_last=True, save_top_k=2)
            trainer = pl.Trainer(
                max_epochs=2,
                callbacks=[best, *extra],
                logger=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                accelerator="cpu",
                default_root_dir=folder,
                log_every_n_steps=1,
            )
            trainer.fit(Lit(kind, **options), loader, loader)

        return fit

    def fitted(label: str, make: Any) -> Iterator[File]:
        with tempfile.TemporaryDirectory() as folder:
            made(lambda: make(folder))
            yield from read_back(Path(folder), label)

    runs: dict[str, Any] = {
        "adam": run("Adam", [callbacks.EarlyStopping("val")], lr=1e-3, layers=[4, 2]),
        "sgd": run(
            "SGD",
            [callbacks.Timer("00:00:10:00")],
            config=argparse.Namespace(lr=1, path=Path("a/b")),
            act=nn.ReLU,
        ),
        "swa": run(
            "AdamW",
            [callbacks.StochasticWeightAveraging(1e-2, 1)],
            vocab={"a": 1},
            net=nn.functional.relu,
            dates=[datetime.date(2023, 1, 1)],
        ),
    }
    yield from possible(runs, fitted)
    target = torch.tensor([0, 1, 1])
    metrics: dict[str, Make] = {
        "accuracy": lambda: (lambda m: (m.update(target, target), m)[1])(
            torchmetrics.Accuracy(task="multiclass", num_classes=3)
        ),
        "auroc": lambda: torchmetrics.AUROC(task="binary"),
        "collection": lambda: torchmetrics.MetricCollection(
            {
                "f1": torchmetrics.F1Score(task="binary"),
                "rmse": torchmetrics.MeanSquaredError(squared=False),
            },
            prefix="val_",
        ),
        "mean": lambda: torchmetrics.MeanMetric(),
        "confusion": lambda: torchmetrics.ConfusionMatrix(task="multiclass", num_classes=2),
        "psnr": lambda: torchmetrics.image.PeakSignalNoiseRatio(1.0),
        "bleu": lambda: torchmetrics.text.BLEUScore(),
        "tracker": lambda: torchmetrics.MetricTracker(torchmetrics.MeanAbsoluteError()),
    }
    yield from possible({f"metric_{n}": make for n, make in metrics.items()}, trained)


def agent_files() -> Iterator[File]:
    """Reinforcement learning: saved agents, buffers, tables of values, spaces."""
    import gymnasium as gym
    import numpy as np
    import stable_baselines3 as sb3
    import torch
    from stable_baselines3.common import (
        buffers,
        env_util,
        noise,
        running_mean_std,
        type_aliases,
        utils,
        vec_env,
    )

    box = gym.spaces.Box(-1, 1, (3,))
    rng = np.random.default_rng(0)

    def agent(label: str, make: Make) -> Iterator[File]:
        model = made(make)
        with tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder) / "model")
            if hasattr(model, "save_replay_buffer"):
                model.save_replay_buffer(Path(folder) / "replay.pkl")
            yield from read_back(Path(folder), label)
        out = io.BytesIO()
        torch.save(model.policy.state_dict(), out)
        yield File(f"{label}_policy.pth", out.getvalue())
        out = io.BytesIO()
        model.policy.save(out)
        yield File(f"{label}_policy_saved.pth", out.getvalue())

    arch = {"net_arch": [4]}
    agents: dict[str, Make] = {
        "ppo": lambda: sb3.PPO(
            "MlpPolicy",
            "CartPole-v1",
            n_steps=8,
            batch_size=4,
            n_epochs=1,
            policy_kwargs=dict(arch),
        ).learn(8),
        "a2c": lambda: sb3.A2C(
            "MlpPolicy", "CartPole-v1", policy_kwargs={**arch, "activation_fn": torch.nn.ReLU}
        ).learn(5),
        "dqn": lambda: sb3.DQN(
            "MlpPolicy", "CartPole-v1", buffer_size=20, policy_kwargs=dict(arch), learning_starts=4
        ).learn(8),
        "sac": lambda: sb3.SAC(
            "MlpPolicy", "Pendulum-v1", buffer_size=20, policy_kwargs=dict(arch), learning_starts=2
        ).learn(4),
        "td3": lambda: sb3.TD3(
            "MlpPolicy",
            "Pendulum-v1",
            buffer_size=20,
            policy_kwargs=dict(arch),
            action_noise=noise.NormalActionNoise(np.zeros(1), np.ones(1)),
        ),
    }
    yield from possible(agents, agent)

    def normalised(label: str, make: Make) -> Iterator[File]:
        out = made(make)
        out.reset()
        with tempfile.TemporaryDirectory() as folder:
            out.save(str(Path(folder) / "vecnormalize.pkl"))
            yield from read_back(Path(folder), label)

    environments: dict[str, Make] = {
        "normalised": lambda: vec_env.VecNormalize(
            env_util.make_vec_env("CartPole-v1", 1), clip_obs=5.0
        )
    }
    yield from possible(environments, normalised)

    def filled() -> Any:
        out = buffers.ReplayBuffer(6, box, gym.spaces.Discrete(2), device="cpu")
        for _ in range(4):
            out.add(
                rng.random(3),
                rng.random(3),
                np.array([1]),
                np.array([0.5]),
                np.array([False]),
                [{}],
            )
        return out

    things: dict[str, Make] = {
        "replay": filled,
        "replay_dict": lambda: buffers.DictReplayBuffer(
            4, gym.spaces.Dict({"a": box}), box, device="cpu"
        ),
        "rollout": lambda: buffers.RolloutBuffer(4, box, box, device="cpu"),
        "ou_noise": lambda: noise.OrnsteinUhlenbeckActionNoise(np.zeros(2), np.ones(2)),
        "running": lambda: running_mean_std.RunningMeanStd(shape=(3,)),
        "schedule": lambda: [utils.LinearSchedule(1.0, 0.1, 0.5), utils.ConstantSchedule(0.3)],
        "frequency": lambda: type_aliases.TrainFreq(4, type_aliases.TrainFrequencyUnit.STEP),
        "qtable": lambda: {(0, 1): np.zeros(4), (2, 3): np.array([0.1, 0.2, 0.0, 0.5])},
        "qtable_dict": lambda: collections.defaultdict(float, {((0, 0), "up"): 0.5}),
        "spaces": lambda: gym.spaces.Dict(
            a=box,
            b=gym.spaces.Tuple((gym.spaces.Discrete(3, seed=2), gym.spaces.MultiBinary(2))),
            c=gym.spaces.Text(5),
        ),
        "trajectories": lambda: [
            {
                "observations": rng.random((5, 3)).astype("f4"),
                "actions": rng.random((5, 1)),
                "rewards": rng.random(5),
                "dones": np.array([False] * 4 + [True]),
                "infos": [{"TimeLimit": True}],
            }
        ],
        "episodes": lambda: collections.deque([(rng.random(3), 1, -0.5)] * 3, maxlen=8),
        "spec": lambda: gym.spec("CartPole-v1"),
        "bandit": lambda: {"alpha": np.ones(3), "beta": np.ones(3), "rng": rng},
        "priority": lambda: {"tree": np.zeros(15), "heap": [(-0.5, 1), (-0.25, 2)], "beta": 0.4},
        "d4rl": lambda: collections.OrderedDict(
            terminals=np.zeros(3, bool), obs=rng.random((3, 2))
        ),
    }
    yield from possible({f"part_{n}": make for n, make in things.items()}, kept)


def statistic_files() -> Iterator[File]:
    """Results of statistics: statsmodels, survival, additive models, outliers, sequences."""
    import numpy as np
    import pandas as pd

    x, y = numbers()
    real = x[:, 0] * 2 + 0.1 * x[:, 1]
    months = pd.Series(
        np.sin(np.arange(48) / 2) + 5, pd.date_range("2018-01", periods=48, freq="MS")
    )
    people = table()[["age", "income", "target"]]

    def classical() -> Pairs:
        import statsmodels.api as sm
        import statsmodels.formula.api as smf
        from statsmodels.discrete.count_model import ZeroInflatedPoisson
        from statsmodels.regression.rolling import RollingOLS
        from statsmodels.stats.anova import anova_lm
        from statsmodels.stats.multicomp import pairwise_tukeyhsd
        from statsmodels.tsa.api import (
            VAR,
            AutoReg,
            ExponentialSmoothing,
            Holt,
            STLForecast,
        )
        from statsmodels.tsa.arima.model import ARIMA
        from statsmodels.tsa.seasonal import STL, seasonal_decompose
        from statsmodels.tsa.stattools import adfuller

        yield "formula", lambda: smf.ols("income ~ age + C(target)", people).fit()
        yield "logit_formula", lambda: smf.logit("target ~ age", people).fit(disp=0)
        yield "robust", lambda: sm.OLS(real, sm.add_constant(x)).fit(cov_type="HC3")
        yield (
            "glm_gamma",
            lambda: sm.GLM(
                np.abs(real) + 1, np.abs(x), sm.families.Gamma(sm.families.links.Log())
            ).fit(),
        )
        yield "negative_binomial", lambda: sm.GLM(y, x, sm.families.NegativeBinomial()).fit()
        yield "probit", lambda: sm.Probit(y, x).fit(disp=0)
        yield "multinomial", lambda: sm.MNLogit(y + (x[:, 1] > 0), x).fit(disp=0)
        yield "mixed", lambda: smf.mixedlm("income ~ age", people, groups=people["target"]).fit()
        yield "gee", lambda: smf.gee("target ~ age", "target", people).fit()
        yield "arima", lambda: ARIMA(months, order=(1, 1, 1)).fit()
        yield (
            "sarima",
            lambda: sm.tsa.SARIMAX(months, order=(1, 0, 0), seasonal_order=(1, 0, 0, 12)).fit(
                disp=0, maxiter=5
            ),
        )
        yield (
            "winters",
            lambda: ExponentialSmoothing(
                months, trend="add", seasonal="add", seasonal_periods=12
            ).fit(),
        )
        yield (
            "holt",
            lambda: Holt(months, damped_trend=True, initialization_method="estimated").fit(),
        )
        yield "autoreg", lambda: AutoReg(months, 3).fit()
        yield "var", lambda: VAR(x).fit(2)
        yield "stl", lambda: STL(months, period=12).fit()
        yield (
            "stl_forecast",
            lambda: STLForecast(months, ARIMA, model_kwargs={"order": (1, 0, 0)}, period=12).fit(),
        )
        yield "decompose", lambda: seasonal_decompose(months, period=12)
        yield "unobserved", lambda: sm.tsa.UnobservedComponents(months, "local level").fit(disp=0)
        yield "adf", lambda: adfuller(months)
        yield "tukey", lambda: pairwise_tukeyhsd(real, y)
        yield "anova", lambda: anova_lm(smf.ols("income ~ age", people).fit())
        yield "kde", lambda: (lambda k: (k.fit(), k)[1])(sm.nonparametric.KDEUnivariate(real))
        yield "kde_many", lambda: sm.nonparametric.KDEMultivariate(x[:, :2], "cc")
        yield "inflated", lambda: ZeroInflatedPoisson(y, x).fit(disp=0)
        yield "summary", lambda: smf.ols("income ~ age", people).fit().summary()
        yield "pca", lambda: sm.multivariate.PCA(x, 2)
        yield "robust_norm", lambda: sm.RLM(real, x, M=sm.robust.norms.TukeyBiweight()).fit()
        yield "data", lambda: sm.datasets.longley.load()
        yield "rolling", lambda: RollingOLS(real, x, 20).fit()

    def survival() -> Pairs:
        import lifelines

        frame = people.assign(T=people["age"] + 1, E=people["target"])[["T", "E", "income"]]
        frame["income"] = np.log(frame["income"])
        yield "cox", lambda: lifelines.CoxPHFitter(penalizer=0.1).fit(frame, "T", "E")
        yield "weibull", lambda: lifelines.WeibullAFTFitter().fit(frame, "T", "E")
        yield "kaplan", lambda: lifelines.KaplanMeierFitter().fit(frame["T"], frame["E"])
        yield "nelson", lambda: lifelines.NelsonAalenFitter().fit(frame["T"], frame["E"])
        yield "aalen", lambda: lifelines.AalenAdditiveFitter(1.0).fit(frame, "T", "E")
        yield "exponential", lambda: lifelines.ExponentialFitter().fit(frame["T"], frame["E"])
        yield "logrank", lambda: lifelines.statistics.logrank_test(frame["T"], frame["T"] + 3)

    def additive() -> Pairs:
        import pygam

        yield "linear", lambda: pygam.LinearGAM(pygam.s(0, n_splines=6) + pygam.l(1)).fit(x, real)
        yield "logistic", lambda: pygam.LogisticGAM(n_splines=5, max_iter=5).fit(x, y)

    def natural() -> Pairs:
        import ngboost
        from ngboost import distns, scores

        yield "normal", lambda: ngboost.NGBRegressor(n_estimators=3, verbose=False).fit(x, real)
        yield (
            "log_normal",
            lambda: ngboost.NGBRegressor(
                Dist=distns.LogNormal, Score=scores.CRPScore, n_estimators=2, verbose=False
            ).fit(x, np.abs(real) + 1),
        )
        yield "classes", lambda: ngboost.NGBClassifier(n_estimators=2, verbose=False).fit(x, y)

    def hidden() -> Pairs:
        from hmmlearn import hmm

        yield "gaussian", lambda: hmm.GaussianHMM(2, n_iter=3, random_state=0).fit(x)
        yield "mixture", lambda: hmm.GMMHMM(2, 2, n_iter=2).fit(x)
        yield "categorical", lambda: hmm.CategoricalHMM(2, n_iter=2).fit(y[:, None])

    def outliers() -> Pairs:
        from pyod.models import copod, ecod, hbos, iforest, knn, lof, mcd, ocsvm, pca

        for name, kind in (
            ("copod", copod.COPOD),
            ("ecod", ecod.ECOD),
            ("hbos", hbos.HBOS),
            ("knn", knn.KNN),
            ("lof", lof.LOF),
            ("mcd", mcd.MCD),
            ("pca", pca.PCA),
            ("ocsvm", ocsvm.OCSVM),
            ("iforest", iforest.IForest),
        ):
            yield name, lambda kind=kind: kind().fit(x)

    def alike() -> Pairs:
        import category_encoders as ce
        import feature_engine.encoding as fe
        import hdbscan
        import imblearn
        import kmodes.kmodes
        import kmodes.kprototypes
        import mlxtend.classifier as mc
        import mlxtend.frequent_patterns as fp
        import quantile_forest
        from feature_engine import creation, imputation, outliers
        from mlxtend.feature_selection import SequentialFeatureSelector
        from mlxtend.preprocessing import TransactionEncoder
        from sklearn.linear_model import LogisticRegression

        frame = table()[["town", "age", "income"]]
        target = table()["target"]
        yield (
            "quantile_forest",
            lambda: quantile_forest.RandomForestQuantileRegressor(3).fit(x, real),
        )
        yield "kmodes", lambda: kmodes.kmodes.KModes(2, n_init=1).fit(frame[["town"]])
        yield (
            "kprototypes",
            lambda: kmodes.kprototypes.KPrototypes(2, n_init=1).fit(
                frame.to_numpy(), categorical=[0]
            ),
        )
        yield "hdbscan", lambda: hdbscan.HDBSCAN(5, prediction_data=True).fit(x)
        yield (
            "baskets",
            lambda: (
                lambda e: (
                    e,
                    fp.apriori(
                        pd.DataFrame(e.transform([["milk", "egg"], ["milk"]]), columns=e.columns_),
                        0.5,
                        use_colnames=True,
                    ),
                )
            )(TransactionEncoder().fit([["milk", "egg"], ["milk"]])),
        )
        yield (
            "mlxtend_stack",
            lambda: mc.StackingCVClassifier([LogisticRegression()], LogisticRegression(), cv=2).fit(
                x, y
            ),
        )
        yield (
            "mlxtend_select",
            lambda: SequentialFeatureSelector(LogisticRegression(), 2, cv=2).fit(x, y),
        )
        for name in (
            "TargetEncoder",
            "CatBoostEncoder",
            "WOEEncoder",
            "CountEncoder",
            "HashingEncoder",
            "LeaveOneOutEncoder",
            "BinaryEncoder",
            "JamesSteinEncoder",
            "HelmertEncoder",
        ):
            yield (
                f"ce_{name}",
                lambda name=name: getattr(ce, name)(cols=["town"]).fit(frame, target),
            )
        yield "fe_rare", lambda: fe.RareLabelEncoder(0.1, 2, variables=["town"]).fit(frame)
        yield "fe_mean", lambda: fe.MeanEncoder(variables=["town"]).fit(frame, target)
        yield "fe_imputer", lambda: imputation.MeanMedianImputer(variables=["age"]).fit(frame)
        yield "fe_winsor", lambda: outliers.Winsorizer(variables=["income"]).fit(frame)
        yield "fe_cyclic", lambda: creation.CyclicalFeatures(variables=["age"]).fit(frame)
        yield "smote", lambda: imblearn.over_sampling.SMOTE(random_state=0, k_neighbors=3)
        yield (
            "smote_pipe",
            lambda: imblearn.pipeline.make_pipeline(
                imblearn.combine.SMOTETomek(random_state=0), LogisticRegression()
            ).fit(x, y),
        )
        yield "balanced", lambda: imblearn.ensemble.BalancedRandomForestClassifier(3).fit(x, y)
        yield "easy", lambda: imblearn.ensemble.EasyEnsembleClassifier(2).fit(x, y)
        yield "rus", lambda: imblearn.ensemble.RUSBoostClassifier(n_estimators=2).fit(x, y)

    for part in (classical, survival, additive, natural, hidden, outliers, alike):
        try:
            things = {f"{part.__name__}_{n}": make for n, make in part()}
        except ImportError:  # not installed
            continue
        yield from possible(things, kept)


def boosting_files() -> Iterator[File]:
    """xgboost, lightgbm, catboost: boosters, estimators, in pipelines and searches; skorch."""
    import catboost
    import lightgbm as lgb
    import numpy as np
    import pandas as pd
    import skorch
    import torch
    import xgboost as xgb
    from scipy import stats
    from sklearn import compose, ensemble, model_selection, pipeline, preprocessing
    from skorch import callbacks

    x, y = numbers()
    real = x[:, 0] * 2
    frame = pd.DataFrame(x, columns=list("abcd")).assign(
        town=pd.Categorical(np.where(y, "Oslo", "Lima"))
    )
    quiet = {"verbose": -1, "n_estimators": 3, "min_child_samples": 2}
    silent = {"verbose": 0, "iterations": 3, "allow_writing_files": False, "thread_count": 1}

    def early() -> Any:
        out = lgb.LGBMRegressor(**{**quiet, "n_estimators": 20})
        return out.fit(
            x,
            real,
            eval_set=[(x, real)],
            eval_metric="mae",
            callbacks=[lgb.early_stopping(2, verbose=False)],
        )

    def fold_boosters() -> Any:
        out = {}
        for i, (train, _) in enumerate(model_selection.KFold(2).split(x)):
            out[i] = lgb.train(
                {"objective": "binary", "verbose": -1},
                lgb.Dataset(x[train], y[train], feature_name=list("abcd")),
                3,
            )
        return {"models": out, "features": list("abcd"), "oof": np.zeros(60)}

    things: dict[str, Make] = {
        "xgb": lambda: xgb.XGBClassifier(n_estimators=3, max_depth=2, eval_metric="auc").fit(x, y),
        "xgb_frame": lambda: xgb.XGBRegressor(
            n_estimators=2, tree_method="hist", enable_categorical=True
        ).fit(frame, real),
        "xgb_early": lambda: xgb.XGBClassifier(
            n_estimators=9,
            early_stopping_rounds=2,
            callbacks=[xgb.callback.EvaluationMonitor(period=5)],
        ).fit(x, y, eval_set=[(x, y)], verbose=False),
        "xgb_booster": lambda: xgb.train(
            {"objective": "multi:softprob", "num_class": 2}, xgb.DMatrix(x, y), 2
        ),
        "xgb_custom": lambda: xgb.XGBRegressor(n_estimators=1, eval_metric=np.mean),
        "xgb_nan": lambda: xgb.XGBRFClassifier(n_estimators=2, missing=np.nan).fit(x, y),
        "xgb_history": lambda: (
            lambda r: (
                xgb.train(
                    {},
                    xgb.DMatrix(x, y),
                    2,
                    evals=[(xgb.DMatrix(x, y), "t")],
                    evals_result=r,
                    verbose_eval=False,
                ),
                r,
            )
        )({}),
        "xgb_search": lambda: model_selection.RandomizedSearchCV(
            xgb.XGBClassifier(n_estimators=2), {"max_depth": stats.randint(1, 3)}, n_iter=1, cv=2
        ).fit(x, y),
        "xgb_stack": lambda: ensemble.StackingClassifier(
            [("x", xgb.XGBClassifier(n_estimators=2)), ("l", lgb.LGBMClassifier(**quiet))], cv=2
        ).fit(x, y),
        "xgb_pipe": lambda: pipeline.make_pipeline(
            compose.make_column_transformer(
                (preprocessing.OneHotEncoder(), ["town"]), remainder="passthrough"
            ),
            xgb.XGBClassifier(n_estimators=2),
        ).fit(frame, y),
        "lgb": lambda: lgb.LGBMClassifier(**quiet).fit(frame, y),
        "lgb_early": early,
        "lgb_dart": lambda: lgb.LGBMClassifier(boosting_type="dart", **quiet).fit(x, y),
        "lgb_folds": fold_boosters,
        "lgb_cv": lambda: lgb.cv(
            {"objective": "l2", "verbose": -1}, lgb.Dataset(x, real), 2, stratified=False
        ),
        "lgb_ranker": lambda: lgb.LGBMRanker(**quiet).fit(x, y, group=[30, 30]),
        "lgb_grid": lambda: model_selection.GridSearchCV(
            lgb.LGBMClassifier(**quiet), {"num_leaves": [3, 7]}, cv=2
        ).fit(x, y),
        "cat": lambda: catboost.CatBoostClassifier(**silent).fit(x, y),
        "cat_features": lambda: catboost.CatBoostRegressor(cat_features=["town"], **silent).fit(
            frame.astype({"town": str}), real
        ),
        "cat_text": lambda: catboost.CatBoostClassifier(**silent).fit(
            catboost.Pool(pd.DataFrame({"t": REVIEWS}), MOODS, text_features=["t"])
        ),
        "cat_pipe": lambda: pipeline.make_pipeline(
            preprocessing.StandardScaler(), catboost.CatBoostRegressor(**silent)
        ).fit(x, real),
        "models": lambda: {
            "xgb": xgb.XGBClassifier(n_estimators=2).fit(x, y),
            "lgb": lgb.LGBMClassifier(**quiet).fit(x, y),
            "cat": catboost.CatBoostClassifier(**silent).fit(x, y),
            "w": [0.3, 0.4, 0.3],
        },
        "skorch": lambda: skorch.NeuralNetRegressor(
            torch.nn.Linear,
            module__in_features=4,
            module__out_features=1,
            max_epochs=2,
            verbose=0,
            optimizer=torch.optim.Adam,
            callbacks=[
                callbacks.EarlyStopping(),
                ("lr", callbacks.LRScheduler("StepLR", step_size=1)),
            ],
        ).fit(x.astype("f4"), real.astype("f4")[:, None]),
        "skorch_binary": lambda: skorch.NeuralNetBinaryClassifier(
            torch.nn.Sequential(torch.nn.Linear(4, 1), torch.nn.Flatten(0)),
            max_epochs=1,
            verbose=0,
            train_split=skorch.dataset.ValidSplit(3),
        ).fit(x.astype("f4"), y.astype("f4")),
        "skorch_history": lambda: skorch.history.History([{"epoch": 1, "batches": []}]),
        "skorch_pipe": lambda: pipeline.make_pipeline(
            preprocessing.MinMaxScaler(),
            preprocessing.FunctionTransformer(np.float32),
            skorch.NeuralNetClassifier(
                torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Softmax(-1)),
                verbose=0,
                max_epochs=1,
            ),
        ).fit(x, y),
    }
    yield from possible(things, kept)


def science_files() -> Iterator[File]:
    """SciPy: matrices of every format, splines, distributions, results, filters, geometry."""
    import numpy as np
    from scipy import cluster, fft, integrate, interpolate, optimize, signal, sparse, spatial, stats

    rng = np.random.default_rng(4)
    x = np.linspace(0, 3, 20)
    wave = np.sin(x)
    cloud = rng.random((15, 2))
    rare = sparse.random(6, 5, 0.3, random_state=1)

    def odd(t: Any, y: Any) -> Any:
        return -0.5 * y

    formats: dict[str, Make] = {
        f"sparse_{form}": lambda form=form: rare.asformat(form)
        for form in ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")
    }
    arrays: dict[str, Make] = {
        f"array_{form}": lambda form=form: sparse.csr_array(rare).asformat(form)
        for form in ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")
    }
    things: dict[str, Make] = {
        **formats,
        **arrays,
        "tfidf": lambda: {"X": sparse.hstack([rare, rare]).tocsr(), "ids": ["a"] * 6},
        "adjacency": lambda: [sparse.eye(3, format="csr", dtype="f4"), sparse.diags([1, 2, 3])],
        "norm_fit": lambda: stats.norm(*stats.norm.fit(wave)),
        "distributions": lambda: {
            "lognorm": stats.lognorm(0.5),
            "t": stats.t(3),
            "g": stats.gamma,
            "weibull": stats.weibull_min(1.5, scale=2),
            "b": stats.binom(5, 0.3),
        },
        "skew": lambda: [
            stats.skewnorm(3),
            stats.genextreme(0.1),
            stats.truncnorm(-1, 1),
            stats.expon(),
            stats.uniform(0, 2),
            stats.nbinom(3, 0.4),
        ],
        "multi": lambda: [
            stats.multivariate_normal(np.zeros(2), np.eye(2)),
            stats.dirichlet([1, 2, 3]),
            stats.matrix_normal(np.eye(2)),
            stats.wishart(3, np.eye(2)),
        ],
        "kde": lambda: stats.gaussian_kde(cloud.T, bw_method="silverman"),
        "tests": lambda: [
            stats.ks_2samp(wave, x),
            stats.mannwhitneyu(wave, x),
            stats.spearmanr(wave, x),
            stats.chi2_contingency([[3, 4], [5, 6]]),
            stats.wilcoxon(wave, x),
        ],
        "bootstrap": lambda: stats.bootstrap((wave,), np.mean, n_resamples=9, rng=0),
        "regression": lambda: [stats.linregress(x, wave), stats.theilslopes(wave, x)],
        "qmc": lambda: stats.qmc.Sobol(2, rng=1),
        "histogram": lambda: stats.rv_histogram(np.histogram(wave, 5)),
        "discrete": lambda: stats.rv_discrete(values=([1, 2], [0.4, 0.6])),
        "minimum": lambda: optimize.minimize(np.linalg.norm, [1.0, 2.0], method="Nelder-Mead"),
        "minimum_slsqp": lambda: optimize.minimize(
            np.linalg.norm, [1.0], method="SLSQP", bounds=[(0, 1)]
        ),
        "evolution": lambda: optimize.differential_evolution(
            np.linalg.norm, [(-1, 1)] * 2, maxiter=2, rng=1
        ),
        "curve_fit": lambda: {"popt": np.polyfit(x, wave, 2), "f": np.polyval},
        "assignment": lambda: optimize.linear_sum_assignment(rng.random((4, 4))),
        "milp": lambda: optimize.linprog([1, 1], [[-1, -2]], [-1]),
        "root": lambda: optimize.root(np.cos, [1.0]),
        "ode": lambda: integrate.solve_ivp(odd, (0, 1), [1.0, 2.0]),
        "interp1d": lambda: interpolate.interp1d(x, wave, fill_value="extrapolate"),
        "interp1d_bounds": lambda: interpolate.interp1d(
            x, wave, kind="quadratic", bounds_error=False, fill_value=(0, 1)
        ),
        "cubic": lambda: interpolate.CubicSpline(x, wave, bc_type="natural"),
        "pchip": lambda: interpolate.PchipInterpolator(x, wave),
        "univariate": lambda: interpolate.UnivariateSpline(x, wave, s=0.1),
        "tck": lambda: interpolate.splrep(x, wave),
        "bspline": lambda: interpolate.make_lsq_spline(x, wave, np.r_[[0] * 4, 1.5, [3] * 4]),
        "grid": lambda: interpolate.RegularGridInterpolator(
            (x, x), np.outer(wave, wave), method="nearest"
        ),
        "linear_nd": lambda: interpolate.LinearNDInterpolator(cloud, cloud[:, 0]),
        "clough": lambda: interpolate.CloughTocher2DInterpolator(cloud, cloud[:, 0]),
        "rbf": lambda: interpolate.RBFInterpolator(
            cloud, cloud[:, 0], kernel="gaussian", epsilon=1
        ),
        "rbf_old": lambda: interpolate.Rbf(cloud[:, 0], cloud[:, 1], cloud[:, 0]),
        "ppoly": lambda: interpolate.PPoly(np.ones((2, 3)), np.arange(4.0)),
        "butter": lambda: {
            "ba": signal.butter(3, 0.2),
            "sos": signal.butter(3, 0.2, output="sos"),
            "zi": signal.lfilter_zi(*signal.butter(3, 0.2)),
            "fs": 16000,
        },
        "system": lambda: [
            signal.dlti([1.0], [1.0, 0.5], dt=0.1),
            signal.ZerosPolesGain([], [1], 2),
        ],
        "spectrogram": lambda: signal.spectrogram(rng.random(256)),
        "stft": lambda: signal.ShortTimeFFT(signal.windows.hann(8), 4, 100.0),
        "peaks": lambda: signal.find_peaks(wave, height=0),
        "fft": lambda: fft.rfft(wave),
        "kdtree": lambda: spatial.KDTree(cloud),
        "ckdtree": lambda: {"tree": spatial.cKDTree(cloud), "names": ["p"] * 15},
        "hull": lambda: {"v": spatial.ConvexHull(cloud).vertices},
        "rotation": lambda: spatial.transform.Rotation.random(3, rng=1),
        "distances": lambda: spatial.distance.squareform(spatial.distance.pdist(cloud)),
        "procrustes": lambda: spatial.procrustes(cloud, cloud * 2),
        "linkage": lambda: cluster.hierarchy.linkage(cloud, "ward"),
        "cluster_tree": lambda: cluster.hierarchy.to_tree(cluster.hierarchy.linkage(cloud)),
        "codebook": lambda: cluster.vq.kmeans(cloud, 3, rng=0),
    }
    yield from possible(things, kept)


def array_files() -> Iterator[File]:
    """NumPy: arrays of all kinds as .npy and .npz, pickles of arrays and generators."""
    import numpy as np

    rng = np.random.default_rng(8)
    row = np.dtype([("id", "i4"), ("name", "U8"), ("xyz", "f4", 3), ("t", "M8[s]")])
    plain: dict[str, Make] = {
        "floats": lambda: rng.random((4, 3)),
        "floats_large": lambda: rng.random((200, 50)).astype("f4"),
        "labels": lambda: np.array(["cat", "dog"] * 5),
        "objects": lambda: np.array(
            [{"box": [1, 2], "id": "a"}, None, rng.random(2)], dtype=object
        ),
        "ragged": lambda: np.array([[1, 2], [3]], dtype=object),
        "dict": lambda: np.array(
            {"mean": np.float32(1), "files": ["a.wav"], "mfcc": rng.random(3)}
        ),
        "strings_object": lambda: np.array(["a", "long text"], dtype=object),
        "word_vectors": lambda: {
            "words": np.array(["a", "b"], dtype=object),
            "vec": rng.random((2, 3)),
        },
        "split": lambda: {
            "X_train": rng.random((4, 2)),
            "y_train": np.array([0, 1, 0, 1], "i8"),
            "names": np.array(["f0", "f1"]),
        },
        "records": lambda: np.zeros(3, row),
        "masks": lambda: {"mask": rng.random((4, 4)) > 0.5, "img": np.zeros((4, 4, 3), "u1")},
        "dates": lambda: np.array(["2021-01-01", "NaT"], "M8[D]"),
        "decimals": lambda: np.array(
            [decimal.Decimal("1.5"), fractions.Fraction(1, 2)], dtype=object
        ),
        "days": lambda: np.array(
            [datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1)], object
        ),
        "history": lambda: np.array(
            {"loss": [0.5], "opt": collections.OrderedDict(lr=0.1)}, object
        ),
        "fortran": lambda: np.asfortranarray(rng.random((3, 4))),
        "complex": lambda: np.fft.fft(rng.random(8)),
        "scalar": lambda: np.array(3.5),
        "bytes": lambda: np.array([b"ab", b"c"]),
        "half": lambda: rng.random(5).astype("f2"),
        "empty_object": lambda: np.empty((2, 2), dtype=object),
        "nested": lambda: np.array(
            [np.array([np.ones(2), None], object), collections.Counter("ab")], dtype=object
        ),
        "frame": lambda: table().to_records(index=False),
        "paths": lambda: np.array([pathlib.PurePosixPath("a/b")], dtype=object),
    }
    yield from possible(plain, saved)
    things: dict[str, Make] = {
        "array": lambda: rng.random((5, 2)),
        "structured": lambda: np.zeros(2, row),
        "recarray": lambda: np.rec.fromarrays([[1, 2], ["a", "b"]], names="id,name"),
        "masked": lambda: np.ma.masked_invalid([1.0, np.nan, 3.0]),
        "masked_object": lambda: np.ma.array(
            ["a", None], mask=[0, 1], dtype=object, fill_value="?"
        ),
        "object": lambda: np.array([rng.random(2), "x", None, 3], dtype=object),
        "times": lambda: [
            np.datetime64("2024-02-29T12", "h"),
            np.timedelta64(90, "m"),
            np.arange("2020-01", "2020-04", dtype="M8[M]"),
        ],
        "generators": lambda: [
            np.random.default_rng(7),
            np.random.Generator(np.random.Philox(3)),
            np.random.Generator(np.random.SFC64(1)),
            np.random.SeedSequence(1),
        ],
        "state": lambda: {
            "rng": np.random.RandomState(3),  # noqa: NPY002
            "bits": np.random.default_rng(2).bit_generator.state,
        },
        "polynomial": lambda: [
            np.polynomial.Chebyshev([1, 2, 3]),
            np.polynomial.Polynomial.fit([0, 1, 2], [1, 3, 7], 2),
            np.poly1d([1, 0, -1]),
            np.polynomial.Hermite([1]),
        ],
        "scalars": lambda: {
            "acc": np.float64(0.93),
            "n": np.int32(4),
            "flag": np.bool_(True),
            "half": np.float16(0.5),
            "c": np.complex64(1j),
            "u": np.uint8(255),
            "s": np.str_("x"),
            "b": np.bytes_(b"y"),
            "nan": np.nan,
        },
        "limits": lambda: [np.finfo(np.float32), np.iinfo(np.int8)],
        "dtypes": lambda: {
            "f": np.dtype("float32"),
            "c": np.float64,
            "s": row,
            "o": np.dtype("O"),
            "be": np.dtype(">u2"),
            "t": np.dtype("M8[ns]"),
            "i": np.integer,
        },
        "functions": lambda: {
            "agg": [np.mean, np.std, np.nanmax, np.percentile, np.median],
            "act": np.tanh,
            "max": np.maximum,
            "add": np.add.reduce,
            "dot": np.dot,
        },
        "vectorized": lambda: np.vectorize(math.sqrt),
        "index": lambda: [np.s_[1:3, ::2], np.ix_([0, 1], [1]), np.newaxis, np.nonzero([1, 0])],
        "matrix": lambda: np.matrix("1 2; 3 4"),
        "broadcast": lambda: [np.broadcast_to([1, 2], (3, 2)), np.arange(9).reshape(3, 3)[::-1, 1]],
        "linalg": lambda: [
            np.linalg.svd(np.eye(3)),
            np.linalg.eigh(np.eye(2)),
            np.linalg.slogdet(np.eye(2)),
        ],
        "unique": lambda: [np.unique_counts([1, 1, 2]), np.histogram([1, 2, 2], 2)],
        "long": lambda: [np.longdouble(1.5), np.clongdouble(1j)],
        "npz": lambda: dict(enumerate(np.array_split(np.arange(7), 3))),
        "warnings": lambda: [np.exceptions.AxisError("bad"), np.linalg.LinAlgError("singular")],
        "errstate": lambda: np.geterr(),
        "chars": lambda: np.char.array(["ab", "c"]),
        "strings": lambda: np.array(["ab", "c"], dtype=np.dtypes.StringDType(na_object=None)),
    }
    yield from possible({f"pickled_{name}": make for name, make in things.items()}, kept)


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


def text_files() -> Iterator[File]:
    """gensim and nltk, vocabularies and corpora."""
    import gensim
    import nltk
    from gensim import corpora, models, similarities
    from nltk import classify, lm, probability, stem, tag, tokenize

    words = [line.replace(",", "").split() for line in REVIEWS]
    dictionary = corpora.Dictionary(words)
    bags = [dictionary.doc2bow(line) for line in words]
    tagged = [[("the", "DT"), ("battery", "NN"), ("lasts", "VB")], [("good", "JJ"), ("day", "NN")]]
    labelled = [({"good": True, "n": 3}, "pos"), ({"good": False, "n": 2}, "neg")] * 2

    def counted() -> Any:
        train, vocabulary = lm.preprocessing.padded_everygram_pipeline(2, words[:4])
        out = lm.KneserNeyInterpolated(2)
        out.fit(train, vocabulary)
        return out

    def maximum() -> Any:
        train, vocabulary = lm.preprocessing.padded_everygram_pipeline(2, words[:4])
        out = lm.MLE(2)
        out.fit(train, vocabulary)
        return out

    def brill() -> Any:
        trainer = tag.BrillTaggerTrainer(tag.UnigramTagger(tagged), tag.brill.fntbl37())
        return trainer.train(tagged, max_rules=2)

    def perceptron() -> Any:
        out = tag.PerceptronTagger(load=False)
        out.train(tagged, nr_iter=1)
        return out

    def own_save(label: str, make: Make) -> Iterator[File]:
        with tempfile.TemporaryDirectory() as folder:
            made(make).save(str(Path(folder) / "gensim.model"))
            yield from read_back(Path(folder), label)

    learned: dict[str, Make] = {
        "word2vec": lambda: models.Word2Vec(words, vector_size=6, min_count=1, sg=1),
        "word2vec_hs": lambda: models.Word2Vec(words, vector_size=4, min_count=1, hs=1, negative=0),
        "doc2vec": lambda: models.Doc2Vec(
            [models.doc2vec.TaggedDocument(w, [f"d{i}"]) for i, w in enumerate(words)],
            vector_size=4,
            min_count=1,
        ),
        "fasttext": lambda: models.FastText(words, vector_size=4, min_count=1, bucket=30),
        "vectors": lambda: models.Word2Vec(words, vector_size=4, min_count=1).wv,
        "lda": lambda: models.LdaModel(bags, 2, dictionary, iterations=5),
        "lda_workers": lambda: models.LdaMulticore(bags, 2, dictionary, workers=1),
        "lsi": lambda: models.LsiModel(bags, 2, dictionary),
        "hdp": lambda: models.HdpModel(bags, dictionary),
        "nmf": lambda: models.Nmf(bags, 2, dictionary),
        "tfidf": lambda: models.TfidfModel(bags, smartirs="ntc"),
        "bm25": lambda: models.OkapiBM25Model(dictionary=dictionary),
        "phrases": lambda: models.Phrases(words, min_count=1, threshold=1),
        "phraser": lambda: models.phrases.Phraser(models.Phrases(words, min_count=1, threshold=1)),
        "dictionary": lambda: dictionary,
        "similarity": lambda: similarities.MatrixSimilarity(bags, num_features=len(dictionary)),
        "similarity_sparse": lambda: similarities.SparseMatrixSimilarity(
            bags, num_features=len(dictionary)
        ),
        "projections": lambda: models.RpModel(bags, dictionary, 3),
        "entropy": lambda: models.LogEntropyModel(bags),
    }
    yield from possible(learned, own_save)
    things: dict[str, Make] = {
        **{f"pickled_{name}": make for name, make in learned.items()},
        "topics": lambda: {
            "dictionary": dictionary,
            "corpus": bags,
            "lda": models.LdaModel(bags, 2, dictionary, iterations=2),
            "labels": {0: "sound", 1: "power"},
        },
        "tagged_documents": lambda: [models.doc2vec.TaggedDocument(["a", "b"], [1])],
        "frequencies": lambda: nltk.FreqDist(w for line in words for w in line),
        "conditional": lambda: nltk.ConditionalFreqDist(nltk.bigrams(words[0])),
        "bayes": lambda: nltk.NaiveBayesClassifier.train(labelled),
        "tree": lambda: nltk.DecisionTreeClassifier.train(labelled, entropy_cutoff=0),
        "maxent": lambda: nltk.MaxentClassifier.train(labelled, max_iter=2, trace=0),
        "positive": lambda: classify.PositiveNaiveBayesClassifier.train(
            [{"a": True}], [{"a": False}, {"b": True}]
        ),
        "scikit": lambda: classify.SklearnClassifier(
            __import__("sklearn.naive_bayes", fromlist=["x"]).BernoulliNB()
        ).train(labelled),
        "taggers": lambda: tag.BigramTagger(
            tagged, backoff=tag.UnigramTagger(tagged, backoff=tag.DefaultTagger("NN"))
        ),
        "regexp_tagger": lambda: tag.RegexpTagger([(r".*ing$", "VBG"), (r".*", "NN")]),
        "affix": lambda: tag.AffixTagger(tagged, affix_length=-2, min_stem_length=0),
        "brill": brill,
        "perceptron": perceptron,
        "hmm_tagger": lambda: tag.hmm.HiddenMarkovModelTagger.train(tagged),
        "tnt": lambda: (lambda t: (t.train(tagged), t)[1])(tag.tnt.TnT()),
        "stemmers": lambda: [
            stem.PorterStemmer(),
            stem.SnowballStemmer("english"),
            stem.LancasterStemmer(),
            stem.RegexpStemmer("ing$"),
            stem.ISRIStemmer(),
        ],
        "lemmatizer": lambda: stem.WordNetLemmatizer(),
        "tokenizers": lambda: [
            tokenize.TweetTokenizer(),
            tokenize.TreebankWordTokenizer(),
            tokenize.RegexpTokenizer(r"\w+|\$"),
            tokenize.WhitespaceTokenizer(),
            tokenize.MWETokenizer([("a", "lot")]),
            tokenize.SpaceTokenizer(),
        ],
        "punkt": lambda: tokenize.punkt.PunktTrainer(
            "Dr. Who came. He left. Mr. X stayed."
        ).get_params(),
        "punkt_tokenizer": lambda: tokenize.PunktSentenceTokenizer("Dr. Who came. He left."),
        "language": counted,
        "maximum": maximum,
        "vocabulary": lambda: lm.Vocabulary(["a", "b", "a"], unk_cutoff=2),
        "grammar": lambda: nltk.CFG.fromstring("S -> NP V\nNP -> 'dogs'\nV -> 'bark'"),
        "parse": lambda: nltk.Tree.fromstring("(S (NP (N dogs)) (VP bark))"),
        "chunker": lambda: nltk.RegexpParser("NP: {<DT>?<NN>}"),
        "collocations": lambda: nltk.BigramCollocationFinder.from_words(words[0]),
        "probability": lambda: [
            probability.LidstoneProbDist(nltk.FreqDist("aab"), 0.1, 5),
            probability.MLEProbDist(nltk.FreqDist("ab")),
        ],
        "text": lambda: nltk.Text(words[0]),
        "ngrams": lambda: list(nltk.ngrams(words[0], 3)),
        "markov": lambda: collections.defaultdict(list, {("a", "b"): ["c"]}),
        "nested_counts": lambda: collections.defaultdict(
            collections.Counter, {"the": collections.Counter({"dog": 3})}
        ),
        "vocab": lambda: {
            "stoi": {w: i for i, w in enumerate(WORDS)},
            "itos": WORDS,
            "freqs": collections.Counter(w for line in words for w in line),
            "specials": ("<pad>", "<unk>"),
            "pattern": re.compile(r"[^a-z ]+", re.I),
        },
        "char_map": lambda: ({c: i for i, c in enumerate(sorted(set("".join(REVIEWS))))}, "\n"),
        "translate": lambda: {
            "table": str.maketrans("", "", string.punctuation),
            "clean": [str.lower, str.strip, html.unescape, unicodedata.normalize],
        },
        "glove": lambda: {"king": array.array("f", [0.1, 0.2]), "queen": array.array("f", [0.3])},
        "index": lambda: {
            "postings": collections.defaultdict(set, {"a": {1, 2}}),
            "lengths": [3, 4],
            "idf": {"a": math.log(2)},
            "titles": ("A", "B"),
        },
        "utils": lambda: [gensim.utils.simple_preprocess, gensim.parsing.preprocessing.STOPWORDS],
    }
    yield from possible(things, kept)


def standard_files() -> Iterator[File]:
    """Values of Python's own library."""

    def logger() -> Any:
        return {"logger": logging.getLogger("train.val"), "level": logging.getLevelName(20)}

    def record() -> Any:
        return logging.LogRecord("a", 20, "x.py", 3, "loss %f", (0.5,), None)

    def answered() -> Any:
        out: queue.PriorityQueue[Any] = queue.PriorityQueue()
        out.put((1, "a"))
        return list(out.queue)

    def recursive() -> Any:
        out: list[Any] = [1, {"k": (2,)}]
        out.append(out)
        return out

    when = datetime.datetime(2024, 3, 31, 2, 30, fold=1)
    things: dict[str, Make] = {
        "settings": lambda: types.SimpleNamespace(
            lr=1e-3, model=types.SimpleNamespace(depth=3), out=Path("runs"), seed=random.Random(3)
        ),
        "namespace": lambda: argparse.Namespace(lr=0.1, device="cuda:0", tags={"a"}, fn=max),
        "paths": lambda: {
            "root": Path("/data"),
            "files": [Path("a.png"), pathlib.PureWindowsPath(r"C:\x"), pathlib.PurePosixPath("b")],
        },
        "times": lambda: [
            when,
            when.date(),
            when.time(),
            datetime.timedelta(days=2),
            when.replace(tzinfo=datetime.UTC),
            datetime.timezone(datetime.timedelta(hours=5.5), "IST"),
            when.replace(tzinfo=zoneinfo.ZoneInfo("America/New_York")),
            datetime.UTC,
        ],
        "clock": lambda: [time.gmtime(0), time.struct_time((2020, 1, 1, 0, 0, 0, 2, 1, 0)), 1.5e9],
        "numbers": lambda: [
            fractions.Fraction(3, 7),
            decimal.Decimal("NaN"),
            1 + 2j,
            10**40,
            -0.0,
            decimal.Context(prec=5),
            math.pi,
            cmath.infj,
            True,
            0xFFFFFFFF,
        ],
        "ids": lambda: {
            uuid.UUID(int=5): ipaddress.ip_address("::1"),
            "net": ipaddress.ip_network("192.168.0.0/24"),
            "safe": uuid.uuid3(uuid.NAMESPACE_URL, "x"),
        },
        "enums": lambda: [
            http.HTTPStatus.OK,
            signals.Signals.SIGTERM,
            re.RegexFlag.IGNORECASE,
            socket.AddressFamily.AF_INET,
            uuid.SafeUUID.unknown,
            http.HTTPMethod.GET,
            datetime.UTC,
            enum.auto,
        ],
        "patterns": lambda: {
            "number": re.compile(r"\d+(\.\d+)?"),
            "word": re.compile("^(?P<w>[a-z]+)$", re.M | re.X),
            "bytes": re.compile(rb"\x00+"),
        },
        "containers": lambda: [
            collections.deque([1, 2], 5),
            collections.OrderedDict(a=1),
            collections.Counter("hello"),
            collections.ChainMap({"a": 1}, {}),
            collections.defaultdict(int, a=1),
            collections.defaultdict(list),
            collections.defaultdict(dict),
            collections.UserList([1]),
            collections.UserString("x"),
            frozenset({1}),
            {2},
        ],
        "defaults": lambda: collections.defaultdict(
            functools.partial(collections.defaultdict, int),
            {"a": collections.defaultdict(int, b=1)},
        ),
        "arrays": lambda: [
            array.array("f", [0.5]),
            array.array("L", [1]),
            array.array("u", "ab"),
            array.array("b", [-1]),
            bytearray(b"raw"),
            b"bytes",
        ],
        "odd": lambda: [
            range(0, 10, 3),
            slice(None, 5),
            ...,
            NotImplemented,
            None,
            type(None),
            object(),
            complex(0, -0.0),
            memoryview,
            float("inf"),
        ],
        "partials": lambda: {
            "int": functools.partial(int, base=16),
            "round": functools.partial(round, ndigits=2),
            "join": functools.partial(os.path.join, "data"),
            "sorted": functools.partial(sorted, key=operator.itemgetter(1), reverse=True),
        },
        "operators": lambda: [
            operator.itemgetter("loss"),
            operator.itemgetter(0, 2),
            operator.attrgetter("shape"),
            operator.methodcaller("split", ","),
            operator.lt,
            operator.mul,
            operator.neg,
            operator.contains,
        ],
        "functions": lambda: [
            len,
            max,
            min,
            sum,
            sorted,
            abs,
            round,
            isinstance,
            zip,
            map,
            filter,
            math.log,
            math.exp,
            os.path.basename,
            json.loads,
            str.upper,
            random.random,
            statistics.mean,
            itertools.product,
            heapq.heappush,
            hash,
            id,
            print,
        ],
        "classes": lambda: [
            int,
            float,
            str,
            list,
            dict,
            set,
            tuple,
            bool,
            bytes,
            object,
            type,
            Exception,
            collections.OrderedDict,
            datetime.datetime,
            decimal.Decimal,
            Path,
            uuid.UUID,
            re.Pattern,
            enum.Enum,
        ],
        "methods": lambda: [
            "".join,
            "a-b".split,
            {"a": 1}.get,
            [3].index,
            "x".upper,
            (1).__add__,
            random.Random(1).choice,
            datetime.datetime.strptime,
            dict.fromkeys,
            str.maketrans,
            re.compile("a").sub,
            collections.Counter("a").most_common,
        ],
        "errors": lambda: [
            ValueError("bad shape"),
            FileNotFoundError(2, "No such file", "a.txt"),
            KeyError("k"),
            json.JSONDecodeError("msg", "doc", 0),
            TimeoutError(),
            subprocess.CalledProcessError(1, ["ls"]),
            AssertionError("x"),
            UnicodeDecodeError("utf8", b"a", 0, 1, "r"),
            asyncio.CancelledError(),
            concurrent.futures.TimeoutError(),
            StopIteration(3),
            MemoryError(),
            ExceptionGroup("many", [ValueError(1)]),
            RuntimeWarning("w"),
            csv.Error("line"),
            zipfile.BadZipFile("x"),
            KeyboardInterrupt(),
        ],
        "errors_two": lambda: [
            subprocess.TimeoutExpired(["a"], 3),
            OSError("x"),
            ImportError("no torch", name="torch"),
            ModuleNotFoundError("x"),
            SyntaxError("bad", ("a.py", 1, 2, "x")),
            argparse.ArgumentTypeError("x"),
            TimeoutError(),
            decimal.InvalidOperation(),
            locale.Error("x"),
            queue.Empty(),
            NotADirectoryError(),
            tokenize.TokenError("x", (1, 2)),
            asyncio.QueueFull(),
        ],
        "random": lambda: {"rng": random.Random(42), "state": random.getstate(), "sys": "none"},
        "logging": logger,
        "record": record,
        "handlers": lambda: [
            logging.Formatter("%(levelname)s"),
            logging.Filter("a"),
            logging.LoggerAdapter(logging.getLogger("a"), {"run": 1}),
        ],
        "templates": lambda: [string.Template("$name is $age"), string.Formatter()],
        "queue": answered,
        "machine": lambda: {
            "uname": platform.uname(),
            "size": os.terminal_size((80, 24)),
            "stat": os.stat("."),
            "times": os.times(),
            "env": {"CUDA_VISIBLE_DEVICES": "0"},
        },
        "tuples": lambda: [
            urllib.parse.urlsplit("https://a.invalid/b?c#d"),
            inspect_spec(),
            statistics.linear_regression([1, 2], [2, 4]),
            tokenize.TokenInfo(1, "a", (1, 0), (1, 1), "a"),
            urllib.parse.ParseResult("s", "n", "p", "", "", ""),
        ],
        "syntax": lambda: ast.parse("a = [1, b + 'x']\nprint(a)"),
        "hints": lambda: [
            typing.Optional[int],  # noqa: UP045
            dict[str, list[float]],
            typing.Callable[[int], str],
            int | None,
            typing.Literal["a", "b"],
            typing.Any,
            typing.Sequence[int],
        ],
        "fields": lambda: [dataclasses.asdict, dataclasses.field],
        "iterators": lambda: [
            iter([1, 2]),
            enumerate(["a"]),
            zip([1], [2], strict=False),
            reversed([1, 2]),
            itertools.count(5),
            itertools.repeat(1, 3),
            map(len, ["a"]),
            iter({1}),
            itertools.islice(itertools.count(), 2),
            iter(range(3)),
            iter("ab"),
            iter({"a": 1}),
        ],
        "streams": lambda: [io.BytesIO(b"\x89PNG"), io.StringIO("a,b\n1,2\n")],
        "encoded": lambda: {
            "b64": base64.b64encode(b"abc"),
            "sha": hashlib.sha256(b"").hexdigest(),
            "codec": codecs.lookup("utf-8"),
            "q": shlex.split("a 'b c'"),
        },
        "csv": lambda: list(csv.DictReader(io.StringIO("a,b\n1,2\n"))),
        "distribution": lambda: statistics.NormalDist.from_samples([1.0, 2.0, 4.0]),
        "recursive": recursive,
        "deep": lambda: functools.reduce(lambda a, i: {"left": a, "right": i}, range(60), None),
        "long_list": lambda: [
            {"id": i, "text": f"row {i}", "score": i / 7, "ok": i % 2 == 0, "tags": (f"t{i % 5}",)}
            for i in range(3000)
        ],
        "trie": lambda: {"a": {"b": {"$": 1}, "c": {"$": 2}}},
        "graph": lambda: collections.defaultdict(set, {i: {i + 1, i * 2} for i in range(40)}),
        "cache": lambda: {("f", 1, frozenset({("lr", 0.1)})): (0.5, None), b"key": "value"},
        "surrogates": lambda: ["\ud83d\ude00", "\U0001f600", "na\u00efve", "\x00", "\r\n"],
        "proxy": lambda: [
            types.SimpleNamespace(),
            types.GenericAlias(list, (int,)),
            copy.copy,
            copy.deepcopy,
        ],
    }
    yield from possible(things, kept)


def inspect_spec() -> Any:
    """What a function of the standard library takes."""
    import inspect

    return inspect.getfullargspec(os.path.join)


def picture_files() -> Iterator[File]:
    """Figures, images, graphs, symbols."""
    import numpy as np

    def figures() -> Pairs:
        import matplotlib

        matplotlib.use("agg")
        from matplotlib import cm, colors, ticker
        from matplotlib import pyplot as plt

        def lines() -> Any:
            figure, axes = plt.subplots()
            axes.plot([0, 1], [0.9, 0.4], label="loss")
            axes.legend()
            axes.set_title("training")
            plt.close(figure)
            return figure

        def bars() -> Any:
            figure, axes = plt.subplots(1, 2)
            axes[0].bar(["a", "b"], [1, 2])
            axes[1].imshow(np.eye(4), cmap="viridis")
            axes[1].scatter([1, 2], [1, 2], c=[0.1, 0.2])
            plt.close(figure)
            return figure

        yield "lines", lines
        yield "bars", bars
        yield (
            "colormap",
            lambda: [
                cm.viridis,
                colors.ListedColormap(["r", "g"]),
                colors.Normalize(0, 1),
                colors.LogNorm(1, 10),
                colors.LinearSegmentedColormap.from_list("x", ["b", "w"]),
            ],
        )
        yield (
            "ticks",
            lambda: [ticker.MaxNLocator(5), ticker.PercentFormatter(), plt.rcParams["axes.grid"]],
        )

    def charts() -> Pairs:
        import plotly.graph_objects as go

        yield "scatter", lambda: go.Figure(go.Scatter(x=[1, 2], y=[3, 4]), layout={"title": "t"})
        yield "heatmap", lambda: go.Figure([go.Heatmap(z=[[1, 2], [3, 4]])])

    def images() -> Pairs:
        from PIL import Image, ImageEnhance

        picture = Image.fromarray(np.arange(48, dtype="u1").reshape(4, 4, 3))
        yield "rgb", lambda: picture
        yield "list", lambda: [(picture.convert("L"), 0), (picture.convert("RGBA"), 1)]
        yield "modes", lambda: {m: picture.convert(m) for m in ("1", "P", "CMYK", "F", "HSV")}
        yield (
            "resample",
            lambda: [Image.Resampling.BILINEAR, Image.Transpose.ROTATE_90, ImageEnhance.Color],
        )

    def graphs() -> Pairs:
        import networkx as nx

        yield "social", lambda: nx.karate_club_graph()
        yield "weighted", lambda: nx.from_numpy_array(np.array([[0, 0.5], [0.5, 0]]))
        yield "directed", lambda: nx.DiGraph([("a", "b", {"w": np.float32(2)})], name="deps")
        yield "multi", lambda: nx.MultiDiGraph([(1, 2), (1, 2)])
        yield "pagerank", lambda: nx.pagerank(nx.path_graph(4))
        yield (
            "views",
            lambda: [nx.path_graph(3).degree, nx.path_graph(3).nodes, nx.path_graph(3).edges],
        )
        yield "subgraph", lambda: nx.path_graph(5).subgraph([1, 2, 3])
        yield "positions", lambda: nx.spring_layout(nx.path_graph(3), seed=1)

    def symbols() -> Pairs:
        import mpmath
        import sympy as sp

        a, b = sp.symbols("a b", positive=True)
        yield "formula", lambda: sp.integrate(sp.sin(a) * sp.exp(-a), a)
        yield "equation", lambda: [sp.Eq(a + b, 3), sp.Rational(1, 3), sp.pi, sp.oo, sp.I * a]
        yield "matrix", lambda: sp.Matrix([[a, 1], [0, b]])
        yield "function", lambda: sp.Function("f")(a).diff(a)
        yield "piecewise", lambda: sp.Piecewise((a, a > 1), (b, True))
        yield "mp", lambda: mpmath.mpf("1.5")

    def networks() -> Pairs:
        import torch
        import torch_geometric as pyg

        edges = torch.tensor([[0, 1, 2], [1, 2, 0]])
        item = pyg.data.Data(x=torch.randn(3, 4), edge_index=edges, y=torch.tensor([0]), name="m1")
        yield "data", lambda: [item, item.clone()]
        yield "batch", lambda: pyg.data.Batch.from_data_list([item, item])
        yield "hetero", lambda: pyg.data.HeteroData(user={"x": torch.ones(2, 1)})
        yield "gcn", lambda: pyg.nn.GCN(4, 8, 2, 2)
        yield "sage", lambda: pyg.nn.GraphSAGE(4, 8, 2, dropout=0.2, act="elu")
        yield "gat", lambda: pyg.nn.GATConv(4, 8, heads=2)
        yield "gin", lambda: pyg.nn.GINConv(torch.nn.Linear(4, 4), train_eps=True)
        yield "sequential", lambda: pyg.nn.Sequential("x, e", [(pyg.nn.GCNConv(4, 2), "x, e -> x")])
        yield (
            "transforms",
            lambda: pyg.transforms.Compose(
                [pyg.transforms.AddSelfLoops(), pyg.transforms.RandomNodeSplit()]
            ),
        )
        yield "node2vec", lambda: pyg.nn.MLP([4, 8, 2])
        yield "saved", lambda: (item.to_dict(), {"x": slice(0, 3)})

    for part in (figures, charts, images, graphs, symbols, networks):
        try:
            things = {f"{part.__name__}_{n}": make for n, make in part()}
        except ImportError:  # not installed
            continue
        yield from possible(things, trained if part is networks else kept)


def study_files() -> Iterator[File]:
    """Searches of parameters, configurations, processes, records of experiments."""
    import numpy as np

    def studies() -> Pairs:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)

        def study(**options: Any) -> Any:
            out = optuna.create_study(**options)
            for i in range(3):
                trial = out.ask(
                    {
                        "lr": optuna.distributions.FloatDistribution(1e-5, 1, log=True),
                        "n": optuna.distributions.IntDistribution(1, 8),
                        "act": optuna.distributions.CategoricalDistribution(["a", "b"]),
                    }
                )
                if len(out.directions) == 1:
                    trial.report(0.5 + i, 1)
                out.tell(trial, [0.5 * i] * len(out.directions))
            return out

        yield "tpe", lambda: study(study_name="a", sampler=optuna.samplers.TPESampler(seed=1))
        yield "pruned", lambda: study(direction="maximize", pruner=optuna.pruners.HyperbandPruner())
        yield (
            "cma",
            lambda: study(
                sampler=optuna.samplers.RandomSampler(), pruner=optuna.pruners.MedianPruner(2)
            ),
        )
        yield (
            "multi",
            lambda: study(
                directions=["minimize", "maximize"], sampler=optuna.samplers.NSGAIISampler(seed=0)
            ),
        )
        yield "best", lambda: study(sampler=optuna.samplers.RandomSampler(1)).best_trial
        yield "params", lambda: study(sampler=optuna.samplers.RandomSampler(1)).best_params
        yield "table", lambda: study(sampler=optuna.samplers.RandomSampler(1)).trials_dataframe()

    def searches() -> Pairs:
        import skopt
        from sklearn.svm import SVC

        x, y = numbers()
        yield (
            "minimize",
            lambda: skopt.gp_minimize(
                np.linalg.norm, [(-1.0, 1.0)], n_calls=3, n_initial_points=2, random_state=1
            ),
        )
        yield (
            "forest",
            lambda: skopt.forest_minimize(
                np.linalg.norm, [(-1.0, 1.0)], n_calls=3, n_initial_points=2, random_state=1
            ),
        )
        yield (
            "bayes",
            lambda: skopt.BayesSearchCV(
                SVC(), {"C": (0.1, 1.0, "log-uniform")}, n_iter=2, cv=2, random_state=1
            ).fit(x, y),
        )
        yield (
            "space",
            lambda: skopt.Space(
                [skopt.space.Real(0, 1), skopt.space.Categorical(["a"]), skopt.space.Integer(1, 4)]
            ),
        )

    def configurations() -> Pairs:
        import yaml
        from omegaconf import OmegaConf

        yield (
            "omega",
            lambda: OmegaConf.create(
                {
                    "model": {"dim": 8, "act": "gelu"},
                    "steps": [1, 2],
                    "out": "${model.act}",
                    "none": None,
                }
            ),
        )
        yield (
            "omega_ckpt",
            lambda: {
                "cfg": OmegaConf.create({"lr": 0.1, "path": Path("a")}),
                "step": 3,
                "list": OmegaConf.create([1, "a"]),
            },
        )
        yield "yaml", lambda: yaml.safe_load("a: 1\nb: [2020-01-01, x]\nc: !!set {a, b}")

    def processes() -> Pairs:
        import gpytorch
        import pyro
        import torch

        points = torch.linspace(0, 1, 5)
        yield (
            "likelihood",
            lambda: gpytorch.likelihoods.GaussianLikelihood(
                noise_constraint=gpytorch.constraints.GreaterThan(1e-4)
            ),
        )
        yield (
            "kernel",
            lambda: gpytorch.kernels.ScaleKernel(
                gpytorch.kernels.MaternKernel(
                    1.5, ard_num_dims=2, lengthscale_prior=gpytorch.priors.GammaPrior(3.0, 6.0)
                )
            ),
        )
        yield "posterior", lambda: gpytorch.distributions.MultivariateNormal(points, torch.eye(5))
        yield "gp_state", lambda: gpytorch.kernels.RBFKernel().state_dict()
        yield (
            "pyro_store",
            lambda: (
                pyro.clear_param_store(),
                pyro.param("w", torch.ones(2), constraint=pyro.distributions.constraints.positive),
                pyro.get_param_store().get_state(),
            )[2],
        )
        yield "pyro_samples", lambda: {"mu": torch.randn(10), "sigma": torch.rand(10)}
        yield "pyro_dist", lambda: pyro.distributions.Normal(0.0, 1.0).expand([3]).to_event(1)
        yield "pyro_optim", lambda: pyro.optim.Adam({"lr": 0.01}).get_state()

    def records() -> Pairs:
        import attrs
        import networkx as nx
        import requests
        import rich.text
        import tqdm
        from packaging import version
        from pydantic import SecretStr
        from pydantic_core import Url

        yield "version", lambda: [version.Version("2.1.0+cu118"), version.parse("1.0rc1")]
        yield "response", lambda: requests.Response()
        yield "session", lambda: requests.Session()
        yield "headers", lambda: requests.structures.CaseInsensitiveDict({"A": "b"})
        yield "cookies", lambda: requests.cookies.cookiejar_from_dict({"a": "b"})
        yield "attrs", lambda: [attrs.validators.instance_of(int), attrs.converters.optional]
        yield "rich", lambda: rich.text.Text("done", style="bold")
        yield "bar", lambda: tqdm.tqdm
        yield "secret", lambda: [SecretStr("x"), Url("https://a.invalid/")]
        yield "tree", lambda: nx.random_labeled_tree(5, seed=1)

    def experiments() -> Pairs:
        import accelerate
        import huggingface_hub
        from PIL import Image

        yield (
            "kwargs",
            lambda: [
                accelerate.DistributedDataParallelKwargs(find_unused_parameters=True),
                accelerate.GradScalerKwargs(),
            ],
        )
        yield "plugin", lambda: accelerate.utils.GradientAccumulationPlugin(4)
        yield "card", lambda: huggingface_hub.ModelCardData(license="mit", tags=["a"])
        yield "thumbnails", lambda: {"img": Image.new("RGB", (3, 3)), "y": np.int64(1)}
        yield "step", lambda: {"time": 0, "mem": [1024, 2048], "p": math.inf}

    for part in (studies, searches, configurations, processes, records, experiments):
        try:
            things = {f"{part.__name__}_{n}": make for n, make in part()}
        except ImportError:  # not installed
            continue
        yield from possible(things, trained if part is processes else kept)


PEOPLE: dict[str, Callable[[], Iterator[File]]] = {
    "people-competitions": competition_files,
    "people-estimators": estimator_files,
    "people-services": service_files,
    "people-loops": loop_files,
    "people-modules": module_files,
    "people-data": data_files,
    "people-hub": hub_files,
    "people-adapters": adapter_files,
    "people-lightning": lightning_files,
    "people-agents": agent_files,
    "people-statistics": statistic_files,
    "people-boosting": boosting_files,
    "people-science": science_files,
    "people-arrays": array_files,
    "people-frames": frame_files,
    "people-text": text_files,
    "people-standard": standard_files,
    "people-pictures": picture_files,
    "people-studies": study_files,
}
