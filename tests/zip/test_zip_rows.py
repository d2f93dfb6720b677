"""Who reads what: each known disagreement between PyTorch and zipfile, measured and predicted.

A row says what the pinned PyTorch and CPython return for data.pkl (None: refused or not there), and
which disagreement the program must name. The views must offer both values.
"""

from __future__ import annotations

import bz2
import io
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.zip import compare, readers, zipforge  # noqa: E402
from tests.zip.zipforge import (  # noqa: E402
    DEFLATED,
    A,
    Archive,
    B,
    C,
    Entry,
    Zip64,
    build,
    torch_like,
)

DRIVER = readers.find_driver()
pytestmark = pytest.mark.skipif(DRIVER is None, reason="brine-zip-driver is not built")

ANY = b"any bytes"  # memory that was never written


@dataclass
class Row:
    name: str
    data: bytes
    torch: bytes | None
    zipfile: bytes | None
    issues: list[str] = field(default_factory=list)
    record: str = "m/data.pkl"


def with_twins(*payloads: bytes, at_end: bool = False) -> bytes:
    archive = torch_like(payloads[0])
    twins = [Entry(b"m/data.pkl", payload) for payload in payloads[1:]]
    if at_end:
        archive.entries += twins
    else:
        archive.entries[1:1] = twins
    return build(archive)


def concatenated(fixed: bool) -> bytes:
    first = build(torch_like(A))
    return build(Archive(torch_like(B).entries, prefix=first, count_prefix=fixed))


def with_archive(**changes: object) -> bytes:
    archive = torch_like(A)
    for name, value in changes.items():
        setattr(archive, name, value)
    return build(archive)


def zip64_elsewhere() -> bytes:
    """The end record names the directory of A, the zip64 record that of B in front of it."""
    inner = build(torch_like(B))
    directory = inner.index(b"PK\1\2")
    size = inner.index(b"PK\5\6") - directory
    return build(
        Archive(
            torch_like(A).entries,
            prefix=inner,
            zip64=Zip64(offset=directory, size=size, entries=4),
        )
    )


def large(data: bytes) -> bytes:
    """The same archive behind 70,000 bytes of another member, so that it exceeds miniz's window."""
    archive = torch_like(A)
    archive.entries.insert(0, Entry(b"m/data/1", bytes(70_000)))
    return build(archive) + data


OVER = A[:9] + b"\0" * 10  # the harmless beginning; the payload lies behind
ROWS = [
    Row("plain", build(torch_like()), A, A),
    Row("deflated", build(torch_like(method=DEFLATED)), A, A),
    Row("upper case", build(torch_like(name=b"m/DATA.PKL")), A, None),
    Row("two, A B", with_twins(A, B), A, B, ["duplicate_name"]),
    Row("three, A B C", with_twins(A, B, C), C, C, ["duplicate_name"]),
    Row("one appended", with_twins(A, B, at_end=True), A, B, ["duplicate_name"]),
    Row("two appended", with_twins(A, B, C, at_end=True), A, C, ["duplicate_name"]),
    Row("concatenated", concatenated(False), A, B, ["directory_differs"]),
    Row("concatenated, offsets fixed", concatenated(True), B, B, ["prefix"]),
    Row(
        "archive in the comment",
        with_archive(comment=build(torch_like(B))),
        A,
        B,
        ["two_end_records"],
    ),  # noqa: E501
    Row("zip64 to another directory", zip64_elsewhere(), B, None, ["zip64_conflict"]),
    Row(
        "zip64 signature wrong",
        with_archive(zip64=Zip64(signature=b"PK\6\5")),
        A,
        None,
        ["zip64_conflict"],
    ),  # noqa: E501
    Row("checksum wrong", build(torch_like(crc=1)), A, None),
    Row("local method", build(torch_like(local_method=8)), A, A, ["method_differs"]),
    Row(
        "local sizes",
        build(torch_like(local_compressed=1, local_uncompressed=1)),
        A,
        A,
        ["size_differs"],
    ),  # noqa: E501
    Row("local checksum", build(torch_like(local_crc=1)), A, A, ["crc_differs"]),
    Row("local name", build(torch_like(local_name=b"m/evil.pkl")), A, None, ["name_differs"]),
    Row("local encrypted", build(torch_like(local_flags=1)), A, A, ["encrypted", "flags_differ"]),
    Row("encrypted", build(torch_like(flags=1)), None, None, ["encrypted"]),
    Row("strongly encrypted", build(torch_like(flags=1 << 6)), None, None, ["encrypted"]),
    Row("patch", build(torch_like(flags=1 << 5)), None, None, ["masked_or_patch"]),
    Row("method 97", build(torch_like(method=97, raw=A)), None, None, ["unusual_method"]),
    Row("bzip2", build(torch_like(method=12, raw=bz2.compress(A))), None, A),
    Row("no bzip2", build(torch_like(method=12, raw=A)), None, None),
    Row("masked", build(torch_like(flags=1 << 13)), None, A, ["masked_or_patch"]),
    Row("disk number", with_archive(disk=2), None, A, ["disk_number"]),
    Row("folder attribute", build(torch_like(external=0x10)), ANY, A, ["directory_attribute"]),
    Row("NUL in the name", build(torch_like(name=b"m/data.pkl\0x")), None, A, ["name_with_nul"]),
    Row(
        "stored, reads on",
        build(torch_like(OVER, raw=OVER, behind=B, uncompressed=19 + len(B))),
        OVER + B,
        OVER,
        ["over_read"],
    ),  # noqa: E501
    Row(
        "stored, no time",
        build(torch_like(OVER, raw=OVER, behind=B, uncompressed=19 + len(B), time=0)),
        None,
        OVER,
        ["over_read"],
    ),  # noqa: E501
    Row("too few entries", with_archive(total=3), None, A, ["entry_count"]),
    Row("junk in front", with_archive(prefix=b"junk"), A, A, ["prefix"]),
    Row("1,000 bytes behind", build(torch_like()) + bytes(1000), A, A, ["suffix"]),
    Row("66,000 bytes behind", large(bytes(66_000)), A, None, ["suffix"]),
    Row("70,000 bytes behind", large(bytes(70_000)), None, None),
    Row(
        "two roots",
        build(Archive([Entry(b"n/x", b"x"), *torch_like().entries])),
        None,
        A,
        ["several_roots"],
    ),  # noqa: E501
    Row("root with NUL", build(torch_like(root=b"m\0x")), None, None, ["name_with_nul"]),
    Row(
        "broken deflate, payload first",
        build(
            torch_like(
                method=DEFLATED, raw=b"\0" + b"\x13\0\xec\xff" + A + b"\7", uncompressed=len(A)
            )
        ),
        A,
        None,
    ),  # noqa: E501
    Row("more than promised", build(torch_like(A + B, method=8, uncompressed=len(A))), A, None),
]


