"""Each contract from two sides: what honest files hold is clean, the nearest abuse is not.

The abuses are what each class would run, read from its source: source text in the state, methods
shadowed by attributes, annotations that are objects, arrays of objects for arrays of numbers.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.facts.values import (
    Call,
    Later,
    Name,
    New,
    Opcodes,
    array,
    element,
    numbers,
    objects,
    record,
    stream,
)

ROOT = Path(__file__).resolve().parents[2]
BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()

SYSTEM = Name("os", "system")
MEMORY = Name("joblib.memory", "Memory")
PARTIAL = Name("functools", "partial")
RECONSTRUCTOR = Name("copyreg", "_reconstructor")
STR = Name("builtins", "str")
SLICE = Call(Name("builtins", "slice"), (0, 1, 1))
UNKNOWN = New(Name("elsewhere", "Thing"))
DISTRIBUTIONS = "scipy.stats._distn_infrastructure"
OVERFLOW = Name("decimal", "Overflow")
ITER = Name("builtins", "iter")
GETATTR = Name("builtins", "getattr")
VECTORIZE = Name("numpy", "vectorize")
COX = Name("lifelines.fitters.coxph_fitter", "CoxPHFitter")
ATTRIBUTES = Name("lightning_fabric.utilities.data", "AttributeDict")
TYPE = Name("builtins", "type")
GETITEM = Name("operator", "getitem")
SPAN = Call(Name("datetime", "timedelta"), (0, 0, 0))
TEMPLATE = """
def _parse_args(self,  loc=0, scale=1):
    return (), loc, scale

def _parse_args_rvs(self,  loc=0, scale=1, size=None):
    return self._argcheck_rvs( loc, scale, size=size)

def _parse_args_stats(self,  loc=0, scale=1, moments='mv'):
    return (), loc, scale, moments
