"""A fixed sample of changed honest pickles; tests/inert/run.py is the whole."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.inert import mutate, run  # noqa: E402


@pytest.mark.parametrize("library", ["python", "numpy", "pandas"])
def test_what_is_clean_does_nothing(library: str) -> None:
    counts, failures = run.check(run.streams_of(library), 12, 3)
    assert counts["streams"] > 30
    assert counts["clean"] > counts["changed"] / 5  # the changes are small enough to be of use
    assert counts["loaded"] > counts["clean"] / 2
    assert [(row["honest"], row["events"], row["changed"]) for row in failures] == []


def test_the_watch_sees_what_a_stream_does(tmp_path: Path) -> None:
    honest = tmp_path / "honest.pkl"
    honest.write_bytes(pickle.dumps([1]))
    evil = {
        "command.pkl": b"cos\nsystem\n(Vtrue\ntR.",
        "file.pkl": b"cbuiltins\nopen\n(V/dev/null\ntR.",
        "builtin.pkl": b"cbuiltins\nsetattr\n(cbuiltins\n__import__\n(Vos\ntRVgetcwd\nNtR.",
    }
    for name, data in evil.items():
        (tmp_path / name).write_bytes(data)
    rows = run.watch(honest, [tmp_path / name for name in evil])
    assert len(rows) == len(evil)
    assert all(row["events"] or row["changed"] for row in rows), rows


def test_changes_are_small() -> None:
    stream = pickle.dumps({"a": [1, 2, (3, "x")]}, 4)
    parts = mutate.pieces(stream)
    assert pickle.loads(b"".join(part.data for part in parts)) == {"a": [1, 2, (3, "x")]}
