"""Calls that import: by name, beside a package, and what a fromlist adds.

`__import__(name, globals, locals, fromlist, level)` imports what its other arguments name, too
(CPython 3.11, importlib/_bootstrap.py); only a call with the name alone can be told.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.contracts.make import call, dict_of, integer, list_of, octets, reference, text, tuple_of
from tests.e2e.program import BRINE, verdict_of

PACKAGE = dict_of(text("__package__"), text("beside.inner"))
OTHERS = {
    "a level": ((text("a"), PACKAGE, b"N", tuple_of(), integer(1)), "beside.inner.a"),
    "two levels": ((text("a"), PACKAGE, b"N", tuple_of(), integer(2)), "beside.a"),
    "a level and no name": ((text(""), PACKAGE, b"N", tuple_of(), integer(1)), "beside.inner"),
    "a fromlist": ((text("numpy"), b"N", b"N", list_of(text("f2py.x"))), "numpy.f2py.x"),
}


def imports(path: Path) -> set[str]:
    done = subprocess.run(
        [BRINE, "inspect", "--format", "json", path], capture_output=True, check=True
    )
    views = json.loads(done.stdout)["views"]
    return {row["module"] for view in views for row in view["events"] if row["kind"] == "import"}


@pytest.mark.parametrize("module", ["builtins", "importlib"])
@pytest.mark.parametrize("what", OTHERS)
def test_other_arguments(what: str, module: str, tmp_path: Path) -> None:
    args, imported = OTHERS[what]
    stream = b"\x80\x04" + call(f"{module}:__import__", *args) + b"."
    assert verdict_of(tmp_path, stream) == "suspicious"
    assert imported in imports(tmp_path / "model.pkl")


def test_a_relative_name(tmp_path: Path) -> None:
    stream = b"\x80\x04" + call("importlib:import_module", text(".a"), text("beside")) + b"."
    assert verdict_of(tmp_path, stream) == "suspicious"
    assert "beside.a" in imports(tmp_path / "model.pkl")


@pytest.mark.parametrize("name", ["builtins:__import__", "importlib:import_module"])
def test_the_name_alone(name: str, tmp_path: Path) -> None:
    assert verdict_of(tmp_path, b"\x80\x04" + call(name, text("numpy")) + b".") == "clean"


SCIPY = call("importlib:import_module", text("scipy.stats"))
DEFAULTS = {
    "a default": call("builtins:getattr", SCIPY, text("norm"), reference("builtins:print")),
    "a second unpickler": call(
        "torch:load",
        call("io:BytesIO", octets(b"N.")),
        b"N",
        call("importlib:import_module", text("dill")),
    ),
    "bytes and more": call("pickle:loads", octets(b"N."), b"N"),
}


@pytest.mark.parametrize("what", DEFAULTS)
def test_what_more_arguments_decide(what: str, tmp_path: Path) -> None:
    """A default comes out where a library has no such name; the name's facts say nothing of it."""
    assert verdict_of(tmp_path, b"\x80\x04" + DEFAULTS[what] + b".") == "suspicious"
