"""convert and disarm run nothing of a file, and what disarm writes runs nothing either.

Every malicious fixture there is, in every container, goes through both commands under strace: no
program but brine-worker is started, nothing is connected, and no file is opened but the input, the
output and what the dynamic loader needs. Then each output of disarm is loaded by the loader it is
made for, in an interpreter with an audit hook. Payloads are harmless.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import py7zr
import pytest
import torch

from tests.convert.checkpoints import Call
from tests.convert.test_convert import PAYLOAD, POSITIONS, W
from tests.e2e.program import BRINE
from tests.truth import fixtures

asm = fixtures.asm  # type: ignore[attr-defined]
STRACE = shutil.which("strace")
CALLS = (
    "execve,execveat,fork,vfork,clone,clone3,socket,connect,bind,open,openat,openat2,creat,"
    "unlink,unlinkat,rename,renameat,renameat2,mkdir,mkdirat,symlink,symlinkat,chmod,fchmodat,"
    "ptrace,kill,mount"
)
# What the dynamic loader and the C library read, and what tells a program about itself.
SYSTEM = re.compile(
    r"/(lib|lib64|usr/lib|usr/local/lib)/|/etc/ld\.so|/proc/self/|/sys/fs/cgroup|/usr/share/locale/"
)


def state_stream(before: bytes = b"", behind: bytes = b"", under: bytes = b"") -> bytes:
    """A torch pickle of {'w': tensor} with something in front of it or at its end."""
    buffer = io.BytesIO()
    torch.save({"w": W}, buffer)
    with zipfile.ZipFile(buffer) as archive:
        stream = archive.read("archive/data.pkl")
    return stream[:2] + before + under + stream[2:-1] + behind + b"."


def torch_zip(stream: bytes, **more: bytes) -> bytes:
    buffer = io.BytesIO()
    torch.save({"w": W}, buffer)
    out = io.BytesIO()
    with zipfile.ZipFile(buffer) as archive, zipfile.ZipFile(out, "w") as copy:
        for name in archive.namelist():
            copy.writestr(name, stream if name.endswith("data.pkl") else archive.read(name))
        for name, data in more.items():
            copy.writestr(f"archive/{name}", data)
    return out.getvalue()


def positions() -> dict[str, bytes]:
    """Places in a torch file where a payload can stand."""
    run, stop = fixtures.RUN, fixtures.STOP
    plain = state_stream()
    encode = asm("GLOBAL _codecs encode", "UNICODE x", "UNICODE rot13", "TUPLE2", "REDUCE", "POP")
    sub = asm("GLOBAL mymodule MyDict", "EMPTY_TUPLE", "REDUCE", "POP")
    put = asm("GLOBAL collections OrderedDict", "BINPUT 99", "POP", "GLOBAL os system")
    put += asm("BINPUT 99", "POP", "BINGET 99", fixtures.TEXT, "TUPLE1", "REDUCE", "POP")
    return {
        "in front, popped": torch_zip(state_stream(before=run + b"0")),
        "under the dict": torch_zip(state_stream(under=run)),
        "behind the stop": torch_zip(plain + run + stop),
        "in front of a break": torch_zip(run + plain[2:60]),
        "break behind the dict": torch_zip(plain[:-1] + run + b"X\x04"),
        "another member": torch_zip(plain, **{"evil.pkl": run + stop}),
        "another data.pkl": torch_zip(plain, **{"data.pkl": b"\x80\x02" + run + stop}),
        "a codec of python": torch_zip(state_stream(before=encode)),
        "a subclass of dict": torch_zip(state_stream(before=sub)),
        "memo twice": torch_zip(state_stream(before=put)),
        "in the constants": torch_zip(plain, **{"constants.pkl": b"\x80\x02" + run + stop}),
    }


class Local(torch.nn.Module):  # type: ignore[misc]
    """Its source stands in torch's first format."""

    def __init__(self) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(W)


