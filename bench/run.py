#!/usr/bin/env python3
"""`make bench`: how fast Brine is and what it needs, beside C pickle.loads and picklescan.

    run.py [--rounds N] [--program build/brine] [--out bench/results]

Everything runs on one core (the process pins itself; children inherit it), and what is compared is
run in turns, round by round, so that a slow minute of the machine hits all of them. Figures are
medians over rounds. In-process figures are processor time; whole processes are timed by the clock,
from outside, and the processor time they took stands beside it. Each measured process is a child of
this small one: ru_maxrss of a child starts at its parent's size, so nothing big is loaded here. The
result is a table with the target of each figure, and JSON with every time under bench/results/.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import platform
import signal
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import codec_rates, conversion  # noqa: E402

DATA = ROOT / "build" / "bench" / "data"
ENGINE = ROOT / "build" / "bench" / "engine_bench"
VENV = ROOT / ".venv" / "bin" / "python"
RIVALS = ROOT / ".venv-bench" / "bin"
STREAMS = ["records", "small_ints", "floats", "tuples", "reduces", "long_strings"]
WITH_OBJECTS = ["records", "reduces", "long_strings"]  # strings, dicts, REDUCE
BOMB_SECONDS = 60
MEMORY_BASE = 64 << 20


@dataclass(frozen=True)
class Done:
    seconds: float  # by the clock
    busy: float  # processor time, user and system
    peak: int  # bytes, ru_maxrss
    status: int  # exit status; negative: the signal
    output: bytes


def run(*command: str | Path, capture: bool = False, limit: float | None = None) -> Done:
    """One child, timed from outside, with its own peak memory."""
    out = subprocess.PIPE if capture else subprocess.DEVNULL
    begin = time.perf_counter()
    child = subprocess.Popen([str(word) for word in command], stdout=out, stderr=subprocess.DEVNULL)
    timer = threading.Timer(limit or 3600, os.kill, (child.pid, signal.SIGKILL))
    timer.start()
    output = child.stdout.read() if child.stdout is not None else b""
    _, status, usage = os.wait4(child.pid, 0)
    timer.cancel()
    seconds = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    busy = usage.ru_utime + usage.ru_stime
    return Done(seconds, busy, usage.ru_maxrss * 1024, child.returncode, output)


def ask(*command: str | Path) -> dict[str, Any]:
    done = run(*command, capture=True)
    if done.status != 0:
        raise SystemExit(f"bench: {' '.join(map(str, command))} ended with {done.status}")
    answer: dict[str, Any] = json.loads(done.output)
    return answer


class Table:
    """Rows of figure, value, target and whether the target is met."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, figure: str, value: float, unit: str, target: float, *, least: bool) -> None:
        met = value >= target if least else value <= target
        row = {"figure": figure, "value": value, "unit": unit, "target": target, "least": least}
        self.rows.append(row | {"met": met})
        sign = ">=" if least else "<="
        print(
            f"  {figure:<46} {value:>10.4g} {unit:<12} {sign} {target:<8.4g}"
            f" {'met' if met else 'MISSED'}",
            flush=True,
        )

    def note(self, figure: str, value: float, unit: str) -> None:
        self.rows.append({"figure": figure, "value": value, "unit": unit})
        print(f"  {figure:<46} {value:>10.4g} {unit}", flush=True)


def machine() -> dict[str, Any]:
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gib": round(pages / (1 << 30), 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def dense_streams(table: Table, rounds: int) -> dict[str, Any]:
    print("\nsix dense streams, in process")
    times: dict[str, Any] = {
        name: {"brine": [], "loads": [], "picklescan": [], "opcodes": 0} for name in STREAMS
    }
    for number in range(rounds):
        for name in STREAMS:
            path = DATA / "streams" / f"{name}.pkl"
            entry = times[name]
            engine = ask(ENGINE, "opcodes", path, "3")
            if engine["end"] != "stop" or engine["events"]:
                raise SystemExit(f"bench: {name} is not inert to the end: {engine}")
            entry["opcodes"] = engine["opcodes"]
            entry["brine"] += engine["seconds"]
            entry["loads"] += ask(VENV, ROOT / "bench/rivals.py", "loads", path, "2")["seconds"]
            if number < 2:  # seconds a stream: two rounds tell enough
                scan = ask(RIVALS / "python", ROOT / "bench/rivals.py", "picklescan", path, "1")
                entry["picklescan"] += scan["seconds"]
    ratios = []
    for name in STREAMS:
        entry = times[name]
        brine, loads, rival = (
            statistics.median(entry[key]) for key in ("brine", "loads", "picklescan")
        )
        table.add(f"{name}: opcodes", entry["opcodes"] / brine / 1e6, "million/s", 80, least=True)
        if name == "records":
            table.add(f"{name}: against pickle.loads", loads / brine, "x", 12, least=True)
        else:
            table.note(f"{name}: against pickle.loads", loads / brine, "x")
        table.add(f"{name}: against picklescan", rival / brine, "x", 40, least=True)
        if name in WITH_OBJECTS:
            ratios.append(loads / brine)
    mean = math.exp(statistics.fmean(map(math.log, ratios)))
    table.add("strings, dicts, REDUCE: geometric mean / loads", mean, "x", 3, least=True)
    return times


