"""What libraries of 2021 to 2024 wrote, and the nearest abuse of each.

Their modules, slots and constructors are those of then; most of them are not installed here. An
abuse puts an object where the library would ask it something, or a number where it would trust it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.facts.test_both_sides import check_sides, verdicts
from tests.facts.values import (
    Call,
    Later,
    Name,
    New,
    array,
    element,
    index,
    numbers,
    objects,
    whole,
)

GETATTR = Name("builtins", "getattr")
# A class with reviewed facts, whose instances are still nobody's business.
ACTION = New(Name("argparse", "Action"), (), {"n": 1})
SPAN = Call(Name("datetime", "timedelta"), (0, 3600, 0))


def box(**state: Any) -> New:
    known = {"dtype": element(), "_shape": (2,), "low": numbers(), "high": numbers()}
    return New(Name("gym.spaces.box", "Box"), (), {**known, "_np_random": None, **state})


def normalized(space: Any) -> New:
    cls = Name("stable_baselines3.common.vec_env.vec_normalize", "VecNormalize")
    return New(cls, (), {"observation_space": space, "training": True})


def sparse(module: str = "scipy.sparse._arrays", name: str = "csr_array", **state: Any) -> New:
    known = {"_shape": (2, 2), "data": numbers(), "maxprint": 50}
    places = {"indices": whole(0, 1, letters="i4"), "indptr": whole(0, 1, 2, letters="i4")}
    return New(Name(module, name), (), {**known, **places, **state})


def spline(**slots: Any) -> New:
    known = {"c": numbers(), "x": numbers(), "extrapolate": True, "axis": 0}
    cls = Name("scipy.interpolate._cubic", "CubicSpline")
    return New(cls, (), (None, {**known, **slots}))


def rbf(**state: Any) -> New:
    cls = Name("scipy.interpolate._rbfinterp", "RBFInterpolator")
    return New(cls, (), {"y": numbers(), "kernel": "linear", **state})


def slope(state: Any) -> New:
    return New(Name("scipy.stats._stats_mstats_common", "LinregressResult"), (1.0, 2.0), state)


def horizon(values: Any, *args: Any) -> New:
    cls = Name("sktime.forecasting.base._fh", "ForecastingHorizon")
    return New(cls, args, {"_values": values, "_is_relative": True, "_freq": None})


def fit(**state: Any) -> New:
    stanfit = "cmdstanpy.stanfit."
    method = Call(Name("cmdstanpy.cmdstan_args", "Method"), (2,))
    known = {
        "runset": New(Name(stanfit + "runset", "RunSet"), (), {"_args": method, "_csv_files": []}),
        "_metadata": New(Name(stanfit + "metadata", "InferenceMetadata"), (), {"_stan_vars": {}}),
        "_mle": numbers(),
    }
    return New(Name(stanfit + "mle", "CmdStanMLE"), (), {**known, **state})


def annealed(name: str = "_annealing_cos") -> New:
    scheduler = New(Name("torch.optim.lr_scheduler", "OneCycleLR"))
    scheduler.state = {"total_steps": 5, "anneal_func": Call(GETATTR, (scheduler, name))}
    return scheduler


def neighbours(similarity: Any, **state: Any) -> New:
    cls = Name("implicit.nearest_neighbours", "CosineRecommender")
    return New(cls, (), {"similarity": similarity, "K": 20, **state})


def similar(**state: Any) -> New:
    return sparse("scipy.sparse._csr", "csr_matrix", **state)


def unet(configuration: Any) -> New:
    known = {"training": True, "_parameters": {}, "_buffers": {}, "_modules": {}}
    cls = Name("diffusers.models.unet_2d", "UNet2DModel")
    return New(cls, (), {**known, "_internal_dict": configuration})


def hooked(name: str) -> New:
    model = New(Name("botorch.models.gp_regression", "SingleTaskGP"))
    known = {"training": True, "_parameters": {}, "_buffers": {}, "_modules": {}}
    model.state = {**known, "_load_state_dict_pre_hooks": {0: Call(GETATTR, (model, name))}}
    return model


def pipeline(configuration: Any) -> New:
    cls = Name("diffusers.pipelines.ddpm.pipeline_ddpm", "DDPMPipeline")
    return New(cls, (), {"_internal_dict": configuration, "unet": None})


def aligned(size: int = 16, flags: int = -112, offset: int = 8) -> Call:
    fields = {"a": (element("u1"), 0), "b": (element(), offset)}
    state = (3, "|", None, ("a", "b"), fields, size, 8, flags)
    return Call(Name("numpy", "dtype"), ("V16", False, True), state)


def boosters(*items: Any) -> New:
    state = {"boosters": list(items), "best_iteration": 1}
    return New(Name("lightgbm.engine", "CVBooster"), (), state)


def explanation(**state: Any) -> New:
    slicer = New(Name("slicer.slicer", "Slicer"), (), {"_objects": {}, "_aliases": {}, **state})
    return New(Name("shap._explanation", "Explanation"), (), {"_s": slicer, "op_history": []})


def updater(*numbers_: Any, cls: str = "GARCHUpdater") -> Call:
    module = "arch.univariate.recursions"
    args = (Name(module, cls), 119629453, numbers_)
    return Call(Name(module, "__pyx_unpickle_GARCHUpdater"), args)


def part(*bounds: Any) -> Call:
    return Call(Name("builtins", "slice"), bounds)


def scalar(kind: Call, raw: bytes) -> Call:
    return Call(Name("numpy._core.multiarray", "scalar"), (kind, raw))


def zone(source: Any = None, **state: Any) -> Call:
    info = {"offset": 3600, "delta": SPAN, "isdst": 0, "abbr": "CET"}
    times = New(Name("dateutil.tz.tz", "_ttinfo"), (), info)
    known = {"_filename": "Oslo", "_trans_list": (1, 2), "_trans_idx": (times,)}
    return Call(Name("dateutil.tz.tz", "tzfile"), (source, "Oslo"), {**known, **state})


def formula(structure: Any, **slots: Any) -> New:
    state = {"_parser": None, "_nested_parser": None, "_structure": structure, **slots}
    return New(Name("formulaic.formula", "Formula"), (), (None, state))


def inflated(template: str, name: str = "_entropy") -> New:
    out = New(Name("statsmodels.distributions.discrete", "zipoisson_gen"))
    entropy = New(Name("numpy", "vectorize"), (), {"pyfunc": Call(GETATTR, (out, name))})
    known = {"_parse_arg_template": template, "numargs": 2, "moment_type": 1}
    out.state = {**known, "vecentropy": entropy}
    return out


TEMPLATE = """
def _parse_args(self, mu, w,  loc=0):
    return (mu, w, ), loc, 1

