"""What `brine scan` says of torch.load(weights_only=True) is what the pinned torch does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch

from tests.e2e.program import BRINE
from tests.weights_only.corpus import packed
from tests.weights_only.run import run, scanned

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
