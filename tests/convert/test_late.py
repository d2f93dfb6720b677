"""Streams that change what they made: nothing of them is EXACT where torch gives something else."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from pickleasm import code  # noqa: E402

from tests.e2e.program import BRINE  # noqa: E402

text, name = partial(code, "BINUNICODE"), partial(code, "GLOBAL")


def storage(key: str, kind: str = "FloatStorage", device: str = "cpu") -> bytes:
    return b"(" + text("storage") + name("torch", kind) + text(key) + text(device) + b"K\x04tQ"


NO_HOOKS = name("collections", "OrderedDict") + b")R"


def tensor(key: str, device: str = "cpu") -> bytes:
    rebuilt = name("torch._utils", "_rebuild_tensor_v2")
    return (
        rebuilt
        + b"("
        + storage(key, device=device)
        + b"K\0K\x04\x85K\x01\x85\x89"
        + NO_HOOKS
        + b"tR"
    )


def with_real(key: str, other: str) -> bytes:
    rebuilt = name("torch._utils", "_rebuild_parameter_with_state")
    state = b"}" + text("real") + tensor(other) + b"s"
    return rebuilt + b"(" + tensor(key) + b"\x89" + NO_HOOKS + state + b"tR"


def of_width(dtype: str) -> bytes:
    rebuilt = name("torch._utils", "_rebuild_tensor_v3")
    shape = b"K\0K\x08\x85K\x01\x85\x89"
    return rebuilt + b"(" + storage("0") + shape + NO_HOOKS + name("torch", dtype) + b"}tR"


def root(value: bytes, *dropped: bytes) -> bytes:
    drops = b"".join(one + b"0" for one in dropped)
    return b"\x80\x02}" + text("v") + value + b"s" + drops + b"."


def array(dtype: bytes, behind: bytes = b"") -> bytes:
    made = name("numpy.core.multiarray", "_reconstruct") + name("numpy", "ndarray")
    raw = b"C\x10" + struct.pack("<4f", 1, 2, 3, 4)
    return made + b"K\0\x85C\x01b\x87R(K\x01K\x04\x85" + dtype + b"\x89" + raw + b"tb" + behind


def dtype(order: bytes) -> bytes:
    made = name("numpy", "dtype") + text("f4") + b"\x89\x88\x87R"
    return made + b"(K\x03" + order + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"


def verdict(path: Path) -> str:
    done = subprocess.run(
        [BRINE, "convert", "--force", "--format", "json", "-o", path.with_suffix(".out"), path],
        capture_output=True,
        check=False,
    )
    return str(json.loads(done.stdout)["files"][0]["verdict"])


def archive(path: Path, data: bytes, order: str = "little") -> Path:
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("archive/data.pkl", data)
        out.writestr("archive/byteorder", order)
        out.writestr("archive/data/0", struct.pack("<4f", 1, 2, 3, 4))
        if storage("1") in data:
            out.writestr("archive/data/1", struct.pack("<4f", 9, 8, 7, 6))
        out.writestr("archive/version", "3\n")
    return path


FILES = {
    "plain": (root(tensor("0")), "little", True),
    "big-endian": (root(tensor("0")), "big", True),
    "another tensor that is dropped": (root(tensor("0"), with_real("0", "1")), "little", False),
    "a view of another width, big-endian": (root(of_width("int16")), "big", False),
    "a view of another width": (root(of_width("int16")), "little", True),
    "on the device meta": (root(tensor("0", "meta")), "little", False),
}


@pytest.mark.parametrize("what", sorted(FILES))
def test_of_a_torch_file(what: str, tmp_path: Path) -> None:
    data, order, exact = FILES[what]
    assert (verdict(archive(tmp_path / "model.pt", data, order)) == "EXACT") == exact


def test_an_array_whose_type_is_changed_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(root(array(dtype(text("<")))))
    assert verdict(path) == "EXACT"
    late = b"h\x01(K\x03" + text(">") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    bare = name("numpy", "dtype") + text("f4") + b"\x89\x88\x87Rq\x01"
    path.write_bytes(root(array(bare), late))
    assert verdict(path) != "EXACT"
