"""What training leaves behind: checkpoints, schedulers, random states, distributions, data sets.

Written after the facts were frozen, as tables.py, others.py and python2.py are: their first run,
before anything was mended for it, stands in docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import collections
import datetime
import inspect
import pathlib
import random
from collections.abc import Iterator
from typing import Any

from tests.honest.writers import File, Make, few, possible, torch_files


def small_net() -> Any:
    """A network with a bit of everything."""
    from torch import nn

    return nn.Sequential(
        nn.Conv1d(1, 2, 3),
        nn.BatchNorm1d(2),
        nn.GELU(),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.LayerNorm(2),
        nn.Dropout(0.1),
        nn.Linear(2, 3),
    )


def stepped(optimizer_class: Any, net: Any, **options: Any) -> Any:
    """An optimizer with a state."""
    import torch

    optimizer = optimizer_class(net.parameters(), **options)
    net(torch.ones(2, 1, 8)).sum().backward()
    optimizer.step()
    return optimizer


SCHEDULER_ARGUMENTS: tuple[dict[str, Any], ...] = (
    {},
    {"step_size": 2},
    {"milestones": [1, 3]},
    {"gamma": 0.9},
    {"T_max": 4},
    {"T_0": 2},
    {"max_lr": 1.0, "total_steps": 9},
    {"base_lr": 0.01, "max_lr": 1.0, "cycle_momentum": False},
)


def scheduler_of(cls: Any, optimizer: Any) -> Any:
    """A scheduler with the first arguments that it takes."""
    for options in SCHEDULER_ARGUMENTS:
        try:
            return cls(optimizer, **options)
        except TypeError:
            continue
    raise TypeError(cls.__name__)


def schedulers() -> dict[str, Make]:
    """Each scheduler of torch over one optimizer."""
    from torch import optim

    out: dict[str, Make] = {}
    for name, cls in vars(optim.lr_scheduler).items():
        if inspect.isclass(cls) and issubclass(cls, optim.lr_scheduler.LRScheduler):

            def make(cls: Any = cls) -> Any:
                return scheduler_of(cls, stepped(optim.SGD, small_net(), lr=0.1, momentum=0.9))

            out[f"sched_{name}"] = make
            out[f"sched_{name}_state"] = lambda make=make: make().state_dict()
    return out


def random_states() -> dict[str, Any]:
    """As accelerate and the Trainer keep them."""
    import numpy as np
    import torch

    return {
        "step": 7,
        "random_state": random.getstate(),
        "numpy_random_seed": np.random.get_state(),  # noqa: NPY002
        "torch_manual_seed": torch.get_rng_state(),
        "torch_cuda_manual_seed": [torch.get_rng_state()],
    }


def lightning_checkpoint(optimizer: Any, scheduler: Any, net: Any) -> dict[str, Any]:
    """The layout of a .ckpt of (pytorch-)lightning."""
    import torch

    progress = {"total": {"ready": 3, "completed": 3}, "current": {"ready": 1, "completed": 1}}
    return {
        "epoch": 2,
        "global_step": 40,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": net.state_dict(),
        "loops": {
            "fit_loop": {
                "state_dict": {},
                "epoch_loop.state_dict": {"_batches_that_stepped": 40},
                "epoch_loop.batch_progress": {**progress, "is_last_batch": True},
                "epoch_loop.automatic_optimization.optim_progress": {
                    "optimizer": {"step": progress, "zero_grad": progress}
                },
            }
        },
        "callbacks": {
            "ModelCheckpoint{'monitor': 'val', 'mode': 'min', 'every_n_train_steps': 0}": {
                "monitor": "val",
                "best_model_score": torch.tensor(0.25),
                "best_model_path": "/runs/1/best.ckpt",
                "best_k_models": {"/runs/1/best.ckpt": torch.tensor(0.25)},
                "kth_value": torch.tensor(0.25),
                "last_model_path": "",
            },
            "EarlyStopping{'monitor': 'val', 'mode': 'min'}": {
                "wait_count": 0,
                "stopped_epoch": 0,
                "best_score": torch.tensor(0.25),
                "patience": 3,
            },
        },
        "optimizer_states": [optimizer.state_dict()],
        "lr_schedulers": [scheduler.state_dict()],
        "MixedPrecision": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 3},
        "hparams_name": "kwargs",
        "hyper_parameters": {
            "lr": 1e-3,
            "layers": [1, 2],
            "out": pathlib.PurePosixPath("runs"),
            "args": argparse.Namespace(seed=1, amp=True),
            "net": "small",
        },
    }


def training_files() -> Iterator[File]:
    """Optimizers with schedulers, checkpoints of frameworks, leftovers beside them."""
    import numpy as np
    import torch
    from torch import nn, optim

    yield from possible(schedulers(), torch_files)
    choices: dict[str, dict[str, Any]] = {
        "SGD": {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        "Adam": {"lr": 0.1, "amsgrad": True},
        "AdamW": {"lr": 0.1, "weight_decay": 0.1},
        "RMSprop": {"lr": 0.1, "centered": True},
        "Adagrad": {"lr": 0.1},
        "NAdam": {"lr": 0.1},
        "RAdam": {"lr": 0.1},
        "Rprop": {"lr": 0.1},
        "ASGD": {"lr": 0.1},
    }
    for name, options in choices.items():
        net = small_net()
        optimizer = stepped(getattr(optim, name), net, **options)
        scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, 5)
        things: dict[str, Make] = {
            f"lightning_{name}": lambda o=optimizer, s=scheduler, n=net: lightning_checkpoint(
                o, s, n
            ),
            f"resume_{name}": lambda o=optimizer, s=scheduler, n=net: {
                "model": n.state_dict(),
                "optimizer": o.state_dict(),
                "lr_scheduler": s.state_dict(),
                "scaler": torch.amp.GradScaler("cpu").state_dict(),
                "epoch": 4,
                **random_states(),
            },
            f"whole_{name}": lambda o=optimizer, s=scheduler, n=net: {
                "net": n,
                "optimizer": o,
                "scheduler": s,
                "history": collections.defaultdict(list),
            },
            f"optimizer_bin_{name}": optimizer.state_dict,
            f"scheduler_bin_{name}": scheduler.state_dict,
        }
        yield from possible(things, torch_files)
    yield from possible({"random_states_0": random_states}, few)
    leftovers: dict[str, Make] = {
        "rng_state": random_states,
        "yolo": lambda: {
            "epoch": -1,
            "best_fitness": np.float64(0.5),
            "model": small_net().half(),
            "ema": None,
            "updates": 3,
            "optimizer": None,
            "train_args": {"imgsz": 640},
            "train_metrics": {"fitness": np.float64(0.5)},
            "date": datetime.datetime(2024, 1, 2),
            "names": {0: "cat", 1: "dog"},
            "stride": torch.tensor([8.0, 16.0]),
        },
        "gan": lambda: {"g": small_net(), "d": small_net(), "step": 3, "z": torch.randn(2, 3)},
        "parallel": lambda: nn.DataParallel(small_net()),
        "module_prefix": lambda: {
            f"module.{key}": value for key, value in small_net().state_dict().items()
        },
        "ema": lambda: optim.swa_utils.AveragedModel(small_net()).state_dict(),
        "swa": lambda: optim.swa_utils.SWALR(optim.SGD(small_net().parameters(), 0.1), 0.01),
        "metrics": lambda: {"loss": [torch.tensor(1.0)], "acc": np.array([0.1, 0.2])},
        "embeddings": lambda: [torch.randn(3, 4), {"ids": ["a", "b", "c"]}],
        "textual_inversion": lambda: {"<concept>": torch.randn(8)},
        "lora": lambda: {f"layers.{i}.lora_A.weight": torch.randn(2, 4) for i in range(4)},
        "tokens": lambda: [torch.tensor([1, 2, 3]), torch.tensor([4])],
        "voice": lambda: {"spk": torch.randn(1, 8), "sr": 22050, "text": "hello"},
    }
    yield from possible({f"train_{key}": make for key, make in leftovers.items()}, torch_files)
    yield from possible(networks(), torch_files)


def networks() -> dict[str, Make]:
    """Networks with what is done to them before they are saved."""
    import torch
    from torch import nn
    from torch.nn.utils import parametrizations, parametrize, spectral_norm, weight_norm

    def hooked(wrap: Any) -> Any:
        layer = wrap(nn.Linear(3, 3))
        layer(torch.ones(1, 3))
        return layer

    out: dict[str, Make] = {
        "lists": lambda: nn.ModuleList([nn.Linear(1, 1), nn.ReLU()]),
        "dicts": lambda: nn.ModuleDict({"a": nn.Linear(1, 1), "b": nn.Identity()}),
        "parameters": lambda: nn.ParameterList([nn.Parameter(torch.ones(1))]),
        "parameter_dict": lambda: nn.ParameterDict({"a": nn.Parameter(torch.ones(1))}),
        "spectral": lambda: hooked(spectral_norm),
        "weight_norm": lambda: hooked(weight_norm).state_dict(),
        "orthogonal": lambda: hooked(parametrizations.orthogonal).state_dict(),
        "frozen": lambda: small_net().requires_grad_(False).eval(),
        "bfloat": lambda: small_net().bfloat16(),
        "double": lambda: small_net().double(),
        "gru": lambda: nn.GRU(3, 4, 2, bidirectional=True),
        "lstm_packed": lambda: nn.LSTM(3, 4, proj_size=2),
        "attention": lambda: nn.MultiheadAttention(4, 2),
        "decoder": lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8), 1),
        "full_transformer": lambda: nn.Transformer(4, 2, 1, 1, 8),
        "embedding_bag": lambda: nn.EmbeddingBag(5, 3, mode="sum"),
        "shared": lambda: (lambda e: nn.ModuleDict({"a": e, "b": e}))(nn.Embedding(4, 2)),
        "dynamic_int8": lambda: torch.ao.quantization.quantize_dynamic(
            nn.Sequential(nn.Linear(3, 3)), {nn.Linear}
        ),
        "qconfig": lambda: torch.ao.quantization.get_default_qconfig("x86"),
        "qat": lambda: torch.ao.quantization.QuantWrapper(nn.Linear(2, 2)),
        "observer": lambda: torch.ao.quantization.MinMaxObserver(),
        "fake_quantize": lambda: torch.ao.quantization.FakeQuantize(),
        "masked": lambda: torch.nn.utils.prune.random_unstructured(nn.Linear(3, 3), "weight", 0.5),
        "parametrized": lambda: parametrize.is_parametrized(nn.Linear(1, 1)),
        "buffers": lambda: nn.BatchNorm3d(2, track_running_stats=False),
        "padding": lambda: nn.Sequential(
            nn.ReflectionPad2d(1), nn.ZeroPad2d(1), nn.PixelShuffle(2)
        ),
        "losses": lambda: [
            nn.CrossEntropyLoss(torch.ones(3)),
            nn.BCEWithLogitsLoss(),
            nn.CTCLoss(),
        ],
    }
    return {f"net_{key}": make for key, make in out.items()}


def distribution_files() -> Iterator[File]:
    """Every distribution, transform, constraint and data set of torch."""
    import torch
    from torch import distributions
    from torch.distributions import transforms
    from torch.utils import data

    one, two = torch.tensor([0.5]), torch.tensor([1.5])
    tries: tuple[tuple[Any, ...], ...] = (
        (one, two),
        (one,),
        (torch.tensor([0.3, 0.7]),),
        (torch.eye(2)[0], torch.eye(2)),
        (3, one),
        (torch.tensor([2.0, 2.0]), torch.eye(2)),
        (2, one),
        (torch.tensor(3.0), torch.eye(2)),
    )

    def first_that_fits(cls: Any) -> Any:
        for arguments in tries:
            try:
                return cls(*arguments)
            except Exception:  # other numbers, then
                continue
        return cls()

    things: dict[str, Make] = {}
    for source in (distributions, transforms):
        for name in source.__all__:
            cls = getattr(source, name)
            if inspect.isclass(cls):
                things[f"dist_{name}"] = lambda cls=cls: first_that_fits(cls)
    normal = distributions.Normal(one, two)
    things |= {
        "dist_independent": lambda: distributions.Independent(normal, 1),
        "dist_mixture": lambda: distributions.MixtureSameFamily(
            distributions.Categorical(torch.ones(2)), distributions.Normal(torch.ones(2), 1.0)
        ),
        "dist_tanh": lambda: distributions.TransformedDistribution(
            normal, [transforms.TanhTransform(), transforms.AffineTransform(0.0, 2.0)]
        ),
        "data_subset": lambda: data.Subset(data.TensorDataset(torch.ones(4)), [0, 2]),
        "data_concat": lambda: data.ConcatDataset([data.TensorDataset(torch.ones(2))] * 2),
        "data_stack": lambda: data.StackDataset(torch.ones(2), torch.zeros(2)),
        "data_split": lambda: data.random_split(data.TensorDataset(torch.ones(4)), [2, 2]),
        "data_sampler": lambda: data.WeightedRandomSampler([0.1, 0.9], 2),
        "data_batches": lambda: data.BatchSampler(data.SequentialSampler(range(4)), 2, False),
        "data_loader": lambda: data.DataLoader(data.TensorDataset(torch.ones(4)), batch_size=2),
        "tensor_named": lambda: torch.ones(2, 3, names=("n", "c")),
        "tensor_meta": lambda: torch.ones(2, device="meta"),
        "tensor_complex": lambda: torch.view_as_complex(torch.ones(2, 2)),
        "tensor_conj": lambda: torch.ones(2, dtype=torch.complex64).conj(),
        "tensor_neg": lambda: torch.ones(2, dtype=torch.complex64).conj().imag,
        "tensor_nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        "tensor_qchannel": lambda: torch.quantize_per_channel(
            torch.ones(2, 2), torch.tensor([0.1, 0.2]), torch.tensor([0, 0]), 0, torch.qint8
        ),
        "tensor_csc": lambda: torch.eye(3).to_sparse_csc(),
        "tensor_bsr": lambda: torch.eye(4).to_sparse_bsr((2, 2)),
        "tensor_grad": lambda: (lambda p: (p.sum().backward(), p)[1])(
            torch.nn.Parameter(torch.ones(2))
        ),
        "tensor_expanded": lambda: torch.ones(1, 3).expand(4, 3),
        "tensor_channels_last": lambda: torch.ones(1, 2, 3, 3).to(
            memory_format=torch.channels_last
        ),
        "tensor_storage": lambda: torch.ones(3).untyped_storage(),
        "tensor_typed": lambda: torch.FloatStorage([1.0, 2.0]),
        "tensor_finfo": lambda: [torch.preserve_format, torch.strided, torch.per_tensor_affine],
        "return_type": lambda: torch.ones(2, 3).max(0),
        "sort_result": lambda: torch.ones(3).sort(),
    }
    yield from possible(things, torch_files)
