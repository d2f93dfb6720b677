"""Arrays that something else has before they get their state.

BUILD frees an array's memory. Whoever was given the array before, and keeps a view of that memory,
reads what is no longer there (NumPy 2.4, array_setstate). No pickler fetches an array before its
state.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.contracts.make import (
    call,
    integer,
    octets,
    reference,
    text,
    tuple_of,
)
from tests.e2e.program import verdict_of

NUMBERS = call("numpy:dtype", text("f8"), b"\x89", b"\x88")
NUMBERS += tuple_of(integer(3), text("<"), *[b"N"] * 3, integer(-1), integer(-1), integer(0)) + b"b"
ONE = tuple_of(integer(1))
STATE = tuple_of(integer(1), ONE, NUMBERS, b"\x89", octets(bytes(8)))
OVER_BYTES = call("numpy._core.numeric:_frombuffer", octets(bytes(8)), NUMBERS, ONE, text("C"))
EMPTY = call(
    "numpy._core.multiarray:_reconstruct", reference("numpy:ndarray"), tuple_of(integer(0)),
    octets(b"b"),
)  # fmt: skip
GENERATOR = call("numpy.random._pickle:__randomstate_ctor", text("MT19937"))


def legacy_state(key: bytes) -> bytes:
    return tuple_of(text("MT19937"), key, integer(1), integer(0), b"G" + bytes(8))


STREAMS = {
    "an array over bytes, fetched": OVER_BYTES + b"q\x050h\x05" + STATE + b"b",
    "an empty array, fetched": EMPTY + b"q\x050h\x05" + STATE + b"b",
    "an array over bytes, copied": OVER_BYTES + b"2" + STATE + b"b\x86",
    "an empty array, as a generator's numbers": GENERATOR + legacy_state(EMPTY) + b"b",
}


@pytest.mark.parametrize("what", STREAMS)
def test_an_array_that_is_handed_on(what: str, tmp_path: Path) -> None:
    assert verdict_of(tmp_path, b"\x80\x04" + STREAMS[what] + b".") == "suspicious"


@pytest.mark.parametrize("array", [OVER_BYTES, EMPTY], ids=["over bytes", "empty"])
def test_an_array_that_gets_its_state_first(array: bytes, tmp_path: Path) -> None:
    stream = b"\x80\x04" + array + b"q\x05" + STATE + b"bh\x05\x86."
    assert verdict_of(tmp_path, stream) == "clean"
    first, second = pickle.loads(stream)
    assert first is second
    assert np.array_equal(first, np.zeros(1))