def write_all(folder: Path) -> list[Path]:
    paths = fixtures.write_all(folder)

    def path(name: str) -> Path:
        paths.append(folder / re.sub(r"[^a-z0-9.]+", "_", name))
        return paths[-1]

    for name, value in POSITIONS.items():
        torch.save(value, path(f"position {name}.pt"))
        torch.save(value, path(f"legacy {name}.pt"), _use_new_zipfile_serialization=False)
        torch.save(value, path(f"proto4 {name}.pt"), pickle_protocol=4)
        path(f"bare {name}.pkl").write_bytes(pickle.dumps(value))
    for name, data in positions().items():
        path(f"place {name}.pt").write_bytes(data)
    torch.save(Local(), path("module.pt"), _use_new_zipfile_serialization=False)
    stream = pickle.dumps({"a": np.arange(3), "x": PAYLOAD})
    path("payload.pkl.gz").write_bytes(gzip.compress(stream))
    joblib.dump({"a": np.arange(3), "x": PAYLOAD}, path("payload.joblib"))
    joblib.dump(np.array([PAYLOAD, W.numpy()], dtype=object), path("packed.joblib"), compress=3)
    objects = np.array([PAYLOAD, None], dtype=object)
    np.save(path("payload.npy"), objects)
    np.savez(path("payload.npz"), a=np.arange(3), x=objects)
    with zipfile.ZipFile(path("twice.zip"), "w") as archive:
        archive.writestr("inner.pkl", stream)
        archive.writestr("inner.pt", torch_zip(state_stream(before=fixtures.RUN + b"0")))
    with tarfile.open(path("payload.tar"), "w") as archive_file:
        member = tarfile.TarInfo("inner.pkl")
        member.size = len(stream)
        archive_file.addfile(member, io.BytesIO(stream))
    with py7zr.SevenZipFile(path("payload.7z"), "w") as packed:
        packed.writestr(stream, "inner.pkl")
    storage = Call(torch.storage._load_from_bytes, torch_zip(state_stream(under=fixtures.RUN)))  # noqa: SLF001
    path("nested.pkl").write_bytes(pickle.dumps({"w": storage, "v": W}))
    return paths


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_all(tmp_path_factory.mktemp("malicious"))


