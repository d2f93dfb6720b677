"""Checkpoints in several files with an index, and outputs that need several files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.convert import oracle
from tests.convert.checkpoints import Call
from tests.convert.compare import difference, read
from tests.convert.test_convert import convert

INDEX = "pytorch_model.bin.index.json"


def shard(number: int, count: int = 2) -> str:
    return f"pytorch_model-{number:05}-of-{count:05}.bin"


def new_shard(number: int, count: int = 2) -> str:
    return f"model-{number:05}-of-{count:05}.safetensors"


def checkpoint(folder: Path, *states: dict[str, Any], **more: str) -> dict[str, str]:
    weight_map: dict[str, str] = {}
    for number, state in enumerate(states, 1):
        torch.save(state, folder / shard(number, len(states)))
        weight_map.update(dict.fromkeys(state, shard(number, len(states))))
    weight_map.update(more)
    text = json.dumps({"metadata": {"total_size": 1, "deep": [{}, [1.5, "x"]]},
                       "weight_map": weight_map}, indent=2)  # fmt: skip
    (folder / INDEX).write_text(text)
    return weight_map


def states() -> tuple[dict[str, Any], dict[str, Any]]:
    base = torch.randn(6, 4)
    return (
        {"a.weight": base, "a.bias": torch.randn(3, dtype=torch.float64)},
        {"b.weight": torch.randn(4, 2).t(), "b.ids": torch.arange(5)},
    )


@pytest.mark.parametrize("by_folder", [True, False])
def test_a_folder_with_an_index(by_folder: bool, tmp_path: Path) -> None:
    first, second = states()
    checkpoint(tmp_path, first, second)
    files = convert(tmp_path if by_folder else tmp_path / INDEX, status=0)
    assert [Path(file["path"]).name for file in files] == [shard(1), shard(2), INDEX]
    assert {file["verdict"] for file in files} == {"EXACT"}
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["weight_map"] == {
        **dict.fromkeys(first, new_shard(1)),
        **dict.fromkeys(second, new_shard(2)),
    }
    assert index["metadata"]["total_size"] == sum(t.nbytes for t in (first | second).values())
    for number, state in enumerate((first, second), 1):
        assert difference(tmp_path / new_shard(number), oracle.expected(state)) is None


def test_names_that_no_shard_has(tmp_path: Path) -> None:
    checkpoint(tmp_path, *states(), ghost=shard(1))
    whole = convert(tmp_path, status=1)[-1]
    assert (whole["verdict"], whole["missing"]) == ("PARTIAL", ["ghost"])
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert "ghost" not in index["weight_map"]


def test_a_shard_that_is_not_there(tmp_path: Path) -> None:
    first, second = states()
    checkpoint(tmp_path, first, second)
    (tmp_path / shard(2)).unlink()
    whole = convert(tmp_path)[-1]
    assert whole["verdict"] == "PARTIAL"
    assert set(whole["missing"]) == set(second)


def test_a_payload_in_one_shard(tmp_path: Path) -> None:
    first, second = states()
    checkpoint(tmp_path, first, {**second, "x": Call(os.system, "true")})
    files = convert(tmp_path, status=1)
    assert [file["verdict"] for file in files] == ["EXACT", "DISARMED", "PARTIAL"]
    assert files[-1]["missing"] == ["x"]
    assert files[-1]["cut"]


def test_a_refused_shard_refuses_the_whole(tmp_path: Path) -> None:
    first, second = states()
    checkpoint(tmp_path, first, second)
    (tmp_path / shard(2)).write_bytes(b"no model")
    files = convert(tmp_path, status=2)
    assert files[-1]["verdict"] == "REFUSED"
    assert not list(tmp_path.glob("*.safetensors*"))


@pytest.mark.parametrize(
    "name", ["../x.bin", "/etc/passwd", "a/b.bin", "..", "", "a\\b.bin", "c:x", "a\0b"]
)
def test_a_way_out_of_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    checkpoint(tmp_path, *states(), ghost=name)
    whole = convert(tmp_path / INDEX, status=2)[-1]
    assert whole["verdict"] == "REFUSED"
    assert "outside its folder" in whole["reason"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 1}}',
     '{"weight_map": {"a": "x.bin", "a": "y.bin"}}', '{"weight_map": {}} x',
     '{"weight_map": {}, "weight_map": {}}', '{"x": ' + "[" * 1000 + '}', '{"x": "\\ud800"}',
     '{"weight_map": {"a": "x'],
)  # fmt: skip
def test_an_index_that_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text(text)
    assert convert(tmp_path / INDEX, status=2)[-1]["verdict"] == "REFUSED"


def test_a_name_in_two_shards_is_taken_where_the_index_says(tmp_path: Path) -> None:
    first, second = states()
    shared = torch.randn(7)
    checkpoint(tmp_path, {**first, "s": shared + 1}, {**second, "s": shared})
    files = convert(tmp_path, status=0)
    assert files[-1]["verdict"] == "EXACT"
    assert "s" not in read(tmp_path / new_shard(1))[0]
    assert read(tmp_path / new_shard(2))[0]["s"] == oracle.bits_of(shared)


def test_tied_weights_stay_in_their_shard(tmp_path: Path) -> None:
    shared = torch.randn(7)
    checkpoint(tmp_path, {"embed": shared, "head": shared}, {"x": torch.ones(1)})
    files = convert(tmp_path, status=0)
    assert files[-1]["aliases"] == {"head": "embed"}
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == {"embed", "x"}
    assert index["metadata"]["brine.aliases"] == {"head": "embed"}


def test_a_header_over_100_mb_becomes_shards(tmp_path: Path) -> None:
    state = {f"{i:04}" + "n" * 120_000: torch.full((3,), float(i)) for i in range(1000)}
    path = tmp_path / "long.pt"
    torch.save(state, path)
    file = convert(path, status=0)[0]
    assert file["verdict"] == "EXACT"
    assert Path(file["output"]).name == "long.safetensors.index.json"
    index = json.loads(Path(file["output"]).read_text())
    assert index["weight_map"].keys() == state.keys()
    found: dict[str, Any] = {}
    for name in sorted(set(index["weight_map"].values())):
        tensors, _ = read(tmp_path / name)
        assert {index["weight_map"][tensor] for tensor in tensors} == {name}
        found.update(tensors)
    assert found == oracle.expected(state).tensors
