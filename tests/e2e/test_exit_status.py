"""Exit statuses: every combination of verdicts, levels and errors that DESIGN promises."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from tests.e2e.program import NAMES, Brine

ORDER = ["clean", "unrecognized", "incomplete", "suspicious", "malicious"]
LEVELS = ["malicious", "suspicious", "incomplete", "unrecognized"]
Place = Callable[..., list[str]]


def expected(verdicts: tuple[str, ...], level: str, error: bool) -> int:
    if any(ORDER.index(verdict) >= ORDER.index(level) for verdict in verdicts):
        return 1
    return 2 if error or "incomplete" in verdicts else 0


COMBINATIONS = [
    combination for count in range(1, 4) for combination in itertools.combinations(ORDER, count)
]


@pytest.mark.parametrize("verdicts", COMBINATIONS, ids="-".join)
def test_every_combination(verdicts: tuple[str, ...], brine: Brine, place: Place) -> None:
    names = place(*verdicts)
    for level in LEVELS:
        run = brine("scan", "--fail-on", level, *names)
        assert run.status == expected(verdicts, level, error=False), (level, run)
    assert brine("scan", *names).status == expected(verdicts, "suspicious", error=False)


@pytest.mark.parametrize("verdict", ORDER)
def test_each_verdict_is_what_the_tests_take_it_for(
    verdict: str, brine: Brine, place: Place
) -> None:
    report = brine("scan", "--format", "json", *place(verdict)).json()
    assert report["files"][0]["verdict"] == verdict


@pytest.mark.parametrize("verdict", ORDER)
def test_a_missing_path_is_an_error(verdict: str, brine: Brine, place: Place) -> None:
    # A path that is not there counts as incomplete.
    run = brine("scan", *place(verdict), "missing.pt")
    assert run.status == expected((verdict,), "suspicious", error=True)
    assert "brine: missing.pt: cannot read: no such file" in run.err
    assert brine("scan", "--fail-on", "incomplete", "missing.pt").status == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["scan"], "nothing to scan"),
        (["scan", "--fail-no", "malicious", "x"], "did you mean --fail-on?"),
        (["scan", "--fail-on", "malicous", "x"], "did you mean malicious?"),
        (["scan", "--fail-on", "clean", "x"], "one of unrecognized, incomplete"),
        (["scan", "--format", "jsn", "x"], "did you mean json?"),
        (["scan", "--limits", "stack_entris=3", "x"], "did you mean stack_entries?"),
        (["scan", "--limits", "stack_entries=three", "x"], "wants a whole number"),
        (["scan", "--limits", "stack_entries", "x"], "wants NAME=VALUE"),
        (["scan", "--limits", "stack_entries=99999999999G", "x"], "wants a whole number"),
        (["scan", "--jobs", "0", "x"], "wants a number from 1"),
        (["scan", "--jobs"], "wants N"),
        (["scan", "--quiet=yes", "x"], "takes no value"),
        (["scan", "--trust", "*", "x"], "--trust *"),
        (["scan", "--policy", "missing.toml", "x"], "missing.toml"),
        (["scam", "x"], "did you mean scan?"),
        (["--verison"], "unknown option"),
        (["explain"], "name a file"),
        (["explain", "missing.pkl"], "missing.pkl: cannot read: no such file"),
        (["inspect", "missing.pkl"], "missing.pkl: cannot read: no such file"),
        (["inspect", "--world", "opaqe", "x"], "did you mean opaque?"),
        (["help", "BRN999999"], "no such page"),
        (["help", "verdict"], "did you mean verdicts?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_mistakes_are_told_and_are_status_2(words: list[str], says: str, brine: Brine) -> None:
    run = brine(*words)
    assert run.status == 2
    assert says in run.err
    assert run.err.startswith("brine: ")
    assert run.out == "" or words[0] == "inspect"


def test_explain_inspect_facts_and_help_print_and_are_status_0(brine: Brine, place: Place) -> None:
    for name in place(*NAMES):
        assert brine("explain", name).status == 0, name
        assert brine("inspect", name).status == 0, name
        assert brine("inspect", "--format", "json", name).status == 0, name
    for words in (["facts", "os.system"], ["help"], [], ["--help"], ["--version"]):
        run = brine(*words)
        assert run.status == 0, words
        assert run.out, words