def traced(log: Path) -> Iterator[tuple[str, str]]:
    """System call and its arguments, unfinished lines joined with what resumes them."""
    waiting: dict[str, str] = {}
    for text in log.read_text(errors="replace").splitlines():
        pid, _, line = text.partition(" ")
        line = line.strip()
        if line.startswith(("+++", "---")):
            continue
        if line.endswith("<unfinished ...>"):
            waiting[pid] = line.removesuffix("<unfinished ...>")
            continue
        if line.startswith("<... "):
            line = waiting.pop(pid, "") + line.partition("resumed>")[2]
        call, _, arguments = line.partition("(")
        yield call, arguments


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize("command", ["convert", "disarm"])
def test_no_system_call_serves_the_file(command: str, files: list[Path], tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert STRACE is not None
    done = subprocess.run(
        [STRACE, "-f", "-s", "4096", "-e", f"trace={CALLS}", "-o", log, BRINE, command, "--force",
         "--format", "json", *files],
        capture_output=True, text=True,
    )  # fmt: skip
    if "ptrace" in done.stderr.lower() and not done.stdout:
        pytest.skip("this system refuses ptrace")
    document = json.loads(done.stdout)
    assert len(document["files"]) == len(files)
    folder = files[0].parent
    known = {str(path) for path in files} | {str(folder)}
    worker = str(BRINE.parent / "brine-worker")
    seen = programs = processes = 0
    children: set[str] = set()
    for call, arguments in traced(log):
        seen += 1
        named = re.findall(r'"((?:[^"\\]|\\.)*)"', arguments)
        if call == "execve":
            program = named[0]
            programs += 1
            assert program in (str(BRINE), worker) or program.startswith("/proc/self/"), arguments
        elif call in ("clone", "clone3"):
            if "CLONE_THREAD" not in arguments:
                processes += 1
                children.add(arguments.rpartition("= ")[2].strip())
        elif call == "kill":
            assert arguments.partition(",")[0] in children, arguments  # its own worker
        elif call in ("open", "openat", "openat2", "creat"):
            path = named[0]
            ours = path in known or f"{folder}/.brine-" in path
            reads = "O_RDONLY" in arguments and "O_CREAT" not in arguments
            # The worker writes to nowhere but its pipe.
            ours = ours or path == "/dev/null"
            assert ours or (reads and (SYSTEM.search(path) or path == worker)), arguments
        elif call.startswith(("rename", "unlink")):
            assert f"{folder}/.brine-" in named[0], arguments
        else:
            raise AssertionError(f"{call}({arguments}")
    assert seen > 100
    # One process for each start of the worker, and none besides.
    assert processes == programs - 1


# Loads each output twice: what a loader imports for the first time is no doing of the file.
CHILD = """
import json, pickle, sys
import joblib, numpy as np, torch
import numpy.core.multiarray

def load(path, container, compression):
    if container == 'torch':
        return torch.load(path, weights_only=True)
    if container in ('npy', 'npz'):
        value = np.load(path, allow_pickle=True)
        return dict(value) if container == 'npz' else value
    if container == 'zip':
        import zipfile
        with zipfile.ZipFile(path) as archive:
            return pickle.loads(archive.read(archive.namelist()[0]))
    return joblib.load(path)

QUIET = {'object.__getattr__', 'object.__setattr__', 'marshal.loads', 'sys._getframe'}
events, watching = [], False
def hook(event, args):
    if watching and event not in QUIET:
        events.append((event, [str(a) for a in args]))
sys.addaudithook(hook)
out = []
for line in sys.stdin:
    path, container, compression = json.loads(line)
    load(path, container, compression)
    events.clear()
    watching = True
    load(path, container, compression)
    watching = False
    out.append([path, list(events)])
print(json.dumps(out))
"""
NAMES = {
    "collections.OrderedDict", "numpy.dtype", "numpy.ndarray", "builtins.bytearray",
    "numpy.core.multiarray._reconstruct", "numpy.core.multiarray.scalar", "builtins.complex",
    "builtins.slice", "builtins.range",
}  # fmt: skip


def test_what_disarm_writes_runs_nothing(files: list[Path], tmp_path: Path) -> None:
    done = subprocess.run(
        [BRINE, "disarm", "--force", "--format", "json", *files], capture_output=True, text=True
    )
    written = [f for f in json.loads(done.stdout)["files"] if f["output"]]
    assert len(written) > 100
    scan = subprocess.run(
        [BRINE, "scan", "--format", "json", *[f["output"] for f in written]],
        capture_output=True, text=True,
    )  # fmt: skip
    verdicts = {f["path"]: f["verdict"] for f in json.loads(scan.stdout)["files"]}
    assert set(verdicts.values()) == {"clean"}, verdicts
    lines = [json.dumps([f["output"], f["container"], f["compression"]]) for f in written]
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CHILD],
        input="\n".join(lines), capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr[-2000:]
    assert "seen" not in child.stderr
    loaded = json.loads(child.stdout.splitlines()[-1])
    assert len(loaded) == len(written)
    for path, events in loaded:
        for event, arguments in events:
            if event == "pickle.find_class":
                assert ".".join(arguments[:2]) in NAMES, (path, arguments)
            elif event == "open":
                assert arguments[0] == path, (path, arguments)
            elif event == "compile":  # NumPy reads the header of a .npy file as a literal
                assert arguments[0].startswith("b\"{'descr': '"), arguments
            else:
                assert event.startswith(("os.fspath", "mmap", "torch.")), (path, event, arguments)


@pytest.mark.parametrize("command", ["convert", "disarm"])
def test_no_malicious_file_is_called_exact(command: str, files: list[Path]) -> None:
    done = subprocess.run(
        [BRINE, command, "--force", "--format", "json", *files], capture_output=True, text=True
    )
    scan = subprocess.run(
        [BRINE, "scan", "--format", "json", *files], capture_output=True, text=True
    )
    clean = {f["path"] for f in json.loads(scan.stdout)["files"] if f["verdict"] == "clean"}
    found: dict[str, Any] = {f["path"]: f for f in json.loads(done.stdout)["files"]}
    assert len(clean) < len(files) / 2
    for path, file in found.items():
        if file["verdict"] == "EXACT":
            assert path in clean, path
        elif file["verdict"] == "REFUSED":
            assert file["reason"], path
            assert file["output"] is None
        if file["output"]:
            assert os.path.exists(file["output"])
