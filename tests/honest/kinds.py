"""A fourth group: kinds of things that no maker before had, written before any was scanned.

What programs keep around a model: parsers and loggers of the standard library, results of solvers
and tests, splitters and scorers, samplers and schedulers, buffers of agents, images, studies, and
models saved by dill and cloudpickle.
"""

from __future__ import annotations

import argparse
import calendar
import collections
import configparser
import datetime
import difflib
import email.message
import functools
import graphlib
import http.cookies
import inspect
import io
import ipaddress
import itertools
import json
import logging
import operator
import optparse
import re
import statistics
import string
import textwrap
import types
import typing
import urllib.parse
import zoneinfo
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.honest.writers import File, Make, few, made, possible, torch_files


def standard_files() -> Iterator[File]:
    """Python's own library."""

    def settings() -> configparser.ConfigParser:
        parser = configparser.ConfigParser()
        parser.read_string("[train]\nlr = 0.1\n[data]\npath = x\n")
        return parser

    def options() -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser("train")
        parser.add_argument("--lr", type=float, default=0.1, help="rate")
        parser.add_argument("--mode", choices=["a", "b"])
        parser.add_argument("--fast", action="store_true")
        return parser

    def message() -> email.message.Message:
        mail = email.message.Message()
        mail["Subject"] = "model card"
        mail.set_payload("text")
        return mail

    def sorter() -> graphlib.TopologicalSorter[str]:
        return graphlib.TopologicalSorter({"b": {"a"}, "c": {"b"}})

    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    things: dict[str, Make] = {
        "settings": settings,
        "options": options,
        "optparse": lambda: optparse.Values({"lr": 0.1}),
        "message": message,
        "cookie": lambda: http.cookies.SimpleCookie("a=b"),
        "url": lambda: urllib.parse.urlparse("https://models.invalid/a?b=c"),
        "wrapper": lambda: textwrap.TextWrapper(width=40),
        "matcher": lambda: difflib.SequenceMatcher(None, "abcd", "bcde"),
        "encoder": lambda: [json.JSONEncoder(indent=2), json.JSONDecodeError("x", "doc", 1)],
        "calendar": lambda: calendar.TextCalendar(),
        "normal": lambda: statistics.NormalDist(1, 2),
        "sorter": sorter,
        "logger": lambda: {"log": logging.getLogger("train"), "level": logging.INFO},
        "formatter": lambda: logging.Formatter("%(message)s"),
        "signature": lambda: inspect.signature(json.dumps),
        "template": lambda: [string.Template("$a"), string.Formatter()],
        "zoned": lambda: datetime.datetime(2024, 5, 6, 7, 8, tzinfo=zone),
        "networks": lambda: [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_interface("::1/64")],
        "patterns": lambda: [re.compile(r"\w+", re.IGNORECASE), re.compile(b"x"), re.MULTILINE],
        "partials": lambda: [functools.partial(int, base=2), functools.partial(max, default=0)],
        "operators": lambda: [operator.attrgetter("a", "b.c"), operator.methodcaller("strip"),
                              operator.itemgetter(1), operator.add, operator.mul],
        "methods": lambda: [str.lower, str.split, dict.get, "abc".upper, len, abs, print],
        "maps": lambda: [collections.ChainMap({"a": 1}, {"b": 2}), collections.UserDict(a=1)],
        "errors": lambda: [OSError(2, "gone"), KeyError("x"), UnicodeDecodeError("a", b"b", 0, 1,
                           "c"), configparser.NoSectionError("s"), ZeroDivisionError()],
        "hints": lambda: {"a": typing.List[int], "b": list[str], "c": typing.Optional[int],  # noqa: UP006,UP045
                          "d": dict[str, list[int]], "e": typing.Any},
        "nested": lambda: types.SimpleNamespace(a=types.SimpleNamespace(b=[1]), c={"d": 2}),
        "counting": lambda: [itertools.count(3), itertools.cycle("ab"), itertools.chain([1], [2])],
        "singletons": lambda: [type(None), type(...), type(NotImplemented), None, ...],
    }  # fmt: skip
    yield from possible({f"k_py_{name}": make for name, make in things.items()}, few)


