"""brine convert as a person uses it: verdicts, payloads, broken files, writing."""

from __future__ import annotations

import collections
import json
import os
import pickle
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.convert import oracle
from tests.convert.checkpoints import Call
from tests.convert.compare import difference, read
from tests.e2e.program import BRINE

W = torch.arange(12.0).reshape(3, 4)
PAYLOAD = Call(os.system, "true")


def convert(*words: str | Path, status: int | None = None) -> list[dict[str, Any]]:
    done = subprocess.run(
        [BRINE, "convert", "--format", "json", *words], capture_output=True, text=True
    )
    assert status is None or done.returncode == status, done
    document = json.loads(done.stdout)
    assert document["schema"] == "brine.convert/1"
    files: list[dict[str, Any]] = document["files"]
    return files


def converted(path: Path, *words: str, status: int | None = None) -> dict[str, Any]:
    return convert(path, *words, status=status)[0]


class State:
    """An object whose state holds a payload."""

    def __init__(self) -> None:
        self.inside = PAYLOAD


POSITIONS: dict[str, Any] = {
    "value": {"w": W, "x": PAYLOAD},
    "first value": {"x": PAYLOAD, "w": W},
    "key": {"w": W, ("k", PAYLOAD): 1},
    "element of a tuple": (W, PAYLOAD),
    "element of a list": [PAYLOAD, W],
    "state of an object": {"w": W, "x": State()},
    "hooks": {
        "v": W,
        "w": Call(
            torch._utils._rebuild_tensor_v2,  # noqa: SLF001
            W.untyped_storage() and torch.storage.TypedStorage(
                wrap_storage=W.untyped_storage(), dtype=torch.float32, _internal=True
            ),
            0, (3, 4), (4, 1), False, Call(eval, "__import__('os').system('true')"),
        ),
    },
    "ordered": collections.OrderedDict([("w", W), ("x", PAYLOAD)]),
    "joined name": {"w": W, "x": Call(getattr, Call(__import__, "os"), Call("sys".__add__, "tem"))},
}  # fmt: skip


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("position", POSITIONS)
def test_a_payload_is_cut_and_listed(position: str, legacy: bool, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(POSITIONS[position], path, _use_new_zipfile_serialization=not legacy)
    file = converted(path, status=1)
    assert file["verdict"] == "DISARMED"
    assert any(cut["offset"] is not None for cut in file["cut"])
    found, metadata = read(Path(file["output"]))
    assert metadata["brine.verdict"] == "DISARMED"
    data = W.numpy().tobytes()
    assert any(bits.data == data for bits in found.values())
    scan = subprocess.run([BRINE, "scan", file["output"]], capture_output=True, text=True)
    assert scan.returncode == 0, scan.stdout


def test_a_call_that_returns_the_weights_is_not_exact(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(Call(dict, Call(list, [("w", W)])), path)
    assert converted(path)["verdict"] != "EXACT"


def test_a_payload_in_front_of_a_break(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps([PAYLOAD, W], 3)[:-40])
    file = converted(path)
    assert file["verdict"] in ("PARTIAL", "REFUSED")
    assert file["cut"], "what would have run is listed"


def test_a_second_pickle_behind_the_first(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"w": W}, 3) + pickle.dumps(PAYLOAD, 3))
    assert converted(path)["verdict"] == "DISARMED"


def test_trust_is_not_offered(tmp_path: Path) -> None:
    done = subprocess.run(
        [BRINE, "convert", "--trust", "x.*", "a.pt"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "unknown option" in done.stderr


def test_whole_tensors_of_a_file_that_is_cut_off(tmp_path: Path) -> None:
    state = {f"layer{i}.weight": torch.randn(50 + i) for i in range(12)}
    path = tmp_path / "model.pt"
    torch.save(state, path)
    data = path.read_bytes()
    seen = set()
    for end in range(0, len(data), 97):
        path.write_bytes(data[:end])
        file = converted(path, "--force")
        if file["verdict"] == "REFUSED":
            assert file["reason"]
            continue
        seen.add(file["tensors"])
        found, _ = read(Path(file["output"]))
        names = set(state) - set(file["missing"])
        assert set(found) == names
        for name in names:
            assert found[name] == oracle.bits_of(state[name])
        if file["verdict"] == "EXACT":
            torch.load(path)
    assert len(seen) >= 10


def test_a_legacy_file_that_is_cut_off(tmp_path: Path) -> None:
    state = {f"w{i}": torch.randn(40) for i in range(6)}
    path = tmp_path / "model.pt"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:-200])
    file = converted(path, status=1)
    assert file["verdict"] == "PARTIAL"
    assert file["tensors"] + len(file["missing"]) == 6
    found, _ = read(Path(file["output"]))
    assert all(found[name] == oracle.bits_of(state[name]) for name in found)


def test_a_root_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    torch.save({"epoch": 1, "state_dict": {"a.b": W}, "other": {"c": W + 1}}, path)
    file = converted(path, "--root", "state_dict", "-o", str(tmp_path / "out.safetensors"))
    found, metadata = read(tmp_path / "out.safetensors")
    assert set(found) == {"a.b"}
    assert metadata["brine.root"] == "state_dict"
    assert file["verdict"] == "EXACT"
    assert converted(path, "--root", "nothing", status=2)["verdict"] == "REFUSED"


