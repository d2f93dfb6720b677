"""Results that a loader goes on to use: torch's older files, and arrays that are pickles.

torch.load, joblib and numpy ask what these pickles give for attributes and items. An object is
harmless to build and answers with methods of its class, which call what it holds. Each file is
loaded by its loader, which shows the use; none of them may be clean, and what is written there
otherwise is.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

from tests.e2e.program import verdict, verdict_of
from tests.facts.values import Call, Name, New, Opcodes, element, stream, wrapped
from tests.tar.tarforge import archive
from tests.tar.torchtar import checkpoint, storage, storages, tensor, tensors

MAGIC = Opcodes(pickle.dumps(0x1950A86A20F9469CFC6C, 2)[2:-1])
SPACE = Name("argparse", "Namespace")


def space(**attributes: Any) -> New:
    """An object with these attributes, which builds nothing else and can be called."""
    return New(SPACE, (), attributes)


def writes(path: Path) -> New:
    """A torch DataLoader that opens the path for writing when somebody walks through it."""
    attributes = {"_mode": "w", "_bufsize": -1, "_encoding": None, "_errors": None}
    loader = {
        "dataset": [str(path)],
        "sampler": [0],
        "collate_fn": New(Name("argparse", "FileType"), (), attributes),
        "num_workers": 0,
        "timeout": 0,
        "_dataset_kind": 0,
        "_DataLoader__initialized": True,
        "_DataLoader__multiprocessing_context": None,
    }
    absent: tuple[str, ...] = (
        "batch_sampler",
        "worker_init_fn",
        "generator",
        "prefetch_factor",
        "batch_size",
    )
    absent += ("_iterator", "_IterableDataset_len_called")
    no = ("persistent_workers", "drop_last", "pin_memory")
    loader |= dict.fromkeys(absent) | dict.fromkeys(no, False)
    loader |= {"pin_memory_device": "", "in_order": True}
    return New(Name("torch.utils.data.dataloader", "DataLoader"), (), loader)


def legacy(protocol: Any = 1001, keys: Any = ()) -> bytes:
    """The five pickles of torch's second format, without tensors."""
    return b"".join(stream(part) for part in (MAGIC, protocol, {}, {"epoch": 3}, list(keys)))


def stack(keys: Any) -> bytes:
    return legacy()[: -len(stream([]))] + stream(keys)


def load(path: Path) -> Any:
    return torch.load(path, weights_only=False)


# --- torch's second format ---


def test_keys_are_walked_through(tmp_path: Path) -> None:
    (tmp_path / "clean.pt").write_bytes(legacy())
    assert load(tmp_path / "clean.pt") == {"epoch": 3}
    assert verdict(tmp_path / "clean.pt") == "clean"
    mark = tmp_path / "mark"
    path = tmp_path / "model.pt"
    path.write_bytes(stack(writes(mark)))
    with pytest.raises(AssertionError, match="not found in deserialized_objects"):
        load(path)
    assert mark.exists()
    assert verdict(path) != "clean"


