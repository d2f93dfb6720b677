"""Write the seeds of the target convert. Needs nothing but Python."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

from make_scan_seeds import MAGIC, PAYLOAD

SEEDS = Path(__file__).parent / "seeds" / "convert"
STORAGE = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ"
TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n("
    + STORAGE
    + b"K\0K\x02K\x03\x86K\x01K\x02\x86\x89ccollections\nOrderedDict\n)RtR"
)
ARRAY = (
    b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85C\x01btR"
    b"(K\x01K\x02\x85cnumpy\ndtype\n(X\x02\0\0\0f4\x89\x88tR(K\x03X\x01\0\0\0<NNNJ\xff\xff\xff\xff"
    b"J\xff\xff\xff\xffK\0tb\x89C\x08\0\0\0\0\0\0\0\0tb"
)


def archive(stream: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, data in (("data.pkl", stream), ("data/0", bytes(24)), ("version", b"3\n")):
            out.writestr(zipfile.ZipInfo(f"a/{name}", (1980, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def legacy(stream: bytes) -> bytes:
    head = MAGIC + b"\x80\x02M\xe9\x03." + b"\x80\x02}."
    return head + stream + b"\x80\x02]X\x01\0\0\x000a." + struct.pack("<q", 6) + bytes(24)


def main() -> None:
    SEEDS.mkdir(parents=True, exist_ok=True)
    pair = b"\x80\x02}(X\x01\0\0\0w" + TENSOR + b"X\x01\0\0\0v" + TENSOR + b"u."
    seeds = {
        "zip": archive(pair),
        "zip-cut": archive(pair)[:-60],
        "zip-payload": archive(b"\x80\x02}(X\x01\0\0\0w" + TENSOR + b"K\0" + PAYLOAD + b"u."),
        "legacy": legacy(pair),
        "array": b"\x80\x03}(X\x01\0\0\0a" + ARRAY + b"X\x01\0\0\0tK\x01\x85u.",
        "loop": b"\x80\x02]q\0(h\0" + ARRAY + b"e.",
    }
    for name, data in seeds.items():
        for option in (0, 0xC0, 0x43):
            (SEEDS / f"{name}-{option:02x}").write_bytes(bytes([option]) + data)


if __name__ == "__main__":
    main()