def by_zipfile(row: Row) -> bytes | None:
    try:
        return zipfile.ZipFile(io.BytesIO(row.data)).read(row.record)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, OSError, EOFError):
        return None
    except Exception as error:
        assert type(error).__module__ == "zlib", error
        return None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Row) -> None:
    assert DRIVER is not None
    view = readers.driver_results(DRIVER, [row.data])[0]
    real = readers.torch_results([row.data])[0]
    got = real.records.get("data.pkl")
    assert got is not None if row.torch == ANY else got == row.torch
    assert by_zipfile(row) == row.zipfile
    assert not compare.torch_misses(view, real)
    assert not compare.zipfile_misses(view, readers.read_with_zipfile(row.data))
    assert set(row.issues) <= set(view["issues"])


def test_honest_files_have_no_disagreement() -> None:
    assert DRIVER is not None
    import torch

    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(100), "b": [torch.ones(3)]}, buffer)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/a.txt", b"text" * 100)
    for view in readers.driver_results(DRIVER, [buffer.getvalue(), packed.getvalue()]):
        assert view["issues"] == [] and view["gaps"] == []


@pytest.mark.parametrize(
    ("archive", "kind"),
    [
        (Archive(torch_like().entries, prefix=A), 0),
        (Archive(torch_like(behind=B).entries), 1),
        (Archive(torch_like(local_extra=b"XY\4\0evil").entries), 2),
        (Archive(torch_like(local_extra=b"FB\4\0evil").entries), 2),
        (Archive(torch_like(comment=B).entries), 3),
        (Archive(torch_like().entries, comment=B), 3),
        (Archive(torch_like().entries, suffix=B), 4),
    ],
)
def test_hidden_bytes_are_gaps(archive: Archive, kind: int) -> None:
    assert DRIVER is not None
    data = build(archive)
    (gap,) = readers.driver_results(DRIVER, [data])[0]["gaps"]
    assert gap[2] == kind
    hidden = data[gap[0] : gap[1]]
    assert hidden in (A, B) or hidden.endswith(b"evil")


def test_salvage_finds_members_of_a_cut_file() -> None:
    assert DRIVER is not None
    data = build(zipforge.torch_like(method=DEFLATED))
    view = readers.driver_results(DRIVER, [data[: data.index(b"PK\1\2")]])[0]
    assert not view["miniz_opens"] and not view["zipfile_opens"]
    assert [A.hex(), b"little".hex()] == [member[1] for member in view["local"]][:2]
