"""How a maker's objects become files: every protocol and compressor that people use."""

from __future__ import annotations

import gzip
import io
import pickle
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class File:
    """One file of the corpus: its name, its bytes."""

    name: str
    data: bytes


Make = Callable[[], Any]
JOBLIB = (0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3), ("lz4", 3))


def seed() -> None:
    """The same numbers every time, as far as the libraries let us."""
    random.seed(1)
    try:
        import numpy as np

        np.random.seed(1)  # noqa: NPY002 - what old libraries use
        import torch

        torch.manual_seed(1)
    except ImportError:
        pass


def made(make: Make) -> Any:
    """The object, without the warnings of its making."""
    seed()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def pickles(
    label: str, make: Make, protocols: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
) -> Iterator[File]:
    """pickle.dump at each protocol, and once compressed."""
    thing = made(make)
    for protocol in protocols:
        yield File(f"{label}.p{protocol}.pkl", pickle.dumps(thing, protocol))
    yield File(f"{label}.pkl.gz", gzip.compress(pickle.dumps(thing), mtime=0))


def joblibs(label: str, make: Make, few: bool = False) -> Iterator[File]:
    """joblib.dump with each compressor, and at an old protocol."""
    import joblib

    thing = made(make)
    for compress in JOBLIB[:2] if few else JOBLIB:
        out = io.BytesIO()
        joblib.dump(thing, out, compress=compress)
        kind = compress[0] if isinstance(compress, tuple) else "plain"
        yield File(f"{label}.{kind}.joblib", out.getvalue())
    if not few:
        out = io.BytesIO()
        joblib.dump(thing, out, protocol=2)
        yield File(f"{label}.p2.joblib", out.getvalue())


def torch_files(label: str, make: Make) -> Iterator[File]:
    """torch.save in both formats, and at protocol 4."""
    import torch

    thing = made(make)
    for kind, options in (
        ("zip", {}),
        ("legacy", {"_use_new_zipfile_serialization": False}),
        ("p4", {"pickle_protocol": 4}),
    ):
        out = io.BytesIO()
        torch.save(thing, out, **options)
        yield File(f"{label}.{kind}.pt", out.getvalue())


def possible(
    things: dict[str, Make], write: Callable[[str, Make], Iterator[File]]
) -> Iterator[File]:
    """The files of those things that this version of the library can make and save."""
    for label, make in things.items():
        try:
            files = list(write(label, make))
        except Exception:  # wants other arguments, or is not meant to be saved
            continue
        yield from files


def few(label: str, make: Make) -> Iterator[File]:
    """The protocols that are in use."""
    return pickles(label, make, (2, 4, 5))


def both(label: str, make: Make) -> Iterator[File]:
    """The ways in which scikit-learn-like models are saved."""
    yield from pickles(label, make, (2, 4, 5))
    yield from joblibs(label, make, few=True)
