"""Checkpoints of torch.distributed.checkpoint: what the real reader runs is in our trace."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import pickle
import subprocess
import sys
import tarfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.containers.recorder import CALLED, install  # noqa: E402
from tests.containers.wrappers import Marked, mark  # noqa: E402
from tests.e2e.program import BRINE, marks  # noqa: E402

FILE = "__0_0.distcp"
Metadata = Any


def verdicts(folder: Path) -> dict[str, str]:
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", folder], capture_output=True, check=False
    )
    return {Path(f["path"]).name: f["verdict"] for f in json.loads(done.stdout)["files"]}


def state(value: object = 5) -> dict[str, Any]:
    model = torch.nn.Linear(6, 4)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(3, 6)).sum().backward()
    optimizer.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "value": value,
        "half": torch.ones(3, dtype=torch.bfloat16),
        "blob": torch.zeros(9000, dtype=torch.uint8),
    }


def save(folder: Path, value: object = 5, **how: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writer = dcp.FileSystemWriter(folder, **how)
        dcp.save(state(value), storage_writer=writer, no_dist=True)


def load(folder: Path) -> list[str]:
    """What the real reader calls of the recorder, over the whole checkpoint.

    Its CheckpointException is no Exception.
    """
    install()
    CALLED.clear()
    with warnings.catch_warnings(), contextlib.suppress(BaseException):
        warnings.simplefilter("ignore")
        dcp_to_torch_save(folder, folder.parent / "out.pt")
    return list(CALLED)


def rewrite(folder: Path, change: Callable[[Metadata], None]) -> None:
    path = folder / ".metadata"
    metadata = pickle.loads(path.read_bytes())
    change(metadata)
    path.write_bytes(pickle.dumps(metadata))


def entry(metadata: Metadata, name: str) -> Any:
    return next(key for key in metadata.storage_data if key.fqn == name)


def point(name: str, **fields: Any) -> Callable[[Metadata], None]:
    def change(metadata: Metadata) -> None:
        key = entry(metadata, name)
        metadata.storage_data[key] = dataclasses.replace(metadata.storage_data[key], **fields)

    return change


def evil_archive(word: str = "inner") -> bytes:
    out = io.BytesIO()
    torch.save(Marked(word), out)
    return out.getvalue()


@pytest.mark.parametrize(
    "how",
    [{}, {"single_file_per_rank": False}, {"thread_count": 3}, {"sync_files": False}],
    ids=["one", "many", "threads", "unsynced"],
)
def test_an_honest_checkpoint(tmp_path: Path, how: dict[str, Any]) -> None:
    save(tmp_path / "c", **how)
    found = verdicts(tmp_path / "c")
    assert len(found) >= 2
    assert set(found.values()) == {"clean"}, found


def test_an_honest_asynchronous_save(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.async_save(state(), checkpoint_id=tmp_path / "c", no_dist=True).result()
    assert set(verdicts(tmp_path / "c").values()) == {"clean"}


def test_an_honest_checkpoint_of_one_rank(tmp_path: Path) -> None:
    """The names that a save without collectives gives."""
    save(tmp_path / "c")
    (tmp_path / "c" / ".metadata").rename(tmp_path / "c" / "__0.metadata")
    assert verdicts(tmp_path / "c") == {FILE: "clean", "__0.metadata": "clean"}


def test_alone_without_its_index(tmp_path: Path) -> None:
    save(tmp_path / "c")
    (tmp_path / "c" / ".metadata").unlink()
    assert verdicts(tmp_path / "c") == {FILE: "clean"}


def test_a_payload_in_a_slice(tmp_path: Path) -> None:
    save(tmp_path / "c", Marked("slice"))
    assert load(tmp_path / "c") == ["slice"]
    assert any("slice" in args for args in marks(tmp_path / "c" / FILE, "torch.load"))
    assert verdicts(tmp_path / "c")[FILE] == "suspicious"
    (tmp_path / "c" / ".metadata").unlink()
    assert any("slice" in args for args in marks(tmp_path / "c" / FILE, "torch.load"))
    assert verdicts(tmp_path / "c")[FILE] == "suspicious"


def test_a_payload_in_the_index(tmp_path: Path) -> None:
    save(tmp_path / "c")
    rewrite(tmp_path / "c", lambda metadata: setattr(metadata, "planner_data", [Marked("index")]))
    assert load(tmp_path / "c")[:1] == ["index"]
    assert any("index" in args for args in marks(tmp_path / "c" / ".metadata", "pickle.load"))
    found = verdicts(tmp_path / "c")
    assert found[".metadata"] == "suspicious"
    assert found[FILE] == "incomplete"


def test_a_slice_inside_a_tensor(tmp_path: Path) -> None:
    """A tensor's bytes for whoever reads the archives, a file for whoever reads the index."""
    save(tmp_path / "c")
    path = tmp_path / "c" / FILE
    data = path.read_bytes()
    at, evil = data.index(bytes(9000)) + 100, evil_archive()
    path.write_bytes(data[:at] + evil + data[at + len(evil) :])
    rewrite(tmp_path / "c", point("value", offset=at, length=len(evil)))
    assert load(tmp_path / "c") == ["inner"]
    assert any("inner" in args for args in marks(path, "torch.load"))
    assert verdicts(tmp_path / "c")[FILE] == "suspicious"