def dense_memory(table: Table, program: Path) -> dict[str, Any]:
    print("\npeak memory, whole process")
    peaks: dict[str, Any] = {}
    for name in STREAMS:
        path = DATA / "streams" / f"{name}.pkl"
        size = path.stat().st_size
        done = run(program, "scan", path)
        bound = (MEMORY_BASE + 2 * size) / (1 << 20)
        peaks[name] = {"bytes": size, "peak": done.peak, "seconds": done.seconds}
        table.add(f"{name}: peak memory", done.peak / (1 << 20), "MiB", bound, least=False)
    return peaks


def torch_zips(table: Table, program: Path, rounds: int) -> dict[str, Any]:
    print("\ntorch zips")
    path = DATA / "torch_600.pt"
    run(program, "scan", path)
    whole = [run(program, "scan", path) for _ in range(rounds * 5)]
    seconds = statistics.median(done.seconds for done in whole)
    inside = ask(ENGINE, "scan", path, str(rounds * 10))
    if inside["verdict"] != "clean":
        raise SystemExit(f"bench: torch_600.pt is {inside['verdict']}, not clean")
    busy = statistics.median(done.busy for done in whole)
    table.add("60 MB, 600 tensors: whole process", seconds * 1e3, "ms", 5, least=False)
    table.note("60 MB, 600 tensors: its processor time", busy * 1e3, "ms")
    table.add(
        "60 MB, 600 tensors: in process",
        statistics.median(inside["seconds"]) * 1e3,
        "ms",
        1,
        least=False,
    )
    sparse = DATA / "sparse_20g.pt"
    done = run(program, "scan", "--format", "json", sparse, capture=True)
    report = json.loads(done.output)
    share = report["summary"]["bytes_read"] / sparse.stat().st_size * 100
    if report["files"][0]["verdict"] != "clean":
        raise SystemExit(f"bench: sparse_20g.pt is {report['files'][0]['verdict']}, not clean")
    table.add("20 GiB with holes: bytes read", share, "% of file", 0.1, least=False)
    table.note("20 GiB with holes: whole process", done.seconds * 1e3, "ms")
    return {
        "whole": [done.seconds for done in whole],
        "inside": inside["seconds"],
        "sparse_bytes_read": report["summary"]["bytes_read"],
        "sparse_peak": done.peak,
    }


def small_folder(table: Table, program: Path, rounds: int) -> dict[str, Any]:
    print("\nfolder of 2,000 small files, warm, one core")
    folder = DATA / "small" / "files"
    rival = RIVALS / "picklescan"
    times: dict[str, list[Done]] = {"brine": [], "picklescan": []}
    run(program, "scan", "--jobs", "1", folder)
    for _ in range(rounds):
        times["brine"].append(run(program, "scan", "--jobs", "1", folder))
        times["picklescan"].append(run(rival, "--path", folder))
    brine, other = (
        statistics.median(done.seconds for done in times[key]) for key in ("brine", "picklescan")
    )
    busy, other_busy = (
        statistics.median(done.busy for done in times[key]) for key in ("brine", "picklescan")
    )
    table.note("2,000 files: whole process", brine * 1e3, "ms")
    table.add("2,000 files: against picklescan", other / brine, "x", 15, least=True)
    table.note("2,000 files: the same by processor time", other_busy / busy, "x")
    return {key: [vars(done) | {"output": ""} for done in runs] for key, runs in times.items()}


