"""Layers of libraries, and objects that keep what they are given: what state_dict() would say.

The libraries are not needed: their names are given to classes of this file while it is written, and
do what those classes do as far as the tensors go. Whatever the real ones add to their state_dict()
must not be lost, and what is EXACT must be what loading gives.
"""

from __future__ import annotations

import sys
import types
import weakref
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from tests.convert import oracle
from tests.convert.compare import difference, read
from tests.convert.test_claims import check, converted, saved, torch_load


def pretend(patch: pytest.MonkeyPatch, key: str, base: type, **body: Any) -> Any:
    """A class that files know by another's name."""
    module, _, name = key.rpartition(".")
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        above = ".".join(parts[:depth])
        if above not in sys.modules:
            patch.setitem(sys.modules, above, types.ModuleType(above))
    made = type(name, (base,), {"__module__": module, **body})
    patch.setattr(sys.modules[module], name, made, raising=False)
    return made


def kernel(layer: Any) -> Any:
    """A module of two parameters and a buffer, one inside the other."""
    layer.raw_outputscale = nn.Parameter(torch.tensor(0.5))
    layer.register_buffer("active_dims", torch.arange(2))
    layer.register_buffer("passing", torch.ones(1), persistent=False)
    return layer


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_layer_that_takes_its_state_for_its_attributes(
    protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def setstate(self: Any, state: dict[str, Any]) -> None:
        self.__dict__ = state

    rbf = pretend(monkeypatch, "gpytorch.kernels.rbf_kernel.RBFKernel", nn.Module,
                  __setstate__=setstate)  # fmt: skip
    scale = pretend(monkeypatch, "gpytorch.kernels.scale_kernel.ScaleKernel", nn.Module,
                    __setstate__=setstate)  # fmt: skip
    whole = kernel(scale())
    whole.base_kernel = kernel(rbf())
    path = saved(tmp_path, whole, pickle_protocol=protocol)
    check(path, torch_load, exact=True)
    found = read(Path(converted(path)["output"]))[0]
    assert found == {name: oracle.bits_of(t) for name, t in whole.state_dict().items()}


@pytest.mark.parametrize(
    "key",
    [
        "torch_geometric.nn.dense.linear.Linear",  # two tensors, whatever it holds
        "kraken.lib.vgsl.model.TorchVGSLModel",
    ],
)
def test_a_layer_that_writes_its_own(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = kernel(pretend(monkeypatch, key, nn.Module)())
    assert converted(saved(tmp_path, layer))["verdict"] == "DISARMED"
    assert converted(saved(tmp_path, nn.Sequential(layer)))["verdict"] == "DISARMED"


def linear(patch: pytest.MonkeyPatch) -> Any:
    """A layer that writes `weight` and `bias`."""
    made = pretend(patch, "torch_geometric.nn.dense.linear.Linear", nn.Module)()
    made.weight = nn.Parameter(torch.rand(2, 2))
    made.register_parameter("bias", None)
    return made


def test_a_layer_that_writes_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = linear(monkeypatch)
    for value in (layer, nn.Sequential(layer)):
        check(saved(tmp_path, value), torch_load, exact=True)
    more = linear(monkeypatch)
    more.register_buffer("seen", torch.ones(1))
    other = linear(monkeypatch)
    other.scale = nn.Parameter(torch.ones(1))
    shadowed = linear(monkeypatch)
    shadowed.__dict__["bias"] = torch.ones(2)
    for bad in (more, other, shadowed):
        bad.__class__ = type(shadowed)  # the last that has the name
        assert converted(saved(tmp_path, bad))["verdict"] == "DISARMED"


def metric(patch: pytest.MonkeyPatch, *, persistent: Any) -> Any:
    """A metric with a state."""
    made = pretend(patch, "torchmetrics.aggregation.MeanMetric", nn.Module)()
    made._defaults = {"mean_value": torch.zeros(1)}  # noqa: SLF001
    made.mean_value = torch.ones(1)
    if persistent is not None:
        made._persistent = persistent  # noqa: SLF001
    return made


def test_a_metric_inside_a_layer_adds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = nn.Sequential(nn.Linear(2, 2), metric(monkeypatch, persistent={"mean_value": False}))
    file = check(saved(tmp_path, layer), torch_load, exact=True)
    assert set(read(Path(file["output"]))[0]) == {"0.weight", "0.bias"}
    assert "1.mean_value" in file["left_out"]


@pytest.mark.parametrize(
    "persistent", [{"mean_value": True}, {"mean_value": 0}, {"mean_value": None}, [False], "no"]
)
def test_a_metric_that_may_add_something(
    persistent: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = nn.Sequential(nn.Linear(2, 2), metric(monkeypatch, persistent=persistent))
    file = converted(saved(tmp_path, layer))
    assert file["verdict"] == "DISARMED"
    assert "1.mean_value" in read(Path(file["output"]))[0]


def test_a_metric_alone_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = metric(monkeypatch, persistent={"mean_value": False})
    alone.register_buffer("seen", torch.ones(1))
    alone.register_buffer("passing", torch.zeros(1), persistent=False)
    alone.seen_values = [torch.ones(2)]
    for value, way in ((alone, ""), ({"metrics": [alone]}, "metrics.0.")):
        file = check(saved(tmp_path, value), torch_load, exact=True)
        names = {"_defaults.mean_value", "mean_value", "seen", "passing", "seen_values.0"}
        assert set(read(Path(file["output"]))[0]) == {way + name for name in names}


def test_a_metric_alone_whose_states_may_persist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for persistent in ({"mean_value": True}, {"mean_value": 0}, [False], "no"):
        file = converted(saved(tmp_path, metric(monkeypatch, persistent=persistent)))
        assert file["verdict"] == "DISARMED"
        assert "mean_value" in read(Path(file["output"]))[0]


def graph(patch: pytest.MonkeyPatch, x: Tensor) -> Any:
    """Data of a graph, and its storage, which knows it by a weak reference."""

    def getstate(self: Any) -> dict[str, Any]:
        return {**self.__dict__, "_parent": self.__dict__["_parent"]()}

    def setstate(self: Any, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.__dict__["_parent"] is not None:
            self.__dict__["_parent"] = weakref.ref(self.__dict__["_parent"])

    data = pretend(patch, "torch_geometric.data.data.Data", object)()
    storage = pretend(
        patch, "torch_geometric.data.storage.GlobalStorage", object,
        __getstate__=getstate, __setstate__=setstate,
    )()  # fmt: skip
    storage._mapping = {"x": x, "edge_index": torch.ones(2, 3, dtype=torch.int64)}  # noqa: SLF001
    storage._parent = weakref.ref(data)  # noqa: SLF001
    data._store = storage  # noqa: SLF001
    return data


def test_data_of_a_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = graph(monkeypatch, torch.rand(3, 2))
    file = check(saved(tmp_path, data), torch_load, exact=True)
    names = {"_store._mapping.x", "_store._mapping.edge_index"}
    assert set(read(Path(file["output"]))[0]) == names
    listed = check(saved(tmp_path, {"train": [data]}), torch_load, exact=True)
    assert set(read(Path(listed["output"]))[0]) == {f"train.0.{name}" for name in names}


def test_a_batch_of_graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(_: Any, __: type, of: type) -> Any:
        return of()

    def reduced(self: Any, _: int) -> tuple[Any, ...]:
        return getter(), (batch, type(self)), self.__dict__

    module = "torch_geometric.data.batch."
    getter = pretend(monkeypatch, module + "DynamicInheritanceGetter", object, __call__=make)
    batch = pretend(monkeypatch, module + "Batch", object)
    data = graph(monkeypatch, torch.rand(3, 2))
    data._store._slice_dict = {"x": torch.tensor([0, 1, 3])}  # noqa: SLF001
    monkeypatch.setattr(type(data), "__reduce_ex__", reduced, raising=False)
    file = check(saved(tmp_path, [data]), torch_load, exact=True)
    names = {"_mapping.x", "_mapping.edge_index", "_slice_dict.x"}
    assert set(read(Path(file["output"]))[0]) == {f"0._store.{name}" for name in names}
    other = pretend(monkeypatch, module + "Other", object)
    monkeypatch.setattr(type(data), "__reduce_ex__",
                        lambda self, _: (getter(), (other, type(self)), self.__dict__))  # fmt: skip
    assert converted(saved(tmp_path, [data]))["verdict"] == "DISARMED"


BOX = {"low": np.zeros(2, np.float32), "high": np.ones(2, np.float32), "_shape": (2,)}
PRINTED = {"low_repr": "0.0", "high_repr": "1.0"}
SPACES: dict[str, tuple[str, dict[str, Any], bool]] = {
    "a box": ("box.Box", BOX | PRINTED, True),
    "an old box, whose bounds are printed": ("box.Box", BOX, False),
    "an old generator's name": ("box.Box", BOX | PRINTED | {"np_random": torch.ones(1)}, False),
    "counts": (
        "multi_discrete.MultiDiscrete",
        {"nvec": np.array([2, 3]), "start": np.array([0, 0]), "dtype": np.dtype("i8"),
         "_shape": (2,)},
        True,
    ),
    "counts without a start": (
        "multi_discrete.MultiDiscrete",
        {"nvec": np.array([2, 3]), "dtype": np.dtype("i8"), "_shape": (2,)},
        False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPACES)
def test_spaces(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cls, state, exact = SPACES[name]
    space = pretend(monkeypatch, "gymnasium.spaces." + cls, object)()
    space.__dict__.update(state)
    check(saved(tmp_path, {"space": space}), torch_load, exact=exact)


class Output(OrderedDict[str, Any]):
    """What transformers' outputs do with their fields, arguments and items."""

    def __init__(self, *args: Any) -> None:
        super().__init__()
        for name, value in zip(FIELDS, args, strict=bool(args)):
            self.__dict__[name] = value
            if value is not None:
                self[name] = value


FIELDS = ("last_hidden_state", "hidden_states", "attentions")
X, Y = torch.rand(2, 2), torch.rand(3)
OUTPUTS: dict[str, tuple[tuple[Any, ...], dict[str, Any], bool]] = {
    "as it is written": ((X, None, (Y,)), {FIELDS[0]: X, FIELDS[2]: (Y,)}, True),
    "as it was written": ((), {FIELDS[0]: X, FIELDS[1]: (Y, X)}, True),
    "stored over": ((X, None, None), {FIELDS[0]: Y}, True),
    "an argument that is not stored": ((X, None, (Y,)), {FIELDS[0]: X}, False),
    "stored as no field": ((X, None, None), {FIELDS[0]: X, "more": Y}, False),
    "too few": ((X,), {FIELDS[0]: X}, False),
    "too many": ((X, None, None, None), {FIELDS[0]: X}, False),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_outputs_of_models(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    args, stored, exact = OUTPUTS[name]
    cls = pretend(monkeypatch, "transformers.modeling_outputs.BaseModelOutput", Output)
    items = list(stored.items())
    monkeypatch.setattr(
        cls, "__reduce__", lambda _: (cls, args, None, None, iter(items)), raising=False
    )
    check(saved(tmp_path, {"output": cls()}), torch_load, exact=exact)
    past = pretend(monkeypatch, "transformers.modeling_outputs.BaseModelOutputWithPast", Output)
    monkeypatch.setattr(
        past, "__reduce__", lambda _: (past, args, None, None, iter(items)), raising=False
    )
    assert converted(saved(tmp_path, {"output": past()}))["verdict"] == "DISARMED"


def slotted(patch: pytest.MonkeyPatch, key: str, **slots: Any) -> Any:
    """An object of nothing but slots."""
    made = pretend(patch, key, object, __slots__=tuple(slots))()
    for name, value in slots.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("index", "exact"),
    [
        (pd.Index([1, 2, 5]), True),
        (pd.Index([0.5, float("nan")], name="x"), True),
        (pd.Index(np.array([3, 4], np.uint64)), True),
        (pd.Index(np.array([3, 4], np.int8)), False),
        (pd.Index(np.array([3, 4], ">i8")), False),
    ],
)
def test_sets_of_arrays(
    index: Any, exact: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = "xarray.core."
    adapter = slotted(
        monkeypatch, core + "indexing.PandasIndexingAdapter", array=index, _dtype=index.dtype
    )
    axis = slotted(monkeypatch, core + "variable.IndexVariable", _dims=("x",), _data=adapter,
                   _attrs=None, _encoding=None)  # fmt: skip
    values = slotted(monkeypatch, core + "variable.Variable", _dims=("x",), _data=np.arange(3.0),
                     _attrs=None, _encoding=None)  # fmt: skip
    array = slotted(monkeypatch, core + "dataarray.DataArray", _variable=values, _coords={},
                    _name=None, _indexes={}, _close=None)  # fmt: skip
    check(saved(tmp_path, array, pickle_protocol=4), torch_load, exact=True)
    array._coords = {"x": axis}  # noqa: SLF001
    check(saved(tmp_path, {"a": array}, pickle_protocol=4), torch_load, exact=exact)


def test_named_tuples_of_the_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = pretend(monkeypatch, "transformers.trainer_utils.PredictionOutput", tuple,
                   __new__=lambda cls, *args: tuple.__new__(cls, args),
                   __getnewargs__=lambda self: tuple(self), __slots__=())  # fmt: skip
    scores = made(np.ones(2), np.zeros(2, np.int64), {"loss": 0.5})
    check(saved(tmp_path, scores), torch_load, exact=True)
    assert converted(saved(tmp_path, made(np.ones(2), None)))["verdict"] == "DISARMED"
    labelled = pretend(monkeypatch, "transformers.trainer_utils.EvalPrediction", object)()
    labelled.__dict__.update(predictions=np.ones(2), elements=(np.zeros(3), torch.ones(2)))
    check(saved(tmp_path, labelled), torch_load, exact=True)


def test_what_only_a_weak_reference_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = graph(monkeypatch, torch.rand(1))
    data = graph(monkeypatch, torch.rand(1))
    other.__class__ = type(data)
    other._store.__class__ = type(data._store)  # noqa: SLF001
    data._store._parent = weakref.ref(other)  # noqa: SLF001
    path = saved(tmp_path, data)
    assert converted(path)["verdict"] == "DISARMED"
    lost = oracle.expected(torch_load(path))
    assert difference(Path(converted(path)["output"]), lost) is not None
    assert converted(saved(tmp_path, data._store))["verdict"] == "DISARMED"  # noqa: SLF001
