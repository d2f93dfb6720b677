"""The module `brine_mark`, whose one function writes down what it is called with."""

from __future__ import annotations

import sys
import types

CALLED: list[str] = []


def mark(word: object = "", *_: object) -> int:
    CALLED.append(str(word))
    return 0


def install() -> None:
    module = types.ModuleType("brine_mark")
    mark.__module__, mark.__qualname__ = "brine_mark", "mark"
    module.mark = mark  # type: ignore[attr-defined]
    sys.modules["brine_mark"] = module