def solver_files() -> Iterator[File]:
    """NumPy and SciPy: what solvers, tests and filters give, and rarer arrays."""
    import numpy as np
    from scipy import integrate, interpolate, optimize, signal, sparse, spatial, stats

    def kept() -> Any:
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            return np.memmap(Path(folder) / "a", dtype="f4", mode="w+", shape=(2, 2))

    x = np.linspace(0, 1, 12)
    points = np.random.default_rng(1).random((12, 2))
    square = [-1.0, 2.0]
    things: dict[str, Make] = {
        "memmap": kept,
        "lbfgs": lambda: optimize.minimize(lambda v: (v**2).sum(), square, method="L-BFGS-B"),
        "bfgs": lambda: optimize.minimize(lambda v: (v**2).sum(), square, method="BFGS"),
        "linear": lambda: optimize.linprog([1, 2], bounds=[(0, 1), (0, 1)]),
        "squares": lambda: optimize.least_squares(lambda v: v - 1, square),
        "root": lambda: optimize.root_scalar(lambda v: v - 0.5, bracket=(0, 1)),
        "curve": lambda: optimize.curve_fit(lambda t, a, b: a * t + b, x, 2 * x + 1),
        "bounds": lambda: [optimize.Bounds([0], [1]), optimize.LinearConstraint([[1]], 0, 1)],
        "ode": lambda: integrate.solve_ivp(lambda t, y: -y, (0, 1), [1.0], dense_output=True),
        "transfer": lambda: signal.TransferFunction([1], [1, 2]),
        "space": lambda: signal.StateSpace([[1.0]], [[1.0]], [[1.0]], [[0.0]]),
        "nearest": lambda: interpolate.NearestNDInterpolator(points, x),
        "spline2d": lambda: interpolate.RectBivariateSpline(x, x, np.outer(x, x)),
        "smoothing": lambda: interpolate.make_smoothing_spline(x, np.sin(x)),
        "kdtree": lambda: spatial.KDTree(points),
        "slerp": lambda: spatial.transform.Slerp(
            [0, 1], spatial.transform.Rotation.from_euler("x", [0, 1])),
        "ttest": lambda: stats.ttest_ind(x, x + 1),
        "pearson": lambda: stats.pearsonr(x, x**2),
        "multivariate": lambda: stats.multivariate_normal([0, 0], np.eye(2)),
        "gamma": lambda: [stats.gamma(2.0), stats.poisson(3), stats.beta(1, 2)],
        "histogram": lambda: stats.rv_histogram(np.histogram(x, bins=4)),
        "anova": lambda: [stats.f_oneway(x, x + 1), stats.kstest(x, "norm"), stats.shapiro(x)],
        "ecdf": lambda: stats.ecdf(x),
        "operator": lambda: sparse.linalg.aslinearoperator(np.eye(2)),
        "chars": lambda: np.char.array(["a", "bb"]),
        "strings": lambda: np.array(["a", "bb"], dtype=np.dtypes.StringDType()),
        "spawned": lambda: np.random.default_rng(3).spawn(2),
        "fields": lambda: np.ma.array(np.zeros(2, dtype=[("a", "f4")]), mask=[(True,), (False,)]),
        "functions": lambda: [np.mean, np.log1p, np.linalg.norm, np.float32, np.nanmedian],
    }  # fmt: skip
    yield from possible({f"k_sp_{name}": make for name, make in things.items()}, few)


