"""Files of PyTorch's for which one asks whether torch.load(weights_only=True) accepts them.

The honest ones are the rows of tests/convert/checkpoints.py in all their containers and protocols.
The others are streams packed as torch packs them: programs of the opcodes that the restricted
unpickler knows, every name that it may allow, calls with right and wrong arguments, archives that
are not as torch writes them, and honest files with one byte of the pickle changed.
"""

from __future__ import annotations

import io
import pickle
import random
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "differential"), str(TESTS / "support")]

from pickleasm import assemble  # noqa: E402
from test_restricted import streams  # noqa: E402

from tests.convert.checkpoints import checkpoints  # noqa: E402
from tests.convert.run import mutate  # noqa: E402

RECORD = b"\0\0\x80?" * 4
STORAGE = (
    b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
)
HOOKS = b"ccollections\nOrderedDict\n)R"
V2 = b"ctorch._utils\n_rebuild_tensor_v2\n"


def packed(
    pickled: bytes, records: dict[str, bytes] | None = None, more: dict[str, bytes] | None = None
) -> bytes:
    """A torch zip around a pickle."""
    entries = {"data.pkl": pickled, "byteorder": b"little", **(more or {})}
    entries |= {f"data/{key}": data for key, data in (records or {"0": RECORD}).items()}
    entries["version"] = b"3\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, data in entries.items():
            out.writestr(f"model/{name}", data)
    return buffer.getvalue()


def tensor(arguments: bytes, function: bytes = V2) -> bytes:
    return b"\x80\x02" + function + b"(" + arguments + b"tR."


def calls() -> Iterator[tuple[str, bytes]]:
    """One call each, of an allowed function with arguments that it takes or does not take."""
    right = STORAGE + b"K\x00K\x02\x85K\x01\x85\x89"
    yield "v2", tensor(right + HOOKS)
    yield "v2 no hooks", tensor(right + b"N")
    yield "v2 without hooks", tensor(right)
    yield "v2 metadata", tensor(right + HOOKS + b"}X\x03\x00\x00\x00neg\x88s")
    yield "v2 conj", tensor(right + HOOKS + b"}X\x04\x00\x00\x00conj\x88s")
    yield "v2 gradient", tensor(STORAGE + b"K\x00K\x02\x85K\x01\x85\x88N")
    yield "v2 gradient as a number", tensor(STORAGE + b"K\x00K\x02\x85K\x01\x85K\x01N")
    yield "v2 beyond", tensor(STORAGE + b"K\x00K\x09\x85K\x01\x85\x89N")
    yield "v2 more strides", tensor(STORAGE + b"K\x00K\x02\x85K\x01K\x01\x86\x89N")
    yield "v2 negative size", tensor(STORAGE + b"K\x00J\xff\xff\xff\xff\x85K\x01\x85\x89N")
    yield "v2 list of sizes", tensor(STORAGE + b"K\x00]K\x02a]K\x01a\x89N")
    yield "v2 eight arguments", tensor(right + HOOKS + b"}N")
    missing = STORAGE.replace(b"X\x01\x00\x00\x000", b"X\x01\x00\x00\x009")
    yield "no record", tensor(missing + b"K\x00K\x02\x85K\x01\x85\x89N")
    longs = STORAGE.replace(b"FloatStorage", b"LongStorage").replace(b"K\x04t", b"K\x02t")
    yield "long gradient", tensor(longs + b"K\x00K\x02\x85K\x01\x85\x88N")
    untyped = STORAGE.replace(b"ctorch\nFloat", b"ctorch.storage\nUntyped")
    untyped = untyped.replace(b"K\x04t", b"K\x10t")
    yield "untyped v2", tensor(untyped + b"K\x00K\x02\x85K\x01\x85\x89N")
    for name in ("float32", "uint16", "float8_e4m3fn", "int1", "uint7", "bits8", "complex32"):
        dtype = f"ctorch\n{name}\n".encode()
        arguments = untyped + b"K\x00K\x02\x85K\x01\x85\x89" + HOOKS + dtype
        yield f"v3 {name}", tensor(arguments, b"ctorch._utils\n_rebuild_tensor_v3\n")
    for location in (b"moon", b"cpu:0", b"meta"):
        text = b"X" + len(location).to_bytes(4, "little") + location
        elsewhere = STORAGE.replace(b"X\x03\x00\x00\x00cpu", text)
        yield f"on {location.decode()}", tensor(elsewhere + b"K\x00K\x02\x85K\x01\x85\x89N")
    for row in ROWS:
        yield row, b"\x80\x02" + assemble(*row.split(" / ")) + b"."


