"""Values as Python has them: mappings made of others, layers and what looks like them, keys.

Each file is read by the real loader and converted: what is EXACT has its values and its names.
"""

from __future__ import annotations

import argparse
import json
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.convert.test_changed import tensor, torch_file
from tests.convert.test_claims import check, converted, made, saved, torch_load

# --- mappings that are made with arguments ---

MAPPINGS: dict[str, Any] = {
    "dict": (dict, {"k": torch.full((2,), 5.0)}),
    "pairs": (dict, [("k", torch.full((2,), 5.0))]),
    "ordered": (OrderedDict, [["k", torch.full((2,), 5.0)]]),
    "defaultdict": (defaultdict, list, {"k": torch.full((2,), 5.0)}),
}


@pytest.mark.parametrize("what", MAPPINGS)
@pytest.mark.parametrize("more", [False, True])
def test_mappings_that_are_made_of_others(what: str, more: bool, tmp_path: Path) -> None:
    items = (None, None, iter([("j", torch.ones(2))])) if more else ()
    path = saved(tmp_path, {"a": made(*MAPPINGS[what], more=items)})
    assert set(torch_load(path)["a"]) == ({"k", "j"} if more else {"k"})
    check(path, torch_load, exact=True)


def test_a_mapping_that_takes_no_attributes(tmp_path: Path) -> None:
    items = iter([("j", torch.ones(2))])
    path = saved(tmp_path, {"a": made(defaultdict, list, more=({"x": 1}, None, items))})
    with pytest.raises(AttributeError):
        torch_load(path)
    check(path, torch_load, exact=False)


# --- layers and what looks like them ---


def hooked() -> nn.Module:
    layer = nn.Linear(2, 2)
    layer._state_dict_hooks[0] = print  # noqa: SLF001
    return layer


def shadowed() -> nn.Module:
    layer = nn.Linear(2, 2)
    layer.__dict__["state_dict"] = dict
    return layer


def misplaced() -> nn.Module:
    layer = nn.Sequential(nn.Linear(2, 2))
    layer._modules["1"] = argparse.Namespace(w=torch.ones(1))  # noqa: SLF001
    return layer


def namespace() -> Any:
    return argparse.Namespace(
        _parameters={"w": torch.ones(1)}, _buffers={}, _modules={}, hidden=torch.full((2,), 3.0)
    )


LAYERS: dict[str, tuple[Callable[[], Any], bool]] = {
    "a layer": (lambda: nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), True),
    "a namespace": (namespace, True),
    "entries of its own": (lambda: nn.Sequential(torch.ao.nn.quantized.QFunctional()), False),
    "entries that are buffers": (
        lambda: nn.Sequential(torch.ao.quantization.HistogramObserver()), True,
    ),
    "a layer that has no weights yet": (lambda: nn.Sequential(nn.LazyLinear(2)), True),
    "an averaged model": (
        lambda: torch.optim.swa_utils.AveragedModel(nn.Sequential(nn.Linear(2, 2))), True,
    ),
    "a hook": (hooked, False),
    "a state_dict of the object": (shadowed, False),
    "no layer among layers": (misplaced, False),
}  # fmt: skip


@pytest.mark.parametrize("what", LAYERS)
def test_layers(what: str, tmp_path: Path) -> None:
    value, exact = LAYERS[what]
    path = saved(tmp_path, value())
    file = check(path, torch_load, exact=exact)
    if exact and isinstance(loaded := torch_load(path), nn.Module):
        entries = [v for v in loaded.state_dict().values() if not nn.parameter.is_lazy(v)]
        assert file["tensors"] == len(entries)


@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize("name", ["Adam", "ASGD", "SGD"])
def test_an_optimizer_with_numbers_of_steps(name: str, steps: bool, tmp_path: Path) -> None:
    """torch before 1.12 counted steps in Python; __setstate__ makes tensors of them."""
    layer = nn.Linear(2, 1)
    optimizer = getattr(torch.optim, name)(layer.parameters(), lr=0.1)
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    for slot in optimizer.state.values():
        if steps and "step" in slot:
            slot["step"] = int(slot["step"])
    path = saved(tmp_path, {"optimizer": optimizer})
    file = converted(path)
    assert (file["verdict"] == "EXACT") == (not steps or name == "SGD"), file


# --- keys ---

