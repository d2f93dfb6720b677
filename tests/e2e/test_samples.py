"""The committed samples are what their recipes write, and nothing else lies among them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NOT_SAMPLES = {"README.md", "recipes/make_samples.py"}


def recipes() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_samples", SAMPLES / "recipes" / "make_samples.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RECIPES: dict[str, Callable[[], bytes]] = recipes().SAMPLES


@pytest.mark.parametrize("path", sorted(RECIPES))
def test_sample_is_what_its_recipe_writes(path: str) -> None:
    assert (SAMPLES / path).read_bytes() == RECIPES[path]()


def test_no_sample_without_a_recipe() -> None:
    found = {
        str(path.relative_to(SAMPLES))
        for path in SAMPLES.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert found - NOT_SAMPLES == set(RECIPES)
