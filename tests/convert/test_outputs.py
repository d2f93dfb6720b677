"""What is written: names that safetensors keeps for itself, files in the way, bounds of size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open

from tests.convert.compare import read
from tests.convert.test_claims import converted, saved


def refused(path: Path, *words: str) -> str:
    file = converted(path, *words)
    assert file["verdict"] == "REFUSED", file
    assert file["output"] is None
    return str(file["reason"])


def test_the_name_of_the_metadata(tmp_path: Path) -> None:
    assert "__metadata__" in refused(saved(tmp_path, {"__metadata__": torch.ones(1)}))
    np.savez(tmp_path / "m.npz", __metadata__=np.ones(2))
    assert "__metadata__" in refused(tmp_path / "m.npz")
    tensor = torch.ones(2)  # an alias that is left out is no tensor of the file
    file = converted(saved(tmp_path, {"__metadata__": tensor, "A": tensor}))
    assert set(read(Path(file["output"]))[0]) == {"A"}


def test_names_that_mean_something_in_the_metadata(tmp_path: Path) -> None:
    tensor = torch.ones(2)
    buffer: Any = torch.nn.Buffer(torch.zeros(1))
    names = ["brine.verdict", "brine.source_sha256", "format", "a.class", "plain"]
    path = saved(tmp_path, {"0": tensor, "a": buffer} | dict.fromkeys(names, tensor))
    file = converted(path)
    found, metadata = read(Path(file["output"]))
    assert set(found) == {"0", "a"}
    assert metadata["format"] == "pt"
    assert metadata["brine.verdict"] == file["verdict"] == "EXACT"
    assert metadata["a.class"] == "torch.Tensor"
    assert metadata["plain"] == "0"
    assert sorted(json.loads(metadata["brine.aliases"])) == [[n, "0"] for n in sorted(names[:4])]
    with safe_open(file["output"], "pt") as real:
        assert set(real.keys()) == set(found)


def doubled(text: str, times: int) -> Any:
    value: Any = text
    for _ in range(times):
        value = [value, value]
    return value


def test_values_that_are_written_many_times(tmp_path: Path) -> None:
    weight = torch.ones(1)
    path = saved(tmp_path, {"a": doubled("x" * 50_000, 12), "w": weight})
    assert "64 MB" in refused(path, "--extras")
    assert converted(path)["verdict"] == "EXACT"
    path = saved(tmp_path, {"a": doubled("x" * 50_000, 8), "w": weight})
    assert converted(path, "--extras")["verdict"] == "EXACT"


def test_a_long_name_for_many_tensors(tmp_path: Path) -> None:
    many = torch.zeros(1000)
    path = saved(tmp_path, {"k" * 60_000: {str(i): many[:1] for i in range(1000)}})
    assert "names" in refused(path)
    path = saved(tmp_path, {"k" * 6_000: {str(i): many[:1] for i in range(1000)}})
    assert converted(path)["verdict"] == "EXACT"


def test_an_expanded_tensor_of_a_small_file(tmp_path: Path) -> None:
    assert "64 MB" in refused(saved(tmp_path, {"a": torch.zeros(1).expand(1 << 25)}))
    assert converted(saved(tmp_path, {"a": torch.zeros(1).expand(1 << 23)}))["verdict"] == "EXACT"
