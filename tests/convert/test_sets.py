"""Outputs of several files appear together, or not at all.

A set that cannot be finished (a full disk, a rival, a signal) leaves nothing behind, and what it
was to replace stays as it was.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.convert.test_shards import INDEX, checkpoint, new_shard
from tests.e2e.program import BRINE

NEW_INDEX = "model.safetensors.index.json"
LARGE = 16 << 20


def source(folder: Path, large: int, count: int = 3) -> Path:
    """A checkpoint whose last shard is the largest one."""
    folder.mkdir(exist_ok=True)
    sizes = [10] * (count - 1) + [large]
    checkpoint(folder, *({f"w{i}": torch.ones(n)} for i, n in enumerate(sizes)))
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith("pytorch_")}


def older(folder: Path, force: bool) -> dict[str, bytes]:
    """What stands under the new names before."""
    if force:
        for name in [*(new_shard(i, 3) for i in (1, 2, 3)), NEW_INDEX]:
            (folder / name).write_bytes(b"old " + name.encode())
    return contents(folder)


def command(folder: Path, force: bool, *words: str) -> list[str]:
    return [str(BRINE), "convert", *(["--force"] if force else []), *words, str(folder / INDEX)]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("extras", [False, True])
def test_a_full_disk(extras: bool, force: bool, tmp_path: Path) -> None:
    folder = source(tmp_path / "m", 1 << 20)
    before = older(folder, force)
    words = ["--extras"] if extras else []
    for limit in (1, 1000, 100_000, 3 << 20):

        def starve(limit: int = limit) -> None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        line = command(folder, force, *words)
        done = subprocess.run(line, capture_output=True, text=True, preexec_fn=starve)
        assert done.returncode == 2
        assert "cannot write" in done.stderr
        assert contents(folder) == before
    done = subprocess.run(command(folder, force, *words), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(contents(folder)) >= {NEW_INDEX, *(new_shard(i, 3) for i in (1, 2, 3))}
    assert not list(folder.glob(".brine-*"))


def while_it_writes(
    folder: Path, force: bool, act: Callable[[subprocess.Popen[str]], None]
) -> tuple[int, str]:
    """Acts when the last shard is being written."""
    child = subprocess.Popen(
        command(folder, force, "--verify"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while child.poll() is None and len(list(folder.glob(".brine-*.part"))) < 3:
        time.sleep(0.0005)
    act(child)
    _, error = child.communicate()
    return child.returncode, error


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal(number: signal.Signals, force: bool, tmp_path: Path) -> None:
    folder = source(tmp_path / "m", LARGE)
    before = older(folder, force)
    status, _ = while_it_writes(folder, force, lambda child: child.send_signal(number))
    assert status == 130
    assert contents(folder) == before


def test_a_kill_leaves_no_name(tmp_path: Path) -> None:
    folder = source(tmp_path / "m", LARGE)
    while_it_writes(folder, False, lambda child: child.kill())
    assert all(name.startswith(".brine-") for name in contents(folder))


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", [NEW_INDEX, new_shard(2, 3)])
def test_a_rival(name: str, force: bool, tmp_path: Path) -> None:
    """Something else takes one of the names meanwhile: a file, or what --force does not replace."""
    folder = source(tmp_path / "m", LARGE)
    before = older(folder, force)

    def rival(_: Any) -> None:
        if force:
            (folder / name).unlink()
            (folder / name).mkdir()
        else:
            (folder / name).write_bytes(b"the rival's")

    status, error = while_it_writes(folder, force, rival)
    assert status == 2
    assert "no plain file" in error if force else "already" in error
    if force:
        (folder / name).rmdir()
        del before[name]
    else:
        before[name] = b"the rival's"
    assert contents(folder) == before


def test_many_shards(tmp_path: Path) -> None:
    folder = source(tmp_path / "m", 10, 130)
    assert subprocess.run(command(folder, False), capture_output=True).returncode == 0
    assert set(contents(folder)) == {NEW_INDEX, *(new_shard(i, 130) for i in range(1, 131))}
