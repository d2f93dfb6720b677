"""What a person sees: colours, folding, progress, quiet and verbose, help, and ^C."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.program import BRINE, CLEAN, MALICIOUS, NAMES, ROOT, Brine, environment
from tests.e2e.terminal import Screen, run_on_terminal

Place = Callable[..., list[str]]
Terminal = Callable[..., Screen]


@pytest.fixture
def terminal(work: Path, home: Path) -> Terminal:
    def run(*words: str, **options: object) -> Screen:
        env = {**environment(home), **dict(options.pop("env", {}))}  # type: ignore[call-overload]
        return run_on_terminal([BRINE, *words], work, env, **options)  # type: ignore[arg-type]

    return run


def test_a_line_a_file_and_a_summary(brine: Brine, place: Place) -> None:
    run = brine("scan", *place(*NAMES))
    lines = run.out.splitlines()
    for verdict, (name, _) in NAMES.items():
        word = "MALICIOUS" if verdict == "malicious" else verdict
        assert any(line.startswith(name) and word in line for line in lines), verdict
    assert lines[-1].startswith("5 files, ")
    assert lines[-1].endswith("1 clean, 1 unrecognized, 1 incomplete, 1 suspicious, 1 MALICIOUS")
    assert "BRN" in run.out
    assert "posix.system('true')" in run.out
    assert "(REDUCE)" in run.out
    assert "what now" in run.out
    assert run.err == ""


def test_quiet_prints_nothing_when_all_is_clean(brine: Brine, place: Place) -> None:
    assert brine("scan", "--quiet", *place("clean")).out == ""
    run = brine("scan", "-q", *place("clean", "malicious"))
    assert "clean.pkl" not in run.out
    assert "evil.pkl" in run.out
    assert "2 files" not in run.out


def test_verbose_tells_views(brine: Brine, place: Place) -> None:
    run = brine("scan", "-v", *place("clean"))
    assert "pickle.load reads the file: stop at byte" in run.out
    assert "coverage" in run.out


def test_colour_is_for_terminals(brine: Brine, terminal: Terminal, place: Place) -> None:
    names = place("malicious")
    assert "\x1b" not in brine("scan", *names).out
    assert "\x1b[1;31mMALICIOUS" in brine("scan", "--color", "always", *names).out
    assert "\x1b[1;31mMALICIOUS" in terminal("scan", *names).text
    assert "\x1b[" not in terminal("scan", "--color", "never", *names).text
    assert "\x1b[" not in terminal("scan", *names, env={"NO_COLOR": "1"}).text
    assert "\x1b[" in terminal("scan", "--color", "always", *names, env={"NO_COLOR": "1"}).text


def test_many_clean_files_fold_on_a_terminal_only(
    brine: Brine, terminal: Terminal, work: Path
) -> None:
    for i in range(40):
        (work / f"m{i:02}.pkl").write_bytes(CLEAN)
    (work / "z.pkl").write_bytes(MALICIOUS)
    folded = terminal("scan", ".").plain()
    assert "m07.pkl" not in folded
    assert "40 clean files are not listed: -v" in folded
    assert "z.pkl" in folded
    assert "m07.pkl" in terminal("scan", "-v", ".").plain()
    assert "m07.pkl" in brine("scan", ".").out


def test_nothing_is_wider_than_the_terminal(terminal: Terminal, place: Place, work: Path) -> None:
    names = place(*NAMES)
    long = work / ("a" * 60) / ("b" * 60 + ".pkl")
    long.parent.mkdir()
    long.write_bytes(MALICIOUS)
    for columns in (60, 80, 120):
        screen = terminal("scan", *names, str(long), columns=columns).plain()
        for line in screen.splitlines():
            assert len(line) <= columns, line


def test_errors_stand_once_on_a_terminal(terminal: Terminal) -> None:
    screen = terminal("scan", "model.pt")
    assert screen.status == 2
    assert screen.plain().strip() == "brine: model.pt: cannot read: no such file"


def test_progress_comes_late_and_goes(terminal: Terminal, place: Place) -> None:
    quick = terminal("scan", *place("clean"))
    assert "\r\x1b[K" not in quick.text
    slow = terminal("scan", *place("clean"), "-", stdin=MALICIOUS, stdin_open_for=1.2)
    assert "/s" in slow.text
    assert "\r\x1b[K" in slow.text
    assert "/s" not in slow.plain()
    assert slow.status == 1


def test_no_progress_when_piped(brine: Brine, place: Place) -> None:
    assert brine("scan", *place("clean")).err == ""


def interrupt(words: list[str], work: Path, home: Path) -> tuple[int, str]:
    """^C while standard input is awaited."""
    with subprocess.Popen(
        [BRINE, *words],
        cwd=work,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(home),
    ) as process:
        time.sleep(0.4)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        out = process.stdout.read().decode()
        status = process.wait(timeout=10)
        assert time.monotonic() - begin < 3
    return status, out


def test_interrupted_runs_report_what_was_read(place: Place, work: Path, home: Path) -> None:
    names = place("clean", "malicious")
    status, out = interrupt(["scan", *names, "-", "missing"], work, home)
    assert status == 130
    assert "evil.pkl" in out
    assert "MALICIOUS" in out
    assert "interrupted" in out


def test_interrupted_runs_give_a_whole_document(place: Place, work: Path, home: Path) -> None:
    import json

    names = place("clean", "malicious")
    status, out = interrupt(["scan", "--format", "json", "-", *names], work, home)
    assert status == 130
    report = json.loads(out)
    assert report["interrupted"] is True
    assert {file["path"] for file in report["files"]} >= set(names[:1])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize(
    "words",
    [
        ["scan"],
        ["scan", "--format", "json"],
        ["explain"],
        ["inspect"],
        ["inspect", "--format", "json"],
    ],
    ids=" ".join,
)
def test_a_full_disk_is_told(words: list[str], place: Place, work: Path, home: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [BRINE, *words, *place("malicious")],
            cwd=work,
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(home),
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    told = b"brine: standard output: cannot write: no space left on the device\n"
    assert done.stderr == told


def test_a_closed_pipe_is_quiet(work: Path, home: Path) -> None:
    for i in range(3000):
        (work / f"some-longer-name-{i}.pkl").write_bytes(CLEAN)
    with subprocess.Popen(
        [BRINE, "scan", "."],
        cwd=work,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(home),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 2


@pytest.mark.parametrize(
    "command", ["scan", "explain", "inspect", "facts", "help", "convert", "disarm"]
)
def test_help_is_one_screen_with_examples_first(command: str, brine: Brine) -> None:
    run = brine(command, "--help")
    assert run.status == 0
    lines = run.out.splitlines()
    assert len(lines) <= 30
    assert max(len(line) for line in lines) <= 80
    assert lines[0].startswith(f"brine {command}: ")
    assert lines[2].startswith(f"  brine {command}")
    own_page = command in ("help", "convert", "disarm")
    assert own_page or run.out == brine("help", command).out


def test_every_page_can_be_read(brine: Brine) -> None:
    index = brine("help").out
    for page in sorted((ROOT / "docs" / "findings").glob("BRN*.md")):
        assert f"  {page.stem} " in index
        run = brine("help", page.stem)
        assert run.status == 0
        assert page.stem in run.out.splitlines()[0]
        assert max(len(line) for line in run.out.splitlines()) <= 100
        assert brine("help", page.stem.lower()).out == run.out
    for page in sorted((ROOT / "docs" / "help").glob("*.md")):
        assert brine("help", page.stem).status == 0


def test_findings_have_pages(brine: Brine, place: Place) -> None:
    report = brine("scan", "--format", "json", *place(*NAMES)).json()
    codes = {finding["code"] for file in report["files"] for finding in file["findings"]}
    assert codes
    for code in codes:
        assert brine("help", code).status == 0, code


def test_explain_tells_a_replica(brine: Brine, work: Path) -> None:
    stream = MALICIOUS[:-1] + b"X\xff\xff\xff\x7f"
    (work / "replica.pkl").write_bytes(stream)
    run = brine("explain", "replica.pkl")
    assert run.status == 0
    assert "# view: pickle.load" in run.out
    assert "system('true')" in run.out or 'system("true")' in run.out
    assert "In one sentence: " in run.out
    assert run.out.rstrip().endswith("MALICIOUS")


def test_explain_of_what_is_no_program(brine: Brine, place: Place) -> None:
    run = brine("explain", *place("unrecognized"))
    assert run.status == 0
    assert "no loader that Brine knows" in run.out


def test_inspect_shows_opcodes_and_odd_bytes(brine: Brine, work: Path) -> None:
    (work / "tail.pkl").write_bytes(MALICIOUS + b"some bytes more")
    run = brine("inspect", "tail.pkl")
    assert "REDUCE" in run.out
    assert "views" in run.out
    assert "coverage" in run.out
    assert "some bytes more" in run.out
    assert "pickle.load" in run.out


def test_the_program_is_light() -> None:
    listed = subprocess.run(["ldd", BRINE], capture_output=True, text=True, check=True).stdout
    names = {line.split()[0].rsplit("/", 1)[-1].split(".so")[0] for line in listed.splitlines()}
    assert names <= {
        "linux-vdso",
        "ld-linux-x86-64",
        "ld-linux-aarch64",
        "libc",
        "libm",
        "libgcc_s",
        "libstdc++",
        "libz",
        "libbz2",
        "liblz4",
        "liblzma",
        "libzstd",
        "libcrypto",
    }


def test_the_program_starts_at_once(work: Path, home: Path) -> None:
    (work / "m.pkl").write_bytes(CLEAN)
    times = []
    for _ in range(30):
        begin = time.perf_counter()
        subprocess.run(
            [BRINE, "scan", "m.pkl"],
            cwd=work,
            env=environment(home),
            capture_output=True,
            check=True,
        )
        times.append(time.perf_counter() - begin)
    # Starting a process from Python costs a few of its own; a busy machine more.
    assert sorted(times)[len(times) // 2] < 0.025
