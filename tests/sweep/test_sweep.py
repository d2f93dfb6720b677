"""A fixed sample of the sweep; tests/sweep/run.py is the whole of it."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.sweep import names, run  # noqa: E402

TOPS = {
    "stdlib": names.standard_library(),
    "numpy": ["numpy"],
    "libraries": ["joblib", "dill", "cloudpickle", "pandas.core", "sklearn.utils", "torch.utils"],
}
SAMPLE = 600


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run.blind_brine(tmp_path_factory.mktemp("blind"))


@pytest.mark.parametrize("group", sorted(TOPS))
def test_no_callable_is_clean_without_a_fact(blind: Path, group: str) -> None:
    found = run.find_names(TOPS[group])
    assert len(found) > 1000
    known = run.known_names()
    sample = random.Random(11).sample(found, SAMPLE)
    total, clean = run.clean_streams(blind, sample)
    assert total == 11 * SAMPLE
    assert [row for row in clean if f"{row[0]}:{row[1]}" not in known] == []


def test_the_sweep_sees_what_is_clean(blind: Path) -> None:
    total, clean = run.clean_streams(blind, [("builtins", "bytearray"), ("os", "system")])
    assert total == 22
    assert {row[:2] for row in clean} == {("builtins", "bytearray")}
