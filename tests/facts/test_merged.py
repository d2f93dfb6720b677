"""skorch's nets: the state holds a pickle that __setstate__ loads and merges into the object.

The inner pickle is a view of its own, judged like any other; only a dict may come out of it, and
nothing else may hold the state, since the merge changes it.
"""

from __future__ import annotations

import pickle
import sys
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from pickleasm import code  # noqa: E402

from tests.e2e.program import verdict_of  # noqa: E402

text, octets = partial(code, "BINUNICODE"), partial(code, "BINBYTES")
name = partial(code, "GLOBAL")

NET = name("skorch.classifier", "NeuralNetClassifier") + b")\x81"
INNER = text("__cuda_dependent_attributes__")
DEVICE = text("device") + text("cpu")
HONEST = pickle.dumps({"module_": None, "optimizer_": [1.0]}, 4)
EVIL = b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R."


def net(inner: bytes, more: bytes = b"") -> bytes:
    """A net whose state holds this pickle, and more items."""
    return b"\x80\x02" + NET + b"}(" + DEVICE + INNER + octets(inner) + more + b"ub"


def test_honest(tmp_path: Path) -> None:
    assert verdict_of(tmp_path, net(HONEST) + b".") == "clean"


def test_large_inner_pickle_is_read_where_it_stands(tmp_path: Path) -> None:
    many = pickle.dumps({str(n): n for n in range(5000)}, 4)
    assert verdict_of(tmp_path, net(many) + b".") == "clean"
    assert verdict_of(tmp_path, net(many[:-1] + b"0" + EVIL[2:]) + b".") == "malicious"


def test_inner_call_is_seen(tmp_path: Path) -> None:
    assert verdict_of(tmp_path, net(EVIL) + b".") == "malicious"


def test_inner_call_is_seen_though_the_state_is_wrong(tmp_path: Path) -> None:
    assert verdict_of(tmp_path, net(EVIL, text("__class__") + b"N") + b".") == "malicious"


@pytest.mark.parametrize(
    "stream",
    {
        "no dict": net(pickle.dumps([1, 2], 4)) + b".",
        "no pickle": net(b"PK\x03\x04" + b"\0" * 40) + b".",
        "an object with keys": net(
            b"\x80\x02" + name("collections", "OrderedDict") + b")R}" + text("keys") + b"Nsb."
        )
        + b".",
        "a broken inner pickle": net(HONEST[:-3]) + b".",
        "a device that is none": net(HONEST, text("device") + b"]") + b".",
        "arguments for torch.load": net(
            HONEST, text("torch_load_kwargs") + b"}" + text("pickle_module") + b"Ns"
        )
        + b".",
        "a state that the memo holds": b"\x80\x02"
        + NET
        + b"}q\x01(h\x01u"
        + b"("
        + DEVICE
        + INNER
        + octets(HONEST)
        + b"ub.",
        "a state that is held twice": b"\x80\x02]}q\x01("
        + DEVICE
        + INNER
        + octets(HONEST)
        + b"ua"
        + NET
        + b"h\x01b\x86.",
        "a state that comes back": b"\x80\x02"
        + NET
        + b"}q\x01("
        + DEVICE
        + INNER
        + octets(HONEST)
        + b"ub"
        + name("torch.nn.modules.linear", "Identity")
        + b")\x81h\x01b\x86.",
    }.items(),
    ids=lambda item: item[0],
)
def test_not_clean(stream: tuple[str, bytes], tmp_path: Path) -> None:
    assert verdict_of(tmp_path, stream[1]) != "clean"


def test_a_state_that_comes_back_is_not_what_it_was(tmp_path: Path) -> None:
    """Two objects of one dict: the first one's class may have changed it."""
    module = name("argparse", "Namespace") + b")\x81"
    once = b"\x80\x02" + module + b"}q\x01" + text("a") + b"K\x01sb"
    assert verdict_of(tmp_path, once + b".") == "clean"
    again = once + module + b"h\x01b\x86."
    assert verdict_of(tmp_path, again) == "suspicious"
