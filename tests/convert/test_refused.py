"""What torch refuses or makes otherwise is never EXACT; its honest neighbours are."""

from __future__ import annotations

import copyreg
import json
import pickle
import struct
import subprocess
import sys
import uuid
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import joblib
import networkx as nx
import numpy as np
import pytest
import torch
from networkx.utils import UnionFind
from sklearn.isotonic import IsotonicRegression
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from pickleasm import assemble  # noqa: E402

from tests.convert.compare import read  # noqa: E402
from tests.convert.oracle import bits_of  # noqa: E402
from tests.convert.test_changed import Program, item, keyed, tensor, torch_file, view  # noqa: E402
from tests.convert.test_claims import (  # noqa: E402
    Reduced,
    U,
    check,
    converted,
    made,
    saved,
    torch_load,
    with_sixth,
    with_state,
)
from tests.e2e.program import BRINE  # noqa: E402

BIG = 1 << 40
RECONSTRUCTOR: Any = vars(copyreg)["_reconstructor"]


def rebuilt(
    dtype: torch.dtype = torch.float32, *, size: tuple[int, ...] = (4,), **metadata: Any
) -> Any:
    storage = torch.ones(4, dtype=dtype).storage()
    stride = (1,) * len(size)
    more = [metadata] if metadata else []
    return {"a": made(U._rebuild_tensor_v2, storage, 0, size, stride, False, OrderedDict(), *more)}


def on_device(device: str, dtype: torch.dtype = torch.float32, *, gradient: bool = False) -> Any:
    args = (np.ones(3, dtype=np.float32), dtype, device, gradient)
    return {"a": made(U._rebuild_device_tensor_from_numpy, *args), "w": torch.ones(2)}


def far() -> Any:
    """A tensor that reaches behind its storage."""
    storage = torch.ones(4).storage()
    return made(U._rebuild_tensor_v2, storage, 0, (5,), (1,), False, OrderedDict())


def annotated(value: Any) -> Any:
    out: Any = OrderedDict(w=torch.ones(2))
    out.note = value
    return out


def buffered(name: Any) -> nn.Module:
    layer = nn.BatchNorm1d(2)
    layer._non_persistent_buffers_set.add(name)
    return layer


def nested(sizes: torch.Tensor, buffer: torch.Tensor | None = None) -> Any:
    values = torch.arange(4.0) if buffer is None else buffer
    strides, offsets = torch.ones(2, 1, dtype=torch.int64), torch.tensor([0, 2])
    return {"a": made(U._rebuild_nested_tensor, values, sizes, strides, offsets)}


def layered(**parameters: Any) -> nn.Module:
    layer = nn.Linear(2, 2)
    layer._parameters.update(parameters)
    return layer


TWO = torch.tensor([[2], [2]])
VALUES: dict[str, tuple[Callable[[], Any], bool]] = {
    "a negative": (lambda: rebuilt(neg=True), True),
    "a negative of integers": (lambda: rebuilt(torch.int32, neg=True), False),
    "a negative of bytes": (lambda: rebuilt(torch.uint8, neg=True), False),
    "a negative of half a float": (lambda: rebuilt(torch.float16, neg=True), False),
    "no elements": (lambda: rebuilt(size=(0, BIG)), True),
    "no elements of too many": (lambda: rebuilt(size=(BIG, BIG, 0)), False),
    "a parameter": (lambda: {"a": made(nn.Parameter, torch.ones(2))}, True),
    "a parameter of integers": (lambda: {"a": made(nn.Parameter, torch.arange(2))}, False),
    "a buffer of integers": (lambda: {"a": made(nn.Buffer, torch.arange(2))}, True),
    "an array for a device": (lambda: on_device("cpu"), True),
    "an array for no device": (lambda: on_device("bogus"), False),
    "integers with a gradient": (lambda: on_device("cpu", torch.int32, gradient=True), False),
    "a state beside": (lambda: {"a": with_state(torch.ones(2), note=torch.ones(5))}, True),
    "a state that is refused": (lambda: {"a": with_state(torch.ones(2), note=far())}, False),
    "an attribute": (lambda: annotated(torch.ones(5)), True),
    "an attribute that is refused": (lambda: annotated(far()), False),
    "a key that is refused": (lambda: {"w": torch.ones(2), far(): 1}, False),
    "numbers as keys": (lambda: {uuid.UUID(int=i): torch.ones(2) for i in (5, 6)}, False),
    "paths as keys": (lambda: {PurePosixPath(p): torch.ones(2) for p in ("a", "b")}, False),
    "a buffer that is left out": (lambda: buffered("running_mean"), True),
    "a name of another class": (lambda: buffered(np.str_("running_mean")), False),
    "a nested tensor": (lambda: nested(TWO), True),
    "a table that lies apart": (lambda: nested(torch.tensor([[2, 9], [2, 9]])[:, :1]), False),
    "values that lie apart": (lambda: nested(TWO, torch.ones(1).expand(4)), False),
    "a result": (lambda: {"r": made(torch.return_types.max, (torch.ones(2), torch.ones(2)))}, True),
    "half a result": (lambda: {"r": made(torch.return_types.max, (torch.ones(2),))}, False),
    "a layer": (lambda: layered(), True),
    "a dict for a parameter": (lambda: layered(bias=OrderedDict()), False),
    "a layer for a parameter": (lambda: layered(bias=nn.Linear(1, 1)), False),
}


