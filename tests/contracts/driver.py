"""The driver (driver.cpp): many files to one process, each with the facts changed in one word."""

from __future__ import annotations

import os
import struct
import subprocess
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("BRINE_CONTRACTS", ROOT / "build" / "tests" / "brine-contracts"))


@dataclass(frozen=True)
class Request:
    """A file, and the word that stands elsewhere in the facts meanwhile (offset 0: none)."""

    name: str
    data: bytes
    offset: int = 0
    word: int = 0


def verdicts(facts: Path, requests: Iterable[Request]) -> list[str]:
    """A line for each request: the verdict's first letter, then the first finding."""
    asked = list(requests)
    with subprocess.Popen(
        [PROGRAM, facts], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        sink = process.stdin

        def send() -> None:
            for one in asked:
                head = struct.pack("<4I", one.offset, one.word, len(one.name), len(one.data))
                sink.write(head + one.name.encode() + one.data)
            sink.close()

        sender = threading.Thread(target=send)
        sender.start()
        out = process.stdout.read().decode("utf-8", "replace").split("\n")[:-1]
        sender.join()
    if len(out) != len(asked) or process.returncode != 0:
        raise ValueError(f"{len(asked)} files, {len(out)} verdicts, ended {process.returncode}")
    return out
