"""The differential run as a test: BRINE_STREAMS generated streams for each unpickler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = Path(os.environ.get("BRINE_BUILD", ROOT / "build"))
DRIVER = BUILD / "tests" / "brine-differential"
STREAMS = os.environ.get("BRINE_STREAMS", "200000")


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / script), "--driver", str(DRIVER), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    print(done.stdout[-20000:])
    print(done.stderr[-2000:])
    return done


@pytest.mark.parametrize("unpickler", ["c", "py"])
def test_traces_are_those_of_cpython(unpickler: str) -> None:
    assert run("run.py", "--streams", STREAMS, "--unpickler", unpickler).returncode == 0