"""


def norm(**state: Any) -> New:
    known = {"_parse_arg_template": TEMPLATE, "numargs": 0, "moment_type": 0, "name": "norm"}
    return New(Name("scipy.stats._continuous_distns", "norm_gen"), (), {**known, **state})


def frozen(distribution: Any) -> New:
    return New(Name(DISTRIBUTIONS, "rv_continuous_frozen"), (), {"args": (), "dist": distribution})


def rbf(y: Any, kernel: Any = "linear", coefficients: Any = None) -> New:
    first = (y, numbers(), (), Name("numpy", "float64"), None, numbers(), kernel, 1.0, numbers())
    second = (numbers(), numbers(), coefficients or numbers())
    return New(Name("scipy.interpolate._rbfinterp", "RBFInterpolator"), (), (first, second))


def int_index(indices: Any) -> Call:
    return Call(Name("pandas._libs.sparse", "IntIndex"), (3, indices))


def sparse(values: Any, index: Any = None, dtype: Any = None) -> New:
    float_type = New(Name("pandas", "SparseDtype"), (), {"_dtype": element(), "_fill_value": 0.0})
    state = {
        "_sparse_index": index or int_index(numbers()),
        "_sparse_values": values,
        "_dtype": dtype or float_type,
    }
    return New(Name("pandas.arrays", "SparseArray"), (), state)


def config(kind: str = "DictConfig", **annotations: Any) -> New:
    anything = Name("typing", "Any")
    given = {"ref_type": anything, "key_type": anything, "element_type": anything, **annotations}
    metadata = New(Name("omegaconf.base", "ContainerMetadata"), (), {"key": None, **given})
    module = "omegaconf." + kind.lower()
    state = {"_metadata": metadata, "_parent": None, "_content": {"lr": 0.1}}
    return New(Name(module, kind), (), state)


def wrapper(**state: Any) -> New:
    cls = Name("statsmodels.regression.linear_model", "RegressionResultsWrapper")
    return New(cls, (), {"_results": None, **state})


def data(**state: Any) -> New:
    return New(Name("statsmodels.base.data", "PandasData"), (), {"frame": None, **state})


def nonterminal(symbol: Any) -> New:
    return New(Name("nltk.grammar", "Nonterminal"), (), {"_symbol": symbol})


def layer(module: str, name: str, *args: Any, **state: Any) -> New:
    known = {"training": True, "_parameters": {}, "_buffers": {}, "_modules": {}}
    return New(Name(module, name), args, {**known, **state})


def lazy_hook(name: str) -> New:
    lazy = layer("torch.nn.modules.linear", "LazyLinear", in_features=0)
    lazy.state["_initialize_hook"] = Call(Name("builtins", "getattr"), (lazy, name))
    return lazy


def called_hook() -> Call:
    lazy = layer("torch.nn.modules.linear", "LazyLinear", in_features=0)
    return Call(Call(Name("builtins", "getattr"), (lazy, "_infer_parameters")), (lazy, ()))


def metric(**state: Any) -> New:
    return layer("torchmetrics.aggregation", "MeanMetric", "M", "e", **state)


def graph(parent: Any = None, mapping: Any = None) -> New:
    out = New(Name("torch_geometric.data.data", "Data"))
    storage = New(Name("torch_geometric.data.storage", "GlobalStorage"), ())
    storage.state = {"_mapping": mapping or {"x": 1}, "_parent": parent or out}
    out.state = {"_store": storage}
    return out


def vectorized(function: Any, **state: Any) -> New:
    known = {"pyfunc": function, "cache": False, "__name__": "_entropy", "_ufunc": {}}
    return New(VECTORIZE, (), {**known, **state})


def entropy(distribution: str, method: str = "_entropy") -> Call:
    made = New(Name("scipy.stats._discrete_distns", distribution))
    return Call(GETATTR, (made, method))


def dilled(state: Any, *more: Any) -> Call:
    reconstruct = Name("numpy._core.multiarray", "_reconstruct")
    made = (Name("numpy", "ndarray"), (0,), b"b")
    return Call(Name("dill._dill", "_create_array"), (reconstruct, made, state, *more))


def line(*args: Any, keywords: Any = None, **state: Any) -> New:
    cls = Name("scipy.stats._stats_py", "LinregressResult")
    return New(cls, args, state, keywords={"intercept_stderr": 1.0, **(keywords or {})})


def memory(**state: Any) -> New:
    return New(MEMORY, (), {"location": None, "store_backend": None, "depth": 3, **state})


def part(module: str, name: str, *args: Any, state: Any = b"{}") -> New:
    return New(Name(f"tokenizers{module}", name), args, state)


def network(**state: Any) -> New:
    known: dict[str, Any] = {
        "graph": {},
        "_adj": {1: {}},
        "_node": {1: {}},
        "__networkx_cache__": {},
    }
    return New(Name("networkx.classes.graph", "Graph"), (), {**known, **state})


def bound(function: Any, *more: Any) -> Call:
    return Call(Name("types", "MethodType"), (function, *more))


def pattern_method(name: str) -> Call:
    return Call(GETATTR, (Call(Name("re", "_compile"), ("a+", 32)), name))


def reconstructed(
    state: Any, module: str = "scipy.stats._stats_py", name: str = "PearsonRResult"
) -> Call:
    return Call(RECONSTRUCTOR, (Name(module, name), Name("builtins", "tuple"), state))


def multinomial(*args: Any) -> Call:
    return Call(Name("sklearn._loss._loss", "__pyx_unpickle_CyHalfMultinomialLoss"), args)


def offset_class(name: str) -> Name:
    return Name("pandas._libs.tslibs.offsets", name)


def bit(value: str) -> Callable[[], Any]:
    return lambda: New(Name("torch_geometric.data.data", "Data"), (), {"_store": value})


def gam(**state: Any) -> New:
    terms = New(Name("pygam.terms", "TermList"), (), {"_terms": [1]})
    known = {"_term_location": "terms", "terms": terms, "max_iter": 100}
    return New(Name("pygam.pygam", "LinearGAM"), (), {**known, **state})


def boosted(**state: Any) -> New:
    scored = Name("ngboost.scores", "LogScore")
    known = {
        "Dist": Name("ngboost.distns.normal", "Normal"),
        "Score": scored,
        "Dist_name": "Normal",
    }
    return New(Name("ngboost.api", "NGBRegressor"), (), {**known, **state})


def output(*args: Any, pairs: list[tuple[Any, Any]] | None = None) -> Call:
    cls = Name("transformers.modeling_outputs", "BaseModelOutput")
    return Call(cls, args, {"attentions": None}, pairs=pairs or [])


def parameter(name: Any, kind: Any = None) -> Call:
    kinds = Name("inspect", "_ParameterKind")
    given = kind or Call(GETATTR, (kinds, "KEYWORD_ONLY"))
    return Call(Name("inspect", "Parameter"), (name, given), {"_default": 1, "_annotation": None})


def cookie(value: Any = "/", held: Any = None) -> New:
    morsel = New(Name("http.cookies", "Morsel"), (), {"key": "a"}, pairs=[("path", value)])
    return New(Name("http.cookies", "SimpleCookie"), pairs=[("a", held or morsel)])


def heterogeneous(spec: Any) -> New:
    cls = Name("transformers.models.gemma4.configuration_gemma4", "Gemma4TextConfig")
    return New(cls, (), {"_heterogeneity_spec": spec, "hidden_size": 8})


def spec(**state: Any) -> New:
    module = "transformers.integrations.heterogeneity.configuration_utils"
    known = {"per_layer_attributes": {"head_dim"}, "per_layer_overrides": {}}
    return New(Name(module, "_HeterogeneitySpec"), (), {**known, **state})


STATE_SPACE = "statsmodels.tsa.statespace"


def start(state: Any, *args: Any) -> Call:
    cls = Name(f"{STATE_SPACE}._initialization", "dInitialization")
    return Call(cls, args or (1, numbers(), numbers(), 1e6), state)


def space(state: Any = b"N", first: Any = None) -> Call:
    cls = Name(f"{STATE_SPACE}._representation", "dStatespace")
    return Call(cls, (first or numbers(), *[numbers() for _ in range(7)], -1), state)


def kalman(model: Any, **state: Any) -> Call:
    cls = Name(f"{STATE_SPACE}._kalman_filter", "dKalmanFilter")
    return Call(cls, (model, 1, 9, 1, 0, 0, 1e-19, 0), {"t": 0, **state})


def bunch(*pairs: tuple[Any, Any]) -> New:
    made = New(Name("statsmodels.tools.tools", "Bunch"), pairs=list(pairs))
    made.state = made
    return made


def quantiles(packed: bool, state: Any) -> Call:
    cls = Name("quantile_forest._quantile_forest_fast", "QuantileForest")
    return Call(cls, (numbers(), numbers(), numbers(), packed), state)


def adapted(**state: Any) -> New:
    return layer("peft.tuners.lora.model", "LoraModel", **state)


def grouped(module: str, name: str, **state: Any) -> New:
    return New(Name(module, name), (), {"obj": None, "_selection": None, **state})


def titled(title: Any, offset: int = 0, key: Any = None) -> Any:
    field = (element(), offset, title)
    return record("V8", {"a": field, key or title: field}, 8, names=("a",))


def node(state: Any = None, *pairs: tuple[Any, Any]) -> New:
    known = {"__immutable__": False, "__renamed_keys__": {}}
    return New(Name("yacs.config", "CfgNode"), (), state or known, pairs=list(pairs))


def munched(key: Any, value: Any) -> New:
    return New(Name("munch", "Munch"), (), {key: value}, pairs=[(key, value)])


def addicted(key: Any, value: Any, state: Any = None) -> New:
    made = New(Name("addict.addict", "Dict"), ((key, value),), pairs=[(key, value)])
    made.state = state or made
    return made


def history(**state: Any) -> New:
    cls = Name("mmengine.logging.history_buffer", "HistoryBuffer")
    return New(cls, (), {"max_length": 10, "_log_history": numbers(), **state})


def method(name: str) -> Call:
    return Call(GETATTR, (Name("mmengine.logging.history_buffer", "HistoryBuffer"), name))


# (the honest value, abuses of it)
SIDES: dict[str, tuple[Callable[[], Any], list[Callable[[], Any]]]] = {
    "configuration node": (
        lambda: node(None, ("LR", 0.1), ("MODEL", node())),
        [
            lambda: node(None, ("__setstate__", SYSTEM)),
            lambda: node(None, ("__setstate__", Name("builtins", "print"))),
            lambda: node({"__class__": 1}),
            lambda: node({"__immutable__": UNKNOWN}),
            lambda: node({"LR": 1}),
        ],
    ),
    "munch": (
        lambda: munched("a", munched("b", 1)),
        [
            lambda: munched("a", UNKNOWN),
            lambda: New(Name("munch", "Munch"), (), UNKNOWN),
            lambda: New(Name("munch", "Munch"), (), [("a", 1)]),
            lambda: New(Name("munch", "DefaultMunch"), (), {"a": 1}),
        ],
    ),
    "addict": (
        lambda: addicted("a", addicted("b", [1, addicted("c", None)])),
        [
            lambda: addicted("a", New(Name("collections", "Counter"))),
            lambda: addicted("a", New(Name("addict.addict", "Dict"))),
            lambda: addicted("a", 1, state=[("a", 1)]),
            lambda: addicted("a", 1, state=UNKNOWN),
        ],
    ),
    "method bound by its class": (
        lambda: bound(Name("nltk.metrics.distance", "edit_distance"), "a"),
        [
            lambda: bound(SYSTEM, "a"),
            lambda: bound(UNKNOWN, "a"),
            lambda: bound(GETATTR, "a"),
            lambda: bound(Name("nltk.metrics.distance", "edit_distance")),
            lambda: bound(Name("nltk.metrics.distance", "demo"), "a"),
            lambda: Call(bound(Name("nltk.metrics.distance", "edit_distance"), "a"), ("b",)),
            lambda: Call(Name("builtins", "set"), ([bound(STR, UNKNOWN)],)),
        ],
    ),
    "getter of items": (
        lambda: [
            Call(Name("operator", "itemgetter"), ("a", 1, Call(Name("builtins", "slice"), (0, 2)))),
        ],
        [
            lambda: Call(Name("operator", "itemgetter"), (UNKNOWN,)),
            lambda: Call(
                Name("operator", "itemgetter"), (Call(Name("operator", "itemgetter"), (1,)),)
            ),
        ],
    ),
    "method of a pattern": (
        lambda: pattern_method("sub"),
        [
            lambda: pattern_method("scanner"),
            lambda: pattern_method("__class__"),
            lambda: Call(pattern_method("sub"), (SYSTEM, "a")),
            lambda: Call(GETATTR, (Call(Name("re", "_compile"), ("a+", 128)), "sub")),
        ],
    ),
    "named tuple of protocol 0": (
        lambda: reconstructed((0.5, 0.1)),
        [
            lambda: reconstructed(UNKNOWN),
            lambda: reconstructed([0.5, 0.1]),
            lambda: reconstructed(("a",), "torch", "Size"),
            lambda: reconstructed((1,), "elsewhere", "Thing"),
        ],
    ),
    "multinomial loss": (
        lambda: multinomial(Name("sklearn._loss._loss", "CyHalfMultinomialLoss"), 238750788, ()),
        [
            lambda: multinomial(Name("sklearn._loss._loss", "CyHuberLoss"), 238750788, ()),
            lambda: multinomial(
                Name("sklearn._loss._loss", "CyHalfMultinomialLoss"), 1, (UNKNOWN,)
            ),
            lambda: multinomial(SYSTEM, 238750788, ()),
        ],
    ),
    "function that a transformer keeps": (
        lambda: [
            Name("scipy.special._special_ufuncs", "expit"),
            Name("numpy.strings", "lower"),
            Name("pandas.core.frame", "DataFrame.drop"),
            Name("re", "sub"),
        ],
        [
            lambda: Call(Name("scipy.special._special_ufuncs", "expit"), (UNKNOWN,)),
            lambda: Name("pandas.core.frame", "DataFrame.to_pickle"),
            lambda: Name("pandas.core.frame", "DataFrame.query"),
            lambda: Name("pandas.core.frame", "DataFrame.apply"),
            lambda: Call(Name("re", "sub"), ("a", "b", "a")),
        ],
    ),
    "history of a value": (
        lambda: [history(), history(statistics_methods={"min": method("min")})],
        [
            lambda: history(statistics_methods={"min": SYSTEM}),
            lambda: history(statistics_methods={"min": Name("builtins", "print")}),
            lambda: history(statistics_methods={"other": method("min")}),
            lambda: history(statistics_methods=UNKNOWN),
            lambda: history(_statistics_methods={}),
            lambda: history(_set_default_statistics=SYSTEM),
            lambda: method("update"),
        ],
    ),
    "state space model": (
        lambda: [
            start({"_tmp_transition": numbers()}),
            space({"initial_state": None, "missing": numbers(), "t": 0}),
            kalman(space({"t": 0}), determinant=1.0),
        ],
        [
            lambda: start({"_tmp_transition": objects(UNKNOWN)}),
            lambda: start({"_tmp_transition": UNKNOWN}),
            lambda: start({}, UNKNOWN, numbers(), numbers(), 1e6),
            lambda: start({}, 1, UNKNOWN, numbers(), 1e6),
            lambda: space({"t": objects(1)}),
            lambda: space({"t": UNKNOWN}),
            lambda: space({}, first=UNKNOWN),
            lambda: kalman(None),
            lambda: kalman(UNKNOWN),
            lambda: kalman(New(Name(f"{STATE_SPACE}._representation", "dStatespace"))),
            lambda: kalman(space({"t": 0}), t=objects(1)),
            lambda: New(Name(f"{STATE_SPACE}._kalman_filter", "dKalmanFilter"), (), {"t": 0}),
        ],
    ),
    "bunch": (
        lambda: bunch(("trend", "c"), ("measurement_error", False)),
        [
            lambda: bunch(("__setstate__", SYSTEM)),
            lambda: bunch(("__class__", None)),
            lambda: bunch((1, 2)),
        ],
    ),
    "quantile forest": (
        lambda: quantiles(False, {}),
        [
            lambda: quantiles(True, {}),
            lambda: quantiles(True, {"matrix1": UNKNOWN, "shape1": (1,)}),
            lambda: quantiles(False, UNKNOWN),
            lambda: New(Name("quantile_forest._quantile_forest_fast", "QuantileForest"), (), {}),
        ],
    ),
    "adapted model": (
        adapted,
        [
            lambda: adapted(__setstate__=SYSTEM),
            lambda: adapted(__class__=None),
            lambda: adapted(model=UNKNOWN),
            lambda: Call(Call(GETATTR, (adapted(), "system")), ()),
        ],
    ),
    "groups and windows": (
        lambda: [
            grouped("pandas.api.typing", "DataFrameGroupBy"),
            grouped("pandas.core.window.rolling", "Rolling"),
            grouped("pandas.api.typing", "Expanding"),
            New(Name("pandas", "NamedAgg"), (), {"column": "v", "aggfunc": "sum"}),
        ],
        [
            lambda: grouped("pandas.api.typing", "DataFrameGroupBy", _internal_names_set=[]),
            lambda: grouped("pandas.core.window.rolling", "Rolling", _internal_names_set={1}),
            lambda: grouped("pandas.api.typing", "Rolling", __setstate__=SYSTEM),
            lambda: New(Name("pandas", "NamedAgg"), (), {"aggfunc": UNKNOWN}),
        ],
    ),
    "title of a field": (
        lambda: titled("Title"),
        [
            lambda: titled("Title", key="Other"),
            lambda: titled(UNKNOWN),
            lambda: titled("Title", offset=8),
            lambda: titled(1),
        ],
    ),
    "additive model": (
        gam,
        [
            lambda: gam(_plural=["__setstate__"]),
            lambda: gam(_term_location="callbacks"),
            lambda: gam(_has_terms=SYSTEM),
            lambda: gam(terms=UNKNOWN),
            lambda: New(Name("pygam.terms", "TermList"), (), (None, {"lam": 1})),
        ],
    ),
    "natural gradient": (
        lambda: [boosted(), boosted(K=3)],
        [
            lambda: boosted(uncensor=True),
            lambda: boosted(_basedist=SYSTEM),
            lambda: boosted(Dist=SYSTEM),
            lambda: boosted(Score=Name("sklearn.linear_model", "Ridge")),
            lambda: boosted(K=1 << 40),
            lambda: boosted(Dist_name=UNKNOWN),
        ],
    ),
    "model output": (
        lambda: [output(None, None, None), output(pairs=[("loss", None)])],
        [
            lambda: output([("to_tuple", SYSTEM)]),
            lambda: output({"__class__": 1}),
            lambda: output("text"),
            lambda: output(None, pairs=[("__class__", Name("collections", "OrderedDict"))]),
            lambda: output(None, pairs=[(1, None)]),
            lambda: Later(output(None), {"_replace_old_cache_name": Name("builtins", "dict")}),
            lambda: output(None, pairs=[("loss", UNKNOWN)]),
        ],
    ),
    "signature": (
        lambda: Call(Name("inspect", "Signature"), ((parameter("a"), parameter("b")),)),
        [
            lambda: Call(Name("inspect", "Signature"), ([parameter("a")],)),
            lambda: Call(Name("inspect", "Signature"), ((UNKNOWN,),)),
            lambda: parameter(UNKNOWN),
            lambda: parameter("a", kind=UNKNOWN),
        ],
    ),
    "cookie": (
        cookie,
        [
            lambda: cookie(UNKNOWN),
            lambda: cookie(held="text"),
            lambda: cookie(held=UNKNOWN),
            lambda: New(Name("http.cookies", "Morsel"), (), {"_reserved": {"x": 1}}),
        ],
    ),
    "normal distribution": (
        lambda: New(Name("statistics", "NormalDist"), (), (1.0, 2.0)),
        [
            lambda: New(Name("statistics", "NormalDist"), (), (1.0, UNKNOWN)),
            lambda: New(Name("statistics", "NormalDist"), (), ("1", "2")),
        ],
    ),
    "errors": (
        lambda: [
            Call(Name("json.decoder", "JSONDecodeError"), ("x", "text", 1)),
            Call(Name("configparser", "NoOptionError"), ("a", "b")),
        ],
        [
            lambda: Call(Name("json.decoder", "JSONDecodeError"), ("x", UNKNOWN, 1)),
            lambda: Call(Name("configparser", "NoOptionError"), ("a", UNKNOWN)),
        ],
    ),
    "heterogeneous configuration": (
        lambda: heterogeneous(spec()),
        [
            lambda: heterogeneous(UNKNOWN),
            lambda: heterogeneous(spec(per_layer_attributes=UNKNOWN)),
            lambda: heterogeneous(spec(per_layer_attributes={1})),
        ],
    ),
    "frozen distribution": (
        lambda: frozen(norm()),
        [
            lambda: frozen(norm(_parse_arg_template="import os; os.system('true')")),
            lambda: frozen(norm(_parse_arg_template=TEMPLATE + "print()\n")),
            lambda: frozen(norm(_parse_arg_template=TEMPLATE.encode())),
            lambda: frozen(norm(_attach_methods=Name("builtins", "print"))),
            lambda: frozen(norm(_attach_argparser_methods=None)),
            lambda: frozen(norm(_ppf_single=UNKNOWN)),
            lambda: frozen(norm(_cdf_single=None)),
            lambda: frozen(norm(_entropy=None)),
            lambda: frozen(norm(_mom0_sc=None)),
            lambda: frozen(norm(_mom1_sc=None)),
            lambda: frozen(norm(numargs="1")),
            lambda: frozen(norm(moment_type="0")),
            lambda: frozen(SYSTEM),
            lambda: New(norm().cls, (), (TEMPLATE, None)),
            lambda: New(norm().cls, (1,), norm().state),
            lambda: Call(norm().cls, ()),
        ],
    ),
    "RBF interpolator": (
        lambda: rbf(numbers()),
        [
            lambda: rbf(objects(1)),
            lambda: rbf(UNKNOWN),
            lambda: rbf(numbers(), kernel=b"linear"),
            lambda: rbf(numbers(), coefficients=objects(1)),
            lambda: New(rbf(numbers()).cls, (), {"_xp": numbers()}),
        ],
    ),
    "sparse column": (
        lambda: sparse(numbers()),
        [
            lambda: sparse(numbers(), index=int_index(objects(1))),
            lambda: sparse(numbers(), index=int_index(UNKNOWN)),
            lambda: sparse(numbers(), index=numbers()),
            lambda: sparse(UNKNOWN),
            lambda: sparse(numbers(), dtype="f8"),
            lambda: sparse(
                numbers(), dtype=New(Name("pandas", "SparseDtype"), (), {"_dtype": UNKNOWN})
            ),
            lambda: New(Name("pandas.arrays", "SparseArray"), (), ((1,), (0.0, None))),
            lambda: New(Name("pandas.arrays", "SparseArray"), (), {"extra": 1}),
        ],
    ),
    "block index": (
        lambda: Call(Name("pandas._libs.sparse", "BlockIndex"), (3, numbers(), numbers())),
        [
            lambda: Call(Name("pandas._libs.sparse", "BlockIndex"), (3, objects(1), numbers())),
            lambda: Call(Name("pandas._libs.sparse", "BlockIndex"), (3, numbers(), objects(1))),
            lambda: Call(Name("pandas._libs.sparse", "BlockIndex"), ("3", numbers(), numbers())),
        ],
    ),
    "configuration": (
        lambda: [
            config(),
            config(element_type=Name("builtins", "int")),
            config("ListConfig", key_type=Name("builtins", "int")),
            config("TupleConfig", ref_type=Name("typing", "Dict")),
        ],
        [
            lambda: config(ref_type=UNKNOWN),
            lambda: config(ref_type=SYSTEM),
            lambda: config(key_type=UNKNOWN),
            lambda: config(element_type="typing.Any"),
            lambda: config("ListConfig", element_type=UNKNOWN),
            lambda: New(config().cls, (), {"_metadata": UNKNOWN}),
            lambda: New(config().cls, (), {"_metadata": {}}),
            lambda: Call(Name("typing", "Dict"), ()),
            lambda: Call(Name("builtins", "getattr"), (Name("typing", "Any"), "__class__")),
        ],
    ),
    "results": (
        lambda: [wrapper(__doc__="Results"), data()],
        [
            lambda: wrapper(__setstate__=UNKNOWN),
            lambda: wrapper(__doc__=UNKNOWN),
            lambda: wrapper(__class__=None),
            lambda: data(restore_model_spec=True, formula="print()"),
            lambda: data(restore_design_info=True, formula="print()"),
        ],
    ),
    "grammar": (
        lambda: {nonterminal("S"): 1},
        [
            lambda: {nonterminal(UNKNOWN): 1},
            lambda: nonterminal(("S",)),
            lambda: New(Name("nltk.grammar", "Production"), (), {"_hash": "1"}),
            lambda: New(Name("nltk.grammar", "Production"), (), {"_lhs": "S"}),
            lambda: New(Name("nltk.grammar", "Production"), (), {"_rhs": (UNKNOWN,)}),
        ],
    ),
    "lazy layer": (
        lambda: [
            lazy_hook("_infer_parameters"),
            lazy_hook("_lazy_load_hook"),
            Call(Name("torch.nn.parameter", "UninitializedParameter"), (True,)),
        ],
        [
            lambda: lazy_hook("to"),
            lambda: lazy_hook("__init__"),
            lambda: lazy_hook("__class__"),
            called_hook,
            lambda: Call(Name("torch.nn.parameter", "UninitializedParameter"), ("cuda",)),
            lambda: Call(Name("torch.nn.parameter", "UninitializedBuffer"), (UNKNOWN,)),
        ],
    ),
    "metric": (
        metric,
        [
            lambda: metric(update=SYSTEM),
            lambda: metric(compute=Name("builtins", "print")),
            lambda: metric(_wrap_update=None),
            lambda: metric(_wrap_compute=None),
            lambda: metric(_parameters=UNKNOWN),
            lambda: layer("torchmetrics.aggregation", "MeanMetric", UNKNOWN),
        ],
    ),
    "sentence layer": (
        lambda: layer("sentence_transformers.base.modules.dense", "Dense"),
        [
            lambda: layer(
                "sentence_transformers.base.modules.dense",
                "Dense",
                _DEPRECATED_METHOD_RENAMES={"to": "os"},
            ),
        ],
    ),  # fmt: skip
    "graph": (
        graph,
        [
            lambda: graph(parent=UNKNOWN),
            lambda: graph(parent="x"),
            lambda: graph(mapping=[1]),
            bit("text"),
        ],
    ),
    "result with keywords": (
        lambda: line(1.0, 2.0, intercept_stderr=1.0),
        [
            lambda: line(1.0, SYSTEM),
            lambda: line(1.0, keywords={"x": SYSTEM}),
            lambda: line(1.0, __class__=None),
            lambda: New(norm().cls, (), norm().state, keywords={"name": "norm"}),
            lambda: Call(line().cls, (1.0,)),
        ],
    ),
    "cache that caches nothing": (
        memory,
        [
            lambda: memory(location="/somewhere"),
            lambda: memory(store_backend=UNKNOWN),
            lambda: Call(MEMORY, ("/somewhere",)),
            lambda: Call(MEMORY, ()),
            lambda: Call(PARTIAL, (MEMORY, "/somewhere")),
            lambda: Call(PARTIAL, (Name("joblib", "Memory"),)),
            lambda: {"cache": MEMORY},
            lambda: New(PARTIAL, (Name("builtins", "int"),), (MEMORY, (), {}, None)),
            lambda: config(ref_type=MEMORY),
        ],
    ),
    "tokenizer": (
        lambda: [
            part("", "Tokenizer", part(".models", "Model")),
            part(".pre_tokenizers", "Sequence", []),
            part("", "AddedToken", state={"content": "a", "special": True}),
        ],
        [
            lambda: part("", "Tokenizer", "tokenizer.json"),
            lambda: part("", "Tokenizer", part(".models", "Model"), state="{}"),
            lambda: part(".models", "BPE", "vocab.json", "merges.txt"),
            lambda: Call(Name("tokenizers.models", "BPE"), ("vocab.json", "merges.txt")),
            lambda: part(".models", "BPE", state={}),
            lambda: part(".normalizers", "NFC", state=UNKNOWN),
            lambda: part("", "AddedToken", state={"content": UNKNOWN}),
            lambda: part("", "AddedToken", state={"__class__": "a"}),
        ],
    ),
    "names that are referred to": (
        lambda: [
            Name("gensim.utils", "identity"),
            Name("gensim.models.tfidfmodel", "df2idf"),
            Name("builtins", "hash"),
            Name("gpytorch.utils.transforms", "inv_softplus"),
            Name("torchmetrics.metric", "jit_distributed_available"),
        ],
        [
            lambda: Call(Name("gensim.utils", "identity"), (SYSTEM,)),
            lambda: Call(Name("gensim.models.tfidfmodel", "df2idf"), (1, 2)),
            lambda: Call(Name("builtins", "hash"), (1,)),
            lambda: Call(Name("gpytorch.utils.transforms", "inv_softplus"), (1.0,)),
            lambda: Call(Name("torchmetrics.metric", "jit_distributed_available"), ()),
            lambda: Call(Name("torchmetrics.utilities.data", "dim_zero_cat"), (1,)),
        ],
    ),
    "array of Python 2": (
        lambda: [
            array((1,), "\0" * 8),
            array((1,), bytes(8), element(b"f8", b"<")),
            array((1,), ["a"], element(b"O8", b"|", 63)),
            array((1,), bytes(4), record(b"V4", {b"a": (element(b"f4", b"<"), 0)}, 4)),
            New(
                Name("sklearn.linear_model._ridge", "Ridge"),
                (),
                {b"alpha": 1.0, b"__class__": None},
            ),
        ],
        [
            lambda: array((1,), "\0" * 8, element("O8", "|", 63)),
            lambda: array((1,), bytes(8), element(b"O8", b"|", 63)),
            lambda: array((9,), [1], element(b"O8", b"|", 63)),
            lambda: array((1,), bytes(8), element(b"f8", b"<", 63)),
            lambda: element(b"Z8", b"<"),
            lambda: element(b"f8", b"x"),
            lambda: record(b"V4", {b"a": (element(b"f8", b"<"), 0)}, 4),
            lambda: record(b"V4", {b"a": (element(b"f4", b"<"), 1)}, 4),
            lambda: record(b"V4", {b"a": (element(b"f4", b"<"), 0)}, 4, (b"a", b"b")),
            lambda: record(
                "V4", {"a": (element("f4"), 0), b"a": (element("f4"), 0)}, 4, ("a", b"a")
            ),
            lambda: Call(Name("numpy.core.multiarray", "scalar"), (element("O8", "|", 63), "a")),
        ],
    ),
    "dates": (
        lambda: [
            Call(offset_class("CustomBusinessDay"), (1, False, "Mon Tue", (), None, SPAN)),
            Call(offset_class("FY5253"), (1, False, 0, 1, "nearest")),
            Call(offset_class("WeekOfMonth"), (1, False, 0, 0)),
            Call(Name("pandas", "DateOffset"), (), {"n": 1, "normalize": False}),
        ],
        [
            lambda: Call(
                offset_class("CustomBusinessDay"), (1, False, "Mon", (UNKNOWN,), None, SPAN)
            ),
            lambda: Call(offset_class("CustomBusinessDay"), (1, False, "Mon", (), UNKNOWN, SPAN)),
            lambda: Call(offset_class("CustomBusinessDay"), (1, False, UNKNOWN, (), None, SPAN)),
            lambda: Call(offset_class("BusinessHour"), (1, False, (UNKNOWN,), ("17:00",), SPAN)),
            lambda: Call(offset_class("FY5253"), (1, False, 0, 1, "other")),
            lambda: Call(offset_class("WeekOfMonth"), (1, False, UNKNOWN, 0)),
            lambda: Call(Name("pandas", "DateOffset"), (1,)),
            lambda: Call(Name("pandas", "DateOffset"), (), {"n": UNKNOWN}),
            lambda: Call(Name("pandas", "DateOffset"), (), {"_offset": UNKNOWN}),
        ],
    ),
    "values of Python": (
        lambda: [
            Call(Name("http", "HTTPStatus"), (200,)),
            Call(Name("re", "RegexFlag"), (2,)),
            Call(Name("time", "struct_time"), ((1970, 1, 1), {"tm_zone": "GMT"})),
            Call(Name("decimal", "Context"), (28, "ROUND_UP", -9, 9, 1, 0, [], [OVERFLOW])),
            [Name("builtins", "len"), Name("builtins", "sorted")],
        ],
        [
            lambda: Call(Name("http", "HTTPStatus"), (UNKNOWN,)),
            lambda: Call(Name("http", "HTTPStatus"), (200,), {"x": 1}),
            lambda: Call(Name("time", "struct_time"), (UNKNOWN,)),
            lambda: Call(Name("decimal", "Context"), (28, "x", 0, 9, 1, 0, [], [SYSTEM])),
            lambda: Call(Name("decimal", "Context"), (UNKNOWN, "x", 0, 9, 1, 0, [], [])),
            lambda: Call(Name("builtins", "len"), (UNKNOWN,)),
            lambda: Call(Name("builtins", "sorted"), ([1],)),
        ],
    ),
    "iterators": (
        lambda: [
            Call(ITER, ([1, "a"],), 1),
            Call(ITER, (b"ab",)),
            Call(Name("builtins", "reversed"), ([1, 2],), 0),
            Call(Name("builtins", "enumerate"), (Call(ITER, ([1],)), 3)),
            Call(Name("builtins", "zip"), (Call(ITER, ([1],)), Call(ITER, ((2,),)))),
            Call(Name("itertools", "count"), (0, 2)),
            Call(Name("itertools", "repeat"), ("x", 2)),
            Call(Name("itertools", "islice"), (Call(ITER, ([1],)), 0, None, 1)),
        ],
        [
            lambda: Call(ITER, (UNKNOWN,)),
            lambda: Call(ITER, ([UNKNOWN],)),
            lambda: Call(ITER, (SYSTEM, 0)),
            lambda: Call(ITER, ([1],), UNKNOWN),
            lambda: Call(Name("builtins", "reversed"), (UNKNOWN,)),
            lambda: Call(Name("builtins", "zip"), (UNKNOWN,)),
            lambda: Call(Name("builtins", "enumerate"), (UNKNOWN, 0)),
            lambda: Call(Name("builtins", "map"), (SYSTEM, Call(ITER, (["true"],)))),
            lambda: Call(Name("builtins", "tuple"), (Call(Name("itertools", "count"), (0,)),)),
            lambda: Call(Name("itertools", "cycle"), (UNKNOWN,)),
            lambda: Call(Name("itertools", "islice"), (Call(ITER, ([1],)), UNKNOWN)),
        ],
    ),
    "types and annotations": (
        lambda: [
            Call(TYPE, (None,)),
            Call(TYPE, (Name("builtins", "Ellipsis"),)),
            Call(GETITEM, (Name("typing", "List"), Name("builtins", "int"))),
            Call(
                GETITEM, (Name("typing", "Dict"), (Name("builtins", "str"), Name("typing", "Any")))
            ),
            Call(
                Name("types", "GenericAlias"),
                (Name("builtins", "list"), (Name("builtins", "int"),)),
            ),
        ],
        [
            lambda: Call(TYPE, (1,)),
            lambda: Call(TYPE, (UNKNOWN,)),
            lambda: Call(TYPE, (Name("builtins", "int"),)),
            lambda: Call(TYPE, ("X", (), {})),
            lambda: Call(GETITEM, (Name("typing", "List"), "__import__('os')")),
            lambda: Call(GETITEM, (Name("typing", "List"), UNKNOWN)),
            lambda: Call(GETITEM, (UNKNOWN, 0)),
            lambda: Call(Name("types", "GenericAlias"), (Name("builtins", "list"), (UNKNOWN,))),
        ],
    ),
    "exceptions": (
        lambda: [
            Call(Name("builtins", "KeyError"), ("a",), {"note": [1]}),
        ],
        [
            lambda: Call(Name("builtins", "KeyError"), (UNKNOWN,)),
            lambda: Call(Name("builtins", "KeyError"), ("a",), {"args": UNKNOWN}),
            lambda: Call(Name("builtins", "UnicodeDecodeError"), ("a", b"", 0, 1, UNKNOWN)),
        ],
    ),
    "images": (
        lambda: New(Name("PIL.Image", "Image"), (), [{}, "L", (2, 1), None, b"ab"]),
        [
            lambda: New(Name("PIL.Image", "Image"), (), [{}, "L", (2, 1), None, UNKNOWN]),
            lambda: New(Name("PIL.Image", "Image"), (), [UNKNOWN, "L", (2, 1), None, b"ab"]),
            lambda: New(Name("PIL.Image", "Image"), (), [{}, UNKNOWN, (2, 1), None, b"ab"]),
            lambda: New(Name("PIL.Image", "Image"), (), {"im": UNKNOWN}),
        ],
    ),
    "discrete distribution": (
        lambda: vectorized(entropy("randint_gen")),
        [
            lambda: vectorized(SYSTEM),
            lambda: vectorized(entropy("randint_gen"), __class__=None),
            lambda: vectorized(entropy("randint_gen"), extra=1),
            lambda: vectorized(Call(GETATTR, (UNKNOWN, "_entropy"))),
            lambda: vectorized(entropy("randint_gen", "_cdf")),
            lambda: vectorized(VECTORIZE),
            lambda: Call(VECTORIZE, (Name("builtins", "len"),)),
            lambda: {"later": VECTORIZE},
            lambda: Call(entropy("randint_gen"), (1, 2)),
        ],
    ),
    "array of dill": (
        lambda: [
            dilled((1, (1,), element(), False, bytes(8))),
            dilled((1, (1,), element("O8", "|", 63), False, ["a"]), None),
            Call(Name("dill._dill", "_load_type"), ("slice",)),
            Call(Name("dill._dill", "_eval_repr"), ("Ellipsis",)),
        ],
        [
            lambda: dilled((1, (9,), element("O8", "|", 63), False, ["a"])),
            lambda: dilled((1, (1,), element("O8", "|", 63), False, bytes(8))),
            lambda: dilled(UNKNOWN),
            lambda: dilled((1, (1,), element(), False, bytes(8)), {"a": 1}),
            lambda: Call(
                Name("dill._dill", "_create_array"),
                (SYSTEM, ("true",), (1, (1,), element(), False, bytes(8))),
            ),
            lambda: Call(Name("dill._dill", "_eval_repr"), ("print()",)),
            lambda: {"later": Name("dill._dill", "_eval_repr")},
            lambda: Call(PARTIAL, (Name("dill._dill", "_eval_repr"), "Ellipsis")),
            lambda: Call(Name("dill._dill", "_load_type"), ("nothing",)),
            lambda: Call(Call(Name("dill._dill", "_load_type"), ("type",)), ("X", (), {})),
        ],
    ),
    "slots of arrays with names": (
        lambda: New(Name("xarray.core.dataarray", "DataArray"), (), (None, {"_name": "a"})),
        [
            lambda: New(Name("xarray.core.dataarray", "DataArray"), (), (None, {"dt": 1})),
            lambda: New(Name("xarray.core.dataarray", "DataArray"), (), {"_name": "a"}),
            lambda: New(Name("xarray.core.dataset", "Dataset"), (), (None, {"attrs": UNKNOWN})),
        ],
    ),
    "fitter that looks into its model": (
        lambda: New(COX, (), {"_model": New(Name(COX.module, "SemiParametricPHFitter"), (), {})}),
        [
            lambda: New(COX, (), {"_model": UNKNOWN}),
            lambda: New(COX, (), {"_model": {"__setstate__": SYSTEM}}),
            lambda: New(COX, (), {"_model": New(ATTRIBUTES, (), pairs=[("__setstate__", 1)])}),
            lambda: Call(COX, ()),
        ],
    ),
    "dict of attributes": (
        lambda: New(ATTRIBUTES, (), pairs=[("lr", 0.1)]),
        [
            lambda: New(ATTRIBUTES, (), {"a": 1}, pairs=[("__setstate__", Name("x", "y"))]),
            lambda: New(ATTRIBUTES, (), {"a": 1}),
            lambda: New(ATTRIBUTES, (), pairs=[(UNKNOWN, 1)]),
        ],
    ),
    "methods of built-in types": (
        lambda: [
            Name("builtins", "str.split"),
            Name("builtins", "dict.get"),
            Call(GETATTR, ("abc", "split")),
            Name("numpy", "number"),
        ],
        [
            lambda: Call(Name("builtins", "str.split"), ("a b",)),
            lambda: Call(Name("builtins", "dict.get"), ({}, "a")),
            lambda: Call(GETATTR, ("abc", "__class__")),
            lambda: Call(Name("numpy", "number"), (1,)),
        ],
    ),
    "network": (
        lambda: [network(), network(add_node=Name("networkx.classes.function", "frozen"))],
        [
            lambda: network(__class__=1),
            lambda: network(__setstate__=UNKNOWN),
            lambda: New(network().cls, (1,), {}),
            lambda: New(Name("networkx.classes.coreviews", "AtlasView"), (), {"_atlas": UNKNOWN}),
        ],
    ),
    "array": (
        lambda: [numbers(), objects(1, "a"), array((1,), b"abc", element("S3", "|"))],
        [
            lambda: array((2,), [1, 2]),
            lambda: array((1,), bytes(8), element("O8", "|", 63)),
            lambda: array((9,), [1], element("O8", "|", 63)),
            lambda: array((1,), bytes(8), element("f8", "<", 63)),
        ],
    ),
}


SIDES |= {
    # What these do with a state or an argument besides keeping it: show, hash, drain, write out.
    "drained and shown": (
        lambda: [
            New(Name("uuid", "UUID"), (), {"int": 7, "is_safe": 0}),
            Call(Name("builtins", "ValueError"), ("a",), {"note": [1]}),
            Call(Name("fractions", "Fraction"), ("-1/3",)),
            Call(Name("re", "_compile"), ("a+", 32)),
            Call(Name("logging", "getLogger"), ("package.module",)),
            Call(Name("numpy", "bytes_"), (b"a",)),
            box(numbers()),
            New(Name("nltk.featstruct", "FeatureValueTuple"), ((1, 2),)),
            Call(Name("torch.ao.quantization.observer", "TorchAODType"), (1,)),
            Call(RECONSTRUCTOR, (STR, STR, "a")),
            Call(Name("builtins", "frozenset"), ([nested(20)],)),
        ],
        [
            lambda: New(Name("uuid", "UUID"), (), {"int": 7, "is_safe": shown()}),
            lambda: New(Name("uuid", "UUID"), (), {"int": shown()}),
            lambda: Call(Name("builtins", "ValueError"), (), {"args": batches()}),
            lambda: Call(Name("builtins", "OSError"), (), {"characters_written": batches()}),
            lambda: Call(Name("numpy.linalg", "LinAlgError"), (), {"args": batches()}),
            lambda: Call(Name("fractions", "Fraction"), ("1e1000000000",)),
            lambda: Call(Name("re", "_compile"), ("a+", 128)),
            lambda: Call(Name("logging", "getLogger"), ("a." * 60_000,)),
            lambda: Call(Name("logging", "getLogger"), ("a" * 97,)),
            lambda: Call(Name("numpy", "bytes_"), (10**10,)),
            lambda: box(objects(shown())),
            lambda: New(Name("nltk.featstruct", "FeatureValueTuple"), (batches(),)),
            lambda: Call(Name("torch.ao.quantization.observer", "TorchAODType"), (doubled(b"]"),)),
            lambda: Call(RECONSTRUCTOR, (STR, STR, doubled(b"]"))),
            lambda: Call(Name("builtins", "frozenset"), ([doubled(b")")],)),
            lambda: Call(Name("builtins", "set"), ([nested(20_000)],)),
        ],
    ),
    # pandas asks each place of a block for its number.
    "places of a block": (
        lambda: [placed(array((1,), bytes(8), element("i8"))), placed(SLICE)],
        [lambda: placed(objects(shown())), lambda: placed(objects(1))],
    ),
    # pandas looks into `_cache` as a dict, whatever it is.
    "a cache that is none": (
        lambda: [
            New(
                Name("pandas.arrays", kind),
                (),
                {"_data": numbers(), "_cache": {"dtype": element()}},
            )
            for kind in ("IntegerArray", "FloatingArray", "BooleanArray")
        ],
        [
            lambda: New(Name("pandas.arrays", "IntegerArray"), (), {"_cache": True}),
            lambda: New(Name("pandas.arrays", "FloatingArray"), (), {"_cache": None}),
            lambda: New(Name("pandas.arrays", "BooleanArray"), (), {"_cache": numbers()}),
            lambda: backed("_cache", True),
        ],
    ),
    # NumPy reads with the size that a type has now, from bytes that it counted or kept before.
    "types and arrays of one state": (
        lambda: [
            array((1,), bytes(8), times(b"ns", 1, 1, 1)),
            array((2,), bytes(8), record("V4", {"a": (element("f4"), 0)}, 4)),
            array((1,), bytes(8), record(Name("numpy", "record"), {"a": (element(), 0)}, 8)),
        ],
        [
            lambda: times(),
            lambda: Call(Name("numpy", "dtype"), ("m8", False, True), state_of(8, "<", -1)),
            lambda: late("V4", (4,), bytes(16)),
            lambda: late("S4", (4,), bytes(16)),
            lambda: late("U4", (4,), bytes(64)),
            lambda: late(Name("numpy", "record"), (4,), b""),
            lambda: again(numbers(9)),
        ],
    ),
}


SCHEDULER = Name("diffusers.schedulers.scheduling_ddim", "DDIMScheduler")
FROZEN = Name("diffusers.configuration_utils", "FrozenDict")
SORTED = "sortedcontainers"


def tokenizer(**state: Any) -> New:
    return New(Name("transformers.tokenization_utils_base", "PreTrainedTokenizerBase"), (), state)


def frozen_dict(key: Any, value: Any, **state: Any) -> New:
    return New(FROZEN, (), state, pairs=[(key, value)])


def scheduler(**state: Any) -> New:
    return New(SCHEDULER, (), state)


def sorted_of(kind: str, *args: Any) -> Call:
    return Call(Name(f"{SORTED}.sorted{kind}", f"Sorted{kind.title()}"), args)


def peft_config(state: Any) -> New:
    return New(Name("peft.tuners.lora", "LoraConfig"), (), state)


SIDES |= {
    # Its __getattr__ looks into these when it is asked for __setstate__ before a second state.
    "special tokens": (
        lambda: [
            tokenizer(verbose=True, _special_tokens_map={"bos_token": "<s>", "pad_token": None}),
            tokenizer(SPECIAL_TOKENS_ATTRIBUTES=["bos_token", "extra"], init_kwargs={"a": 1}),
            tokenizer(
                _special_tokens_map={
                    "unk_token": New(
                        Name("tokenizers", "AddedToken"), (), {"content": "a", "special": True}
                    ),
                    "additional_special_tokens": ["<a>"],
                }
            ),
        ],
        [
            lambda: tokenizer(_special_tokens_map=UNKNOWN),
            lambda: tokenizer(_special_tokens_map={"__setstate__": shown()}),
            lambda: tokenizer(_special_tokens_map={"bos_token": SYSTEM}),
            lambda: tokenizer(_special_tokens_map=munched("a", 1)),
            lambda: tokenizer(SPECIAL_TOKENS_ATTRIBUTES=UNKNOWN),
            lambda: tokenizer(SPECIAL_TOKENS_ATTRIBUTES=[shown()]),
            lambda: tokenizer(verbose=shown()),
            lambda: Call(
                Name("transformers.tokenization_utils_base", "PreTrainedTokenizerBase"), ()
            ),
        ],
    ),
    # Keys are compared while these are made, by a function of the file if there is one.
    "sorted": (
        lambda: [
            sorted_of("dict", None, {"a": [1], "b": numbers()}),
            sorted_of("list", [3, 1, 2.5]),
            sorted_of("list", ["b", "a"]),
        ],
        [
            lambda: sorted_of("dict", SYSTEM, {"a": 1}),
            lambda: sorted_of("dict", Name("builtins", "len"), {"a": 1}),
            lambda: sorted_of("dict", None, {UNKNOWN: 1}),
            lambda: sorted_of("dict", None, {("a", UNKNOWN): 1}),
            lambda: sorted_of("dict", None, UNKNOWN),
            lambda: sorted_of("list", [UNKNOWN]),
            lambda: sorted_of("list", [1], SYSTEM),
            lambda: sorted_of("list", UNKNOWN),
            lambda: sorted_of("set", UNKNOWN, None),
            lambda: sorted_of("set", [1], SYSTEM),
            lambda: New(Name("sortedcontainers.sortedlist", "SortedList"), (), {"_key": SYSTEM}),
        ],
    ),
    # A zone's name leads to a file among the library's data.
    "zones of pytz": (
        lambda: [
            Call(Name("pytz", "_UTC")),
            Call(Name("pytz", "_p"), ("Europe/Berlin", 3600, 0, "CET")),
            Call(Name("pytz", "_p"), ("US/Eastern",)),
        ],
        [
            lambda: Call(Name("pytz", "_UTC"), ("a",)),
            lambda: Call(Name("pytz", "_UTC"), (), {"zone": "a"}),
            lambda: Call(Name("pytz", "_p"), ("../../etc/passwd",)),
            lambda: Call(Name("pytz", "_p"), ("a\0b",)),
            lambda: Call(Name("pytz", "_p"), (UNKNOWN,)),
            lambda: Call(Name("pytz", "_p"), ("US/Eastern", UNKNOWN, 0, "EST")),
            lambda: Call(Name("pytz", "_p"), ("US/Eastern", 0, 0, UNKNOWN)),
            lambda: Call(Name("pytz", "_p"), ("US/Eastern",), {"_tzinfos": {}}),
        ],
    ),
    # __getattr__ asks `_internal_dict` of the first state for __setstate__ before a second one.
    "schedulers of diffusers": (
        lambda: [
            scheduler(_internal_dict=frozen_dict("beta", 0.1, beta=0.1), betas=numbers()),
            scheduler(timesteps=numbers()),
        ],
        [
            lambda: scheduler(_internal_dict=UNKNOWN),
            lambda: scheduler(_internal_dict={"__setstate__": SYSTEM}),
            lambda: scheduler(_internal_dict=New(SCHEDULER)),
            lambda: scheduler(_internal_dict=frozen_dict("__setstate__", SYSTEM)),
            lambda: scheduler(_internal_dict=frozen_dict("a", 1, __setstate__=SYSTEM)),
            lambda: scheduler(__setstate__=SYSTEM),
            lambda: New(SCHEDULER, ("a",), {}),
            lambda: Call(SCHEDULER, ()),
            lambda: frozen_dict("a", 1, __frozen=True),
            lambda: frozen_dict(numbers(), 1),
            lambda: frozen_dict("__class__", 1),
        ],
    ),
    # BUILD writes into what `__dict__` gives, which the class of 0.3 makes anew.
    "configurations of PEFT 0.3": (
        lambda: [peft_config({"r": 8, "target_modules": ["q"], "peft_type": "LORA"})],
        [
            lambda: peft_config({"__class__": SYSTEM}),
            lambda: peft_config({"__reduce__": SYSTEM}),
            lambda: peft_config(UNKNOWN),
            lambda: peft_config((None, {"r": UNKNOWN})),
            lambda: peft_config({"r": UNKNOWN}),
            lambda: New(Name("peft.tuners.lora", "LoraConfig"), ("a",), {}),
            lambda: Call(Name("peft.tuners.lora", "LoraConfig"), (UNKNOWN,)),
            lambda: New(Name("peft.tuners.lora", "LoraConfigs"), (), {}),
        ],
    ),
}


SURPRISE = "surprise.prediction_algorithms"
SVD = Name(f"{SURPRISE}.matrix_factorization", "SVD")
PROGRAM = Name("gplearn.functions", "_Function")
DIVISION = Name("gplearn.functions", "_protected_division")
CELL = Name("ase.cell", "Cell")

SIDES |= {
    "recommenders": (
        lambda: [
            New(SVD, (), {"n_factors": 10, "pu": numbers()}),
            New(Name(f"{SURPRISE}.slope_one", "SlopeOne"), (), {"freq": numbers()}),
        ],
        [
            lambda: New(SVD, (), {"pu": UNKNOWN}),
            lambda: New(SVD, (), {"__class__": SYSTEM}),
            lambda: New(SVD, (), (None, {"pu": UNKNOWN})),
            lambda: New(SVD, (1,), {}),
            lambda: Call(SVD, (10,)),
            lambda: Call(Name("surprise.dataset", "download_builtin_dataset"), ("ml-100k",)),
        ],
    ),
    "programs of gplearn": (
        lambda: [New(PROGRAM, (), {"function": DIVISION, "name": "div", "arity": 2})],
        [
            lambda: New(PROGRAM, (), {"function": SYSTEM, "name": "div", "arity": 2}),
            lambda: Call(DIVISION, (numbers(), numbers())),
            lambda: Call(Name("gplearn.functions", "make_function"), (SYSTEM, "a", 1)),
            lambda: Call(Name("gplearn.fitness", "_log_loss"), (UNKNOWN, 1, 1)),
        ],
    ),
    "a cell of atoms": (
        lambda: [New(CELL, (), {"array": numbers(9)})],
        [
            lambda: New(CELL, (), {"array": UNKNOWN}),
            lambda: New(CELL, (), {"array": [1, 2]}),
            lambda: New(CELL, (), {"array": objects(UNKNOWN)}),
            lambda: Call(CELL, (UNKNOWN,)),
            lambda: New(CELL, (), {"array": numbers(9)}, pairs=[(0, 1)]),
        ],
    ),
    "networks of TabNet": (
        lambda: [layer("pytorch_tabnet.tab_network", "TabNet", input_dim=4)],
        [
            lambda: layer("pytorch_tabnet.tab_network", "TabNet", input_dim=UNKNOWN),
            lambda: Call(Name("pytorch_tabnet.tab_network", "TabNet"), (4, 2)),
            lambda: Call(Name("pytorch_tabnet.tab_model", "TabNetClassifier"), ()),
        ],
    ),
}


def doubled(part: bytes) -> Opcodes:
    """A tuple of few opcodes that is shown or hashed in 2 ** 40 steps."""
    places = [struct.pack("<I", 10_000 + number) for number in range(40)]
    return Opcodes(part + b"".join(b"r" + at + b"j" + at + b"\x86" for at in places))


def nested(depth: int) -> Opcodes:
    """A tuple in a tuple, and so on."""
    return Opcodes(b")" + b"\x85" * depth)


def placed(places: Any) -> Call:
    """A block of numbers and where they belong."""
    return Call(Name("pandas._libs.internals", "_unpickle_block"), (numbers(), places, 1))


def box(low: Any) -> New:
    """A space whose bounds are compared and shown."""
    return New(Name("gymnasium.spaces.box", "Box"), (), {"low": low, "high": numbers()})


def backed(name: str, value: Any) -> Call:
    """An array of dates with one more attribute."""
    unpickle = Name("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked")
    made = Call(unpickle, (Name("pandas.arrays", "DatetimeArray"), 83163935, None))
    made.state = (element("f8"), numbers(), {name: value})
    return made


def shown() -> New:
    """A layer whose repr() calls what its state says."""
    logger = Name("stable_baselines3.common.logger", "HumanOutputFormat")
    return layer("torch.nn.modules.module", "Module", extra_repr=Call(PARTIAL, (logger, "x")))


def batches() -> New:
    """What starts processes when it is iterated over."""
    return New(Name("torch.utils.data.dataloader", "DataLoader"), (), {"num_workers": 2})


def state_of(version: int, order: str, size: int) -> tuple[Any, ...]:
    return (min(version, 4), order, None, None, None, size, -1 if size < 0 else 1, 0)


def times(*unit: Any) -> Call:
    """An element type of times, with its unit or without."""
    state = state_of(4, "<", -1) + ((({}, unit),) if unit else ())
    return Call(Name("numpy", "dtype"), ("M8", False, True), state)


def late(letters: Any, shape: tuple[int, ...], raw: bytes) -> Later:
    """An element type that grows when an array has it already."""
    dtype = Call(Name("numpy", "dtype"), (letters, False, True))
    return Later(dtype, state_of(3, "|", 2**28), (array(shape, raw, dtype),))


def again(made: Call) -> Later:
    """An array that is given other bytes."""
    return Later(made, numbers(1).state)


def verdicts(folder: Path, values: dict[str, Any]) -> dict[str, str]:
    for name, value in values.items():
        (folder / f"{name}.pkl").write_bytes(stream(value))
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", folder], capture_output=True, timeout=60, check=False
    )
    return {Path(f["path"]).stem: f["verdict"] for f in json.loads(done.stdout)["files"]}


def check_sides(folder: Path, honest: Callable[[], Any], abuses: list[Callable[[], Any]]) -> None:
    """The honest value is clean, and none of its abuses."""
    values = {f"abuse{i}": make() for i, make in enumerate(abuses)}
    seen = verdicts(folder, {"honest": honest(), **values})
    assert seen.pop("honest") == "clean"
    assert set(seen.values()) <= {"suspicious", "malicious"}, seen
    assert len(seen) == len(abuses)


@pytest.mark.parametrize("what", sorted(SIDES))
def test_honest_is_clean_and_abuse_is_not(what: str, tmp_path: Path) -> None:
    check_sides(tmp_path, *SIDES[what])


@pytest.mark.parametrize(
    ("library", "value"),
    [
        ("tokenizers", part(".models", "Model")),
        ("xgboost", New(Name("xgboost.core", "Booster"), (), {"handle": None})),
        ("lightgbm", New(Name("lightgbm.basic", "Booster"), (), {"_handle": "tree"})),
        ("catboost", New(Name("catboost.core", "CatBoost"), (), {"__model": b"CBM1"})),
    ],
)
def test_native_parsers_are_noted(library: str, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(stream(value))
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", path], capture_output=True, timeout=60, check=False
    )
    (file,) = json.loads(done.stdout)["files"]
    assert file["verdict"] == "clean"
    (finding,) = file["findings"]
    assert (finding["code"], finding["severity"]) == ("BRN133", "info")
    assert finding["title"] == f"is parsed natively by {library}"
