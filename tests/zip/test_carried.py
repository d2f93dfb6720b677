"""Zips in the bytes of a pickle: no second format, and looked at all the same."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.e2e.program import torch_zip, verdict_of
from tests.facts.values import Name, New, stream

EVIL = b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R."
NET = Name("skorch.net", "NeuralNet")


def saved(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def net(inside: bytes) -> bytes:
    """A net of skorch's, whose tensors lie in its state as torch.save wrote them."""
    return stream(New(NET, (), {"device": "cpu", "__cuda_dependent_attributes__": inside}))


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_plain_bytes(protocol: int, tmp_path: Path) -> None:
    held = pickle.dumps({"weights": saved({"a": torch.ones(3)}), "n": 1}, protocol)
    assert verdict_of(tmp_path, held) == "clean"


@pytest.mark.parametrize("behind", [100, 65_400, 65_600, 67_000, 69_500, 69_700])
def test_far_from_the_end(behind: int, tmp_path: Path) -> None:
    # zipfile and miniz stop looking for the directory at different places.
    weights = saved({"a": torch.ones(3)})
    held = pickle.dumps({"weights": weights, "more": b"x" * behind}, 4)
    assert verdict_of(tmp_path, held) == "clean"
    held = pickle.dumps({"weights": torch_zip(EVIL), "more": b"x" * behind}, 4)
    assert verdict_of(tmp_path, held) == ("malicious" if behind < 69_584 else "clean")


def test_what_runs_in_it_is_found(tmp_path: Path) -> None:
    held = pickle.dumps({"weights": torch_zip(EVIL)}, 4)
    assert verdict_of(tmp_path, held) == "malicious"


def test_behind_the_pickle_it_is_a_second_format(tmp_path: Path) -> None:
    held = pickle.dumps({"n": 1}, 4) + saved({"a": torch.ones(3)})
    assert verdict_of(tmp_path, held) == "suspicious"


def test_behind_a_stop_it_is_one_too(tmp_path: Path) -> None:
    inside = saved({"a": torch.ones(3)})
    held = b"\x80\x04N.B" + len(inside).to_bytes(4, "little") + inside + b"."
    assert verdict_of(tmp_path, held) == "suspicious"


def test_not_from_its_constant_s_first_byte(tmp_path: Path) -> None:
    held = pickle.dumps({"weights": b"x" + saved({"a": torch.ones(3)})}, 4)
    assert verdict_of(tmp_path, held) == "suspicious"


def test_a_net_and_its_tensors(tmp_path: Path) -> None:
    assert verdict_of(tmp_path, net(saved({"module_": torch.ones(2)}))) == "clean"
    assert verdict_of(tmp_path, net(torch_zip(EVIL))) == "malicious"
    # What is no dict answers with methods of its own when the state is merged with it.
    other = torch_zip(stream(New(Name("argparse", "Namespace"), (), {"keys": 1})))
    assert verdict_of(tmp_path, net(other)) == "suspicious"
