"""What `brine scan` says of torch.load(weights_only=True) is what the pinned torch does."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.e2e.program import BRINE
from tests.weights_only.corpus import packed
from tests.weights_only.run import Loader, Result, check, run, scanned

# Honest rows whose answer depends on bytes of tensors, which a scan does not read.
BY_ITS_BYTES = ("nested",)


def test_what_is_said_is_what_torch_does() -> None:
    result = run(every=7)
    assert not result.wrong
    assert not result.otherwise
    assert result.named > 300
    honest = [row for row in result.unknown if "-honest_" in row]
    assert all(any(word in row for word in BY_ITS_BYTES) for row in honest), honest
    for kind in ("archive", "call", "changed", "honest", "name", "stream"):
        assert result.said[kind, "False"] > 0, result.table()
        assert result.said[kind, "True"] > 0, result.table()
    assert len(result.unknown) < 0.02 * result.said.total(), result.table()


def test_the_reason_has_its_place(tmp_path: Path) -> None:
    path = tmp_path / "args.pt"
    path.write_bytes(packed(b"\x80\x02}X\x01\x00\x00\x00acargparse\nNamespace\n)\x81s."))
    rows = scanned([path])[0]["weights_only"]
    assert rows == {
        release: {
            "accepts": False,
            "reason": "Unsupported global: GLOBAL argparse.Namespace",
            "offset": 9,
            "opcode": "GLOBAL",
        }
        for release in ("1.13", "2.6", "2.13")
    }


def test_releases_differ(tmp_path: Path) -> None:
    path = tmp_path / "epoch.pt"
    path.write_bytes(packed(b"\x80\x02G?\xf8\x00\x00\x00\x00\x00\x00."))
    rows = scanned([path])[0]["weights_only"]
    assert [rows[release]["accepts"] for release in ("1.13", "2.6", "2.13")] == [False, True, True]
    assert rows["1.13"]["opcode"] == "BINFLOAT"


@pytest.mark.parametrize("name", ["plain.pkl", "README.md", "model.safetensors.index.json"])
def test_other_files_say_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x80\x02}." if name.endswith("pkl") else b"{}\n")
    assert scanned([path])[0]["weights_only"] is None


def screen(*words: str) -> str:
    done = subprocess.run([BRINE, "scan", *words], capture_output=True, text=True, check=False)
    return done.stdout


def test_a_refusal_is_one_line_on_the_screen(tmp_path: Path) -> None:
    refused, accepted = tmp_path / "refused.pt", tmp_path / "accepted.pt"
    refused.write_bytes(packed(b"\x80\x04\x95\x02\x00\x00\x00\x00\x00\x00\x00}."))
    torch.save({"w": torch.ones(2)}, accepted)
    text = screen(str(refused))
    assert (
        "  torch.load  refuses it with weights_only=True: Unsupported operand 149 (FRAME)" in text
    )
    assert "(byte 2)" in text
    assert "brine convert" in text
    assert "weights_only" not in screen(str(accepted))
    assert "  torch 2.13  accepts it with weights_only=True" in screen("-v", str(accepted))


def test_a_device_is_a_condition(tmp_path: Path) -> None:
    path = tmp_path / "mps.pt"
    torch.save({"w": torch.ones(4)}, path)
    row = scanned([path])[0]["weights_only"]["2.13"]
    assert (row["accepts"], row["reason"]) == (True, None)
    data = path.read_bytes()
    assert data.count(b"cpu") == 1
    path.write_bytes(data.replace(b"cpu", b"mps"))
    row = scanned([path])[0]["weights_only"]["2.13"]
    assert row["accepts"] is True
    assert row["reason"] == "where there is no mps, with map_location='cpu' only"
    with pytest.raises(RuntimeError):
        torch.load(path, weights_only=True)
    assert torch.load(path, weights_only=True, map_location="cpu")["w"].tolist() == [1, 1, 1, 1]


def changed_by_a_bit(folder: Path) -> list[tuple[str, Path]]:
    """Every seventh bit of a file of torch's first format turned over, and so each place's."""
    whole = io.BytesIO()
    value = {"w": torch.ones(4), "v": torch.zeros(2, dtype=torch.float64)}
    torch.save(value, whole, _use_new_zipfile_serialization=False)
    out = []
    for index in range(0, len(whole.getvalue()) * 8, 7):
        data = bytearray(whole.getvalue())
        data[index // 8] ^= 1 << index % 8
        path = folder / f"{index}.pt"
        path.write_bytes(data)
        out.append(("bit", path))
    return out


def test_each_bit_of_the_first_format(tmp_path: Path) -> None:
    result, loader = Result(), Loader(sys.executable)
    files = changed_by_a_bit(tmp_path)
    for start in range(0, len(files), 500):
        check(files[start : start + 500], "2.13", loader, result)
    loader.close()
    assert not result.wrong
    assert result.said["bit", "True"] > 50, result.table()
    assert result.said["bit", "False"] > 100, result.table()
    assert len(result.unknown) < 0.1 * result.said.total(), result.table()


def test_a_count_that_wraps(tmp_path: Path) -> None:
    """torch compares count times size of an element, in 64 bits."""
    whole = io.BytesIO()
    torch.save({"w": torch.ones(4)}, whole, _use_new_zipfile_serialization=False)
    data = bytearray(whole.getvalue())
    assert data[-24:-16] == (4).to_bytes(8, "little")
    path = tmp_path / "wraps.pt"
    data[-17] ^= 0x40  # four times 2**62 is nothing
    path.write_bytes(data)
    assert torch.equal(torch.load(path)["w"], torch.ones(4))
    rows = scanned([path])[0]["weights_only"]
    assert [rows[release]["accepts"] for release in ("1.13", "2.6", "2.13")] == [True] * 3
    data[-17] ^= 0x60
    path.write_bytes(data)
    rows = scanned([path])[0]["weights_only"]
    assert rows["2.13"]["accepts"] is False


def test_a_protocol_that_only_pythons_own_unpickler_refuses(tmp_path: Path) -> None:
    whole = io.BytesIO()
    torch.save({"w": torch.ones(4)}, whole, _use_new_zipfile_serialization=False)
    data = bytearray(whole.getvalue())
    data[data.rindex(b"\x80\x02") + 1] = 7  # of the last pickle
    path = tmp_path / "seven.pt"
    path.write_bytes(data)
    rows = scanned([path])[0]["weights_only"]
    assert rows["2.13"]["accepts"] is None


def test_setting_nothing_on_an_empty_stack(tmp_path: Path) -> None:
    """Before 2.13 nobody looks for a target when there is nothing to set."""
    path = tmp_path / "nothing.pt"
    path.write_bytes(packed(b"\x80\x02(u}."))
    rows = scanned([path])[0]["weights_only"]
    assert [rows[release]["accepts"] for release in ("1.13", "2.6", "2.13")] == [True, True, False]
    path.write_bytes(packed(b"\x80\x02(K\x01K\x02u}."))
    rows = scanned([path])[0]["weights_only"]
    assert [rows[release]["accepts"] for release in ("1.13", "2.6", "2.13")] == [False] * 3
