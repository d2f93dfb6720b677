"""Pickles that hand bytes of their own to a loader: what the real loaders call is in our trace."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import resource
import struct
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.containers.recorder import CALLED, install  # noqa: E402
from tests.containers.wrappers import Marked  # noqa: E402
from tests.e2e.program import marks, verdict  # noqa: E402


class Call:
    """Pickles as a call."""

    def __init__(self, function: object, *args: object) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> tuple[Any, tuple[object, ...]]:
        return self.function, self.args


class Harm:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


def held(write: Callable[[io.BytesIO], object]) -> Call:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write(out)
    return Call(io.BytesIO, out.getvalue())


def objects(value: object) -> np.ndarray[Any, Any]:
    return np.array([value, 1], dtype=object)


LOADS: dict[str, Callable[[object], Call]] = {
    "pickle.load": lambda v: Call(pickle.load, held(lambda f: pickle.dump(v, f, 2))),
    "pickle.loads": lambda v: Call(pickle.loads, pickle.dumps(v, 2)),
    "numpy.load, npy": lambda v: Call(
        np.load, held(lambda f: np.save(f, objects(v), allow_pickle=True)), None, True
    ),
    "numpy.load, npz": lambda v: Call(
        dict, Call(np.load, held(lambda f: np.savez(f, a=objects(v))), None, True)
    ),
    "numpy.load, pickle": lambda v: Call(np.load, held(lambda f: pickle.dump(v, f, 2)), None, True),
    "joblib.load": lambda v: Call(joblib.load, held(lambda f: joblib.dump([v, np.ones(3)], f))),
    "joblib.load, zlib": lambda v: Call(joblib.load, held(lambda f: joblib.dump(v, f, compress=3))),
    "pandas.read_pickle": lambda v: Call(
        pd.read_pickle, held(lambda f: pickle.dump(v, f, 2)), None
    ),
    "torch.load, legacy": lambda v: Call(
        torch.load,
        held(lambda f: torch.save(v, f, _use_new_zipfile_serialization=False)),
    ),
    "torch.load, zip": lambda v: Call(
        torch.storage._load_from_bytes, held(lambda f: torch.save(v, f)).args[0]
    ),
}


@pytest.mark.parametrize("name", sorted(LOADS))
def test_what_runs_is_traced(tmp_path: Path, name: str) -> None:
    install()
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(LOADS[name](Marked("inner")), 4))
    CALLED.clear()
    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore")
        pickle.loads(path.read_bytes())
    if "torch" not in name:  # weights_only refuses there
        assert CALLED == ["inner"]
    assert any("inner" in args for args in marks(path)), marks(path)


@pytest.mark.parametrize("name", sorted(LOADS))
def test_harm_inside_is_malicious(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(LOADS[name](Harm()), 4))
    assert verdict(path) == "malicious"


@pytest.mark.parametrize("load", [np.load, joblib.load, torch.load, pd.read_pickle])
def test_a_file_that_nobody_can_see_here(tmp_path: Path, load: object) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(Call(load, "/tmp/elsewhere.bin"), 4))
    assert verdict(path) == "suspicious"


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_a_large_pickle_inside_is_followed_where_it_stands(tmp_path: Path, protocol: int) -> None:
    """Bytes beyond every budget for copies: the inner pickle is read as a part of the file."""
    for inner, wanted in ((Harm(), "malicious"), ([], "clean")):
        octets = pickle.dumps([inner, bytes(24 << 20)], protocol)
        path = tmp_path / "outer.pkl"
        path.write_bytes(pickle.dumps(Call(pickle.loads, octets), protocol))
        assert verdict(path) == wanted


def test_one_constant_in_many_calls_costs_no_copies(tmp_path: Path) -> None:
    octets = pickle.dumps([bytes(1 << 20)], 4)
    constant = b"B" + struct.pack("<I", len(octets)) + octets + b"q\x01"
    calls = b"cpickle\nloads\nq\x000" + constant + b"0(" + b"h\x00h\x01\x85R" * 20_000 + b"l."
    path = tmp_path / "many.pkl"
    path.write_bytes(b"\x80\x03" + calls)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    verdict(path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert after <= max(before, 300 << 10)
