"""Distributed checkpoints by hand: real torch classes, chunks cut and laid out at will."""

from __future__ import annotations

import io
import pickle
import random
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save
from torch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    TensorProperties,
    TensorStorageMetadata,
)

Path_ = tuple[Any, ...]


@dataclass(frozen=True)
class Box:
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]

    def of(self, tensor: Tensor) -> Tensor:
        for dim, (offset, size) in enumerate(zip(self.offsets, self.sizes, strict=True)):
            tensor = tensor.narrow(dim, offset, size)
        return tensor


def saved(value: Any) -> bytes:
    out = io.BytesIO()
    torch.save(value, out)
    return out.getvalue()


def whole(tensor: Tensor) -> list[Box]:
    return [Box((0,) * tensor.dim(), tuple(tensor.shape))]


def rows(tensor: Tensor, ranks: int, dim: int = 0) -> list[Box]:
    """As torch.chunk cuts, which FSDP and DTensor go by; late ranks may get nothing."""
    out, size = [], tensor.shape[dim]
    step = -(-size // ranks)
    for rank in range(ranks):
        begin = min(rank * step, size)
        offsets, sizes = [0] * tensor.dim(), list(tensor.shape)
        offsets[dim], sizes[dim] = begin, min(step, size - begin)
        out.append(Box(tuple(offsets), tuple(sizes)))
    return out


def cuts(tensor: Tensor, rng: random.Random, most: int = 6) -> list[Box]:
    """A box is cut in two along some dimension, again and again."""
    boxes = whole(tensor)
    for _ in range(rng.randrange(most)):
        box = boxes.pop(rng.randrange(len(boxes)))
        able = [dim for dim, size in enumerate(box.sizes) if size > 1]
        if not able:
            boxes.append(box)
            continue
        dim = rng.choice(able)
        at = rng.randrange(1, box.sizes[dim])
        for begin, size in ((0, at), (at, box.sizes[dim] - at)):
            offsets, sizes = list(box.offsets), list(box.sizes)
            offsets[dim], sizes[dim] = offsets[dim] + begin, size
            boxes.append(Box(tuple(offsets), tuple(sizes)))
    rng.shuffle(boxes)
    return boxes


class Writer:
    """Lays parts behind one another into files, a rank's turn after the other's."""

    def __init__(self, folder: Path, ranks: int = 1) -> None:
        self.folder, self.ranks, self.turn = folder, ranks, 0
        self.files = {f"__{rank}_0.distcp": b"" for rank in range(ranks)}
        self.metadata = Metadata(state_dict_metadata={}, planner_data={}, storage_data={})

    def put(self, index: MetadataIndex, data: bytes) -> None:
        name = f"__{self.turn % self.ranks}_0.distcp"
        self.turn += 1
        self.metadata.storage_data[index] = _StorageInfo(name, len(self.files[name]), len(data))
        self.files[name] += data

    def name(self, path: Path_) -> str:
        key = ".".join(map(str, path))
        self.metadata.planner_data[key] = path
        return key

    def value(self, path: Path_, value: Any) -> None:
        key = self.name(path)
        self.metadata.state_dict_metadata[key] = BytesStorageMetadata()
        self.put(MetadataIndex(key), saved(value))

    def tensor(
        self,
        path: Path_,
        tensor: Tensor,
        boxes: list[Box] | None = None,
        laid: Callable[[Tensor], Tensor] = Tensor.clone,
    ) -> None:
        key = self.name(path)
        boxes = whole(tensor) if boxes is None else boxes
        chunks = []
        for number, box in enumerate(boxes):
            chunks.append(ChunkStorageMetadata(torch.Size(box.offsets), torch.Size(box.sizes)))
            self.put(MetadataIndex(key, box.offsets, number), saved(laid(box.of(tensor))))
        self.metadata.state_dict_metadata[key] = TensorStorageMetadata(
            TensorProperties(dtype=tensor.dtype), tensor.size(), chunks
        )

    def write(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            (self.folder / name).write_bytes(data)
        (self.folder / ".metadata").write_bytes(pickle.dumps(self.metadata))
        return self.folder


def of(folder: Path, values: Mapping[str, Any], ranks: int = 1) -> Writer:
    """Tensors cut into a box for each rank."""
    writer = Writer(folder, ranks)
    for key, value in values.items():
        if isinstance(value, Tensor):
            writer.tensor((key,), value, rows(value, ranks) if value.dim() else None)
        else:
            writer.value((key,), value)
    return writer


def load(folder: Path) -> Any:
    """What torch's own converter makes of the folder; its CheckpointException is no Exception."""
    out = folder.parent / (folder.name + ".pt")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp_to_torch_save(folder, out)
    return torch.load(out, weights_only=False)
