"""The real program and small files for it: what every end-to-end test needs.

The program is found through the environment variable BRINE, else at build/brine.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()

# A file for each verdict; the payload would run `true`.
CLEAN = pickle.dumps({"layers": [1, 2, 3], "name": "model"}, protocol=2)
UNRECOGNIZED = b"# A model card\n\nNothing to load here.\n"
INCOMPLETE = CLEAN[:-4]
SUSPICIOUS = b"\x80\x02cmypkg.models\nNet\n)\x81."
MALICIOUS = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R."
NAMES = {
    "clean": ("clean.pkl", CLEAN),
    "unrecognized": ("README.md", UNRECOGNIZED),
    "incomplete": ("cut.pkl", INCOMPLETE),
    "suspicious": ("unknown.pkl", SUSPICIOUS),
    "malicious": ("evil.pkl", MALICIOUS),
}


@dataclass(frozen=True)
class Run:
    status: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


Brine = Callable[..., Run]


def environment(home: Path) -> dict[str, str]:
    """A person's environment without their colours, width and settings."""
    kept = {key: os.environ[key] for key in ("PATH", "TMPDIR") if key in os.environ}
    return {**kept, "HOME": str(home), "LC_ALL": "C.UTF-8"}


def torch_zip(stream: bytes, how: int = zipfile.ZIP_STORED) -> bytes:
    """A torch zip whose object is this pickle."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        archive.writestr("archive/data.pkl", stream)
        archive.writestr("archive/version", b"3\n")
    return out.getvalue()


def verdict_of(folder: Path, stream: bytes, name: str = "model.pkl") -> str:
    """What a scan says of a file of this name, written into this folder."""
    path = folder / name
    path.write_bytes(stream)
    return verdict(path)


def verdict(path: Path) -> str:
    """What a scan says of a file."""
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", path], capture_output=True, check=False
    )
    return str(json.loads(done.stdout)["files"][0]["verdict"])


def marks(path: Path, loader: str | None = None) -> list[str]:
    """Arguments of the calls of brine_mark.mark in a file, in one loader's views or in all."""
    done = subprocess.run(
        [BRINE, "inspect", "--format", "json", path], capture_output=True, check=False
    )
    return [
        str(event.get("args"))
        for line in done.stdout.splitlines()
        for view in json.loads(line)["views"]
        if loader is None or view["loader"] == loader
        for event in view["events"]
        if event["kind"] == "call" and event.get("callable") == "brine_mark.mark"
    ]
