"""A reader of `brine convert --aliases alias`: gives tensors that share memory as the source's did.

It uses nothing but the file: the header, its bytes, and two keys of the metadata: `brine.aliases`
(names that were left out, with the name whose very view they are) and `brine.views` (which storage
a tensor is a view of, and how).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor


def restore(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        metadata: dict[str, str] = file.metadata()
        held: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for name, tensor in held.items():
        if f"{name}.dtype" in metadata:  # pairs of numbers
            kind = getattr(torch, metadata[f"{name}.dtype"].removeprefix("torch."))
            held[name] = tensor.contiguous().view(kind)[..., 0]
    views: dict[str, dict[str, Any]] = json.loads(metadata.get("brine.views", "{}"))
    aliases = dict(json.loads(metadata.get("brine.aliases", "[]")))
    storages: dict[int, torch.UntypedStorage] = {}
    for view in views.values():
        last = view["offset"] + sum(
            (size - 1) * step for size, step in zip(view["shape"], view["stride"], strict=True)
        )
        needed = (last + 1) * getattr(torch, view["dtype"]).itemsize
        if storages.get(view["storage"], torch.UntypedStorage(0)).nbytes() < needed:
            storages[view["storage"]] = torch.UntypedStorage(needed)
    out = {}
    for name, view in views.items():
        tensor = torch.empty(0, dtype=getattr(torch, view["dtype"])).set_(
            storages[view["storage"]], view["offset"], tuple(view["shape"]), tuple(view["stride"])
        )
        if name in held:
            data = held[name]
            data = data.conj().resolve_conj() if view.get("conj") else data
            data = -data if view.get("neg") else data
            for index in torch.cartesian_prod(*map(torch.arange, view["shape"])).reshape(
                -1, len(view["shape"])
            ):
                place = tuple(index.tolist())
                tensor[place] = data[place]
        tensor = tensor.conj() if view.get("conj") else tensor
        out[name] = torch._neg_view(tensor) if view.get("neg") else tensor  # noqa: SLF001
    for name, tensor in held.items():
        out.setdefault(name, tensor)
    assert set(aliases) <= set(out), "an alias without a view"
    return out
