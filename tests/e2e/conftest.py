"""Fixtures of the end-to-end tests: an empty folder, and the program run in it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.e2e.program import BRINE, NAMES, Brine, Run, environment  # noqa: E402


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Where the scanned files of a test lie; also its current directory."""
    path = tmp_path / "work"
    path.mkdir()
    return path


@pytest.fixture
def brine(work: Path, home: Path) -> Brine:
    def run(*words: str | bytes | Path, stdin: bytes = b"", **env: str) -> Run:
        done = subprocess.run(
            [BRINE, *words],
            cwd=work,
            input=stdin,
            capture_output=True,
            timeout=60,
            env={**environment(home), **env},
            check=False,
        )
        return Run(
            done.returncode,
            done.stdout.decode("utf-8", "surrogateescape"),
            done.stderr.decode("utf-8", "surrogateescape"),
        )

    return run


@pytest.fixture
def place(work: Path) -> Callable[..., list[str]]:
    """Writes a file for each verdict named; returns their names."""

    def write(*verdicts: str) -> list[str]:
        for verdict in verdicts:
            name, content = NAMES[verdict]
            (work / name).write_bytes(content)
        return [NAMES[verdict][0] for verdict in verdicts]

    return write