def table_files() -> Iterator[File]:
    """pandas and xarray."""
    import numpy as np
    import pandas as pd

    frame = pd.DataFrame({"g": ["a", "b", "a"], "v": [1.0, 2.0, 3.0]})

    def described() -> Any:
        out = frame.copy()
        out.attrs["source"] = "made"
        return out

    things: dict[str, Make] = {
        "attrs": described,
        "small": lambda: frame.astype({"v": "Int8"}),
        "dtypes": lambda: dict(frame.dtypes),
        "category": lambda: pd.CategoricalDtype(["x", "y"], ordered=True),
        "grouped": lambda: frame.groupby("g"),
        "rolling": lambda: frame["v"].rolling(2),
        "bins": lambda: pd.cut(frame["v"], 2),
        "quarters": lambda: pd.period_range("2020", periods=3, freq="Q").to_frame(),
        "multi": lambda: frame.set_index(["g", "v"]),
        "stack": lambda: [frame.describe(), frame.dtypes, frame.columns, frame.index],
        "offsets": lambda: [pd.offsets.BusinessDay(2), pd.DateOffset(months=1), pd.Timedelta("1D")],
        "stamps": lambda: pd.to_datetime(["2020-01-01", None], utc=True),
        "float32": lambda: pd.array([1.5, None], dtype="Float32"),
        "named": lambda: pd.NamedAgg("v", "sum"),
        "grouper": lambda: pd.Grouper(key="g"),
    }

    def arrays() -> Iterator[tuple[str, Make]]:
        import xarray as xr

        yield "coords", lambda: xr.DataArray(np.ones((2, 2)), coords={"x": [1, 2]}, dims=("x", "y"))
        days = pd.date_range("2020", periods=3)
        yield "dates", lambda: xr.Dataset({"a": ("t", np.arange(3))}, coords={"t": days})

    things.update(arrays())
    yield from possible({f"k_pd_{name}": make for name, make in things.items()}, few)


def workflow_parts() -> Iterator[File]:
    """scikit-learn: splitters, scorers, data sets, functions in models; dill, cloudpickle."""
    import cloudpickle
    import dill
    import joblib
    import numpy as np
    import pandas as pd
    from sklearn import datasets, metrics, model_selection
    from sklearn.compose import TransformedTargetRegressor, make_column_selector
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.feature_selection import SelectKBest, f_classif, mutual_info_regression
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels
    from sklearn.inspection import permutation_importance
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neighbors import BallTree, KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    numbers = np.random.default_rng(1).random((24, 3))
    classes = np.array([0, 1] * 12)
    names = np.array(["no", "yes"])[classes]
    frame = pd.DataFrame(numbers, columns=list("abc"))
    words = ["a good film", "a bad film"] * 12
    fitted = LogisticRegression().fit(frame, names)
    kernel = kernels.RBF() + kernels.WhiteKernel() * kernels.ConstantKernel(2.0)
    things: dict[str, Make] = {
        "splits": lambda: [model_selection.KFold(3), model_selection.StratifiedKFold(2),
                           model_selection.TimeSeriesSplit(2), model_selection.GroupKFold(2)],
        "scores": lambda: model_selection.cross_validate(
            LogisticRegression(), numbers, classes, cv=2, return_estimator=True),
        "scorer": lambda: [metrics.make_scorer(metrics.f1_score, average="macro"),
                           metrics.get_scorer("roc_auc"), metrics.mean_squared_error],
        "iris": lambda: datasets.load_iris(),
        "digits": lambda: datasets.load_digits(n_class=2),
        "lower": lambda: TfidfVectorizer(preprocessor=str.lower, tokenizer=str.split).fit(words),
        "target": lambda: TransformedTargetRegressor(
            Ridge(), func=np.log1p, inverse_func=np.expm1).fit(numbers, numbers[:, 0]),
        "selector": lambda: make_column_selector(dtype_include=np.number),
        "best": lambda: [SelectKBest(f_classif, k=2).fit(numbers, classes),
                         SelectKBest(mutual_info_regression)],
        "kernels": lambda: GaussianProcessRegressor(kernel).fit(numbers, numbers[:, 0]),
        "importance": lambda: permutation_importance(fitted, frame, names, n_repeats=2),
        "metric": lambda: KNeighborsClassifier(metric="manhattan").fit(numbers, names),
        "ball": lambda: BallTree(numbers),
        "clip": lambda: make_pipeline(
            FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": 1}), StandardScaler()
        ).set_output(transform="pandas").fit(frame),
        "report": lambda: metrics.classification_report(classes, classes, output_dict=True),
        "record": lambda: {"model": fitted, "columns": list("abc"),
                           "made": datetime.date(2024, 1, 2),
                           "metrics": {"f1": np.float64(0.5)}, "classes": fitted.classes_},
    }  # fmt: skip
    yield from possible({f"k_sk_{name}": make for name, make in things.items()}, few)
    for name, value in (("fitted", fitted), ("record", made(things["record"]))):
        for writer in (dill, cloudpickle):
            yield File(f"k_{writer.__name__}_{name}.pkl", writer.dumps(value))
        out = io.BytesIO()
        joblib.dump(value, out)
        yield File(f"k_joblib_{name}.joblib", out.getvalue())


