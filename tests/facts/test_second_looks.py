"""What is checked once and looked at again: by a second state, through an alias, behind a stream.

Each stream would run, or have ready, a call that a first look does not show; none of them may be
clean. Their honest neighbours are.
"""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from pickleasm import code  # noqa: E402

from tests.e2e.program import BRINE, verdict  # noqa: E402

text, octets = partial(code, "BINUNICODE"), partial(code, "BINBYTES")
name = partial(code, "GLOBAL")

EVIL = b"cos\nsystem\n(S'true'\ntR."
PLAIN = b"\x80\x02N."
LOADS, LOAD = name("pickle", "loads"), name("pickle", "load")
STREAM = name("io", "BytesIO") + octets(PLAIN) + b"\x85R"
# partial(max, EVIL, key=pickle.loads): called with anything, it loads EVIL.
PARTIAL = (
    name("functools", "partial")
    + name("builtins", "max")
    + b"\x85R("
    + name("builtins", "max")
    + octets(EVIL)
    + b"\x85}"
    + text("key")
    + LOADS
    + b"sNtb"
)
PRINT = name("builtins", "print")
POLYNOMIAL = name("numpy.polynomial.polynomial", "Polynomial") + b")\x81"
DROP = b"0N."

STREAMS = {
    "a stream with a state": b"\x80\x04"
    + LOAD
    + STREAM
    + b"("
    + octets(EVIL)
    + b"K\0Ntb\x85R"
    + DROP,
    "a stream that is none": b"\x80\x04"
    + LOAD
    + name("builtins", "ValueError")
    + octets(PLAIN)
    + b"\x85R}"
    + text("read")
    + PRINT
    + b"s"
    + text("readline")
    + PRINT
    + b"sb\x85R"
    + DROP,
    "a bytearray that was changed": b"\x80\x05"
    + LOADS
    + (b"\x96" + struct.pack("<Q", len(EVIL) + 3) + b"\x8c" + bytes([len(EVIL)]) + EVIL + b".")
    + (b"K\0K\x4es" + b"K\x01K\x30s" + b"\x85R" + DROP),
    "a bytearray changed through the memo": b"\x80\x05"
    + (b"\x96" + struct.pack("<Q", 3) + b"N.." + b"\x940")
    + LOADS
    + b"h\0K\0K\x29s0h\0\x85R"
    + DROP,
    "a partial that keeps a loader": b"\x80\x04" + PARTIAL + b".",
    "a partial that is dropped": b"\x80\x04" + PARTIAL + DROP,
    "a second state": b"\x80\x04" + POLYNOMIAL + b"}b}b.",
    "a state that is changed later": b"\x80\x04"
    + POLYNOMIAL
    + b"}\x94bh\0"
    + text("__setstate__")
    + PRINT
    + b"s0"
    + name("collections", "OrderedDict")
    + b")R0.",
    "a list of the state that is changed later": b"\x80\x04"
    + name("torch.optim.adam", "Adam")
    + b")\x81}("
    + (text("param_groups") + b"]\x94" + text("state") + b"}" + text("defaults") + b"}ub")
    + (b"h\0" + name("types", "SimpleNamespace") + b")\x81}" + text("setdefault") + PRINT)
    + b"sba0}b.",
    "a name that is dropped": b"\x80\x04" + name("builtins", "getattr") + DROP,
    "a name behind many values": b"\x80\x04("
    + name("builtins", "getattr")
    + b"N" * 1_100_000
    + b"l.",
}


@pytest.mark.parametrize("what", sorted(STREAMS))
def test_a_second_look_is_not_clean(what: str, tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(STREAMS[what])
    assert verdict(tmp_path / "model.pkl") not in ("clean", "unrecognized")


def test_what_a_changed_stream_was_made_of_is_traced_all_the_same(tmp_path: Path) -> None:
    inner = name("io", "BytesIO") + octets(EVIL) + b"\x85R"
    outer = LOAD + name("io", "BufferedReader") + inner + b"\x85R\x85R" + DROP
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04" + outer)
    assert verdict(tmp_path / "model.pkl") == "malicious"


def test_what_is_too_large_does_not_outweigh_what_is_dropped(tmp_path: Path) -> None:
    many = b"(" + b"N" * 1_100_000 + b"l."
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04" + name("builtins", "getattr") + b"0" + many)
    assert verdict(tmp_path / "model.pkl") == "suspicious"


def test_honest_neighbours_are_clean(tmp_path: Path) -> None:
    honest = b"\x80\x04" + POLYNOMIAL + b"}\x94" + text("coef") + b"Nsb."
    (tmp_path / "model.pkl").write_bytes(honest)
    assert verdict(tmp_path / "model.pkl") == "clean"
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(bytearray(b"weights"), 5))
    assert verdict(tmp_path / "model.pkl") == "clean"


@pytest.mark.parametrize("before", [b"", b"Nq\x000"])
def test_an_array_that_is_held_elsewhere_before_its_state(before: bytes, tmp_path: Path) -> None:
    make = name("numpy._core.multiarray", "_reconstruct") + name("numpy", "ndarray")
    element = name("numpy", "dtype") + text("u1") + b"\x89\x88\x87R(K\x03" + text("|")
    state = b"(K\x01K\x02\x85" + element + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\0tb\x89C\x02abtb"
    array = make + b"K\0\x85C\x01b\x87R"
    for held, wanted in ((b"", "clean"), (b"q\0h\x000", "suspicious")):
        (tmp_path / "model.pkl").write_bytes(b"\x80\x04" + before + array + held + state + b".")
        assert verdict(tmp_path / "model.pkl") == wanted


LONG = "a" * 500_000
NUMBER = b"\x8b" + struct.pack("<i", 100) + bytes(99) + b"\x01"


@pytest.mark.parametrize(
    ("call", "argument", "called"),
    [
        (name("io", "StringIO"), text(LONG), b"\x85R"),
        (name("builtins", "bytearray"), octets(LONG.encode()), b"\x85R"),
        (name("builtins", "list"), text(LONG), b"\x85R"),
        (name("_codecs", "encode"), text(LONG), text("latin1") + b"\x86R"),
        (name("fractions", "Fraction"), NUMBER, b"K\x03\x86R"),
    ],
)
def test_a_constant_is_handed_over_as_often_as_the_file_pays_for(
    call: bytes, argument: bytes, called: bytes, tmp_path: Path
) -> None:
    made = b"\x80\x04" + call + b"r\x01\0\0\x000" + argument + b"r\x02\0\0\x000]("
    for times, wanted in ((10, "clean"), (100_000, "suspicious")):
        again = (b"h\x01h\x02" + called) * times
        (tmp_path / "model.pkl").write_bytes(made + again + b"e.")
        assert verdict(tmp_path / "model.pkl") == wanted


@pytest.mark.parametrize(
    ("into", "status"), [(b"}", 2), (name("collections", "OrderedDict") + b")R", 1)]
)
def test_hashes_of_shared_tuples_have_one_budget(into: bytes, status: int, tmp_path: Path) -> None:
    tuples = b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86\x940" for i in range(20))
    asked = into + b"h\x14Ns" * 100_000
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04" + text("a") + b"\x940" + tuples + asked + b".")
    done = subprocess.run([BRINE, "scan", tmp_path / "model.pkl"], timeout=20, check=False)
    assert done.returncode == status
