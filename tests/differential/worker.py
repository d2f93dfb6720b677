"""One process of the differential run: takes streams and traces from the driver, asks the oracle.

Started by run.py under each Python that is to be an oracle (3.8 and later, standard library only).
Prints one JSON document: how much was compared, and every difference.

What may differ, and nothing else:

* The machine says "?" (a number of arguments, a value): counted as unknown.
* The oracle ran out of its memory: what came before is compared ("memory").
* The real unpickler raises, the machine goes on: its further events are extra ones. Each reason is
  a row of EXTRA, with the exception that CPython raised; any other exception is a failure.
"""

from __future__ import annotations

import argparse
import collections
import json
import re
import resource
import struct
import subprocess
import sys
from typing import Any, Dict, List, Optional, Tuple

import oracle

# Why the machine may go on where CPython raised: (reason, what the exception says).
EXTRA: Tuple[Tuple[str, str], ...] = (
    # A bytearray that lends its memory to a memoryview cannot change its size.
    ("bytearray with a live memoryview", r"^BufferError: Existing exports of data"),
)
_EXTRA = [(reason, re.compile(pattern)) for reason, pattern in EXTRA]

KINDS = {"I": "imports", "C": "calls", "N": "constructions", "B": "states", "S": "stores"}
KINDS.update({"H": "hashes", "P": "persistent ids"})
END_WORDS = ("stop", "broken", "budget", "refused", "memory")


def is_end(line: str) -> bool:
    return line.partition(" ")[0] in END_WORDS


def agrees(theirs: str, mine: str) -> bool:
    """Whether a line of the machine with unknowns in it is the oracle's."""
    if "?" not in theirs:
        return False
    known = theirs.split(" ", 3 if theirs[0] in "CNB" else 2)
    words = mine.split(" ", 3 if theirs[0] in "CNB" else 2)
    return known[0] == words[0] and all(
        "?" in left or left == right for left, right in zip(known[1:], words[1:])
    )


class Comparison:
    def __init__(self) -> None:
        self.streams = 0
        self.stopped = 0
        self.events: "collections.Counter[str]" = collections.Counter()
        self.unknown: "collections.Counter[str]" = collections.Counter()
        self.extra: Dict[str, Dict[str, Any]] = {}
        self.failures: List[Dict[str, Any]] = []
        self.failed = 0
        self.figures: List[Dict[str, Any]] = []

    def count(self, lines: List[str]) -> None:
        self.streams += 1
        events = self.events
        for line in lines:
            events[line[0]] += 1

    def fail(self, kind: str, how: int, stream: bytes, mine: str, theirs: str) -> None:
        self.failed += 1
        if len(self.failures) < 40:
            self.failures.append(
                {
                    "kind": kind,
                    "how": how,
                    "stream": stream.hex(),
                    "oracle": mine,
                    "brine": theirs,
                    "exception": oracle.Failure.last,
                }
            )

    def add_extra(self, reason: str, count: int, stream: bytes) -> None:
        entry = self.extra.setdefault(reason, {"streams": 0, "events": 0, "example": stream.hex()})
        entry["streams"] += 1
        entry["events"] += count
        if len(stream) * 2 < len(entry["example"]):
            entry["example"] = stream.hex()

    def differ(self, how: int, stream: bytes, mine_text: str, theirs_text: str) -> Optional[str]:
        """Why two traces that are not the same text differ; None when that is allowed."""
        mine, theirs = mine_text.split("\n"), theirs_text.split("\n")
        for i, line in enumerate(mine):
            if i >= len(theirs):
                return "missing"
            if line == theirs[i]:
                continue
            if is_end(line):
                break
            if not agrees(theirs[i], line):
                return "missing" if is_end(theirs[i]) else "different"
            self.unknown[line[0]] += 1
        else:
            return None if len(mine) == len(theirs) else "too long"
        extra = sum(1 for left in theirs[i:] if not is_end(left))
        if line == "memory":
            self.add_extra("memory", extra, stream)
            return None
        if line.startswith("stop"):
            if agrees(theirs[i], line):
                self.unknown["stop"] += 1
                return None
            return "end"
        if theirs[i] == "budget":
            self.add_extra("budget where CPython raises", 0, stream)
            return None
        for reason, pattern in _EXTRA:
            if pattern.search(oracle.Failure.last):
                self.add_extra(reason, extra, stream)
                return None
        return "extra"

    def stream(self, how: int, stream: bytes, theirs: bytes) -> None:
        lines = oracle.run(stream, oracle.Setup(how))
        self.count(lines)
        mine = "\n".join(lines)
        if mine.encode("utf-8", "surrogatepass") == theirs:
            return
        text = theirs.decode("utf-8", "surrogatepass")
        trace, _, collapse = text.partition("\nDIFFERS ")
        if collapse:
            self.fail("collapse " + collapse.partition("\n")[0], how, stream, mine, text)
        if trace != mine:
            kind = self.differ(how, stream, mine, trace)
            if kind is not None:
                self.fail(kind, how, stream, mine, trace)

    def read(self, pipe: Any) -> None:
        """Everything that `brine-differential generate` or `small` prints."""
        unpack = struct.Struct("<BII").unpack
        read = pipe.read
        while True:
            head = read(9)
            if len(head) < 9:
                raise SystemExit("the driver ended early")
            how, size, trace_size = unpack(head)
            if how == 0xFF:
                self.figures.append(json.loads(read(trace_size)))
                return
            stream = read(size)
            self.stream(how, stream, read(trace_size))

    def json(self) -> str:
        events = {name: self.events[key] for key, name in KINDS.items()}
        return json.dumps(
            {
                "python": sys.version.split()[0],
                "streams": self.streams,
                "stopped": self.events["s"],
                "events": events,
                "unknown": dict(self.unknown),
                "extra": self.extra,
                "failed": self.failed,
                "failures": self.failures,
                "figures": self.figures,
            }
        )


