"""TorchScript archives: tensors by attribute path, the code left behind."""

from __future__ import annotations

import json
import subprocess
import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn

from tests.convert import oracle
from tests.convert.compare import read
from tests.convert.test_convert import converted
from tests.e2e.program import BRINE


class Net(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
        self.list = [torch.ones(2), torch.zeros(3)]
        self.table = {"a": torch.full((2,), 3.0)}
        self.number = 3
        self.register_buffer("steps", torch.arange(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + self.list[0].sum() + torch.tensor([1.5, 2.5]).sum()


class Stateful(nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(2))

    @torch.jit.export  # type: ignore[untyped-decorator]
    def __getstate__(self) -> Tensor:
        return self.w * 2

    @torch.jit.export  # type: ignore[untyped-decorator]
    def __setstate__(self, state: Tensor) -> None:
        self.w = state

    def forward(self) -> Tensor:
        return self.w


def test_the_state_dict_of_the_loaded_module(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.jit.script(Net()).save(path)
    file = converted(path, status=0)
    assert (file["verdict"], file["loader"]) == ("EXACT", "torch.jit.load")
    loaded = torch.jit.load(path)
    wanted = {name: oracle.bits_of(tensor) for name, tensor in loaded.state_dict().items()}
    wanted |= {f"list.{i}": oracle.bits_of(tensor) for i, tensor in enumerate(loaded.list)}
    wanted |= {"table.a": oracle.bits_of(loaded.table["a"])}
    assert read(Path(file["output"]))[0] == wanted


def test_traced_modules_and_shared_weights(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    net[1].weight = net[0].weight
    path = tmp_path / "m.pt"
    torch.jit.trace(net, torch.ones(1, 3)).save(path)
    file = converted(path, "--aliases", "duplicate")
    assert file["verdict"] == "EXACT", file
    loaded = torch.jit.load(path).state_dict()
    assert read(Path(file["output"]))[0] == {k: oracle.bits_of(v) for k, v in loaded.items()}


def codes(path: Path) -> set[str]:
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", path], capture_output=True, check=False
    )
    return {finding["code"] for finding in json.loads(done.stdout)["files"][0]["findings"]}


def with_record(path: Path, name: str, data: bytes) -> Path:
    """The archive with another record behind the same name."""
    out = path.with_name("changed.pt")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w") as target:
        for info in source.infolist():
            found = info.filename.split("/", 1)[1] == name
            target.writestr(info.filename, data if found else source.read(info))
    return out


def test_inputs_of_a_trace_have_empty_records(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)).save(path)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("m/traced_inputs/0") == b""
    assert "BRN411" not in codes(path)
    assert "BRN411" in codes(with_record(path, "traced_inputs/0", b"1234"))
    changed = with_record(path, "data/0", b"")
    assert "BRN411" in codes(changed)
    assert converted(changed)["verdict"] != "EXACT"


def test_code_that_sets_state_is_not_exact(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.jit.script(Stateful()).save(path)
    assert converted(path)["verdict"] != "EXACT"
