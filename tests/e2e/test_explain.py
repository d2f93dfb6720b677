"""`brine explain`: the printed Python is the program.

For streams that are read to their end, `--full` prints Python which, run with recorders in the
place of imports, gives the same events in the same order as the trace of
`brine inspect --format json`.
For plain data, running it gives the very value that `pickle.loads` gives.
"""

from __future__ import annotations

import collections
import copy
import datetime
import decimal
import enum
import fractions
import io
import json
import os
import pathlib
import pickle
import subprocess
import sys
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

ROOT = Path(__file__).resolve().parents[2]
BRINE = os.environ.get("BRINE", str(ROOT / "build" / "brine"))
sys.path.insert(0, str(ROOT / "tests" / "support"))

import recorder  # noqa: E402
from pickleasm import assemble  # noqa: E402

SILENT = {"hash", "getattr"}  # events without a statement of their own


def brine(*words: str) -> str:
    done = subprocess.run(
        [BRINE, *words],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "HOME": os.devnull},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def traces(path: Path, world: str) -> dict[str, dict[str, Any]]:
    (document,) = brine("inspect", "--format", "json", "--world", world, str(path)).splitlines()
    return {view["loader"]: view for view in json.loads(document)["views"]}


def programs(path: Path) -> dict[str, str]:
    """The printed program of each loader; loaders that read alike share one."""
    out: dict[str, str] = {}
    for section in brine("explain", "--full", str(path)).split("# view: ")[1:]:
        heading, _, program = section.partition("\n")
        out[heading.split(" (")[0]] = program
    return out


def expected(view: dict[str, Any]) -> list[recorder.Event]:
    events = []
    for event in view["events"]:
        kind = event["kind"]
        if event["computed"] or kind in SILENT:
            continue
        if kind == "import":
            events.append(recorder.Event(kind, f"{event['module']}.{event['name']}"))
        elif kind == "store":
            events.append(recorder.Event(kind, event["how"]))
        else:
            events.append(recorder.Event(kind, nargs=event["nargs"]))
    return events


def check(path: Path) -> dict[str, Any]:
    """Compares every view that ends with a STOP; the results by loader."""
    views = traces(path, "catalogue")
    results = {}
    for loader, program in programs(path).items():
        view = views[loader]
        if view["end"] != "stop":
            continue
        events, result = recorder.run(program)
        assert events == expected(view), program
        results[loader] = result
    assert results, "no view was read to its end"
    return results


class Point:
    def __init__(self, x: int, y: int) -> None:
        self.x, self.y = x, y


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self) -> None:
        self.a, self.b = 1, [2]


class Colour(enum.Enum):
    RED = 1


def cyclic_object() -> object:
    point = Point(1, 2)
    point.self = point  # type: ignore[attr-defined]
    point.peers = [point]  # type: ignore[attr-defined]
    return point


OBJECTS: dict[str, Callable[[], object]] = {
    "datetime": lambda: datetime.datetime(2020, 1, 2, 3, 4, 5, 6, datetime.UTC),
    "timedelta": lambda: [datetime.timedelta(days=3), datetime.date(1999, 12, 31)],
    "ordered-dict": lambda: collections.OrderedDict([("a", 1), ("b", [2])]),
    "default-dict": lambda: collections.defaultdict(list, {"a": [1]}),
    "counter": lambda: collections.Counter("abca"),
    "deque": lambda: collections.deque([1, 2, 3], maxlen=5),
    "chain-map": lambda: collections.ChainMap({"a": 1}, {"b": 2}),
    "decimal": lambda: [decimal.Decimal("1.50"), fractions.Fraction(1, 3), complex(1, -2)],
    "uuid": lambda: uuid.UUID(int=5),
    "path": lambda: pathlib.PurePosixPath("a/b"),
    "range": lambda: [range(3), slice(1, 2, 3), bytearray(b"xyz")],
    "enum": lambda: {Colour.RED: "red"},
    "object": lambda: Point(1, 2),
    "cyclic-object": cyclic_object,
    "slots": Slotted,
    "class": lambda: (Point, Colour),
    "numpy": lambda: numpy.arange(6, dtype="<f4").reshape(2, 3),
    "numpy-objects": lambda: numpy.array(["a", None], dtype=object),
    "numpy-scalar": lambda: [numpy.float64(1.5), numpy.dtype("i4")],
    "exception": lambda: ValueError("no", 3),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_printed_program_gives_the_events_of_real_pickles(
    name: str, protocol: int, tmp_path: Path
) -> None:
    if name == "slots" and protocol < 2:
        pytest.skip("Python writes slots from protocol 2 on")
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(OBJECTS[name](), protocol))
    check(path)


