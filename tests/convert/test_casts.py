"""Tensors of devices, pickled as NumPy's arrays of another type: cast as torch casts them."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.convert import oracle  # noqa: E402
from tests.convert.checkpoints import Call  # noqa: E402
from tests.convert.compare import difference  # noqa: E402

BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()
REBUILD = torch._utils._rebuild_device_tensor_from_numpy  # noqa: SLF001
FROM = {"float64": np.uint64, "float32": np.uint32, "float16": np.uint16}
TO = [torch.float64, torch.float32, torch.float16, torch.bfloat16]


def convert(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [BRINE, "convert", "--force", "--verify", "--format", "json", path],
        capture_output=True,
        check=False,
        timeout=120,
    )
    return dict(json.loads(done.stdout)["files"][0])


def save(path: Path, values: dict[str, tuple[np.ndarray[Any, Any], torch.dtype]]) -> Path:
    out = io.BytesIO()
    torch.save(
        {k: Call(REBUILD, array, dtype, "cpu", False) for k, (array, dtype) in values.items()}, out
    )
    path.write_bytes(out.getvalue())
    return path


def numbers(name: str) -> np.ndarray[Any, Any]:
    """Any bits, each half, and what lies midway between two narrower numbers or beside that."""
    rng = np.random.default_rng(5)
    word = FROM[name]
    size = np.dtype(name).itemsize
    any_bits = rng.integers(0, 1 << (8 * size), 200_000, word, endpoint=False)
    halves = np.arange(1 << 16, dtype=np.uint16)
    narrow = [halves.view(np.float16), (halves.astype(np.uint32) << 16).view(np.float32)]
    found = [any_bits.view(name)]
    with np.errstate(all="ignore"):
        for values in narrow:
            wide = values.astype(name)
            found.append(wide)
            following = np.append(wide[1:], wide[:1])
            middle = (wide.astype(np.float64) / 2 + following.astype(np.float64) / 2).astype(name)
            found += [middle, np.nextafter(middle, wide), np.nextafter(middle, following)]
        if name == "float64":
            # Through float32 these are on the middle, and by themselves they are not.
            found += [middle * (1 + 2.0**-30), middle * (1 - 2.0**-30)]
    out = np.concatenate(found).astype(name)
    return out[~np.isnan(out)]


@pytest.mark.parametrize("name", FROM)
def test_numbers_are_torchs(tmp_path: Path, name: str) -> None:
    array = numbers(name)
    path = save(tmp_path / "m.pt", {str(dtype): (array, dtype) for dtype in TO})
    file = convert(path)
    assert file["verdict"] == "EXACT", file["reason"]
    value = torch.load(path, weights_only=False)
    assert difference(Path(file["output"]), oracle.expected(value)) is None


def test_layouts(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    path = save(
        tmp_path / "m.pt",
        {
            "rows": (array, torch.bfloat16),
            "columns": (np.asfortranarray(array), torch.bfloat16),
            "scalar": (np.array(1.25, np.float32), torch.float16),
            "empty": (np.zeros((0, 3), np.float32), torch.float64),
        },
    )
    file = convert(path)
    assert file["verdict"] == "EXACT", file["reason"]
    value = torch.load(path, weights_only=False)
    assert difference(Path(file["output"]), oracle.expected(value)) is None


def test_one_tensor_under_two_names(tmp_path: Path) -> None:
    call = Call(REBUILD, np.ones(3, np.float32), torch.bfloat16, "cpu", False)
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"a": call, "b": call}))
    file = convert(tmp_path / "m.pkl")
    assert (file["verdict"], file["aliases"]) == ("EXACT", {"b": "a"})


def test_a_nan_is_refused(tmp_path: Path) -> None:
    array = np.array([1, np.nan, 2], np.float32)
    file = convert(save(tmp_path / "m.pt", {"w": (array, torch.bfloat16)}))
    assert file["verdict"] == "REFUSED"
    assert "NaN" in file["reason"]
    assert not (tmp_path / "m.safetensors").exists()


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64, torch.float8_e5m2])
def test_other_casts_are_refused(tmp_path: Path, dtype: torch.dtype) -> None:
    file = convert(save(tmp_path / "m.pt", {"w": (np.ones(3, np.float32), dtype)}))
    assert file["verdict"] == "REFUSED"
    assert "cast" in file["reason"]
