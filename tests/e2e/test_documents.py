"""Output for machines: valid, harmless, and as the published schemas say."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.e2e.program import CLEAN, MALICIOUS, NAMES, ROOT, Brine

Place = Callable[..., list[str]]


def schema(name: str) -> Any:
    loaded = json.loads((ROOT / "docs" / name).read_text())
    jsonschema.Draft202012Validator.check_schema(loaded)
    return jsonschema.Draft202012Validator(loaded)


def closed(loaded: Any) -> Any:
    """The schema without room for keys that it does not name: what this version prints."""
    if isinstance(loaded, dict):
        out = {key: closed(value) for key, value in loaded.items()}
        if "properties" in out and out.get("type") == "object":
            out.setdefault("additionalProperties", False)
        return out
    return [closed(value) for value in loaded] if isinstance(loaded, list) else loaded


def samples() -> list[Path]:
    return [path for path in sorted((ROOT / "samples").rglob("*")) if path.is_file()]


def test_the_report_is_as_its_schema_says(brine: Brine, place: Place) -> None:
    run = brine("scan", "--format", "json", "--hash", *place(*NAMES), "missing", *samples())
    report = run.json()
    schema("report.schema.json").validate(report)
    strict = closed(schema("report.schema.json").schema)
    jsonschema.Draft202012Validator(strict).validate(report)
    assert report["schema"] == "brine.report/1"
    counted = sum(
        report["summary"][word]
        for word in ("clean", "unrecognized", "incomplete", "suspicious", "malicious")
    )
    assert counted == report["summary"]["files"] == len(report["files"])


def test_the_trace_is_as_its_schema_says(brine: Brine, place: Place) -> None:
    names = place(*NAMES)
    for world in ("catalogue", "opaque", "blind"):
        run = brine("inspect", "--format", "json", "--world", world, *names, *samples(), "missing")
        assert run.status == 2
        validator = schema("trace.schema.json")
        documents = run.lines()
        assert [d["path"] for d in documents][: len(names)] == names
        for document in documents:
            validator.validate(document)
            jsonschema.Draft202012Validator(closed(validator.schema)).validate(document)
        assert documents[-1]["error"] == "cannot read: no such file"


def test_the_payload_stands_in_report_and_trace(brine: Brine, place: Place) -> None:
    names = place("malicious")
    finding = brine("scan", "--format", "json", *names).json()["files"][0]["findings"][0]
    assert finding["severity"] == "critical"
    assert finding["callable"] == "posix.system"
    assert finding["opcode"] == "REDUCE"
    assert finding["member"] == []
    assert finding["offset"] == finding["file_offset"] == MALICIOUS.index(b"R")
    assert "process" in finding["capabilities"]
    assert any(e["text"] == "true" for e in finding["evidence"])

    views = brine("inspect", "--format", "json", *names).lines()[0]["views"]
    view = next(v for v in views if v["loader"] == "pickle.load")
    assert [e["kind"] for e in view["events"]] == ["import", "call"]
    assert (view["events"][0]["module"], view["events"][0]["name"]) == ("posix", "system")
    assert view["events"][1]["callable"] == "posix.system"
    assert view["events"][1]["nargs"] == 1
    assert "'true'" in view["events"][1]["args"]
    assert view["end"] == "stop"
    assert view["end_offset"] == len(MALICIOUS)


def test_only_json_stands_on_standard_output(brine: Brine, place: Place) -> None:
    run = brine("scan", "--format", "json", "--color", "always", *place(*NAMES), "missing")
    run.json()
    assert "\x1b" not in run.out


def test_hash_is_the_files_sha256(brine: Brine, place: Place) -> None:
    names = place("clean", "malicious")
    plain = brine("scan", "--format", "json", *names).json()
    assert [file["sha256"] for file in plain["files"]] == [None, None]
    hashed = brine("scan", "--format", "json", "--hash", *names).json()
    assert [file["sha256"] for file in hashed["files"]] == [
        hashlib.sha256(content).hexdigest() for content in (CLEAN, MALICIOUS)
    ]


def test_standard_input_has_no_size(brine: Brine) -> None:
    file = brine("scan", "--format", "json", "-", stdin=MALICIOUS).json()["files"][0]
    assert (file["path"], file["size"], file["verdict"]) == ("-", None, "malicious")


def test_large_standard_input_is_spooled(brine: Brine) -> None:
    # More than is kept in memory, and the payload at the very end.
    text = b"X" + (70 << 20).to_bytes(4, "little") + b"a" * (70 << 20) + b"0"
    stream = b"\x80\x02" + text + MALICIOUS[2:]
    file = brine("scan", "--format", "json", "-", stdin=stream).json()["files"][0]
    assert file["verdict"] == "malicious"
    assert file["findings"][0]["offset"] == len(stream) - 2


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"two\nlines.pkl", "two\nlines.pkl"),
        (b"re\xe2\x80\xaeversed.pkl", "re\u202eversed.pkl"),
        (b"esc\x1b[31m.pkl", "esc\x1b[31m.pkl"),
        (b"latin\xe9.pkl", "latin\\xe9.pkl"),
        ("m\u00fcller.pkl".encode(), "m\u00fcller.pkl"),
    ],
)
def test_hostile_names(name: bytes, shown: str, brine: Brine, work: Path) -> None:
    (Path(os.fsdecode(os.fsencode(work) + b"/" + name))).write_bytes(MALICIOUS)
    run = brine("scan", "--format", "json", ".")
    assert run.json()["files"][0]["path"] == "./" + shown
    assert all(ord(c) >= 32 or c == "\n" for c in run.out)
    assert "\u202e" not in run.out
    text = brine("scan", ".").out
    assert all(ord(c) >= 32 or c == "\n" for c in text)
    assert "\u202e" not in text
    assert len([line for line in text.splitlines() if "MALICIOUS" in line]) == 2  # and the summary


def test_long_evidence_is_cut_and_says_so(brine: Brine, work: Path) -> None:
    command = b"echo " + b"a" * 9000
    length = len(command).to_bytes(4, "little")
    (work / "long.pkl").write_bytes(b"\x80\x02cposix\nsystem\nX" + length + command + b"\x85R.")
    finding = brine("scan", "--format", "json", "long.pkl").json()["files"][0]["findings"][0]
    for evidence in finding["evidence"]:
        assert len(evidence["text"]) < 4096 + 60
    assert any("more bytes" in e["text"] or "bytes" in e["text"] for e in finding["evidence"])
    short = brine("scan", "--format", "json", "--limits", "evidence_bytes=64", "long.pkl").json()
    for evidence in short["files"][0]["findings"][0]["evidence"]:
        assert len(evidence["text"]) < 64 + 60


def test_order_is_stable_whatever_the_jobs(brine: Brine, work: Path) -> None:
    for i in range(60):
        (work / f"{i % 7}").mkdir(exist_ok=True)
        (work / f"{i % 7}" / f"m{i}.pkl").write_bytes(CLEAN if i % 3 else MALICIOUS)
    one = brine("scan", "--format", "json", "--jobs", "1", ".").json()["files"]
    many = brine("scan", "--format", "json", "--jobs", "7", ".").json()["files"]
    assert one == many
    paths = [file["path"] for file in one]
    assert paths == sorted(paths)
    assert len(paths) == 60


def test_traces_of_many_files_keep_their_order(brine: Brine, work: Path) -> None:
    names = [f"m{i:03}.pkl" for i in range(100)]
    for name in names:
        (work / name).write_bytes(MALICIOUS)
    documents = brine("inspect", "--format", "json", "--jobs", "3", *names).lines()
    assert [document["path"] for document in documents] == names
