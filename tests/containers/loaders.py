"""Loads generated containers with the real loaders and writes down each call of the recorder.

    loaders.py RECIPES.json OUT.jsonl

A recipe tells a file and the wrappers around its stream. At every depth all loaders get the bytes:
libraries open the outer wrappers as a person would, then joblib, numpy, pandas, pickle and torch
load what is left. Runs in a child of its own with bounded memory, because these files are hostile
on purpose and kill it now and then; what a file reached is written before the next one begins.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import resource
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.containers.recorder import CALLED, install  # noqa: E402

MEMORY = 3 << 30
SECONDS = 20  # a file, at most
PATIENCE = 0.5  # seconds a load: joblib never comes back from a cut gzip file


def loaders() -> dict[str, Callable[[str], object]]:
    import pickle

    import joblib
    import numpy as np
    import pandas as pd
    import torch
    import torch.package

    def stacked(path: str) -> None:
        with open(path, "rb") as file:
            while True:
                pickle.load(file)

    def numpy_all(path: str) -> None:
        loaded = np.load(path, allow_pickle=True)
        if hasattr(loaded, "files"):
            for name in loaded.files:
                with contextlib.suppress(Exception):
                    loaded[name]

    def numpy_stacked(path: str) -> None:
        with open(path, "rb") as file:
            for _ in range(4):  # of a zip it reads the same again and again
                np.load(file, allow_pickle=True)

    def package(path: str) -> None:
        from tests.containers.wrappers import PACKAGE, RESOURCE

        torch.package.PackageImporter(path).load_pickle(PACKAGE, RESOURCE)

    return {
        "pickle.load": stacked,
        "joblib.load": joblib.load,
        "numpy.load": numpy_all,
        "numpy.load in a loop": numpy_stacked,
        "pandas.read_pickle": lambda path: pd.read_pickle(path),
        "torch.load": lambda path: torch.load(path, weights_only=False),
        "torch.package": package,
    }


def unwrapped(data: bytes, wrappers: list[str], depth: int) -> list[bytes]:
    from tests.containers.wrappers import WRAPPERS

    held = [data]
    for name in wrappers[:depth]:
        inner: list[bytes] = []
        for part in held:
            opener = WRAPPERS[name].open
            if opener is None:
                return []
            with contextlib.suppress(Exception):
                for piece in opener(part):
                    inner.append(piece)
        held = [piece for piece in inner if piece]
    return held


def main(arguments: list[str]) -> int:
    install()
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError()))
    warnings.simplefilter("ignore")
    recipes = json.loads(Path(arguments[0]).read_text())
    real = loaders()
    os.environ["HOME"] = "/nonexistent"
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    with tempfile.TemporaryDirectory() as folder, Path(arguments[1]).open("a") as out:
        for recipe in recipes:
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            data = Path(recipe["path"]).read_bytes()
            reached: dict[str, list[str]] = {}
            for depth in range(len(recipe["wrappers"]) + 1):
                parts = unwrapped(data, recipe["wrappers"], depth)
                for part in parts:
                    name = Path(recipe["path"]).name if depth == 0 else "part.bin"
                    path = Path(folder) / name
                    path.write_bytes(part)
                    for loader, load in real.items():
                        CALLED.clear()
                        sink = io.StringIO()
                        with contextlib.redirect_stdout(sink), contextlib.suppress(BaseException):
                            signal.setitimer(signal.ITIMER_REAL, PATIENCE)
                            load(str(path))
                        signal.setitimer(signal.ITIMER_REAL, 0)
                        if CALLED:
                            reached.setdefault(loader, []).extend(CALLED)
            out.write(json.dumps({"path": recipe["path"], "reached": reached}) + "\n")
            out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
