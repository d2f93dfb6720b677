"""Objects of the file whose own methods a library would call while it loads.

Each stream gives a library, the interpreter or NumPy something that answers with code or numbers
of the file: a hash, a close, an index, an attribute in a method's place, a size. All parts are
harmless names, so that nothing but the place where they stand can be held against a stream.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.contracts.make import (
    call,
    dict_of,
    integer,
    list_of,
    octets,
    reference,
    text,
    tuple_of,
)
from tests.e2e.program import verdict_of

PRINT = reference("builtins:print")
ORDERED = call("collections:OrderedDict")


def made(key: str, state: bytes) -> bytes:
    """An instance that NEWOBJ makes, with a state."""
    return reference(key) + b")\x81" + state + b"b"


def objects(*items: bytes) -> bytes:
    """A NumPy array of objects."""
    kind = call("numpy:dtype", text("O8"), b"\x89", b"\x88")
    kind += (
        tuple_of(integer(3), text("|"), *[b"N"] * 3, integer(-1), integer(-1), integer(63)) + b"b"
    )
    empty = call(
        "numpy._core.multiarray:_reconstruct",
        reference("numpy:ndarray"),
        tuple_of(integer(0)),
        octets(b"b"),
    )
    shape = tuple_of(integer(len(items)))
    return empty + tuple_of(integer(1), shape, kind, b"\x89", list_of(*items)) + b"b"


def flexible(letters: str, size: int) -> bytes:
    kind = call("numpy:dtype", text(letters), b"\x89", b"\x88")
    state = (integer(3), text("|"), *[b"N"] * 3, integer(size), integer(1), integer(0))
    return kind + tuple_of(*state) + b"b"


def tensor(storage: bytes) -> bytes:
    loaded = call("torch.storage:_load_from_bytes", octets(storage))
    shape, strides = tuple_of(integer(2)), tuple_of(integer(1))
    return call(
        "torch._utils:_rebuild_tensor_v2", loaded, integer(0), shape, strides, b"\x89", ORDERED
    )


def index(kind: str, items: bytes) -> bytes:
    return call("pandas.core.indexes.base:_new_Index", reference(kind), items)


STORAGE = torch.zeros(2).untyped_storage().__reduce__()[1][0]
ACTION = made("argparse:Action", dict_of(text("n"), integer(1)))
CODES = pickle.dumps(pd.Categorical(["a"]), 4)
PARTS: tuple[object, ...] = (
    0x1950A86A20F9469CFC6C,
    1001,
    {
        "protocol_version": 1001,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    },
    OrderedDict(a=1),
    [],
)
LEGACY = b"".join(pickle.dumps(part, 2) for part in PARTS)


def noted(**attributes: bytes) -> bytes:
    items: list[bytes] = []
    for name, value in attributes.items():
        items += [text(name), value]
    return call(
        "torch._utils:_rebuild_parameter_with_state",
        tensor(STORAGE),
        b"\x89",
        ORDERED,
        dict_of(*items),
    )


def typed(*, tensor_class: str = "torch:Tensor", state: bytes = b"}") -> bytes:
    """A tensor as torch writes those with attributes."""
    loaded = call("torch.storage:_load_from_bytes", octets(STORAGE))
    args = tuple_of(
        loaded, integer(0), tuple_of(integer(2)), tuple_of(integer(1)), b"\x89", ORDERED
    )
    return call(
        "torch._tensor:_rebuild_from_type_v2",
        reference("torch._utils:_rebuild_tensor_v2"),
        reference(tensor_class),
        args,
        state,
    )


STREAMS = {
    "a tensor's attribute in a method's place": typed(state=dict_of(text("register_hook"), PRINT)),
    "a tensor of a class that is no tensor's": typed(tensor_class="builtins:print"),
    # scipy's OptimizeResult is a dict that gives its items as attributes
    "something else than a tensor that is asked for as_subclass": call(
        "torch._tensor:_rebuild_from_type_v2",
        reference("copyreg:_reconstructor"),
        reference("torch:Tensor"),
        tuple_of(
            reference("scipy.optimize._optimize:OptimizeResult"),
            reference("builtins:dict"),
            dict_of(text("as_subclass"), PRINT),
        ),
        b"}",
    ),
    "a tuple that hashes its items": dict_of(
        call("builtins:tuple", list_of(made("dateutil.relativedelta:relativedelta", b"}"))),
        integer(1),
    ),
    "bytes in memory with a close": made(
        "io:BytesIO", tuple_of(octets(b""), integer(0), dict_of(text("close"), PRINT))
    ),
    "text in memory with a close": made(
        "io:StringIO", tuple_of(text(""), text("\n"), integer(0), dict_of(text("close"), PRINT))
    ),
    "objects as categories": index(
        "pandas:CategoricalIndex", dict_of(text("data"), objects(ACTION, ACTION))
    ),
    "objects as intervals": index(
        "pandas:IntervalIndex", dict_of(text("data"), objects(ACTION), text("dtype"), b"N")
    ),
    "an index of objects as categories": index(
        "pandas:CategoricalIndex",
        dict_of(text("data"), index("pandas:Index", dict_of(text("data"), objects(ACTION)))),
    ),
    "categories that become numbers": index(
        "pandas:Index", dict_of(text("data"), CODES[2:-1], text("dtype"), text("int64"))
    ),
    "a type that knows more than numbers": made(
        "pandas.core.arrays.integer:Int64Dtype",
        dict_of(text("_cache"), dict_of(text("numpy_dtype"), ACTION)),
    ),
    "a dict subclass that is filled past its methods": call(
        "copyreg:_reconstructor",
        reference("yacs.config:CfgNode"),
        reference("builtins:dict"),
        dict_of(text("__setstate__"), PRINT),
    ),
    "a storage that is none": dict_of(
        call("torch.storage:_load_from_bytes", octets(LEGACY)), integer(1)
    ),
    "a storage in another container": call(
        "torch.storage:_load_from_bytes", octets(b"PK\x05\x06" + bytes(18))
    ),
    "a parameter's detach": noted(detach=PRINT),
    "a parameter's to": noted(to=PRINT),
    "a parameter's numel": noted(numel=PRINT),
    "a parameter's data": noted(data=tensor(STORAGE)),
    "a text's size of -1": flexible("S", -1),
    "a raw element's size of -1": flexible("V", -1),
    "a wide text's size of -1": flexible("U", -1),
    "a callable that an object is": call(
        "functools:partial",
        made("argparse:FileType", dict_of(text("_mode"), text("w"))),
        text("somewhere"),
    ),
    "a class that writes files, kept": call("functools:partial", PRINT, reference("numpy:memmap")),
    "a method of the file's choice": call("operator:methodcaller", text("__setstate__"), b"}"),
    "a number for a class": made(
        "torch.utils.hooks:RemovableHandle", tuple_of(b"N", integer(2**60))
    ),
    "an index that an object gives": list_of(integer(1))
    + made("plistlib:UID", dict_of(text("data"), integer(0)))
    + integer(5)
    + b"s",
    "a byte that an object gives": b"\x96"
    + struct.pack("<Q", 1)
    + b"a"
    + made("plistlib:UID", dict_of(text("data"), integer(0)))
    + b"a",
    "a zone of another package": call("zoneinfo:ZoneInfo._unpickle", text("Evil/Zone"), integer(0)),
}


@pytest.mark.parametrize("name", STREAMS)
def test_not_clean(name: str, tmp_path: Path) -> None:
    assert verdict_of(tmp_path, b"\x80\x04" + STREAMS[name] + b".") == "suspicious"


HONEST = {
    "an array of a class that would write files": call(
        "numpy._core.multiarray:_reconstruct",
        reference("numpy:memmap"),
        tuple_of(integer(0)),
        octets(b"b"),
    ),
    "a tuple": call("builtins:tuple", list_of(ACTION)),
    "bytes in memory": made("io:BytesIO", tuple_of(octets(b"a"), integer(0), b"N")),
    "an index of objects": index("pandas:Index", dict_of(text("data"), objects(text("a")))),
    "a parameter with a note": noted(is_biased=b"\x88"),
    "a tensor with a note": typed(state=dict_of(text("is_biased"), b"\x88")),
    "a text's size": flexible("S5", 5),
    "a method that gives text": call("operator:methodcaller", text("lower")),
    "a handle's number": made("torch.utils.hooks:RemovableHandle", tuple_of(b"N", integer(7))),
    "a zone": call("zoneinfo:ZoneInfo._unpickle", text("America/Argentina/Salta"), integer(0)),
}


@pytest.mark.parametrize("name", HONEST)
def test_clean(name: str, tmp_path: Path) -> None:
    assert verdict_of(tmp_path, b"\x80\x04" + HONEST[name] + b".") == "clean"


def test_the_zone_is_in_the_trace(tmp_path: Path) -> None:
    """The package's folder would be imported; one beside the file is a finding."""
    (tmp_path / "tzdata" / "zoneinfo").mkdir(parents=True)
    (tmp_path / "tzdata" / "zoneinfo" / "America.py").write_text("")
    (tmp_path / "tzdata" / "__init__.py").write_text("")
    zone = call("zoneinfo:ZoneInfo._unpickle", text("America/Lima"), integer(0))
    assert verdict_of(tmp_path, b"\x80\x04" + zone + b".") == "suspicious"


