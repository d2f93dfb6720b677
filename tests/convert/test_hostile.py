"""Files that lie or overwhelm: each is refused by name or equal to what the loader gives."""

from __future__ import annotations

import collections
import pickle
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.convert import oracle
from tests.convert.checkpoints import Call
from tests.convert.compare import difference, read
from tests.convert.test_convert import converted

REBUILD = torch._utils._rebuild_tensor_v2  # noqa: SLF001
BIG = 1 << 62


def typed(count: int = 12) -> torch.storage.TypedStorage:
    return torch.storage.TypedStorage(
        wrap_storage=torch.arange(float(count)).untyped_storage(),
        dtype=torch.float32,
        _internal=True,
    )


def save(path: Path, value: object) -> Path:
    torch.save(value, path)
    return path


LIES: dict[str, tuple[Any, ...]] = {
    "a size too many": (0, (13,), (1,)),
    "an offset behind the end": (12, (1,), (1,)),
    "a negative size": (0, (-1,), (1,)),
    "a negative stride": (4, (2,), (-1,)),
    "a negative offset": (-1, (2,), (1,)),
    "a stride that wraps": (0, (2, 2), (BIG, BIG)),
    "a product that wraps": (0, (BIG, BIG), (0, 0)),
    "an offset that wraps": ((1 << 64) - 1, (1,), (1,)),
    "sizes of another length": (0, (2, 2), (1,)),
    "sizes that are no numbers": (0, ("2",), (1,)),
    "a size of a hundred bytes": (0, (1 << 800,), (1,)),
    "no sizes": (0, None, None),
    "seventy dimensions": (0, (1,) * 70, (1,) * 70),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_view_that_does_not_fit(lie: str, tmp_path: Path) -> None:
    hooks: collections.OrderedDict[str, Any] = collections.OrderedDict()
    value = {"w": Call(REBUILD, typed(), *LIES[lie], False, hooks)}
    file = converted(save(tmp_path / "m.pt", value))
    assert file["verdict"] == "REFUSED"
    assert file["reason"].startswith("w: ")


def test_an_expanded_tensor_is_capped(tmp_path: Path) -> None:
    one = torch.ones(1)
    small = save(tmp_path / "small.pt", {"w": one.expand(1000, 1000)})
    assert converted(small)["verdict"] == "EXACT"
    large = save(tmp_path / "large.pt", {"w": one.expand(1 << 20, 1 << 15)})
    file = converted(large)
    assert file["verdict"] == "REFUSED"
    assert "16 times" in file["reason"]
    assert not (tmp_path / "large.safetensors").exists()


def test_many_tensors(tmp_path: Path) -> None:
    flat = torch.arange(20_000, dtype=torch.int32)
    path = save(tmp_path / "m.pt", {f"t{i}": flat[i : i + 1] for i in range(20_000)})
    start = time.monotonic()
    file = converted(path)
    assert file["verdict"] == "EXACT"
    assert file["tensors"] == 20_000
    assert time.monotonic() - start < 60
    tensors, _ = read(Path(file["output"]))
    assert tensors["t19999"].data == (19_999).to_bytes(4, "little")


def test_names_of_every_kind(tmp_path: Path) -> None:
    names = ["a/b", "..", "../x", "/etc/passwd", "n\0l", "", ".", "a.b", "a..b", "%2E", "\u202e",
             "__metadata", "\U0001f600", '"', "\\", "\n", "$tensor", "format"]  # fmt: skip
    value = {name: torch.full((2,), float(i)) for i, name in enumerate(names)}
    path = save(tmp_path / "m.pt", value)
    file = converted(path, "--extras")
    assert file["verdict"] == "EXACT"
    assert difference(Path(file["output"]), oracle.expected(torch.load(path))) is None


def test_a_lone_surrogate_becomes_text(tmp_path: Path) -> None:
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps({"\ud800": torch.ones(1).numpy()}, 4))
    file = converted(path)
    assert set(read(Path(file["output"]))[0]) == {"%ED%A0%80"}


def test_ways_that_meet(tmp_path: Path) -> None:
    value = {
        "a": {"b": {"c": torch.zeros(1)}, "b.c": torch.ones(1)},
        "a.b": {"c": torch.full((1,), 2.0)},
        "a.b.c": torch.full((1,), 3.0),
        1: torch.full((1,), 4.0),
        "1": torch.full((1,), 5.0),
        True: torch.full((1,), 6.0),  # noqa: F601 - Python has one key of both
        "True": torch.full((1,), 7.0),
    }
    path = save(tmp_path / "m.pt", value)
    file = converted(path)
    found = read(Path(file["output"]))[0]
    values = [oracle.bits_of(t).data for t in (torch.zeros(1), torch.ones(1))]
    assert file["verdict"] == "EXACT"
    assert len(found) == 7  # True and 1 are one key
    assert all(value in [bits.data for bits in found.values()] for value in values)


def test_containers_in_themselves(tmp_path: Path) -> None:
    value: dict[str, Any] = {"w": torch.ones(2)}
    value["self"] = value
    value["list"] = [value, [torch.zeros(2)]]
    path = save(tmp_path / "m.pt", value)
    file = converted(path, "--extras")
    assert file["verdict"] == "EXACT"
    assert set(read(Path(file["output"]))[0]) == {"w", "list.1.0"}


def test_a_bomb_of_shared_containers(tmp_path: Path) -> None:
    value: Any = torch.ones(1)
    for _ in range(40):
        value = [value, value]
    start = time.monotonic()
    file = converted(save(tmp_path / "m.pt", value))
    assert file["verdict"] == "REFUSED"
    assert "limit" in file["reason"]
    assert time.monotonic() - start < 60


def test_a_deep_container(tmp_path: Path) -> None:
    data = b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b"."
    path = tmp_path / "m.pkl"
    path.write_bytes(data)
    assert converted(path)["verdict"] == "REFUSED"
