#!/usr/bin/env python3
"""Shows that what real loaders reach inside containers stands in our trace.

    run.py [--files N] [--seed N] [--keep FOLDER]

Writes N containers (matrix.py), loads them with the real loaders (loaders.py) and reads the trace
of `brine inspect`. Missing: a call that a loader made and no view has. Prints the matrix.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.containers import matrix  # noqa: E402
from tests.containers.wrappers import WRAPPERS  # noqa: E402

BRINE = Path(os.environ.get("BRINE", ROOT / "build" / "brine")).absolute()
PARTS = 2


def load_all(recipes: list[matrix.Recipe], folder: Path) -> dict[str, dict[str, list[str]]]:
    """What each loader called, by file; two children share the work."""
    reached: dict[str, dict[str, list[str]]] = {}
    todo = [recipes[part::PARTS] for part in range(PARTS)]
    while any(todo):
        children = []
        for part, tasks in enumerate(todo):
            listed, out = folder / f"tasks{part}.json", folder / f"reached{part}.jsonl"
            out.unlink(missing_ok=True)
            out.touch()
            matrix.save(tasks, listed)
            loaders = Path(__file__).parent / "loaders.py"
            command = [sys.executable, str(loaders), str(listed), str(out)]
            children.append((subprocess.Popen(command, stderr=subprocess.DEVNULL), out))
        for part, (child, out) in enumerate(children):
            status = child.wait()
            rows = [json.loads(line) for line in out.read_text().splitlines()]
            reached.update({row["path"]: row["reached"] for row in rows})
            rest = todo[part][len(rows) :]
            if status != 0 and rest:  # this file killed a loader
                reached[rest[0].path] = {}
                rest = rest[1:]
            todo[part] = rest
    return reached


def traced(folder: Path) -> dict[str, set[str]]:
    """The recorder's calls in our trace, by file."""
    done = subprocess.run(
        [BRINE, "inspect", "--format", "json", folder], capture_output=True, check=False
    )
    calls: dict[str, set[str]] = {}
    for line in done.stdout.splitlines():
        document = json.loads(line)
        found = calls.setdefault(document["path"], set())
        for view in document["views"]:
            for event in view["events"]:
                if event["kind"] == "call" and event.get("callable") == "brine_mark.mark":
                    found.add(str(event.get("args")))
    return calls


def verdicts(folder: Path) -> dict[str, str]:
    done = subprocess.run(
        [BRINE, "scan", "--format", "json", folder], capture_output=True, check=False
    )
    return {file["path"]: file["verdict"] for file in json.loads(done.stdout)["files"]}


def compare(recipes: list[matrix.Recipe], folder: Path) -> tuple[list[str], dict[str, int]]:
    reached = load_all(recipes, folder)
    files = folder / "files"
    ours, verdict = traced(files), verdicts(files)
    problems = []
    by_loader: dict[str, int] = collections.Counter()
    for recipe in recipes:
        seen = ours.get(recipe.path, set())
        story = f"{' > '.join([*recipe.wrappers, recipe.place])}, {recipe.broken} at {recipe.level}"
        for loader, words in reached[recipe.path].items():
            by_loader[loader] += 1
            for word in set(words):
                # The trace spells control characters as Python does, but that \xNN above 0x7f is
                # kept for bytes.
                spelled = re.sub(r"\\x([89a-f])", r"\\u00\1", repr(word)[1:-1])
                if not any(word in args or spelled in args for args in seen):
                    problems.append(
                        f"missing: {loader} calls mark({word}): {recipe.path} ({story})"
                    )
        if verdict[recipe.path] in ("clean", "unrecognized") and reached[recipe.path]:
            problems.append(f"verdict {verdict[recipe.path]}: {recipe.path} ({story})")
    by_loader["any"] = sum(1 for recipe in recipes if reached[recipe.path])
    return problems, by_loader


def table(recipes: list[matrix.Recipe]) -> str:
    """Outer by inner wrapper: how many files."""
    counts = collections.Counter(
        (recipe.wrappers[0], recipe.wrappers[1]) for recipe in recipes if len(recipe.wrappers) > 1
    )
    names = [*WRAPPERS]
    lines = [" " * 10 + "".join(f"{name[:8]:>9}" for name in names)]
    for outer in names:
        row = "".join(f"{counts[outer, inner]:>9}" for inner in names)
        lines.append(f"{outer[:9]:<10}" + row)
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=2500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        recipes = matrix.write(folder / "files", options.files, options.seed)
        problems, reached = compare(recipes, folder)
    print(table(recipes))
    print(f"{len(recipes)} containers; a real loader reaches the payload in {reached.pop('any')}")
    print(", ".join(f"{name}: {count}" for name, count in sorted(reached.items())))
    print("\n".join(problems[:40]))
    print(f"missing: {len(problems)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
