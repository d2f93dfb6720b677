"""What is kept of data and of distributions for PyTorch."""

from __future__ import annotations

from collections.abc import Iterator

from tests.honest.people.shared import kept, trained
from tests.honest.writers import File, Make, possible


def data_files() -> Iterator[File]:
    """Data sets, loaders and samplers of torch; distributions."""
    import numpy as np
    import torch
    from torch import distributions as dist
    from torch.utils import data

    rows = data.TensorDataset(torch.randn(10, 3), torch.randint(0, 2, (10,)))
    one, two = torch.tensor(1.0), torch.tensor([0.5, 2.0])
    things: dict[str, Make] = {
        "tensors": lambda: rows,
        "split": lambda: data.random_split(rows, [0.7, 0.3], torch.Generator().manual_seed(0)),
        "train_val": lambda: {
            "train": data.Subset(rows, np.arange(6)),
            "val": data.Subset(rows, [6, 7]),
        },
        "loader": lambda: data.DataLoader(rows, 4, shuffle=True, drop_last=True),
        "loader_seeded": lambda: data.DataLoader(
            rows, sampler=data.SubsetRandomSampler([1, 2]), generator=torch.Generator()
        ),
        "loader_collate": lambda: data.DataLoader(rows, 2, collate_fn=data.default_collate),
        "weighted": lambda: data.WeightedRandomSampler(torch.rand(10).double(), 10),
        "distributed": lambda: data.DistributedSampler(rows, 2, 0),
        "batches": lambda: list(data.DataLoader(rows, 4)),
        "chained": lambda: data.ConcatDataset([rows, data.Subset(rows, [0])]),
        "named": lambda: data.StackDataset(x=torch.ones(2, 1), y=[1, 2]),
        "pipes": lambda: data.ChainDataset([]),
        "list": lambda: [(torch.randn(1, 4, 4), i) for i in range(3)],
        "dict": lambda: {
            "data": torch.randint(0, 255, (4, 8, 8), dtype=torch.uint8),
            "targets": torch.tensor([1, 2, 3, 4]),
            "classes": ["0 - zero", "1 - one"],
        },
        "mnist": lambda: (torch.zeros(5, 28, 28, dtype=torch.uint8), torch.arange(5)),
        "cifar": lambda: {
            b"data": np.zeros((2, 3072), "u1"),
            b"labels": [6, 9],
            b"batch_label": b"training batch 1 of 5",
            b"filenames": [b"a.png"],
        },
        "normal": lambda: dist.Normal(two, one),
        "categorical": lambda: [
            dist.Categorical(logits=two),
            dist.Bernoulli(0.3),
            dist.Multinomial(3, two),
            dist.OneHotCategorical(two),
        ],
        "gaussian": lambda: dist.MultivariateNormal(torch.zeros(2), torch.eye(2)),
        "prior": lambda: {
            "a": dist.Gamma(one, one),
            "b": dist.Beta(one, one),
            "c": dist.Dirichlet(two),
            "d": dist.LogNormal(0.0, 1.0),
            "e": dist.Uniform(0.0, 1.0),
            "f": dist.HalfCauchy(1.0),
            "g": dist.Laplace(0.0, 1.0),
            "h": dist.StudentT(3.0),
            "i": dist.VonMises(0.0, 1.0),
        },
        "flow": lambda: dist.TransformedDistribution(
            dist.Normal(0.0, 1.0),
            [dist.SigmoidTransform(), dist.AffineTransform(1.0, 2.0), dist.TanhTransform()],
        ),
        "mixture": lambda: dist.MixtureSameFamily(dist.Categorical(two), dist.Normal(two, two)),
        "independent": lambda: dist.Independent(dist.Normal(two, two), 1),
    }
    yield from possible(things, trained)
    yield from possible(
        {f"pickled_{name}": things[name] for name in ("batches", "mnist", "cifar", "list")}, kept
    )