def put(slot: int) -> bytes:
    return b"q" + bytes([slot])


def get(slot: int) -> bytes:
    return b"h" + bytes([slot])


DTYPE = "pandas.core.arrays.integer:Int64Dtype"
FILL = b"(" + text("numpy_dtype") + ACTION + b"u"
# The type is judged with an empty dict; what it holds later, no contract has seen.
LATE = {
    "a dict that is filled through the memo": made(DTYPE, dict_of(text("_cache"), b"}" + put(1)))
    + get(1)
    + FILL
    + b"\x86",
    "a dict that is shown while it is filled": b"}"
    + put(1)
    + text("numpy_dtype")
    + made(DTYPE, dict_of(text("_cache"), get(1)))
    + b"s",
}


@pytest.mark.parametrize("name", LATE)
def test_late(name: str, tmp_path: Path) -> None:
    assert verdict_of(tmp_path, b"\x80\x04" + LATE[name] + b".") == "suspicious"


def test_containers_that_hold_themselves_stay_clean(tmp_path: Path) -> None:
    items: list[object] = [1]
    items.append(items)
    table: dict[str, object] = {"array": np.zeros(2)}
    table["self"] = table
    for protocol in range(6):
        stream = pickle.dumps({"items": items, "table": table}, protocol)
        assert verdict_of(tmp_path, stream) == "clean", protocol
