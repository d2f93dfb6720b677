"""What users of NumPy keep."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import math
import pathlib
from collections.abc import Iterator

from tests.honest.people.shared import kept, saved, table
from tests.honest.writers import File, Make, possible


def array_files() -> Iterator[File]:
    """NumPy: arrays of all kinds as .npy and .npz, pickles of arrays and generators."""
    import numpy as np

    rng = np.random.default_rng(8)
    row = np.dtype([("id", "i4"), ("name", "U8"), ("xyz", "f4", 3), ("t", "M8[s]")])
    plain: dict[str, Make] = {
        "floats": lambda: rng.random((4, 3)),
        "floats_large": lambda: rng.random((200, 50)).astype("f4"),
        "labels": lambda: np.array(["cat", "dog"] * 5),
        "objects": lambda: np.array(
            [{"box": [1, 2], "id": "a"}, None, rng.random(2)], dtype=object
        ),
        "ragged": lambda: np.array([[1, 2], [3]], dtype=object),
        "dict": lambda: np.array(
            {"mean": np.float32(1), "files": ["a.wav"], "mfcc": rng.random(3)}
        ),
        "strings_object": lambda: np.array(["a", "long text"], dtype=object),
        "word_vectors": lambda: {
            "words": np.array(["a", "b"], dtype=object),
            "vec": rng.random((2, 3)),
        },
        "split": lambda: {
            "X_train": rng.random((4, 2)),
            "y_train": np.array([0, 1, 0, 1], "i8"),
            "names": np.array(["f0", "f1"]),
        },
        "records": lambda: np.zeros(3, row),
        "masks": lambda: {"mask": rng.random((4, 4)) > 0.5, "img": np.zeros((4, 4, 3), "u1")},
        "dates": lambda: np.array(["2021-01-01", "NaT"], "M8[D]"),
        "decimals": lambda: np.array(
            [decimal.Decimal("1.5"), fractions.Fraction(1, 2)], dtype=object
        ),
        "days": lambda: np.array(
            [datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1)], object
        ),
        "history": lambda: np.array(
            {"loss": [0.5], "opt": collections.OrderedDict(lr=0.1)}, object
        ),
        "fortran": lambda: np.asfortranarray(rng.random((3, 4))),
        "complex": lambda: np.fft.fft(rng.random(8)),
        "scalar": lambda: np.array(3.5),
        "bytes": lambda: np.array([b"ab", b"c"]),
        "half": lambda: rng.random(5).astype("f2"),
        "empty_object": lambda: np.empty((2, 2), dtype=object),
        "nested": lambda: np.array(
            [np.array([np.ones(2), None], object), collections.Counter("ab")], dtype=object
        ),
        "frame": lambda: table().to_records(index=False),
        "paths": lambda: np.array([pathlib.PurePosixPath("a/b")], dtype=object),
    }
    yield from possible(plain, saved)
    things: dict[str, Make] = {
        "array": lambda: rng.random((5, 2)),
        "structured": lambda: np.zeros(2, row),
        "recarray": lambda: np.rec.fromarrays([[1, 2], ["a", "b"]], names="id,name"),
        "masked": lambda: np.ma.masked_invalid([1.0, np.nan, 3.0]),
        "masked_object": lambda: np.ma.array(
            ["a", None], mask=[0, 1], dtype=object, fill_value="?"
        ),
        "object": lambda: np.array([rng.random(2), "x", None, 3], dtype=object),
        "times": lambda: [
            np.datetime64("2024-02-29T12", "h"),
            np.timedelta64(90, "m"),
            np.arange("2020-01", "2020-04", dtype="M8[M]"),
        ],
        "generators": lambda: [
            np.random.default_rng(7),
            np.random.Generator(np.random.Philox(3)),
            np.random.Generator(np.random.SFC64(1)),
            np.random.SeedSequence(1),
        ],
        "state": lambda: {
            "rng": np.random.RandomState(3),  # noqa: NPY002
            "bits": np.random.default_rng(2).bit_generator.state,
        },
        "polynomial": lambda: [
            np.polynomial.Chebyshev([1, 2, 3]),
            np.polynomial.Polynomial.fit([0, 1, 2], [1, 3, 7], 2),
            np.poly1d([1, 0, -1]),
            np.polynomial.Hermite([1]),
        ],
        "scalars": lambda: {
            "acc": np.float64(0.93),
            "n": np.int32(4),
            "flag": np.bool_(True),
            "half": np.float16(0.5),
            "c": np.complex64(1j),
            "u": np.uint8(255),
            "s": np.str_("x"),
            "b": np.bytes_(b"y"),
            "nan": np.nan,
        },
        "limits": lambda: [np.finfo(np.float32), np.iinfo(np.int8)],
        "dtypes": lambda: {
            "f": np.dtype("float32"),
            "c": np.float64,
            "s": row,
            "o": np.dtype("O"),
            "be": np.dtype(">u2"),
            "t": np.dtype("M8[ns]"),
            "i": np.integer,
        },
        "functions": lambda: {
            "agg": [np.mean, np.std, np.nanmax, np.percentile, np.median],
            "act": np.tanh,
            "max": np.maximum,
            "add": np.add.reduce,
            "dot": np.dot,
        },
        "vectorized": lambda: np.vectorize(math.sqrt),
        "index": lambda: [np.s_[1:3, ::2], np.ix_([0, 1], [1]), np.newaxis, np.nonzero([1, 0])],
        "matrix": lambda: np.matrix("1 2; 3 4"),
        "broadcast": lambda: [np.broadcast_to([1, 2], (3, 2)), np.arange(9).reshape(3, 3)[::-1, 1]],
        "linalg": lambda: [
            np.linalg.svd(np.eye(3)),
            np.linalg.eigh(np.eye(2)),
            np.linalg.slogdet(np.eye(2)),
        ],
        "unique": lambda: [np.unique_counts([1, 1, 2]), np.histogram([1, 2, 2], 2)],
        "long": lambda: [np.longdouble(1.5), np.clongdouble(1j)],
        "npz": lambda: dict(enumerate(np.array_split(np.arange(7), 3))),
        "warnings": lambda: [np.exceptions.AxisError("bad"), np.linalg.LinAlgError("singular")],
        "errstate": lambda: np.geterr(),
        "chars": lambda: np.char.array(["ab", "c"]),
        "strings": lambda: np.array(["ab", "c"], dtype=np.dtypes.StringDType(na_object=None)),
    }
    yield from possible({f"pickled_{name}": make for name, make in things.items()}, kept)
