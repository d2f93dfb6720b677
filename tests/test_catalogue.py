"""The catalogue: it fits its schema and the libraries, and compiles without its danger half."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / "tools" / "catalogue"
FACTS = ROOT / "catalogue"


def compile_facts(facts: Path, output: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable, "-B", str(TOOLS / "embed.py"), "--facts", str(facts),
            "--defs", str(ROOT / "src" / "catalogue"), "--output", str(output),
        ],  # fmt: skip
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_facts_agree_with_schema_and_libraries() -> None:
    run = subprocess.run(
        [sys.executable, str(TOOLS / "check.py"), "--facts", str(FACTS)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr


def test_compiling_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run = compile_facts(FACTS, tmp_path / name)
        assert run.returncode == 0, run.stderr
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_danger_data_can_be_deleted(tmp_path: Path) -> None:
    shutil.copytree(FACTS / "inert", tmp_path / "facts" / "inert")
    run = compile_facts(tmp_path / "facts", tmp_path / "blob")
    assert run.returncode == 0, run.stderr
    whole = compile_facts(FACTS, tmp_path / "whole")
    assert whole.returncode == 0
    assert (tmp_path / "blob").stat().st_size < (tmp_path / "whole").stat().st_size


ROW = '[[callable]]\nmodule = "m"\nnames = ["f"]\nwhy = "a test"\n'


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (ROW + ROW, "has a fact already"),
        (ROW + 'colour = "red"\n', "unknown key colour"),
        (ROW + 'does = "magic"\n', "no behaviour 'magic'"),
        (ROW + 'call = "(str"\n', "ends too early"),
        (ROW + 'call = "(thing<str>)"\n', "unknown word 'thing'"),
        (ROW + 'call = "(ref<m.g>)"\n', "no fact of the name 'm.g'"),
        (ROW + 'call = "(object<m.f>)"\n', "is no class"),
        (ROW + 'call = "($missing)"\n', "no pattern $missing"),
        ('[patterns]\na = "$b"\nb = "$a"\n' + ROW + 'call = "($a)"\n', "nested too deeply"),
        ('[[callable]]\nnames = ["f"]\nwhy = "a test"\n', "needs `module`"),
        ('[[class]]\nmodule = "m"\nnames = ["A"]\nlike = "m.A"\nwhy = "a test"\n', "like itself"),
        ('[[callable]]\nmodule = "m:n"\nnames = ["f"]\nwhy = "a test"\n', "is no name"),
    ],
)
def test_mistakes_are_told_in_a_line(tmp_path: Path, rows: str, message: str) -> None:
    (tmp_path / "inert").mkdir()
    (tmp_path / "inert" / "x.toml").write_text(rows, "ascii")
    run = compile_facts(tmp_path, tmp_path / "blob")
    assert run.returncode == 1
    assert message in run.stderr
    assert run.stderr.count("\n") == 1
    assert not (tmp_path / "blob").exists()
