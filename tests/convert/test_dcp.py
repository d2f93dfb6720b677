"""Distributed checkpoints become one safetensors file, as torch's own loader puts them together."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pickle
import random
import shutil
import subprocess
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch import Tensor

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.containers.wrappers import Marked  # noqa: E402
from tests.convert import oracle  # noqa: E402
from tests.convert.compare import difference, read  # noqa: E402
from tests.convert.dcp import Box, Writer, cuts, load, of, rows, saved, whole  # noqa: E402

BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()
# Ranks of a real process group, each with its shards: torch writes the chunks and the index.
RANKS = """
import sys, torch, warnings
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.multiprocessing as mp
from torch.distributed.tensor import Replicate, Shard, distribute_tensor, init_device_mesh

def run(rank, world, folder):
    warnings.simplefilter("ignore")
    dist.init_process_group("gloo", init_method=f"file://{folder}.store", rank=rank,
                            world_size=world)
    mesh = init_device_mesh("cpu", (world,))
    torch.manual_seed(0)
    def cut(tensor, how):
        return distribute_tensor(tensor, mesh, [how])
    state = {
        "model": {
            "rows": cut(torch.randn(7, 6), Shard(0)),
            "columns": cut(torch.randn(5, 6, 3).to(torch.bfloat16), Shard(1)),
            "one": cut(torch.randn(1, 3), Shard(0)),
            "all": cut(torch.arange(4.0), Replicate()),
        },
        "optimizer": {"state": {"rows": {"step": torch.tensor(3.0)}},
                      "param_groups": [{"lr": 0.1, "params": ["rows"]}]},
        "step": 7,
    }
    dcp.save(state, checkpoint_id=folder)
    dist.destroy_process_group()

if __name__ == "__main__":
    mp.spawn(run, args=(2, sys.argv[1]), nprocs=2)
