"""A fixed sample of the matrix of containers; `run.py` does as many as one likes."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.containers import matrix, run  # noqa: E402
from tests.containers.wrappers import WRAPPERS  # noqa: E402

FILES = 800
LOADERS = ("joblib.load", "numpy.load", "pandas.read_pickle", "pickle.load", "torch.load")


def test_what_loaders_reach_in_containers_is_in_the_trace(tmp_path: Path) -> None:
    recipes = matrix.write(tmp_path / "files", FILES, seed=20)
    problems, reached = run.compare(recipes, tmp_path)
    assert problems == []
    assert reached["any"] >= FILES * 2 // 5
    for loader in LOADERS:
        assert reached[loader] >= 50, loader


def test_every_pair_of_wrappers_is_in_the_matrix(tmp_path: Path) -> None:
    recipes = matrix.write(tmp_path / "files", FILES, seed=20)
    pairs = {tuple(recipe.wrappers) for recipe in recipes if len(recipe.wrappers) == 2}
    assert len(pairs) >= len(WRAPPERS) ** 2
