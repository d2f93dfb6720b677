"""What studies and experiments keep of how they were run."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.honest.people.shared import Pairs, kept, numbers, trained
from tests.honest.writers import File, possible


def study_files() -> Iterator[File]:
    """Searches of parameters, configurations, processes, records of experiments."""
    import numpy as np

    def studies() -> Pairs:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)

        def study(**options: Any) -> Any:
            out = optuna.create_study(**options)
            for i in range(3):
                trial = out.ask(
                    {
                        "lr": optuna.distributions.FloatDistribution(1e-5, 1, log=True),
                        "n": optuna.distributions.IntDistribution(1, 8),
                        "act": optuna.distributions.CategoricalDistribution(["a", "b"]),
                    }
                )
                if len(out.directions) == 1:
                    trial.report(0.5 + i, 1)
                out.tell(trial, [0.5 * i] * len(out.directions))
            return out

        yield "tpe", lambda: study(study_name="a", sampler=optuna.samplers.TPESampler(seed=1))
        yield "pruned", lambda: study(direction="maximize", pruner=optuna.pruners.HyperbandPruner())
        yield (
            "cma",
            lambda: study(
                sampler=optuna.samplers.RandomSampler(), pruner=optuna.pruners.MedianPruner(2)
            ),
        )
        yield (
            "multi",
            lambda: study(
                directions=["minimize", "maximize"], sampler=optuna.samplers.NSGAIISampler(seed=0)
            ),
        )
        yield "best", lambda: study(sampler=optuna.samplers.RandomSampler(1)).best_trial
        yield "params", lambda: study(sampler=optuna.samplers.RandomSampler(1)).best_params
        yield "table", lambda: study(sampler=optuna.samplers.RandomSampler(1)).trials_dataframe()

    def searches() -> Pairs:
        import skopt
        from sklearn.svm import SVC

        x, y = numbers()
        yield (
            "minimize",
            lambda: skopt.gp_minimize(
                np.linalg.norm, [(-1.0, 1.0)], n_calls=3, n_initial_points=2, random_state=1
            ),
        )
        yield (
            "forest",
            lambda: skopt.forest_minimize(
                np.linalg.norm, [(-1.0, 1.0)], n_calls=3, n_initial_points=2, random_state=1
            ),
        )
        yield (
            "bayes",
            lambda: skopt.BayesSearchCV(
                SVC(), {"C": (0.1, 1.0, "log-uniform")}, n_iter=2, cv=2, random_state=1
            ).fit(x, y),
        )
        yield (
            "space",
            lambda: skopt.Space(
                [skopt.space.Real(0, 1), skopt.space.Categorical(["a"]), skopt.space.Integer(1, 4)]
            ),
        )

    def configurations() -> Pairs:
        import yaml
        from omegaconf import OmegaConf

        yield (
            "omega",
            lambda: OmegaConf.create(
                {
                    "model": {"dim": 8, "act": "gelu"},
                    "steps": [1, 2],
                    "out": "${model.act}",
                    "none": None,
                }
            ),
        )
        yield (
            "omega_ckpt",
            lambda: {
                "cfg": OmegaConf.create({"lr": 0.1, "path": Path("a")}),
                "step": 3,
                "list": OmegaConf.create([1, "a"]),
            },
        )
        yield "yaml", lambda: yaml.safe_load("a: 1\nb: [2020-01-01, x]\nc: !!set {a, b}")

    def processes() -> Pairs:
        import gpytorch
        import pyro
        import torch

        points = torch.linspace(0, 1, 5)
        yield (
            "likelihood",
            lambda: gpytorch.likelihoods.GaussianLikelihood(
                noise_constraint=gpytorch.constraints.GreaterThan(1e-4)
            ),
        )
        yield (
            "kernel",
            lambda: gpytorch.kernels.ScaleKernel(
                gpytorch.kernels.MaternKernel(
                    1.5, ard_num_dims=2, lengthscale_prior=gpytorch.priors.GammaPrior(3.0, 6.0)
                )
            ),
        )
        yield "posterior", lambda: gpytorch.distributions.MultivariateNormal(points, torch.eye(5))
        yield "gp_state", lambda: gpytorch.kernels.RBFKernel().state_dict()
        yield (
            "pyro_store",
            lambda: (
                pyro.clear_param_store(),
                pyro.param("w", torch.ones(2), constraint=pyro.distributions.constraints.positive),
                pyro.get_param_store().get_state(),
            )[2],
        )
        yield "pyro_samples", lambda: {"mu": torch.randn(10), "sigma": torch.rand(10)}
        yield "pyro_dist", lambda: pyro.distributions.Normal(0.0, 1.0).expand([3]).to_event(1)
        yield "pyro_optim", lambda: pyro.optim.Adam({"lr": 0.01}).get_state()

    def records() -> Pairs:
        import attrs
        import networkx as nx
        import requests
        import rich.text
        import tqdm
        from packaging import version
        from pydantic import SecretStr
        from pydantic_core import Url

        yield "version", lambda: [version.Version("2.1.0+cu118"), version.parse("1.0rc1")]
        yield "response", lambda: requests.Response()
        yield "session", lambda: requests.Session()
        yield "headers", lambda: requests.structures.CaseInsensitiveDict({"A": "b"})
        yield "cookies", lambda: requests.cookies.cookiejar_from_dict({"a": "b"})
        yield "attrs", lambda: [attrs.validators.instance_of(int), attrs.converters.optional]
        yield "rich", lambda: rich.text.Text("done", style="bold")
        yield "bar", lambda: tqdm.tqdm
        yield "secret", lambda: [SecretStr("x"), Url("https://a.invalid/")]
        yield "tree", lambda: nx.random_labeled_tree(5, seed=1)

    def experiments() -> Pairs:
        import accelerate
        import huggingface_hub
        from PIL import Image

        yield (
            "kwargs",
            lambda: [
                accelerate.DistributedDataParallelKwargs(find_unused_parameters=True),
                accelerate.GradScalerKwargs(),
            ],
        )
        yield "plugin", lambda: accelerate.utils.GradientAccumulationPlugin(4)
        yield "card", lambda: huggingface_hub.ModelCardData(license="mit", tags=["a"])
        yield "thumbnails", lambda: {"img": Image.new("RGB", (3, 3)), "y": np.int64(1)}
        yield "step", lambda: {"time": 0, "mem": [1024, 2048], "p": math.inf}

    for part in (studies, searches, configurations, processes, records, experiments):
        try:
            things = {f"{part.__name__}_{n}": make for n, make in part()}
        except ImportError:  # not installed
            continue
        yield from possible(things, trained if part is processes else kept)
