"""Write the seeds of the target checkpoint. Needs only Python: torch's classes have stubs."""

from __future__ import annotations

import pickle
import struct
import sys
import types
from pathlib import Path
from typing import Any

from make_convert_seeds import TENSOR, archive
from make_scan_seeds import PAYLOAD

SEEDS = Path(__file__).parent / "seeds" / "checkpoint"
FILES = ("__0_0.distcp", "__1_0.distcp")


def stub(module: str, name: str) -> Any:
    holder = sys.modules.setdefault(module, types.ModuleType(module))
    made = type(name, (), {"__module__": module})
    setattr(holder, name, made)
    return made


DCP = "torch.distributed.checkpoint."
Metadata = stub(DCP + "metadata", "Metadata")
TensorMetadata = stub(DCP + "metadata", "TensorStorageMetadata")
BytesMetadata = stub(DCP + "metadata", "BytesStorageMetadata")
ChunkMetadata = stub(DCP + "metadata", "ChunkStorageMetadata")
Properties = stub(DCP + "metadata", "TensorProperties")
MetadataIndex = stub(DCP + "metadata", "MetadataIndex")
StorageInfo = stub(DCP + "filesystem", "_StorageInfo")
SizeType = stub("torch", "Size")
Float = stub("torch", "float32")
Layout = stub("torch.serialization", "_get_layout")
Formats = stub(DCP + "metadata", "_MEM_FORMAT_ENCODING")


class Call:
    """Pickles as a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


STATE = (
    Float,
    Call(Layout, "torch.strided"),
    False,
    Call(getattr, Formats, "TORCH_CONTIGUOUS_FORMAT"),
    False,
)
Properties.__getstate__ = lambda self: STATE


def size(*extents: int) -> Call:
    return Call(SizeType, extents)


def make(cls: Any, **fields: Any) -> Any:
    out = cls()
    out.__dict__.update(fields)
    return out


def checkpoint(chunks: dict[tuple[int, int], tuple[str, int, int]], value: bytes) -> bytes:
    """A tensor `a.w` of chunks of 2 x 3, a value `b`; the index, and then the file of rank 0."""
    part = archive(b"\x80\x02" + TENSOR + b".")
    shape = size(max(row for row, _ in chunks) + 2, max(column for _, column in chunks) + 3)
    places = {
        make(MetadataIndex, fqn="a.w", offset=size(*at), index=number): make(
            StorageInfo, relative_path=name, offset=begin * len(part) - shift, length=len(part)
        )
        for number, (at, (name, begin, shift)) in enumerate(chunks.items())
    }
    places[make(MetadataIndex, fqn="b")] = make(
        StorageInfo, relative_path=FILES[0], offset=4 * len(part), length=len(value)
    )
    tensor = make(
        TensorMetadata,
        properties=Properties(),
        size=shape,
        chunks=[make(ChunkMetadata, offsets=size(*at), sizes=size(2, 3)) for at in chunks],
    )
    index = pickle.dumps(
        make(
            Metadata,
            state_dict_metadata={"a.w": tensor, "b": BytesMetadata()},
            planner_data={"a.w": ("a", "w"), "b": ("b",)},
            storage_data=places,
        ),
        4,
    )
    return struct.pack("<I", len(index)) + index + part * 4 + value


def main() -> None:
    SEEDS.mkdir(parents=True, exist_ok=True)
    value = archive(b"\x80\x02}X\x01\0\0\0x" + TENSOR + b"s.")
    first, second = FILES
    seeds = {
        "one": checkpoint({(0, 0): (first, 0, 0)}, value),
        "rows": checkpoint({(0, 0): (first, 0, 0), (2, 0): (first, 1, 0)}, value),
        "columns": checkpoint({(0, 3): (first, 0, 0), (0, 0): (first, 2, 0)}, value),
        "ranks": checkpoint({(0, 0): (first, 0, 0), (2, 0): (second, 1, 1)}, value),
        "overlap": checkpoint({(0, 0): (first, 0, 0), (1, 0): (first, 1, 0)}, value),
        "claimed": checkpoint({(0, 0): (first, 0, 0), (2, 0): (first, 0, 0)}, value),
        "outside": checkpoint({(0, 0): (first, 0, 0), (2, 0): (first, 99, 0)}, value),
        "up": checkpoint({(0, 0): ("../" + first, 0, 0)}, value),
        "payload": checkpoint({(0, 0): (first, 0, 0)}, archive(b"\x80\x02" + PAYLOAD + b".")),
    }
    for name, data in seeds.items():
        for option in (0x02, 0x60):
            (SEEDS / f"{name}-{option:02x}").write_bytes(bytes([option]) + data)


if __name__ == "__main__":
    main()
