"""torch's tars: what the real torch.load does with them stands in our trace, and honest ones pass.

The unmodified torch.load runs in a confined child under an audit hook that notes and refuses what
an attack would do (tests/truth/loaders.py); only unpacking small files is allowed here, which torch
does in a folder of its own.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.tar import tarforge, torchtar  # noqa: E402

BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()
ORACLE = """
import resource, sys
sys.path.insert(0, {root!r})
from tests.truth import loaders
confine = loaders.confine
def small_files():
    limit, most = loaders.resource.setrlimit, 1 << 20
    def setrlimit(kind, value):
        limit(kind, (most, most) if kind == resource.RLIMIT_FSIZE else value)
    loaders.resource.setrlimit = setrlimit
    confine()
loaders.confine = small_files
own = ("os.mkdir", "os.remove", "shutil.")
loaders.NOTED = tuple(name for name in loaders.NOTED if name not in own)
loaders.REFUSED = tuple(name for name in loaders.REFUSED if name not in own)
sys.exit(loaders.main())
"""


def scan(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", path], capture_output=True, check=False, timeout=60
    )
    document = json.loads(done.stdout)
    return dict(document["files"][0] if "files" in document else document)


def codes(report: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in report["findings"]}


def oracle(loader: str, paths: list[Path], folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", ORACLE.format(root=str(ROOT)), loader, *map(str, paths)],
        capture_output=True,
        check=False,
        timeout=300,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(paths), done.stderr.decode()[-2000:]
    return answers


def trace_of(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [BRINE, "inspect", "--format", "json", path], capture_output=True, check=False, timeout=60
    )
    return dict(json.loads(done.stdout))


def test_what_torch_did_is_in_the_trace(tmp_path: Path) -> None:
    paths = []
    for name, data in {**torchtar.attacks(), "polyglot": torchtar.polyglot()}.items():
        paths.append(tmp_path / f"{name}.bin")
        paths[-1].write_bytes(data)
    failures = []
    for seen in oracle("torch.load", paths, tmp_path):
        path = Path(seen["path"])
        trace = trace_of(path)
        ran = [event for event in seen["events"] if event[0] == "os.system"]
        if not ran:
            failures.append(f"{path.name}: torch.load did not run it: {seen['end']}")
        names = {
            (e["module"], e["name"])
            for view in trace["views"]
            for e in view["events"]
            if e["kind"] in ("import", "getattr")
        }
        for kind, *arguments in seen["events"]:
            if kind == "pickle.find_class" and tuple(arguments) not in names:
                failures.append(f"{path.name}: import {arguments}")
        report = scan(path)
        if report["verdict"] != "malicious":
            failures.append(f"{path.name}: {report['verdict']} {sorted(codes(report))}")
    assert not failures, "\n".join(failures)


def test_the_restricted_loader_refuses_tars(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(torchtar.attacks()["object"])
    (seen,) = oracle("torch.load(weights_only)", [path], tmp_path)
    assert not [event for event in seen["events"] if event[0] == "os.system"]
    loaders = {view["loader"] for view in scan(path)["views"]}
    assert "torch.load(weights_only)" not in loaders


def test_an_honest_checkpoint_is_clean(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(tarforge.archive(*torchtar.checkpoint()))
    (seen,) = oracle("torch.load", [path], tmp_path)
    assert seen["end"] == "stop"
    report = scan(path)
    assert report["verdict"] == "clean", report


def test_a_safetensors_file_that_is_a_tar_is_both(tmp_path: Path) -> None:
    for name in ("model.bin", "model.safetensors"):
        path = tmp_path / name
        path.write_bytes(torchtar.polyglot())
        report = scan(path)
        assert report["verdict"] == "malicious"
        assert {"BRN403", "BRN201"} <= codes(report)
        assert {"safetensors", "torch.load"} <= {view["loader"] for view in report["views"]}


def packed(kind: int, files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=kind) as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", ["model.tar", "model.nemo", "model.bin"])
def test_an_honest_tar_has_the_verdict_of_what_is_inside(
    kind: int, name: str, tmp_path: Path
) -> None:
    harmless = pickle.dumps({"weights": [1.0, 2.0]}, 4)
    deep = "deep/" * 22 + "weights.ckpt"
    for inner, verdict in ((harmless, "clean"), (torchtar.POP + harmless, "malicious")):
        path = tmp_path / name
        path.write_bytes(packed(kind, {"model_config.yaml": b"target: x\n", deep: inner}))
        assert scan(path)["verdict"] == verdict


def test_global_headers_belong_to_the_archive(tmp_path: Path) -> None:
    path = tmp_path / "model.tar"
    head = tarforge.pax(tarforge.record(b"comment", b"0" * 40), type=b"g")
    path.write_bytes(tarforge.archive(head, tarforge.Header(b"a.pkl", data=pickle.dumps([1], 4))))
    assert scan(path)["verdict"] == "clean"


def test_what_stands_behind_the_end_is_looked_at(tmp_path: Path) -> None:
    honest = tarforge.Header(b"a.pkl", data=pickle.dumps([1], 4))
    attack = tarforge.Header(b"b.pkl", data=torchtar.POP + pickle.dumps([1], 4))
    for gap in (b"\0" * 1024, b"junk" * 128, b"\0" * 512 + b"x" * 512):
        path = tmp_path / "model.tar"
        path.write_bytes(tarforge.archive(honest, gap, attack))
        report = scan(path)
        assert report["verdict"] == "malicious"
        assert "BRN404" in codes(report)


def test_a_damaged_first_header_hides_nothing(tmp_path: Path) -> None:
    path = tmp_path / "model.tar"
    first = tarforge.Header(b"a.txt", data=b"text", checksum="wrong")
    attack = tarforge.Header(b"b.pkl", data=torchtar.POP + pickle.dumps([1], 4))
    path.write_bytes(tarforge.archive(first, attack))
    assert scan(path)["verdict"] == "malicious"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (tarforge.Header(b"../../up.pkl", data=b"\x80\x04N."), "BRN415"),
        (tarforge.Header(b"/etc/model.pkl", data=b"\x80\x04N."), "BRN415"),
        (tarforge.Header(b"C:\\model.pkl", data=b"\x80\x04N."), "BRN415"),
        (tarforge.Header(b"link", b"2", fields={"link": b"/etc/passwd"}), "BRN416"),
        (tarforge.Header(b"a/link", b"2", fields={"link": b"../../up"}), "BRN416"),
        (tarforge.Header(b"link", b"1", fields={"link": b"../up"}), "BRN416"),
        (tarforge.Header(b"null", b"3"), "BRN416"),
        (tarforge.Header(b"run", data=b"x", fields={"mode": b"0004755\0"}), "BRN416"),
    ],
)
def test_names_and_links_that_lead_out(header: tarforge.Header, code: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tar"
    path.write_bytes(tarforge.archive(tarforge.Header(b"a.txt", data=b"text"), header))
    report = scan(path)
    assert report["verdict"] == "suspicious"
    assert code in codes(report)


def test_links_inside_are_no_finding(tmp_path: Path) -> None:
    path = tmp_path / "model.tar"
    link = tarforge.Header(b"a/link", b"2", fields={"link": b"../b.txt"})
    path.write_bytes(tarforge.archive(tarforge.Header(b"b.txt", data=b"text"), link))
    assert scan(path)["verdict"] == "clean"
