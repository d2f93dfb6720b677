"""Honest files of the libraries that are installed: none malicious, hardly one suspicious."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.honest import run  # noqa: E402
from tests.honest.core import CORE  # noqa: E402

# Names by which an honest file is suspicious, and why no fact covers them.
EXCEPTIONS = {
    "scipy.stats._continuous_distns.norm_gen": "__setstate__ runs source text from the state",
    "scipy.spatial._ckdtree.cKDTree": "its state is raw memory, which it trusts",
    "scipy.interpolate._rbfinterp.RBFInterpolator": "asks arrays of any kind for their namespace",
    "scipy.stats._stats_py.LinregressResult": "a class that is made at run time",
    "pandas.arrays.SparseArray": "its index is rebuilt by compiled code that was not read",
    "torch.nn.parameter.UninitializedParameter": "lazy layers hold methods of themselves as hooks",
    "builtins.getattr": "a bound method of an object",
    "torch.nn.modules.container.Container": "warns and forwards; gone from torch's documentation",
    "torch.nn.modules.loss.NLLLoss2d": "warns and forwards; gone from torch's documentation",
    "steps.dtype": "joblib at protocol 2: pickle.load reads such a file otherwise than joblib does",
}
LIMIT = {"scipy": 0.17, "pandas": 0.05, "torch": 0.09, "scikit-learn": 0.005}


@pytest.mark.parametrize("library", sorted(CORE))
def test_honest_files(library: str) -> None:
    tally = run.measure(library, 0, None)
    assert tally.failed == ""
    total = sum(tally.verdicts.values())
    assert total > 100
    assert tally.verdicts.keys() <= {"clean", "suspicious"}
    assert tally.verdicts["suspicious"] <= LIMIT.get(library, 0) * total
    explained = {
        file
        for why, files in tally.reasons.items()
        for file in files
        if why.split(" ", 1)[1] in EXCEPTIONS
    }
    every = {file for files in tally.reasons.values() for file in files}
    assert every - explained == set()