def test_a_pickle_as_a_slice(tmp_path: Path) -> None:
    """torch.load takes its old format from a slice too."""
    save(tmp_path / "c")
    path = tmp_path / "c" / FILE
    data = path.read_bytes()
    evil = b"\x80\x02" + mark("old") + b"."
    at = data.index(bytes(9000)) + 100
    path.write_bytes(data[:at] + evil + data[at + len(evil) :])
    rewrite(tmp_path / "c", point("value", offset=at, length=len(evil)))
    assert load(tmp_path / "c") == ["old"]
    assert any("old" in args for args in marks(path, "torch.load"))
    assert verdicts(tmp_path / "c")[FILE] == "suspicious"


@pytest.mark.parametrize("place", ["before", "between", "behind"])
def test_bytes_that_no_slice_has(tmp_path: Path, place: str) -> None:
    save(tmp_path / "c")
    folder, path = tmp_path / "c", tmp_path / "c" / FILE
    data, evil = path.read_bytes(), evil_archive()
    with (folder / ".metadata").open("rb") as file:
        slices = sorted({i.offset for i in pickle.load(file).storage_data.values()})
    at = {"before": 0, "between": slices[2], "behind": len(data)}[place]
    path.write_bytes(data[:at] + evil + data[at:])

    def move(metadata: Metadata) -> None:
        for key, info in metadata.storage_data.items():
            offset = info.offset + (len(evil) if info.offset >= at else 0)
            metadata.storage_data[key] = dataclasses.replace(info, offset=offset)

    rewrite(folder, move)
    assert load(folder) == []
    assert any("inner" in args for args in marks(path))
    assert verdicts(folder)[FILE] == "suspicious"


def test_an_archive_that_the_index_leaves_out(tmp_path: Path) -> None:
    save(tmp_path / "c")
    rewrite(tmp_path / "c", lambda metadata: metadata.storage_data.pop(entry(metadata, "value")))
    assert verdicts(tmp_path / "c")[FILE] == "suspicious"


@pytest.mark.parametrize("name", ["README.md", "../c/other.bin", "sub/__0_0.distcp", "__0_0.pt"])
def test_an_index_that_names_other_files(tmp_path: Path, name: str) -> None:
    save(tmp_path / "c")
    (tmp_path / "c" / "sub").mkdir()
    evil = evil_archive("other")
    (tmp_path / "c" / name).write_bytes(b"# a text\n" + evil)
    rewrite(
        tmp_path / "c",
        point("value", relative_path=name, offset=len(b"# a text\n"), length=len(evil)),
    )
    assert load(tmp_path / "c") == ["other"]
    assert verdicts(tmp_path / "c")[".metadata"] == "suspicious"


def test_the_index_of_another_rank(tmp_path: Path) -> None:
    save(tmp_path / "c")
    (tmp_path / "c" / ".metadata").rename(tmp_path / "c" / "__1.metadata")
    assert verdicts(tmp_path / "c")["__1.metadata"] == "suspicious"


def test_a_broken_slice(tmp_path: Path) -> None:
    """What lies in front of it and behind it is read all the same."""
    save(tmp_path / "c", Marked("slice"))
    path = tmp_path / "c" / FILE
    data = bytearray(path.read_bytes())
    with (tmp_path / "c" / ".metadata").open("rb") as file:
        slices = sorted((i.offset, i.length) for i in pickle.load(file).storage_data.values())
    for start, length in slices[:-1]:
        broken = bytearray(data)
        broken[start + length - 22 : start + length] = bytes(22)
        path.write_bytes(broken)
        called = load(tmp_path / "c")
        assert not called or any("slice" in args for args in marks(path)), start
        assert verdicts(tmp_path / "c")[FILE] not in ("clean", "unrecognized")


class ByCall:
    """Pickles as a slice that a call makes."""

    def __reduce__(self) -> tuple[object, tuple[str, int, int]]:
        return _StorageInfo, (FILE, 1, 2)


def test_slices_by_a_call(tmp_path: Path) -> None:
    """An index whose slices are not told by states alone."""
    save(tmp_path / "c")
    rewrite(tmp_path / "c", lambda metadata: setattr(metadata, "planner_data", [ByCall()]))
    assert verdicts(tmp_path / "c")[FILE] == "incomplete"


def test_an_honest_checkpoint_of_safetensors(tmp_path: Path) -> None:
    writer = dcp.HuggingFaceStorageWriter(str(tmp_path / "c"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save({"a": torch.ones(8), "b": torch.zeros(3)}, storage_writer=writer, no_dist=True)
    found = verdicts(tmp_path / "c")
    tensors = {verdict for name, verdict in found.items() if name.endswith(".safetensors")}
    assert tensors == {"clean"}
    assert set(found.values()) <= {"clean", "unrecognized"}  # the index is a text


def test_equal_slices(tmp_path: Path) -> None:
    """torch.load of the whole file opens its first slice when that is laid out as the last one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save(
            {"a": torch.ones(8), "b": torch.zeros(8)}, checkpoint_id=tmp_path / "c", no_dist=True
        )
    assert set(verdicts(tmp_path / "c").values()) == {"clean"}


def test_an_archive_of_a_checkpoint(tmp_path: Path) -> None:
    """Its slices are compared with its index when it is unpacked."""
    save(tmp_path / "c")
    with tarfile.open(tmp_path / "c.tar", "w") as tar:
        tar.add(tmp_path / "c", "c")
    assert verdicts(tmp_path / "c.tar") == {"c.tar": "incomplete"}
