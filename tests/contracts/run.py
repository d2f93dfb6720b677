"""Contracts bite: each contract line is weakened, and a file must tell the difference.

    python tests/contracts/run.py [--every N] [--survivors]

For each contract of catalogue/inert/ and each part of it, the part becomes `any`, a range is
dropped, a forbidden name is allowed. A witness is a file whose call, state or store fits the
contract but for that part (make.py): the program must not call it clean, and the program with the
weakened contract must. A weakened contract that no witness tells from the real one survives. Lines
that take anything (`any`, `(any*)`) have nothing to weaken; their rows say why.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.contracts import grammar, make  # noqa: E402
from tests.contracts.driver import Request, verdicts  # noqa: E402
from tests.contracts.facts import Changeable, Facts, Line  # noqa: E402
from tests.contracts.grammar import Node  # noqa: E402

ARGUMENTS = ("call", "new", "setitem")
# An opcode puts things in by a list, so that these take whatever a file can give.
ANY_LIST = ("list<any> | tuple<any>", "tuple<any> | list<any>")
RANDOM_TRIES = 60
# Lines that no file tells from weakened ones, because something else holds the same.
EXPLAINED = {
    r"builtins:(int|str|bytes) new": "an evaluator computes it, and refuses what it cannot compute",
    r"(dill._dill:_load_type|cloudpickle.cloudpickle:_builtin_type) call": "a resolver: the type "
    "that the text names is judged by itself",
    r"io:BytesIO new": "a stream is followed by the bytes that it is made of, or refused",
    r"functools:partial (call|new)|types:MethodType call": "a resolver: without a callable there "
    "is nothing to keep",
    r"(sklearn.metrics._dist_metrics|hdbscan.dist_metrics):newObj call": "allocates: a class "
    "without facts is refused",
    r"joblib.numpy_pickle:NumpyArrayWrapper state": "joblib's reader follows the array behind it; "
    "what it cannot follow is incomplete",
    r"joblib.numpy_pickle_compat:Z?NDArrayWrapper state": "the array lies in a file beside, and no "
    "file alone is read to its end",
    r"pandas.core.internals.blocks:new_block call": "pandas' own loader reads the name as "
    "_unpickle_block, whose line holds the same",
    r"torch._tensor:_rebuild_from_type_v2 call": "a resolver: the function that it calls is judged "
    "with what it is given; tests/facts/test_own_methods.py has the files that tell",
    r"(builtins:bytearray|array:array) append": "the C unpickler puts things in by extend, whose "
    "line holds the same",
}
ROUNDS = (1, 3, 12, 200)  # witnesses tried of each mutant that is alive, round by round
# What to try first for a part.
FIRST = {
    "attrs": make.dict_of(make.text("__abuse__"), b"N"),
    "never": b"N",
    "hashable": make.UNHASHABLE,
    "attribute": make.text("__abuse__"),
    "dict": make.dict_of(make.text("abuse"), b"N"),
    "plain": make.call("builtins:object"),
    "(": make.tuple_of(*[b"N"] * 14),
}


@dataclass
class Mutant:
    """A contract line with one part weakened."""

    line: Line
    what: str
    source: str  # the contract then
    part: Node
    tree: Node
    word: int = 0
    witnesses: Iterator[tuple[str, bytes]] = field(default_factory=lambda: iter(()))
    tried: int = 0
    last: str = ""
    killed_by: tuple[str, bytes] | None = None


def witnesses(maker: make.Maker, mutant: Mutant) -> Iterator[tuple[str, bytes]]:
    """Files that fit the contract but for the part."""
    seen: set[bytes] = set()
    first = [FIRST[mutant.part.op]] if mutant.part.op in FIRST else []
    tries: list[make.Making] = [
        make.Making(target=mutant.part, abuse=abuse) for abuse in [*first, *make.ABUSES]
    ]
    if mutant.part.op in make.RELATIONS:
        tries = []
    for number in range(RANDOM_TRIES):
        chance = random.Random(number)
        target = None if mutant.part.op in make.RELATIONS else mutant.part
        tries.append(make.Making(target=target, abuse=chance.choice(make.ABUSES), chance=chance))
    for making in tries:
        try:
            opcodes = maker.stream(mutant.line.key, mutant.line.contract, mutant.tree, making)
        except make.ImpossibleError as error:
            mutant.last = str(error)
            continue
        if opcodes not in seen:
            seen.add(opcodes)
            yield make.file_of(opcodes, making.storage)


def mutants_of(maker: make.Maker, lines: list[Line]) -> tuple[list[Mutant], list[Line]]:
    """Every weakening of every line, and the lines that cannot be weakened."""
    out: list[Mutant] = []
    bare: list[Line] = []
    for line in lines:
        if line.contract == "extend" and line.source in ANY_LIST:
            bare.append(line)
            continue
        tree = grammar.read(line.source, maker.patterns)
        weak = grammar.weakenings(tree, line.contract in ARGUMENTS)
        found = [Mutant(line, what, source, part, tree) for what, source, part in weak]
        if not found:
            bare.append(line)
        out += found
    return out, bare


def hunt(facts: Facts, mutants: list[Mutant], scratch: Path) -> None:
    """Find a witness for each mutant."""
    maker = make.Maker(facts)
    block = Changeable(facts)
    for mutant in mutants:
        mutant.word = block.word(mutant.source)
        mutant.witnesses = witnesses(maker, mutant)
    path = scratch / "facts.bin"
    block.write(path)
    for count in ROUNDS:
        asked: list[tuple[Mutant, tuple[str, bytes]]] = []
        requests: list[Request] = []
        for mutant in mutants:
            if mutant.killed_by:
                continue
            for _, (name, data) in zip(range(count), mutant.witnesses, strict=False):
                offset = block.place(mutant.line.key, mutant.line.contract)
                asked.append((mutant, (name, data)))
                requests += [Request(name, data), Request(name, data, offset, mutant.word)]
        answers = verdicts(path, requests)
        for (mutant, witness), real, weak in zip(asked, answers[::2], answers[1::2], strict=True):
            mutant.tried += 1
            if weak[0] == "c" and real[0] != "c":
                mutant.killed_by = mutant.killed_by or witness
            else:
                mutant.last = f"real {real}; weakened {weak}"


def accepted(facts: Facts, lines: list[Line], scratch: Path) -> dict[Line, str]:
    """Lines for which no file fits that the program calls clean, and what it said of the best."""
    maker = make.Maker(facts)
    block = Changeable(facts)
    path = scratch / "accepted.bin"
    block.write(path)
    out = dict.fromkeys(lines, "nothing can be made")
    for number in (None, *range(12)):
        open_lines = list(out)
        asked: list[Line] = []
        requests: list[Request] = []
        for line in open_lines:
            making = make.Making(chance=None if number is None else random.Random(number))
            try:
                opcodes = maker.stream(line.key, line.contract, maker.tree(line.source), making)
            except make.ImpossibleError as error:
                out[line] = str(error)
                continue
            asked.append(line)
            requests.append(Request(*make.file_of(opcodes, making.storage)))
        for line, answer in zip(asked, verdicts(path, requests), strict=True):
            if answer[0] == "c":
                out.pop(line, None)
            else:
                out[line] = answer
    return out


def explained(line: Line) -> str:
    """Why no file tells a line from a weakened one; empty when nothing is known."""
    for pattern, why in EXPLAINED.items():
        if re.fullmatch(pattern, f"{line.key} {line.contract}"):
            return why
    return ""


def unbitten(mutants: list[Mutant]) -> list[Line]:
    """Lines of which no weakening was told from the real one."""
    told = {mutant.line for mutant in mutants if mutant.killed_by}
    return [line for line in dict.fromkeys(m.line for m in mutants) if line not in told]


def main() -> int:
    """Print counts, and what survived."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--every", type=int, default=1, help="only each N-th line")
    parser.add_argument("--origin", help="only lines of this file")
    parser.add_argument("--survivors", action="store_true", help="say more of each survivor")
    options = parser.parse_args()
    facts = Facts()
    lines = [line for line in facts.lines() if options.origin in (None, line.origin)]
    lines = lines[:: options.every]
    with tempfile.TemporaryDirectory() as folder:
        refused = accepted(facts, lines, Path(folder))
        mutants, bare = mutants_of(make.Maker(facts), lines)
        hunt(facts, mutants, Path(folder))
    weakened = {mutant.line for mutant in mutants}
    alive = [mutant for mutant in mutants if not mutant.killed_by]
    silent = unbitten(mutants)
    unknown = [line for line in silent if not explained(line)]
    print(f"contract lines             {len(lines):6}")
    print(f"  take anything            {len(bare):6}")
    print(f"  weakened                 {len(weakened):6}")
    print(f"  told from weakened       {len(weakened) - len(silent):6}")
    print(f"  not told, and explained  {len(silent) - len(unknown):6}")
    print(f"  not told                 {len(unknown):6}")
    print(f"  with a clean file        {len(lines) - len(refused):6}")
    print(f"weakenings of a part       {len(mutants):6}")
    print(f"  killed                   {len(mutants) - len(alive):6}")
    print(f"  survive                  {len(alive):6}")
    for line in silent:
        print(f"not told: {line}: {explained(line) or 'no reason is known'}")
    for line, why in refused.items():
        print(f"no clean file: {line}: {why}"[:200])
    for mutant in alive if options.survivors else ():
        more = f" ({mutant.tried} tried; {mutant.last})"[:160]
        print(f"survivor: {mutant.line}: {mutant.what}{more}")
    kinds = Counter(mutant.part.op for mutant in alive)
    if kinds:
        print("survivors by part:", dict(kinds))
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
