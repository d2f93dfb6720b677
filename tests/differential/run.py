"""The differential run: our traces against CPython's own unpicklers, on streams by the million.

    run.py [--streams N] [--unpickler both|c|py] [--driver PROGRAM] [--seed S] [--jobs J]

Generated streams (N for each unpickler), all programs of up to three words over a reduced alphabet,
and pickles of every protocol whole, cut at each offset and with bytes changed go through the oracle
(oracle.py) and through the machine under the all-opaque World (driver.cpp). The running Python's
unpicklers see all of them, those of every other CPython found see a part. The lists of imports,
calls, states, stores and hashes must be the same up to and including the step at which CPython
fails. Where they are spelled out, so must be every argument and result, with sharing. Each fourth
stream is also run with collapsing of containers off, under both Worlds.

Prints what was compared, what the generator reached, what the machine saw beyond CPython and why;
every failure is cut down and printed as a listing. Exit status 1 when there is one.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import glob
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import oracle  # noqa: E402
import pickleasm  # noqa: E402

import worker  # noqa: E402

BUILD = Path(os.environ.get("BRINE_BUILD", ROOT / "build"))
DRIVER = BUILD / "tests" / "brine-differential"
CHUNK = 20_000
MIN_STOPPED = 0.40
MIN_MEDIAN = 30
# Columns of the table opcode x kind on top, in the order of src/pickle/value.h.
COLUMNS = [
    *("none", "boolean", "integer", "floating", "str", "bytes", "bytearray", "tuple", "list"),
    *("dict", "set", "frozenset", "ref", "object", "persistent", "buffer", "unknown"),
    *("mark", "nothing"),
]
NEVER_ON_TOP = {"unknown"}  # under the all-opaque World nothing is unknown


@dataclass
class Total:
    streams: int = 0
    stopped: int = 0
    failed: int = 0
    events: collections.Counter[str] = field(default_factory=collections.Counter)
    unknown: collections.Counter[str] = field(default_factory=collections.Counter)
    extra: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: list[dict[str, Any]] = field(default_factory=list)
    lengths: collections.Counter[int] = field(default_factory=collections.Counter)
    executed: int = 0
    executed_to_stop: int = 0
    met: dict[str, list[int]] = field(default_factory=dict)
    pythons: collections.Counter[str] = field(default_factory=collections.Counter)

    def add(self, result: dict[str, Any], generated: bool) -> None:
        self.streams += result["streams"]
        self.stopped += result["stopped"]
        self.failed += result["failed"]
        self.events.update(result["events"])
        self.unknown.update(result["unknown"])
        self.failures += result["failures"]
        self.pythons[result["python"]] += result["streams"]
        for reason, entry in result["extra"].items():
            known = self.extra.setdefault(
                reason, {"streams": 0, "events": 0, "example": entry["example"]}
            )
            known["streams"] += entry["streams"]
            known["events"] += entry["events"]
        for figures in result["figures"] if generated else ():
            self.executed += figures["streams"]
            self.executed_to_stop += figures["stopped"]
            for length, count in enumerate(figures["lengths"]):
                self.lengths[length] += count
            for name, row in figures["met"].items():
                old = self.met.get(name, [0] * len(row))
                self.met[name] = [a + b for a, b in zip(old, row, strict=True)]

    def median(self) -> int:
        seen = 0
        for length in sorted(self.lengths):
            seen += self.lengths[length]
            if seen * 2 >= self.executed:
                return length
        return 0

    def cells(self) -> tuple[int, int, list[str]]:
        """How many cells of opcode x kind were hit, of how many, and which were not."""
        missed = []
        total = 0
        for name, row in self.met.items():
            for column, count in zip(COLUMNS, row, strict=True):
                if column in NEVER_ON_TOP:
                    continue
                total += 1
                if count == 0:
                    missed.append(f"{name} on {column}")
        return total - len(missed), total, missed


@dataclass(frozen=True)
class Task:
    python: str
    unpickler: str
    mode: str
    start: int = 0
    count: int = 0
    files: tuple[str, ...] = ()


def find_pythons() -> list[str]:
    """One program for each version of CPython from 3.8 on; this one first."""
    names = ["python3", *(f"python3.{minor}" for minor in range(8, 20))]
    places = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/local/bin"]
    places += sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin")))
    question = (
        "import _pickle, sys, platform;"
        "print(platform.python_implementation(), platform.python_version(), "
        "sys.version_info >= (3, 8))"
    )
    found: dict[str, str] = {".".join(map(str, sys.version_info[:3])): sys.executable}
    for place in dict.fromkeys(places):
        for name in names:
            program = os.path.join(place, name)
            if not os.access(program, os.X_OK):
                continue
            try:
                answer = subprocess.run(
                    [program, "-c", question], capture_output=True, text=True, timeout=20
                ).stdout.split()
            except (OSError, subprocess.TimeoutExpired):
                continue
            if len(answer) == 3 and answer[0] == "CPython" and answer[2] == "True":
                found.setdefault(answer[1], program)
    return list(found.values())


def run_task(task: Task, driver: str, seed: int) -> dict[str, Any]:
    command = [task.python, str(HERE / "worker.py"), "--driver", driver, "--mode", task.mode]
    command += ["--unpickler", task.unpickler, "--seed", str(seed), "--from", str(task.start)]
    command += ["--count", str(task.count), *task.files]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        # CPython reports buffers that outlive a failed load; what counts is at the end.
        tail = [line for line in done.stderr.splitlines() if "exported buffers" not in line]
        return {"error": f"{task}: " + "\n".join(tail[-12:])}
    result: dict[str, Any] = json.loads(done.stdout)
    for failure in result["failures"]:
        failure["python"] = result["python"]
    return result


def seed_files(folder: str) -> tuple[str, ...]:
    """Pickles as CPython writes them, and streams that attack, one of each kind."""

    class Node:
        def __init__(self, value: object) -> None:
            self.value = value

        def __reduce__(self) -> Any:
            return (dict, (), {"k": self.value})

    shared = [1, 2.5, "text", b"bytes", None, True]
    value: Any = {"a": shared, "b": (shared, {1, 2}, frozenset([3])), "n": 10**30, "o": range(3)}
    value["self"] = value["b"]
    value["ordered"] = collections.OrderedDict(x=1, y=bytearray(b"y"))
    value["node"] = Node(4)
    programs = [pickle.dumps(value, protocol) for protocol in range(6)]
    asm = pickleasm.assemble
    run = ("GLOBAL os system", "MARK", "UNICODE true", "TUPLE", "REDUCE")
    programs += [
        asm("PROTO 4", *run, "STOP"),
        asm(*run, "BINUNICODE ''")[:-3] + b".",
        asm("MARK", "UNICODE true", "INST os system", "POP", "EMPTY_DICT", "STOP"),
        asm("MARK", "GLOBAL os system", "UNICODE true", "OBJ", "POP", "GLOBAL a B", "EMPTY_TUPLE")
        + asm("NEWOBJ", "EMPTY_DICT", "BUILD", "STOP"),
        asm("PROTO 4", "SHORT_BINUNICODE os", "MEMOIZE", "SHORT_BINUNICODE system", "STACK_GLOBAL")
        + asm("SHORT_BINUNICODE true", "TUPLE1", "REDUCE", "BINGET 0", "TUPLE2", "STOP"),
        asm("EMPTY_LIST", "BINPUT 1", "MARK", *run, "BINGET 1", "APPENDS", "STOP"),
        asm("PROTO 2", "BINUNICODE 'id'", "BINPERSID", "EMPTY_TUPLE", "REDUCE", "STOP"),
    ]
    paths = []
    for number, program in enumerate(programs):
        path = os.path.join(folder, f"seed{number}.pkl")
        Path(path).write_bytes(program)
        paths.append(path)
    return tuple(paths)


def small_count() -> int:
    """More than there are; the driver stops at the last."""
    return 200_000


def plan(options: argparse.Namespace, pythons: list[str], files: tuple[str, ...]) -> list[Task]:
    tasks = []
    unpicklers = ("c", "py") if options.unpickler == "both" else (options.unpickler,)
    for unpickler in unpicklers:
        for number, python in enumerate(pythons):
            share = options.streams if number == 0 else max(options.streams // 20, 2000)
            begin = 0 if number == 0 else options.streams + number * share
            for start in range(0, share, CHUNK):
                count = min(CHUNK, share - start)
                tasks.append(Task(python, unpickler, "generate", begin + start, count))
            if options.small:
                step = CHUNK if number == 0 else 10 * CHUNK
                for start in range(0, small_count(), step):
                    tasks.append(Task(python, unpickler, "small", start, min(step, CHUNK)))
            if number == 0:
                tasks += [Task(python, unpickler, "files", files=(file,)) for file in files]
    return tasks


def shrink(driver: str, how: int, stream: bytes) -> bytes:
    """The shortest stream that still differs, by leaving out instructions."""
    process = worker.Driver(driver, check=True)

    def differs(candidate: bytes) -> bool:
        comparison = worker.Comparison()
        comparison.stream(how, candidate, process.trace(how, candidate))
        return comparison.failed > 0

    pieces = pickleasm.split(stream)
    if not differs(stream):
        process.close()
        return stream
    size = max(len(pieces) // 2, 1)
    while True:
        start = 0
        while start < len(pieces):
            shorter = pieces[:start] + pieces[start + size :]
            if differs(b"".join(shorter)):
                pieces = shorter
            else:
                start += size
        if size == 1:
            break
        size //= 2
    process.close()
    return b"".join(pieces)


def show_failure(driver: str, failure: dict[str, Any]) -> None:
    stream = bytes.fromhex(failure["stream"])
    small = shrink(driver, failure["how"], stream)
    lines = oracle.run(small, oracle.Setup(failure["how"]))
    mine, exception = "\n".join(lines), oracle.Failure.last
    process = worker.Driver(driver, check=failure["kind"].startswith("collapse"))
    theirs = process.trace(failure["how"], small).decode("utf-8", "replace")
    process.close()
    setup = oracle.Setup(failure["how"])
    print(f"\n{failure['kind']}: Python {failure['python']}, {'Python' if setup.python else 'C'}")
    print(
        f"unpickler, {setup.encoding}{', persistent_load' if setup.persistent else ''}: {small!r}"
    )
    print(pickleasm.listing(small))
    for name, text in (("CPython", f"{mine}\n{exception}"), ("Brine", theirs)):
        print(f"  {name}:")
        for line in text.replace("\0", " ").split("\n"):
            print(f"    {line}")


def report(total: Total, seconds: float, options: argparse.Namespace) -> bool:
    good = total.failed == 0
    print(f"{total.streams:,} streams in {seconds:.0f} s, {total.stopped:,} loads reached STOP")
    print("  by " + ", ".join(f"CPython {v}: {n:,}" for v, n in sorted(total.pythons.items())))
    print("compared: " + ", ".join(f"{n:,} {name}" for name, n in total.events.items()))
    print(f"missing or different: {total.failed:,}")
    print("lines with an unknown in them: " + (str(dict(total.unknown)) if total.unknown else "0"))
    if total.extra:
        print("beyond CPython (streams, events, reason):")
        for reason, entry in sorted(total.extra.items()):
            print(f"  {entry['streams']:8,} {entry['events']:8,}  {reason}")
    if total.executed:
        share = total.executed_to_stop / total.executed
        hit, cells, missed = total.cells()
        print(
            f"generator: {share:.1%} reach STOP, median {total.median()} opcodes executed, "
            f"{hit}/{cells} of opcode x kind on top"
        )
        if missed and options.streams >= 100_000:
            print("  not hit: " + ", ".join(missed[:20]))
            good = False
        if share < MIN_STOPPED or total.median() < MIN_MEDIAN:
            print(f"  wanted: {MIN_STOPPED:.0%}, {MIN_MEDIAN}")
            good = False
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--streams", type=int, default=200_000, help="for each unpickler")
    parser.add_argument("--unpickler", choices=("both", "c", "py"), default="both")
    parser.add_argument("--driver", default=str(DRIVER))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--one-python", action="store_true", help="only the running one")
    parser.add_argument("--no-small", dest="small", action="store_false")
    parser.add_argument("--show", type=int, default=8, help="failures to print")
    options = parser.parse_args()

    pythons = [sys.executable] if options.one_python else find_pythons()
    begin = time.monotonic()
    total = Total()
    errors = []
    with tempfile.TemporaryDirectory() as folder:
        tasks = plan(options, pythons, seed_files(folder))
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            waiting = {pool.submit(run_task, t, options.driver, options.seed): t for t in tasks}
            for done in concurrent.futures.as_completed(waiting):
                result = done.result()
                if "error" in result:
                    errors.append(result["error"])
                else:
                    total.add(result, waiting[done].mode == "generate")
    good = report(total, time.monotonic() - begin, options)
    shown: set[tuple[str, str]] = set()
    for failure in sorted(total.failures, key=lambda f: len(f["stream"])):
        kind = (failure["kind"], failure["exception"][:40])
        if kind not in shown and len(shown) < options.show:
            shown.add(kind)
            show_failure(options.driver, failure)
    for error in errors:
        print(error)
    return 0 if good and not errors else 1


if __name__ == "__main__":
    sys.exit(main())
