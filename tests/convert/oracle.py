"""What a file's tensors are, by the real loader.

The names are the ways to the values: keys, indices and attribute names joined by dots, a module's
as its state_dict() has them; a metric of torchmetrics' that is no part of another module has its
attributes besides, and an index of pandas' the array that it is made of. Sparse and quantized
tensors stand as their parts; conjugates and negatives are carried out. The bits of each are given
in row-major order.
"""

from __future__ import annotations

import copyreg
import ctypes
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.tree._tree import Tree
from torch import Tensor, nn

TYPES = {
    "float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16",
    "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
    "uint16": "U16", "uint32": "U32", "uint64": "U64", "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ", "float8_e8m0fnu": "F8_E8M0", "float4_e2m1fn_x2": "F4",
    "complex128": "F64", "complex32": "F16",
}  # fmt: skip
INDICES = {
    torch.sparse_csr: ("crow_indices", "col_indices"),
    torch.sparse_bsr: ("crow_indices", "col_indices"),
    torch.sparse_csc: ("ccol_indices", "row_indices"),
    torch.sparse_bsc: ("ccol_indices", "row_indices"),
}


@dataclass(frozen=True)
class Bits:
    type: str
    shape: tuple[int, ...]
    data: bytes


@dataclass(frozen=True)
class Expected:
    tensors: dict[str, Bits]
    same: dict[str, tuple[Any, ...]]  # equal values: one view under several names


def bits_of(tensor: Tensor) -> Bits:
    tensor = tensor.detach().resolve_conj().resolve_neg()
    name = str(tensor.dtype).removeprefix("torch.")
    shape = list(tensor.shape)
    if name in ("complex128", "complex32"):
        shape.append(2)
    if name == "float4_e2m1fn_x2":
        shape[-1] *= 2
    size = tensor.element_size()
    # By elements of the storage: no arithmetic that might touch a NaN.
    if not tensor.numel():
        return Bits(TYPES[name], tuple(shape), b"")
    storage = tensor.untyped_storage()
    view = np.ndarray(
        tuple(tensor.shape),
        f"V{size}",
        ctypes.string_at(storage.data_ptr(), storage.nbytes()),
        tensor.storage_offset() * size,
        [step * size for step in tensor.stride()],
    )
    data = view.tobytes("C")
    return Bits(TYPES[name], tuple(shape), data)


def view_of(tensor: Tensor) -> tuple[Any, ...]:
    return (
        tensor.untyped_storage().data_ptr(), str(tensor.dtype), tensor.storage_offset(),
        tuple(tensor.shape), tuple(tensor.stride()), tensor.is_conj(), tensor.is_neg(),
    )  # fmt: skip


def key_text(key: Any) -> str:
    if isinstance(key, tuple) and type(key) is tuple:
        inside = ", ".join(key_text(k) if is_named(k) else repr(k) for k in key)
        return f"({inside},)" if len(key) == 1 else f"({inside})"
    return f"{key.__module__}.{key.__qualname__}" if is_named(key) else str(key)


def is_named(key: Any) -> bool:
    return isinstance(key, (type, FunctionType, BuiltinFunctionType))


def has_text(key: Any) -> bool:
    """Whether there is more to write of a key than its address."""
    if isinstance(key, tuple):
        return all(map(has_text, key))
    return not isinstance(key, (Tensor, torch.serialization.StorageType, frozenset))


def children(value: Any, *, inside: bool = False) -> Iterator[tuple[str, Any]]:
    """The parts of a value; `inside`: it is a module of a module."""
    if isinstance(value, nn.Module):
        yield from own_state(value)
        if type(value).__module__.startswith("torchmetrics.") and not inside:
            yield from own_attributes(value)
    elif isinstance(value, pd.Index):
        yield "1", {"data": value.to_numpy()}
    elif isinstance(value, dict):
        for index, (key, item) in enumerate(value.items()):
            yield key_text(key) if has_text(key) else f"#{index}", item
    elif isinstance(value, (list, tuple, set, frozenset)):
        for index, item in enumerate(value):
            yield str(index), item
    elif isinstance(value, np.ndarray):
        for index, item in enumerate(value.flat):
            yield str(index), item
    elif isinstance(value, Tree):
        for index, item in enumerate(value.__reduce__()[1]):
            yield str(index), item
        yield from value.__getstate__().items()
    elif not isinstance(value, (type, FunctionType, ModuleType)):
        yield from getattr(value, "__dict__", {}).items()
        for name in copyreg._slotnames(type(value)):  # type: ignore[attr-defined]  # noqa: SLF001
            if hasattr(value, name):
                yield name, getattr(value, name)


