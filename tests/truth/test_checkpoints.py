"""Checkpoints of training, made by the real torch: clean, and not when they are changed."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributed import checkpoint

from tests.e2e.program import verdict


@pytest.fixture
def trained() -> tuple[torch.nn.Module, torch.optim.Optimizer, object]:
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    return model, optimizer, torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)


def test_leftovers_of_a_trainer(tmp_path: Path, trained: tuple) -> None:  # type: ignore[type-arg]
    model, optimizer, scheduler = trained
    torch.save(optimizer.state_dict(), tmp_path / "optimizer.pt")
    torch.save(scheduler.state_dict(), tmp_path / "scheduler.pt")
    states = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "cpu": torch.random.get_rng_state(),
    }
    torch.save(states, tmp_path / "rng_state.pth")
    lightning = {
        "epoch": 1,
        "pytorch-lightning_version": "2.2.0",
        "state_dict": model.state_dict(),
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [scheduler.state_dict()],
        "hyper_parameters": {"lr": 1e-3},
    }
    torch.save(lightning, tmp_path / "last.ckpt")
    for path in sorted(tmp_path.iterdir()):
        assert verdict(path) == "clean", path.name


def test_the_metadata_of_a_distributed_checkpoint(
    tmp_path: Path,
    trained: tuple,  # type: ignore[type-arg]
) -> None:
    model, optimizer, _ = trained
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = {"model": model.state_dict(), "optim": optimizer.state_dict(), "step": 5}
        checkpoint.save(state, checkpoint_id=tmp_path / "dcp")
    path = tmp_path / "dcp" / ".metadata"
    assert verdict(path) == "clean"
    data = path.read_bytes()
    changed = data.replace(b"TORCH_CONTIGUOUS_FORMAT", b"TORCH_CONTIGUOUS_FORMAL")
    path.write_bytes(changed)
    assert verdict(path) != "clean"
    path.write_bytes(data[:-1] + b"0cos\nsystem\n(S'true'\ntR.")
    assert verdict(path) == "malicious"