def test_names_that_share_a_tensor(tmp_path: Path) -> None:
    path = tmp_path / "tied.pt"
    torch.save({"wte": W, "lm_head": W, "part": W[1:]}, path)
    file = converted(path)
    assert file["aliases"] == {"wte": "lm_head"}
    found, metadata = read(Path(file["output"]))
    assert set(found) == {"lm_head", "part"}
    # The map that the Hub's converter writes: the sharing can be restored from it.
    assert found[metadata["wte"]] == oracle.bits_of(W)
    file = converted(path, "--force", "--aliases", "duplicate")
    assert set(read(Path(file["output"]))[0]) == {"wte", "lm_head", "part"}
    file = converted(path, "--force", "--aliases", "alias")
    found, metadata = read(Path(file["output"]))
    assert json.loads(metadata["brine.aliases"]) == [["wte", "lm_head"]]
    assert set(found) == {"lm_head", "part"}


def test_everything_else_is_typed_json(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    value = {
        "w": W, "epoch": 3, "lr": 0.5, "big": 1 << 90, "nan": float("nan"), "none": None,
        "t": (1, "a"), "s": {1}, "b": b"\xff", "keys": {1: "x"}, "obj": State(), "fn": print,
    }  # fmt: skip
    torch.save(value, path)
    file = converted(path, "--extras")
    extras = json.loads(Path(file["extras"]).read_text())
    assert extras["w"] == {"$tensor": "w"}
    assert (extras["epoch"], extras["none"]) == (3, None)
    assert extras["lr"] == {"$float": "0.5"}
    assert extras["nan"] == {"$float": "nan"}
    assert extras["big"] == {"$int": str(1 << 90)}
    assert extras["t"] == {"$tuple": [1, "a"]}
    assert extras["keys"] == {"$dict": [[1, "x"]]}
    assert extras["fn"] == {"$ref": "builtins.print"}
    assert extras["obj"]["$class"].endswith("State")


def test_a_module_gives_its_state_dict(tmp_path: Path) -> None:
    class Local(nn.Sequential):  # type: ignore[misc]
        pass

    globals()["Local"] = Local
    Local.__qualname__ = "Local"
    path = tmp_path / "model.pt"
    torch.save(Local(nn.Linear(3, 2), nn.BatchNorm1d(2)), path)
    file = converted(path)
    # A class that nobody knows: its code runs when the file is loaded.
    assert file["verdict"] == "DISARMED"
    assert set(read(Path(file["output"]))[0]) == set(
        torch.load(path, weights_only=False).state_dict()
    )


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"w": W}, path)
    out = tmp_path / "model.safetensors"
    out.write_text("mine")
    done = subprocess.run([BRINE, "convert", path], capture_output=True, text=True)
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert out.read_text() == "mine"
    converted(path, "--force", status=0)
    assert difference(out, oracle.expected({"w": W})) is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.pt", "model.safetensors"]


def test_a_killed_run_leaves_no_file_of_the_final_name(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({f"w{i}": torch.zeros(1 << 20) for i in range(40)}, path)
    out = tmp_path / "model.safetensors"
    for delay in (0.0, 0.01, 0.03, 0.06):
        run = subprocess.Popen([BRINE, "convert", path], stdout=subprocess.DEVNULL)
        time.sleep(delay)
        run.send_signal(signal.SIGKILL)
        killed = run.wait() == -signal.SIGKILL
        assert not (killed and out.exists() and out.stat().st_size < path.stat().st_size * 0.9)
        out.unlink(missing_ok=True)


def test_a_disk_without_room(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"w": torch.zeros(1 << 20)}, path)
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 1000; trap '' XFSZ; exec {BRINE} convert {path}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt"]


def test_many_tensors(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    flat = torch.arange(60_000.0)
    torch.save({f"layer.{i}": flat[3 * i : 3 * i + 3] for i in range(20_000)}, path)
    file = converted(path, "--verify", status=0)
    assert (file["verdict"], file["tensors"], file["verified"]) == ("EXACT", 20_000, True)


def test_a_memo_bomb_is_refused(tmp_path: Path) -> None:
    value: Any = {"w": W}
    for _ in range(40):
        value = [value] * 8
    path = tmp_path / "model.pt"
    torch.save(value, path)
    start = time.monotonic()
    assert converted(path, status=2)["verdict"] == "REFUSED"
    assert time.monotonic() - start < 60


def test_an_expanded_tensor_is_not_blown_up_without_end(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"w": torch.zeros(1).expand(1 << 40)}, path)
    file = converted(path, status=2)
    assert file["verdict"] == "REFUSED"
    assert "16 times" in file["reason"]


STRACE = shutil.which("strace")
HARMLESS = ("model.pt", "model.safetensors", ".part", "brine", "/proc/", "/sys/", "/etc/ld", "/lib")


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize("command", ["convert", "disarm"])
@pytest.mark.parametrize("position", POSITIONS)
def test_nothing_of_the_file_runs(position: str, command: str, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save(POSITIONS[position], path)
    log = tmp_path / "log"
    assert STRACE is not None
    watched = "trace=execve,execveat,connect,socket,unlink,fork,vfork,ptrace"
    subprocess.run(
        [STRACE, "-f", "-e", watched, "-o", log, BRINE, command, path], capture_output=True
    )
    lines = [line for line in log.read_text().splitlines() if "(" in line and "resumed" not in line]
    assert lines[0].split(" ", 1)[1].lstrip().startswith("execve(")
    foreign = [line for line in lines[1:] if ".brine-" not in line]
    assert not foreign, foreign
