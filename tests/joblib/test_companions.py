"""joblib before 0.10: arrays in files beside the pickle, and Z-files.

The writers here make what joblib 0.9's did; the reader is today's joblib.
"""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import shutil
import subprocess
import sys
import tarfile
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from joblib.numpy_pickle_compat import NDArrayWrapper, ZNDArrayWrapper, write_zfile

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.containers.recorder import CALLED, install  # noqa: E402
from tests.containers.wrappers import Marked  # noqa: E402
from tests.e2e.program import BRINE, marks  # noqa: E402


def scan(path: Path, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", *options, path], capture_output=True, check=False
    )
    return dict(json.loads(done.stdout)["files"][0])


def codes(path: Path) -> set[str]:
    return {finding["code"] for finding in scan(path)["findings"]}


def load(path: Path) -> list[str]:
    install()
    CALLED.clear()
    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore")
        joblib.load(str(path))
    return list(CALLED)


def wrapped(name: str, mmap: bool = True) -> NDArrayWrapper:
    made = NDArrayWrapper(name, np.ndarray)
    if not mmap:
        del made.allow_mmap  # joblib before 0.9
    return made


def plain_set(path: Path, protocol: int = 2) -> None:
    np.save(path.parent / "m.pkl_01.npy", np.arange(10.0))
    np.save(path.parent / "m.pkl_02.npy", np.zeros((3, 4), order="F"))
    value = {"coef_": wrapped("m.pkl_01.npy"), "rest": [wrapped("m.pkl_02.npy", False), 1]}
    path.write_bytes(pickle.dumps(value, protocol))


def packed_set(path: Path, protocol: int = 2) -> None:
    array = np.arange(12.0).reshape(3, 4)
    _, made, state = array.__reduce__()
    with (path.parent / "m.pkl_01.npy.z").open("wb") as file:
        write_zfile(file, state[-1])
    value = {"coef_": ZNDArrayWrapper("m.pkl_01.npy.z", made, state[:-1])}
    with path.open("wb") as file:
        write_zfile(file, pickle.dumps(value, protocol))


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("make", [plain_set, packed_set])
def test_an_honest_set(tmp_path: Path, make: object, protocol: int) -> None:
    path = tmp_path / "m.pkl"
    make(path, protocol)  # type: ignore[operator]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert set(joblib.load(path)) >= {"coef_"}
    assert scan(path)["verdict"] == "clean", scan(path)["findings"]
    for other in tmp_path.iterdir():
        assert scan(other)["verdict"] in ("clean", "unrecognized"), other


@pytest.mark.parametrize(
    "name",
    ["../m.npy", "/tmp/m.npy", "a/../../m.npy", "..", "m\0.npy", "..\\m.npy", "C:m.npy", ""],
)
def test_a_name_that_leaves_the_folder(tmp_path: Path, name: str) -> None:
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps([wrapped(name)], 2))
    report = scan(path)
    assert report["verdict"] == "suspicious"
    assert "BRN417" in {finding["code"] for finding in report["findings"]}


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps([wrapped(7)], 2))  # type: ignore[arg-type]
    assert {"BRN417", "BRN124"} <= codes(path)


def test_objects_in_the_other_file(tmp_path: Path) -> None:
    path = tmp_path / "m.pkl"
    np.save(tmp_path / "x.npy", np.array([Marked("far"), 1], dtype=object))
    path.write_bytes(pickle.dumps({"w": wrapped("x.npy")}, 2))
    assert load(path) == ["far"]
    assert any("far" in args for args in marks(path))
    assert scan(path)["verdict"] == "suspicious"
    # The same through a Z-file.
    with path.open("wb") as file:
        write_zfile(file, pickle.dumps({"w": wrapped("x.npy")}, 2))
    assert load(path) == ["far"]
    assert any("far" in args for args in marks(path))


def test_another_file_that_is_no_array(tmp_path: Path) -> None:
    path = tmp_path / "m.pkl"
    (tmp_path / "x.npy").write_bytes(pickle.dumps([Marked("bare")], 2))
    path.write_bytes(pickle.dumps({"w": wrapped("x.npy")}, 2))
    assert load(path) == ["bare"]
    assert any("bare" in args for args in marks(path))
    assert "BRN402" in codes(path)
    (tmp_path / "x.npy").write_bytes(pickle.dumps([1, 2], 2))
    assert scan(path)["verdict"] == "suspicious"


def test_a_set_that_is_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "m.pkl"
    plain_set(path)
    (tmp_path / "m.pkl_02.npy").unlink()
    assert scan(path)["verdict"] == "incomplete"
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", "-"],
        input=path.read_bytes(),
        capture_output=True,
        check=False,
    )
    assert json.loads(done.stdout)["files"][0]["verdict"] == "incomplete"


def test_a_payload_behind_the_array(tmp_path: Path) -> None:
    path = tmp_path / "m.pkl"
    plain_set(path)
    value = [wrapped("m.pkl_01.npy"), Marked("behind")]
    path.write_bytes(pickle.dumps(value, 2))
    assert load(path) == ["behind"]
    assert any("behind" in args for args in marks(path))


