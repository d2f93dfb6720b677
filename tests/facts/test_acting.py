"""What acts when somebody calls it: no file that holds it is clean, and an instance of it may be.

Whoever loads a file may call what it holds, with arguments that the file holds too: a DataLoader
its `collate_fn`, a chain of transforms its items, a trainer the class of its options.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.facts.test_both_sides import verdicts
from tests.facts.values import Call, Name, New

DUCK = Name("xarray.namedarray.pycompat", "DuckArrayModule")
SENTENCES = Name("sentence_transformers.sentence_transformer.model", "SentenceTransformer")
PARTIAL = Name("functools", "partial")
NAMESPACE = Name("argparse", "Namespace")
COMPOSE = Name("torch_geometric.transforms.compose", "Compose")
FILE_TYPE = Name("argparse", "FileType")
GELU = Name("torch.nn.modules.activation", "GELU")
SGD = Name("torch.optim.sgd", "SGD")
FOREST = Name("sklearn.ensemble._forest", "RandomForestClassifier")
GETTER = Call(Name("operator", "itemgetter"), ("m",))


def partial(function: Any, *args: Any) -> Call:
    return Call(PARTIAL, (function,), (function, args, {}, None))


ABUSES: dict[str, Callable[[], Any]] = {
    "kept for a call": lambda: partial(DUCK, "x"),
    "an attribute": lambda: New(NAMESPACE, (), {"encoder": SENTENCES}),
    "an item of a chain": lambda: New(COMPOSE, (), {"transforms": [GETTER, DUCK]}),
    "beside an instance of it": lambda: [New(DUCK, (), {}), DUCK],
    "an instance that opens": lambda: New(FILE_TYPE, (), {"_mode": "w", "_bufsize": -1}),
    "such a class": lambda: New(NAMESPACE, (), {"type": FILE_TYPE}),
}
HONEST: dict[str, Callable[[], Any]] = {
    "an instance of a class that imports": lambda: New(DUCK, (), {"version": "1.0"}),
    "such an instance as an attribute": lambda: New(NAMESPACE, (), {"duck": New(DUCK, (), {})}),
    "activations kept for a call": lambda: partial(GELU),
    "optimizers and estimators": lambda: New(NAMESPACE, (), {"optimizer": SGD, "model": FOREST}),
    "a chain of harmless items": lambda: New(COMPOSE, (), {"transforms": [GETTER, GELU]}),
}


@pytest.mark.parametrize("what", sorted(ABUSES))
def test_what_acts_when_called_is_not_clean(what: str, tmp_path: Path) -> None:
    assert verdicts(tmp_path, {"file": ABUSES[what]()})["file"] in ("suspicious", "malicious")


@pytest.mark.parametrize("what", sorted(HONEST))
def test_instances_and_harmless_classes_are_clean(what: str, tmp_path: Path) -> None:
    assert verdicts(tmp_path, {"file": HONEST[what]()}) == {"file": "clean"}
