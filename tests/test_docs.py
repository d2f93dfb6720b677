"""Documents speak of what exists: commands run, files are there, codes have pages."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[1]
BRINE = ROOT / "build" / "brine"
DOCUMENTS = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "samples/*.md") for path in ROOT.glob(pattern)
)
SCHEMAS = sorted(ROOT.glob("docs/**/*.schema.json"))
GOALS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def brine(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BRINE), *words], cwd=cwd, capture_output=True, text=True, timeout=60, check=False
    )


def shell_lines(path: Path) -> list[str]:
    """The lines of sh and console blocks that a person would type, without their comments."""
    lines = []
    for kind, body in re.findall(
        r"^```(\w+)\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL
    ):
        for line in body.splitlines():
            if kind == "console" and not line.startswith("$ "):
                continue
            if kind in ("sh", "console"):
                lines.append(re.sub(r"\s+#.*", "", line.removeprefix("$ ")).strip())
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def playground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the README's examples find what they name."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "samples", folder / "samples")
    shutil.copytree(ROOT / "samples", folder / "downloads")
    # What is converted holds tensors.
    plain = shutil.ignore_patterns("config.pkl", "vocabulary.pkl")
    shutil.copytree(ROOT / "samples" / "benign", folder / "models", ignore=plain)
    shutil.copy(ROOT / "samples" / "benign" / "state_dict.pt", folder / "pytorch_model.bin")
    return folder


@pytest.mark.parametrize(
    "line", [line for line in shell_lines(ROOT / "README.md") if line.startswith("brine ")]
)
def test_readme_command_runs(line: str, playground: Path) -> None:
    path = f"{BRINE.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        line,
        shell=True,
        cwd=playground,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr == ""


GUIDES = ("bin", "weights-only")


@pytest.mark.parametrize(
    ("guide", "line"),
    [
        (guide, line)
        for guide in GUIDES
        for line in shell_lines(ROOT / "docs" / "help" / f"{guide}.md")
    ],
)
def test_guide_command_runs(guide: str, line: str, tmp_path: Path) -> None:
    for name in ("pytorch_model.bin", "model.pt"):
        shutil.copy(ROOT / "samples" / "benign" / "state_dict.pt", tmp_path / name)
    program, *words = line.split()
    assert program == "brine", guide
    done = brine(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    comment = "pytorch_model.safetensors" if words == ["convert", "pytorch_model.bin"] else None
    comment = "pytorch_model.disarmed.bin" if words[0] == "disarm" and guide == "bin" else comment
    assert comment is None or (tmp_path / comment).is_file()


@pytest.mark.parametrize("guide", GUIDES)
def test_help_prints_the_guide(guide: str) -> None:
    done = brine("help", guide)
    assert done.returncode == 0, done.stderr
    assert (
        done.stdout.split("\n", 1)[0].strip("# ")
        in (ROOT / "docs" / "help" / f"{guide}.md").read_text().split("\n", 1)[0]
    )


def test_readme_inline_commands_exist() -> None:
    text = (ROOT / "README.md").read_text()
    commands = set(re.findall(r"`brine (\w+)", text))
    assert {"scan", "explain", "inspect", "facts", "help"} & commands
    for command in commands - {"help"}:
        assert brine(command, "--help").returncode == 0, command


@pytest.mark.parametrize("document", names(DOCUMENTS))
def test_make_goals_exist(document: str) -> None:
    text = (ROOT / document).read_text()
    named = set(re.findall(r"`make ([a-z-]+)", text))
    named |= {line.split()[1] for line in shell_lines(ROOT / document) if line.startswith("make ")}
    assert named <= GOALS


@pytest.mark.parametrize("document", names(DOCUMENTS))
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("document", names(DOCUMENTS))
def test_named_files_exist(document: str) -> None:
    """Paths in backquotes that begin with a folder of ours."""
    text = (ROOT / document).read_text()
    for name in re.findall(
        r"`((?:src|include|docs|tests|scripts|samples|bench|fuzz|catalogue|tools|cmake)/[^`<*\s]*)`",
        text,
    ):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("schema", names(SCHEMAS))
def test_schema_is_valid(schema: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads((ROOT / schema).read_text()))


def test_there_are_schemas() -> None:
    assert SCHEMAS


def codes_in_use() -> set[str]:
    """Codes of the readers and the scan, and of the catalogue."""
    tables = (ROOT / "src/format/codes.h", ROOT / "src/catalogue/findings.h")
    found = {code for path in tables for code in re.findall(r"= (\d{3})\b", path.read_text())}
    assert found
    return {f"BRN{code}" for code in found}


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "findings").glob("BRN*.md")}
    assert codes_in_use() == pages


@pytest.mark.parametrize(
    "page", sorted(path.stem for path in (ROOT / "docs" / "findings").glob("BRN*.md"))
)
def test_help_prints_the_page(page: str) -> None:
    done = brine("help", page)
    assert done.returncode == 0, done.stderr
    assert page in done.stdout
