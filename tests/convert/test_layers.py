"""Layers of libraries, and objects that keep what they are given: what state_dict() would say.

The libraries are not needed: their names are given to classes of this file while it is written, and
do what those classes do as far as the tensors go. Whatever the real ones add to their state_dict()
must not be lost, and what is EXACT must be what loading gives.
"""

from __future__ import annotations

import sys
import types
import weakref
from pathlib import Path
from typing import Any

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
    file = converted(saved(tmp_path, metric(monkeypatch, persistent={"mean_value": False})))
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
