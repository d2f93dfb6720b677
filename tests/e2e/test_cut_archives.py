"""Torch files that lost their directory: told once, never clean, and a payload in them is found."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import torch

from tests.e2e.program import Brine

STEP = 11


class Call:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("true",)


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def scan(brine: Brine, path: Path, data: bytes) -> tuple[str, list[str]]:
    path.write_bytes(data)
    file = brine("scan", "--format", "json", path).json()["files"][0]
    return file["verdict"], [finding["code"] for finding in file["findings"]]


def honest() -> bytes:
    return saved({f"layer.{i}.weight": torch.ones(3, i + 1) for i in range(6)})


def test_a_cut_file_is_incomplete_and_says_so_once(brine: Brine, tmp_path: Path) -> None:
    data = honest()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        directory = archive.start_dir
    begin = infos[1].header_offset + 40
    for end in range(begin, directory, STEP):
        verdict, codes = scan(brine, tmp_path / "model.bin", data[:end])
        assert (verdict, codes) == ("incomplete", ["BRN506"]), end


def test_no_cut_is_clean(brine: Brine, tmp_path: Path) -> None:
    data = honest()
    for end in range(0, len(data), STEP):
        assert scan(brine, tmp_path / "model.bin", data[:end])[0] != "clean", end


def test_a_payload_in_a_cut_file_is_malicious(brine: Brine, tmp_path: Path) -> None:
    data = saved({"weight": torch.ones(3), "x": Call()})
    behind = data.index(b"true") + 16
    for end in range(behind, len(data) - 1, STEP):
        assert scan(brine, tmp_path / "model.bin", data[:end])[0] == "malicious", end


def test_an_archive_in_the_storage_of_a_cut_file_is_read(brine: Brine, tmp_path: Path) -> None:
    inner = saved({"x": Call()})
    storage = torch.frombuffer(bytearray(inner), dtype=torch.uint8)
    data = saved({"weight": storage})
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        directory = archive.start_dir
    assert scan(brine, tmp_path / "model.bin", data[:directory])[0] == "malicious"
