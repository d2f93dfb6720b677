"""The catalogue: it fits its schema and the libraries, and compiles without its danger half."""

from __future__ import annotations

import shutil
import struct
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
ACTING = '[[acting]]\nmodule = "m"\nnames = ["f"]\ncalling = "import"\nwhy = "a test"\n'
WITHHELD = '[[withheld]]\nmodule = "m"\nnames = ["f"]\nwhy = "a test"\n'


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
        (ROW + ACTING.replace('"f"', '"g"'), "m:g has no fact"),
        ('[[constant]]\nmodule = "m"\nnames = ["f"]\nwhy = "a test"\n' + ACTING, "m:f has no fact"),
        (ROW + ACTING + ACTING, "has `calling` already"),
        (ROW + 'calling = "read"\n' + ACTING, "has `calling` already"),
        (ROW + ACTING.replace("import", "magic"), "no capability 'magic'"),
        (ROW + ACTING + 'call = "()"\n', "unknown key call"),
        (ROW + WITHHELD + WITHHELD, "m:f has no fact"),
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


def test_what_a_call_does_is_said_of_aliases_and_not_of_likes(tmp_path: Path) -> None:
    classes = (
        '[[class]]\nmodules = ["m", "n"]\nnames = ["A"]\nwhy = "a test"\n'
        '[[class]]\nmodule = "m"\nnames = ["B"]\nlike = "m.A"\nwhy = "a test"\n'
    )
    acting = '[[acting]]\nmodule = "m"\nnames = ["A"]\ncalling = "import"\nwhy = "a test"\n'
    (tmp_path / "inert").mkdir()
    (tmp_path / "inert" / "x.toml").write_text(classes + acting, "ascii")
    run = compile_facts(tmp_path, tmp_path / "blob")
    assert run.returncode == 0, run.stderr
    blob = (tmp_path / "blob").read_bytes()
    at, count = struct.unpack_from("<II", blob, 12 + 2 * 8)
    facts = [struct.unpack_from("<BBBBH", blob, at + 32 * i) for i in range(count)]
    assert [fact[4] != 0 for fact in facts] == [True, False, True]  # m:A, m:B, n:A


def test_a_withheld_name_has_no_fact(tmp_path: Path) -> None:
    other = '[[callable]]\nmodules = ["m", "n"]\nnames = ["g"]\nwhy = "a test"\n'
    (tmp_path / "inert").mkdir()
    for rows in (ROW, ROW + other + WITHHELD.replace('"f"', '"g"')):
        (tmp_path / "inert" / "x.toml").write_text(rows, "ascii")
        run = compile_facts(tmp_path, tmp_path / "blob")
        assert run.returncode == 0, run.stderr
        assert struct.unpack_from("<II", (tmp_path / "blob").read_bytes(), 12 + 2 * 8)[1] == 1
