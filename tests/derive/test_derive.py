"""A fixed sample of the second derivation; tests/derive/run.py is the whole."""

from __future__ import annotations

import dataclasses
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.derive import run  # noqa: E402


def test_proven_facts_are_derived_again() -> None:
    rows = list(run.proven_facts())
    assert len(rows) > 4000
    random.Random(3).shuffle(rows)
    counts, wrong = run.derive(rows, 60)
    assert counts["derived again"] == 60
    assert [f"{row}: {problems}" for row, problems in wrong] == []


def test_a_wrong_fact_is_a_disagreement() -> None:
    by_name = {f"{row.module}.{row.name}": row for row in run.proven_facts()}
    row = by_name["sklearn.neighbors._regression.RadiusNeighborsRegressor"]
    wrong = {
        "another line": dataclasses.replace(row, lines=(1,)),
        "another file": dataclasses.replace(row, file="sklearn/base.py"),
        "a method that is not named": dataclasses.replace(row, places=(), more=False),
        "no hash": dataclasses.replace(row, facts={**row.facts, "hash": "none"}),
        "stores": dataclasses.replace(row, facts={**row.facts, "append": "any"}),
    }
    (live,) = run.ask([row], sys.executable)
    assert run.disagreements(row, live) == []
    for label, other in wrong.items():
        assert run.disagreements(other, live), label
