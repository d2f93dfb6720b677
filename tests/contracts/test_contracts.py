"""A fixed sample of the contract mutants; tests/contracts/run.py is the whole."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.contracts import grammar, make, run  # noqa: E402
from tests.contracts.driver import Request, verdicts  # noqa: E402
from tests.contracts.facts import Changeable, Facts  # noqa: E402

EVERY = 16


@pytest.fixture(scope="module")
def facts() -> Facts:
    return Facts()


def test_weakened_contracts_are_seen(facts: Facts, tmp_path: Path) -> None:
    every = list(facts.lines())
    assert len(every) > 5000
    lines = every[::EVERY] + [line for line in every if line.origin == "torch.toml"]
    mutants, bare = run.mutants_of(make.Maker(facts), list(dict.fromkeys(lines)))
    run.hunt(facts, mutants, tmp_path)
    counted = [mutant for mutant in mutants if not run.explained(mutant.line)]
    killed = [mutant for mutant in counted if mutant.killed_by]
    assert len(bare) < len(lines) / 10
    assert len(killed) > 0.85 * len(counted)
    assert [str(line) for line in run.unbitten(mutants) if not run.explained(line)] == []


def test_what_contracts_accept_is_clean(facts: Facts, tmp_path: Path) -> None:
    lines = [line for line in list(facts.lines())[::EVERY] if line.origin != "carried.toml"]
    refused = run.accepted(facts, lines, tmp_path)
    known = [line for line in refused if not run.explained(line)]
    assert [f"{line}: {refused[line]}" for line in known] == []


def test_a_contract_that_is_not_weakened_survives(facts: Facts, tmp_path: Path) -> None:
    line = next(line for line in facts.lines() if line.key == "decimal:Decimal")
    mutants, _ = run.mutants_of(make.Maker(facts), [line])
    same = [dataclasses.replace(mutant, source=line.source) for mutant in mutants]
    run.hunt(facts, same, tmp_path)
    assert len(same) > 2
    assert [mutant for mutant in same if mutant.killed_by] == []


def test_the_changed_word_is_put_back(facts: Facts, tmp_path: Path) -> None:
    block = Changeable(facts)
    word = block.word("(any*)")
    path = tmp_path / "facts.bin"
    block.write(path)
    name, data = make.file_of(make.call("decimal:Decimal", b"]"), False)
    real = Request(name, data)
    weak = Request(name, data, block.place("decimal:Decimal", "call"), word)
    assert [line[0] for line in verdicts(path, [real, weak, real])] == ["s", "c", "s"]


@pytest.mark.parametrize(
    "source", ['(int[0..2], "a" | b"b", x?)', 'attrs<"a", "b": list<int>>', "made<numpy.dtype, ()>"]
)
def test_contracts_are_read_and_written(source: str) -> None:
    tree = grammar.read(source.replace("x?", "str?"), {})
    text = grammar.spell(tree, {})
    assert grammar.spell(grammar.read(text, {}), {}) == text
    assert len(list(grammar.weakenings(tree, False))) >= 2
