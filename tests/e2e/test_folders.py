"""Walking: links, loops, pipes, what vanished, what is empty. The rest of a run always goes on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.program import BRINE, CLEAN, MALICIOUS, SUSPICIOUS, Brine, environment

Place = Callable[..., list[str]]


def verdicts(brine: Brine, *words: str) -> dict[str, str]:
    report = brine("scan", "--format", "json", *words).json()
    return {file["path"]: file["verdict"] for file in report["files"]}


def errors(brine: Brine, *words: str) -> dict[str, str]:
    report = brine("scan", "--format", "json", *words).json()
    return {error["path"]: error["message"] for error in report["errors"]}


def test_folders_are_walked_by_name(brine: Brine, work: Path) -> None:
    for path in ("b/x.pkl", "a/z.pkl", "a/b/y.pkl", "c.pkl"):
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_bytes(CLEAN)
    assert list(verdicts(brine, ".")) == ["./a/b/y.pkl", "./a/z.pkl", "./b/x.pkl", "./c.pkl"]
    # What was named first comes first; a slash at the end changes nothing else.
    assert list(verdicts(brine, "c.pkl", "a/")) == ["c.pkl", "a/b/y.pkl", "a/z.pkl"]


def test_a_hugging_face_cache_is_followed(brine: Brine, work: Path) -> None:
    blobs = work / "hub" / "blobs"
    snapshot = work / "hub" / "snapshots" / "abc"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    (blobs / "0123").write_bytes(MALICIOUS)
    (snapshot / "model.pkl").symlink_to("../../blobs/0123")
    seen = verdicts(brine, "hub")
    assert seen["hub/snapshots/abc/model.pkl"] == "malicious"
    assert seen["hub/blobs/0123"] == "malicious"


def test_links_out_of_the_folder_are_not_followed(brine: Brine, work: Path) -> None:
    (work / "outside.pkl").write_bytes(MALICIOUS)
    (work / "folder").mkdir()
    (work / "elsewhere").mkdir()
    (work / "elsewhere" / "x.pkl").write_bytes(MALICIOUS)
    (work / "folder" / "link.pkl").symlink_to("../outside.pkl")
    (work / "folder" / "tree").symlink_to("../elsewhere")
    assert verdicts(brine, "folder") == {
        "folder/link.pkl": "incomplete",
        "folder/tree": "incomplete",
    }
    assert "out of the folder" in errors(brine, "folder")["folder/link.pkl"]
    # A folder whose name only begins alike is outside as well.
    (work / "folder2").mkdir()
    (work / "folder2" / "y.pkl").write_bytes(CLEAN)
    (work / "folder" / "beside.pkl").symlink_to("../folder2/y.pkl")
    assert verdicts(brine, "folder")["folder/beside.pkl"] == "incomplete"


def test_a_link_that_is_named_is_followed(brine: Brine, work: Path) -> None:
    (work / "far").mkdir()
    (work / "far" / "evil.pkl").write_bytes(MALICIOUS)
    (work / "link.pkl").symlink_to("far/evil.pkl")
    (work / "tree").symlink_to("far")
    assert verdicts(brine, "link.pkl", "tree") == {
        "link.pkl": "malicious",
        "tree/evil.pkl": "malicious",
    }


def test_links_inside_to_folders_are_not_walked_twice(brine: Brine, work: Path) -> None:
    (work / "real").mkdir()
    (work / "real" / "m.pkl").write_bytes(CLEAN)
    (work / "again").symlink_to("real")
    assert verdicts(brine, ".") == {"./real/m.pkl": "clean"}
    assert brine("scan", ".").status == 0


def test_loops_are_told_and_the_rest_goes_on(brine: Brine, work: Path) -> None:
    (work / "a" / "b").mkdir(parents=True)
    (work / "a" / "b" / "up").symlink_to("..")
    (work / "a" / "self").symlink_to("self")
    (work / "a" / "z.pkl").write_bytes(MALICIOUS)
    seen = verdicts(brine, "a")
    assert seen["a/z.pkl"] == "malicious"
    assert seen["a/b/up"] == seen["a/self"] == "incomplete"
    assert "loop" in errors(brine, "a")["a/b/up"]
    assert "loop" in errors(brine, "a")["a/self"]
    assert brine("scan", "a").status == 1


def test_pipes_sockets_and_devices_are_never_opened(brine: Brine, work: Path) -> None:
    os.mkfifo(work / "pipe.pkl")
    (work / "ok.pkl").write_bytes(CLEAN)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(work / "sock"))
        told = errors(brine, ".", "pipe.pkl", "/dev/zero")
        assert told["./pipe.pkl"] == told["pipe.pkl"] == "not read: a named pipe (FIFO)"
        assert told["./sock"] == "not read: a socket"
        assert told["/dev/zero"] == "not read: a device"
        assert verdicts(brine, ".")["./ok.pkl"] == "clean"
        assert brine("scan", ".").status == 2


def test_what_vanished_is_told(brine: Brine, work: Path) -> None:
    (work / "gone.pt").symlink_to("nothing")
    (work / "ok.pkl").write_bytes(CLEAN)
    assert verdicts(brine, ".") == {"./gone.pt": "incomplete", "./ok.pkl": "clean"}
    run = brine("scan", ".")
    assert run.status == 2
    assert "brine: ./gone.pt: cannot read: a symbolic link to nothing" in run.err


def test_folders_in_folders_have_a_bound(brine: Brine, work: Path) -> None:
    deep = work / "d"
    for _ in range(12):
        deep = deep / "d"
    deep.mkdir(parents=True)
    (deep / "m.pkl").write_bytes(CLEAN)
    assert brine("scan", "d").status == 0
    told = errors(brine, "--limits", "path_depth=5", "d")
    assert list(told) == ["d/d/d/d/d/d"]
    assert "more than 5 folders deep" in told["d/d/d/d/d/d"]


def test_empty_files(brine: Brine, work: Path) -> None:
    (work / "empty.pkl").write_bytes(b"")
    (work / "empty.txt").write_bytes(b"")
    assert verdicts(brine, ".") == {"./empty.pkl": "incomplete", "./empty.txt": "unrecognized"}


@pytest.mark.parametrize("how", ["shrinks", "grows"])
def test_a_file_that_changes_while_it_is_read(
    how: str, work: Path, home: Path, place: Place
) -> None:
    names = place("malicious", "clean")
    with (work / "big.pt").open("wb") as file:
        file.write(CLEAN)
        file.truncate(3 << 30)
    # Hashing the holes takes a second or more.
    with subprocess.Popen(
        [BRINE, "scan", "--format", "json", "--hash", "--jobs", "1", "big.pt", *names],
        cwd=work,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(home),
    ) as process:
        time.sleep(0.3)
        if how == "shrinks":
            os.truncate(work / "big.pt", 5000)
        else:
            with (work / "big.pt").open("ab") as file:
                file.write(b"more")
        out, err = process.communicate(timeout=120)
    report = json.loads(out)
    assert process.returncode == 1
    assert [file["path"] for file in report["files"]] == ["big.pt", *names]
    assert report["files"][0]["verdict"] in ("incomplete", "suspicious")
    assert "BRN505" in [finding["code"] for finding in report["files"][0]["findings"]]
    assert report["files"][1]["verdict"] == "malicious"
    word = {"shrinks": "the file shrank", "grows": "the file changed"}[how]
    assert any(e["path"] == "big.pt" and word in e["message"] for e in report["errors"])
    assert word.encode() in err


def test_an_empty_folder(brine: Brine, work: Path) -> None:
    (work / "none").mkdir()
    run = brine("scan", "none")
    assert run.status == 0
    assert "0 files" in run.out


ORDERED = b"\x80\x02ccollections\nOrderedDict\n)R."


def test_a_module_beside_the_model_voids_facts(brine: Brine, work: Path) -> None:
    (work / "m.pkl").write_bytes(ORDERED)
    assert verdicts(brine, "m.pkl") == {"m.pkl": "clean"}
    (work / "collections.py").write_bytes(b"")
    assert verdicts(brine, "m.pkl") == {"m.pkl": "suspicious"}
    assert verdicts(brine, ".")["./m.pkl"] == "suspicious"
    assert verdicts(brine, str(work / "m.pkl"))[str(work / "m.pkl")] == "suspicious"


FOLDERS: dict[str, tuple[str, str]] = {
    "a module": ("collections/__init__.py", "suspicious"),
    "a module below, without __init__": ("collections/abc.py", "suspicious"),
    "a module far below": ("collections/a/b/c.cpython-311-x86_64-linux-gnu.so", "suspicious"),
    "data": ("collections/run/model.bin", "clean"),
    "no name of a module": ("collections/step-100/run.py", "clean"),
}


@pytest.mark.parametrize("what", FOLDERS)
def test_folders_of_data_take_no_modules_place(brine: Brine, work: Path, what: str) -> None:
    name, verdict = FOLDERS[what]
    (work / "model.pkl").write_bytes(ORDERED)
    (work / name).parent.mkdir(parents=True)
    (work / name).write_text("")
    assert verdicts(brine, "model.pkl")["model.pkl"] == verdict


def test_a_folder_that_is_a_link_may_have_code(brine: Brine, work: Path) -> None:
    (work / "elsewhere").mkdir()
    (work / "models").mkdir()
    (work / "models" / "model.pkl").write_bytes(ORDERED)
    (work / "models" / "collections").mkdir()
    (work / "models" / "collections" / "more").symlink_to(work / "elsewhere")
    assert verdicts(brine, "models/model.pkl")["models/model.pkl"] == "suspicious"


def test_modules_beside_do_not_matter_to_standard_input(brine: Brine, work: Path) -> None:
    (work / "collections.py").write_bytes(b"")
    run = brine("scan", "-", stdin=ORDERED)
    assert run.status == 0


def test_the_policy_comes_from_the_person_not_from_the_tree(
    brine: Brine, work: Path, home: Path
) -> None:
    (work / "m.pkl").write_bytes(SUSPICIOUS)
    policy = "[trust]\nnames = ['mypkg.models.*']\n"
    for name in ("policy.toml", "brine.toml", ".brine.toml"):
        (work / name).write_text(policy)
    (work / "brine").mkdir()
    (work / "brine" / "policy.toml").write_text(policy)
    assert brine("scan", "m.pkl").status == 1
    assert brine("scan", "--trust", "mypkg.models.*", "m.pkl").status == 0
    assert brine("scan", "--policy", "policy.toml", "m.pkl").status == 0
    settings = home / ".config" / "brine"
    settings.mkdir(parents=True)
    (settings / "policy.toml").write_text(policy)
    run = brine("scan", "m.pkl")
    assert run.status == 0
    assert "clean (trusted: mypkg.models.Net)" in run.out
    assert brine("scan", "m.pkl", XDG_CONFIG_HOME=str(work)).status == 0
    assert brine("scan", "m.pkl", XDG_CONFIG_HOME=str(work / "elsewhere")).status == 1
    # A relative folder would be the current directory's.
    (settings / "policy.toml").unlink()
    assert brine("scan", "m.pkl", XDG_CONFIG_HOME=".").status == 1
