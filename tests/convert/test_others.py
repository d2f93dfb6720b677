"""What is no tensor: extras as the documents say, generators, and files without any tensor."""

from __future__ import annotations

import collections
import io
import json
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import SplineTransformer
from torch import nn

from tests.convert import oracle
from tests.convert.compare import difference, read
from tests.convert.test_claims import check, converted, made, saved, torch_load

W = torch.arange(3.0)


def extras(path: Path) -> Any:
    file = converted(path, "--extras")
    assert file["verdict"] == "EXACT", file
    return json.loads(Path(file["extras"]).read_text())


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_values_have_their_type_in_every_protocol(protocol: int, tmp_path: Path) -> None:
    value = {
        "rate": 1e-4,
        "large": 1e22,
        "bytes": b"\xff\x00",
        "none": b"",
        "array": bytearray(b"x"),
        "set": {1},
        "frozen": frozenset([2]),
        "keys": {None: 1, "None": 2, True: 3, 0.5: 4, b"k": 5, (1, "a"): 6, 7: 7},
    }
    assert extras(saved(tmp_path, value, pickle_protocol=protocol)) == {
        "rate": {"$float": "0.0001"},
        "large": {"$float": "1e+22"},
        "bytes": {"$bytes": "/wA="},
        "none": {"$bytes": ""},
        "array": {"$bytearray": "eA=="},
        "set": {"$set": [1]},
        "frozen": {"$frozenset": [2]},
        "keys": {
            "$dict": [
                [None, 1],
                ["None", 2],
                [True, 3],
                [{"$float": "0.5"}, 4],
                [{"$bytes": "aw=="}, 5],
                [{"$key": "(1, 'a')"}, 6],
                [7, 7],
            ]
        },
    }


GENERATORS = {
    "generator": np.random.default_rng(1),
    "legacy": np.random.RandomState(1),
    "seed": np.random.SeedSequence(3),
}


@pytest.mark.parametrize("what", GENERATORS)
def test_generators_are_no_tensors(what: str, tmp_path: Path) -> None:
    path = saved(tmp_path, {"w": W, "rng": GENERATORS[what]})
    file = converted(path)
    assert file["verdict"] == "EXACT", file
    assert set(read(Path(file["output"]))[0]) == {"w"}
    assert file["left_out"]
    assert '"$array": "uint32"' in json.dumps(extras(path))


def test_estimators_that_hold_generators(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.random((40, 3)), rng.integers(0, 2, 40)
    path = tmp_path / "m.joblib"
    for model in (GradientBoostingClassifier(n_estimators=3), MLPClassifier(max_iter=3)):
        joblib.dump(model.fit(x, y), path)
        file = converted(path)
        assert file["verdict"] == "EXACT", file
        assert difference(Path(file["output"]), oracle.expected(joblib.load(path))) is None
    joblib.dump(SplineTransformer().fit(x), path)
    assert converted(path)["verdict"] == "EXACT"


def test_a_queue_and_a_named_tuple_of_torch(tmp_path: Path) -> None:
    check(saved(tmp_path, torch.ones(2, 2).max(0)), torch_load, exact=True)
    file = converted(saved(tmp_path, collections.deque([W, W + 1])))
    assert file["verdict"] == "EXACT"
    assert set(read(Path(file["output"]))[0]) == {"0", "1"}
    assert converted(saved(tmp_path, collections.deque([W], 1)))["verdict"] == "DISARMED"


@pytest.mark.parametrize("protocol", [2, 4])
def test_tensors_of_a_set_have_no_order(protocol: int, tmp_path: Path) -> None:
    for count in (1, 2):
        value = {"s": {W + i for i in range(count)}}
        file = converted(saved(tmp_path, value, pickle_protocol=protocol))
        assert file["verdict"] == ("EXACT" if count == 1 else "DISARMED")


def test_text_has_no_tensors(tmp_path: Path) -> None:
    path = saved(tmp_path, {"s": "text", "w": W, "empty": {}})
    assert converted(path, "--root", "s")["verdict"] == "REFUSED"
    assert converted(path, "--root", "empty")["verdict"] == "EXACT"
    assert converted(saved(tmp_path, "text"))["verdict"] == "REFUSED"
    for value in (nn.ReLU(), {"rate": 0.1}, [1, "a"]):
        file = converted(saved(tmp_path, value))
        assert (file["verdict"], file["tensors"]) == ("EXACT", 0)
    for value in (False, {"rate": made(print)}):
        assert converted(saved(tmp_path, value))["verdict"] == "REFUSED"
    (tmp_path / "settings.pkl").write_bytes(pickle.dumps({"rate": 0.1}))
    assert converted(tmp_path / "settings.pkl")["verdict"] == "REFUSED"


def test_packed_parameters_of_quantized_layers(tmp_path: Path) -> None:
    layer = nn.Sequential(nn.Linear(4, 4))
    packed = torch.ao.quantization.quantize_dynamic(layer, {nn.Linear}, torch.qint8)
    file = converted(saved(tmp_path, packed))
    assert file["verdict"] == "DISARMED"
    weight, bias = packed[0]._packed_params._weight_bias()  # noqa: SLF001
    found = read(Path(file["output"]))[0]
    assert oracle.bits_of(weight.int_repr()) in found.values()
    assert oracle.bits_of(bias) in found.values()
    four = torch.quantize_per_channel(
        torch.ones(2, 4), torch.tensor([0.1, 0.2]), torch.tensor([0.0, 1.0]), 0, torch.quint4x2
    )
    file = converted(saved(tmp_path, {"x": four}))
    assert (file["verdict"], "quint4x2" in file["reason"]) == ("REFUSED", True)


def test_what_a_layer_leaves_out_has_a_name(tmp_path: Path) -> None:
    layer: Any = nn.Linear(2, 2)
    layer.cache = W
    assert converted(saved(tmp_path, layer))["left_out"] == ["cache"]


def test_the_processor_has_no_number(tmp_path: Path) -> None:
    path = saved(tmp_path, {"w": W}, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"\x03\x00\x00\x00cpu", b"\x05\x00\x00\x00cpu:0"))
    with pytest.raises(RuntimeError, match="cpu:0"):
        torch_load(path)
    check(path, torch_load, exact=False)


def test_sizes_that_python_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "m.npy"
    np.save(path, np.arange(4.0))
    path.write_bytes(path.read_bytes().replace(b"(4,), }    ", b"(00004,), }"))
    with pytest.raises(ValueError, match="header"):
        np.load(io.BytesIO(path.read_bytes()))
    assert converted(path)["verdict"] != "EXACT"
