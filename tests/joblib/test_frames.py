"""joblib's arrays in odd places: what the real joblib.load calls is in our trace.

joblib itself never writes two arrays into one frame, a nested pickle in the middle of one, or bytes
behind a nested pickle's STOP; its reader reads them all the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import struct
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.numpy_pickle import NumpyArrayWrapper

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.containers.recorder import CALLED, install  # noqa: E402
from tests.containers.wrappers import mark  # noqa: E402

BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()


def wrapped(dtype: str, shape: tuple[int, ...], alignment: int | None = None) -> NumpyArrayWrapper:
    made = NumpyArrayWrapper(np.ndarray, shape, "C", np.dtype(dtype))
    made.numpy_array_alignment_bytes = alignment
    return made


def wrapper(dtype: str, shape: tuple[int, ...], alignment: int | None = None) -> bytes:
    """The opcodes that build an array's wrapper, without PROTO, FRAME and STOP."""
    whole = pickle.dumps(wrapped(dtype, shape, alignment), 4)
    assert whole[2] == 0x95
    return whole[11:-1]


def frame(body: bytes) -> bytes:
    return b"\x95" + struct.pack("<Q", len(body)) + body


PROTO = b"\x80\x04"
FLOATS, INTS, OBJECTS = wrapper("f8", (3,)), wrapper("i4", (2,)), wrapper("O", (1,))
RAW = b"\x01" * 24
INNER = PROTO + frame(b"]" + mark("inner") + b"a.")
M = mark("m")
CLASS = b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n"
STATE = pickle.dumps(vars(wrapped("f8", (3,))), 3)[2:-1] + b"b"
REST = STATE + RAW + b"0" + M + b"."
COPYREG = b"ccopyreg\n_reconstructor\n"

FILES = {
    "two arrays in a frame": PROTO + frame(FLOATS + b"0" + INTS + b"0" + M + b".") + RAW + b"2" * 8,
    "frames around arrays": PROTO + frame(FLOATS + b"0") + RAW + frame(M + b"."),
    "no frame behind": PROTO + frame(FLOATS + b"0") + RAW + M + b".",
    "opcodes in the raw bytes": PROTO + frame(FLOATS + b"0") + (M + RAW)[:24] + M + b".",
    "padding": PROTO
    + frame(wrapper("f8", (3,), 16))
    + b"\x05\xff\xff\xff\xff\xff"
    + RAW
    + M
    + b".",
    "objects in a frame": PROTO + frame(FLOATS + b"0" + OBJECTS + b"0" + M + b".") + RAW + INNER,
    "junk behind the inner STOP": PROTO
    + frame(OBJECTS + b"0")
    + PROTO
    + frame(b"]" + mark("inner") + b"a.JUNK")
    + M
    + b".",
    "an argument behind an array": PROTO + frame(FLOATS + b"0X") + RAW + b"\x01\0\0\0a0" + M + b".",
    "a negative shape": PROTO + frame(M + b"0" + wrapper("f8", (-1,)) + b".") + RAW,
    "too few bytes": PROTO + frame(M + b"0" + FLOATS + b".") + RAW[:5],
    "no bytes": PROTO + frame(wrapper("f8", (0, 5)) + b"0" + M + b"."),
    "a class from the memo": PROTO + CLASS + b"q\x700h\x70)\x81" + REST,
    "an object from the memo": PROTO + CLASS + b")\x81q\x700h\x70" + REST,
    "an object from a list": PROTO + b"]q\x71(" + (CLASS + b")\x81q\x70e0h\x70" + REST),
    "an object by a call": PROTO
    + CLASS
    + (b"(cnumpy\nndarray\nK\x03\x85\x8c\x01Ccnumpy\ndtype\n\x8c\x02f8\x85RtR" + REST),
    "an object by copyreg": PROTO + COPYREG + CLASS + (b"cbuiltins\nobject\nN\x87R" + REST),
    "an object by OBJ": PROTO
    + b"("
    + CLASS
    + (b"cnumpy\nndarray\nK\x03\x85\x8c\x01Ccnumpy\ndtype\n\x8c\x02f8\x85Ro" + REST),
    "more objects than are remembered": PROTO
    + CLASS
    + b"q\x700"
    + b"h\x70)\x810" * 65_600
    + (b"h\x70)\x81" + REST),
    "a second state": PROTO + frame(M + b"0" + FLOATS + b"}b.") + RAW,
}


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_joblib_calls_is_in_the_trace(tmp_path: Path, name: str) -> None:
    install()
    path = tmp_path / "model.joblib"
    path.write_bytes(FILES[name])
    CALLED.clear()
    with contextlib.suppress(Exception):
        joblib.load(path)
    called = set(CALLED)
    done = subprocess.run(
        [BRINE, "inspect", "--format", "json", path], capture_output=True, check=False
    )
    views = json.loads(done.stdout.splitlines()[0])["views"]
    traced = {
        word
        for view in views
        for event in view["events"]
        if event["kind"] == "call" and event["callable"] == "brine_mark.mark"
        for word in ("m", "inner")
        if f"'{word}'" in event["args"]
    }
    assert called
    assert called <= traced
