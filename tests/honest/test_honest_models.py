"""Honest files of the libraries that are installed: none malicious, hardly one suspicious."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.honest import run  # noqa: E402
from tests.honest.core import CORE  # noqa: E402
from tests.honest.sizes import SIZES  # noqa: E402

# Names by which an honest file is suspicious, and why no fact covers them.
EXCEPTIONS = {
    "scipy.spatial._ckdtree.cKDTree": "its state is raw memory, which it trusts",
    "scipy.stats._stats_py.LinregressResult.__new__": "protocol 2 calls a bound __new__",
    "torch.storage._load_from_bytes": "protocol 2 writes bytes as text: 24 MB are not put together",
}
LIMIT = {"scipy": 0.045, "sizes": 0.007}


@pytest.mark.parametrize("library", sorted({**CORE, **SIZES}))
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
