"""What programs keep of Python's own library."""

from __future__ import annotations

import argparse
import array
import ast
import asyncio
import base64
import cmath
import codecs
import collections
import concurrent.futures
import copy
import csv
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import heapq
import http
import io
import ipaddress
import itertools
import json
import locale
import logging
import math
import operator
import os
import pathlib
import platform
import queue
import random
import re
import shlex
import signal as signals
import socket
import statistics
import string
import subprocess
import time
import tokenize
import types
import typing
import urllib.parse
import uuid
import zipfile
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.honest.people.shared import kept
from tests.honest.writers import File, Make, possible


def standard_files() -> Iterator[File]:
    """Values of Python's own library."""

    def logger() -> Any:
        return {"logger": logging.getLogger("train.val"), "level": logging.getLevelName(20)}

    def record() -> Any:
        return logging.LogRecord("a", 20, "x.py", 3, "loss %f", (0.5,), None)

    def answered() -> Any:
        out: queue.PriorityQueue[Any] = queue.PriorityQueue()
        out.put((1, "a"))
        return list(out.queue)

    def recursive() -> Any:
        out: list[Any] = [1, {"k": (2,)}]
        out.append(out)
        return out

    when = datetime.datetime(2024, 3, 31, 2, 30, fold=1)
    things: dict[str, Make] = {
        "settings": lambda: types.SimpleNamespace(
            lr=1e-3, model=types.SimpleNamespace(depth=3), out=Path("runs"), seed=random.Random(3)
        ),
        "namespace": lambda: argparse.Namespace(lr=0.1, device="cuda:0", tags={"a"}, fn=max),
        "paths": lambda: {
            "root": Path("/data"),
            "files": [Path("a.png"), pathlib.PureWindowsPath(r"C:\x"), pathlib.PurePosixPath("b")],
        },
        "times": lambda: [
            when,
            when.date(),
            when.time(),
            datetime.timedelta(days=2),
            when.replace(tzinfo=datetime.UTC),
            datetime.timezone(datetime.timedelta(hours=5.5), "IST"),
            when.replace(tzinfo=zoneinfo.ZoneInfo("America/New_York")),
            datetime.UTC,
        ],
        "clock": lambda: [time.gmtime(0), time.struct_time((2020, 1, 1, 0, 0, 0, 2, 1, 0)), 1.5e9],
        "numbers": lambda: [
            fractions.Fraction(3, 7),
            decimal.Decimal("NaN"),
            1 + 2j,
            10**40,
            -0.0,
            decimal.Context(prec=5),
            math.pi,
            cmath.infj,
            True,
            0xFFFFFFFF,
        ],
        "ids": lambda: {
            uuid.UUID(int=5): ipaddress.ip_address("::1"),
            "net": ipaddress.ip_network("192.168.0.0/24"),
            "safe": uuid.uuid3(uuid.NAMESPACE_URL, "x"),
        },
        "enums": lambda: [
            http.HTTPStatus.OK,
            signals.Signals.SIGTERM,
            re.RegexFlag.IGNORECASE,
            socket.AddressFamily.AF_INET,
            uuid.SafeUUID.unknown,
            http.HTTPMethod.GET,
            datetime.UTC,
            enum.auto,
        ],
        "patterns": lambda: {
            "number": re.compile(r"\d+(\.\d+)?"),
            "word": re.compile("^(?P<w>[a-z]+)$", re.M | re.X),
            "bytes": re.compile(rb"\x00+"),
        },
        "containers": lambda: [
            collections.deque([1, 2], 5),
            collections.OrderedDict(a=1),
            collections.Counter("hello"),
            collections.ChainMap({"a": 1}, {}),
            collections.defaultdict(int, a=1),
            collections.defaultdict(list),
            collections.defaultdict(dict),
            collections.UserList([1]),
            collections.UserString("x"),
            frozenset({1}),
            {2},
        ],
        "defaults": lambda: collections.defaultdict(
            functools.partial(collections.defaultdict, int),
            {"a": collections.defaultdict(int, b=1)},
        ),
        "arrays": lambda: [
            array.array("f", [0.5]),
            array.array("L", [1]),
            array.array("u", "ab"),
            array.array("b", [-1]),
            bytearray(b"raw"),
            b"bytes",
        ],
        "odd": lambda: [
            range(0, 10, 3),
            slice(None, 5),
            ...,
            NotImplemented,
            None,
            type(None),
            object(),
            complex(0, -0.0),
            memoryview,
            float("inf"),
        ],
        "partials": lambda: {
            "int": functools.partial(int, base=16),
            "round": functools.partial(round, ndigits=2),
            "join": functools.partial(os.path.join, "data"),
            "sorted": functools.partial(sorted, key=operator.itemgetter(1), reverse=True),
        },
        "operators": lambda: [
            operator.itemgetter("loss"),
            operator.itemgetter(0, 2),
            operator.attrgetter("shape"),
            operator.methodcaller("split", ","),
            operator.lt,
            operator.mul,
            operator.neg,
            operator.contains,
        ],
        "functions": lambda: [
            len,
            max,
            min,
            sum,
            sorted,
            abs,
            round,
            isinstance,
            zip,
            map,
            filter,
            math.log,
            math.exp,
            os.path.basename,
            json.loads,
            str.upper,
            random.random,
            statistics.mean,
            itertools.product,
            heapq.heappush,
            hash,
            id,
            print,
        ],
        "classes": lambda: [
            int,
            float,
            str,
            list,
            dict,
            set,
            tuple,
            bool,
            bytes,
            object,
            type,
            Exception,
            collections.OrderedDict,
            datetime.datetime,
            decimal.Decimal,
            Path,
            uuid.UUID,
            re.Pattern,
            enum.Enum,
        ],
        "methods": lambda: [
            "".join,
            "a-b".split,
            {"a": 1}.get,
            [3].index,
            "x".upper,
            (1).__add__,
            random.Random(1).choice,
            datetime.datetime.strptime,
            dict.fromkeys,
            str.maketrans,
            re.compile("a").sub,
            collections.Counter("a").most_common,
        ],
        "errors": lambda: [
            ValueError("bad shape"),
            FileNotFoundError(2, "No such file", "a.txt"),
            KeyError("k"),
            json.JSONDecodeError("msg", "doc", 0),
            TimeoutError(),
            subprocess.CalledProcessError(1, ["ls"]),
            AssertionError("x"),
            UnicodeDecodeError("utf8", b"a", 0, 1, "r"),
            asyncio.CancelledError(),
            concurrent.futures.TimeoutError(),
            StopIteration(3),
            MemoryError(),
            ExceptionGroup("many", [ValueError(1)]),
            RuntimeWarning("w"),
            csv.Error("line"),
            zipfile.BadZipFile("x"),
            KeyboardInterrupt(),
        ],
        "errors_two": lambda: [
            subprocess.TimeoutExpired(["a"], 3),
            OSError("x"),
            ImportError("no torch", name="torch"),
            ModuleNotFoundError("x"),
            SyntaxError("bad", ("a.py", 1, 2, "x")),
            argparse.ArgumentTypeError("x"),
            TimeoutError(),
            decimal.InvalidOperation(),
            locale.Error("x"),
            queue.Empty(),
            NotADirectoryError(),
            tokenize.TokenError("x", (1, 2)),
            asyncio.QueueFull(),
        ],
        "random": lambda: {"rng": random.Random(42), "state": random.getstate(), "sys": "none"},
        "logging": logger,
        "record": record,
        "handlers": lambda: [
            logging.Formatter("%(levelname)s"),
            logging.Filter("a"),
            logging.LoggerAdapter(logging.getLogger("a"), {"run": 1}),
        ],
        "templates": lambda: [string.Template("$name is $age"), string.Formatter()],
        "queue": answered,
        "machine": lambda: {
            "uname": platform.uname(),
            "size": os.terminal_size((80, 24)),
            "stat": os.stat("."),
            "times": os.times(),
            "env": {"CUDA_VISIBLE_DEVICES": "0"},
        },
        "tuples": lambda: [
            urllib.parse.urlsplit("https://a.invalid/b?c#d"),
            inspect_spec(),
            statistics.linear_regression([1, 2], [2, 4]),
            tokenize.TokenInfo(1, "a", (1, 0), (1, 1), "a"),
            urllib.parse.ParseResult("s", "n", "p", "", "", ""),
        ],
        "syntax": lambda: ast.parse("a = [1, b + 'x']\nprint(a)"),
        "hints": lambda: [
            typing.Optional[int],  # noqa: UP045
            dict[str, list[float]],
            typing.Callable[[int], str],
            int | None,
            typing.Literal["a", "b"],
            typing.Any,
            typing.Sequence[int],
        ],
        "fields": lambda: [dataclasses.asdict, dataclasses.field],
        "iterators": lambda: [
            iter([1, 2]),
            enumerate(["a"]),
            zip([1], [2], strict=False),
            reversed([1, 2]),
            itertools.count(5),
            itertools.repeat(1, 3),
            map(len, ["a"]),
            iter({1}),
            itertools.islice(itertools.count(), 2),
            iter(range(3)),
            iter("ab"),
            iter({"a": 1}),
        ],
        "streams": lambda: [io.BytesIO(b"\x89PNG"), io.StringIO("a,b\n1,2\n")],
        "encoded": lambda: {
            "b64": base64.b64encode(b"abc"),
            "sha": hashlib.sha256(b"").hexdigest(),
            "codec": codecs.lookup("utf-8"),
            "q": shlex.split("a 'b c'"),
        },
        "csv": lambda: list(csv.DictReader(io.StringIO("a,b\n1,2\n"))),
        "distribution": lambda: statistics.NormalDist.from_samples([1.0, 2.0, 4.0]),
        "recursive": recursive,
        "deep": lambda: functools.reduce(lambda a, i: {"left": a, "right": i}, range(60), None),
        "long_list": lambda: [
            {"id": i, "text": f"row {i}", "score": i / 7, "ok": i % 2 == 0, "tags": (f"t{i % 5}",)}
            for i in range(3000)
        ],
        "trie": lambda: {"a": {"b": {"$": 1}, "c": {"$": 2}}},
        "graph": lambda: collections.defaultdict(set, {i: {i + 1, i * 2} for i in range(40)}),
        "cache": lambda: {("f", 1, frozenset({("lr", 0.1)})): (0.5, None), b"key": "value"},
        "surrogates": lambda: ["\ud83d\ude00", "\U0001f600", "na\u00efve", "\x00", "\r\n"],
        "proxy": lambda: [
            types.SimpleNamespace(),
            types.GenericAlias(list, (int,)),
            copy.copy,
            copy.deepcopy,
        ],
    }
    yield from possible(things, kept)


def inspect_spec() -> Any:
    """What a function of the standard library takes."""
    import inspect

    return inspect.getfullargspec(os.path.join)
