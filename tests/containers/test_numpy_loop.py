"""What numpy.load reads when it is called again on a file that holds several arrays."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()
CALLS = {
    "protocol 0": b"cposix\nsystem\n(Vecho brine\ntR.",
    "no header": pickle.dumps("echo brine", 2)[2:-1].join([b"cposix\nsystem\n", b"\x85R."]),
}


@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.parametrize("arrays", [1, 3])
def test_a_pickle_behind_arrays(tmp_path: Path, name: str, arrays: int) -> None:
    file = io.BytesIO()
    for number in range(arrays):
        np.save(file, np.arange(number + 1.0))
    file.write(CALLS[name])
    path = tmp_path / "arrays.npy"
    path.write_bytes(file.getvalue())
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", path], capture_output=True, check=False
    )
    assert json.loads(done.stdout)["files"][0]["verdict"] == "malicious"


def test_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npy"
    np.save(path, np.arange(9.0))
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", path], capture_output=True, check=False
    )
    assert json.loads(done.stdout)["files"][0]["verdict"] == "clean"
