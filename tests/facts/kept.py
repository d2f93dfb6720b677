"""A value as people keep it: pickled by each protocol, and by joblib, as it is and compressed."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import joblib

from tests.e2e.program import verdict


def check_clean(folder: Path, value: Any) -> None:
    """Each way to keep it is clean."""
    for protocol in (2, 3, 4, 5):
        path = folder / f"value.{protocol}.pkl"
        path.write_bytes(pickle.dumps(value, protocol))
        assert verdict(path) == "clean", protocol
    for compress in (0, 3):
        path = folder / f"value.{compress}.joblib"
        joblib.dump({"value": value}, path, compress=compress)
        assert verdict(path) == "clean", compress
