"""Loads files with torch.load(weights_only=True), one after another: one line of JSON for each.

    PYTHON tests/weights_only/child.py <list of paths

Runs under any release of torch, in an interpreter of its own: what an old release makes of a
broken file may be a crash.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import warnings


def load(path: str) -> dict[str, object]:
    import torch

    try:
        torch.load(path, weights_only=True)
    except Exception as error:
        return {"accepts": False, "error": f"{type(error).__name__}: {error}"}
    return {"accepts": True, "error": None}


def main() -> None:
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what torch prints is not an answer
    for line in sys.stdin:
        out.write(json.dumps(load(json.loads(line))) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