def z_file(data: bytes, length: bytes) -> bytes:
    return b"ZF" + length + zlib.compress(data)


CALL = pickle.dumps(Marked("z"), 2)
LENGTHS = {
    "exact": f"{len(CALL):#x}".ljust(19).encode(),
    "one wider": f"{len(CALL):#x}".ljust(20).encode(),
    "upper case": f"0X{len(CALL):X}".ljust(19).encode(),
    "right": f"{len(CALL):#x}".rjust(19).encode(),
    "no prefix": f"{len(CALL):x}".ljust(19).encode(),
    "underscores": f"0x_{len(CALL):x}".ljust(19).encode(),
    "plus": f"+{len(CALL):x}".ljust(19).encode(),
    "wrong": b"0x1".ljust(19),
    "huge": b"0xffffffffffffffff ",
    "none": b"".ljust(19),
    "words": b"hello there, reader",
}


@pytest.mark.parametrize("length", sorted(LENGTHS))
@pytest.mark.parametrize("name", ["m.pkl", "m.bin", "m", "m.npy.z"])
def test_z_files(tmp_path: Path, name: str, length: str) -> None:
    path = tmp_path / name
    path.write_bytes(z_file(CALL, LENGTHS[length]))
    called = load(path)
    if called:
        assert any("z" in args for args in marks(path))
        assert scan(path)["verdict"] == "suspicious"
    if length == "exact":
        assert called == ["z"]


def test_a_cut_z_file_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "m.pkl"
    data = CALL[:-1] + b"0" + pickle.dumps(list(range(3000)), 2)[2:]
    whole = z_file(data, f"{len(data):#x}".ljust(19).encode())
    path.write_bytes(whole[: len(whole) * 9 // 10])
    assert scan(path)["verdict"] == "suspicious"
    assert "BRN509" in codes(path)


def packed(folder: Path, kind: str, inside: str) -> Path:
    made = folder.parent / f"model.{kind}"
    entries = sorted(file for file in folder.iterdir())
    if kind == "zip":
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in entries:
                archive.write(file, inside + file.name)
    else:
        with tarfile.open(made, "w:gz" if kind == "tar.gz" else "w") as tar:
            for file in entries:
                tar.add(file, inside + file.name)
    return made


@pytest.mark.parametrize("inside", ["", "a/b/"])
@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("make", [plain_set, packed_set])
def test_a_set_in_an_archive(tmp_path: Path, make: object, kind: str, inside: str) -> None:
    (tmp_path / "set").mkdir()
    make(tmp_path / "set" / "m.pkl")  # type: ignore[operator]
    archive = packed(tmp_path / "set", kind, inside)
    assert scan(archive)["verdict"] == "clean", scan(archive)["findings"]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_objects_of_a_set_in_an_archive(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    np.save(folder / "x.npy", np.array([Marked("far"), 1], dtype=object))
    (folder / "m.pkl").write_bytes(pickle.dumps({"w": wrapped("x.npy")}, 2))
    archive = packed(folder, kind, "")
    out = tmp_path / "out"
    shutil.unpack_archive(archive, out)
    assert load(out / "m.pkl") == ["far"]
    assert any("far" in args for args in marks(archive))
    assert scan(archive)["verdict"] == "suspicious"


def test_a_set_of_which_an_archive_has_a_part(tmp_path: Path) -> None:
    """An array that is missing, lies in another folder, or is there twice."""
    (tmp_path / "set").mkdir()
    plain_set(tmp_path / "set" / "m.pkl")
    files = {file.name: file.read_bytes() for file in (tmp_path / "set").iterdir()}
    array = files["m.pkl_01.npy"]
    for others in ([], [("other/m.pkl_01.npy", array)], [("m.pkl_01.npy", array)] * 2):
        with tarfile.open(tmp_path / "part.tar", "w") as tar:
            members = [("m.pkl", files["m.pkl"]), ("m.pkl_02.npy", files["m.pkl_02.npy"])]
            for name, content in [*members, *others]:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        assert scan(tmp_path / "part.tar")["verdict"] != "clean", others


def test_sets_of_one_name_in_an_archive(tmp_path: Path) -> None:
    """Each pickle has the array of its own folder."""
    value = pickle.dumps({"w": wrapped("x.npy")}, 2)
    good, other = io.BytesIO(), io.BytesIO()
    np.save(good, np.arange(3.0))
    np.save(other, np.array([Marked("second")], dtype=object))
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a/m.pkl", value)
        archive.writestr("a/x.npy", good.getvalue())
        archive.writestr("b/m.pkl", value)
    assert scan(tmp_path / "two.zip")["verdict"] == "incomplete"
    with zipfile.ZipFile(tmp_path / "two.zip", "a") as archive:
        archive.writestr("b/x.npy", other.getvalue())
    beside = [view for view in views(tmp_path / "two.zip") if view[-1].endswith("beside the file")]
    assert {tuple(view[:1]) for view in beside} >= {("b/m.pkl",)}
    assert scan(tmp_path / "two.zip")["verdict"] == "suspicious"


def views(path: Path) -> list[list[str]]:
    return [view["member"] for view in scan(path)["views"] if view["member"]]
