"""EXACT is a claim about the loader's result: files on which it is easily wrong.

Each file is read by the real loader and converted. Where the loader raises, nothing may be EXACT;
what is EXACT must be equal; and the honest neighbours of the hostile files are.
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from pickleasm import assemble, code  # noqa: E402

from tests.convert import oracle  # noqa: E402
from tests.convert.checkpoints import Call  # noqa: E402
from tests.convert.compare import difference  # noqa: E402
from tests.convert.test_changed import item, tensor, torch_file, view  # noqa: E402
from tests.e2e.program import BRINE  # noqa: E402

U: Any = torch._utils  # noqa: SLF001
Load = Callable[[Path], Any]


def torch_load(path: Path) -> Any:
    return torch.load(path, weights_only=False)


def pickle_load(path: Path) -> Any:
    return pickle.loads(path.read_bytes())


def converted(path: Path, *words: str, command: str = "convert") -> dict[str, Any]:
    line: list[str | Path] = [BRINE, command, "--force", "--format", "json", *words, path]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    file: dict[str, Any] = json.loads(done.stdout)["files"][0]
    return file


def check(path: Path, load: Load, *, exact: bool, words: tuple[str, ...] = ()) -> dict[str, Any]:
    """The row of the file, which is EXACT or not, and holds what the loader gives."""
    file = converted(path, *words)
    assert (file["verdict"] == "EXACT") == exact, file
    if exact and not words:
        assert difference(Path(file["output"]), oracle.expected(load(path))) is None
    return file


def saved(tmp_path: Path, value: Any, **more: Any) -> Path:
    torch.save(value, tmp_path / "m.pt", **more)
    return tmp_path / "m.pt"


def made(fn: Callable[..., Any], *args: Any, more: tuple[Any, ...] = ()) -> Any:
    """Is pickled as a call, with a state and items behind it."""
    return Call(fn, *args) if not more else Reduced(fn, args, *more)


class Reduced:
    def __init__(self, *parts: Any) -> None:
        self.parts = parts

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts


def with_state(weight: Tensor, **state: Any) -> Any:
    return made(U._rebuild_parameter_with_state, weight, False, OrderedDict(), state)


# --- memory that others share ---


def overwritten(where: str, name: str) -> Any:
    """A dict whose tensor shares memory with one that is given this state where nobody looks."""
    weight = torch.zeros(4)
    other = with_state(weight, **{name: torch.ones(4)})
    if where == "key":
        return {"w": weight, other: None}
    if where == "attribute":
        ordered: Any = OrderedDict(w=weight)
        ordered.note = other
        return ordered
    if where == "note":
        parameter: Any = nn.Parameter(torch.ones(2))
        parameter.note = other
        return {"w": weight, "p": parameter}
    return {"w": weight, "x": made(dict, {"y": other})}


@pytest.mark.parametrize("where", ["key", "attribute", "note", "argument"])
def test_memory_that_a_state_writes_into(where: str, tmp_path: Path) -> None:
    assert converted(saved(tmp_path, overwritten(where, "note")))["verdict"] == "EXACT"
    check(saved(tmp_path, overwritten(where, "real")), torch_load, exact=False)
    assert converted(tmp_path / "m.pt", command="disarm")["verdict"] != "EXACT"


def test_memory_that_is_written_outside_of_the_root(tmp_path: Path) -> None:
    path = saved(tmp_path, {"w": torch.zeros(4), "x": torch.ones(4)})
    check(path, torch_load, exact=True, words=("--root", "w"))
    weight = torch.zeros(4)
    path = saved(tmp_path, {"w": weight, "x": with_state(weight, real=torch.ones(4))})
    check(path, torch_load, exact=False, words=("--root", "w"))


def test_a_value_that_is_stored_over(tmp_path: Path) -> None:
    real = ("EMPTY_DICT", *item("real", *tensor(1)))
    state = (
        "GLOBAL torch._utils _rebuild_parameter_with_state", "MARK", *tensor(0), "NEWFALSE",
        "GLOBAL collections OrderedDict", "EMPTY_TUPLE", "REDUCE", *real, "TUPLE", "REDUCE",
    )  # fmt: skip
    program = ("EMPTY_DICT", *item("x", *state), *item("x", "NONE"), *item("w", *tensor(0)))
    check(torch_file(tmp_path / "m.pt", program), torch_load, exact=False)


@pytest.mark.parametrize(
    "name", ["shape", "T", "dtype", "device", "_version", "grad_fn", "name", "is_cpu"]
)
def test_attributes_that_cannot_be_set(name: str, tmp_path: Path) -> None:
    path = saved(tmp_path, {"a": with_state(torch.ones(2), **{name: None})})
    with pytest.raises(AttributeError):
        torch_load(path)
    check(path, torch_load, exact=False)


FRAME = struct.pack("<4f", 1, 2, 3, 4)


@pytest.mark.parametrize("changed", [False, True])
def test_an_array_over_bytes_that_change(changed: bool, tmp_path: Path) -> None:
    late = ("BINGET 5", "BININT1 2", "BININT1 255", "SETITEM", "APPEND") if changed else ()
    program = (
        "PROTO 5", "EMPTY_LIST", "GLOBAL numpy.core.numeric _frombuffer", "MARK",
        code("BYTEARRAY8", FRAME), "BINPUT 5", "GLOBAL numpy dtype", "BINUNICODE f4", "NEWFALSE",
        "NEWTRUE", "TUPLE3", "REDUCE", "BININT1 4", "TUPLE1", "BINUNICODE C", "TUPLE", "REDUCE",
        "APPEND", *late, "STOP",
    )  # fmt: skip
    (tmp_path / "m.pkl").write_bytes(assemble(*program))
    check(tmp_path / "m.pkl", pickle_load, exact=not changed)


# --- torch's first format ---


def legacy(value: Any) -> bytes:
    out = io.BytesIO()
    torch.save(value, out, _use_new_zipfile_serialization=False)
    return out.getvalue()


NESTED: dict[str, Any] = {
    "a dict": {"q": torch.arange(4.0)},
    "a list": [torch.arange(4.0)],
    "a tensor": torch.arange(4.0),
    "a part": torch.arange(4.0)[1:3],
    "a conjugate": torch.tensor([1 + 2j]).conj(),
}


@pytest.mark.parametrize("what", NESTED)
def test_a_file_in_the_pickle_that_is_no_storage(what: str, tmp_path: Path) -> None:
    value = {"a": Call(torch.storage._load_from_bytes, legacy(NESTED[what]))}  # noqa: SLF001
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(value, 4))
    check(tmp_path / "m.pkl", pickle_load, exact=False)


def test_a_file_in_the_pickle_that_is_a_storage(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(pickle.dumps({"a": torch.arange(4.0)[1:3]}, 4))
    check(tmp_path / "m.pkl", pickle_load, exact=True)


def test_a_storage_that_comes_twice(tmp_path: Path) -> None:
    prefix = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]
    stream = (
        "PROTO 2", "GLOBAL torch._utils _rebuild_tensor_v2", "MARK", "MARK", "BINUNICODE storage",
        "GLOBAL torch FloatStorage", "BINUNICODE '0'", "BINUNICODE cpu", "BININT1 4", "NONE",
        "TUPLE", "BINPERSID", "BININT1 0", "BININT1 4", "TUPLE1", "BININT1 1", "TUPLE1",
        "NEWFALSE", "GLOBAL collections OrderedDict", "EMPTY_TUPLE", "REDUCE", "TUPLE", "REDUCE",
        "STOP",
    )  # fmt: skip
    data = b"".join(pickle.dumps(value, 2) for value in prefix) + assemble(*stream)
    data += pickle.dumps(["0", "0"], 2)
    for first in (0, 10):
        data += struct.pack("<q4f", 4, *range(first, first + 4))
    (tmp_path / "m.pt").write_bytes(data)
    assert torch_load(tmp_path / "m.pt").tolist() == [10, 11, 12, 13]
    check(tmp_path / "m.pt", torch_load, exact=True)


def test_a_nested_tensor_is_made_before_its_sizes_are_there(tmp_path: Path) -> None:
    value: Any = {"a": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])}
    check(saved(tmp_path, value), torch_load, exact=True)
    path = saved(tmp_path, value, _use_new_zipfile_serialization=False)
    assert converted(path)["verdict"] == "DISARMED"


# --- containers that torch does not open ---


def changed(path: Path, records: dict[str, bytes | None]) -> Path:
    """An honest file in which records are others, or missing."""
    torch.save({"a": torch.arange(4.0)}, path)
    out = path.with_name("changed.pt")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(out, "w") as target:
        kept = {name.split("/", 1)[1]: source.read(name) for name in source.namelist()}
        for name, data in (kept | records).items():
            if data is not None:
                target.writestr(f"archive/{name}", data)
    return out


RECORDS: dict[str, tuple[dict[str, bytes | None], bool]] = {
    "as it was": ({}, True),
    "an old version": ({"version": b"2\n"}, True),
    "no version": ({"version": None}, False),
    "an empty version": ({"version": b""}, False),
    "version 99": ({"version": b"99"}, False),
    "version abc": ({"version": b"abc"}, False),
    "no alignment": ({".storage_alignment": None}, True),
    "alignment abc": ({".storage_alignment": b"abc"}, False),
    "a long identity": ({".data/serialization_id": "\u00e9".encode() * 900}, True),
    "an identity that is no text": ({".data/serialization_id": b"\xff7"}, False),
    "an identity with a surrogate": ({".data/serialization_id": b"\xed\xa0\x80"}, False),
    "constants": ({"constants.pkl": b"\x80\x02)."}, False),
}


@pytest.mark.parametrize("what", RECORDS)
def test_records_that_torch_looks_at(what: str, tmp_path: Path) -> None:
    records, exact = RECORDS[what]
    path = changed(tmp_path / "m.pt", records)
    if not exact:
        with pytest.raises((RuntimeError, ValueError)):
            torch_load(path)
    check(path, torch_load, exact=exact)


def with_sixth(*part: str) -> tuple[str | bytes, ...]:
    """A tensor's call in which the storage's id has one more part."""
    program = tensor(0)
    return (*program[:8], *part, *program[8:])


def test_an_id_of_another_format(tmp_path: Path) -> None:
    program = ("EMPTY_DICT", *item("a", *with_sixth("NONE")))
    path = torch_file(tmp_path / "m.pt", program)
    with pytest.raises(ValueError, match="unpack"):
        torch_load(path)
    check(path, torch_load, exact=False)


FIRST: dict[str, tuple[tuple[str, ...], list[Any], bool]] = {
    "as torch writes it": (("NONE",), ["0"], True),
    "five values": ((), ["0"], False),
    "a number in the list": (("NONE",), [0], False),
}


@pytest.mark.parametrize("what", FIRST)
def test_ids_of_the_first_format(what: str, tmp_path: Path) -> None:
    part, keys, exact = FIRST[what]
    first: tuple[Any, ...] = (0x1950A86A20F9469CFC6C, 1001, {})
    data = b"".join(pickle.dumps(value, 2) for value in first)
    data += assemble("PROTO 2", *with_sixth(*part), "STOP") + pickle.dumps(keys, 2)
    (tmp_path / "m.pt").write_bytes(data + struct.pack("<q4f", 4, *range(4)))
    if not exact:
        with pytest.raises((ValueError, KeyError, AssertionError)):
            torch_load(tmp_path / "m.pt")
    check(tmp_path / "m.pt", torch_load, exact=exact)


# --- tensors of several parts ---


def coo(indices: Tensor, values: Tensor, size: tuple[int, ...]) -> Any:
    return {"a": made(U._rebuild_sparse_tensor, torch.sparse_coo, (indices, values, size, False))}


def channels(scale: torch.dtype, zero: torch.dtype) -> Any:
    real = torch.quantize_per_channel(
        torch.ones(2, 2), torch.tensor([0.5, 0.25]), torch.tensor([0, 1]), 0, torch.qint8
    )
    function, args = real.__reduce_ex__(2)
    scheme, scales, zeros, axis = args[4]
    again = (scheme, scales.to(scale), zeros.to(zero), axis)
    return {"a": made(function, *args[:4], again, *args[5:])}


LONG, INT = torch.int64, torch.int32
PARTS: dict[str, tuple[Callable[[], Any], bool]] = {
    "indices": (lambda: coo(torch.zeros(1, 2, dtype=LONG), torch.ones(2), (3,)), True),
    "narrow indices": (lambda: coo(torch.zeros(1, 2, dtype=INT), torch.ones(2), (3,)), False),
    "too few indices": (lambda: coo(torch.zeros(1, 1, dtype=LONG), torch.ones(2), (3,)), False),
    "too many sizes": (lambda: coo(torch.zeros(1, 2, dtype=LONG), torch.ones(2), (3, 3)), False),
    "scales": (lambda: channels(torch.float64, LONG), True),
    "narrow scales": (lambda: channels(torch.float32, LONG), False),
    "narrow zero points": (lambda: channels(torch.float64, INT), False),
}


@pytest.mark.parametrize("what", PARTS)
def test_parts_that_torch_makes_others_of(what: str, tmp_path: Path) -> None:
    value, exact = PARTS[what]
    check(saved(tmp_path, value()), torch_load, exact=exact)


OLD = {"FloatTensor": True, "DoubleTensor": False}


@pytest.mark.parametrize("cls", OLD)
def test_an_old_tensor_of_another_type(cls: str, tmp_path: Path) -> None:
    program = (f"GLOBAL torch {cls}", "EMPTY_TUPLE", "REDUCE", "MARK", *view(0), "TUPLE", "BUILD")
    path = torch_file(tmp_path / "m.pt", ("EMPTY_DICT", *item("a", *program)))
    check(path, torch_load, exact=OLD[cls])


@pytest.mark.parametrize("disks", [0, 1, 2, 17])
def test_an_archive_on_several_disks(disks: int, tmp_path: Path) -> None:
    path = saved(tmp_path, {"w": torch.arange(4.0)})
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x06\x07") + 16  # the locator's count
    data[at : at + 4] = disks.to_bytes(4, "little")
    path.write_bytes(data)
    if disks != 1:
        with pytest.raises(RuntimeError, match="multidisk"):
            torch_load(path)
    check(path, torch_load, exact=disks == 1)
