"""The inert ones are inert, one by one: each callable and class with a fact is loaded for real.

    python tests/inert/each.py [--changes N] [--every N] [--library NAME]

For each name of catalogue/inert/ values that its contracts accept are made from the contracts
alone (tests/contracts/make.py), and changed N times (mutate.py). What the program still calls clean
is loaded in a child under an audit hook (child.py): an event beyond an import, a change of
builtins, of a module or of a class's dictionary, or a crash is a failure. What importing the name's
module does is watched too. Names that cannot be run here are counted by reason; they rest on the
proof from their source alone.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.contracts import make  # noqa: E402
from tests.contracts.driver import Request, verdicts  # noqa: E402
from tests.contracts.facts import CONTRACTS, Changeable, Facts  # noqa: E402
from tests.inert import mutate  # noqa: E402

CHILD = Path(__file__).with_name("child.py")
BASES = 6  # accepted values of each contract that are changed
GROUP = 60  # names whose files are scanned in one go
PATIENCE = 120.0  # seconds without an answer
# Events that a fact lists besides imports: the contract says which text is compiled, to the letter.
LISTED = {
    "scipy.stats.": ("compile ", "exec "),
    "hyperopt.rdists:": ("compile ", "exec "),  # SciPy's distributions again
}
# Changes that making any object of the class brings about: an optimizer of torch wraps its class's
# step() for the profiler, once, whoever makes it (Optimizer._patch_step_function).
# A hook's handle raises the class's counter above its own number (RemovableHandle.__setstate__).
LISTED_CHANGES = {
    "torch.optim": (".step",), "transformers.optimization": (".step",),
    "torch.utils.hooks": (".next_id",),
}  # fmt: skip
REFERRED = "used by reference only"  # why a name is not run
MOST_FAILURES = 3  # of a name: more say nothing new


# zoneinfo.ZoneInfo reads a zone of the system's table, which the contract's letters do not leave.
ZONE = re.compile(r"open \('[^']*/zoneinfo/[A-Za-z0-9_+/-]*', 'r', ")


def listed(key: str, event: str, data: bytes) -> bool:
    """Whether a fact of the name, or of a zone in its file, says that this happens."""
    if b"ZoneInfo._unpickle" in data and ZONE.match(event):
        return True
    return any(key.startswith(name) and event.startswith(kinds) for name, kinds in LISTED.items())


def listed_change(key: str, entry: str) -> bool:
    """The same of a class's dictionary."""
    return any(key.startswith(n) and entry.endswith(ends) for n, ends in LISTED_CHANGES.items())


@dataclass
class Subject:
    """A name, the files that are loaded for it, and what came of it."""

    key: str
    files: list[tuple[str, bytes]] = field(default_factory=list)
    reason: str = ""  # why nothing could be run
    changed: int = 0
    clean: int = 0
    loaded: int = 0
    failures: list[str] = field(default_factory=list)


def bases(maker: make.Maker, key: str) -> tuple[list[tuple[bytes, bool]], str]:
    """Streams that reach each contract of a name with what it accepts."""
    row = maker.facts.row(key)
    out: list[tuple[bytes, bool]] = []
    why = REFERRED
    for contract in CONTRACTS:
        if contract not in row:
            continue
        tree = maker.tree(row[contract])
        for number in range(BASES):
            making = make.Making(chance=random.Random(number) if number else None)
            try:
                opcodes = maker.stream(key, contract, tree, making)
            except make.ImpossibleError:
                why = "no value can be made"
                continue
            stream = b"\x80\x04" + opcodes + b"."
            if (stream, making.storage) not in out:
                out.append((stream, making.storage))
    return out, why


