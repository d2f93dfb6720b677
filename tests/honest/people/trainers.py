"""What a Trainer of Lightning writes, and metrics."""

from __future__ import annotations

import argparse
import datetime
import logging
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.honest.people.shared import read_back, trained
from tests.honest.writers import File, Make, made, possible


def lightning_files() -> Iterator[File]:
    """Checkpoints that a real Trainer of Lightning has written, and torchmetrics."""
    import pytorch_lightning as pl
    import torch
    import torchmetrics
    from pytorch_lightning import callbacks
    from torch import nn

    class Lit(pl.LightningModule):
        """Is not itself in any checkpoint."""

        def __init__(self, kind: str = "Adam", **options: Any) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.net, self.kind = nn.Linear(3, 1), kind
            self.acc = torchmetrics.MeanSquaredError()

        def training_step(self, batch: Any, _: int) -> Any:
            loss = self.net(batch[0]).square().mean()
            self.log("loss", loss)
            return loss

        def validation_step(self, batch: Any, _: int) -> None:
            self.log("val", self.net(batch[0]).abs().mean())

        def configure_optimizers(self) -> Any:
            optimizer = getattr(torch.optim, self.kind)(self.parameters(), lr=0.01)
            plan = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plan, "monitor": "val"}}

    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)

    def run(kind: str, extra: list[Any], **options: Any) -> Callable[[str], None]:
        def fit(folder: str) -> None:
            rows = torch.utils.data.TensorDataset(torch.randn(8, 3))
            loader = torch.utils.data.DataLoader(rows, 4)
            best = callbacks.ModelCheckpoint(folder, monitor="val", save_last=True, save_top_k=2)
            trainer = pl.Trainer(
                max_epochs=2,
                callbacks=[best, *extra],
                logger=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                accelerator="cpu",
                default_root_dir=folder,
                log_every_n_steps=1,
            )
            trainer.fit(Lit(kind, **options), loader, loader)

        return fit

    def fitted(label: str, make: Any) -> Iterator[File]:
        with tempfile.TemporaryDirectory() as folder:
            made(lambda: make(folder))
            yield from read_back(Path(folder), label)

    runs: dict[str, Any] = {
        "adam": run("Adam", [callbacks.EarlyStopping("val")], lr=1e-3, layers=[4, 2]),
        "sgd": run(
            "SGD",
            [callbacks.Timer("00:00:10:00")],
            config=argparse.Namespace(lr=1, path=Path("a/b")),
            act=nn.ReLU,
        ),
        "swa": run(
            "AdamW",
            [callbacks.StochasticWeightAveraging(1e-2, 1)],
            vocab={"a": 1},
            net=nn.functional.relu,
            dates=[datetime.date(2023, 1, 1)],
        ),
    }
    yield from possible(runs, fitted)
    target = torch.tensor([0, 1, 1])
    metrics: dict[str, Make] = {
        "accuracy": lambda: (lambda m: (m.update(target, target), m)[1])(
            torchmetrics.Accuracy(task="multiclass", num_classes=3)
        ),
        "auroc": lambda: torchmetrics.AUROC(task="binary"),
        "collection": lambda: torchmetrics.MetricCollection(
            {
                "f1": torchmetrics.F1Score(task="binary"),
                "rmse": torchmetrics.MeanSquaredError(squared=False),
            },
            prefix="val_",
        ),
        "mean": lambda: torchmetrics.MeanMetric(),
        "confusion": lambda: torchmetrics.ConfusionMatrix(task="multiclass", num_classes=2),
        "psnr": lambda: torchmetrics.image.PeakSignalNoiseRatio(1.0),
        "bleu": lambda: torchmetrics.text.BLEUScore(),
        "tracker": lambda: torchmetrics.MetricTracker(torchmetrics.MeanAbsoluteError()),
    }
    yield from possible({f"metric_{n}": make for n, make in metrics.items()}, trained)