@pytest.mark.parametrize("what", VALUES)
def test_values(what: str, tmp_path: Path) -> None:
    value, exact = VALUES[what]
    words = () if exact and "nested" not in what and "meta" not in what else ("--extras",)
    check(saved(tmp_path, value()), torch_load, exact=exact, words=words)


def test_an_object_whose_class_runs_nothing_keeps_its_attributes(tmp_path: Path) -> None:
    """By facts proven from source; a Graph, whose attributes have setters, is none."""
    held = UnionFind()
    held.weights["w"] = torch.arange(3.0)
    held.bias = torch.ones(2)
    file = check(saved(tmp_path, {"u": held}), torch_load, exact=True, words=("--extras",))
    found = read(Path(file["output"]))[0]
    assert found == {"u.weights.w": bits_of(torch.arange(3.0)), "u.bias": bits_of(torch.ones(2))}
    graph = nx.Graph()
    graph.add_node(0, x=torch.ones(2))
    check(saved(tmp_path, {"g": graph}), torch_load, exact=False)


def test_a_tensor_of_the_device_meta_has_no_data(tmp_path: Path) -> None:
    file = converted(saved(tmp_path, on_device("meta")))
    assert torch_load(tmp_path / "m.pt")["a"].is_meta
    assert list(read(Path(file["output"]))[0]) == ["w"]


@pytest.mark.parametrize("part", ["state", "defaults", "param_groups"])
def test_an_optimizer_without_a_part(part: str, tmp_path: Path) -> None:
    parts = {"state": {}, "defaults": {}, "param_groups": [{"params": [torch.ones(2)]}]}
    for state, exact in ((parts, True), ({k: v for k, v in parts.items() if k != part}, False)):
        optimizer = Reduced(RECONSTRUCTOR, (torch.optim.SGD, object, None), state)
        path = saved(tmp_path, {"o": optimizer, "w": torch.ones(2)}, pickle_protocol=2)
        check(path, torch_load, exact=exact)


def test_a_value_that_another_replaces(tmp_path: Path) -> None:
    wide = [word.replace("BININT1 4", "BININT1 9") for word in map(str, tensor(1))]
    for first, exact in ((tensor(1), True), (wide, False)):
        program = ("EMPTY_DICT", *item("a", *first), *item("a", *tensor(0)))
        check(torch_file(tmp_path / "m.pt", program), torch_load, exact=exact)


@pytest.mark.parametrize("second", ["float64", "double", "float32"])
def test_names_of_one_type_as_keys(second: str, tmp_path: Path) -> None:
    path = torch_file(
        tmp_path / "m.pt", keyed(("GLOBAL numpy float64",), (f"GLOBAL numpy {second}",))
    )
    file = check(path, torch_load, exact=True, words=("--extras",))
    count = len(torch_load(path))
    assert file["tensors"] == count == (2 if second == "float32" else 1)


def first_format(path: Path, *part: str) -> Path:
    first: tuple[Any, ...] = (0x1950A86A20F9469CFC6C, 1001, {})
    data = b"".join(pickle.dumps(value, 2) for value in first)
    data += assemble("PROTO 2", *with_sixth(*part), "STOP") + pickle.dumps(["0"], 2)
    path.write_bytes(data + struct.pack("<q4f", 4, *range(4)))
    return path


@pytest.mark.parametrize(("key", "exact"), [("v", True), ("0", False)])
def test_a_view_with_the_key_of_a_storage(key: str, exact: bool, tmp_path: Path) -> None:
    part = ("MARK", f"BINUNICODE '{key}'", "BININT1 0", "BININT1 4", "TUPLE")
    path = first_format(tmp_path / "m.pt", *part)
    check(path, torch_load, exact=exact)


