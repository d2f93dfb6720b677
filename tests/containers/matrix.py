"""The matrix of containers: wrapper in wrapper, the payload's place, a break; in a folder."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.containers.wrappers import BREAKS, STREAMS, WRAPPERS

MOST_DEPTH = 4


@dataclass
class Recipe:
    path: str
    word: str
    place: str
    wrappers: list[str]  # from outside in
    broken: str
    level: int  # of the wrapper that was broken, from outside; len(wrappers): the stream


def shapes(rng: random.Random, count: int) -> Iterator[tuple[list[str], str, str]]:
    """Every pair of wrappers with every place and break comes before any combination twice."""
    names = [*WRAPPERS]
    singles = [([name], place, broken) for name in names for place in STREAMS for broken in BREAKS]
    bare: list[tuple[list[str], str, str]] = [([], p, b) for p in STREAMS for b in BREAKS]
    pairs = [
        ([outer, inner], rng.choice([*STREAMS]), rng.choice([*BREAKS]))
        for outer in names
        for inner in names
    ]
    yield from bare
    yield from singles
    yield from pairs
    for _ in range(max(0, count - len(bare) - len(singles) - len(pairs))):
        depth = rng.randint(2, MOST_DEPTH)
        yield (
            [rng.choice(names) for _ in range(depth)],
            rng.choice([*STREAMS]),
            rng.choice([*BREAKS]),
        )


def write(folder: Path, count: int, seed: int) -> list[Recipe]:
    rng = random.Random(seed)
    recipes = []
    for number, (wrappers, place, broken) in enumerate(shapes(rng, count)):
        word = f"w{number}"
        level = rng.randint(0, len(wrappers))
        data = STREAMS[place](word, rng)
        name = "model.pkl" if place != "npy" else "array.npy"
        for at in range(len(wrappers), -1, -1):
            if at < len(wrappers):
                data = WRAPPERS[wrappers[at]].pack(data, rng)
            if at == level:
                data = BREAKS[broken](data, rng)
        ending = WRAPPERS[wrappers[0]].ending if wrappers else ""
        if rng.random() < 0.5:
            name = "pytorch_model.bin" if not ending or rng.random() < 0.5 else "model.pkl" + ending
        path = folder / f"{number:05}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        recipes.append(Recipe(str(path), word, place, wrappers, broken, level))
    return recipes


def save(recipes: list[Recipe], path: Path) -> None:
    path.write_text(json.dumps([asdict(recipe) for recipe in recipes]))