def containers(table: Table, program: Path, rounds: int) -> dict[str, Any]:
    """A forest as joblib writes it beside zlib alone; the worker's start; the program's own."""
    print("\ncontainers, whole process")
    folder = DATA / "containers"
    tasks: dict[str, list[str | Path]] = {
        "forest": [program, "scan", "--jobs", "1", folder / "forest.joblib"],
        "forest, zlib": [program, "scan", "--jobs", "1", folder / "forest_zlib.joblib"],
        "small": [program, "scan", "--jobs", "1", folder / "small.pkl"],
        "small, 7z": [program, "scan", "--jobs", "1", folder / "small.7z"],
        "version": [program, "--version"],
    }
    unpack = "import sys, zlib, time; d = open(sys.argv[1], 'rb').read(); b = time.perf_counter();"
    unpack += "zlib.decompress(d); print(time.perf_counter() - b)"
    times: dict[str, list[float]] = {name: [] for name in [*tasks, "zlib"]}
    for _ in range(rounds):
        for name, command in tasks.items():
            times[name].append(run(*command).seconds)
        done = run(VENV, "-c", unpack, folder / "forest_zlib.joblib", capture=True)
        times["zlib"].append(float(done.output))
    middle = {name: statistics.median(values) * 1e3 for name, values in times.items()}
    size = (folder / "forest.joblib").stat().st_size
    table.note("random forest in joblib: size", size / 1e6, "MB")
    table.add("random forest, uncompressed", middle["forest"], "ms", 30, least=False)
    beyond = middle["forest, zlib"] - middle["zlib"]
    table.add("random forest, zlib: beyond zlib alone", beyond, "ms", 30, least=False)
    start = middle["small, 7z"] - middle["small"]
    table.add("7z: the worker's start-up", start, "ms", 15, least=False)
    table.add("the program's start-up", middle["version"], "ms", 5, least=False)
    return times


def lookups(table: Table) -> dict[str, Any]:
    print("\ncatalogue")
    results: dict[str, Any] = {}
    for label, blob in (("the program's facts", "-"), ("500,000 names", DATA / "facts.bin")):
        answer = ask(ENGINE, "lookup", blob, "5")
        each = statistics.median(answer["seconds"]) / answer["lookups"] * 1e9
        table.note(f"{label}: names", answer["names"], "")
        table.add(f"{label}: a lookup", each, "ns", 500, least=False)
        results[label] = answer
    return results


def bombs(table: Table, program: Path) -> dict[str, Any]:
    """Peak memory and end of each; the bound is the one for any stream."""
    print("\nbombs, whole process")
    results: dict[str, Any] = {}
    slowest = 0.0
    for path in sorted((DATA / "bombs").glob("*.pkl")):
        done = run(program, "scan", "--quiet", path, limit=BOMB_SECONDS)
        results[path.stem] = {
            "bytes": path.stat().st_size,
            "seconds": done.seconds,
            "peak": done.peak,
            "status": done.status,
        }
        slowest = max(slowest, done.seconds)
        entries = min(path.stat().st_size, 64 << 20)
        bound = (MEMORY_BASE + 48 * entries) / (1 << 20)
        table.add(f"{path.stem}: peak memory", done.peak / (1 << 20), "MiB", bound, least=False)
        if done.status not in (0, 1, 2):
            table.add(f"{path.stem}: exit status", done.status, "", 2, least=False)
    table.add("bombs: slowest", slowest, "s", 5, least=False)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--program", type=Path, default=ROOT / "build" / "brine")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results")
    options = parser.parse_args()

    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    print("preparing the inputs (once)")
    DATA.mkdir(parents=True, exist_ok=True)
    if run(VENV, ROOT / "bench/inputs.py", DATA).status != 0:
        raise SystemExit("bench: the inputs could not be made")
    about = machine()
    print(f"{about['cpu']}, one core of {about['cores']}, CPython {about['python']}")

    table = Table()
    result: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": about,
        "rounds": options.rounds,
        "streams": dense_streams(table, options.rounds),
        "memory": dense_memory(table, options.program),
        "torch": torch_zips(table, options.program, options.rounds),
        "folder": small_folder(table, options.program, options.rounds),
        "containers": containers(table, options.program, options.rounds),
        "codecs": codec_rates.measure(
            table, ENGINE.with_name("codec_bench"), DATA / "codecs", options.rounds
        ),
        "conversion": conversion.measure(
            table, options.program, options.rounds, DATA / "convert", VENV, run
        ),
        "catalogue": lookups(table),
        "bombs": bombs(table, options.program),
    }
    result["figures"] = table.rows
    options.out.mkdir(parents=True, exist_ok=True)
    target = options.out / f"{result['date'][:10]}.json"
    target.write_text(json.dumps(result, indent=1) + "\n")
    missed = [row["figure"] for row in table.rows if row.get("met") is False]
    judged = [row for row in table.rows if "met" in row]
    print(f"\n{len(judged) - len(missed)} of {len(judged)} targets met; {target.name} written")
    for figure in missed:
        print(f"  missed: {figure}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
