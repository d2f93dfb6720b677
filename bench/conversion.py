#!/usr/bin/env python3
"""`brine convert` beside torch.load + safetensors.torch.save_file, and what bounds it.

Run by run.py, and with a role as a child of its own under an interpreter that has the rivals:

    conversion.py make FOLDER       a 2 GB checkpoint, the same transposed, 100,000 small tensors
    conversion.py rival FILE OUT    torch.load + save_file: seconds, without and with an fsync
    conversion.py bounds FILE OUT   seconds of SHA-256 alone, of writing as many bytes with fsync

The rival's figure is that of the calls alone, without start-up and imports, and safetensors leaves
its file in the page cache; Brine's is the whole process, which hashes the source and has its result
on the disk when it ends. Both sides find the source in the page cache and run in turns.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import statistics
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

LAYERS = 32
WIDTH = 1024
WEIGHTS = {"attn.q": 2, "attn.k": 1, "attn.v": 2, "mlp.up": 2, "mlp.down": 2}
MANY = 100_000
CHUNK = 4 << 20
MIB = 1 << 20
MEMORY_BASE = 64_000_000
MEMORY_TENSOR = 400


# --- roles of the children -----------------------------------------------------------------------


def make(folder: Path) -> None:
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    dice = torch.Generator().manual_seed(1)
    noise = torch.randn(1 << 20, generator=dice)

    def weight(*shape: int) -> torch.Tensor:
        count = torch.Size(shape).numel()
        return noise.repeat(count // len(noise) + 1)[:count].clone().reshape(shape)

    for name, transposed in (("large.pt", False), ("transposed.pt", True)):
        if (folder / name).exists():
            continue
        tensors = OrderedDict()
        rows = (2 << 30) // LAYERS // 4 // (sum(WEIGHTS.values()) * WIDTH)
        for layer in range(LAYERS):
            for part, times in WEIGHTS.items():
                key = f"layers.{layer}.{part}"
                shape = (WIDTH, rows * times) if transposed else (rows * times, WIDTH)
                made = weight(*shape)
                tensors[f"{key}.weight"] = made.t() if transposed else made
                tensors[f"{key}.bias"] = weight(rows * times)
        torch.save(tensors, folder / "part")
        (folder / "part").rename(folder / name)
    if not (folder / "many.pt").exists():
        small = {f"model.layers.{i}.weight": torch.full((4, 4), float(i)) for i in range(MANY)}
        torch.save(small, folder / "part")
        (folder / "part").rename(folder / "many.pt")


def rival(path: Path, out: Path) -> dict[str, float]:
    import torch
    from safetensors.torch import save_file

    begin = time.perf_counter()
    save_file(torch.load(path), out)
    plain = time.perf_counter() - begin
    descriptor = os.open(out, os.O_RDWR)
    os.fsync(descriptor)
    os.close(descriptor)
    durable = time.perf_counter() - begin
    out.unlink()
    return {"seconds": plain, "with_fsync": durable}


def bounds(path: Path, out: Path) -> dict[str, float]:
    size = path.stat().st_size
    memory = mmap.mmap(-1, CHUNK)  # begins at a page, as direct writes want it
    with path.open("rb") as file:
        file.readinto(memory)
    digest = hashlib.sha256()
    begin = time.perf_counter()
    for _ in range(size // CHUNK):
        digest.update(memory)
    seconds = {"sha256": time.perf_counter() - begin}
    for name, flags in (("write", 0), ("direct", os.O_DIRECT)):
        begin = time.perf_counter()
        try:
            descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | flags, 0o600)
        except OSError:
            continue  # a file system without direct writes
        for _ in range(size // CHUNK):
            os.write(descriptor, memory)
        os.fsync(descriptor)
        seconds[name] = time.perf_counter() - begin
        os.close(descriptor)
        out.unlink()
    return seconds


# --- the rows ------------------------------------------------------------------------------------


def measure(
    table: Any, program: Path, rounds: int, folder: Path, python: Path, run: Callable[..., Any]
) -> dict[str, Any]:
    """`run` and `table` are run.py's; children inherit the affinity that is set here."""
    print("\nconversion of a 2 GB checkpoint, whole process")
    me = Path(__file__)
    if run(python, me, "make", folder).status != 0:
        raise SystemExit("bench: the checkpoints could not be made")
    large, out = folder / "large.pt", folder / "out.safetensors"

    def child(role: str) -> dict[str, float]:
        done = run(python, me, role, large, out, capture=True)
        if done.status != 0:
            raise SystemExit(f"bench: conversion.py {role} ended with {done.status}")
        answer: dict[str, float] = json.loads(done.output)
        return answer

    def convert(name: str) -> Any:
        done = run(program, "convert", "--force", "-o", out, folder / name)
        out.unlink(missing_ok=True)
        if done.status != 0:
            raise SystemExit(f"bench: converting {name} ended with {done.status}")
        return done

    before = os.sched_getaffinity(0)
    result: dict[str, Any] = {}
    for cores, target in ((1, 1.7), (2, 3.0)):
        os.sched_setaffinity(0, sorted(range(os.cpu_count() or 1))[-cores:])
        convert("large.pt")  # the page cache is warm from here on
        times: dict[str, list[float]] = {}
        for _ in range(min(rounds, 3)):
            for name, seconds in child("rival").items():
                times.setdefault(name, []).append(seconds)
            done = convert("large.pt")
            times.setdefault("brine", []).append(done.seconds)
            times.setdefault("busy", []).append(done.busy)
            for name, seconds in child("bounds").items():
                times.setdefault(name, []).append(seconds)
        middle = {name: statistics.median(values) for name, values in times.items()}
        disk = min(middle[name] for name in ("write", "direct") if name in middle)
        binding = "SHA-256" if middle["sha256"] > disk else "the disk"
        bound = max(middle["sha256"], disk)
        label = f"2 GB, {cores} core{'s' if cores > 1 else ''}"
        brine = middle["brine"]
        table.note(f"{label}: convert", brine, "s")
        table.note(f"{label}: its processor time", middle["busy"], "s")
        table.add(
            f"{label}: against load + save_file", middle["seconds"] / brine, "x", target, least=True
        )
        table.note(f"{label}: the same, both with fsync", middle["with_fsync"] / brine, "x")
        table.add(f"{label}: of {binding}, which binds", brine / bound, "x", 1.25, least=False)
        result[f"{cores} cores"] = times
    os.sched_setaffinity(0, before)
    for name, tensors in (("large.pt", 320), ("transposed.pt", 320), ("many.pt", MANY)):
        done = convert(name)
        limit = (MEMORY_BASE + MEMORY_TENSOR * tensors) / MIB
        table.add(f"convert {name}: peak memory", done.peak / MIB, "MiB", limit, least=False)
        table.note(f"convert {name}: whole process", done.seconds, "s")
        result[name] = {"seconds": done.seconds, "busy": done.busy, "peak": done.peak}
    return result


def main() -> int:
    role, *paths = sys.argv[1:]
    files = [Path(path) for path in paths]
    if role == "make":
        make(files[0])
        return 0
    print(json.dumps(rival(*files) if role == "rival" else bounds(*files)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