ROWS = [
    "GLOBAL collections OrderedDict / EMPTY_TUPLE / REDUCE",
    "GLOBAL collections OrderedDict / EMPTY_LIST / TUPLE1 / REDUCE",
    "GLOBAL collections OrderedDict / BINUNICODE ab / TUPLE1 / REDUCE",
    "GLOBAL collections OrderedDict / EMPTY_DICT / TUPLE1 / REDUCE",
    "GLOBAL collections OrderedDict / BININT1 1 / TUPLE1 / REDUCE",
    "GLOBAL collections OrderedDict / EMPTY_TUPLE / NEWOBJ",
    "GLOBAL collections OrderedDict / EMPTY_TUPLE / REDUCE / EMPTY_DICT / BUILD",
    "GLOBAL collections OrderedDict / EMPTY_TUPLE / REDUCE / NONE / BUILD",
    "GLOBAL collections OrderedDict / EMPTY_DICT / BUILD",
    "GLOBAL collections OrderedDict / EMPTY_TUPLE / REDUCE / BININT1 1 / NONE / SETITEM",
    "GLOBAL collections OrderedDict / EMPTY_TUPLE / REDUCE / EMPTY_LIST / NONE / SETITEM",
    "GLOBAL collections Counter / EMPTY_DICT / TUPLE1 / REDUCE",
    "GLOBAL collections Counter / EMPTY_TUPLE / REDUCE / EMPTY_DICT / BUILD",
    "GLOBAL collections defaultdict / EMPTY_TUPLE / REDUCE",
    "GLOBAL __builtin__ set / EMPTY_LIST / TUPLE1 / REDUCE",
    "GLOBAL __builtin__ set / EMPTY_LIST / EMPTY_LIST / APPEND / TUPLE1 / REDUCE",
    "GLOBAL __builtin__ bytearray / EMPTY_TUPLE / REDUCE",
    "GLOBAL __builtin__ complex / BININT1 1 / BININT1 2 / TUPLE2 / REDUCE",
    "GLOBAL builtins complex / BINUNICODE x / TUPLE1 / REDUCE",
    "GLOBAL builtins dict / EMPTY_TUPLE / REDUCE",
    "GLOBAL builtins getattr",
    "GLOBAL os system",
    "GLOBAL sys exit",
    "GLOBAL argparse Namespace",
    "GLOBAL numpy.core.multiarray _reconstruct",
    "GLOBAL torch.storage _load_from_bytes",
    "GLOBAL torch.distributed.tensor DTensor",
    "GLOBAL torch.nested._internal.nested_tensor NestedTensor",
    "GLOBAL torch Size / BININT1 1 / TUPLE1 / TUPLE1 / REDUCE",
    "GLOBAL torch Size / BININT1 1 / TUPLE1 / REDUCE",
    "GLOBAL torch Size / BINUNICODE x / TUPLE1 / TUPLE1 / REDUCE",
    "GLOBAL torch device / BINUNICODE cpu / TUPLE1 / REDUCE",
    "GLOBAL torch device / BINUNICODE moon / TUPLE1 / REDUCE",
    "GLOBAL torch device / BINUNICODE cuda / BININT1 0 / TUPLE2 / REDUCE",
    "GLOBAL torch float32 / EMPTY_TUPLE / REDUCE",
    "GLOBAL torch FloatStorage / EMPTY_TUPLE / REDUCE",
    "GLOBAL torch FloatTensor / EMPTY_TUPLE / REDUCE",
    "GLOBAL torch.nn.parameter Parameter / EMPTY_TUPLE / REDUCE",
    "GLOBAL torch.nn.parameter Parameter / EMPTY_TUPLE / NEWOBJ",
    "GLOBAL torch.nn.parameter Parameter / NONE / TUPLE1 / REDUCE",
    "GLOBAL torch.serialization _get_layout / BINUNICODE torch.strided / TUPLE1 / REDUCE",
    "GLOBAL torch.serialization _get_layout / BINUNICODE torch.jagged / TUPLE1 / REDUCE",
    "GLOBAL torch.serialization _get_layout / BINUNICODE torch.moon / TUPLE1 / REDUCE",
    "GLOBAL _codecs encode / BINUNICODE ab / BINUNICODE latin1 / TUPLE2 / REDUCE",
    "GLOBAL _codecs encode / BINUNICODE ab / BINUNICODE rot13 / TUPLE2 / REDUCE",
    "GLOBAL _codecs encode / BINUNICODE ab / TUPLE1 / REDUCE",
    "BINUNICODE ab / TUPLE1 / EMPTY_TUPLE / REDUCE",
    "BININT1 7 / BINPERSID",
    "EMPTY_TUPLE / BINPERSID",
    "BINUNICODE x / TUPLE1 / BINPERSID",
    "EMPTY_LIST / BININT1 0 / NONE / SETITEM",
    "EMPTY_LIST / NONE / APPEND / BININT1 0 / NONE / SETITEM",
    "EMPTY_TUPLE / NONE / APPEND",
    "EMPTY_DICT / EMPTY_LIST / NONE / SETITEM",
    "BINFLOAT 1.5",
    "SHORT_BINSTRING b'a\\xe4'",
    "MEMOIZE",
    "NONE / DUP",
    "BINBYTES b'a'",
    "PROTO 4 / NONE",
    "BINGET 5",
    "NONE / BINPUT 3 / BINGET 3 / TUPLE2",
]


