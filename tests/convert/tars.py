"""A writer of torch's first format (0.1.9 and older): what its reader in today's torch takes.

Tensors and storages are named by number in the object's pickle; beside it stand the storages, the
parts of storages, and the tensors over them.
"""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

KINDS = {
    torch.float64: "Double", torch.float32: "Float", torch.float16: "Half",
    torch.bfloat16: "BFloat16", torch.int64: "Long", torch.int32: "Int", torch.int16: "Short",
    torch.int8: "Char", torch.uint8: "Byte", torch.bool: "Bool", torch.complex64: "ComplexFloat",
}  # fmt: skip


class Tables(pickle.Pickler):
    def __init__(self, out: io.BytesIO, protocol: int, parts: bool) -> None:
        super().__init__(out, protocol)
        self.parts = parts
        self.classes: set[type] = set()  # told as ids of their own, once
        self.kept: list[Any] = []  # so that addresses stay distinct
        self.roots: dict[int, tuple[int, Tensor]] = {}  # by address: number, all elements
        self.views: list[tuple[int, int, int, int]] = []
        self.tensors: dict[int, tuple[int, int, Tensor, int]] = {}
        self.next = 1000

    def number(self) -> int:
        self.next += 1
        return self.next

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, type) and issubclass(value, nn.Module):
            if value in self.classes:
                return None
            self.classes.add(value)
            return (value, None, None)
        if isinstance(value, torch.storage.TypedStorage):
            flat = torch.empty(0, dtype=value.dtype).set_(value.untyped())
            return str(self.root(flat)[0])
        if type(value) is not Tensor:
            return None
        if id(value) not in self.tensors:
            self.kept.append(value)
            root, _ = self.root(value)
            offset = value.storage_offset()
            if self.parts:
                of, part = root, self.number()
                reach = sum((n - 1) * s for n, s in zip(value.shape, value.stride(), strict=True))
                self.views.append((part, of, offset, reach + 1 if value.numel() else 0))
                root, offset = part, 0
            self.tensors[id(value)] = (self.number(), root, value, offset)
        return str(self.tensors[id(value)][0])

    def root(self, value: Tensor) -> tuple[int, Tensor]:
        storage = value.untyped_storage()
        address = storage.data_ptr() or -id(storage)
        if address not in self.roots:
            self.kept.append(storage)
            self.roots[address] = (self.number(), torch.empty(0, dtype=value.dtype).set_(storage))
        return self.roots[address]


def named(number: int, second: object, name: str, protocol: int) -> bytes:
    """(number, second, class of torch)"""
    head = pickle.dumps((number, second), protocol)[:-1]
    return head.replace(b"\x86", b"ctorch\n" + name.encode() + b"\n\x87") + b"."


def build(value: Any, protocol: int = 2, parts: bool = False) -> dict[str, bytes]:
    out = io.BytesIO()
    tables = Tables(out, protocol, parts)
    tables.dump(value)
    storages = pickle.dumps(len(tables.roots), 2)
    for number, flat in tables.roots.values():
        storages += named(number, "cpu", KINDS[flat.dtype] + "Storage", 2)
        data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
        storages += struct.pack("<q", flat.numel()) + data
    storages += pickle.dumps(tables.views, 2)
    tensors = pickle.dumps(len(tables.tensors), 2)
    for number, root, tensor, offset in tables.tensors.values():
        dims = tensor.dim()
        tensors += named(number, root, "FloatTensor", 2)
        tensors += struct.pack(f"<ii{2 * dims}qq", dims, 0, *tensor.shape, *tensor.stride(), offset)
    info = pickle.dumps({"protocol_version": 1000, "little_endian": True}, 2)
    return {"sys_info": info, "pickle": out.getvalue(), "tensors": tensors, "storages": storages}


def packed(members: dict[str, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def save(value: Any, path: Path, **how: Any) -> Path:
    path.write_bytes(packed(build(value, **how)))
    return path