KEYS: dict[str, Any] = {
    "0.0001": 0.0001,
    "1e-05": 1e-5,
    "100000.0": 1e5,
    "1e+16": 1e16,
    "-1.5": -1.5,
    "123456.789": 123456.789,
    "inf": float("inf"),
    "layer": np.str_("layer"),
    "b'layer'": b"layer",
    "torch.Size([1, 2])": torch.Size([1, 2]),
    "7": np.int64(7),
    "torch.float32": torch.float,
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", KEYS)
def test_names_are_what_python_writes(name: str, protocol: int, tmp_path: Path) -> None:
    value = {KEYS[name]: torch.ones(1), "other": torch.zeros(1)}
    path = saved(tmp_path, value, pickle_protocol=protocol)
    assert str(KEYS[name]) == name
    file = converted(path)
    assert file["verdict"] == "EXACT", file
    data = Path(file["output"]).read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert set(header) - {"__metadata__"} == {name, "other"}


def test_one_type_under_two_names_is_one_key(tmp_path: Path) -> None:
    program = ("EMPTY_DICT", "GLOBAL torch float32", *tensor(0), "SETITEM")
    program += ("GLOBAL torch float", *tensor(1), "SETITEM")
    path = torch_file(tmp_path / "m.pt", program)
    assert len(torch_load(path)) == 1
    check(path, torch_load, exact=True)


def test_text_of_numpy_is_the_key_that_python_has(tmp_path: Path) -> None:
    path = saved(tmp_path, {np.str_("a"): torch.ones(1), "b": torch.zeros(1)})
    check(path, torch_load, exact=True)


DEVICES: list[tuple[Any, ...]] = [("cpu",), ("cuda:3",), ("cpu", 1), ("privateuseone:2",)]
NO_DEVICES: list[tuple[Any, ...]] = [
    ("cpe",), ("cpu:00",), ("cpu:",), ("",), ("cpu:1", 1), ("cpu", True), ("cpu", -1),
    ("cpu", 1.0), ("cuda:-1",),
]  # fmt: skip


@pytest.mark.parametrize(
    ("args", "known"), [(a, True) for a in DEVICES] + [(a, False) for a in NO_DEVICES]
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_devices(args: tuple[Any, ...], known: bool, protocol: int, tmp_path: Path) -> None:
    device = made(torch.device, *args)
    values: list[Any] = [{"w": torch.ones(2), "d": [device]}, {"w": torch.ones(2), device: 1}]
    for value in values:
        path = saved(tmp_path, value, pickle_protocol=protocol)
        if known:
            assert len(torch_load(path)) == 2
        else:
            with pytest.raises((RuntimeError, TypeError, ValueError)):
                torch_load(path)
            assert converted(path)["verdict"] == "DISARMED"
    check(saved(tmp_path, values[0]), torch_load, exact=known)


def test_types_of_storages_as_keys(tmp_path: Path) -> None:
    """torch.load makes an object of each name that it meets: none equals another one."""
    kind = "GLOBAL torch FloatStorage"
    inside = (kind, "BININT1 1", "TUPLE2")
    for key in ((kind,), inside):
        one = ("EMPTY_DICT", *key, *tensor(0), "SETITEM")
        file = check(torch_file(tmp_path / "m.pt", one), torch_load, exact=True)
        assert file["tensors"] == 1
        check(torch_file(tmp_path / "m.pt", (*one, *key, *tensor(1), "SETITEM")), torch_load,
              exact=False)  # fmt: skip
    value = {torch.float32: torch.ones(1), (nn.Linear, len): torch.ones(2)}
    check(saved(tmp_path, value), torch_load, exact=True)


@pytest.mark.parametrize("code", [b"b", b"i", b"r", b"\xe2", b"", b"f4", b"bb"])
@pytest.mark.parametrize("objects", [False, True])
def test_the_empty_array_that_is_filled(code: bytes, objects: bool, tmp_path: Path) -> None:
    array = np.array([torch.ones(2), None], object) if objects else np.ones(2)
    reduced = array.__reduce__()
    honest = code in (b"b", b"i")
    value = made(reduced[0], np.ndarray, (0,), code, more=(reduced[2],))
    path = saved(tmp_path, {"w": value})
    if honest:
        check(path, torch_load, exact=True)
    else:
        assert converted(path)["verdict"] == ("DISARMED" if objects else "REFUSED")


@pytest.mark.parametrize("wanted", [False, True])
def test_a_gradient_that_torch_cannot_set(wanted: bool, tmp_path: Path) -> None:
    """Of an element type without a storage of its own; a Parameter of it is another call."""
    value = torch.ones(3).to(torch.float8_e4m3fn).requires_grad_(wanted)
    check(saved(tmp_path, {"w": nn.Parameter(value, requires_grad=wanted)}), torch_load, exact=True)
    path = saved(tmp_path, {"w": value})
    if not wanted:
        check(path, torch_load, exact=True)
        return
    with pytest.raises(RuntimeError, match="in-place"):
        torch_load(path)
    file = converted(path)
    assert (file["verdict"], file["tensors"]) == ("DISARMED", 1)
