"""torch's first format by hand, as torch.serialization.legacy_load reads it."""

from __future__ import annotations

import pickle
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "tests" / "support")]

from pickleasm import assemble as asm  # noqa: E402

from tests.tar.tarforge import Header, archive, pax, record  # noqa: E402

RUN = asm("GLOBAL os system", "MARK", "UNICODE 'echo seen'", "TUPLE", "REDUCE")
FLOAT = "GLOBAL torch FloatStorage"


def dump(value: object) -> bytes:
    return pickle.dumps(value, 2)


def storage(key: int, values: Sequence[float], kind: str = FLOAT, before: bytes = b"") -> bytes:
    head = (
        asm("PROTO 2")
        + before
        + asm("MARK", f"BININT {key}", "BINUNICODE cpu", kind, "TUPLE", "STOP")
    )
    return head + struct.pack("<q", len(values)) + struct.pack(f"<{len(values)}f", *values)


def storages(*parts: bytes, count: bytes | None = None, views: bytes | None = None) -> bytes:
    first = dump(len(parts)) if count is None else count
    return first + b"".join(parts) + (dump([]) if views is None else views)


def tensor(key: int, root: int, shape: Sequence[int], before: bytes = b"") -> bytes:
    head = (
        asm("PROTO 2")
        + before
        + asm(
            "MARK", f"BININT {key}", f"BININT {root}", "GLOBAL torch FloatTensor", "TUPLE", "STOP"
        )
    )
    strides = [1] * len(shape)
    for i in range(len(shape) - 1, 0, -1):
        strides[i - 1] = strides[i] * shape[i]
    dims = len(shape)
    return head + struct.pack(f"<ii{dims}q{dims}qq", dims, 0, *shape, *strides, 0)


def tensors(*parts: bytes, count: bytes | None = None) -> bytes:
    return (dump(len(parts)) if count is None else count) + b"".join(parts)


def objects(before: bytes = b"") -> bytes:
    """An OrderedDict of one tensor, named by its id."""
    return (
        asm("PROTO 2", "GLOBAL collections OrderedDict", "EMPTY_TUPLE", "REDUCE")
        + before
        + (asm("BINUNICODE weight") + b"X\2\0\0\x0020" + asm("BINPERSID", "SETITEM", "STOP"))
    )


def checkpoint(
    first: bytes | None = None, second: bytes | None = None, third: bytes | None = None
) -> list[Header]:
    return [
        Header(b"storages", data=storages(storage(10, [1, 2, 3, 4])) if first is None else first),
        Header(b"tensors", data=tensors(tensor(20, 10, (2, 2))) if second is None else second),
        Header(b"pickle", data=objects() if third is None else third),
    ]


POP = RUN + asm("POP")


def attacks() -> dict[str, bytes]:
    """Each runs a command somewhere in torch.load(file, weights_only=False)."""
    inside = storage(10, [1, 2], before=POP)
    late = storages(storage(10, [1, 2]), storage(11, [0.5] * 70, before=POP))
    double = storage(10, [], "GLOBAL torch DoubleStorage") + b""
    honest = checkpoint()
    return {
        "count": archive(*checkpoint(asm("PROTO 2") + POP + asm("BININT1 0", "STOP") + dump([]))),
        "count_is_the_call": archive(*checkpoint(RUN + asm("STOP"))),
        "storage": archive(*checkpoint(storages(inside))),
        "second_storage": archive(*checkpoint(late)),
        "empty_storage_first": archive(*checkpoint(storages(double, inside))),
        "views": archive(*checkpoint(storages(storage(10, [1, 2, 3, 4]), views=POP + dump([])))),
        "tensor_count": archive(*checkpoint(None, asm("PROTO 2") + POP + asm("BININT1 0", "STOP"))),
        "tensor": archive(*checkpoint(None, tensors(tensor(20, 10, (2, 2), before=POP)))),
        "second_tensor": archive(
            *checkpoint(None, tensors(tensor(20, 10, (2, 2)), tensor(21, 10, (), before=POP)))
        ),
        "object": archive(*checkpoint(None, None, objects(POP))),
        "tuple_comes_back": archive(*checkpoint(None, None, given_back())),
        "broken_object": archive(*checkpoint(None, None, RUN + b"X\x04")),
        "old_names": archive(
            *(Header(h.name, b"\0", h.data, fields={"magic": b""}) for h in honest[:2]),
            Header(b"pickle", b"\0", objects(POP), fields={"magic": b""}),
        ),
        "pax_path": archive(
            *honest[:2], pax(record(b"path", b"pickle")), Header(b"README", data=objects(POP))
        ),
        "long_name": archive(
            *honest[:2], Header(b"@", b"L", b"pickle\0"), Header(b"README", data=objects(POP))
        ),
        "last_wins": archive(*honest, Header(b"pickle", data=objects(POP))),
        "unknown_type": archive(*honest[:2], Header(b"pickle", b"Z", objects(POP))),
        "hard_link": archive(
            Header(b"notes", data=storages(inside)),
            Header(b"storages", b"1", fields={"link": b"notes"}),
            *honest[1:],
        ),
        "soft_link": archive(
            *honest[:2],
            Header(b"notes", data=objects(POP)),
            Header(b"pickle", b"2", fields={"link": b"notes"}),
        ),
        "base256_sizes": archive(
            *(
                Header(h.name, data=h.data, size=b"\x80" + len(h.data).to_bytes(11, "big"))
                for h in checkpoint(None, None, objects(POP))
            )
        ),
        "sparse": sparse_object(),
        "no_end": archive(*checkpoint(None, None, objects(POP)), end=b""),
    }


def given_back() -> bytes:
    """Of a persistent id that is a tuple torch's tar loader returns the first value."""
    names = asm("GLOBAL os system", "UNICODE ''", "UNICODE file", "TUPLE3", "BINPERSID")
    return asm("PROTO 2") + names + asm("UNICODE 'echo seen'", "TUPLE1", "REDUCE", "STOP")


def sparse_object() -> bytes:
    data = objects(POP)
    at = len(data) // 2
    text = b"2\n0\n%d\n%d\n%d\n" % (at, at, len(data) - at)
    head = pax(
        record(b"GNU.sparse.major", b"1"),
        record(b"GNU.sparse.minor", b"0"),
        record(b"GNU.sparse.name", b"pickle"),
        record(b"GNU.sparse.realsize", b"%d" % len(data)),
    )
    body = Header(b"GNUSparseFile.0/x", data=text.ljust(512, b"\0") + data)
    return archive(*checkpoint()[:2], head, body)


def polyglot() -> bytes:
    """A safetensors file whose first 512 bytes are a tar header as well."""
    inner = archive(*checkpoint(storages(storage(10, [1, 2], before=POP))))
    text = b'{"__metadata__":{"k":"'
    # Bytes 0-7 are the length of the header and the name's beginning; fields are octal text.
    block = bytearray(b" " * 512)
    block[8 : 8 + len(text)] = text
    fields = {
        100: b"0000644 ",
        108: b"0000000 ",
        116: b"0000000 ",
        136: b"00000000000 ",
        124: b"%011o " % 512,
        329: b"0000000 ",
        337: b"0000000 ",
    }
    for at, value in fields.items():
        block[at : at + len(value)] = value
    block[156:157] = b"0"
    end = b'"},"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (len(inner), len(inner))
    block[360 : 360 + len(end)] = end
    tail = b" " * 512  # the data of the first member belongs to the header
    block[0:8] = struct.pack("<Q", 1024 - 8)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o  " % sum(block)
    return bytes(block) + tail + inner
