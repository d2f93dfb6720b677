"""Honest files in containers have the verdict of what is inside."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import joblib
import lz4.frame
import numpy as np
import pandas as pd
import py7zr
import pytest
import torch
import zstandard

from tests.e2e.program import verdict

PLAIN = {"weights": np.arange(12.0).reshape(3, 4), "names": ["a", "b"], "zeros": np.zeros(100_000)}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("compress", [0, "zlib", "gzip", "bz2", "xz", "lzma", "lz4"])
def test_joblib(tmp_path: Path, compress: int | str, protocol: int) -> None:
    path = tmp_path / "model.joblib"
    level = (compress, 3) if isinstance(compress, str) else 0
    joblib.dump(PLAIN, path, compress=level, protocol=protocol)
    assert verdict(path) == "clean"


def torch_model() -> bytes:
    out = io.BytesIO()
    torch.save({"w": torch.arange(100.0), "b": torch.zeros(3, 4)}, out)
    return out.getvalue()


def in_tar(data: bytes, kind: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as archive:
        info = tarfile.TarInfo("model.pt")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def in_zip(data: bytes, how: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        archive.writestr("model.pt", data)
    return out.getvalue()


def in_7z(data: bytes) -> bytes:
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w") as archive:
        archive.writestr(data, "model.pt")
    return out.getvalue()


WRAPPED: dict[str, Callable[[bytes], bytes]] = {
    "model.pt.gz": gzip.compress,
    "model.pt.z": zlib.compress,
    "model.pt.bz2": bz2.compress,
    "model.pt.xz": lzma.compress,
    "model.pt.lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
    "model.pt.zst": zstandard.compress,
    "model.pt.lz4": lz4.frame.compress,
    "pax.tar": in_tar,
    "gnu.tar": lambda data: in_tar(data, tarfile.GNU_FORMAT),
    "ustar.tar": lambda data: in_tar(data, tarfile.USTAR_FORMAT),
    "model.tar.gz": lambda data: gzip.compress(in_tar(data)),
    "model.tgz": lambda data: gzip.compress(in_tar(data)),
    "stored.zip": lambda data: in_zip(data, zipfile.ZIP_STORED),
    "deflated.zip": lambda data: in_zip(data, zipfile.ZIP_DEFLATED),
    "model.7z": in_7z,
    "model.7z.bin": in_7z,
    "twice.pt.gz": lambda data: gzip.compress(lzma.compress(data)),
}


@pytest.mark.parametrize("name", sorted(WRAPPED))
def test_a_torch_model_in_a_container(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(WRAPPED[name](torch_model()))
    assert verdict(path) == "clean"


@pytest.mark.parametrize("name", sorted(WRAPPED))
def test_an_unknown_class_in_a_container(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(WRAPPED[name](b"\x80\x02cmypkg.models\nNet\n)\x81."))
    assert verdict(path) == "suspicious"


def test_numpy(tmp_path: Path) -> None:
    arrays = {"a": np.arange(5), "b": np.zeros((2, 3), order="F"), "c": np.array(["x", "yz"])}
    np.savez(tmp_path / "plain.npz", **arrays)
    np.savez_compressed(tmp_path / "packed.npz", **arrays)
    for name, array in arrays.items():
        np.save(tmp_path / f"{name}.npy", array)
    for path in sorted(tmp_path.iterdir()):
        assert verdict(path) == "clean", path.name


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tar.gz"])
def test_pandas(tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    bare, packed = tmp_path / "bare.pkl", tmp_path / f"packed.pkl{ending}"
    bare.write_bytes(pickle.dumps(frame))
    frame.to_pickle(packed)
    assert verdict(packed) == verdict(bare)
