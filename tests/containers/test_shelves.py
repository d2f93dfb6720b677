"""Shelves of dbm.dumb: what the real shelve unpickles is in our trace."""

from __future__ import annotations

import contextlib
import dbm.dumb
import json
import pickle
import random
import shelve
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.containers.recorder import CALLED, install  # noqa: E402
from tests.containers.wrappers import Marked  # noqa: E402
from tests.e2e.program import BRINE, marks  # noqa: E402


def verdicts(folder: Path) -> dict[str, str]:
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", folder], capture_output=True, check=False
    )
    files = json.loads(done.stdout)["files"]
    return {Path(file["path"]).name: file["verdict"] for file in files}


def opened(base: Path, flag: str, protocol: int | None = None) -> shelve.Shelf[Any]:
    database: Any = dbm.dumb.open(str(base), flag)  # noqa: SIM115 - the shelf closes it
    return shelve.Shelf(database, protocol=protocol)


def write(base: Path, items: Mapping[str, object], protocol: int | None = None) -> None:
    with opened(base, "n", protocol) as shelf:
        shelf.update(items)


def load_all(base: Path) -> list[str]:
    install()
    CALLED.clear()
    with contextlib.suppress(Exception), opened(base, "r") as shelf:
        for key in shelf:
            with contextlib.suppress(Exception):
                shelf[key]
    return list(CALLED)


KEYS = ["weights", "it's", 'a "b"', "back\\slash", "line\nend", "caf\u00e9"]


@pytest.mark.parametrize("protocol", range(6))
def test_an_honest_shelf(tmp_path: Path, protocol: int) -> None:
    items = {key: {"w": np.arange(200.0), "n": [key]} for key in KEYS}
    write(tmp_path / "shelf", items, protocol)
    assert verdicts(tmp_path) == {"shelf.bak": "clean", "shelf.dat": "clean", "shelf.dir": "clean"}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("place", range(len(KEYS)))
def test_each_record_is_read(tmp_path: Path, place: int, protocol: int) -> None:
    items: dict[str, object] = {key: {"n": list(range(300))} for key in KEYS}
    items[KEYS[place]] = [1, Marked(f"w{place}")]
    write(tmp_path / "shelf", items, protocol)
    assert load_all(tmp_path / "shelf") == [f"w{place}"]
    assert any(f"w{place}" in args for args in marks(tmp_path / "shelf.dat", "shelve"))
    assert verdicts(tmp_path)["shelf.dat"] == "suspicious"


@pytest.mark.parametrize("seed", range(60))
def test_changed_indexes(tmp_path: Path, seed: int) -> None:
    """Whatever the index says, and however it says it."""
    rng = random.Random(seed)
    inner = pickle.dumps(Marked("inner"), 2)
    write(tmp_path / "shelf", {"a": b"x" * rng.randrange(900) + inner, "b": [1, 2]}, 4)
    data = (tmp_path / "shelf.dat").read_bytes()
    at, size = data.index(inner), len(inner)
    spelled = rng.choice(
        [
            f"'a', ({at}, {size})\n",
            f"'a', ({at}, {size + rng.randrange(50)})\r\n'b', (0, 4)",
            f"('a', ({at}, {size}))\n",
            f"'a', [{at}, {size}]\n",
            f"'\\u0061', ({at:#x}, {size})\n",
            f"  'a', ({at}, 10_000)\n",
            f"b'a', ({at}, {size})\n",
            f"'a' 'b', ({at}, {size})  # so\n",
            f"'a', ({at}, {size}),\n",
            f"'a', (0, 1)\n'a', ({at}, {size})\x0c\n",
            f"'a', (+{at}, {size})\n'b', ({at}, 1)\n",
            f"'a',\t({at},{size})\n",
        ]
    )
    (tmp_path / "shelf.dir").write_bytes(spelled.encode("latin1"))
    called = load_all(tmp_path / "shelf")
    verdict = verdicts(tmp_path)["shelf.dat"]
    if called:
        assert verdict in ("incomplete", "suspicious", "malicious"), spelled
    if verdict == "clean":
        assert not called
    if verdict == "suspicious" and called:
        assert any("inner" in args for args in marks(tmp_path / "shelf.dat", "shelve")), spelled


def rewrite(base: Path, changes: list[tuple[str, object]], protocol: int | None = None) -> None:
    with opened(base, "n", protocol) as shelf:
        for key, value in changes:
            if value is None:
                del shelf[key]
            else:
                shelf[key] = value


HISTORIES: dict[str, list[tuple[str, object]]] = {
    "grown": [("a", [1] * 5), ("b", {"x": 1.5}), ("a", list(range(900))), ("c", "z" * 700)],
    "shrunk": [("a", list(range(100, 180))), ("b", [2]), ("a", [1, 2])],
    "shrunk by blocks": [("a", list(range(2000))), ("b", [2]), ("a", [1, 2])],
    "gone": [("a", list(range(400))), ("b", [2]), ("c", 3), ("a", None)],
    "last gone": [("a", [1]), ("b", list(range(400))), ("b", None)],
    "an array grew": [("a", np.arange(20.0)), ("b", [2]), ("a", np.arange(200.0))],
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("history", HISTORIES)
def test_what_was_written_over(tmp_path: Path, history: str, protocol: int) -> None:
    rewrite(tmp_path / "shelf", HISTORIES[history], protocol)
    assert verdicts(tmp_path)["shelf.dat"] == "clean"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("filler", [0, 300, 2000])
def test_a_payload_that_was_written_over(tmp_path: Path, filler: int, protocol: int) -> None:
    """The index of yesterday, which lies beside the shelf, leads to it."""
    base = tmp_path / "shelf"
    old = ["x" * filler, Marked("old")]
    rewrite(base, [("b", [2]), ("a", old)], protocol)
    yesterday = base.with_suffix(".dir").read_bytes()
    rewrite(base, [("b", [2]), ("a", old), ("c", 1), ("a", "y" * 9000)], protocol)
    assert "old" not in load_all(base)
    assert verdicts(tmp_path)["shelf.dat"] == "suspicious"
    if protocol > 1:
        assert any("old" in args for args in marks(tmp_path / "shelf.dat"))
    base.with_suffix(".dir").write_bytes(yesterday)
    assert "old" in load_all(base)
    assert any("old" in args for args in marks(tmp_path / "shelf.dat", "shelve"))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("at", [1, 60, 200, 511])
def test_a_payload_behind_a_record(tmp_path: Path, at: int, protocol: int) -> None:
    """In what is left of a block, wherever it begins, with or without a PROTO in front."""
    base = tmp_path / "shelf"
    rewrite(base, [("b", [2]), ("a", [3]), ("a", "y" * 900)], protocol)
    data = bytearray(base.with_suffix(".dat").read_bytes())
    payload = pickle.dumps(Marked("tail"), protocol)
    data[512 + at : 512 + at + len(payload)] = payload
    base.with_suffix(".dat").write_bytes(data)
    start = 512 + at
    base.with_suffix(".dir").write_text(f"'b', (0, 5)\n'c', ({start}, {len(payload)})\n")
    assert "tail" in load_all(base)
    base.with_suffix(".dir").write_text("'b', (0, 5)\n")
    assert verdicts(tmp_path)["shelf.dat"] != "clean"


def test_a_data_file_that_is_no_shelf(tmp_path: Path) -> None:
    (tmp_path / "model.dat").write_bytes(pickle.dumps([1, 2]))
    (tmp_path / "model.dir").write_bytes(b"\0\1\2\3" * 100)  # another kind of database
    assert verdicts(tmp_path)["model.dat"] == "clean"
