"""What several of these modules need: ways to write a thing, tables, a net, a tokenizer."""

from __future__ import annotations

import collections
import gzip
import io
import pickle
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.honest.writers import File, Make, made

Pairs = Iterator[tuple[str, Make]]


def turn(label: str, ways: int) -> int:
    """Which of some ways this file is written in: as good as random, and always the same."""
    return zlib.crc32(label.encode()) % ways


def kept(label: str, make: Make) -> Iterator[File]:
    """pickle.dump as everybody calls it, and one other way."""
    import cloudpickle
    import joblib

    thing = made(make)
    yield File(f"{label}.pkl", pickle.dumps(thing))
    way = turn(label, 7)
    if way in (0, 1, 2):
        protocol = (2, 3, 5)[way]
        yield File(f"{label}.p{protocol}.pickle", pickle.dumps(thing, protocol))
    elif way in (3, 4):
        out = io.BytesIO()
        joblib.dump(thing, out, compress=0 if way == 3 else 3)
        yield File(f"{label}.joblib", out.getvalue())
    elif way == 5:
        yield File(f"{label}.pkl.gz", gzip.compress(pickle.dumps(thing), mtime=0))
    else:
        yield File(f"{label}.cloud.pkl", cloudpickle.dumps(thing))


def trained(label: str, make: Make) -> Iterator[File]:
    """torch.save as everybody calls it, and sometimes as before 1.6 or at another protocol."""
    import torch

    thing = made(make)
    way = turn(label, 3)
    ways: list[tuple[str, dict[str, Any]]] = [("pt", {})]
    if way == 0:
        ways.append(("old.pth", {"_use_new_zipfile_serialization": False}))
    elif way == 1:
        ways.append(("p4.ckpt", {"pickle_protocol": 4}))
    for ending, options in ways:
        out = io.BytesIO()
        torch.save(thing, out, **options)
        yield File(f"{label}.{ending}", out.getvalue())


def saved(label: str, make: Make) -> Iterator[File]:
    """numpy.save of arrays, or numpy.savez of several."""
    import numpy as np

    thing = made(make)
    out = io.BytesIO()
    if isinstance(thing, dict):
        np.savez_compressed(out, **thing)
        yield File(f"{label}.npz", out.getvalue())
    else:
        np.save(out, thing, allow_pickle=True)
        yield File(f"{label}.npy", out.getvalue())


def read_back(folder: Path, label: str) -> Iterator[File]:
    """Every file that a library's own saving has left in a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (
            ".bin",
            ".pt",
            ".pth",
            ".ckpt",
            ".pkl",
            ".zip",
            ".npy",
            ".joblib",
            ".model",
            ".gz",
            ".bz2",
            ".xz",
            ".tar",
            ".zst",
        ):
            yield File(f"{label}_{path.parent.name}_{path.name}", path.read_bytes())


def marked(thing: Any, name: str, value: Any) -> Any:
    """The thing with one more attribute."""
    setattr(thing, name, value)
    return thing


def table(rows: int = 60) -> Any:
    """A table as in a competition: numbers, towns, days."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(11)
    days = pd.date_range("2021-03-01 07:30", periods=rows, freq="h", tz="UTC")
    return pd.DataFrame(
        {
            "id": np.arange(rows),
            "age": rng.integers(18, 90, rows),
            "income": rng.lognormal(10, 1, rows),
            "town": rng.choice(["Oslo", "Lima", "Pune"], rows),
            "grade": pd.Categorical(rng.choice(list("ABC"), rows), list("CBA"), ordered=True),
            "when": days.tz_convert("Europe/Paris"),
            "visits": pd.array(rng.integers(0, 9, rows), dtype="Int64"),
            "member": pd.array(rng.random(rows) > 0.5, dtype="boolean"),
            "note": pd.array([f"n{i}" if i % 7 else None for i in range(rows)], dtype="string"),
            "target": rng.integers(0, 2, rows),
        }
    )


def numbers(rows: int = 60, columns: int = 4) -> tuple[Any, Any]:
    """Features and two classes that depend on them."""
    import numpy as np

    rng = np.random.default_rng(5)
    x = rng.normal(size=(rows, columns))
    return x, (x[:, 0] + 0.3 * rng.normal(size=rows) > 0).astype(int)


REVIEWS = [
    "the battery lasts all day and the screen is bright",
    "arrived broken and nobody answered my mails",
    "good value for the money, would buy again",
    "terrible sound, the left speaker crackles",
    "my daughter loves it and so do I",
    "stopped working after two weeks, avoid",
] * 4

MOODS = [1, 0, 1, 0, 1, 0] * 4


def small_net() -> Any:
    """A net as in a first tutorial."""
    from torch import nn

    return nn.Sequential(
        collections.OrderedDict(
            conv=nn.Conv2d(1, 4, 3, padding=1),
            norm=nn.BatchNorm2d(4),
            act=nn.ReLU(inplace=True),
            pool=nn.AdaptiveAvgPool2d(1),
            flat=nn.Flatten(),
            head=nn.Linear(4, 3),
        )
    )


WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    "battery",
    "lasts",
    "good",
    "##s",
    "a",
    "bad",
    "film",
    "was",
    "movie",
    "day",
]


def fast_tokenizer() -> Any:
    """A trained tokenizer of words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordPiece({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]"))
    inner.normalizer = normalizers.BertNormalizer(lowercase=True)
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=32,
    )


TINY: dict[str, Any] = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "vocab_size": 32,
    "max_position_embeddings": 32,
}
