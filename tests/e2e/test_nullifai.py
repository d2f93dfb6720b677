"""The nullifAI class, exhaustively: nothing behind a payload takes the verdict back.

For each stream with a payload, bare, in torch's legacy format and in a torch zip: the file cut at
every offset behind the payload, and every byte behind it replaced by every other value, is scanned.
Each must be malicious, name the callable and show the argument. Nothing here is loaded.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS.parent), str(TESTS / "support")]

from pickleasm import assemble  # noqa: E402

from samples.recipes import make_samples  # noqa: E402
from tests.e2e.program import BRINE, ROOT, environment  # noqa: E402

BATCH = 4000
WORD = "echo the payload ran"
REST = assemble("EMPTY_DICT", "MARK", "UNICODE weight", "BININT1 7", "SETITEMS", "STOP")

# How a stream can run its payload; each leaves one object on the stack.
CALLS = {
    "reduce": assemble("GLOBAL posix system", "MARK", f"UNICODE '{WORD}'", "TUPLE", "REDUCE"),
    "inst": assemble("MARK", f"UNICODE '{WORD}'", "INST posix system"),
    "obj": assemble("MARK", "GLOBAL posix system", f"UNICODE '{WORD}'", "OBJ"),
    "stack_global": assemble(
        "PROTO 4", "SHORT_BINUNICODE os", "SHORT_BINUNICODE system", "STACK_GLOBAL"
    )
    + assemble(f"SHORT_BINUNICODE '{WORD}'", "TUPLE1", "REDUCE"),
    "memo": assemble("GLOBAL posix system", "BINPUT 3", "POP", f"UNICODE '{WORD}'", "TUPLE1")
    + assemble("BINPUT 4", "POP", "BINGET 3", "BINGET 4", "REDUCE"),
    "exec": assemble("GLOBAL __builtin__ exec", f"BINUNICODE '{WORD}'", "TUPLE1", "REDUCE"),
}


@dataclass(frozen=True)
class Attack:
    name: str
    data: bytes
    behind: int  # offset of the first byte that the payload does not need
    evidence: str


def of_sample(name: str, command: str) -> Attack:
    data = (ROOT / "samples" / "nullifai" / name).read_bytes()
    behind = data.index(command.encode()) + len(command) + len(b"\x85R")
    return Attack(name, data, behind, command)


def attacks() -> list[Attack]:
    found = [
        of_sample("model.pkl", make_samples.REVERSE_SHELL),
        of_sample("pytorch_model.bin", make_samples.REVERSE_SHELL),
        of_sample("legacy.pt", "import os; os.system('echo the model runs this')"),
    ]
    for name, call in CALLS.items():
        found.append(Attack(f"{name}.pkl", call + b"0" + REST, len(call), WORD))
        head = make_samples.legacy_beginning()
        found.append(Attack(f"{name}.pt", head + call + b"0" + REST, len(head) + len(call), WORD))
    packed = make_samples.model_zip(CALLS["reduce"] + b"0" + REST)
    behind = packed.index(CALLS["reduce"]) + len(CALLS["reduce"])
    found.append(Attack("reduce_zip.pt", packed, behind, WORD))
    return found


def variants(attack: Attack) -> Iterator[tuple[str, bytes]]:
    """The file cut, and with one byte changed, everywhere behind the payload."""
    data = attack.data
    for end in range(attack.behind, len(data)):
        yield f"cut-{end}", data[:end]
    for place in range(attack.behind, len(data)):
        for value in range(256):
            if value != data[place]:
                yield f"byte-{place}-{value:02x}", data[:place] + bytes([value]) + data[place + 1 :]


def scan(folder: Path) -> dict[str, dict[str, object]]:
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", folder],
        capture_output=True,
        env=environment(folder),
        check=False,
    )
    report = json.loads(done.stdout)
    return {Path(file["path"]).name: file for file in report["files"]}


def wrong(file: dict[str, object] | None, attack: Attack) -> str:
    """What is missing in a file's report; empty when nothing is."""
    if file is None:
        return "not in the report"
    if file["verdict"] != "malicious":
        return f"{file['verdict']}"
    findings = file["findings"]
    assert isinstance(findings, list)
    for finding in findings:
        shown = " ".join(str(evidence["text"]) for evidence in finding["evidence"])
        if finding["callable"] and finding["capabilities"] and attack.evidence in shown:
            return ""
    return "malicious, but the call's arguments are not shown"


def memory_folder() -> str | None:
    """A folder in memory: the test writes a hundred thousand files."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


@pytest.mark.parametrize("attack", attacks(), ids=lambda attack: attack.name)
def test_nothing_behind_the_payload_hides_it(attack: Attack) -> None:
    suffix = Path(attack.name).suffix
    failures = []
    total = 0
    batch: list[tuple[str, bytes]] = []

    def check() -> None:
        nonlocal total
        folder = Path(tempfile.mkdtemp(dir=memory_folder()))
        try:
            for name, data in batch:
                (folder / (name + suffix)).write_bytes(data)
            reports = scan(folder)
            for name, data in batch:
                problem = wrong(reports.get(name + suffix), attack)
                if problem:
                    failures.append(f"{name}: {problem}: {data[attack.behind - 8 :][:60]!r}")
            total += len(batch)
        finally:
            shutil.rmtree(folder)

    for variant in variants(attack):
        batch.append(variant)
        if len(batch) == BATCH:
            check()
            batch = []
    if batch:
        check()
    print(f"{attack.name}: {total} variants")
    assert not failures, f"{len(failures)} of {total}:\n" + "\n".join(failures[:20])
