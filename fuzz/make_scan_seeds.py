"""Write the seeds of the targets scan, safetensors and torch. Needs nothing but Python."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

SEEDS = Path(__file__).parent / "seeds"
PAYLOAD = b"cposix\nsystem\n(Vtrue\ntR"
MAGIC = pickle.dumps(0x1950A86A20F9469CFC6C, 2)
NAMES = {"pt": 0, "bin": 1, "pkl": 2, "joblib": 3, "npy": 4, "safetensors": 5, "txt": 11}


def safetensors_header(tensors: int) -> bytes:
    header = {
        f"t{i}": {"dtype": "F32", "shape": [2], "data_offsets": [8 * i, 8 * i + 8]}
        for i in range(tensors)
    }
    return json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()


def safetensors_file(tensors: int) -> bytes:
    header = safetensors_header(tensors)
    return struct.pack("<Q", len(header)) + header + bytes(8 * tensors)


def storage_object() -> bytes:
    return b"\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x04NtQ."


def legacy() -> bytes:
    head = MAGIC + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
    return head + storage_object() + pickle.dumps(["0"], 2) + struct.pack("<q", 4) + bytes(16)


def torch_zip(stream: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in (
            ("m/data.pkl", stream),
            ("m/data/0", bytes(16)),
            ("m/version", b"3\n"),
            ("m/README.md", b"hello"),
        ):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(info, data)
    return buffer.getvalue()


def scan_seeds() -> dict[str, tuple[str, bytes]]:
    nested = pickle.dumps({"a": [1, 2.5, "x", None, (True,)]}, 4)
    inner = b"\x80\x03cpickle\nloads\nB" + struct.pack("<I", len(nested)) + nested + b"\x85R."
    return {
        "plain": ("pkl", nested),
        "two": ("pkl", nested + nested),
        "nested": ("pkl", inner),
        "payload": ("bin", b"\x80\x02" + PAYLOAD + b"."),
        "broken": ("bin", b"\x80\x02" + PAYLOAD + b"X."),
        "behind": ("pkl", b"\x80\x02N.\0\xff\x80\x02" + PAYLOAD + b"."),
        "python2": ("pkl", b"U\x01\xe9."),
        "text": ("txt", b"class A(B):\n    pass\n"),
        "legacy": ("pt", legacy()),
        "zip": ("pt", torch_zip(pickle.dumps({}, 2))),
        "zip-payload": ("pt", torch_zip(b"\x80\x02" + PAYLOAD + b".")),
        "zip-cut": ("pt", torch_zip(pickle.dumps({}, 2))[:-30]),
        "safetensors": ("safetensors", safetensors_file(2)),
    }


def main() -> None:
    def write(target: str, name: str, data: bytes) -> None:
        folder = SEEDS / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)

    for name, (ending, data) in scan_seeds().items():
        write("scan", name, bytes([NAMES[ending]]) + data)
    for tensors in (0, 1, 3):
        header = safetensors_header(tensors)
        write("safetensors", f"tensors-{tensors}", struct.pack("<H", 8 * tensors) + header)
    write("safetensors", "escapes", b"\0\0" + rb'{"__metadata__":{"\u00e9\n":"\ud83d\ude00"}}')
    for name, stream in (
        ("plain", pickle.dumps({}, 2)),
        ("payload", b"\x80\x02" + PAYLOAD + b"."),
        ("storage", storage_object()),
    ):
        write("torch", name, b"\0\0\0\x10" + bytes(16) + stream)
        write("torch", name + "-edited", b"\x1e\0\x01\x10" + bytes(16) + stream)


if __name__ == "__main__":
    main()
