"""Arrays of NumPy wherever they stand: .npy, .npz, joblib's files, Paddle's, plain pickles.

The oracle is what the real loader gives, walked by keys, indices and attributes.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import scipy.sparse
from numpy.lib import format as npy_format
from sklearn.utils import all_estimators

from tests.convert import oracle
from tests.convert.compare import difference, read
from tests.convert.test_convert import converted

TYPES = "?bBhHiIqQefdFD"
NUMBERS: dict[str, np.ndarray[Any, Any]] = {
    "matrix": np.arange(6.0).reshape(2, 3),
    "columns first": np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
    "big-endian": np.arange(5, dtype=">f8"),
    "no elements": np.zeros((0, 3), np.float16),
    "no dimension": np.array(1.5),
    "long": np.arange(100_000, dtype=np.float32),
}
TREE = {
    **NUMBERS,
    "types": {code: np.frombuffer(bytes(range(16)) * 2, code) if code != "?" else np.array([True])
              for code in TYPES},
    "text": np.array(["a", "b"]),
    "dates": np.array(["2020-01-01"], "datetime64[D]"),
    "records": np.zeros(2, [("a", "<i4"), ("b", "<f8")]),
    "objects": np.array([np.arange(3), "x", None, {"inside": np.arange(4.0)}], object),
    "twice": [NUMBERS["matrix"], NUMBERS["matrix"]],
    "matrix of its own kind": np.asmatrix(np.eye(2)),
    "masked values": 3,
}  # fmt: skip


def check(path: Path, value: object, verdict: str = "EXACT") -> dict[str, Any]:
    file = converted(path, "--force")
    assert file["verdict"] == verdict, file
    assert difference(Path(file["output"]), oracle.expected(value)) is None
    return file


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_an_array_in_a_file_of_its_own(name: str, version: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with path.open("wb") as file:
        npy_format.write_array(file, NUMBERS[name], version)
    check(path, np.load(path))


@pytest.mark.parametrize("code", TYPES)
def test_every_type_that_a_tensor_has(code: str, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.frombuffer(bytes(range(1, 33)), code) if code != "?" else np.array([True]))
    check(path, np.load(path))


def test_an_array_of_objects(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, TREE["objects"], allow_pickle=True)
    file = check(path, np.load(path, allow_pickle=True))
    assert set(read(Path(file["output"]))[0]) == {"0", "3.inside"}


def test_what_is_no_number_is_refused(tmp_path: Path) -> None:
    for name, array in {
        "text": np.array(["a"]),
        "dates": np.array(["2020-01-01"], "datetime64[D]"),
        "records": np.zeros(2, [("a", "<i4")]),
        "wide": np.zeros(2, np.longdouble),
    }.items():
        path = tmp_path / f"{name}.npy"
        np.save(path, array)
        file = converted(path)
        assert file["verdict"] == "REFUSED"
        assert file["reason"]


def test_a_file_that_ends_early(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, NUMBERS["long"])
    path.write_bytes(path.read_bytes()[:-1])
    assert converted(path)["verdict"] == "REFUSED"


@pytest.mark.parametrize("compressed", [False, True])
def test_an_archive_of_arrays(compressed: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    save = np.savez_compressed if compressed else np.savez
    save(path, **{**NUMBERS, "objects": TREE["objects"], "text": TREE["text"]})
    with np.load(path, allow_pickle=True) as loaded:
        check(path, dict(loaded))


def test_names_of_an_archive_are_those_of_numpy(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    buffer = io.BytesIO()
    np.save(buffer, NUMBERS["matrix"])
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("a", "a.npy", "b.npy", "folder/c.npy", "d.txt.npy"):
            archive.writestr(name, buffer.getvalue())
        archive.writestr("read.me", "no array")
    file = converted(path)
    assert set(read(Path(file["output"]))[0]) == {"a", "a.npy", "b", "folder/c", "d.txt"}
    assert file["verdict"] == "EXACT"


def test_an_archive_with_a_broken_member_is_partial(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    buffer = io.BytesIO()
    np.save(buffer, NUMBERS["long"])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("whole.npy", buffer.getvalue())
        archive.writestr("cut.npy", buffer.getvalue()[:-1])
    file = converted(path)
    assert file["verdict"] == "PARTIAL"
    assert "cut.npy" in file["reason"]
    assert set(read(Path(file["output"]))[0]) == {"whole"}


@pytest.mark.parametrize("compress", [0, "zlib", "gzip", "bz2", "xz", "lzma", "lz4"])
def test_joblib(compress: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.joblib"
    joblib.dump(TREE, path, compress=compress)
    check(path, joblib.load(path))


@pytest.mark.parametrize("protocol", range(6))
def test_joblib_in_every_protocol(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "a.joblib"
    joblib.dump(TREE, path, protocol=protocol)
    check(path, joblib.load(path))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("protocol", range(6))
def test_plain_pickles(pack: Any, protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    data = pickle.dumps(TREE, protocol)
    path.write_bytes(pack(data))
    check(path, pickle.loads(data))


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_paddle(protocol: int, tmp_path: Path) -> None:
    """paddle.save writes a pickle of arrays, or of pairs of a name and an array."""
    names = {"StructuredToParameterName@@": {"a.w": "linear_0.w_0"}}
    state = {"a.w": NUMBERS["matrix"], "a.b": NUMBERS["long"], **names}
    pairs = {"a.w": ("linear_0.w_0", NUMBERS["matrix"]), "lr": 0.1}
    for value in (state, pairs):
        path = tmp_path / "m.pdparams"
        path.write_bytes(pickle.dumps(value, protocol))
        check(path, value)


def test_sparse_matrices_and_random_states(tmp_path: Path) -> None:
    value = {
        "csr": scipy.sparse.random(5, 4, 0.5, "csr", rng=1),
        "csc": scipy.sparse.random(5, 4, 0.5, "csc", rng=1),
        "state": np.random.RandomState(3),
    }
    path = tmp_path / "a.joblib"
    joblib.dump(value, path)
    check(path, joblib.load(path))


def test_estimators_by_attribute(tmp_path: Path) -> None:
    """Every estimator of scikit-learn that fits numbers; those with objects of their own kind of
    state are DISARMED, and none is wrong."""
    rng = np.random.default_rng(0)
    features = np.abs(rng.normal(size=(30, 4)))
    labels = (features[:, 0] > features[:, 1]).astype(int)
    exact = files = 0
    for name, kind in all_estimators():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fitted = kind().fit(features, labels)
        except Exception:
            continue
        path = tmp_path / f"{name}.joblib"
        joblib.dump(fitted, path)
        file = converted(path, "--force")
        files += 1
        if file["verdict"] == "REFUSED":
            assert file["reason"] == "there are no tensors in it", name
            exact += 1
        if file["verdict"] != "EXACT":
            continue
        exact += 1
        wrong = difference(Path(file["output"]), oracle.expected(joblib.load(path)))
        assert wrong is None, f"{name}: {wrong}"
    assert files > 100
    assert exact > 0.8 * files