class Child:
    """A process that loads what it is sent."""

    def __init__(self) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(CHILD), "--served"], cwd=tempfile.gettempdir(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def ask(self, frames: list[tuple[bytes, bytes]]) -> list[dict[str, Any]]:
        """Answers in order; fewer than frames when the process ended, or no longer answers."""
        sink, source = self.process.stdin, self.process.stdout
        assert sink is not None and source is not None

        def send() -> None:
            try:
                for letter, data in frames:
                    sink.write(letter + struct.pack("<I", len(data)) + data)
                sink.flush()
            except OSError:
                pass  # the answers end, which says it

        sender = threading.Thread(target=send)
        sender.start()
        out: list[dict[str, Any]] = []
        watch = threading.Timer(PATIENCE, self.process.kill)
        watch.start()
        while len(out) < len(frames) and (line := source.readline()):
            out.append(json.loads(line))
        watch.cancel()
        if len(out) < len(frames):
            self.end()
        sender.join()
        return out

    def end(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()


class Loading:
    """Loads the files of subjects; a child that ended or was changed is replaced."""

    def __init__(self) -> None:
        """Start the first child."""
        self.child = Child()
        self.imports: dict[str, list[str]] = {}  # what importing a module did

    def fresh(self) -> None:
        """Another child."""
        self.child.end()
        self.child = Child()

    def there(self, subject: Subject) -> bool:
        """Whether the name can be imported here."""
        answers = self.child.ask([(b"N", subject.key.encode())])
        if not answers:
            subject.reason = "the import ends the process"
            self.fresh()
            return False
        self.imports.setdefault(subject.key.split(":")[0], []).extend(answers[0]["import"])
        if "missing" in answers[0]:
            error = answers[0]["missing"]
            installed = not error.startswith("ModuleNotFoundError")
            subject.reason = "not in this version" if installed else "library not installed"
        return not subject.reason

    def load(self, subject: Subject) -> None:
        """Load all files of a subject, then look for changes."""
        rest = list(subject.files)
        while rest:
            name = (b"N", subject.key.encode())
            frames = [(b"T" if file.endswith(".pt") else b"P", data) for file, data in rest]
            answers = self.child.ask([name, *frames, (b"S", b"")])
            for (_, data), answer in zip(rest, answers[1:], strict=False):
                subject.loaded += answer.get("error") == ""
                events = [e for e in answer.get("events", ()) if not listed(subject.key, e, data)]
                if events:
                    subject.failures.append(f"{events[:2]} {data[:400]!r}")
            if len(answers) == len(frames) + 2:
                if any(not listed_change(subject.key, e) for e in answers[-1]["changed"]):
                    self.narrow(subject, rest)
                return
            at = max(len(answers) - 1, 0)
            subject.failures.append(f"ends the process: {rest[at][1][:400]!r}" if at < len(rest)
                                    else "ends the process")  # fmt: skip
            self.fresh()
            rest = rest[at + 1 :]

    def narrow(self, subject: Subject, files: list[tuple[str, bytes]]) -> None:
        """Which file changed something: each by itself."""
        subject.failures.append("something of the process is changed")
        self.fresh()
        for file, data in files:
            letter = b"T" if file.endswith(".pt") else b"P"
            name = (b"N", subject.key.encode())
            answers = self.child.ask([name, (letter, data), (b"S", b"")])
            entries = answers[2]["changed"] if len(answers) == 3 else []
            entries = [entry for entry in entries if not listed_change(subject.key, entry)]
            if entries:
                subject.failures.append(f"changed {entries[:3]} {data[:400]!r}")
                self.fresh()
            if len(subject.failures) >= MOST_FAILURES:
                return


def prepare(maker: make.Maker, facts: Path, subjects: list[Subject], changes: int) -> None:
    """Make, change and scan: what is clean is what will be loaded."""
    asked: list[tuple[Subject, list[tuple[bytes, bool]]]] = []
    requests: list[Request] = []
    for subject in subjects:
        found, why = bases(maker, subject.key)
        subject.reason = "" if found else why
        asked.append((subject, found))
        requests += [Request(*make.packed(*base)) for base in found]
    answers = iter(verdicts(facts, requests))
    changed: list[tuple[Subject, Request]] = []
    for subject, found in asked:
        good = [base for base, answer in zip(found, answers, strict=False) if answer[0] == "c"]
        if found and not good:
            subject.reason = "no value that can be made is clean"
        subject.files = [make.packed(*base) for base in good]
        chance = random.Random(subject.key)
        cut = [(mutate.pieces(stream), storage) for stream, storage in good]
        for number in range(changes if cut else 0):
            parts, storage = cut[number % len(cut)]
            subject.changed += 1
            changed.append((subject, Request(*make.packed(mutate.changed(parts, chance), storage))))
    results = verdicts(facts, [request for _, request in changed])
    for (subject, request), answer in zip(changed, results, strict=True):
        if answer[0] == "c":
            subject.clean += 1
            subject.files.append((request.name, request.data))


def run(keys: list[str], changes: int, facts: Facts) -> tuple[list[Subject], dict[str, list[str]]]:
    """Everything, group by group; what became of each name, and what the imports did."""
    maker = make.Maker(facts)
    loading = Loading()
    out: list[Subject] = []
    with tempfile.TemporaryDirectory() as folder:
        block = Path(folder) / "facts.bin"
        Changeable(facts).write(block)
        for start in range(0, len(keys), GROUP):
            group = [Subject(key) for key in keys[start : start + GROUP]]
            here = [subject for subject in group if loading.there(subject)]
            prepare(maker, block, here, changes)
            for subject in here:
                if not subject.reason:
                    loading.load(subject)
                subject.files.clear()
            out += group
    loading.child.end()
    return out, loading.imports


def main() -> int:
    """Print a table by library."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--every", type=int, default=1, help="only each N-th name")
    parser.add_argument("--library", help="only names of this top-level module")
    parser.add_argument("--reasons", action="store_true", help="name what could not be run")
    options = parser.parse_args()
    begin = time.monotonic()
    facts = Facts()
    keys = [key for key, _ in facts.names()
            if options.library in (None, key.split(":")[0].split(".")[0])]  # fmt: skip
    subjects, imports = run(keys[:: options.every], options.changes, facts)
    groups: dict[str, list[Subject]] = {}
    for subject in subjects:
        groups.setdefault(subject.key.split(":")[0].split(".")[0], []).append(subject)
    standard = {name for name in groups if name in sys.stdlib_module_names}
    groups["(Python)"] = [subject for name in sorted(standard) for subject in groups.pop(name)]
    print(
        f"{'library':22} {'names':>6} {'run':>6} {'changed':>9} {'clean':>9} {'loaded':>9} failures"
    )
    reasons: Counter[str] = Counter()
    for name, group in [*sorted(groups.items()), ("all", subjects)]:
        ran = [subject for subject in group if not subject.reason]
        sums = [sum(values) for values in zip(*((s.changed, s.clean, s.loaded) for s in group),
                                               strict=True)] or [0, 0, 0]  # fmt: skip
        wrong = sum(1 for subject in group if subject.failures)
        numbers = " ".join(f"{number:9}" for number in sums)
        print(f"{name:22} {len(group):6} {len(ran):6} {numbers} {wrong}")
    reasons.update(subject.reason for subject in subjects if subject.reason)
    for reason, count in reasons.most_common():
        print(f"not run: {count:6} {reason}")
    doing = {module: events for module, events in imports.items() if events}
    print(f"imports under watch: {len(imports)} modules, {len(doing)} did more than define things")
    for module, events in sorted(doing.items()):
        print(f"import: {module}: {sorted(set(events))[:3]}")
    print(f"{time.monotonic() - begin:.0f} s")
    for subject in subjects:
        if options.reasons and subject.reason and "install" not in subject.reason:
            print(f"not run: {subject.key}: {subject.reason}")
        for failure in subject.failures[:3]:
            print(f"failure: {subject.key}: {failure}")
    return 1 if any(subject.failures for subject in subjects) else 0


if __name__ == "__main__":
    sys.exit(main())
