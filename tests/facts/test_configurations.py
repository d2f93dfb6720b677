"""What checkpoints hold beside weights: settings, versions, scalers, layers made anew.

Each honest value stands beside the nearest abuse: an object where a text is taken apart, a class of
unknown code where the library would ask the value for its items.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.facts.test_both_sides import check_sides, verdicts
from tests.facts.values import Call, Name, New, Opcodes, numbers, text

# A class with reviewed facts, whose instances are still nobody's business.
ACTION = New(Name("argparse", "Action"), (), {"n": 1})
EASY = Name("easydict", "EasyDict")
CONFIG = Name("ml_collections.config_dict.config_dict", "ConfigDict")
FROZEN = Name("flax.core.frozen_dict", "FrozenDict")
VERSION = Name("packaging.version", "Version")
SPECIFIER = Name("packaging.specifiers", "Specifier")
SPECIFIERS = Name("packaging.specifiers", "SpecifierSet")
PARTIAL = Name("types", "PartialType")
WRAPPED = Name("torchmetrics.wrappers.minmax", "MinMaxMetric")


def easy(*pairs: tuple[Any, Any]) -> New:
    return New(EASY, (), {"a": 1}, pairs=[("a", 1), *pairs])


def config(**fields: Any) -> New:
    return New(CONFIG, (), {"_fields": fields, "_locked": True, "_type_safe": True})


def version(named: Any) -> New:
    return New(VERSION, (), {"_version": named, "_key": (0, (2, 1))})


def release(*parts: Any) -> New:
    return New(Name("packaging.version", "_Version"), (0, (2, 1), *parts))


def specifier(sign: Any = ">=", of: Any = "2.0", **more: Any) -> New:
    return New(SPECIFIER, (), {"_spec": (sign, of), "_prereleases": None, **more})


def specifiers(*items: Any) -> New:
    return New(SPECIFIERS, (), {"_specs": frozenset(items), "_prereleases": None})


def frozen(*items: Any) -> Call:
    """A frozenset as the older protocols make it."""
    return Call(Name("builtins", "frozenset"), (list(items),))


def rearrange(pattern: Any, name: str = "Rearrange", **more: Any) -> New:
    known = {"pattern": pattern, "axes_lengths": {"p": 2}}
    return New(Name("einops.layers.torch", name), (), {**known, **more})


def scaler(factory: Any, module: str = "torch.cuda.amp.grad_scaler") -> New:
    states = Call(Name("collections", "defaultdict"), (factory,))
    cls = Name(module, "GradScaler")
    return New(cls, (), {"_enabled": True, "_per_optimizer_states": states})


def layer(module: str, name: str, **state: Any) -> New:
    return New(Name(module, name), (), {"_parameters": {}, "_buffers": {}, "_modules": {}, **state})


def optimizer(module: str, name: str, **state: Any) -> New:
    known = {"defaults": {"lr": 0.1}, "state": {}, "param_groups": [{"lr": 0.1, "params": []}]}
    return New(Name(module, name), (), {**known, **state})


Sides = tuple[Callable[[], Any], list[Callable[[], Any]]]
SIDES: dict[str, Sides] = {
    "easydict: nested settings": (
        lambda: easy(("b", easy()), ("c", [easy(), {"d": 1}]), ("e", (1, 2)), ("f", numbers())),
        [
            lambda: easy(("__class__", EASY)),
            lambda: easy(("b", ACTION)),
            lambda: easy(("b", [ACTION])),
            lambda: easy((1, 2)),
            lambda: easy(("b", New(Name("collections", "OrderedDict"), ()))),
        ],
    ),
    "ml_collections: nested settings": (
        lambda: config(a=1, b=config(c="text"), d={"e": 2}, f=(1, 2)),
        [
            lambda: config(a=ACTION),
            lambda: config(a=[ACTION]),
            lambda: config(a=New(CONFIG)),
            lambda: New(CONFIG, (), {"_fields": ACTION, "_locked": True, "_type_safe": True}),
            lambda: New(CONFIG, (), {"_fields": {}, "_locked": ACTION, "_type_safe": True}),
        ],
    ),
    "flax: frozen parameters": (
        lambda: Call(FROZEN, ({"params": {"Dense_0": {"bias": numbers()}}},)),
        [
            lambda: Call(FROZEN, (ACTION,)),
            lambda: Call(FROZEN, ({"params": {"Dense_0": ACTION}},)),
            lambda: Call(FROZEN, ({"a": New(Name("collections", "OrderedDict"), ())},)),
            lambda: Call(FROZEN, ()),
        ],
    ),
    "packaging: a version of before 26": (
        lambda: version(release(None, None, None, None)),
        [
            lambda: version(ACTION),
            lambda: version({"epoch": 0}),
            lambda: New(VERSION, (), {"_version": release(), "__class__": VERSION}),
        ],
    ),
    "packaging: specifiers": (
        lambda: specifiers(specifier(), specifier("<", "3")),
        [
            lambda: specifiers(ACTION),
            lambda: specifier(of=ACTION),
            lambda: specifier(of="1" * 257),
            lambda: specifier(sign=1),
            lambda: New(SPECIFIERS, (), {"_specs": ACTION, "_prereleases": None}),
            lambda: New(SPECIFIERS, (), {"_specs": frozen(specifier(), ACTION)}),
        ],
    ),
    "attrs: a factory of a field": (
        lambda: New(Name("attr._make", "Factory"), (), (Name("builtins", "list"), False)),
        [
            lambda: New(Name("attr._make", "Factory"), (), {"factory": 1}),
            lambda: Call(Name("attr._make", "Factory"), (Name("builtins", "list"),)),
        ],
    ),
    "einops: a rearrangement": (
        lambda: rearrange("b (h p) w -> b h w p", _parameters={}, training=True),
        [
            lambda: rearrange(ACTION),
            lambda: rearrange("a" * 257),
            lambda: rearrange("b c -> c b", axes_lengths={"p": ACTION}),
            lambda: rearrange("b c -> c b", axes_lengths=ACTION),
            lambda: rearrange("b c -> c", register_buffer=ACTION),
        ],
    ),
    "einops: a reduction": (
        lambda: rearrange("b c h w -> b c", "Reduce", reduction="mean"),
        [
            lambda: rearrange("b c -> c", "Reduce", reduction=Name("builtins", "print")),
            lambda: rearrange("b c -> c", "Reduce", reduction=ACTION),
        ],
    ),
    "torch: a scaler of gradients": (
        lambda: scaler(Name("torch.cuda.amp.grad_scaler", "_refresh_per_optimizer_state")),
        [
            lambda: scaler(Name("builtins", "print")),
            lambda: Call(Name("torch.amp.grad_scaler", "GradScaler"), ("cuda",)),
        ],
    ),
    "torchmetrics: a metric around another": (
        lambda: layer("torchmetrics.wrappers.minmax", "MinMaxMetric", min_val=1),
        [
            lambda: layer("torchmetrics.wrappers.minmax", "MinMaxMetric", update=ACTION),
            lambda: layer("torchmetrics.wrappers.minmax", "MinMaxMetric", _wrap_compute=ACTION),
            lambda: layer("torchmetrics.metric", "CompositionalMetric", compute=ACTION),
            lambda: layer("torchmetrics.wrappers.multioutput", "MultioutputWrapper", update=ACTION),
            lambda: layer("torchmetrics.wrappers.multitask", "MultitaskWrapper", compute=ACTION),
        ],
    ),
    "timm: a convolution": (
        lambda: layer("timm.layers.conv2d_same", "Conv2dSame", padding_mode="zeros"),
        [lambda: layer("timm.layers.conv2d_same", "Conv2dSame", register_parameter=ACTION)],
    ),
    "timm: an optimizer": (
        lambda: optimizer("timm.optim.adabelief", "AdaBelief"),
        [
            lambda: optimizer("timm.optim.adabelief", "AdaBelief", param_groups=[ACTION]),
            lambda: optimizer("timm.optim.adabelief", "AdaBelief", param_groups=ACTION),
            lambda: optimizer("timm.optim.adabelief", "AdaBelief", profile_hook_step=ACTION),
        ],
    ),
    "dill: a partial function": (
        lambda: Call(PARTIAL, (Name("builtins", "int"),)),
        [lambda: Call(PARTIAL, ())],
    ),
    "gensim: a tag of a document": (
        lambda: New(Name("gensim.models.doc2vec", "Doctag"), (0, 12, 1)),
        [lambda: New(Name("gensim.models.doc2vec", "Doctag"), (0, ACTION, 1))],
    ),
}


@pytest.mark.parametrize("what", sorted(SIDES))
def test_honest_is_clean_and_abuse_is_not(what: str, tmp_path: Path) -> None:
    check_sides(tmp_path, *SIDES[what])


def test_a_partial_function_is_not_called_unseen(tmp_path: Path) -> None:
    """What dill calls a partial function is one: calling it calls what it keeps."""
    keeps = Call(PARTIAL, (Name("os", "system"), "true"))
    called = {"called": Call(keeps, ()), "factory": scaler(keeps)}
    assert set(verdicts(tmp_path, called).values()) <= {"suspicious", "malicious"}


def test_older_protocols_call_frozenset(tmp_path: Path) -> None:
    state = {"_specs": frozen(specifier()), "_prereleases": None}
    assert verdicts(tmp_path, {"old": New(SPECIFIERS, (), state)}) == {"old": "clean"}


def test_a_wrapper_is_made_with_letters_alone(tmp_path: Path) -> None:
    """torchmetrics' __new__ arguments are the letters of the metric's name, which nothing reads."""
    made = {
        "letters": New(WRAPPED, ("M", "i"), {"_parameters": {}}),
        "object": New(WRAPPED, (ACTION,), {"_parameters": {}}),
        "text": Opcodes(text("x")),
    }
    assert verdicts(tmp_path, made) == {"letters": "clean", "object": "suspicious", "text": "clean"}
