"""brine disarm: what it writes loads with weights_only=True and holds the same weights."""

from __future__ import annotations

import json
import pickle
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.convert.checkpoints import Call, checkpoints
from tests.convert.oracle import bits_of
from tests.convert.test_convert import POSITIONS, W
from tests.e2e.program import BRINE

SAMPLE = 23


def disarm(*words: str | Path) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        [BRINE, "disarm", "--force", "--format", "json", *words], capture_output=True, text=True
    )
    return done.returncode, json.loads(done.stdout)["files"]


def tensors(value: Any) -> list[Tensor]:
    """All tensors of plain values, in order; those of sparse and quantized ones left out."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        return [t for item in value.values() for t in tensors(item)]
    if isinstance(value, (list, tuple)):
        return [t for item in value for t in tensors(item)]
    return []


@pytest.mark.parametrize("position", POSITIONS)
def test_the_weights_without_the_payload(position: str, tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    torch.save(POSITIONS[position], path)
    status, files = disarm(path)
    assert (status, files[0]["verdict"]) == (1, "DISARMED")
    assert files[0]["output"] == str(tmp_path / "model.disarmed.bin")
    value = torch.load(files[0]["output"], weights_only=True)
    assert any(bits_of(tensor) == bits_of(W) for tensor in tensors(value))
    scan = subprocess.run([BRINE, "scan", files[0]["output"]], capture_output=True, text=True)
    assert scan.returncode == 0, scan.stdout


def test_checkpoints_of_every_kind(tmp_path: Path) -> None:
    count = 0
    for index, item in enumerate(checkpoints(1)):
        if index % SAMPLE:
            continue
        path = tmp_path / item.name
        item.write(path)
        status, files = disarm(path)
        if files[0]["verdict"] == "REFUSED":
            assert files[0]["reason"], item
            continue
        if files[0]["container"] == "torch":
            value = torch.load(files[0]["output"], weights_only=True)
        else:  # a bare pickle without tensors of torch's
            value = pickle.loads(Path(files[0]["output"]).read_bytes())
        scan = subprocess.run([BRINE, "scan", files[0]["output"]], capture_output=True, text=True)
        assert scan.returncode == 0, (item, scan.stdout)
        if (
            files[0]["verdict"] == "EXACT"
            and item.container == "zip"
            and isinstance(item.value, dict)
        ):
            plain = [t for t in tensors(item.value) if t.layout == torch.strided]
            if not any(t.is_quantized or t.device.type == "meta" for t in plain):
                found = [bits_of(tensor) for tensor in tensors(value)]
                assert all(bits_of(tensor) in found for tensor in plain), item
        count += 1
    assert count > 100


def test_sharing_and_order_stay(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    inner = {"w": W}
    torch.save({"b": inner, "a": inner, "t": W.t(), "list": [inner]}, path)
    _, files = disarm(path)
    value = torch.load(files[0]["output"], weights_only=True)
    assert list(value) == ["b", "a", "t", "list"]
    assert value["b"] is value["a"] is value["list"][0]
    assert value["t"].data_ptr() == value["b"]["w"].data_ptr()
    assert value["t"].stride() == W.t().stride()


def test_an_object_becomes_a_dict_of_its_state(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"net": nn.Linear(2, 3), "call": Call(divmod, 1, 2)}, path)
    _, files = disarm(path)
    value = torch.load(files[0]["output"], weights_only=True)
    assert value["net"]["__class__"] == "torch.nn.modules.linear.Linear"
    assert value["net"]["_parameters"]["weight"].shape == (3, 2)
    assert value["call"]["__args__"] == (1, 2)


def test_a_list_in_itself(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    loop: list[Any] = [W]
    loop.append(loop)
    torch.save(loop, path)
    _, files = disarm(path)
    value = torch.load(files[0]["output"], weights_only=True)
    assert value[1] is value