def shared() -> object:
    inner = [1]
    return {"a": inner, "b": inner, "t": (inner, inner)}


def recursive_list() -> object:
    items: list[object] = [1, "two"]
    items.append(items)
    return items


def recursive_tuple() -> object:
    items: tuple[list[object]] = ([],)
    items[0].append(items)
    return items


def recursive_dict() -> object:
    table: dict[str, object] = {"list": []}
    table["self"] = table
    table["list"].append(table)  # type: ignore[attr-defined]
    return table


def nested(depth: int) -> object:
    value: object = "bottom"
    for level in range(depth):
        value = {level: value} if level % 3 == 0 else [value]
    return value


DATA: dict[str, Callable[[], object]] = {
    "scalars": lambda: [None, True, False, 0, -1, 255, 256, 65536, 2**31, -(2**31), 2**63, 1.5],
    "long-ints": lambda: [2**100, -(2**100), 2**2000, -1 << 64, -(2**63)],
    "floats": lambda: [0.1, 1e300, -0.0, float("inf"), float("-inf"), 5e-324, 3.0],
    "text": lambda: ["", "plain", 'quo"tes', "back\\slash", "a\nb\r\t\0", "\u00e9\u4e2d\U0001f600"],
    "hidden-text": lambda: ["\u202eright", "\ufeff", "\ud800", "\x1b[31m", "# no comment"],
    "bytes": lambda: [b"", b"plain", bytes(range(256)), b'"\\\n'],
    "sets": lambda: [{1, 2}, frozenset({"a"}), set(), frozenset()],
    "tuples": lambda: [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "dicts": lambda: [{}, {"a": {}}, {1: "one", (1, 2): "pair", None: 0}],
    "shared": shared,
    "recursive-list": recursive_list,
    "recursive-tuple": recursive_tuple,
    "recursive-dict": recursive_dict,
    "nested": lambda: nested(200),
    "many": lambda: list(range(3000)),
    "long-text": lambda: "x" * 100_000,
}


# What older protocols write as calls.
CALLS_BELOW = {"bytes": 3, "sets": 4}


def same(a: object, b: object) -> bool:
    """Equal in value, kind and sharing: both pickle to the same bytes."""
    return pickle.dumps(a, 4) == pickle.dumps(b, 4)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", sorted(DATA))
def test_printed_data_is_the_data(name: str, protocol: int, tmp_path: Path) -> None:
    value = DATA[name]()
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(value, protocol))
    for result in check(path).values():
        if protocol < CALLS_BELOW.get(name, 0):
            continue  # recorders answer them
        assert repr(result) == repr(value)
        if name in ("shared", "recursive-list", "recursive-tuple", "recursive-dict"):
            assert same(copy.deepcopy(result), copy.deepcopy(value))