def test_an_isotonic_regression_builds_its_function_anew(tmp_path: Path) -> None:
    model = IsotonicRegression().fit([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    joblib.dump(model, tmp_path / "m.joblib")
    assert converted(tmp_path / "m.joblib")["verdict"] == "DISARMED"


class Scripted(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.arange(3.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.w


def test_an_attribute_that_a_scripted_class_does_not_declare(tmp_path: Path) -> None:
    torch.jit.script(Scripted()).save(str(tmp_path / "m.pt"))
    assert converted(tmp_path / "m.pt")["verdict"] == "EXACT"
    with (
        zipfile.ZipFile(tmp_path / "m.pt") as source,
        zipfile.ZipFile(tmp_path / "n.pt", "w") as target,
    ):
        for name in source.namelist():
            data = source.read(name)
            target.writestr(
                name, data.replace(b"\n  w : Tensor", b"") if "/code/" in name else data
            )
    assert converted(tmp_path / "n.pt")["verdict"] != "EXACT"


def sharded(folder: Path, index: dict[str, str], **shards: dict[str, Any]) -> list[dict[str, Any]]:
    for name, value in shards.items():
        torch.save(value, folder / f"{name}.bin")
    path = folder / "pytorch_model.bin.index.json"
    path.write_text(json.dumps({"metadata": {}, "weight_map": index}))
    done = subprocess.run(
        [BRINE, "convert", "--force", "--format", "json", path], capture_output=True, check=False
    )
    return list(json.loads(done.stdout)["files"])


def test_a_name_of_two_shards_is_no_alias(tmp_path: Path) -> None:
    shared, other = torch.ones(3), torch.zeros(2)
    index = {"z": "p1.bin", "a": "p2.bin"}
    rows = sharded(tmp_path, index, p1={"a": shared, "z": shared}, p2={"a": other})
    assert [row["verdict"] for row in rows] == ["EXACT"] * 3
    assert read(tmp_path / "p1.safetensors")[0] == {"z": bits_of(shared)}
    assert read(tmp_path / "p2.safetensors")[0] == {"a": bits_of(other)}


def test_a_part_of_a_tensor_is_no_tensor_of_another_shard(tmp_path: Path) -> None:
    packed = torch.quantize_per_tensor(torch.ones(2), 0.5, 0, torch.qint8)
    index = {"q": "p1.bin", "q.scale": "p2.bin"}
    rows = sharded(tmp_path, index, p1={"q": packed}, p2={"q.scale": torch.ones(1)})
    assert rows[-1]["verdict"] == "REFUSED"


def test_one_output_for_two_files(tmp_path: Path) -> None:
    for name in ("m.bin", "m.pt"):
        torch.save({name: torch.ones(1)}, tmp_path / name)
    done = subprocess.run(
        [BRINE, "convert", "--force", "--format", "json", tmp_path],
        capture_output=True,
        check=False,
    )
    first, second = json.loads(done.stdout)["files"]
    assert (first["verdict"], second["verdict"], done.returncode) == ("EXACT", "REFUSED", 2)
    assert "was written for another file" in second["reason"]
    assert list(read(tmp_path / "m.safetensors")[0]) == ["m.bin"]


@pytest.mark.parametrize("command", ["convert", "disarm"])
def test_a_record_that_is_inflated_to_a_gigabyte(command: str, tmp_path: Path) -> None:
    count = 1 << 28
    words = [w.replace("BININT1 4", f"BININT {count}") for w in map(str, tensor(0))]
    data = assemble("PROTO 2", "EMPTY_DICT", *item("a", *words), "STOP")
    with zipfile.ZipFile(tmp_path / "m.pt", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("m/data.pkl", data)
        out.writestr("m/version", "3\n")
        with out.open("m/data/0", "w") as record:
            for _ in range(count * 4 >> 20):
                record.write(bytes(1 << 20))
    file = converted(tmp_path / "m.pt", command=command)
    assert (file["verdict"], "16 times" in file["reason"]) == ("REFUSED", True)


def shown(program: Program) -> Program:
    return ("EMPTY_DICT", *item("a", "GLOBAL torch FloatTensor", "EMPTY_TUPLE", "REDUCE", *program))


def test_a_tensor_that_is_made_on_a_device(tmp_path: Path) -> None:
    program = shown(("MARK", *view(0), "TUPLE", "BUILD"))
    check(torch_file(tmp_path / "m.pt", program), torch_load, exact=True)
    device = [
        word.replace("torch FloatTensor", "torch.cuda FloatTensor") for word in map(str, program)
    ]
    assert converted(torch_file(tmp_path / "m.pt", tuple(device)))["verdict"] != "EXACT"