"""


def convert(path: Path, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        [BRINE, "convert", "--force", "--format", "json", *options, path],
        capture_output=True,
        check=False,
        timeout=120,
    )
    files = json.loads(done.stdout)["files"]
    assert len(files) == 1, done.stdout
    return dict(files[0])


def check_exact(folder: Path) -> dict[str, Any]:
    output = folder.parent / (folder.name + ".safetensors")
    file = convert(folder, "-o", str(output), "--verify", "--extras")
    assert file["verdict"] == "EXACT", file["reason"]
    assert difference(output, oracle.expected(load(folder))) is None
    return file


def save(folder: Path, state: dict[str, Any], **how: Any) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        writer = dcp.FileSystemWriter(folder, **how)
        dcp.save(state, storage_writer=writer, no_dist=True)
    return folder


def state() -> dict[str, Any]:
    model = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(3, 6)).sum().backward()
    optimizer.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "epoch": 3,
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "turned": torch.randn(3, 4).t(),
        "half": torch.randn(3).to(torch.bfloat16),
        "small": torch.randn(8).to(torch.float8_e4m3fn),
        "flags": torch.tensor([True, False]),
        "wide": torch.randn(2, 2, dtype=torch.complex128),
        "conjugate": torch.randn(3, dtype=torch.complex64).conj(),
        "slice": torch.arange(100)[10:20],
        "list": [torch.ones(2), {"x": torch.zeros(1)}, 5],
        "names": OrderedDict(a=("b", 1), c=None),
        "inside": ({"kept": torch.arange(3)},),
        "a": {"b": torch.ones(1)},
        "a.b": {},
    }


@pytest.mark.parametrize(
    "how",
    [{}, {"single_file_per_rank": False}, {"thread_count": 3}],
    ids=["one", "many", "threads"],
)
def test_what_torch_saves(tmp_path: Path, how: dict[str, Any]) -> None:
    check_exact(save(tmp_path / "c", state(), **how))


def test_several_ranks(tmp_path: Path) -> None:
    script = tmp_path / "ranks.py"
    script.write_text(RANKS)
    subprocess.run([sys.executable, script, tmp_path / "c"], check=True, timeout=300)
    assert {f"__{rank}_0.distcp" for rank in range(2)} <= set(os.listdir(tmp_path / "c"))
    check_exact(tmp_path / "c")


def turned(tensor: Tensor) -> Tensor:
    """The same values, laid out with the first dimension innermost."""
    axes = tuple(reversed(range(tensor.dim())))
    return tensor.permute(axes).contiguous().permute(axes)


LAYOUTS: list[Callable[[Tensor], Tensor]] = [Tensor.clone, Tensor.contiguous, turned, lambda t: t]
TYPES = [torch.float32, torch.bfloat16, torch.int64, torch.uint8, torch.complex64, torch.bool]


@pytest.mark.parametrize("seed", range(8))
def test_chunks_of_any_shape(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    torch.manual_seed(seed)
    writer = Writer(tmp_path / "c", rng.randrange(1, 5))
    for number in range(12):
        shape = [rng.randrange(1, 8) for _ in range(rng.randrange(5))]
        tensor = (torch.randn(shape) * 100).to(rng.choice(TYPES))
        writer.tensor((f"t{number}",), tensor, cuts(tensor, rng, 9), rng.choice(LAYOUTS))
    check_exact(writer.write())


def test_chunks_larger_than_a_buffer(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "c", 3)
    tensor = torch.arange(1500 * 1301, dtype=torch.int32).reshape(1500, 1301)
    writer.tensor(("rows",), tensor, rows(tensor, 3))
    writer.tensor(("columns",), tensor, rows(tensor, 3, 1))
    writer.tensor(("turned",), tensor, rows(tensor, 2, 1), turned)
    check_exact(writer.write())


def test_chunks_without_elements(tmp_path: Path) -> None:
    """Ranks that get nothing of a tensor name the same place."""
    check_exact(of(tmp_path / "c", {"w": torch.randn(2, 3), "e": torch.zeros(0, 4)}, 5).write())


def test_other_values(tmp_path: Path) -> None:
    save(tmp_path / "c", state())
    file = check_exact(tmp_path / "c")
    extras = json.loads(Path(file["extras"]).read_text())
    assert extras["epoch"] == 3
    assert extras["optimizer"]["param_groups"][0]["lr"] == {"$float": "0.001"}
    assert extras["inside"] == {"$tuple": [{"kept": {"$tensor": "inside.0.kept"}}]}
    assert extras["list"][1:] == [{"x": {"$tensor": "list.1.x"}}, 5]
    assert extras["names"] == {"a": {"$tuple": ["b", 1]}, "c": None}


@pytest.mark.parametrize("root", ["model", "list.1", "inside.0", "list.0", "inside.0.kept"])
def test_a_root(tmp_path: Path, root: str) -> None:
    save(tmp_path / "c", state())
    output = tmp_path / "out.safetensors"
    file = convert(tmp_path / "c", "-o", str(output), "--root", root)
    assert file["verdict"] == "EXACT", file["reason"]
    value = load(tmp_path / "c")
    for key in root.split("."):
        value = value[int(key) if key.isdigit() else key]
    assert difference(output, oracle.expected(value)) is None
    missing = convert(tmp_path / "c", "-o", str(output), "--root", root + ".nothing")
    assert missing["verdict"] == "REFUSED"


def test_names_that_meet(tmp_path: Path) -> None:
    """What stands in a value is no name of the index."""
    writer = Writer(tmp_path / "c")
    writer.tensor(("a", "b.c"), torch.ones(1))
    writer.tensor(("a", "b", "d"), torch.zeros(2))
    writer.tensor(("a%2Eb",), torch.zeros(3))
    writer.value(("x",), (torch.ones(4), torch.ones(5)))
    writer.tensor(("x.1",), torch.zeros(6))
    check_exact(writer.write())


def test_the_index_of_a_release_without_ways(tmp_path: Path) -> None:
    writer = of(tmp_path / "c", {"a.b": torch.ones(3), "c": 4}, 2)
    writer.metadata.planner_data = None
    check_exact(writer.write())


def test_where_it_is_written(tmp_path: Path) -> None:
    """Beside the index, without -o; the other files of the folder belong to it."""
    folder = save(tmp_path / "c", state())
    assert convert(folder)["output"] == str(folder / "model.safetensors")
    assert convert(folder / ".metadata")["output"] == str(folder / "model.safetensors")
    (folder / ".metadata").rename(folder / "__0.metadata")
    assert convert(folder)["output"] == str(folder / "__0.safetensors")


def test_the_hash_is_of_all_files(tmp_path: Path) -> None:
    folder = of(tmp_path / "c", {"w": torch.randn(6, 3)}, 3).write()
    check_exact(folder)
    _, metadata = read(tmp_path / "c.safetensors")
    files = [folder / ".metadata", *sorted(folder.glob("*.distcp"))]
    data = b"".join(file.read_bytes() for file in files)
    assert metadata["brine.source_sha256"] == hashlib.sha256(data).hexdigest()


# --- what is not as it should be ---

Change = Callable[[Any], None]
W, V = torch.arange(24.0).reshape(6, 4), torch.arange(10)


def changed(folder: Path, change: Change, ranks: int = 2) -> Path:
    writer = of(folder, {"w": W, "v": V, "epoch": 7}, ranks)
    change(writer)
    return writer.write()


def part(writer: Writer, key: str, number: int | None = 0) -> Any:
    return next(i for i in writer.metadata.storage_data if (i.fqn, i.index) == (key, number))


def place(key: str, number: int | None = 0, **fields: Any) -> Change:
    def change(writer: Writer) -> None:
        index = part(writer, key, number)
        info = writer.metadata.storage_data[index]
        writer.metadata.storage_data[index] = dataclasses.replace(info, **fields)

    return change


def chunks(*boxes: Box) -> Change:
    """The index says that w has these."""

    def change(writer: Writer) -> None:
        writer.tensor(("w",), W, list(boxes))

    return change


def claim(writer: Writer) -> None:
    places = writer.metadata.storage_data
    places[part(writer, "w", 1)] = places[part(writer, "w", 0)]


def claim_inside(writer: Writer) -> None:
    """A chunk inside the bytes of another one."""
    inner = saved(torch.full((3, 4), 9.0))
    outer = saved({"raw": torch.frombuffer(bytearray(inner), dtype=torch.uint8)})
    name, base = "__1_0.distcp", len(writer.files["__1_0.distcp"])
    writer.files[name] += outer
    place("epoch", None, relative_path=name, offset=base, length=len(outer))(writer)
    at = base + outer.index(inner)
    place("w", 1, relative_path=name, offset=at, length=len(inner))(writer)


def other_sizes(writer: Writer) -> None:
    writer.put(part(writer, "w", 0), saved(torch.ones(4, 4)))


def other_type(writer: Writer) -> None:
    writer.put(part(writer, "w", 0), saved(torch.ones(3, 4, dtype=torch.float64)))


def no_tensor(writer: Writer) -> None:
    writer.put(part(writer, "w", 0), saved([torch.ones(3, 4)]))


def size(*shape: int) -> Change:
    def change(writer: Writer) -> None:
        writer.metadata.state_dict_metadata["w"].size = torch.Size(shape)

    return change


def way(key: str, *path: Any) -> Change:
    def change(writer: Writer) -> None:
        writer.metadata.planner_data[key] = path

    return change


def attribute(name: str, value: Any) -> Change:
    return lambda writer: setattr(writer.metadata, name, value)


def layout(writer: Writer) -> None:
    """Its pickle names a layout that torch's function does not know."""
    write = writer.write

    def changed_write() -> Path:
        index = write() / ".metadata"
        index.write_bytes(index.read_bytes().replace(b"torch.strided", b"torch.strider"))
        return index.parent

    writer.write = changed_write  # type: ignore[method-assign]


