"""Mutants: one-line mistakes in the machine, each of which must turn the comparison red.

    run.py [PATTERN]

Each tests/mutants/*.patch is applied to a copy of the sources, the differential driver is built
from it, and a short differential run looks for a difference from CPython. A mutant that no stream
betrays means that the streams or the comparison have a hole. Prints a line for each; exit status 1
when the unchanged sources are red, when a patch no longer applies, or when a mutant survives.
"""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORKER = ROOT / "tests" / "differential" / "worker.py"
FOLDERS = ("include", "src/base", "src/io", "src/pickle", "tests/differential")
# Printers and disassemblers are no part of the machine; leaving them out saves most of the build.
PRINTERS = ("disassembler", "decompiler", "python_printer", "statements", "expression")
SHORT = 15_000  # streams for each unpickler
LONG = 150_000  # for a mutant that survives those

MAKEFILE = """\
CXXFLAGS := -std=c++23 -O1 -Isrc -Iinclude -MMD
SOURCES := {sources}
OBJECTS := $(SOURCES:.cpp=.o)
driver: $(OBJECTS)
\t$(CXX) -o $@ $(OBJECTS) -lpthread
%.o: %.cpp
\t$(CXX) $(CXXFLAGS) -c $< -o $@
-include $(OBJECTS:.o=.d)
"""


def copy_sources(to: Path) -> None:
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, to / folder)
    sources = [
        str(path.relative_to(to))
        for folder in FOLDERS
        for path in sorted((to / folder).glob("*.cpp"))
        if not path.stem.endswith("_test")
    ]
    (to / "Makefile").write_text(MAKEFILE.format(sources=" ".join(sources)))


def build(tree: Path) -> str:
    """What the compiler complains about; empty when the driver stands."""
    jobs = str(os.cpu_count() or 2)
    compiler = os.environ.get("CXX", "ccache g++" if shutil.which("ccache") else "g++")
    command = ["make", "-s", "-j", jobs, f"CXX={compiler}", "driver"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr[-2000:]


def differences(tree: Path, streams: int) -> int:
    """How many streams differ from CPython; a driver that dies counts as one."""
    command = [sys.executable, str(WORKER), "--driver", str(tree / "driver")]
    runs = [
        subprocess.Popen(
            [*command, "--unpickler", unpickler, "--mode", mode, "--count", str(count)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for unpickler in ("c", "py")
        for mode, count in (("generate", streams), ("small", streams))
    ]
    found = 0
    for run in runs:
        out = run.communicate()[0]
        found += json.loads(out)["failed"] if run.returncode == 0 else 1
    return found


def apply(tree: Path, patch: Path, *more: str) -> bool:
    command = ["patch", "-p1", "--forward", "--silent", *more, "-i", str(patch)]
    return subprocess.run(command, cwd=tree, capture_output=True).returncode == 0


def try_mutant(tree: Path, patch: Path) -> str:
    """How the mutant was found out; empty when it was not."""
    complaint = build(tree)
    if complaint:
        return "does not compile"
    for streams in (SHORT, LONG):
        found = differences(tree, streams)
        if found:
            return f"{found} streams differ"
    return ""


def main() -> int:
    pattern = sys.argv[1] if len(sys.argv) > 1 else "*"
    patches = [p for p in sorted(HERE.glob("*.patch")) if fnmatch.fnmatch(p.stem, pattern)]
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        copy_sources(tree)
        complaint = build(tree)
        if complaint or differences(tree, SHORT):
            print(complaint or "the unchanged sources differ from CPython already")
            return 1
        for patch in patches:
            begin = time.monotonic()
            if not apply(tree, patch):
                print(f"{patch.stem:<34} DOES NOT APPLY")
                survivors += 1
                continue
            verdict = try_mutant(tree, patch)
            apply(tree, patch, "--reverse")
            survivors += not verdict or verdict == "does not compile"
            seconds = time.monotonic() - begin
            print(f"{patch.stem:<34} {verdict or 'SURVIVES'}  ({seconds:.0f} s)", flush=True)
    print(f"{len(patches) - survivors} of {len(patches)} mutants found out")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
