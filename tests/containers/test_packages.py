"""torch.package: what the real importer runs is in our trace, and code is never clean."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.containers.recorder import CALLED, install  # noqa: E402
from tests.containers.wrappers import mark  # noqa: E402
from tests.e2e.program import BRINE, marks  # noqa: E402

from torch.package import PackageExporter, PackageImporter  # noqa: E402  isort: skip

NET = "import os, json as j\nfrom torch import nn\nclass Net(nn.Module):\n    pass\n"


def scan(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", path], capture_output=True, check=False
    )
    return dict(json.loads(done.stdout)["files"][0])


def codes(report: dict[str, Any]) -> set[str]:
    return {finding["code"] for finding in report["findings"]}


def by_hand(path: Path, records: dict[str, bytes | str], externs: str = "brine_mark\n") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/.data/extern_modules", externs)
        archive.writestr("a/.data/version", "6\n")
        for name, held in records.items():
            archive.writestr(f"a/{name}", held)


def load(path: Path, package: str, resource: str) -> list[str]:
    """What the real importer called; it may well raise afterwards."""
    install()
    CALLED.clear()
    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("ignore")
        PackageImporter(str(path)).load_pickle(package, resource)
    return list(CALLED)


def test_a_state_dict_without_code(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with PackageExporter(str(path)) as exporter:
            exporter.extern("**")
            exporter.save_pickle("models", "weights.pkl", {"w": torch.arange(4.0)})
            exporter.save_text("models", "README.txt", "Nothing to see.")
    report = scan(path)
    assert report["verdict"] == "clean", report["findings"]
    assert report["kind"].startswith("torch.package, 1 tensor")
    assert {view["loader"] for view in report["views"]} >= {"torch.package"}


def test_code_is_named_and_never_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brine_made.py").write_text(NET)
    monkeypatch.syspath_prepend(tmp_path)
    import brine_made  # type: ignore[import-not-found]

    path = tmp_path / "net.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with PackageExporter(str(path)) as exporter:
            exporter.intern("brine_made")
            exporter.extern("**")
            exporter.save_pickle("models", "net.pkl", brine_made.Net())
    report = scan(path)
    assert report["verdict"] == "suspicious"
    (finding,) = [f for f in report["findings"] if f["code"] == "BRN132"]
    texts = [row["text"] for row in finding["evidence"]]
    assert "imports json, os, torch" in texts
    assert "BRN501" not in codes(report)


def test_comments_are_no_code(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    by_hand(path, {"m/__init__.py": "\n# nothing\n  \n", "m/x.pkl": pickle.dumps([1], 2)})
    assert scan(path)["verdict"] == "clean"
    by_hand(path, {"m/__init__.py": "\n# nothing\r\nimport os", "m/x.pkl": pickle.dumps([1], 2)})
    assert scan(path)["verdict"] == "suspicious"


STREAMS = {
    "global": b"\x80\x02" + mark("w") + b".",
    "text": b"(dp0\ncbrine_mark\nmark\n(Vw\ntR0.",
    "broken behind": b"\x80\x02" + mark("w") + b"\xff",
    # Only Python's unpickler goes on here.
    "six": b"\x80\x06" + mark("w") + b".",
    "reduce_package": b"\x80\x02(X\x0e\0\0\0reduce_packageK\0cbrine_mark\nmark\nX\1\0\0\0w\x85tQ.",
    "reduce_package, older": b"\x80\x02(X\x0e\0\0\0reduce_packagecbrine_mark\nmark\n)tQ.",
}


@pytest.mark.parametrize("name", ["model.pkl", "model.bin", "blob", "data.txt", "code.py"])
@pytest.mark.parametrize("place", sorted(STREAMS))
def test_whatever_a_resource_is_called(tmp_path: Path, place: str, name: str) -> None:
    path = tmp_path / "a.pt"
    by_hand(path, {f"m/{name}": STREAMS[place]})
    called = load(path, "m", name)
    report = scan(path)
    assert report["verdict"] not in ("clean", "unrecognized")
    if called and not name.endswith(".py"):  # no exporter names a resource so
        traced = set(marks(path, "torch.package"))
        assert any(called[0] in args for args in traced) or (place[:6] == "reduce" and traced)


def test_a_resource_whose_storage_is_of_another_size(tmp_path: Path) -> None:
    storage = b"\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\x03tQ."
    path = tmp_path / "a.pt"
    by_hand(path, {"m/x.pkl": storage, ".data/0.storage": b"\0" * 12}, "torch\n")
    assert scan(path)["verdict"] == "clean"
    by_hand(path, {"m/x.pkl": storage, ".data/0.storage": b"\0" * 8}, "torch\n")
    assert "BRN411" in codes(scan(path))


def test_dotted_names_lead_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    stream = b"\x80\x04\x8c\x08datetime\x8c\x0ctimezone.utc\x93."
    by_hand(path, {"m/x.pkl": stream}, "datetime\n")
    with pytest.raises(AttributeError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        PackageImporter(str(path)).load_pickle("m", "x.pkl")
    (view,) = [view for view in scan(path)["views"] if view["loader"] == "torch.package"]
    assert view["end"] == "broken"


def test_a_package_is_a_torch_zip_too(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    out = io.BytesIO()
    torch.save({"w": torch.zeros(2)}, out)
    with zipfile.ZipFile(io.BytesIO(out.getvalue())) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            new.writestr(info.filename.replace("archive/", "a/"), old.read(info))
        new.writestr("a/.data/extern_modules", "brine_mark\n")
        new.writestr("a/m/x", STREAMS["global"])
    assert load(path, "m", "x") == ["w"]
    loaders = {view["loader"] for view in scan(path)["views"]}
    assert {"torch.load", "torch.package"} <= loaders