def places_in_a_list(writer: Writer) -> None:
    writer.metadata.storage_data = list(writer.metadata.storage_data.values())


REFUSED: dict[str, tuple[Change, str]] = {
    "overlap": (chunks(Box((0, 0), (4, 4)), Box((3, 0), (3, 4))), "w: its chunks overlap"),
    "twice": (chunks(*whole(W), *rows(W, 2)[1:]), "w: its chunks overlap"),
    "one place twice": (chunks(*whole(W), *rows(W, 2)), "w: its bytes are those of w"),
    "outside": (size(5, 4), "w: a chunk of it does not lie within it"),
    "too many dimensions": (size(6, 4, 1), "w: a chunk of it does not lie within it"),
    "claimed twice": (claim, "its bytes are those of"),
    "claimed inside": (claim_inside, "its bytes are those of"),
    "up": (place("w", relative_path="../__0_0.distcp"), "which is no file of a checkpoint"),
    "absolute": (place("w", relative_path="/tmp/__0_0.distcp"), "no file of a checkpoint"),
    "here": (place("w", relative_path="./__0_0.distcp"), "which is no file of a checkpoint"),
    "another name": (place("w", relative_path="model.bin"), "which is no file of a checkpoint"),
    "packed": (place("w", transform_descriptors=("zstd",)), "an extension of DCP's"),
    "other sizes": (other_sizes, "w: a chunk of it that has other sizes"),
    "other type": (other_type, "w: a chunk of it that has another element type"),
    "no tensor": (no_tensor, "w: a chunk of it that is no plain tensor"),
    "huge": (size(1 << 40, 1 << 40), "w: a tensor of more bytes than there are"),
    "way of another": (way("w", "v"), "w: the way to it has another name"),
    "no way": (way("w"), "w: the way to it has another name"),
    "way to a number": (way("w", 3), "w: the way to it has another name"),
    "places in a list": (places_in_a_list, "where its parts lie"),
    "no layout": (layout, "a tensor of no layout of torch's"),
    "no table": (attribute("state_dict_metadata", None), "without a table"),
    "ways in a list": (attribute("planner_data", [1]), "no dict"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_refused_by_name(tmp_path: Path, case: str) -> None:
    change, why = REFUSED[case]
    (tmp_path / "__0_0.distcp").write_bytes(saved(torch.ones(3, 4)))
    file = convert(changed(tmp_path / "c", change), "-o", str(tmp_path / "out.safetensors"))
    assert file["verdict"] == "REFUSED"
    assert why in file["reason"], file["reason"]
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize(
    ("first", "second"),
    [(("x",), ("x", "y")), (("x", "y"), ("x",)), (("l", 0), ("l", 2)), (("m", 0), ("m", "a"))],
)
def test_ways_that_cross(tmp_path: Path, first: Any, second: Any) -> None:
    writer = Writer(tmp_path / "c")
    writer.tensor(first, torch.ones(2))
    writer.tensor(second, torch.ones(3))
    file = convert(writer.write(), "-o", str(tmp_path / "out.safetensors"))
    assert file["verdict"] == "REFUSED"


def test_a_list_that_is_not_taken_apart(tmp_path: Path) -> None:
    """torch flattens what it put together, and misses the key of such a value."""
    writer = of(tmp_path / "c", {"w": W})
    writer.value(("l", 0), 5)
    writer.write()
    with pytest.raises(BaseException, match="l"):
        load(tmp_path / "c")
    assert convert(tmp_path / "c")["verdict"] == "DISARMED"


def gap(writer: Writer) -> None:
    writer.metadata.state_dict_metadata["w"].chunks.pop()


def unnamed(writer: Writer) -> None:
    del writer.metadata.storage_data[part(writer, "w", 1)]


def cut_file(writer: Writer) -> None:
    at = writer.metadata.storage_data[part(writer, "w", 1)].offset
    writer.files["__1_0.distcp"] = writer.files["__1_0.distcp"][: at + 100]


def garbage(writer: Writer) -> None:
    writer.put(part(writer, "w", 1), b"nothing that torch knows")


def cut_part(writer: Writer) -> None:
    writer.put(part(writer, "w", 1), saved(torch.ones(3, 4))[:-200])


MISSING: dict[str, Change] = {
    "a gap": gap,
    "unnamed": unnamed,
    "out of range": place("w", 1, offset=1 << 40),
    "no end": place("w", 1, length=(1 << 63) - 1),
    "no bytes": place("w", 1, length=0),
    "a file that is not there": place("w", 1, relative_path="__7_0.distcp"),
    "cut off": cut_file,
    "no torch file": garbage,
    "a part that is cut off": cut_part,
}


@pytest.mark.parametrize("case", MISSING)
def test_missing_by_name(tmp_path: Path, case: str) -> None:
    """The others are whole."""
    writer = of(tmp_path / "c", {"v": V.reshape(5, 2), "w": W}, 2)
    MISSING[case](writer)
    output = tmp_path / "out.safetensors"
    file = convert(writer.write(), "-o", str(output))
    assert file["verdict"] == "PARTIAL", file["reason"]
    assert file["missing"] == ["w"]
    found, _ = read(output)
    assert found == {"v": oracle.bits_of(V.reshape(5, 2))}


def test_a_value_that_is_missing(tmp_path: Path) -> None:
    folder = changed(tmp_path / "c", place("epoch", None, offset=1 << 40))
    file = convert(folder)
    assert file["verdict"] == "PARTIAL"
    assert "epoch" in file["reason"]


@pytest.mark.parametrize("inside", [True, False])
def test_links(tmp_path: Path, inside: bool) -> None:
    writer = Writer(tmp_path / "c", 2)
    writer.tensor(("here",), V)
    writer.tensor(("there",), W)
    folder = writer.write()
    shard = folder / "__1_0.distcp"
    target = folder / "blob" if inside else tmp_path / "blob"
    shard.rename(target)
    shard.symlink_to(target)
    file = convert(folder, "-o", str(tmp_path / "out.safetensors"))
    assert file["verdict"] == ("EXACT" if inside else "PARTIAL")
    assert file["missing"] == ([] if inside else ["there"])


def test_a_part_that_the_restricted_loader_refuses(tmp_path: Path) -> None:
    """Without restriction torch knows a type of storages in any module; of a value it is taken."""
    for key in ("w", "value"):
        writer = of(tmp_path / key, {"w": W, "value": [V]}, 2)
        named = part(writer, key, 0 if key == "w" else None)
        place = writer.metadata.storage_data[named]
        data = writer.files[place.relative_path]
        begin, end = place.offset, place.offset + place.length
        other = data[begin:end].replace(b"ctorch\nFloatStorage", b"cvorch\nFloatStorage")
        other = other.replace(b"ctorch\nLongStorage", b"cvorch\nLongStorage")
        writer.files[place.relative_path] = data[:begin] + other + data[end:]
        folder = writer.write()
        if key == "value":
            check_exact(folder)
            continue
        with pytest.raises(BaseException, match="vorch"):
            load(folder)
        file = convert(folder)
        assert (file["verdict"], file["tensors"]) == ("DISARMED", 2)
        assert "weights_only" in file["reason"]


def test_payloads_are_cut(tmp_path: Path) -> None:
    """In a value, in a tensor's part and in the index: told, and never exact."""
    writer = of(tmp_path / "value", {"w": W, "evil": Marked("value")})
    file = convert(writer.write())
    assert file["verdict"] == "DISARMED"
    assert file["cut"]
    writer = of(tmp_path / "index", {"w": W})
    writer.metadata.storage_meta = Marked("index")
    file = convert(writer.write())
    assert file["verdict"] == "DISARMED"
    assert file["cut"]
    found, _ = read(tmp_path / "index" / "model.safetensors")
    assert found == {"w": oracle.bits_of(W)}


def test_a_file_of_that_name_that_is_no_index(tmp_path: Path) -> None:
    """Another program's .metadata does not stand for the folder."""
    (tmp_path / ".metadata").write_bytes(pickle.dumps({"a": 1}))
    (tmp_path / "model.pt").write_bytes(saved({"w": W}))
    done = subprocess.run(
        [BRINE, "convert", "--force", "--format", "json", tmp_path],
        capture_output=True,
        check=False,
    )
    verdicts = {Path(f["path"]).name: f["verdict"] for f in json.loads(done.stdout)["files"]}
    assert verdicts == {".metadata": "REFUSED", "model.pt": "EXACT"}


@pytest.mark.parametrize("name", [".metadata", "__0_0.distcp"])
def test_changed_bytes(tmp_path: Path, name: str) -> None:
    """One byte is changed: what is still EXACT is what torch's own loader gives.

    It takes every such index. Of a part it may refuse what it reads for its log alone, the
    archive's serialization_id, when that is no text.
    """
    rng = random.Random(3)
    writer = Writer(tmp_path / "honest", 2)
    writer.tensor(("m", "w"), W, rows(W, 2))
    writer.tensor(("m", "v"), W.t().contiguous(), rows(W.t(), 2, 1))
    writer.tensor(("l", 0), V)
    writer.value(("epoch",), 7)
    honest = writer.write()
    folders = []
    for number in range(200):
        folders.append(tmp_path / f"c{number}")
        shutil.copytree(honest, folders[-1])
        data = bytearray((honest / name).read_bytes())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        (folders[-1] / name).write_bytes(data)
    done = subprocess.run(
        [BRINE, "convert", "--format", "json", *(folder / ".metadata" for folder in folders)],
        capture_output=True,
        check=False,
        timeout=120,
    )
    files = json.loads(done.stdout)["files"]
    exact = [folder for folder, f in zip(folders, files, strict=True) if f["verdict"] == "EXACT"]
    for folder in exact:
        try:
            value = load(folder)
        except BaseException as error:
            assert name != ".metadata" and "serialization_id" in str(error), (folder, error)
            continue
        wrong = difference(folder / "model.safetensors", oracle.expected(value))
        assert wrong is None, (folder, wrong)
    assert exact
