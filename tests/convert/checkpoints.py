"""Checkpoints of every kind that `brine convert` must read, written by the real torch.

Problem: a converter is right only against files that torch itself wrote, over all rebuild
functions, element types, layouts, containers and protocols. Method: a row is one value to save;
each row is saved in each container and protocol that can hold it. Invariant: everything is made
from the seed, with random bits (so that NaNs have payloads).
"""

from __future__ import annotations

import argparse
import collections
import io
import pickle
import random
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

PLAIN = [
    "float64",
    "float32",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "complex64",
    "complex128",
]
UNTYPED = [
    "uint16",
    "uint32",
    "uint64",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "float4_e2m1fn_x2",
    "complex32",
]
CONTAINERS = ("zip", "legacy", "bare", "big-endian")
PROTOCOLS = (2, 3, 4, 5)


@dataclass(frozen=True)
class Checkpoint:
    row: str
    container: str
    protocol: int
    value: Any

    @property
    def name(self) -> str:
        row = "".join(c if c.isalnum() else "_" for c in self.row)
        return f"{row}-{self.container}-{self.protocol}.pt"

    def write(self, path: Path) -> None:
        WRITERS[self.container](self.value, path, self.protocol)


def _zip(value: Any, path: Path, protocol: int) -> None:
    torch.save(value, path, pickle_protocol=protocol)


def _legacy(value: Any, path: Path, protocol: int) -> None:
    torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=False)


def _bare(value: Any, path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps(value, protocol))


def _big_endian(value: Any, path: Path, protocol: int) -> None:
    """The same bytes, said to be big-endian: torch swaps them as it loads."""
    buffer = io.BytesIO()
    torch.save(value, buffer, pickle_protocol=protocol)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(path, "w") as out:
        for info in source.infolist():
            data = source.read(info)
            out.writestr(info.filename, b"big" if info.filename.endswith("/byteorder") else data)


WRITERS: dict[str, Callable[[Any, Path, int], None]] = {
    "zip": _zip,
    "legacy": _legacy,
    "bare": _bare,
    "big-endian": _big_endian,
}


