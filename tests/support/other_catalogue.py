"""Brine with another catalogue: the same objects, linked with the facts of another folder.

The program carries its facts as one block of bytes between two symbols. An object that defines
these symbols stands in front of the library on the linker's command line, so that the library's own
block is never taken.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
BLOCK = """
    .section .rodata
    .balign 16
    .globl brine_catalogue
    .globl brine_catalogue_end
brine_catalogue:
    .incbin "{blob}"
brine_catalogue_end:
    .byte 0
    .section .note.GNU-stack,"",%progbits
"""


def compile_facts(facts: Path, blob: Path) -> subprocess.CompletedProcess[str]:
    """Compile a folder of facts as the build does."""
    return subprocess.run(
        [
            sys.executable, "-B", str(ROOT / "tools" / "catalogue" / "embed.py"),
            "--facts", str(facts), "--defs", str(ROOT / "src" / "catalogue"),
            "--output", str(blob),
        ],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def link_command(build: Path = BUILD) -> list[str]:
    """The words by which build/brine is linked, from the build's own records."""
    lines = subprocess.run(
        ["ninja", "-t", "commands", "brine"], cwd=build, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    command = lines[-1].removeprefix(": && ").removesuffix(" && :")
    return shlex.split(command)


def link(facts: Path, program: Path, build: Path = BUILD) -> None:
    """Make `program`, which knows the facts of `facts` and nothing else."""
    blob = program.with_suffix(".bin")
    done = compile_facts(facts, blob)
    if done.returncode != 0:
        raise ValueError(done.stderr)
    source = program.with_suffix(".S")
    source.write_text(BLOCK.format(blob=blob), "utf-8")
    words = link_command(build)
    words[words.index("-o") + 1] = str(program)
    words.insert(words.index("-o"), str(source))
    subprocess.run(words, cwd=build, capture_output=True, check=True, timeout=120)