def own_attributes(module: nn.Module) -> Iterator[tuple[str, Any]]:
    skipped = module._non_persistent_buffers_set  # noqa: SLF001
    for name, item in module._buffers.items():  # noqa: SLF001
        if name in skipped:
            yield name, item
    for name, item in vars(module).items():
        if name not in ("_parameters", "_buffers", "_modules"):
            yield name, item


def own_state(module: nn.Module) -> Iterator[tuple[str, Any]]:
    skipped = module._non_persistent_buffers_set  # noqa: SLF001
    for held in (module._parameters, module._buffers, module._modules):  # noqa: SLF001
        for name, item in held.items():
            if item is not None and not (held is module._buffers and name in skipped):  # noqa: SLF001
                yield name, item
    own: dict[str, Any] = {}
    module._save_to_state_dict(own, "", True)  # noqa: SLF001
    for name, item in own.items():
        if name not in module._parameters and name not in module._buffers:  # noqa: SLF001
            yield name, item


def parts(tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    if tensor.layout == torch.sparse_coo:
        yield ".indices", tensor._indices()  # noqa: SLF001
        yield ".values", tensor._values()  # noqa: SLF001
    elif tensor.layout in INDICES:
        for name in INDICES[tensor.layout]:
            yield f".{name}", getattr(tensor, name)()
        yield ".values", tensor.values()
    elif tensor.is_nested:
        yield ".values", tensor.values()
        yield ".sizes", tensor._nested_tensor_size()  # noqa: SLF001
        yield ".strides", tensor._nested_tensor_strides()  # noqa: SLF001
        yield ".offsets", tensor._nested_tensor_storage_offsets()  # noqa: SLF001
    elif tensor.is_quantized:
        yield "", tensor.int_repr()
        if tensor.qscheme() == torch.per_tensor_affine:
            yield ".scale", torch.tensor(tensor.q_scale(), dtype=torch.float64)
            yield ".zero_point", torch.tensor(tensor.q_zero_point(), dtype=torch.int64)
        else:
            yield ".scale", tensor.q_per_channel_scales()
            yield ".zero_point", tensor.q_per_channel_zero_points()
    else:
        yield "", tensor


def array(value: np.ndarray[Any, Any]) -> Bits | None:
    native = value.astype(value.dtype.newbyteorder("="))
    name = {"?": "bool"}.get(native.dtype.char, native.dtype.name)
    if name not in TYPES:
        return None
    shape = native.shape + ((2,) if name == "complex128" else ())
    return Bits(TYPES[name], shape, native.tobytes("C"))


def walk(
    value: Any,
    path: tuple[str, ...],
    above: frozenset[int] = frozenset(),
    *,
    inside: bool = False,
) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Tensor) and nn.parameter.is_lazy(value):
        return  # no data yet
    leaf = isinstance(value, (Tensor, np.ndarray, torch.UntypedStorage, torch.TypedStorage))
    if leaf and not (isinstance(value, np.ndarray) and value.dtype.hasobject):
        yield path, value
        return
    if id(value) in above:
        return
    for part, item in children(value, inside=inside):
        part_of = isinstance(value, nn.Module) and value._modules.get(part) is item  # noqa: SLF001
        yield from walk(item, (*path, part), above | {id(value)}, inside=part_of)


def expected(value: Any) -> Expected:
    out: dict[str, Bits] = {}
    same: dict[str, tuple[Any, ...]] = {}

    def put(path: tuple[str, ...], suffix: str, bits: Bits, view: tuple[Any, ...] | None) -> None:
        name = ".".join(path) + suffix if path else "tensor" + suffix
        if name in out:
            name = ".".join(p.replace("%", "%25").replace(".", "%2E") for p in path) + suffix
        out[name] = bits
        if view is not None and bits.data:
            same[name] = view

    found = list(walk(value, ()))  # keeps all of them, so that identities stay distinct
    for path, item in found:
        if isinstance(item, np.ndarray):
            bits = array(item)
            if bits is not None:
                put(path, "", bits, ("array", id(item)))
        elif isinstance(item, (torch.UntypedStorage, torch.TypedStorage)):
            typed = isinstance(item, torch.TypedStorage)
            flat = torch.empty(0, dtype=item.dtype if typed else torch.uint8)
            flat.set_(item.untyped() if typed else item)
            put(path, "", bits_of(flat), None)
        elif item.device.type != "meta":
            plain = item.layout == torch.strided and not (item.is_quantized or item.is_nested)
            for suffix, part in parts(item):
                put(path, suffix, bits_of(part), view_of(part) if plain else None)
    return Expected(out, same)


def load(path: Path, container: str) -> Any:
    if container == "bare":
        return pickle.loads(path.read_bytes())
    return torch.load(path, weights_only=False)