def names() -> list[str]:
    """What the installed torch allows, and neighbours that it does not."""
    import torch._weights_only_unpickler as restricted

    allowed = set(restricted._get_allowed_globals())  # noqa: SLF001
    classes = {n for n in dir(torch) if n.endswith(("Storage", "Tensor", "Type"))}
    dtypes = {str(v) for v in vars(torch).values() if isinstance(v, torch.dtype)}
    utils = {f"torch._utils.{n}" for n in dir(torch._utils) if n.startswith("_rebuild")}  # noqa: SLF001
    old = {"torch._utils._rebuild_sparse_csr_tensor", "torch._tensor._rebuild_from_type"}
    return sorted(allowed | {f"torch.{n}" for n in classes} | dtypes | utils | old)


def archives() -> Iterator[tuple[str, bytes]]:
    plain = tensor(STORAGE + b"K\x00K\x02\x85K\x01\x85\x89" + HOOKS)
    yield "whole", packed(plain)
    yield "script", packed(plain, more={"constants.pkl": b"\x80\x02)."})
    yield "no version", packed(plain).replace(b"model/version", b"model/versiom")
    identity = ".data/serialization_id"
    yield "an identity", packed(plain, more={identity: "\u00e9".encode()})
    yield "an identity that is no text", packed(plain, more={identity: b"\xff"})
    yield "short record", packed(plain, {"0": RECORD[:8]})
    yield "long record", packed(plain, {"0": RECORD * 2})
    yield "cut", packed(plain)[:-30]
    swapped = packed(plain)
    yield "big", swapped.replace(b"little", b"bigbig")
    whole = packed(plain)
    at = whole.index(b"\x80\x02ctorch")
    yield "wrong checksum", whole[: at + 8] + b"X" + whole[at + 9 :]
    yield "in front", b"\0" * 8 + whole
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("storages", "tensors", "pickle"):
            data = pickle.dumps(0, 2)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    yield "tar", buffer.getvalue()
    yield "not a pickle", b"hello, this is no model at all\n" * 4
    yield "bare", pickle.dumps({"a": 1}, 2)
    yield "bare protocol 4", pickle.dumps({"a": 1}, 4)
    legacy = io.BytesIO()
    torch.save({"w": torch.ones(4)}, legacy, _use_new_zipfile_serialization=False)
    yield "legacy", legacy.getvalue()
    yield "legacy cut", legacy.getvalue()[:-3]
    yield "legacy wrong size", legacy.getvalue()[:-24] + b"\x05" + legacy.getvalue()[-23:]
    yield "legacy and more", legacy.getvalue() + b"more"


def write(folder: Path, every: int = 1, seed: int = 0) -> Iterator[tuple[str, Path]]:
    """Writes the corpus, or every n-th of its large parts: kind and path of each file."""
    count = 0

    def place(name: str) -> Path:
        nonlocal count
        count += 1
        safe = "".join(c if c.isalnum() else "_" for c in name)[:80]
        return folder / f"{count}-{safe}.pt"

    rng = random.Random(seed)
    for index, item in enumerate(checkpoints(seed)):
        if index % every:
            continue
        for kind in ("honest", "changed"):
            path = place(f"{kind} {item.name}")
            try:
                item.write(path)
            except Exception:
                continue  # what torch cannot write is no file
            if kind == "changed":
                mutate(path, rng)
            yield kind, path
    for index, data in enumerate(streams()):
        if index % (every * 4) == 0:
            path = place(f"stream {index}")
            path.write_bytes(packed(data))
            yield "stream", path
    for name in names():
        module, _, last = name.rpartition(".")
        path = place(f"name {name}")
        path.write_bytes(packed(f"\x80\x02c{module}\n{last}\n.".encode("latin1")))
        yield "name", path
    for name, data in calls():
        path = place(f"call {name}")
        path.write_bytes(packed(data))
        yield "call", path
    for name, data in archives():
        path = place(f"archive {name}")
        path.write_bytes(data)
        yield "archive", path