def training_parts() -> Iterator[File]:
    """torch: data sets, samplers, schedulers, modules that keep functions; transformers' parts."""
    import torch
    from torch import nn, optim
    from torch.utils import data

    linear = nn.Linear(3, 2)
    rows = data.TensorDataset(torch.ones(6, 3), torch.zeros(6))

    class_of: Callable[..., optim.Optimizer] = optim.AdamW
    optimizer = class_of(linear.parameters(), lr=0.1)
    linear(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    schedule = optim.lr_scheduler
    things: dict[str, Make] = {
        "subset": lambda: data.random_split(rows, [4, 2]),
        "concat": lambda: data.ConcatDataset([rows, rows]),
        "loader": lambda: data.DataLoader(rows, batch_size=2, shuffle=True),
        "samplers": lambda: [data.RandomSampler(rows), data.WeightedRandomSampler([0.5, 0.5], 2),
                             data.BatchSampler(data.SequentialSampler(rows), 2, False)],
        "sequential": lambda: schedule.SequentialLR(
            optimizer, [schedule.ConstantLR(optimizer),
                        schedule.ExponentialLR(optimizer, 0.9)], [2]),
        "onecycle": lambda: schedule.OneCycleLR(optimizer, 0.1, total_steps=10).state_dict(),
        "plateau": lambda: schedule.ReduceLROnPlateau(optimizer),
        "norm": lambda: {"norm": functools.partial(nn.LayerNorm, eps=1e-6), "act": nn.GELU},
        "functions": lambda: [torch.relu, torch.sigmoid, nn.functional.gelu, nn.functional.silu],
        "encoder": lambda: nn.TransformerEncoderLayer(8, 2, activation=torch.tanh),
        "losses": lambda: [nn.CrossEntropyLoss(torch.ones(2)), nn.TripletMarginLoss()],
        "spectral": lambda: nn.utils.spectral_norm(nn.Linear(3, 2)),
        "transforms": lambda: torch.distributions.TransformedDistribution(
            torch.distributions.Normal(0.0, 1.0), [torch.distributions.ExpTransform()]),
        "sizes": lambda: [torch.Size([2, 3]), torch.strided, torch.device("cuda:0"), torch.bool],
        "parallel": lambda: nn.DataParallel(linear).state_dict(),
        "mixed": lambda: {"scaler": torch.amp.GradScaler("cpu").state_dict(), "step": 3},
        "lists": lambda: nn.ModuleDict({"a": nn.ModuleList([linear]), "b": nn.ParameterList(
            [nn.Parameter(torch.ones(1))])}),
        "full": lambda: {"epoch": 1, "model": linear, "optimizer": optimizer, "loss": 0.5},
    }  # fmt: skip

    def others() -> Iterator[tuple[str, Make]]:
        import transformers
        from transformers import trainer_callback, trainer_utils

        yield "state", lambda: trainer_callback.TrainerState(epoch=1.0, global_step=5)
        yield "prediction", lambda: trainer_utils.EvalPrediction([1.0], [1])
        yield "interval", lambda: [trainer_utils.IntervalStrategy.STEPS,
                                   trainer_utils.SchedulerType.COSINE]  # fmt: skip
        yield "batch", lambda: transformers.BatchEncoding({"input_ids": [[1, 2]]})
        yield "generation", lambda: transformers.GenerationConfig(max_length=5)
        yield "tiny", lambda: transformers.BertModel(transformers.BertConfig(
            hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
            vocab_size=20))  # fmt: skip
        yield "features", lambda: transformers.WhisperFeatureExtractor()

    things.update(others())
    yield from possible({f"k_pt_{name}": make for name, make in things.items()}, torch_files)


def other_files() -> Iterator[File]:
    """Agents, graphs, text, images, statistics, studies."""
    import numpy as np

    def agents() -> Iterator[tuple[str, Make]]:
        import gymnasium as gym
        from stable_baselines3.common import buffers, noise, running_mean_std

        box = gym.spaces.Box(0, 1, (2,))
        yield "spaces", lambda: gym.spaces.Dict({"a": box, "b": gym.spaces.MultiDiscrete([2, 3])})
        yield "buffer", lambda: buffers.ReplayBuffer(4, box, gym.spaces.Discrete(2), device="cpu")
        yield "noise", lambda: noise.NormalActionNoise(np.zeros(2), np.ones(2))
        yield "mean", lambda: running_mean_std.RunningMeanStd(shape=(2,))

    def graphs() -> Iterator[tuple[str, Make]]:
        import networkx as nx
        import torch
        from torch_geometric import transforms
        from torch_geometric.data import Batch, Data

        item = Data(x=torch.ones(2, 1), edge_index=torch.tensor([[0, 1], [1, 0]]))
        yield "batch", lambda: Batch.from_data_list([item, item])
        yield "transforms", lambda: transforms.Compose(
            [transforms.NormalizeFeatures(), transforms.AddSelfLoops()])  # fmt: skip
        yield "directed", lambda: nx.DiGraph([(1, 2), (2, 3)])
        yield "multigraph", lambda: nx.MultiGraph([(1, 2), (1, 2)])

    def texts() -> Iterator[tuple[str, Make]]:
        import gensim
        import nltk
        import tokenizers

        words = [["a", "b", "c"], ["a", "b"]] * 5
        yield "vectors", lambda: gensim.models.Word2Vec(words, min_count=1, vector_size=4).wv
        yield "phrases", lambda: gensim.models.Phrases(words, min_count=1)
        yield "dictionary", lambda: gensim.corpora.Dictionary(words)
        yield "counts", lambda: nltk.ConditionalFreqDist([("a", "b"), ("a", "c")])
        yield "bayes", lambda: nltk.NaiveBayesClassifier.train([({"a": 1}, "x"), ({"a": 2}, "y")])
        yield "tagger", lambda: nltk.UnigramTagger([[("a", "X"), ("b", "Y")]])
        yield "punkt", lambda: nltk.tokenize.PunktSentenceTokenizer("One. Two. Three.")
        yield "tree", lambda: nltk.Tree.fromstring("(S (NP a) (VP b))")
        yield "wordlevel", lambda: tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, "a"))

    def images() -> Iterator[tuple[str, Make]]:
        from PIL import Image

        def opened() -> Any:
            out = io.BytesIO()
            Image.new("RGB", (2, 2)).save(out, "PNG")
            image = Image.open(out)
            image.load()
            return image

        yield "image", lambda: [Image.new("L", (2, 2)), Image.new("P", (2, 2))]
        yield "png", opened

    def statistics_of() -> Iterator[tuple[str, Make]]:
        import lifelines
        import statsmodels.api as sm

        rng = np.random.default_rng(1)
        x = sm.add_constant(rng.random((20, 2)))
        y = rng.random(20)
        yield "ols", lambda: sm.OLS(y, x).fit()
        yield "glm", lambda: sm.GLM(y, x).fit()
        yield "rlm", lambda: sm.RLM(y, x).fit()
        yield "empirical", lambda: sm.distributions.ECDF(y)
        yield "kaplan", lambda: lifelines.KaplanMeierFitter().fit(y)

    def studies() -> Iterator[tuple[str, Make]]:
        import optuna
        from omegaconf import OmegaConf

        optuna.logging.set_verbosity(optuna.logging.ERROR)

        def study() -> Any:
            out = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
            out.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
            return out

        yield "study", study
        yield "trials", lambda: made(study).trials
        yield "tpe", lambda: optuna.samplers.TPESampler(seed=1)
        yield "space", lambda: optuna.distributions.FloatDistribution(0, 1)
        yield "conf", lambda: OmegaConf.create({"a": {"b": [1, 2]}, "c": "${a.b}"})

    for part in (agents, graphs, texts, images, statistics_of, studies):
        yield from possible({f"k_{part.__name__}_{name}": make for name, make in part()}, few)


KINDS: dict[str, Callable[[], Iterator[File]]] = {
    "kinds-standard": standard_files,
    "kinds-solvers": solver_files,
    "kinds-tables": table_files,
    "kinds-workflows": workflow_parts,
    "kinds-training": training_parts,
    "kinds-others": other_files,
}