def _parse_args_rvs(self, mu, w,  loc=0, size=None):
    return self._argcheck_rvs(mu, w,  loc, 1, size=size)

def _parse_args_stats(self, mu, w,  loc=0, moments='mv'):
    return (mu, w, ), loc, 1, moments
"""


def huber(*state: Any, cls: str = "CyHuberLoss") -> Call:
    module = "sklearn._loss._loss"
    return Call(Name(module, "__pyx_unpickle_CyHuberLoss"), (Name(module, cls), 1, state))


def counted(factory: Any) -> Call:
    return Call(Name("collections", "defaultdict"), (factory,))


def weights(data: Any, factory: Any = None, mask: Any = None) -> Call:
    module = "river.utils.vectordict"
    args = (Name(module, "VectorDict"), 127806352, None)
    state = (data, factory, False, mask, False, False)
    return Call(Name(module, "__pyx_unpickle_VectorDict"), args, state)


def variable(name: Any, **state: Any) -> New:
    role = Call(Name("formulaic.utils.variables", "Variable.Role"), ("value",))
    known = {"roles": {role}, "source": "data"}
    return New(Name("formulaic.utils.variables", "Variable"), (name,), {**known, **state})


SIDES: dict[str, tuple[Callable[[], Any], list[Callable[[], Any]]]] = {
    "gym: a space": (
        box,
        [
            lambda: box(low=ACTION),
            lambda: box(high=objects(1.0, 2.0)),
            lambda: box(shape=ACTION),
            lambda: box(__class__=Name("argparse", "Action")),
        ],
    ),
    "gym: a wrapper asks its space's type": (
        lambda: normalized(box()),
        [lambda: normalized(ACTION)],
    ),
    "scipy: a sparse array": (
        sparse,
        [
            lambda: sparse(__dict__={}),
            lambda: New(Name("scipy.sparse._arrays", "csr_array"), (ACTION,), {}),
            lambda: sparse(name="spmatrix_of_another"),
        ],
    ),
    "scipy: a spline's slots": (
        spline,
        [
            lambda: spline(c=ACTION),
            lambda: spline(x=objects(ACTION)),
            lambda: spline(__class__=Name("argparse", "Action")),
            lambda: spline(integrate=1),
        ],
    ),
    "scipy: a radial interpolator's attributes": (
        rbf,
        [lambda: rbf(__class__=Name("argparse", "Action")), lambda: Later(rbf(), (ACTION, ACTION))],
    ),
    "scipy: a result": (
        lambda: slope({"intercept_stderr": 0.1}),
        [lambda: slope("text"), lambda: slope({"__class__": 1})],
    ),
    "sktime: a horizon": (
        lambda: horizon(index("Index", data=whole(1, 2), name=None)),
        [
            lambda: horizon(ACTION),
            lambda: horizon(index("Index", data=whole(1, 2), name=None), ACTION),
            lambda: {horizon(index("Index", data=whole(1, 2), name=None)): 1},
        ],
    ),
    "cmdstanpy: a fit": (
        fit,
        [
            lambda: fit(_metadata=ACTION),
            lambda: fit(runset=ACTION),
            lambda: fit(__setstate__=1),
            lambda: Call(Name("cmdstanpy.model", "CmdStanModel"), ("model", "/tmp/a.stan")),
            lambda: Call(Name("cmdstanpy.stanfit", "from_csv"), ("/tmp",)),
        ],
    ),
    "torch: how a rate changes": (
        annealed,
        [
            lambda: annealed("step"),
            lambda: Call(Call(GETATTR, (annealed(), "_annealing_cos")), (1.0, 2.0, 0.5)),
        ],
    ),
    "implicit: a recommender": (
        lambda: neighbours(similar()),
        [
            lambda: neighbours(ACTION),
            lambda: neighbours(similar(_shape=(2**31 - 1, 2))),
            lambda: neighbours(similar(_shape=(-1, 2))),
            lambda: neighbours(similar(indptr=objects(ACTION))),
            lambda: neighbours(similar(data=ACTION)),
            lambda: neighbours(Later(similar(), {"_shape": (2**40, 1)})),
            lambda: neighbours(None, scorer=ACTION),
        ],
    ),
    "diffusers: a model": (
        lambda: unet(New(Name("diffusers.configuration_utils", "FrozenDict"), (), {})),
        [lambda: unet(ACTION), lambda: unet({"sample_size": 8})],
    ),
    "diffusers: a pipeline": (
        lambda: pipeline(New(Name("diffusers.configuration_utils", "FrozenDict"), (), {})),
        [
            lambda: pipeline(ACTION),
            lambda: New(pipeline(None).cls, (), (None, {"unet": ACTION})),
        ],
    ),
    "lightning: an interval": (
        lambda: {Call(Name("pytorch_lightning.callbacks.timer", "Interval"), ("step",)): 1},
        [
            lambda: Call(Name("pytorch_lightning.callbacks.timer", "Interval"), (ACTION,)),
            lambda: Call(Name("pytorch_lightning.trainer.states", "RunningStage"), ("os",)),
        ],
    ),
    "botorch: a hook": (
        lambda: hooked("_load_state_hook_ignore_shapes"),
        [lambda: hooked("load_state_dict"), lambda: hooked("_load_from_state_dict")],
    ),
    "numpy: an aligned record": (
        aligned,
        [
            lambda: aligned(offset=9),
            lambda: aligned(size=8),
            lambda: aligned(flags=-1),
            lambda: aligned(flags=-65),
            lambda: aligned(flags=-127),
        ],
    ),
    "lightgbm: boosters of folds": (
        boosters,
        [
            lambda: boosters(ACTION),
            lambda: Later(boosters(), {"boosters": []}),
            lambda: New(Name("lightgbm.engine", "CVBooster"), (), {}, items=[1]),
        ],
    ),
    "shap: an explanation": (
        explanation,
        [
            lambda: explanation(_objects=ACTION),
            lambda: explanation(_aliases=ACTION),
            lambda: New(Name("shap._explanation", "Explanation"), (), {"_s": ACTION}),
        ],
    ),
    "arch: an updater": (
        lambda: updater(-1.0, 0, 1, 2.0, 1),
        [
            lambda: updater(-1.0, 0, 1, 2.0, ACTION),
            lambda: updater(-1.0, 0, 1, 2.0, 1, {"p": 1}),
            lambda: updater(-1.0, 0, 1, 2.0, 1, cls="EGARCHUpdater"),
        ],
    ),
    "a slice of NumPy's numbers": (
        lambda: part(0, scalar(element("i8"), bytes(8)), None),
        [lambda: part(0, ACTION, None), lambda: part(numbers(), 1, None)],
    ),
    "dateutil: a zone of a file": (
        zone,
        [
            lambda: zone("/etc/localtime"),
            lambda: zone(_trans_idx=(ACTION,)),
            lambda: zone(_ttinfo_std=ACTION),
            lambda: zone(utcoffset=1),
        ],
    ),
    "formulaic: a formula": (
        lambda: formula({"root": [1]}),
        [lambda: formula(ACTION), lambda: formula({"root": []}, root=1)],
    ),
    "formulaic: a variable": (
        lambda: variable("age"),
        [lambda: variable(ACTION), lambda: variable("age", roles=ACTION)],
    ),
    "statsmodels: a distribution": (
        lambda: inflated(TEMPLATE),
        [
            lambda: inflated(TEMPLATE.replace("loc, 1", "loc, 1 + 1")),
            lambda: inflated(TEMPLATE + "print()\n"),
            lambda: inflated(TEMPLATE, "_attach_methods"),
        ],
    ),
    "scikit-learn: a loss": (
        lambda: huber(0.9),
        [lambda: huber(ACTION), lambda: huber(0.9, {}), lambda: huber(0.9, cls="CyPinballLoss")],
    ),
    "a factory of distributions": (
        lambda: counted(Name("river.proba.gaussian", "Gaussian")),
        [
            lambda: counted(Name("argparse", "Action")),
            lambda: counted(Name("river.proba.gaussian", "Gaussian.sample")),
        ],
    ),
    "river: weights": (
        lambda: weights({"a": 1.0}),
        [
            lambda: weights(ACTION),
            lambda: weights({"a": 1.0}, Name("argparse", "Action")),
            lambda: weights({"a": 1.0}, None, ACTION),
        ],
    ),
    "signal: a number": (
        lambda: Call(Name("signal", "Signals"), (2,)),
        [
            lambda: Call(Name("signal", "raise_signal"), (2,)),
            lambda: Call(Name("signal", "Signals"), (ACTION,)),
        ],
    ),
}


@pytest.mark.parametrize("what", sorted(SIDES))
def test_honest_is_clean_and_abuse_is_not(what: str, tmp_path: Path) -> None:
    check_sides(tmp_path, *SIDES[what])


OLDER = {
    "action": ACTION,
    "optuna": New(Name("optuna.samplers._qmc", "QMCSampler"), (), {"_seed": 1}),
    "dask": New(Name("dask_ml.wrappers", "ParallelPostFit"), (), {"estimator": None}),
    "filterpy": New(Name("filterpy.kalman.kalman_filter", "KalmanFilter"), (), {"x": numbers()}),
    "garch": New(Name("arch.univariate.volatility", "GARCH"), (), {"p": 1}),
    "lags": New(Name("coreforecast.lag_transforms", "Lag"), (), {"lag": 1}),
    "naive": New(Name("sktime.forecasting.naive", "NaiveForecaster"), (), {"sp": 1}),
    "nat": Call(Name("pandas._libs.tslibs.nattype", "__nat_unpickle"), (None,)),
    "default": Call(Name("pandas._libs.lib", "_NoDefault"), ("NO_DEFAULT",)),
    "dummies": Name("pandas.core.reshape.encoding", "get_dummies"),
    "hook": Name("torch.distributed._shard.sharded_tensor", "state_dict_hook"),
    "array": array((1,), bytes(16), aligned()),
}


def test_names_of_older_releases_are_known(tmp_path: Path) -> None:
    assert set(verdicts(tmp_path, OLDER).values()) == {"clean"}


def test_names_of_older_releases_call_nothing_else(tmp_path: Path) -> None:
    called = {
        "dummies": Call(OLDER["dummies"], (ACTION,)),
        "hook": Call(OLDER["hook"], (ACTION, {}, "", {})),
        "default": Call(Name("pandas._libs.lib", "_NoDefault"), (ACTION,)),
        "smooth": Call(
            Name("statsmodels.tsa.exponential_smoothing._ets_smooth", "_ets_smooth_add_add"), ()
        ),
    }
    assert "clean" not in verdicts(tmp_path, called).values()
