"""Names that share memory: left out, written again, or restored from the documented map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.convert.compare import read
from tests.convert.restore import restore
from tests.convert.test_convert import converted


def shared_values() -> dict[str, dict[str, Tensor]]:
    flat, square = torch.randn(40), torch.randn(6, 6)
    complexes = torch.randn(5, dtype=torch.complex64)
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    net[1].weight = net[0].weight
    return {
        "tied": dict(net.state_dict()),
        "one under three names": {"b": flat, "a": flat, "c": flat},
        "overlapping": {"a": flat[:20], "b": flat[10:30], "c": flat},
        "transposed": {"w": square, "t": square.t(), "d": square.diagonal()},
        "expanded": {"e": flat[:4].expand(3, 4), "f": flat[2:4]},
        "columns": {"x": square[:, 1], "y": square[:, 2], "z": square[3]},
        "alone": {"p": torch.randn(3, 4).t(), "q": torch.ones(2)},
        "conjugates": {"c": complexes, "k": complexes.conj()},
        "negative": {"n": complexes.conj().imag},
        "doubles": {"c": torch.randn(4, dtype=torch.complex128)[1:]},
        "one of a kind": {"a": torch.ones(2), "b": torch.ones(2)},
    }


def classes(tensors: dict[str, Tensor]) -> dict[str, tuple[Any, ...]]:
    """Which names share memory, and how each lies in it; storages by their first name."""
    first: dict[int, str] = {}
    out: dict[str, tuple[Any, ...]] = {}
    for name in sorted(tensors):
        tensor = tensors[name]
        owner = first.setdefault(tensor.untyped_storage().data_ptr(), name)
        out[name] = (
            owner, str(tensor.dtype), tuple(tensor.shape), tensor.stride(), tensor.is_conj(),
            tensor.is_neg(),
        )  # fmt: skip
    return out


@pytest.mark.parametrize("name", shared_values())
@pytest.mark.parametrize("legacy", [False, True])
def test_sharing_is_restored(name: str, legacy: bool, tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.save(shared_values()[name], path, _use_new_zipfile_serialization=not legacy)
    wanted: dict[str, Tensor] = torch.load(path, weights_only=True)
    file = converted(path, "--aliases", "alias", status=0)
    found = restore(Path(file["output"]))
    assert classes(found) == classes(wanted)
    for key, tensor in wanted.items():
        assert torch.equal(found[key], tensor), key
        shared = any(
            other is not tensor
            and other.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr()
            for other in wanted.values()
        )
        if shared:
            assert found[key].storage_offset() == tensor.storage_offset()


def test_drop_is_the_hubs(tmp_path: Path) -> None:
    """The alphabetically first name stays; the metadata says {removed: kept}."""
    path = tmp_path / "m.pt"
    torch.save(shared_values()["one under three names"], path)
    file = converted(path, status=0)
    tensors, metadata = read(Path(file["output"]))
    assert set(tensors) == {"a"}
    assert {k: v for k, v in metadata.items() if "." not in k} == {
        "format": "pt", "b": "a", "c": "a",
    }  # fmt: skip


def test_duplicate_writes_each(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    torch.save(shared_values()["one under three names"], path)
    file = converted(path, "--aliases", "duplicate", status=0)
    tensors, _ = read(Path(file["output"]))
    assert set(tensors) == {"a", "b", "c"}
    assert len({bits.data for bits in tensors.values()}) == 1
