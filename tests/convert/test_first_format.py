"""torch's first format, a tar: what is EXACT equals what torch.load gives, bit by bit."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
import tarfile
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.convert import oracle  # noqa: E402
from tests.convert.compare import difference, read  # noqa: E402
from tests.convert.tars import KINDS, build, packed, save  # noqa: E402
from tests.tar import torchtar  # noqa: E402

BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()


def convert(*paths: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [BRINE, "convert", "--force", "--verify", "--extras", "--format", "json", *paths],
        capture_output=True,
        check=False,
        timeout=120,
    )
    return list(json.loads(done.stdout)["files"])


def load(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(path, weights_only=False)


def check_exact(path: Path) -> dict[str, Any]:
    (file,) = convert(path)
    assert file["verdict"] == "EXACT", file["reason"]
    assert difference(Path(file["output"]), oracle.expected(load(path))) is None
    return file


def state() -> dict[str, Any]:
    shared, turned = torch.randn(4, 6), torch.randn(3, 5)
    return {
        "model": OrderedDict(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).state_dict()),
        "types": {str(t): (torch.randn(2, 3) * 50).to(t) for t in KINDS},
        "row": shared[1],
        "shared": shared,
        "again": shared,
        "column": shared[:, 2],
        "turned": turned.t(),
        "wide": torch.ones(1, 3).expand(4, 3),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "epoch": 3,
        "list": [torch.arange(3), ("a", torch.arange(2))],
    }


@pytest.mark.parametrize("parts", [False, True], ids=["roots", "parts"])
@pytest.mark.parametrize("protocol", [1, 2, 3, 4])
def test_what_torch_reads(tmp_path: Path, protocol: int, parts: bool) -> None:
    file = check_exact(save(state(), tmp_path / "m.pth", protocol=protocol, parts=parts))
    assert json.loads(Path(file["extras"]).read_text())["epoch"] == 3


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_kinds_of_tar(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "m.pth"
    path.write_bytes(packed(build({"w": torch.randn(3)}), kind))
    check_exact(path)


def test_a_whole_module(tmp_path: Path) -> None:
    """Classes of layers are ids too. No fact holds of a parameter that is made from a number."""
    module = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    path = save(module, tmp_path / "m.pth")
    (file,) = convert(path)
    assert file["verdict"] == "DISARMED"
    assert difference(Path(file["output"]), oracle.expected(load(path))) is None


def test_one_tensor_and_one_storage(tmp_path: Path) -> None:
    check_exact(save(torch.randn(2, 3), tmp_path / "tensor.pth"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (file,) = convert(save(torch.arange(5.0).storage(), tmp_path / "storage.pth"))
    assert file["verdict"] == "EXACT", file["reason"]
    found, _ = read(Path(file["output"]))
    assert found == {"tensor": oracle.bits_of(torch.arange(5.0))}


def test_names_of_one_view_are_aliases(tmp_path: Path) -> None:
    shared = torch.randn(3)
    file = check_exact(save({"a": shared, "b": shared}, tmp_path / "m.pth"))
    assert file["aliases"] == {"b": "a"}


def test_attacks_are_cut(tmp_path: Path) -> None:
    for name, data in torchtar.attacks().items():
        (tmp_path / f"{name}.pth").write_bytes(data)
    for file in convert(*sorted(tmp_path.glob("*.pth"))):
        assert file["verdict"] in ("DISARMED", "PARTIAL", "REFUSED"), file["path"]


Change = Callable[[dict[str, bytes]], object]


def replaced(member: str, old: bytes, new: bytes) -> Change:
    def change(members: dict[str, bytes]) -> None:
        assert old in members[member], members[member]
        members[member] = members[member].replace(old, new)

    return change


SHAPE = struct.pack("<iiqqqqq", 2, 0, 2, 3, 3, 1, 0)


def shape(dims: int, *numbers: int) -> Change:
    return replaced("tensors", SHAPE, struct.pack(f"<ii{len(numbers)}q", dims, 0, *numbers))


BROKEN: dict[str, Change] = {
    "behind the storage": shape(2, 2, 3, 3, 1, 1),
    "wide strides": shape(2, 2, 3, 1 << 62, 1, 0),
    "below 0": shape(2, 2, 3, -3, 1, 0),
    "before the storage": shape(2, 2, 3, 3, 1, -1),
    "no end": shape(65, *([1] * 131)),
    "dimensions below 0": shape(-1, 2, 3, 3, 1, 0),
    "too few numbers": shape(20, 2, 3, 3, 1, 0),
    "more elements than bytes": replaced(
        "storages", struct.pack("<q", 6), struct.pack("<q", 1 << 40)
    ),
    "elements below 0": replaced("storages", struct.pack("<q", 6), struct.pack("<q", -6)),
    "no type": replaced("storages", b"FloatStorage", b"OtherStorage"),
    "a type of others": replaced("storages", b"ctorch\nFloat", b"cnumpy\nFloat"),
    "no count": replaced("storages", b"\x80\x02K\x01.", b"\x80\x02N."),
    "more than there are": replaced("tensors", b"\x80\x02K\x01.", b"\x80\x02K\x7f."),
    "no such object": replaced("pickle", b"1002", b"1003"),
    "no number": replaced("pickle", b"1002", b"10_2"),
    "without tensors": lambda members: members.pop("tensors"),
    "without an object": lambda members: members.pop("pickle"),
    "no views": lambda members: members.update(storages=members["storages"][:-4]),
    "a storage twice": replaced("tensors", b"M\xea\x03", b"M\xe9\x03"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_refused(tmp_path: Path, case: str) -> None:
    members = build({"w": torch.arange(6.0).reshape(2, 3)})
    BROKEN[case](members)
    (tmp_path / "m.pth").write_bytes(packed(members))
    (file,) = convert(tmp_path / "m.pth")
    assert file["verdict"] == "REFUSED"
    assert file["reason"]


def test_a_member_twice(tmp_path: Path) -> None:
    honest, other = build({"w": torch.ones(2)}), build({"w": torch.zeros(2)})
    data = packed({"storages": other["storages"]})[: -20 * 512 + 2 * 512]
    end = data.rstrip(b"\0")
    blocks = -(-len(end) // 512) * 512
    (tmp_path / "m.pth").write_bytes(data[:blocks] + packed(honest))
    (file,) = convert(tmp_path / "m.pth")
    assert (file["verdict"], "two members" in file["reason"]) == ("REFUSED", True)


def test_a_tar_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "m.tar").write_bytes(packed({"a.txt": b"text"}))
    (file,) = convert(tmp_path / "m.tar")
    assert file["verdict"] == "REFUSED"


def test_changed_bytes(tmp_path: Path) -> None:
    """One byte of a member is changed: what is still EXACT is what torch.load gives."""
    rng = random.Random(7)
    tensors: dict[str, Tensor] = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.arange(4)}
    honest = build(tensors, parts=True)
    paths = []
    for number in range(400):
        members = dict(honest)
        name = rng.choice(["pickle", "tensors", "storages"])
        data = bytearray(members[name])
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        members[name] = bytes(data)
        paths.append(tmp_path / f"{number}.pth")
        paths[-1].write_bytes(packed(members))
    exact = 0
    for path, file in zip(paths, convert(*paths), strict=True):
        if file["verdict"] != "EXACT":
            continue
        exact += 1
        assert difference(Path(file["output"]), oracle.expected(load(path))) is None, path
    assert exact > 20


# --- disarm ---


def disarm(*paths: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [BRINE, "disarm", "--force", "--format", "json", *paths], capture_output=True, check=False
    )
    return list(json.loads(done.stdout)["files"])


def disarmed(file: dict[str, Any]) -> Any:
    """What the new file holds, which scans clean and loads without trust."""
    scan = subprocess.run([BRINE, "scan", file["output"]], capture_output=True, check=False)
    assert scan.returncode == 0, scan.stdout
    return torch.load(file["output"], weights_only=True)


@pytest.mark.parametrize("parts", [False, True], ids=["roots", "parts"])
@pytest.mark.parametrize("protocol", [1, 2, 4])
def test_disarmed_it_is_a_torch_zip(tmp_path: Path, protocol: int, parts: bool) -> None:
    path = save(state(), tmp_path / "m.pth", protocol=protocol, parts=parts)
    (file,) = disarm(path)
    assert (file["verdict"], file["container"]) == ("EXACT", "torch"), file["reason"]
    found, wanted = disarmed(file), load(path)
    assert list(found) == list(wanted)
    assert found["epoch"] == 3 and found["shared"] is found["again"]
    assert found["row"].data_ptr() == found["shared"][1].data_ptr()
    assert oracle.expected(found).tensors == oracle.expected(wanted).tensors


def test_a_disarmed_attack_loads_without_trust(tmp_path: Path) -> None:
    for name, data in torchtar.attacks().items():
        (tmp_path / f"{name}.pth").write_bytes(data)
    written = 0
    for file in disarm(*sorted(tmp_path.glob("*.pth"))):
        assert file["verdict"] in ("DISARMED", "PARTIAL", "REFUSED"), file["path"]
        if file["verdict"] != "REFUSED":
            disarmed(file)
            written += 1
    assert written


@pytest.mark.parametrize("case", BROKEN)
def test_nothing_is_made_of_a_broken_table(tmp_path: Path, case: str) -> None:
    members = build({"w": torch.arange(6.0).reshape(2, 3)})
    BROKEN[case](members)
    (tmp_path / "m.pth").write_bytes(packed(members))
    (file,) = disarm(tmp_path / "m.pth")
    if file["verdict"] != "REFUSED":  # a value that is no tensor is told in words
        assert file["verdict"] == "DISARMED"
        assert not any(isinstance(value, torch.Tensor) for value in disarmed(file).values())
