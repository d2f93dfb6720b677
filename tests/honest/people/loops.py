"""Checkpoints of training loops that people wrote themselves."""

from __future__ import annotations

import argparse
import collections
import datetime
import functools
import random
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.honest.people.shared import marked, small_net, trained
from tests.honest.writers import File, Make, possible


def stepped(kind: Any, **options: Any) -> tuple[Any, Any]:
    """A net and its optimizer after a few steps."""
    import torch

    net = small_net()
    optimizer = kind(net.parameters(), **options)
    for _ in range(2):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(
            net(torch.randn(4, 1, 6, 6)), torch.tensor([0, 1, 2, 0])
        )
        loss.backward()
        optimizer.step(lambda loss=loss: loss)
    return net, optimizer


def loop_files() -> Iterator[File]:
    """Checkpoints of training loops that people wrote themselves."""
    import numpy as np
    import torch
    from torch import nn, optim

    schedule = optim.lr_scheduler
    optimizers: dict[str, dict[str, Any]] = {
        "SGD": {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": True},
        "Adam": {"lr": 3e-4, "betas": (0.5, 0.999)},
        "AdamW": {"lr": 1e-3, "amsgrad": True, "foreach": False},
        "Adamax": {"lr": 1e-3},
        "NAdam": {"lr": 1e-3},
        "RAdam": {"lr": 1e-3, "decoupled_weight_decay": True},
        "RMSprop": {"lr": 1e-3, "momentum": 0.9, "centered": True},
        "Adagrad": {"lr": 1e-2},
        "Adadelta": {},
        "ASGD": {"lr": 1e-3},
        "Rprop": {"lr": 1e-3},
        "LBFGS": {"lr": 0.1, "max_iter": 2},
        "Adafactor": {"lr": 1e-3},
    }
    schedulers: dict[str, Callable[[Any], Any]] = {
        "StepLR": lambda o: schedule.StepLR(o, 3),
        "MultiStepLR": lambda o: schedule.MultiStepLR(o, [30, 60, 60]),
        "CosineAnnealingLR": lambda o: schedule.CosineAnnealingLR(o, 10),
        "CosineAnnealingWarmRestarts": lambda o: schedule.CosineAnnealingWarmRestarts(o, 5, 2),
        "OneCycleLR": lambda o: schedule.OneCycleLR(o, 0.1, total_steps=20, cycle_momentum=False),
        "CyclicLR": lambda o: schedule.CyclicLR(o, 1e-4, 1e-2, cycle_momentum=False),
        "ReduceLROnPlateau": lambda o: schedule.ReduceLROnPlateau(o, "max", patience=2),
        "ExponentialLR": lambda o: schedule.ExponentialLR(o, 0.98),
        "LinearLR": lambda o: schedule.LinearLR(o),
        "PolynomialLR": lambda o: schedule.PolynomialLR(o, 5),
        "LambdaLR": lambda o: schedule.LambdaLR(o, functools.partial(pow, 0.95)),
        "SequentialLR": lambda o: schedule.SequentialLR(
            o, [schedule.LinearLR(o), schedule.CosineAnnealingLR(o, 5)], [2]
        ),
        "ChainedScheduler": lambda o: schedule.ChainedScheduler([schedule.ExponentialLR(o, 0.9)]),
        "SWALR": lambda o: optim.swa_utils.SWALR(o, 0.01),
    }

    def checkpoint(kind: str, plan: str, whole: bool) -> Any:
        net, optimizer = stepped(getattr(optim, kind), **optimizers[kind])
        scheduler = schedulers[plan](optimizer)
        out = {
            "epoch": 3,
            "arch": "small_net",
            "state_dict": net.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "best_acc1": torch.tensor(71.5),
        }
        if whole:
            out.update(model=net, optimizer=optimizer, scheduler=scheduler)
        return out

    plans = list(schedulers)
    things: dict[str, Make] = {
        f"{kind}_{plans[i % len(plans)]}": lambda kind=kind, i=i: checkpoint(
            kind, plans[i % len(plans)], False
        )
        for i, kind in enumerate(optimizers)
    }
    things.update(
        {
            f"whole_{plan}_{list(optimizers)[i * 5 % 13]}": lambda plan=plan, i=i: checkpoint(
                list(optimizers)[i * 5 % 13], plan, True
            )
            for i, plan in enumerate(plans)
        }
    )

    def arguments() -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        parser.add_argument("--lr", type=float, default=1e-3)
        parser.add_argument("--data", type=Path, default=Path("data/train"))
        parser.add_argument("--gpus", nargs="*", type=int, default=[0, 1])
        return parser.parse_args([])

    def everything() -> Any:
        net, optimizer = stepped(optim.AdamW, lr=1e-3)
        ema = optim.swa_utils.AveragedModel(net)
        history: dict[str, list[Any]] = collections.defaultdict(list)
        history["train_loss"] += [0.9, np.float32(0.7), torch.tensor(0.6)]
        return {
            "epoch": np.int64(7),
            "global_step": 1234,
            "model_state_dict": net.state_dict(),
            "ema_state_dict": ema.state_dict(),
            "optimizer_state_dict": optimizer.state_dict(),
            "scaler": torch.amp.GradScaler("cpu", enabled=False).state_dict(),
            "args": arguments(),
            "history": history,
            "best_metric": np.float64(0.913),
            "losses": collections.deque([0.5, 0.4], maxlen=100),
            "confusion": np.eye(3, dtype=int),
            "python_rng": random.getstate(),
            "numpy_rng": np.random.get_state(),  # noqa: NPY002
            "torch_rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state_all(),
            "date": datetime.datetime(2024, 5, 6, 7, 8, 9, 10),
            "out": Path("runs/exp1"),
            "git": "0fe31c2",
            "versions": {"torch": torch.__version__, "numpy": np.__version__},
            "class_to_idx": {"cat": 0, "dog": 1},
            "device": torch.device("cuda", 0),
            "dtype": torch.float16,
            "criterion": nn.CrossEntropyLoss(label_smoothing=0.1),
        }

    def ema_model() -> Any:
        return optim.swa_utils.AveragedModel(small_net(), use_buffers=True)

    def gan() -> Any:
        make = nn.Sequential(nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.Tanh())
        judge = nn.Sequential(nn.utils.spectral_norm(nn.Conv2d(4, 1, 3)), nn.LeakyReLU(0.2, True))
        return {
            "netG": make,
            "netD": judge.state_dict(),
            "fixed_noise": torch.randn(2, 8, 1, 1),
            "optG": optim.Adam(make.parameters(), betas=(0.5, 0.99)).state_dict(),
        }

    def with_gradients() -> Any:
        net, _ = stepped(optim.SGD, lr=0.1)
        return {name: (p, p.grad) for name, p in net.named_parameters()}

    def metered() -> Any:
        return {
            "meters": {"loss": types.SimpleNamespace(val=0.5, avg=0.6, sum=6.0, count=10)},
            "rank": 0,
            "config": {
                "lr": 1e-3,
                "milestones": (10, 20),
                "act": nn.SiLU,
                "init": nn.init.kaiming_normal_,
            },
        }

    def q_learning() -> Any:
        memory: collections.deque[Any] = collections.deque(maxlen=50)
        for i in range(6):
            memory.append((np.ones(4, "f4") * i, i % 2, float(i), np.zeros(4, "f4"), i == 5))
        return {"q": small_net().state_dict(), "memory": memory, "epsilon": 0.05, "steps": 6}

    def seq2seq() -> Any:
        encoder = nn.GRU(8, 8, bidirectional=True)
        return {
            "iteration": 4000,
            "en": encoder.state_dict(),
            "embedding": nn.Embedding(10, 8).state_dict(),
            "voc_dict": {"word2index": {"hi": 3}, "index2word": {0: "PAD", 3: "hi"}},
            "vocab": collections.Counter(["to", "be", "or", "not", "to", "be"]),
        }

    things.update(
        {
            "everything": everything,
            "ema_model": ema_model,
            "ema_function": lambda: optim.swa_utils.AveragedModel(
                small_net(), multi_avg_fn=optim.swa_utils.get_swa_multi_avg_fn()
            ),
            "gan": gan,
            "gradients": with_gradients,
            "metered": metered,
            "q_learning": q_learning,
            "seq2seq": seq2seq,
            "rng_state": lambda: {
                "python": random.getstate(),
                "numpy": np.random.get_state(),  # noqa: NPY002
                "cpu": torch.random.get_rng_state(),
                "generator": torch.Generator().manual_seed(1).get_state(),
            },
            "ddp_state": lambda: {f"module.{k}": v for k, v in small_net().state_dict().items()},
            "sharded": lambda: [small_net().state_dict() for _ in range(2)],
            "groups": lambda: (
                lambda n: optim.AdamW(
                    [
                        {"params": n.conv.parameters(), "lr": 1e-4, "name": "back"},
                        {"params": n.head.parameters()},
                    ]
                )
            )(small_net()),
            "metrics": lambda: {
                "acc": torch.tensor([0.5, 0.6]),
                "f1": np.array([0.1, 0.2]),
                "per_class": {0: 0.5, 1: torch.tensor(0.25)},
                "n": (3, 4),
            },
            "embeddings": lambda: {
                "ids": ["a", "b"],
                "features": torch.randn(2, 16).half(),
                "labels": torch.tensor([1, 0], dtype=torch.uint8),
            },
            "early_stopping": lambda: {
                "counter": 3,
                "best_score": -0.25,
                "early_stop": False,
                "val_loss_min": np.inf,
                "delta": 0,
                "trace_func": print,
            },
            "quantized_state": lambda: torch.ao.quantization.quantize_dynamic(
                nn.Sequential(nn.Linear(4, 4)), {nn.Linear}, dtype=torch.qint8
            ).state_dict(),
            "profile": lambda: {
                "flops": 1e9,
                "shapes": {k: v.shape for k, v in small_net().state_dict().items()},
                "size": torch.Size([1, 3, 224, 224]),
            },
            "latents": lambda: {
                "samples": torch.randn(1, 4, 8, 8).bfloat16(),
                "sigma": torch.tensor([0.1, 1.0], dtype=torch.float64),
                "noise": torch.randn(3, dtype=torch.complex64),
            },
            "kv_cache": lambda: tuple(
                (torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 4)) for _ in range(2)
            ),
            "detection": lambda: [
                {
                    "boxes": torch.rand(2, 4),
                    "labels": torch.tensor([1, 2]),
                    "scores": torch.rand(2),
                    "masks": torch.zeros(2, 4, 4) > 0,
                    "area": torch.rand(2),
                    "iscrowd": torch.zeros(2, dtype=torch.int64),
                }
            ],
            "tensors": lambda: {
                "grad": torch.ones(3, requires_grad=True),
                "strided": torch.arange(12).view(3, 4).t(),
                "slice": torch.arange(10)[2:8:2],
                "expand": torch.ones(1).expand(4),
                "coo": torch.sparse_coo_tensor([[0, 1], [1, 0]], [1.0, 2.0], (2, 2)),
                "csr": torch.eye(3).to_sparse_csr(),
                "csc": torch.eye(3).to_sparse_csc(),
                "bool": torch.tensor([True]),
                "i8": torch.tensor([1], dtype=torch.int8),
                "i16": torch.tensor([1], dtype=torch.int16),
                "f8": torch.ones(2).to(torch.float8_e4m3fn),
                "c128": torch.ones(2, dtype=torch.complex128),
                "conj": torch.ones(2, dtype=torch.complex64).conj(),
                "scalar": torch.tensor(3),
                "empty": torch.empty(0),
                "neg": torch.view_as_complex(torch.ones(2, 2)).conj().imag,
                "parameter": nn.Parameter(torch.ones(2), requires_grad=False),
                "buffer": nn.Buffer(torch.ones(2)) if hasattr(nn, "Buffer") else None,
            },
            "bsr": lambda: torch.eye(4).to_sparse_bsr((2, 2)),
            "nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
            "jagged": lambda: torch.nested.nested_tensor(
                [torch.ones(2, 1), torch.ones(3, 1)], layout=torch.jagged
            ),
            "u16": lambda: torch.tensor([1, 2]).to(torch.uint16),
            "per_channel": lambda: torch.quantize_per_channel(
                torch.randn(2, 3), torch.ones(2), torch.zeros(2), 0, torch.qint8
            ),
            "attribute": lambda: marked(torch.ones(2), "tag", "x"),
            "packed": lambda: nn.utils.rnn.pack_sequence([torch.ones(3), torch.ones(2)]),
            "storage": lambda: [torch.ones(3).untyped_storage(), torch.FloatTensor([1]).storage()],
            "finfo": lambda: {"generator": torch.Generator().manual_seed(3)},
            "big": lambda: {"w": torch.randn(64, 300), "b": torch.zeros(300)},
            "swag": lambda: {
                "mean": nn.utils.parameters_to_vector(small_net().parameters()),
                "pyro": collections.OrderedDict(a=torch.ones(1)),
            },
        }
    )
    yield from possible(things, trained)
