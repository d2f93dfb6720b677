"""brine disarm of a distributed checkpoint: one torch file, which the restricted loader takes.

It holds what torch's own converter makes of the folder, without the classes of its index.
"""

from __future__ import annotations

import math
import subprocess
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.containers.wrappers import Marked
from tests.convert.dcp import Writer, load, of, rows
from tests.convert.oracle import bits_of
from tests.convert.test_dcp import MISSING, REFUSED, V, W, changed, save, state
from tests.convert.test_disarm import disarm
from tests.e2e.program import BRINE


def same(found: Any, wanted: Any) -> bool:
    """Plain values of one type and order, tensors bit by bit."""
    if isinstance(wanted, Tensor):
        return isinstance(found, Tensor) and bits_of(found) == bits_of(wanted)
    if type(found) is not type(wanted):
        return False
    if isinstance(wanted, dict):
        return list(found) == list(wanted) and all(same(found[k], wanted[k]) for k in wanted)
    if isinstance(wanted, (list, tuple)):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, float) and math.isnan(wanted):
        return math.isnan(found)
    return bool(found == wanted)


def disarmed(folder: Path, *words: str) -> tuple[dict[str, Any], Any]:
    """What is said, and what the restricted loader gives; the scan calls it clean."""
    (file,) = disarm(*words, folder)[1]
    if not file["output"]:
        return file, None
    assert subprocess.run([BRINE, "scan", file["output"]], capture_output=True).returncode == 0
    return file, torch.load(file["output"], weights_only=True)


def many() -> dict[str, Any]:
    """What is put together from several values that keep tensors and share them."""
    shared = torch.randn(4)
    return {
        "first": {"a": (shared, shared[1:]), "b": OrderedDict(c={1, 2}, d=b"x", e=1 << 80)},
        "second": ([shared, None], {1: "one", (2, "x"): float("nan")}, complex(1, 2)),
        "third": "text",
        "a.b": {"c.d": torch.ones(2)},
        "w": torch.randn(3, 5),
        "list": [torch.ones(2), [torch.zeros(1)], {"x": 1}, "y"],
    }


@pytest.mark.parametrize("values", [state, many])
def test_what_torch_saves(tmp_path: Path, values: Any) -> None:
    folder = save(tmp_path / "c", values())
    file, value = disarmed(folder)
    assert (file["verdict"], file["output"]) == ("EXACT", str(folder / "model.disarmed.pt"))
    assert same(value, load(folder))


def test_chunks_of_several_ranks(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "c", 3)
    wide = torch.arange(1500 * 1301, dtype=torch.int32).reshape(1500, 1301)
    writer.tensor(("m", "rows"), wide, rows(wide, 3))
    writer.value(("m", "between"), {"kept": torch.arange(3)})
    writer.tensor(("m", "columns"), wide, rows(wide, 3, 1))
    file, value = disarmed(writer.write())
    assert file["verdict"] == "EXACT"
    assert same(value, load(tmp_path / "c"))


@pytest.mark.parametrize("root", ["model", "list.1", "inside.0", "list.0", "inside.0.kept"])
def test_a_root(tmp_path: Path, root: str) -> None:
    folder = save(tmp_path / "c", state())
    file, value = disarmed(folder, "--root", root)
    assert file["verdict"] == "EXACT"
    wanted = load(folder)
    for key in root.split("."):
        wanted = wanted[int(key) if key.isdigit() else key]
    assert same(value, wanted)


def test_payloads_are_cut(tmp_path: Path) -> None:
    file, value = disarmed(of(tmp_path / "value", {"w": W, "evil": Marked("value")}).write())
    assert file["verdict"] == "DISARMED"
    assert file["cut"]
    assert set(value) == {"w", "evil"}
    assert same(value["w"], W)
    assert isinstance(value["evil"], dict)
    writer = of(tmp_path / "index", {"w": W})
    writer.metadata.storage_meta = Marked("index")
    file, value = disarmed(writer.write())
    assert file["verdict"] == "DISARMED"
    assert same(value, {"w": W})


@pytest.mark.parametrize("case", MISSING)
def test_missing_by_name(tmp_path: Path, case: str) -> None:
    writer = of(tmp_path / "c", {"v": V.reshape(5, 2), "w": W}, 2)
    MISSING[case](writer)
    file, value = disarmed(writer.write())
    assert (file["verdict"], file["missing"]) == ("PARTIAL", ["w"])
    assert same(value, {"v": V.reshape(5, 2)})


def test_what_is_missing_in_a_list(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "c", 2)
    for number, tensor in enumerate((V, W)):
        writer.tensor(("l", number), tensor)
    writer.files["__0_0.distcp"] = b""
    file, value = disarmed(writer.write())
    assert (file["verdict"], file["missing"]) == ("PARTIAL", ["l.0"])
    assert same(value, {"l": [None, W]})


def test_an_index_that_is_none(tmp_path: Path) -> None:
    """It is a pickle like any other."""
    folder = of(tmp_path / "c", {"w": W}).write()
    index = folder / ".metadata"
    index.write_bytes(index.read_bytes().replace(b"_StorageInfo", b"_Sto2ageInfo"))
    (file,) = disarm(index)[1]
    assert (file["verdict"], file["output"]) == ("DISARMED", str(index) + ".disarmed")


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name(tmp_path: Path, case: str) -> None:
    change, why = REFUSED[case]
    folder = changed(tmp_path / "c", change)
    before = sorted(folder.iterdir())
    file, _ = disarmed(folder)
    assert file["verdict"] == "REFUSED"
    assert why in file["reason"], file["reason"]
    assert sorted(folder.iterdir()) == before