class Driver:
    """`brine-differential run`: one stream at a time."""

    def __init__(self, program: str, check: bool = False) -> None:
        command = [program, "run"] + (["--check"] if check else [])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def trace(self, how: int, stream: bytes) -> bytes:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(struct.pack("<BI", how, len(stream)) + stream)
        self.process.stdin.flush()
        head = self.process.stdout.read(4)
        if len(head) < 4:
            raise SystemExit("the driver ended early, stream " + stream.hex())
        (size,) = struct.unpack("<I", head)
        return self.process.stdout.read(size)

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def limit_memory() -> None:
    """A length that lies costs the oracle an exception; the driver, started before, is free."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def compare_files(comparison: Comparison, program: str, paths: List[str], python: bool) -> None:
    """Each file whole, cut at every offset, and (small ones) with single bytes changed."""
    driver = Driver(program, check=True)
    limit_memory()
    for path in paths:
        with open(path, "rb") as file:
            data = file.read()
        step = max(1, len(data) // 3000)
        for encoding in (0, 1, 2, 3):
            for persistent in (0, 8):
                how = int(python) | encoding << 1 | persistent | 32
                comparison.stream(how, data, driver.trace(how, data))
        for cut in range(0, len(data), step):
            how = int(python) | (cut & 3) << 1 | (8 if cut & 4 else 0)
            comparison.stream(how, data[:cut], driver.trace(how, data[:cut]))
        for place in range(0, len(data), step):
            for change in (0x01, 0x80, 0xFF, data[place] ^ ord("."), data[place] ^ ord("R")):
                changed = bytearray(data)
                changed[place] ^= change
                how = int(python) | (8 if place & 1 else 0)
                comparison.stream(how, bytes(changed), driver.trace(how, bytes(changed)))
    driver.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", required=True)
    parser.add_argument("--mode", choices=("generate", "small", "files"), default="generate")
    parser.add_argument("--unpickler", choices=("c", "py"), default="c")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--from", dest="start", default="0")
    parser.add_argument("--count", default="1000")
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()

    comparison = Comparison()
    if arguments.mode == "files":
        compare_files(comparison, arguments.driver, arguments.files, arguments.unpickler == "py")
    else:
        command = [arguments.driver, arguments.mode, "--check"]
        command += ["--unpickler", arguments.unpickler, "--seed", arguments.seed]
        command += ["--from", arguments.start, "--count", arguments.count]
        with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=1 << 20) as process:
            limit_memory()
            comparison.read(process.stdout)
    print(comparison.json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
