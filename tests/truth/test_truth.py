"""The truth oracle: what real loaders were seen to do stands in our trace.

Each fixture is loaded by the unmodified loaders in confined children (loaders.py), and traced by
`brine inspect --format json`. Every name that the loader looked up, every audit event with its
argument, and every stream that it handed to an unpickler must be ours as well.
"""

from __future__ import annotations

import _compat_pickle
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.truth import fixtures  # noqa: E402

HERE = Path(__file__).resolve().parent
BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()
LOADERS = (
    "pickle.load",
    "pandas.read_pickle",
    "joblib.load",
    "numpy.load",
    "torch.load",
    "torch.load(weights_only)",
    "torch.jit.load",
)
# Our names of a loader's further readings.
ALSO = {"pandas.read_pickle": ("pandas.read_pickle(compat)",)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return fixtures.write_all(tmp_path_factory.mktemp("truth"))


@pytest.fixture(scope="module")
def traces(files: list[Path]) -> dict[str, Any]:
    done = subprocess.run(
        [BRINE, "inspect", "--format", "json", *files], capture_output=True, check=False
    )
    return {document["path"]: document for document in map(json.loads, done.stdout.splitlines())}


def modern(module: str, name: str) -> tuple[str, str]:
    """The names of Python 3, as find_class maps them below protocol 3."""
    pair = _compat_pickle.NAME_MAPPING.get((module, name))
    if pair is not None:
        return pair
    return _compat_pickle.IMPORT_MAPPING.get(module, module), name


def our_events(trace: Any, loader: str) -> list[Any]:
    """Of the loader's own views, and of pickles nested in them."""
    wanted = {loader, *ALSO.get(loader, ())}
    events: list[Any] = []
    for view in trace["views"]:
        if view["loader"] in wanted or view["loader"] not in LOADERS:
            events += view["events"]
    return events


def missing(seen: Any, trace: Any, loader: str) -> list[str]:
    events = our_events(trace, loader)
    imports = {(e["module"], e["name"]) for e in events if e["kind"] in ("import", "getattr")}
    calls = " ".join(str(e["args"]) for e in events if e["args"])
    callables = {e["callable"] for e in events if e["callable"]}
    problems = []
    for kind, *arguments in seen["events"]:
        if kind == "pickle.find_class":
            module, name = arguments
            if (module, name) not in imports and modern(module, name) not in imports:
                problems.append(f"import {module} {name}")
        elif not callables:
            problems.append(f"{kind} {arguments}")
        elif kind in ("os.system", "compile", "exec") and arguments:
            text = arguments[0]
            if not text.startswith("<code object") and text != "None" and text not in calls:
                problems.append(f"{kind} {text}")
    return problems


def our_streams(path: Path, trace: Any) -> list[tuple[bytes, int, int]]:
    """Of every view: the bytes it reads, where it starts and where it ends."""
    whole = path.read_bytes()
    members: dict[str, list[bytes]] = {"": [whole]}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                members.setdefault(info.filename, []).append(archive.open(info).read())
    return [
        (data, view["start"], view["end_offset"])
        for view in trace["views"]
        for data in members.get("/".join(view["member"]), [])
    ]


def read_by_us(stream: bytes, ours: list[tuple[bytes, int, int]]) -> bool:
    """One view may read several pickles, one after another (torch's legacy format)."""
    return any(
        data.endswith(stream) and start <= len(data) - len(stream) <= end
        for data, start, end in ours
    )


@pytest.mark.parametrize("loader", LOADERS)
def test_what_the_loader_did_is_in_the_trace(
    loader: str, files: list[Path], traces: dict[str, Any]
) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "loaders.py"), loader, *map(str, files)],
        capture_output=True,
        check=False,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(files), done.stderr.decode()[-2000:]
    failures = []
    events = streams = 0
    for seen in answers:
        path = Path(seen["path"])
        trace = traces[seen["path"]]
        failures += [f"{path.name}: {problem}" for problem in missing(seen, trace, loader)]
        ours = our_streams(path, trace) if seen["streams"] else []
        for number, stream in enumerate(map(bytes.fromhex, seen["streams"])):
            # A zip's first byte asks for a persistent id that plain loaders do not have: no view.
            if stream[:4] not in (b"", b"PK\x03\x04") and not read_by_us(stream, ours):
                failures.append(f"{path.name}: stream {number}, {len(stream)} bytes, is in no view")
        events += len(seen["events"])
        streams += len(seen["streams"])
    print(f"{loader}: {len(answers)} files, {events} events, {streams} streams")
    assert events + streams > 0 or loader == "torch.jit.load"
    assert not failures, f"{len(failures)} missing:\n" + "\n".join(failures[:30])
