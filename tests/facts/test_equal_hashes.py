"""Keys of one hash: that of an int is its remainder by 2^61 - 1, and keys alike are compared.

300,000 of them in a file of four megabytes keep a loader busy for hours. As many that differ, like
the numbers of uuid4(), are honest.
"""

from __future__ import annotations

import pickle
import random
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import verdict_of

MODULUS = 2**61 - 1
ALIKE = [5 + k * MODULUS for k in range(1, 9000)]


def numbers(bits: int) -> list[int]:
    source = random.Random(bits)
    return [source.getrandbits(bits) for _ in range(100_000)]


def test_they_are_alike() -> None:
    assert {hash(key) for key in ALIKE} == {5}


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("kind", [dict.fromkeys, set, frozenset])
@pytest.mark.parametrize("sign", [1, -1])
def test_keys_of_one_hash(protocol: int, kind: Any, sign: int, tmp_path: Path) -> None:
    keys = kind([sign * key for key in ALIKE])
    if protocol < 4 and kind is not dict.fromkeys:
        keys = {"made of a list": dict.fromkeys(keys)}
    assert verdict_of(tmp_path, pickle.dumps(keys, protocol)) == "incomplete"


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("bits", [61, 64, 128])
def test_keys_that_differ(protocol: int, bits: int, tmp_path: Path) -> None:
    assert verdict_of(tmp_path, pickle.dumps(dict.fromkeys(numbers(bits)), protocol)) == "clean"