class Call:
    """Pickles as a call of any function with any arguments."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def bits(rng: random.Random, dtype: torch.dtype, *shape: int) -> Tensor:
    """A tensor of random bits (of valid values where the type has others)."""
    count = int(np.prod(shape)) if shape else 1
    if dtype is torch.bool:
        return torch.tensor([rng.random() < 0.5 for _ in range(count)]).reshape(shape)
    size = torch.empty((), dtype=dtype).element_size()
    raw = torch.frombuffer(bytearray(rng.randbytes(max(count, 1) * size)), dtype=torch.uint8)
    return raw[: count * size].clone().view(dtype).reshape(shape)


class Net(nn.Module):  # type: ignore[misc]
    """A module whose class only these tests have."""


def modules(rng: random.Random) -> dict[str, nn.Module]:
    torch.manual_seed(rng.randrange(1 << 30))
    tied = nn.ModuleDict({"embed": nn.Embedding(5, 4), "head": nn.Linear(4, 5, bias=False)})
    tied["head"].weight = tied["embed"].weight
    buffered = nn.Linear(2, 2)
    buffered.register_buffer("kept", torch.ones(2))
    buffered.register_buffer("lost", torch.ones(3), persistent=False)
    return {
        "conv": nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()),
        "lstm": nn.LSTM(3, 4, 2, bidirectional=True),
        "attention": nn.MultiheadAttention(8, 2),
        "encoder": nn.TransformerEncoderLayer(8, 2, 16),
        "tied": tied,
        "buffered": buffered,
        "list": nn.ModuleList([nn.Linear(2, 3), nn.LayerNorm(3), nn.PReLU()]),
        "parameters": nn.ParameterDict({"a": nn.Parameter(torch.ones(2))}),
    }


def optimizers(rng: random.Random) -> dict[str, Any]:
    out = {}
    for name in ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "NAdam"):
        torch.manual_seed(rng.randrange(1 << 30))
        model = nn.Linear(3, 2)
        kind = getattr(torch.optim, name)
        optimizer = kind(model.parameters(), lr=0.1, **({"momentum": 0.9} if name == "SGD" else {}))
        model(torch.randn(4, 3)).sum().backward()
        optimizer.step()
        out[name] = optimizer.state_dict()
    return out


def layouts(rng: random.Random, dtype: torch.dtype) -> dict[str, Any]:
    def new(*shape: int) -> Tensor:
        return bits(rng, dtype, *shape)

    base, flat, image = new(6, 5), new(40), new(2, 3, 4, 5)
    shared = new(4, 4)
    return {
        "contiguous": {"w": new(3, 4), "b": new(4)},
        "offset": {"w": base[2:4], "v": flat[7:12]},
        "rows and columns": {"w": base[1:5:2, 1:4]},
        "tied": {"z": shared, "a": shared, "m": {"inner": shared}},
        "overlapping": {"a": flat[:20], "b": flat[10:30], "c": flat},
        "transposed": {"w": base.t(), "same": base},
        "channels last": {"w": image.contiguous(memory_format=torch.channels_last)},
        "permuted": {"w": image.permute(3, 1, 0, 2)},
        "expanded": {"w": new(1, 5).expand(4, 5), "scalar": new().expand(2, 3)},
        "no dimension": {"w": new()},
        "no elements": {"w": new(0, 3), "v": base[3:3]},
        "one tensor": new(3, 3),
        "views of one": {f"v{i}": flat[i * 4 : i * 4 + 4] for i in range(10)},
        "diagonal": {"w": shared.diagonal()},
        "parameter": {"w": nn.Parameter(new(2, 2), requires_grad=dtype.is_floating_point)},
    }


def rebuilt(rng: random.Random) -> dict[str, Any]:
    """The rebuild functions, written by torch where it writes them, else as calls."""
    utils: Any = torch._utils  # noqa: SLF001
    w = bits(rng, torch.float32, 4, 3)
    storage = w.untyped_storage()
    typed = torch.storage.TypedStorage(wrap_storage=storage, dtype=torch.float32, _internal=True)
    hooks: collections.OrderedDict[str, Any] = collections.OrderedDict()
    subclassed = nn.Parameter(torch.randn(3))
    subclassed.note = "a tag"
    complexes = bits(rng, torch.complex64, 5)
    dense = torch.randn(4, 6) * (torch.rand(4, 6) > 0.6)
    block = torch.zeros(4, 6)
    block[:2, :3] = torch.randn(2, 3)
    return {
        "_rebuild_tensor": {"w": Call(utils._rebuild_tensor, typed, 1, (2, 2), (3, 1))},
        "_rebuild_parameter_with_state": {"w": subclassed},
        "_rebuild_parameter": {"w": nn.Parameter(torch.randn(2))},
        "tensor with attributes": {"w": with_attribute(torch.randn(3))},
        "conj": {"w": complexes.conj(), "v": complexes},
        "neg": {"w": complexes.conj().imag, "v": complexes.real},
        "sparse_coo": {"w": dense.to_sparse(), "c": dense.to_sparse().coalesce()},
        "sparse_csr": {"w": dense.to_sparse_csr()},
        "sparse_csc": {"w": dense.to_sparse_csc()},
        "sparse_bsr": {"w": block.to_sparse_bsr((2, 3))},
        "sparse_bsc": {"w": block.to_sparse_bsc((2, 3))},
        "quantized": {
            "w": torch.quantize_per_tensor(torch.randn(6), 0.1, 3, torch.qint8),
            "u": torch.quantize_per_tensor(torch.randn(6), 0.2, 100, torch.quint8),
            "i": torch.quantize_per_tensor(torch.randn(6), 0.3, 0, torch.qint32),
        },
        "quantized by channel": {
            "w": torch.quantize_per_channel(
                torch.randn(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0, 1]), 0, torch.qint8
            )
        },
        "quantized in 4 bits": {
            "w": torch.quantize_per_channel(
                torch.randn(2, 4),
                torch.tensor([0.1, 0.2]),
                torch.tensor([0.0, 1.0]),
                0,
                torch.quint4x2,
            )
        },
        "bits": {"w": w.view(torch.uint8).view(torch.bits8)},
        "sparse_coo not coalesced": {
            "w": torch.sparse_coo_tensor([[0, 0], [1, 1]], torch.ones(2), (2, 2))
        },
        "device from numpy": {
            "w": Call(
                utils._rebuild_device_tensor_from_numpy, w.numpy(), torch.float32, "cpu", False
            )
        },
        "device from numpy, cast": {
            "w": Call(
                utils._rebuild_device_tensor_from_numpy, w.numpy(), torch.float64, "cpu", False
            )
        },
        "device from a tensor": {
            "w": Call(utils._rebuild_device_tensor_from_cpu_tensor, w, torch.float32, "cpu", False)
        },
        "meta": {"w": torch.empty(3, device="meta"), "v": w},
        "hooks": {"w": Call(utils._rebuild_tensor_v2, typed, 0, (4,), (1,), False, hooks)},
        "storage": storage,
        "nested": {"w": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "v": w},
    }


def with_attribute(tensor: Tensor) -> Tensor:
    tensor.note = {"a": 1}
    return tensor


def values(rng: random.Random) -> dict[str, Any]:
    """Tensors among everything else that checkpoints hold."""
    w = bits(rng, torch.float32, 3)
    return {
        "epoch and friends": {
            "w": w,
            "epoch": 3,
            "best": 0.5,
            "big": 1 << 80,
            "name": "model",
            "none": None,
            "yes": True,
            "bytes": b"\0\xff",
            "list": [w, 1, [w[1:]]],
            "tuple": (w, (1, "a")),
            "set": {1, 2},
            "shape": w.shape,
            "dtype": w.dtype,
            "device": torch.device("cpu"),
            "nan": float("nan"),
        },
        "keys": {1: w, (1, "a"): w[1:], None: w[2:], 1.5: w[:2], False: w + 2, "a.b": w + 1},
        "names that meet": {"a": {"b": w}, "a.b": w + 1, "a%2Eb": w + 2},
        "namespace": {"w": w, "args": argparse.Namespace(lr=0.1, layers=[1, 2])},
        "numpy": {
            "f": np.arange(6.0).reshape(2, 3),
            "fortran": np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
            "big": np.arange(3, dtype=">f4"),
            "scalar": np.float32(3),
            "text": np.array(["a", "b"]),
            "empty": np.zeros((0, 2), np.float16),
            "bools": np.array([True, False]),
            "w": w,
        },
        "random states": {
            "torch": torch.get_rng_state(),
            "numpy": np.random.RandomState(1).get_state(),
            "python": random.Random(1).getstate(),
        },
        "ordered": collections.OrderedDict([("b", w), ("a", w[1:])]),
        "default": collections.defaultdict(list, {"x": [w]}),
        "unicode": {"gewicht-\u00e4\u4e2d": w, "a/b": w + 1, "..": w + 2, "": w + 3, "n\0l": w + 4},
        "shared dict": (lambda d: {"a": d, "b": d})({"w": w}),
    }


def rows(seed: int) -> Iterator[tuple[str, Any]]:
    rng = random.Random(seed)
    for name in PLAIN:
        for layout, value in layouts(rng, getattr(torch, name)).items():
            yield f"{name} {layout}", value
    for name in UNTYPED:
        dtype = getattr(torch, name)
        yield f"{name} contiguous", {"w": bits(rng, dtype, 2, 4), "v": bits(rng, dtype, 3)}
        base = bits(rng, dtype, 4, 6)
        yield f"{name} strided", {"w": base[1:3], "t": base.t(), "e": base[:1].expand(3, 6)}
    for name, value in rebuilt(rng).items():
        yield name, value
    for name, value in values(rng).items():
        yield name, value
    for name, module in modules(rng).items():
        yield f"state_dict {name}", module.state_dict()
        yield f"module {name}", module
        yield f"module in a dict {name}", {"model": module, "epoch": 1}
    for name, value in optimizers(rng).items():
        yield f"optimizer {name}", value


def checkpoints(seed: int = 0) -> Iterator[Checkpoint]:
    for row, value in rows(seed):
        for container in CONTAINERS:
            for protocol in PROTOCOLS:
                yield Checkpoint(row, container, protocol, value)
