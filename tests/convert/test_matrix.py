"""A fixed sample of the checkpoints, converted and compared with the real torch."""

from __future__ import annotations

from tests.convert.run import run
from tests.e2e.program import BRINE

SAMPLE = 9  # every ninth of 4,112


def test_what_is_exact_equals_what_the_loader_gives() -> None:
    result = run(BRINE, every=SAMPLE)
    assert result.files > 400
    assert not result.wrong
    exact = sum(cell["EXACT"] for cell in result.verdicts.values())
    assert exact > 0.9 * result.files
    named = [reason for reason in result.reasons if reason.endswith("REFUSED None")]
    assert not named


def test_what_is_still_exact_after_a_change_equals_it_too() -> None:
    result = run(BRINE, every=SAMPLE, seed=7, mutated=True)
    assert result.files > 400
    assert not result.wrong
    assert sum(cell["EXACT"] for cell in result.verdicts.values()) > 50
