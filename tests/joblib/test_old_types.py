"""Element types as NumPy before 1.2 stored them: any flag in their state means objects.

joblib unpickles an array of objects and copies one of numbers, so that the version of a type's
state decides whether the bytes behind it run.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path

import joblib
import numpy as np
import pytest

from tests.e2e.program import verdict_of
from tests.facts.values import Call, Name, wrapped

HARMLESS = b"\x80\x04cmath\nsqrt\nG" + struct.pack(">d", 16.0) + b"\x85R."
PROCESS = b"\x80\x04cposix\nsystem\nX\x04\x00\x00\x00true\x85R."


def stored(version: int, flags: int, behind: bytes) -> bytes:
    """A file of joblib's: an array of bytes with this state of its type, and the bytes."""
    state = (version, "|", None, None, None, -1, -1, flags)
    element = Call(Name("numpy", "dtype"), ("u1", False, True), state)
    return wrapped(element, len(behind), behind)


OBJECTS = [(version, flags) for version in (1, 2) for flags in (8, 16, 128)] + [(3, 1), (4, 9)]
NUMBERS = [(1, 0), (2, 0), (3, 0), (3, 8), (4, 16)]


@pytest.mark.parametrize("state", OBJECTS)
def test_objects(state: tuple[int, int], tmp_path: Path) -> None:
    # What the bytes give takes the array's place, and joblib asks for its element type.
    with pytest.raises(AttributeError, match="'float' object has no attribute 'dtype'"):
        joblib.load(io.BytesIO(stored(*state, HARMLESS)))
    assert verdict_of(tmp_path, stored(*state, PROCESS), "model.joblib") == "malicious"


@pytest.mark.parametrize("state", NUMBERS)
def test_numbers(state: tuple[int, int], tmp_path: Path) -> None:
    loaded = joblib.load(io.BytesIO(stored(*state, HARMLESS)))
    assert np.array_equal(loaded, np.frombuffer(HARMLESS, "u1"))
    assert verdict_of(tmp_path, stored(*state, bytes(16)), "model.joblib") == "clean"


def test_a_type_that_nobody_can_tell(tmp_path: Path) -> None:
    assert verdict_of(tmp_path, stored(0, 8, PROCESS), "model.joblib") == "malicious"
