"""What is written: names that safetensors keeps for itself, files in the way, bounds of size."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tests.convert.compare import read
from tests.convert.test_claims import converted, saved
from tests.e2e.program import BRINE


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


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BRINE, "convert", *words], capture_output=True, text=True, check=False)


def test_extras_that_are_in_the_way(tmp_path: Path) -> None:
    path = saved(tmp_path, {"a": torch.ones(2)})
    (tmp_path / "m.extras.json").write_text("mine")
    done = run("--extras", path)
    assert done.returncode == 2
    assert "m.extras.json: there is a file" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.extras.json", "m.pt"]
    assert run("--extras", "--force", path).returncode == 0
    assert (tmp_path / "m.extras.json").read_text() != "mine"


@pytest.mark.parametrize(
    "name", ["model-00002-of-00002.safetensors", "model.safetensors.index.json"]
)
def test_a_shard_that_is_in_the_way(name: str, tmp_path: Path) -> None:
    shards = {key: f"pytorch_model-0000{i}-of-00002.bin" for i, key in enumerate("ab", 1)}
    for key, shard in shards.items():
        torch.save({key: torch.ones(2)}, tmp_path / shard)
    index = tmp_path / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": shards}))
    (tmp_path / name).write_text("mine")
    before = sorted(tmp_path.iterdir())
    done = run(index)
    assert done.returncode == 2
    assert f"{name}: there is a file" in done.stderr
    assert sorted(tmp_path.iterdir()) == before


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
