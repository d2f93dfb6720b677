"""What is done to a tensor or an array behind its making: EXACT only where the loader agrees.

Each stream is put together by hand around real storages, read by the real loader and converted.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import sys
import zipfile
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from pickleasm import assemble  # noqa: E402

from tests.convert import oracle  # noqa: E402
from tests.convert.compare import difference  # noqa: E402
from tests.convert.test_convert import converted  # noqa: E402

Program = tuple[str | bytes, ...]
HOOKS: Program = ("GLOBAL collections OrderedDict", "EMPTY_TUPLE", "REDUCE")


def storage(key: int) -> Program:
    """A storage of four floats."""
    return (
        "MARK", "BINUNICODE storage", "GLOBAL torch FloatStorage", f"BINUNICODE '{key}'",
        "BINUNICODE cpu", "BININT1 4", "TUPLE", "BINPERSID",
    )  # fmt: skip


def view(key: int) -> Program:
    """The arguments that say where in it."""
    return (*storage(key), "BININT1 0", "BININT1 4", "TUPLE1", "BININT1 1", "TUPLE1")


def tensor(key: int, *metadata: str | bytes) -> Program:
    return (
        "GLOBAL torch._utils _rebuild_tensor_v2", "MARK", *view(key), "NEWFALSE", *HOOKS,
        *metadata, "TUPLE", "REDUCE",
    )  # fmt: skip


def item(name: str, *value: str | bytes) -> Program:
    return (f"BINUNICODE {name}", *value, "SETITEM")


SET: Program = ("MARK", *view(1), "TUPLE", "BUILD")  # Tensor.set_
DATA: Program = ("EMPTY_DICT", *item("data", *tensor(1)))
WITH_STATE: Program = ("GLOBAL torch._utils _rebuild_parameter_with_state", "MARK")
FROM_TYPE: Program = ("GLOBAL torch._tensor _rebuild_from_type_v2", "MARK")
LINEAR: Program = ("GLOBAL torch.nn.modules.linear Linear", "EMPTY_TUPLE", "NEWOBJ")


def module(parameters: Program, buffers: Program) -> Program:
    return (
        *LINEAR, "EMPTY_DICT", *item("_parameters", *HOOKS, *parameters),
        *item("_buffers", *HOOKS, *buffers), *item("_modules", *HOOKS),
        *item("_non_persistent_buffers_set", "EMPTY_SET"), "BUILD",
    )  # fmt: skip


def keyed(*keys: Program) -> Program:
    """A dict of tensors under these keys."""
    out: list[str | bytes] = ["EMPTY_DICT"]
    for i, key in enumerate(keys):
        out += [*key, *tensor(i), "SETITEM"]
    return tuple(out)


ONE: Program = ("BININT1 1",)
SIZE: Program = ("GLOBAL torch Size", *ONE, "TUPLE1", "TUPLE1", "REDUCE")
DECIMAL: Program = ("GLOBAL decimal Decimal", "BINUNICODE '1'", "TUPLE1", "REDUCE")

CHANGED: dict[str, Program] = {
    "set": ("EMPTY_DICT", *item("a", *tensor(0), *SET)),
    "set later": ("EMPTY_DICT", *item("a", *tensor(0), "BINPUT 5"), "BINGET 5", *SET, "POP"),
    "five": (
        "EMPTY_DICT",
        *item("a", *tensor(0), "MARK", *tensor(1), "NEWFALSE", "NONE", "NEWFALSE", "NONE",
              "TUPLE", "BUILD"),
    ),
    "parameter with data": (
        "EMPTY_DICT",
        *item("a", *WITH_STATE, *tensor(0), "NEWTRUE", *HOOKS, *DATA, "TUPLE", "REDUCE"),
    ),
    "subclass with data": (
        "EMPTY_DICT",
        *item("a", *FROM_TYPE, "GLOBAL torch._utils _rebuild_tensor_v2", "GLOBAL torch Tensor",
              "MARK", *view(0), "NEWFALSE", *HOOKS, "TUPLE", *DATA, "TUPLE", "REDUCE"),
    ),
    "parameter with a deep state": (
        "EMPTY_DICT",
        *item("a", *WITH_STATE, *tensor(0), "NEWTRUE", *HOOKS, "EMPTY_TUPLE",
              *("TUPLE1",) * 50_000, "TUPLE", "REDUCE"),
    ),
    "item": ("EMPTY_DICT", *item("a", *tensor(0), "BININT1 0", "BININT1 7", "SETITEM")),
    "conj of floats": (
        "EMPTY_DICT", *item("a", *tensor(0, "EMPTY_DICT", *item("conj", "NEWTRUE"))),
    ),
    "name twice": module(item("w", *tensor(0)), item("w", *tensor(1))),
    "size and tuple": keyed((*ONE, "TUPLE1"), SIZE),
    "decimal and int": keyed(ONE, DECIMAL),
}  # fmt: skip
KEPT: dict[str, Program] = {
    "gradient and hooks": (
        "EMPTY_DICT",
        *item("a", *tensor(0), "MARK", "NEWFALSE", "NONE", *HOOKS, "TUPLE", "BUILD"),
    ),
    "neg that is false": (
        "EMPTY_DICT", *item("a", *tensor(0, "EMPTY_DICT", *item("neg", "NEWFALSE"))),
    ),
    "parameter with a note": (
        "EMPTY_DICT",
        *item("a", *WITH_STATE, *tensor(0), "NEWTRUE", *HOOKS, "EMPTY_DICT",
              *item("note", "NONE"), "TUPLE", "REDUCE"),
    ),
    "module": module(item("w", *tensor(0)), item("b", *tensor(1))),
    "tensors": keyed(tensor(0), tensor(1)),
    "bytes": keyed(("SHORT_BINBYTES b'a'",), ("BINUNICODE b",)),
}  # fmt: skip


def torch_file(path: Path, program: Program) -> Path:
    """The program as a torch zip with the storages that it names."""
    stream = assemble("PROTO 4", *program, "STOP")
    real = io.BytesIO()
    torch.save([torch.arange(4.0) + 10 * i for i in range(2)], real)
    unused = {f"archive/data/{i}" for i in range(2) if storage(i)[3] not in program}
    with zipfile.ZipFile(real) as source, zipfile.ZipFile(path, "w") as out:
        for name in source.namelist():
            if name not in unused:
                data = stream if name.endswith("data.pkl") else source.read(name)
                out.writestr(name, data)
    return path


@pytest.mark.parametrize("what", CHANGED)
def test_a_tensor_that_is_changed_is_not_exact(what: str, tmp_path: Path) -> None:
    file = converted(torch_file(tmp_path / "m.pt", CHANGED[what]))
    assert file["verdict"] in ("DISARMED", "REFUSED"), file


@pytest.mark.parametrize("what", KEPT)
def test_what_changes_nothing_is_exact(what: str, tmp_path: Path) -> None:
    path = torch_file(tmp_path / "m.pt", KEPT[what])
    file = converted(path)
    assert file["verdict"] == "EXACT", file
    if what not in ("bytes", "tensors"):  # named in another way
        expected = oracle.expected(torch.load(path, weights_only=False))
        assert difference(Path(file["output"]), expected) is None


def joblib_file(path: Path, value: object, change: bytes) -> Path:
    """The file of a value that is changed right before the end."""
    joblib.dump(value, path)
    path.write_bytes(path.read_bytes()[:-1] + change + b".")
    return path


def state(array: np.ndarray) -> bytes:
    """What BUILD gives an array."""
    reduced = array.__reduce__()[2]
    return pickletools.optimize(pickle.dumps(reduced, 2))[2:-1]


@pytest.mark.parametrize("kind", ["numbers", "objects"])
def test_an_array_of_joblib_that_is_built_again(kind: str, tmp_path: Path) -> None:
    array = np.arange(3.0) if kind == "numbers" else np.array([np.arange(3.0), 1], object)
    same = joblib_file(tmp_path / "same.joblib", array, b"")
    path = joblib_file(tmp_path / "m.joblib", array, state(np.ones(3)) + b"b")
    if kind == "numbers":
        assert converted(same)["verdict"] == "EXACT"
        assert joblib.load(path).tolist() == [1, 1, 1]
    assert converted(path)["verdict"] != "EXACT"


def test_what_changes_behind_an_inner_pickle(tmp_path: Path) -> None:
    """An OrderedDict takes its pairs when it is made; the list grows behind that."""

    def body(value: object) -> bytes:
        return pickletools.optimize(pickle.dumps(value, 2))[2:-1]

    def pair(name: str, array: np.ndarray) -> bytes:
        return body(name) + body(array) + b"\x86"

    made = b"ccollections\nOrderedDict\n]q\xf0" + pair("a", np.zeros(3)) + b"a\x85R"
    late = b"h\xf0" + pair("b", np.ones(2)) + b"a0"
    wrapped = io.BytesIO()
    joblib.dump(np.array([None], object), wrapped)
    inner = pickle.dumps(np.array(["MARKER"], object), 2)
    outer = wrapped.getvalue()
    outer = outer[: outer.rindex(b"\x80\x05")]
    for name, what, exact in (("plain", made, True), ("late", made + late, False)):
        path = tmp_path / f"{name}.joblib"
        path.write_bytes(outer + inner.replace(body("MARKER"), what) + b".")
        assert list(joblib.load(path)[0]) == ["a"], name
        assert exact or converted(path)["verdict"] != "EXACT"


@pytest.mark.parametrize("lost", ["_flat_weights", "_all_weights"])
def test_a_recurrent_layer_without_what_its_state_must_hold(lost: str, tmp_path: Path) -> None:
    """RNNBase.__setstate__ raises: there is nothing that could be equal."""
    path = tmp_path / "lstm.pt"
    torch.save({"rnn": torch.nn.LSTM(2, 3)}, path)
    assert converted(path)["verdict"] == "EXACT"
    key = b"X" + len(lost).to_bytes(4, "little") + lost.encode()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(tmp_path / "lost.pt", "w") as out:
        for info in source.infolist():
            data = source.read(info)
            assert key in data or not info.filename.endswith("data.pkl")
            out.writestr(info.filename, data.replace(key, key[:-1] + b"z"))
    with pytest.raises(AttributeError):
        torch.load(tmp_path / "lost.pt", weights_only=False)
    assert converted(tmp_path / "lost.pt")["verdict"] != "EXACT"