PROGRAMS: dict[str, tuple[str | bytes, ...]] = {
    "reduce": ("GLOBAL posix system", "MARK", "UNICODE true", "TUPLE", "REDUCE", "STOP"),
    "stack-global": (
        "PROTO 4", "SHORT_BINUNICODE posix", "SHORT_BINUNICODE system", "STACK_GLOBAL",
        "SHORT_BINUNICODE true", "TUPLE1", "REDUCE", "STOP",
    ),
    "inst": ("MARK", "UNICODE true", "INST posix system", "STOP"),
    "inst-nothing": ("MARK", "INST collections OrderedDict", "STOP"),
    "obj": ("MARK", "GLOBAL posix system", "UNICODE true", "BININT1 2", "OBJ", "STOP"),
    "obj-nothing": ("MARK", "GLOBAL collections OrderedDict", "OBJ", "STOP"),
    "newobj-ex": (
        "PROTO 4", "GLOBAL datetime datetime", "BININT1 7", "TUPLE1", "EMPTY_DICT",
        "SHORT_BINUNICODE fold", "BININT1 1", "SETITEM", "NEWOBJ_EX", "STOP",
    ),
    "same-name-twice": (
        "GLOBAL posix system", "GLOBAL nt system", "MARK", "UNICODE true", "TUPLE", "REDUCE",
        "TUPLE2", "STOP",
    ),
    "keyword-name": ("GLOBAL keyword class", "GLOBAL import from", "TUPLE2", "STOP"),
    "numbered-name": ("GLOBAL mod _0", "EMPTY_TUPLE", "REDUCE", "STOP"),
    "reserved-name": ("GLOBAL mod persistent_load", "EMPTY_TUPLE", "REDUCE", "STOP"),
    "odd-name": ("GLOBAL 'mod;x' 'na-me'", "EMPTY_TUPLE", "REDUCE", "STOP"),
    "dotted-name": ("PROTO 4", "GLOBAL collections OrderedDict.fromkeys", "STOP"),
    "future-name": ("GLOBAL __future__ annotations", "STOP"),
    "python-2-name": ("GLOBAL __builtin__ xrange", "BININT1 3", "TUPLE1", "REDUCE", "STOP"),
    "call-of-a-call": (
        "GLOBAL functools partial", "GLOBAL posix system", "TUPLE1", "REDUCE", "UNICODE true",
        "TUPLE1", "REDUCE", "STOP",
    ),
    "stores": (
        "PROTO 4", "GLOBAL some.module Thing", "EMPTY_TUPLE", "NEWOBJ", "MEMOIZE",
        "BININT1 1", "APPEND", "MARK", "BININT1 2", "BININT1 3", "APPENDS",
        "UNICODE k", "NONE", "SETITEM", "MARK", "BININT1 4", "ADDITEMS",
        "EMPTY_DICT", "BUILD", "STOP",
    ),
    "result-thrown-away": (
        "GLOBAL posix system", "UNICODE true", "TUPLE1", "REDUCE", "POP", "NONE", "STOP",
    ),
    "duplicate": (
        "GLOBAL mod f", "EMPTY_LIST", "DUP", "TUPLE2", "REDUCE", "STOP",
    ),
    "list-grows-after-the-call": (
        "PROTO 4", "EMPTY_LIST", "MEMOIZE", "GLOBAL mod f", "BINGET 0", "TUPLE1", "REDUCE",
        "POP", "BININT1 1", "APPEND", "GLOBAL mod g", "BINGET 0", "TUPLE1", "REDUCE", "TUPLE2",
        "STOP",
    ),
    "object-as-key": (
        "PROTO 4", "EMPTY_DICT", "GLOBAL mod f", "EMPTY_TUPLE", "REDUCE", "NONE", "SETITEM", "STOP",
    ),
    "empty-name": ("PROTO 4", "SHORT_BINUNICODE ''", "SHORT_BINUNICODE ''", "STACK_GLOBAL", "STOP"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_printed_program_gives_the_events_of_handmade_streams(name: str, tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(assemble(*PROGRAMS[name]))
    check(path)


def test_printed_program_gives_the_events_of_a_torch_model(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    layers = [torch.nn.Linear(3, 3) for _ in range(8)]
    layers[1].weight = layers[0].weight
    path = tmp_path / "model.pt"
    torch.save(torch.nn.Sequential(*layers), path)
    check(path)
    torch.save(torch.nn.Sequential(*layers).state_dict(), path)
    check(path)


def test_a_broken_stream_shows_what_ran_and_where_it_breaks(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(
        assemble("GLOBAL posix system", "MARK", "UNICODE true", "TUPLE", "REDUCE") + b"X."
    )
    text = brine("explain", "--color", "never", str(path))
    assert "from posix import system" in text
    assert '_0 = system("true")' in text
    assert "byte 23: the stream breaks (" in text
    assert "after everything above has run." in text
    assert "# never reached: 2 bytes" in text
    assert "In one sentence: loading this file" in text


def test_similar_steps_are_grouped_and_long_values_cut(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    buffer = io.BytesIO()
    torch.save({str(i): torch.zeros(2) for i in range(200)}, buffer)
    path = tmp_path / "model.pt"
    path.write_bytes(buffer.getvalue())
    grouped = brine("explain", "--color", "never", str(path))
    assert len(grouped.splitlines()) < 60
    assert "more like these" in grouped
    verbose = brine("explain", "-v", "--color", "never", str(path))
    assert len(verbose.splitlines()) > 600
    names = zipfile.ZipFile(path).namelist()
    assert any(name.endswith("data.pkl") for name in names)

    path.write_bytes(pickle.dumps(b"x" * 100_000, 4))
    assert len(brine("explain", "--color", "never", str(path))) < 2000


def test_hostile_text_does_not_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(
        assemble("GLOBAL 'mod\x1b[2J' 'name'", "UNICODE '\u202e\x07'", "TUPLE2", "STOP")
    )
    text = brine("explain", "--color", "never", str(path))
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
