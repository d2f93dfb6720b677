"""Models of Stable-Baselines: what its loader unpickles out of their JSON is in our trace.

The loader is spelled out here, since the library is not among those of the tests: json_to_data of
stable_baselines3/common/save_util.py, which is json, base64 and pickle.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import pickle
import random
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.containers.recorder import CALLED, install  # noqa: E402
from tests.containers.wrappers import Marked  # noqa: E402
from tests.e2e.program import marks, verdict, verdict_of  # noqa: E402

TYPE, SERIALIZED = ":type:", ":serialized:"
LOADER = "stable_baselines3"


def called(word: str) -> str:
    """As the trace writes the arguments."""
    return repr((word,))


def text(value: object, protocol: int = 4) -> str:
    return base64.b64encode(pickle.dumps(value, protocol)).decode()


def item(value: object, protocol: int = 4) -> dict[str, str]:
    return {TYPE: str(type(value)), SERIALIZED: text(value, protocol)}


def honest() -> dict[str, Any]:
    return {
        "verbose": 0,
        "policy_kwargs": {"net_arch": [8]},
        "_last_obs": item(torch.ones(3).numpy()),
        "action_noise": None,
        "ep_info_buffer": item([1.5, None]),
    }


def archive(path: Path, data: str, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        file.writestr("data", data)
        for name in ("policy.pth", "policy.optimizer.pth", "pytorch_variables.pth"):
            weights = io.BytesIO()
            torch.save({"w": torch.ones(2)}, weights)
            file.writestr(name, weights.getvalue())
        file.writestr("_stable_baselines3_version", "2.7.0")
        file.writestr("system_info.txt", "- OS: Linux")
    return path


def load(path: Path) -> list[str]:
    """The marks of what the library's loader runs."""
    install()
    CALLED.clear()
    with contextlib.suppress(ValueError), zipfile.ZipFile(path) as file:
        values = json.loads(file.read("data").decode())
        for value in values.values():
            if isinstance(value, dict) and SERIALIZED in value:
                with contextlib.suppress(RuntimeError, TypeError, AttributeError):
                    pickle.loads(base64.b64decode(value[SERIALIZED].encode()))
    return list(CALLED)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_honest_model(tmp_path: Path, compression: int) -> None:
    path = archive(tmp_path / "ppo.zip", json.dumps(honest(), indent=4), compression)
    assert verdict(path) == "clean"
    assert load(path) == []


def escaped(letters: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in letters)


def spellings(payload: str) -> dict[str, str]:
    plain = json.dumps(honest() | {"policy_class": {SERIALIZED: payload}})
    key = f'"{SERIALIZED}"'
    return {
        "as it is written": plain,
        "the key in escapes": plain.replace(key, f'"{escaped(SERIALIZED)}"'),
        "the text in escapes": plain.replace(payload, escaped(payload)),
        "other letters between": plain.replace(payload, "! ".join(payload)),
        "the last of two": plain.replace(
            f'{key}: "{payload}"', f'{key}: "{text(1)}", {key}: "{payload}"'
        ),
        "a long front": plain.replace("{", "{" + " " * 9000, 1),
        "space before it": " \n\t" * 3000 + plain,
        "an item that fails first": json.dumps({"a": {SERIALIZED: 5}})[:-1] + ", " + plain[1:],
        "what follows the padding": plain.replace(payload, payload + "=" * 4 + "AAAA"),
    }


NAMES = list(spellings("QUJD"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_payload(tmp_path: Path, name: str, compression: int) -> None:
    path = archive(tmp_path / "ppo.zip", spellings(text(Marked("here")))[name], compression)
    assert load(path) == ["here"]
    assert marks(path, LOADER) == [called("here")]
    assert verdict(path) != "clean"


def test_the_data_by_itself(tmp_path: Path) -> None:
    data = json.dumps({"a": {SERIALIZED: text(Marked("here"))}}).encode()
    assert verdict_of(tmp_path, data, "data") != "clean"


def test_a_broken_text_behind_a_payload(tmp_path: Path) -> None:
    whole = base64.b64encode(pickle.dumps(Marked("here"))[:-1] + b"\xff\xff\xff").decode()
    path = archive(tmp_path / "ppo.zip", json.dumps({"a": {SERIALIZED: whole}}))
    assert marks(path, LOADER) == [called("here")]
    assert verdict(path) != "clean"


def test_random_models(tmp_path: Path) -> None:
    dice = random.Random(11)
    for round_ in range(40):
        wanted, items = [], dict(honest())
        for number in range(dice.randrange(4)):
            mark = f"m{round_}_{number}"
            items[f"k{number}"] = item(Marked(mark), dice.randrange(6))
            wanted.append(mark)
        path = archive(tmp_path / "model.zip", json.dumps(items, indent=dice.choice([None, 1, 4])))
        assert load(path) == wanted
        assert sorted(marks(path, LOADER)) == sorted(map(called, wanted))
        assert (verdict(path) == "clean") == (not wanted)
