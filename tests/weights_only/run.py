"""Compares what `brine scan` says of torch.load(weights_only=True) with what it does.

    python tests/weights_only/run.py [--every N] [--python PYTHON --release 2.6] [--show]

PYTHON is an interpreter that has the release of torch (default: this one). Prints for each kind of
file how often brine says true, false and null, and how often that is wrong. The status is 1 when a
true or false is wrong, or a refusal names another global or opcode than torch's own message.
"""

from __future__ import annotations

import argparse
import collections
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from tests.e2e.program import BRINE  # noqa: E402
from tests.weights_only.corpus import write  # noqa: E402

CHILD = Path(__file__).with_name("child.py")
BATCH = 500
NAMED = (
    re.compile(r"GLOBAL (\S+)"),
    re.compile(r"Unsupported class (\S+)"),
    re.compile(r"Unsupported operand (\d+)"),
)


@dataclass
class Result:
    said: collections.Counter[tuple[str, str]] = field(default_factory=collections.Counter)
    wrong: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    otherwise: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)
    named: int = 0

    def table(self) -> str:
        kinds = sorted({kind for kind, _ in self.said})
        lines = [f"{'':12}{'true':>8}{'false':>8}{'null':>8}{'none':>8}"]
        for kind in kinds:
            cells = [self.said[kind, word] for word in ("True", "False", "None", "nothing")]
            lines.append(f"{kind:12}" + "".join(f"{cell:8}" for cell in cells))
        return "\n".join(lines)


class Loader:
    """The real torch.load in a process of its own; one that dies is followed by another."""

    def __init__(self, python: str) -> None:
        self.command = [python, str(CHILD)]
        self.child: subprocess.Popen[str] | None = None

    def load(self, path: Path) -> dict[str, Any] | None:
        if self.child is None:
            self.child = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
        assert self.child.stdin is not None and self.child.stdout is not None
        try:
            self.child.stdin.write(json.dumps(str(path)) + "\n")
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.child.wait()
            self.child = None
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        if self.child is not None and self.child.stdin is not None:
            self.child.stdin.close()
            self.child.wait()
            self.child = None


def scanned(paths: Sequence[Path]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", *paths], capture_output=True, text=True, check=False
    )
    files: list[dict[str, Any]] = json.loads(done.stdout)["files"]
    assert [file["path"] for file in files] == [str(path) for path in paths], done.stderr
    return files


def names(text: str | None) -> set[str]:
    found = {match for row in NAMED for match in row.findall(text or "")}
    return {name.removeprefix("builtins.").rstrip(".,:") for name in found}


def check(batch: Iterable[tuple[str, Path]], release: str, loader: Loader, result: Result) -> None:
    pairs = list(batch)
    for (kind, path), file in zip(pairs, scanned([path for _, path in pairs]), strict=True):
        rows = file["weights_only"]
        said = rows[release] if rows is not None else None
        result.said[kind, "nothing" if said is None else str(said["accepts"])] += 1
        real = loader.load(path)
        if real is not None and real["accepts"] and said is not None and not said["accepts"]:
            loader.close()  # another file may have made it import what this one wants
            real = loader.load(path)
        if said is not None and said["accepts"] is None:
            result.unknown.append(f"{path.name}: {said['reason']}, torch: {real}")
        if real is None:
            result.crashed.append(path.name)
            if said is not None and said["accepts"] is not None:
                result.wrong.append(f"{path.name}: {said}, torch dies")
            continue
        if said is None:
            if real["accepts"]:
                result.wrong.append(f"{path.name}: nothing is said, torch accepts it")
            continue
        if said["accepts"] is not None and said["accepts"] != real["accepts"]:
            result.wrong.append(f"{path.name}: {said}, torch: {real['error']}")
        elif said["accepts"] is False:
            theirs, ours = names(real["error"]), names(said["reason"])
            result.named += bool(theirs)
            if theirs and not theirs <= ours:
                result.otherwise.append(f"{path.name}: {said}, torch: {real['error']}")


def run(every: int, python: str = sys.executable, release: str = "2.13") -> Result:
    result = Result()
    loader = Loader(python)
    with tempfile.TemporaryDirectory() as folder:
        batch: list[tuple[str, Path]] = []
        for one in write(Path(folder), every):
            batch.append(one)
            if len(batch) == BATCH:
                check(batch, release, loader, result)
                for _, path in batch:
                    path.unlink()
                batch = []
        check(batch, release, loader, result)
    loader.close()
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--release", default="2.13")
    parser.add_argument("--show", action="store_true", help="list what is not known")
    options = parser.parse_args()
    result = run(options.every, options.python, options.release)
    print(f"torch {options.release}")
    print(result.table())
    for title, rows in (("WRONG", result.wrong), ("OTHERWISE", result.otherwise)):
        for row in rows:
            print(title, row)
    if options.show:
        for row in result.unknown:
            print("unknown", row)
    print(
        f"{result.said.total()} files, {len(result.wrong)} wrong, {len(result.unknown)} not known,"
        f" {len(result.otherwise)} of {result.named} refusals name something else,"
        f" torch died on {len(result.crashed)}"
    )
    return 1 if result.wrong or result.otherwise else 0


if __name__ == "__main__":
    sys.exit(main())
