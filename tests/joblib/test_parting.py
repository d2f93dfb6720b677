"""Files that joblib reads to the end and every other loader leaves inside an array of objects.

Honest ones are clean, whatever their root and protocol; what such a loader would do there counts
all the same, but for looking for NumPy's `dtype` in a module that no library has.
"""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from joblib import numpy_pickle
from safetensors.numpy import load_file
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.containers.recorder import CALLED, install  # noqa: E402
from tests.containers.wrappers import Marked  # noqa: E402
from tests.e2e.program import BRINE  # noqa: E402

FRAME = pd.DataFrame({"age": [1.0, 2.0, 3.0, 4.0], "dose": [2.0, 1.0, 4.0, 3.0]})
LABELS = np.array(["no", "yes", "no", "yes"], object)
MODEL = LogisticRegression().fit(FRAME, LABELS)
PIPELINE = make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME, LABELS)
ROOTS: dict[str, Any] = {
    "model": MODEL,
    "pipeline": PIPELINE,
    "dict of a model": {"model": MODEL, "columns": ["age", "dose"]},
    "columns first": {"columns": ["age", "dose"], "model": PIPELINE},
    "three words": {"a": 1, "time": 2, "model": MODEL},
    "list": [MODEL, PIPELINE],
    "labels alone": LABELS,
    "a classifier of classifiers": GaussianProcessClassifier().fit(FRAME, LABELS),
    "one column": GaussianProcessClassifier().fit(FRAME[["age"]], LABELS),
}


class Inner:
    """joblib's `pickle`, with another protocol for arrays of objects: 2 until joblib 1.5."""

    def __init__(self, protocol: int) -> None:
        self.protocol = protocol

    def __getattr__(self, name: str) -> Any:
        return getattr(pickle, name)

    def dump(self, array: Any, file: Any, protocol: int) -> None:
        pickle.dump(array, file, protocol=self.protocol)


def report_of(path: Path, command: str = "scan", *options: str) -> dict[str, Any]:
    done = subprocess.run(
        [BRINE, command, "--format", "json", path, *options], capture_output=True, check=False
    )
    return dict(json.loads(done.stdout)["files"][0])


@pytest.mark.parametrize("inner", [2, 5])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("name", sorted(ROOTS))
def test_honest_files_are_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, protocol: int, inner: int
) -> None:
    monkeypatch.setattr(numpy_pickle, "pickle", Inner(inner))
    path = tmp_path / "model.joblib"
    joblib.dump(ROOTS[name], path, protocol=protocol)
    report = report_of(path)
    assert report["verdict"] == "clean", report["findings"]
    joblib.load(path)


@pytest.mark.parametrize("inner", [2, 5])
@pytest.mark.parametrize("name", ["model", "dict of a model", "three words", "list"])
def test_joblib_says_what_is_converted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, inner: int
) -> None:
    monkeypatch.setattr(numpy_pickle, "pickle", Inner(inner))
    path = tmp_path / "model.joblib"
    joblib.dump(ROOTS[name], path)
    out = tmp_path / "out.safetensors"
    report = report_of(path, "convert", "-o", str(out))
    assert report["verdict"] == "EXACT", report
    held = load_file(out)
    key = next(key for key in held if key.endswith("coef_"))
    np.testing.assert_array_equal(held[key], MODEL.coef_)
    loaded = report_of(path, "disarm", "-o", str(tmp_path / "out.joblib"))
    assert loaded["verdict"] == "EXACT", loaded
    assert MODEL.coef_.tobytes() in (tmp_path / "out.joblib").read_bytes()


def desynchronized(word: str, behind: Any = None) -> dict[str, Any]:
    """Its fourth text is the module in which other loaders look for `dtype`."""
    return {"a": 1, "b": 2, word: LABELS, "behind": behind}


@pytest.fixture
def at(tmp_path: Path) -> Path:
    return tmp_path / "model.joblib"


def test_the_missing_module_is_named(at: Path) -> None:
    joblib.dump(desynchronized("nowhere"), at)
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        pickle.loads(at.read_bytes())
    report = report_of(at)
    assert report["verdict"] == "clean"
    told = [f["title"] for f in report["findings"] if f["code"] == "BRN314"]
    assert any("pickle.load stops at an array and looks for a module nowhere" in t for t in told)


@pytest.mark.parametrize(
    "word", ["antigravity", "this", "rlcompleter", "pylab", "inner.module", "os.path", ".hidden"]
)
def test_a_module_that_means_something_counts(at: Path, word: str) -> None:
    joblib.dump(desynchronized(word), at)
    assert report_of(at)["verdict"] in ("suspicious", "malicious")


def test_a_module_beside_the_file_counts(at: Path) -> None:
    joblib.dump(desynchronized("settings"), at)
    (at.parent / "settings.py").write_text("dtype = print\n")
    assert report_of(at)["verdict"] == "suspicious"


def test_what_joblib_alone_reads_counts(at: Path) -> None:
    joblib.dump(desynchronized("nowhere", Marked("behind")), at)
    assert report_of(at)["verdict"] == "suspicious"


def test_another_name_than_dtype_counts(at: Path) -> None:
    joblib.dump(desynchronized("nowhere"), at)
    data = at.read_bytes()
    inner = data.rindex(b"\x8c\x05dtype")
    at.write_bytes(data[:inner] + b"\x8c\x05dtypf" + data[inner + 7 :])
    assert report_of(at)["verdict"] != "clean"


def test_calls_behind_the_missing_module_count(at: Path) -> None:
    """The inner pickle calls more: pickle.load would, if there were such a module."""
    joblib.dump(desynchronized("nowhere"), at)
    data = at.read_bytes()
    stop = next(at for at, byte in enumerate(data) if byte == ord(".") and ends_inner(data, at))
    call = b"0\x8c\x08builtins\x8c\x04exec\x93\x8c\x04pass\x85R"
    at.write_bytes(data[:stop] + b"2" + call + b"0" + data[stop:])
    assert report_of(at)["verdict"] == "malicious"


def ends_inner(data: bytes, stop: int) -> bool:
    """Whether the byte is the STOP of the pickle that lies behind the wrapper."""
    begin = data.rfind(b"\x80\x05", 1, stop)
    try:
        pickle.loads(data[begin : stop + 1])
    except Exception:
        return False
    return True


def test_pickle_load_stops_where_the_inner_pickle_does(
    at: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """joblib before 1.6: the inner pickle counts for itself, and pickle.load returns its array."""
    monkeypatch.setattr(numpy_pickle, "pickle", Inner(2))
    joblib.dump({"labels": LABELS, "behind": Marked("behind")}, at)
    install()
    CALLED.clear()
    assert pickle.loads(at.read_bytes()).tolist() == LABELS.tolist()
    assert CALLED == []
    joblib.load(at)
    assert CALLED == ["behind"]
    assert report_of(at)["verdict"] == "suspicious"