def test_keys_of_a_storage_in_a_pickle(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    held = stream(Call(Name("torch.storage", "_load_from_bytes"), (stack(writes(mark)),)))
    with pytest.raises(AssertionError, match="not found in deserialized_objects"):
        pickle.loads(held)
    assert mark.exists()
    assert verdict_of(tmp_path, held) != "clean"


@pytest.mark.parametrize("keys", [space(), [space()], [("a",)], {"a": 1}])
def test_keys_are_texts(keys: Any, tmp_path: Path) -> None:
    assert verdict_of(tmp_path, stack(keys), "model.pt") != "clean"


def test_the_protocol_is_compared(tmp_path: Path) -> None:
    assert verdict_of(tmp_path, legacy(protocol=space()), "model.pt") != "clean"


# --- torch's first format ---

LOCATION = storage(10, [1.0]).replace(
    b"X\x03\0\0\0cpu", stream(space(startswith=1))[2:-1].replace(b"\x94", b"")
)


def tar(first: bytes | None = None, second: bytes | None = None) -> bytes:
    return archive(*checkpoint(first, second))


def test_the_plain_tar(tmp_path: Path) -> None:
    assert verdict_of(tmp_path, tar(), "model.pt") == "clean"


@pytest.mark.parametrize(
    "file",
    {
        "number of storages": tar(storages(count=stream(space()))),
        "location": tar(storages(LOCATION)),
        "views": tar(storages(storage(10, [1, 2, 3, 4]), views=stream(space()))),
        "a view": tar(storages(storage(10, [1, 2, 3, 4]), views=stream([space()]))),
        "number of tensors": tar(None, tensors(tensor(20, 10, (2, 2)), count=stream(space()))),
    }.items(),
    ids=lambda item: item[0],
)
def test_the_tar(file: tuple[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(file[1])
    # Not one of them is refused before the object was asked for something.
    with pytest.raises((TypeError, AttributeError), match="Namespace|expected|callable"):
        load(path)
    assert verdict(path) != "clean"


# --- arrays of objects ---


OBJECT = element("O8", "|", 63)


def test_joblib(tmp_path: Path) -> None:
    array = np.array([None, 1], object)
    honest = wrapped(OBJECT, 2, pickle.dumps(array, 2))
    assert np.array_equal(joblib.load(io.BytesIO(honest)), array)
    assert verdict_of(tmp_path, honest, "model.joblib") == "clean"
    asked = wrapped(OBJECT, 2, stream(space(dtype=space(byteorder=">"))))
    with pytest.raises(AttributeError, match="byteswap"):
        joblib.load(io.BytesIO(asked))
    assert verdict_of(tmp_path, asked, "model.joblib") == "suspicious"


def test_numpy(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.save(file, np.array([None, 1], object), allow_pickle=True)
    assert verdict_of(tmp_path, file.getvalue(), "array.npy") == "clean"
    head = file.getvalue()[:128]
    assert verdict_of(tmp_path, head + stream(space()), "array.npy") == "suspicious"


# --- the index of a distributed checkpoint ---


def test_an_index_is_metadata(tmp_path: Path) -> None:
    index = New(Name("torch.distributed.checkpoint.metadata", "Metadata"), (), {"version": "1"})
    assert verdict_of(tmp_path, stream(index), ".metadata") == "clean"
    asked = stream(space(state_dict_metadata=space(items=1)))
    assert verdict_of(tmp_path, asked, ".metadata") != "clean"


METADATA = "torch.distributed.checkpoint.metadata"
BYTES = New(Name(METADATA, "BytesStorageMetadata"), (), {})


def index(**parts: Any) -> bytes:
    empty = {"state_dict_metadata": {"w": BYTES}, "planner_data": None, "storage_data": {}}
    return stream(New(Name(METADATA, "Metadata"), (), empty | parts))


def test_an_index_is_walked_through(tmp_path: Path) -> None:
    written = tmp_path / "written"
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    assert verdict_of(folder, index(), ".metadata") == "clean"
    assert verdict_of(folder, index(planner_data=writes(written)), ".metadata") == "suspicious"
    with pytest.raises(CheckpointException):  # the files that it looks for behind that
        dcp_to_torch_save(folder, tmp_path / "out.pt")
    assert written.exists()  # torch walked through it


@pytest.mark.parametrize(
    "parts",
    {
        "values": {"state_dict_metadata": {"w": space()}},
        "places": {"storage_data": {"w": space()}},
        "all places": {"storage_data": space()},
        "a way": {"planner_data": {"w": space()}},
        "a step": {"planner_data": {"w": ("w", space())}},
        "the checkpoint": {"storage_meta": space()},
        "the version": {"version": space()},
        "the size": {
            "state_dict_metadata": {
                "w": New(Name(METADATA, "TensorStorageMetadata"), (), {"size": space()})
            }
        },
        "a place": {
            "storage_data": {
                New(Name(METADATA, "MetadataIndex"), (), {"fqn": "w"}): New(
                    Name("torch.distributed.checkpoint.filesystem", "_StorageInfo"),
                    (),
                    {"relative_path": space()},
                )
            }
        },
    }.items(),
    ids=lambda item: item[0],
)
def test_an_index_holds_what_it_should(parts: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    assert verdict_of(tmp_path, index(**parts[1]), ".metadata") != "clean"


def ways(*lists: list[int]) -> dict[str, tuple[Any, ...]]:
    return {
        f"{name}.{place}": (str(name), place)
        for name, places in enumerate(lists)
        for place in places
    }


def test_an_index_makes_no_long_lists(tmp_path: Path) -> None:
    honest = [ways([0, 1, 2]), ways([2, 0, 1], [0]), {"a": ("a", 0, "b"), "c": ("a", 1, "b")}]
    long = [
        ways([0, 1, 3]),
        ways([300_000_000]),
        ways([0, 1], [0, 2]),
        {"a": ("a", 0, 7)},
        {"a": ("a", 1, "b"), "b": ("a", 1, "c")},
        ways([-1]),
    ]
    for plan in honest:
        assert verdict_of(tmp_path, index(planner_data=plan), ".metadata") == "clean"
    for plan in long:
        assert verdict_of(tmp_path, index(planner_data=plan), ".metadata") == "suspicious", plan
