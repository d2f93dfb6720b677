"""Write the seeds of the target convert. Needs nothing but Python."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
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


def tar(stream: bytes) -> bytes:
    """torch's first format: a storage, its second half, a tensor over each."""
    classes = (b"ctorch\nFloatStorage\n", b"ctorch\nFloatTensor\n")
    storages = b"\x80\x02K\x01." + b"\x80\x02(K\x0aX\x03\0\0\0cpu" + classes[0] + b"t."
    storages += struct.pack("<q", 6) + bytes(24) + b"\x80\x02](K\x0bK\x0aK\x03K\x03ta."
    tensors = b"\x80\x02K\x02."
    for number, root in ((20, 10), (21, 11)):
        tensors += b"\x80\x02(" + bytes([ord("K"), number, ord("K"), root]) + classes[1] + b"t."
        tensors += struct.pack("<ii5q", 2, 0, 1, 3, 3, 1, 0)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as out:
        for name, data in (("storages", storages), ("tensors", tensors), ("pickle", stream)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def npy(descr: str, data: bytes) -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,), }}".encode()
    text += b" " * ((-len(text) - 11) % 64) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + data


def arrays(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, data in members.items():
            out.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def main() -> None:
    SEEDS.mkdir(parents=True, exist_ok=True)
    pair = b"\x80\x02}(X\x01\0\0\0w" + TENSOR + b"X\x01\0\0\0v" + TENSOR + b"u."
    seeds = {
        "zip": archive(pair),
        "zip-cut": archive(pair)[:-60],
        "zip-payload": archive(b"\x80\x02}(X\x01\0\0\0w" + TENSOR + b"K\0" + PAYLOAD + b"u."),
        "legacy": legacy(pair),
        "tar": tar(b"\x80\x02}(X\x01\0\0\0wX\x02\0\0\x0020QX\x01\0\0\0vX\x02\0\0\x0021Qu."),
        "array": b"\x80\x03}(X\x01\0\0\0a" + ARRAY + b"X\x01\0\0\0tK\x01\x85u.",
        "cast": archive(
            b"\x80\x03ctorch._utils\n_rebuild_device_tensor_from_numpy\n("
            + ARRAY
            + b"ctorch\nbfloat16\nX\x03\0\0\0cpu\x89tR."
        ),
        "loop": b"\x80\x02]q\0(h\0" + ARRAY + b"e.",
    }
    for name, data in seeds.items():
        for option in (0, 0x80, 0x85, 0x43):
            (SEEDS / f"{name}-{option:02x}").write_bytes(bytes([option]) + data)
    # The option chooses disarm and the name that goes with the kind.
    objects = b"\x80\x03" + ARRAY.replace(b"f4", b"O8").replace(b"<NNN", b"|NNN")
    objects = objects.replace(b"K\0tb\x89C\x08" + bytes(8), b"K?tb\x89]q\0(K\x01h\0e") + b"."
    plain = b"\x80\x04}(X\x01\0\0\0a" + ARRAY + b"X\x01\0\0\0s\x8f(K\x01K\x02\x90u."
    wrapper = (
        b"\x80\x03cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}(X\x08\0\0\0subclasscnumpy\nndarray\n"
        b"X\x05\0\0\0shapeK\x02\x85X\x05\0\0\0orderX\x01\0\0\0CX\x05\0\0\0dtypecnumpy\ndtype\n"
        b"(X\x02\0\0\0f4\x89\x88tR(K\x03X\x01\0\0\0<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
        b"X\x0a\0\0\0allow_mmap\x88ub" + bytes(8) + b"."
    )
    kinds = {
        0x81: {"joblib": wrapper, "joblib-plain": plain},
        0x82: {"npy": npy("<f4", bytes(8)), "npy-objects": npy("|O", objects)},
        0x83: {"npz": arrays({"a": npy("<f4", bytes(8)), "o": npy("|O", objects)})},
        0x84: {"gz": gzip.compress(plain, mtime=0)},
    }
    for option, files in kinds.items():
        for name, data in files.items():
            (SEEDS / f"{name}-{option:02x}").write_bytes(bytes([option]) + data)


if __name__ == "__main__":
    main()
