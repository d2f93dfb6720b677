"""Plain data costs passes over its bytes: no value is spelled out that nobody asks about."""

from __future__ import annotations

import gzip
import json
import pickle
import resource
import struct
import subprocess
import zlib
from pathlib import Path

import pytest

from tests.e2e.program import BRINE

MEMORY = 64 << 20  # beyond twice the file's size
PASSES = 3.1  # the unrestricted unpickler's, torch's restricted one's, what that says of the file

VALUES: dict[str, object] = {
    "a list of records": [{"name": f"item {i}", "value": i, "of": [i]} for i in range(200_000)],
    "a list of numbers": list(range(2_000_000)),
    "a tuple of tuples": tuple((i, str(i)) for i in range(500_000)),
    "a dict of lists": {str(i): [i, None] for i in range(300_000)},
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_plain_data_is_never_spelled_out(value: object, protocol: int, tmp_path: Path) -> None:
    data = pickle.dumps(value, protocol)
    (tmp_path / "data.pkl").write_bytes(data)
    limit = MEMORY + 2 * len(data)
    done = subprocess.run(
        [BRINE, "scan", "--jobs", "1", "--format", "json", tmp_path / "data.pkl"],
        capture_output=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
    )
    report = json.loads(done.stdout)
    assert report["files"][0]["verdict"] == "clean"
    assert report["summary"]["bytes_read"] <= PASSES * len(data)


KEPT = {
    "copies on the stack": b"\x80\x04N\x94" + b"2" * (64 << 20),
    "marks": b"\x80\x04" + b"(" * (64 << 20),
    "the memo": b"\x80\x04)" + b"\x94" * (64 << 20),
    "values on the stack": b"\x80\x04" + b"}" * (64 << 20),
}


@pytest.mark.parametrize("what", KEPT)
def test_a_small_file_that_a_codec_makes_large(what: str, tmp_path: Path) -> None:
    path = tmp_path / "data.pkl.gz"
    path.write_bytes(gzip.compress(KEPT[what], 9))
    assert path.stat().st_size < 1 << 18
    limit = 512 << 20
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", path],
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
    )
    assert json.loads(done.stdout)["files"][0]["verdict"] == "incomplete"


def test_what_contracts_look_into_is_bound_for_a_whole_file(tmp_path: Path) -> None:
    """Inner pickles that each ask thousands of times for the same thousand pairs."""
    pairs = b"(" + b"K\x01K\x01\x86" * 2000 + b"lq\x010"
    asked = b"ccollections\nOrderedDict\nq\x020(" + b"h\x02h\x01\x85R" * 1000 + b"t."
    inner = b"\x80\x02" + pairs + asked
    load = (
        b"cpickle\nloads\nq\x000("
        + (b"h\x00B" + struct.pack("<I", len(inner)) + inner + b"\x85R") * 50
    )
    (tmp_path / "data.pkl").write_bytes(b"\x80\x03" + load + b"t.")
    subprocess.run([BRINE, "scan", tmp_path / "data.pkl"], check=False, timeout=10)


LOADERS_COST: dict[str, bytes] = {
    "an index of the memo": b"\x80\x04Nr\x00\x00\x00\x10.",
    "an index in digits": b"Np2147483647\n.",
    "a key of deep tuples": b"\x80\x04})" + b"\x85" * 300_000 + b"Ks.",
    "a member of deep tuples": b"\x80\x04\x8f()" + b"\x85" * 300_000 + b"\x90.",
}


@pytest.mark.parametrize("what", LOADERS_COST)
def test_what_a_loader_pays_for_is_not_clean(what: str, tmp_path: Path) -> None:
    """4 GB for an index of C's memo; the stack, for hashes of tuples in tuples."""
    data = LOADERS_COST[what].replace(b"Ks.", b"K\x01s.")
    (tmp_path / "data.pkl").write_bytes(data)
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", tmp_path / "data.pkl"], capture_output=True
    )
    assert json.loads(done.stdout)["files"][0]["verdict"] == "incomplete"


@pytest.mark.parametrize("what", LOADERS_COST)
def test_what_stands_behind_it_is_read(what: str, tmp_path: Path) -> None:
    """A loader with memory enough, or a deep stack, goes on."""
    data = LOADERS_COST[what].replace(b"Ks.", b"K\x01s.")[:-1] + b"cos\nsystem\n(S'true'\ntR."
    (tmp_path / "data.pkl").write_bytes(data)
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", tmp_path / "data.pkl"], capture_output=True
    )
    assert json.loads(done.stdout)["files"][0]["verdict"] == "malicious"


def test_many_pickles_behind_each_other_cost_what_they_have(tmp_path: Path) -> None:
    count = 100_000
    (tmp_path / "data.pkl").write_bytes(b"\x80\x02N." * count)
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", tmp_path / "data.pkl"],
        capture_output=True,
        check=True,
        timeout=20,
    )
    read = json.loads(done.stdout)["summary"]["bytes_read"]
    assert read < count * 10_000  # a few blocks for each, never what is left of the file


PICKLED = pickle.dumps([1, 2, 3])
MEMBERS: dict[str, tuple[str, bytes, str]] = {
    "one member": ("m.joblib", gzip.compress(PICKLED), "clean"),
    "an empty one behind": ("m.joblib", gzip.compress(PICKLED) + gzip.compress(b""), "suspicious"),
    "a pickle in two": (
        "m.bin",
        gzip.compress(PICKLED[:5]) + gzip.compress(PICKLED[5:]),
        "suspicious",
    ),
    "zeros behind": ("m.joblib", gzip.compress(PICKLED) + bytes(8), "suspicious"),
    "a byte behind zlib": ("m.joblib", zlib.compress(PICKLED) + b"x", "suspicious"),
    "text in two": ("m.csv.gz", gzip.compress(b"a,b\n") * 2, "unrecognized"),
}


@pytest.mark.parametrize("what", MEMBERS)
def test_what_joblib_reads_without_end(what: str, tmp_path: Path) -> None:
    """joblib 1.6 grows behind the end of a gzip or zlib stream, until memory ends."""
    name, data, verdict = MEMBERS[what]
    (tmp_path / name).write_bytes(data)
    done = subprocess.run([BRINE, "scan", "--format", "json", tmp_path / name], capture_output=True)
    assert json.loads(done.stdout)["files"][0]["verdict"] == verdict
