"""k-d trees of SciPy: their nodes are numbers that loading follows without a look.

Honest trees are clean in every protocol and in joblib's files; a tree whose numbers do not make a
tree over its points is not: SciPy would read, write or recurse beyond its memory.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from scipy.interpolate import NearestNDInterpolator
from scipy.spatial import ConvexHull, Delaunay, KDTree, cKDTree

from tests.e2e.program import verdict
from tests.facts.kept import check_clean

NODE = np.dtype(
    [("split_dim", "<i8"), ("children", "<i8"), ("split", "<f8"), ("start", "<i8"), ("end", "<i8")]
    + [(name, "<i8") for name in ("pointer", "other", "less", "greater")]
)
POINTS = np.random.default_rng(5).random((40, 2))
OBJECTS: dict[str, Any] = {
    "cKDTree": cKDTree(POINTS, leafsize=4),
    "KDTree": KDTree(POINTS, leafsize=4),
    "periodic": cKDTree(POINTS, boxsize=1.0),
    "one point": cKDTree(POINTS[:1]),
    "deep": cKDTree(np.exp(30 * POINTS), leafsize=1, balanced_tree=False, compact_nodes=False),
    "100,000 points": cKDTree(np.random.default_rng(6).random((100_000, 3))),
    "interpolator": NearestNDInterpolator(POINTS, POINTS[:, 0]),
    "Delaunay": Delaunay(POINTS),
    "ConvexHull": ConvexHull(POINTS),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_honest(name: str, tmp_path: Path) -> None:
    check_clean(tmp_path, OBJECTS[name])


def stream(state: list[Any], protocol: int) -> bytes:
    """A cKDTree that is given this state."""
    pickled = pickle.dumps(tuple(state), protocol)
    instance = b"cscipy.spatial._ckdtree\ncKDTree\n)\x81"
    return pickled[:2] + instance + pickled[2:-1] + b"b."


def state_of(tree: cKDTree) -> list[Any]:
    return list(tree.__getstate__())


def nodes_of(state: list[Any]) -> np.ndarray:
    return np.frombuffer(state[0].tobytes(), NODE).copy()


def set_nodes(state: list[Any], nodes: np.ndarray) -> None:
    state[0] = np.frombuffer(nodes.tobytes(), "S1")


def node(row: int, field: str, value: int) -> Callable[[list[Any]], None]:
    def change(state: list[Any]) -> None:
        nodes = nodes_of(state)
        nodes[row][field] = value
        set_nodes(state, nodes)

    return change


def part(index: int, value: Any) -> Callable[[list[Any]], None]:
    def change(state: list[Any]) -> None:
        state[index] = value(state[index]) if callable(value) else value

    return change


CHANGES = {
    "a child beyond the nodes": node(0, "less", 10**6),
    "a child before the nodes": node(0, "greater", -2),
    "a circle": node(1, "less", 0),
    "a node that is its own child": node(0, "greater", 0),
    "a child of two": node(0, "greater", 1),
    "a dimension that is not there": node(0, "split_dim", 2),
    "a range beyond the points": node(2, "end", 41),
    "a range before the points": node(2, "start", -1),
    "a range backwards": node(0, "end", -1),
    "half a node": part(0, lambda nodes: nodes[:-1]),
    "no nodes": part(0, lambda nodes: nodes[:0]),
    "nodes of another type": part(0, lambda nodes: nodes.view("<i8")),
    "nodes in two dimensions": part(0, lambda nodes: nodes.reshape(-1, 72)),
    "no array of nodes": part(0, None),
    "more points than data": part(2, 41),
    "negative points": part(2, -1),
    "more dimensions than data": part(3, 3),
    "data of another type": part(1, lambda data: data.astype("<f4")),
    "data by columns": part(1, np.asfortranarray),
    "no data": part(1, None),
    "maxima of another shape": part(5, lambda maxes: maxes[:1]),
    "minima of another order": part(6, lambda mins: mins.astype(">f8")),
    "an index beyond the points": part(7, lambda indices: indices + 1),
    "fewer indices": part(7, lambda indices: indices[:-1]),
    "indices of another size": part(7, lambda indices: indices.astype("<i4")),
    "a box of another shape": part(8, np.zeros(3)),
    "half a box": part(9, np.zeros(2)),
}


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("name", [None, *CHANGES])
def test_forged(name: str | None, protocol: int, tmp_path: Path) -> None:
    state = state_of(cKDTree(POINTS, leafsize=4))
    if name:
        CHANGES[name](state)
    path = tmp_path / "tree.pkl"
    path.write_bytes(stream(state, protocol))
    assert verdict(path) == ("suspicious" if name else "clean")


def test_forged_in_joblib(tmp_path: Path) -> None:
    """The nodes stand behind the wrapper; one byte of a child's number is changed."""
    tree = cKDTree(POINTS, leafsize=4)
    path = tmp_path / "tree.joblib"
    joblib.dump(tree, path)
    data = path.read_bytes()
    assert verdict(path) == "clean"
    at = data.index(tree.__getstate__()[0].tobytes()[:24]) + NODE.fields["greater"][1]
    path.write_bytes(data[:at] + b"\0" + data[at + 1 :])
    assert verdict(path) == "suspicious"


def test_deeper_than_recursion(tmp_path: Path) -> None:
    """A chain of 100,000 nodes: SciPy's recursion would leave its stack."""
    depth = 100_000
    nodes = np.zeros(2 * depth + 1, NODE)
    nodes["split_dim"] = -1
    nodes["split_dim"][:depth] = 0
    nodes["less"][:depth] = np.arange(1, depth + 1)
    nodes["greater"][:depth] = np.arange(depth + 1, 2 * depth + 1)
    state = state_of(cKDTree(POINTS))
    set_nodes(state, nodes)
    path = tmp_path / "tree.pkl"
    path.write_bytes(stream(state, 4))
    assert verdict(path) == "suspicious"
