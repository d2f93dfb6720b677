"""The worker: what it opens, what it cannot do, and that nothing of it hurts the scan."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import py7zr
import pytest

ROOT = Path(__file__).resolve().parents[2]
BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()
PROBE = BRINE.parent / "tests" / "brine-worker-probe"
SIGNATURE = b"7z\xbc\xaf\x27\x1c"
EVIL = b"\x80\x02cposix\nsystem\nX" + struct.pack("<I", 4) + b"true\x85R."
GOOD = b"\x80\x02}X\x01\x00\x00\x00aK\x01s."


def scan(program: Path, *paths: Path, limits: str = "") -> dict[str, Any]:
    more = ["--limits", limits] if limits else []
    done = subprocess.run(
        [program, "scan", "--format", "json", *more, *paths], capture_output=True, check=False
    )
    files = json.loads(done.stdout)["files"]
    return {Path(file["path"]).name: file for file in files}


def codes(file: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in file["findings"]}


@pytest.fixture(scope="module")
def bad_worker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program with the probe in the worker's place."""
    folder = tmp_path_factory.mktemp("bad")
    shutil.copy(BRINE, folder / "brine")
    shutil.copy(PROBE, folder / "brine-worker")
    return folder / "brine"


FILTERS: dict[str, Any] = {
    "default": None,
    "lzma2": [{"id": py7zr.FILTER_LZMA2, "preset": 1}],
    "lzma": [{"id": py7zr.FILTER_LZMA}],
    "bcj": [{"id": py7zr.FILTER_X86}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
    "delta": [{"id": py7zr.FILTER_DELTA, "dist": 4}, {"id": py7zr.FILTER_LZMA2, "preset": 1}],
    "ppmd": [{"id": py7zr.FILTER_PPMD, "order": 6, "mem": 20}],
    "bzip2": [{"id": py7zr.FILTER_BZIP2}],
    "deflate": [{"id": py7zr.FILTER_DEFLATE}],
    "copy": [{"id": py7zr.FILTER_COPY}],
}


def packed(members: dict[str, bytes], filters: Any = None, **more: Any) -> bytes:
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", filters=filters, **more) as archive:
        for name, data in members.items():
            archive.writestr(data, name)
    return out.getvalue()


@pytest.mark.parametrize("kind", sorted(FILTERS))
def test_members_are_files_of_their_own(tmp_path: Path, kind: str) -> None:
    evil, good = tmp_path / "pytorch_model.bin", tmp_path / "good.7z"
    evil.write_bytes(packed({"README.md": b"hi\n", "a/data.pkl": EVIL}, FILTERS[kind]))
    good.write_bytes(packed({"README.md": b"hi\n", "a/data.pkl": GOOD}, FILTERS[kind]))
    found = scan(BRINE, evil, good)
    assert found["pytorch_model.bin"]["verdict"] == "malicious"
    assert found["good.7z"]["verdict"] == "clean"
    members = [view["member"] for view in found["good.7z"]["views"]]
    assert ["a/data.pkl"] in members


def test_what_cannot_be_unpacked_is_incomplete(tmp_path: Path) -> None:
    (tmp_path / "secret.7z").write_bytes(packed({"data.pkl": EVIL}, password="p"))
    (tmp_path / "hidden.7z").write_bytes(
        packed({"data.pkl": EVIL}, password="p", header_encryption=True)
    )
    (tmp_path / "brotli.7z").write_bytes(
        packed({"data.pkl": EVIL}, [{"id": py7zr.FILTER_BROTLI, "level": 3}])
    )
    for name, file in scan(BRINE, tmp_path).items():
        assert file["verdict"] == "incomplete", name
        assert "BRN512" in codes(file), (name, file["findings"])


def test_without_a_worker_archives_are_incomplete(tmp_path: Path) -> None:
    shutil.copy(BRINE, tmp_path / "brine")
    (tmp_path / "model.7z").write_bytes(packed({"data.pkl": GOOD}))
    file = scan(tmp_path / "brine", tmp_path / "model.7z")["model.7z"]
    assert file["verdict"] == "incomplete"
    assert codes(file) == {"BRN511"}


@pytest.mark.parametrize("action", list("oOwsfepkK20rmMcdux"))
def test_what_the_worker_may_not_do_ends_it(tmp_path: Path, bad_worker: Path, action: str) -> None:
    (tmp_path / "model.7z").write_bytes(SIGNATURE + action.encode())
    (tmp_path / "other.pkl").write_bytes(GOOD)
    found = scan(bad_worker, tmp_path)
    assert found["model.7z"]["verdict"] == "suspicious"
    assert codes(found["model.7z"]) == {"BRN513"}, found["model.7z"]["findings"]
    title = found["model.7z"]["findings"][0]["title"]
    assert ("system call" in title) == (action != "x"), title
    assert found["other.pkl"]["verdict"] == "clean"


@pytest.mark.parametrize(
    ("action", "code"), [("g", "BRN513"), ("n", "BRN513"), ("D", "BRN504"), ("R", "BRN511")]
)
def test_what_the_worker_says_is_not_believed(
    tmp_path: Path, bad_worker: Path, action: str, code: str
) -> None:
    (tmp_path / "model.7z").write_bytes(SIGNATURE + action.encode())
    file = scan(bad_worker, tmp_path, limits="member_bytes=1000000")["model.7z"]
    assert file["verdict"] in ("incomplete", "suspicious")
    assert code in codes(file), file["findings"]


@pytest.mark.parametrize("action", ["h", "l"])
def test_a_worker_that_hangs_is_ended(tmp_path: Path, bad_worker: Path, action: str) -> None:
    for number in range(3):
        (tmp_path / f"model{number}.7z").write_bytes(SIGNATURE + action.encode())
    begin = time.monotonic()
    found = scan(bad_worker, tmp_path, limits="worker_seconds=1")
    assert time.monotonic() - begin < 15
    assert all(file["verdict"] in ("incomplete", "suspicious") for file in found.values())


def test_many_archives_at_once(tmp_path: Path) -> None:
    for number in range(40):
        data = EVIL if number % 2 else GOOD
        (tmp_path / f"{number}.7z").write_bytes(packed({"data.pkl": data}))
    for name, file in scan(BRINE, tmp_path).items():
        wanted = "malicious" if int(name.split(".")[0]) % 2 else "clean"
        assert file["verdict"] == wanted, name
