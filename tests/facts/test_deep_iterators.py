"""Iterators in iterators in iterators: they die one in the other, on the stack of the process.

CPython's iterators release what they hold without its protection against deep nesting
(Modules/itertoolsmodule.c, Objects/enumobject.c), so that a file of a megabyte ends its loader.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.program import verdict, verdict_of
from tests.facts.values import Call, Name, stream

DEEP = 1_500_000
NAMES = (
    "itertools repeat",
    "builtins enumerate",
    "itertools cycle",
    "itertools chain",
    "builtins zip",
)


def nested(name: str, depth: int) -> bytes:
    cls = b"c" + name.replace(" ", "\n").encode() + b"\nq\0"
    innermost = b"cbuiltins\niter\n](K\1e\x85R"
    return b"\x80\x02" + cls + b"h\0" * depth + innermost + b"\x85R" * (depth + 1) + b"."


def small_stack() -> None:
    resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, resource.RLIM_INFINITY))


def test_depth_ends_the_loader(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(nested(NAMES[0], DEEP))
    loads = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))"
    run = subprocess.run(
        [sys.executable, "-c", loads, path],
        capture_output=True,
        preexec_fn=small_stack,
        check=False,
    )
    assert run.returncode < 0
    assert verdict(path) == "suspicious"


@pytest.mark.parametrize("name", NAMES)
def test_three_levels(name: str, tmp_path: Path) -> None:
    assert verdict_of(tmp_path, nested(name, 2)) == "suspicious"


@pytest.mark.parametrize(
    "value",
    [
        Call(Name("itertools", "repeat"), ([1, 2], 3)),
        Call(Name("builtins", "enumerate"), (Call(Name("builtins", "iter"), ([1, 2],)),)),
        Call(Name("builtins", "zip"), ([1], Call(Name("builtins", "enumerate"), ("ab", 1)))),
        Call(Name("itertools", "islice"), (Call(Name("itertools", "count"), (3,)), 5)),
        Call(Name("itertools", "cycle"), (Call(Name("builtins", "iter"), ([1, 2],)),)),
    ],
)
def test_shallow_ones(value: Call, tmp_path: Path) -> None:
    assert verdict_of(tmp_path, stream(value)) == "clean"
