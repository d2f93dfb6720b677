"""Whole modules of PyTorch, as torch.save(model) writes them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from tests.honest.people.shared import kept, marked, small_net, trained
from tests.honest.writers import File, Make, possible


def module_files() -> Iterator[File]:
    """Whole modules, with torch.save(model)."""
    import torch
    from torch import nn
    from torch.ao import quantization
    from torch.nn.utils import parametrizations, parametrize, prune

    def block(inside: int, outside: int) -> Any:
        return nn.ModuleDict(
            {
                "conv1": nn.Conv2d(inside, outside, 3, 2, 1, bias=False),
                "bn1": nn.BatchNorm2d(outside),
                "relu": nn.ReLU(inplace=True),
                "conv2": nn.Conv2d(outside, outside, 3, groups=2),
                "down": nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(inside, outside, 1)),
                "drop": nn.Dropout2d(0.1),
            }
        )

    def unet() -> Any:
        return nn.ModuleDict(
            {
                "down": nn.ModuleList([block(2, 4), block(4, 8)]),
                "up": nn.ModuleList(
                    [
                        nn.ConvTranspose2d(8, 4, 2, 2),
                        nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
                    ]
                ),
                "attention": nn.MultiheadAttention(8, 2, batch_first=True, dropout=0.1),
                "out": nn.Sequential(
                    nn.GroupNorm(2, 4), nn.SiLU(), nn.Conv2d(4, 1, 1), nn.Sigmoid()
                ),
            }
        )

    def pruned() -> Any:
        net = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2))
        prune.random_unstructured(net[0], "weight", 0.3)
        prune.ln_structured(net[1], "weight", 0.5, n=2, dim=0)
        prune.global_unstructured([(net[0], "bias")], prune.L1Unstructured, amount=1)
        return net

    def statically() -> Any:
        net = nn.Sequential(
            quantization.QuantStub(), nn.Conv2d(1, 2, 3), nn.ReLU(), quantization.DeQuantStub()
        ).eval()
        net.qconfig = quantization.get_default_qconfig("x86")
        quantization.fuse_modules(net, [["1", "2"]], inplace=True)
        ready = quantization.prepare(net)
        ready(torch.randn(1, 1, 6, 6))
        return quantization.convert(ready)

    def aware() -> Any:
        net = nn.Sequential(nn.Linear(4, 4), nn.ReLU()).train()
        net.qconfig = quantization.get_default_qat_qconfig("x86")
        return quantization.prepare_qat(net).state_dict()

    def hooked() -> Any:
        net = small_net()
        net.conv.register_forward_pre_hook(nn.utils.clip_grad_norm_)
        net.head.weight.register_hook(torch.relu)
        net.register_buffer("step", torch.tensor(0), persistent=False)
        return net

    def initialised() -> Any:
        net = small_net()
        net.apply(lambda m: nn.init.ones_(m.weight) if hasattr(m, "weight") else None)
        net.class_names = ["a", "b"]
        net.conv.weight.requires_grad_(False)
        return net

    def parametrized() -> Any:
        layer = nn.Linear(3, 3)
        parametrize.register_parametrization(layer, "weight", nn.Softplus())
        return layer.parametrizations.state_dict()

    things: dict[str, Make] = {
        "blocks": lambda: nn.Sequential(
            nn.Conv2d(1, 2, 7, padding=3, padding_mode="reflect"),
            nn.MaxPool2d(2, return_indices=True),
            nn.PReLU(),
            nn.ELU(),
        ),
        "unet": unet,
        "transformer": lambda: nn.Transformer(8, 2, 1, 1, 8, batch_first=True, norm_first=True),
        "encoder": lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(8, 2, 16, activation="gelu"), 2, norm=nn.LayerNorm(8)
        ),
        "encoder_function": lambda: nn.TransformerEncoderLayer(
            8, 2, 16, activation=nn.functional.leaky_relu
        ),
        "decoder": lambda: nn.TransformerDecoderLayer(8, 2, 16, activation=nn.functional.silu),
        "lstm": lambda: nn.ModuleDict(
            {
                "emb": nn.Embedding(20, 4, padding_idx=0),
                "lstm": nn.LSTM(4, 6, 2, dropout=0.2, bidirectional=True, batch_first=True),
                "drop": nn.Dropout(0.5),
                "fc": nn.Linear(12, 2),
            }
        ),
        "cells": lambda: nn.ModuleList(
            [
                nn.LSTMCell(2, 3),
                nn.GRUCell(2, 3),
                nn.RNN(2, 3, nonlinearity="relu"),
                nn.RNNCell(2, 3),
            ]
        ),
        "weight_norm": lambda: nn.utils.weight_norm(nn.Conv1d(2, 3, 3)),
        "weight_norm_new": lambda: parametrizations.weight_norm(nn.Conv1d(2, 3, 3)).state_dict(),
        "spectral": lambda: nn.Sequential(nn.utils.spectral_norm(nn.Conv2d(1, 2, 3)), nn.Tanh()),
        "parametrized": parametrized,
        "pruned": pruned,
        "pruned_custom": lambda: prune.custom_from_mask(
            nn.Linear(3, 2), "weight", torch.ones(2, 3)
        ),
        "dynamic": lambda: quantization.quantize_dynamic(
            nn.Sequential(nn.LSTM(3, 4), nn.Linear(4, 2)), {nn.Linear, nn.LSTM}, dtype=torch.qint8
        ),
        "dynamic_half": lambda: quantization.quantize_dynamic(
            nn.Sequential(nn.Linear(4, 2)), dtype=torch.float16
        ),
        "static": statically,
        "aware": aware,
        "parallel": lambda: nn.DataParallel(small_net()),
        "hooked": hooked,
        "initialised": initialised,
        "half": lambda: small_net().half().eval(),
        "channels_last": lambda: small_net().to(memory_format=torch.channels_last),
        "lists": lambda: nn.ParameterDict(
            {"a": nn.ParameterList([torch.ones(1)]), "b": torch.zeros(2)}
        ),
        "attention": lambda: nn.MultiheadAttention(8, 2, kdim=4, vdim=4, add_bias_kv=True),
        "autoencoder": lambda: nn.Sequential(
            nn.Flatten(),
            nn.Linear(16, 4),
            nn.Softplus(),
            nn.Linear(4, 16),
            nn.Unflatten(1, (1, 4, 4)),
        ),
        "vision": lambda: nn.Sequential(
            nn.Conv2d(3, 6, 1),
            nn.PixelShuffle(1),
            nn.Hardswish(),
            nn.LocalResponseNorm(2),
            nn.InstanceNorm2d(6, affine=True),
            nn.ZeroPad2d((1, 0, 1, 0)),
            nn.ReflectionPad2d(1),
            nn.ReplicationPad2d(1),
            nn.ChannelShuffle(2),
            nn.ReLU6(),
        ),
        "audio": lambda: nn.Sequential(
            nn.Conv1d(1, 4, 5, dilation=2),
            nn.GLU(1),
            nn.Mish(),
            nn.ConvTranspose1d(2, 1, 4, 2),
            nn.AvgPool1d(2),
            nn.AdaptiveMaxPool1d(4),
            nn.LogSoftmax(-1),
        ),
        "volume": lambda: nn.Sequential(
            nn.Conv3d(1, 2, 3),
            nn.BatchNorm3d(2),
            nn.MaxPool3d(2),
            nn.ConvTranspose3d(2, 1, 2),
            nn.SyncBatchNorm(1),
        ),
        "tabular": lambda: nn.ModuleDict(
            {
                "embeds": nn.ModuleList([nn.Embedding(4, 2), nn.EmbeddingBag(4, 2, mode="max")]),
                "bn": nn.BatchNorm1d(4),
                "lins": nn.Sequential(nn.Linear(4, 2), nn.SELU()),
                "sig": nn.Hardtanh(0, 5),
                "bil": nn.Bilinear(2, 2, 1),
            }
        ),
        "norms": lambda: nn.ModuleList(
            [
                nn.RMSNorm(4),
                nn.LayerNorm([2, 4]),
                nn.Identity(),
                nn.Threshold(0.1, 0),
                nn.Softshrink(),
                nn.Softmax2d(),
                nn.CosineSimilarity(),
                nn.PairwiseDistance(),
                nn.Fold((4, 4), 2),
                nn.Unfold(2),
                nn.AlphaDropout(0.2),
                nn.FractionalMaxPool2d(2, output_size=3),
                nn.RReLU(),
                nn.GELU("tanh"),
                nn.CELU(),
                nn.LogSigmoid(),
            ]
        ),
        "losses": lambda: nn.ModuleList(
            [
                nn.BCEWithLogitsLoss(pos_weight=torch.tensor([2.0])),
                nn.SmoothL1Loss(beta=0.1),
                nn.KLDivLoss(reduction="batchmean"),
                nn.CTCLoss(zero_infinity=True),
                nn.HuberLoss(),
                nn.MarginRankingLoss(0.3),
                nn.CosineEmbeddingLoss(),
                nn.NLLLoss(ignore_index=0),
                nn.GaussianNLLLoss(),
                nn.PoissonNLLLoss(),
                nn.MultiLabelSoftMarginLoss(),
                nn.TripletMarginWithDistanceLoss(distance_function=nn.functional.pairwise_distance),
                nn.AdaptiveLogSoftmaxWithLoss(4, 10, [3, 6]),
            ]
        ),
        "registry": lambda: {
            "relu": nn.ReLU,
            "gelu": nn.functional.gelu,
            "tanh": torch.tanh,
            "init": nn.init.xavier_uniform_,
            "norm": functools.partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01),
            "loss": nn.functional.mse_loss,
            "opt": torch.optim.AdamW,
            "cat": torch.cat,
            "sched": torch.optim.lr_scheduler.StepLR,
            "soft": torch.softmax,
        },
        "bert_like": lambda: nn.ModuleDict(
            {
                "word": nn.Embedding(30, 8),
                "pos": nn.Embedding(16, 8),
                "ln": nn.LayerNorm(8, 1e-12),
                "layers": nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 16) for _ in range(2)]),
                "pool": nn.Linear(8, 8),
                "cls": nn.Linear(8, 2),
            }
        ),
        "shared": lambda: (lambda e: nn.ModuleList([e, nn.Sequential(e, e)]))(nn.Linear(2, 2)),
        "lazy": lambda: nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d()),
        "sparse_embedding": lambda: nn.Embedding(10, 2, sparse=True, max_norm=1.0),
        "cosine_schedule": lambda: nn.CircularPad2d(1),
        "scripted_name": lambda: marked(small_net(), "cfg", {"depth": 18}),
        "frozen_bn": lambda: nn.Sequential(nn.BatchNorm2d(2, affine=False), nn.Dropout3d()).eval(),
    }
    yield from possible(things, trained)
    yield from possible(
        {f"pickled_{name}": things[name] for name in ("unet", "lstm", "losses", "blocks")}, kept
    )
