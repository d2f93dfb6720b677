"""Find classes and functions with facts that act when they are called, without running any code.

    python3 tools/catalogue/acting.py --sources .venv/lib/python3.11/site-packages [--write]

A fact of a class speaks of unpickling its instances. A file may also hold the class itself, or a
function, for somebody who calls it later; what the call can do is looked for here in all sources
that are given (prover/acting.py) and written to catalogue/inert/acting.toml. `--list` prints each
name with what was found and where; `--instances` does so for calling instances.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prover.acting import TOLD, Acting, Deed
from prover.sources import Class, Function, Sources, Value
from prover.write import names, quoted

ROOT = Path(__file__).resolve().parents[2]
Found = dict[str, set[Deed]]
ORDER = [*TOLD, "reach"]
# Names that honest files hold, and modules and classes above them: they stay referable.
KEPT = {
    # Functions of arrays, which ask the module of an array for a function by name.
    "sklearn",
    # The class of the workers that a model was trained with.
    "gensim.models.ldamulticore:LdaMulticore",
    # Zones are made by a function that gets the class.
    "dateutil.tz._tzfile:tzfile",
}
# Classes whose instances act when called, and that honest files hold: exported learners of fastai,
# the arguments that skopt's results keep, estimators with a pool of workers, encoders' evaluators.
HELD = {
    "fastai.text.core:SentencePieceTokenizer", "skopt.callbacks:CheckpointSaver",
    "sklearn.utils.parallel:Parallel", "joblib.parallel:Parallel",
    "sentence_transformers", "ultralytics",
}  # fmt: skip


def rows(path: Path, kinds: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The rows of some kinds in a file."""
    with path.open("rb") as file:
        data = tomllib.load(file)
    for kind in kinds:
        yield from data.get(kind, [])


def facts(folder: Path) -> set[str]:
    """The names of classes and functions whose calls no row speaks of yet: "module:name"."""
    out: set[str] = set()
    for path in folder.glob("inert/**/*.toml"):
        for row in rows(path, ("class", "callable")):
            if "calling" in row or row.get("does", "none") != "none":
                continue
            module = row.get("modules", [row.get("module", "")])[0]
            out |= {f"{module}:{name}" for name in row["names"]}
    return out


def dangers(folder: Path) -> dict[str, str]:
    """The capabilities of dangerous names: "module.name"."""
    out: dict[str, str] = {}
    for path in folder.glob("danger/*.toml"):
        for row in rows(path, ("danger",)):
            modules = row.get("modules", [row.get("module", "")]) + row.get("aliases", [])
            for caps, listed in row.items():
                if caps in ("modules", "aliases") or not isinstance(listed, list):
                    continue
                for module in modules:
                    for name in listed:
                        full = f"{module}.{name}" if module else name.replace(":", ".")
                        out[full] = "+".join(filter(None, (out.get(full), caps)))
    return out


def function_of(acting: Acting, sources: Sources, key: str) -> Class | Function | Value | None:
    """The class or function that a name means in these sources."""
    module_name, _, name = key.partition(":")
    module = sources.module(module_name)
    if module is None:
        return None
    top, *rest = name.split(".")
    found: Any = sources.look_up(module, top)
    for part in rest:
        if isinstance(found, Class):
            inner = found.members.get(part, [])
            found = acting.member(found, part) if inner or acting.method(found, part) else None
    return found if isinstance(found, (Class, Function, Value)) else None


def look(task: tuple[Path, list[Path], list[str], dict[str, str]]) -> tuple[Found, Found]:
    """What names do in one folder of sources: when called, and when an instance is called."""
    folder, others, keys, danger = task
    sys.setrecursionlimit(10000)
    sources = Sources([folder, *(other for other in others if other != folder)])
    acting = Acting(sources, danger)
    called: Found = {}
    instances: Found = {}
    for key in keys:
        meaning = function_of(acting, sources, key)
        if meaning is None:
            continue
        deeds = acting.calling(meaning)
        if deeds:
            called[key] = set(deeds)
        if isinstance(meaning, Class):
            deeds = acting.instance(meaning)
            if deeds:
                instances[key] = set(deeds)
    return called, instances


def look_everywhere(
    folders: list[Path], keys: set[str], danger: dict[str, str]
) -> tuple[Found, Found]:
    """The same in all folders: what a name does in one of them, it does."""
    tasks = []
    for folder in folders:
        packages: dict[str, list[str]] = defaultdict(list)
        for key in sorted(keys):
            packages[key.split(":")[0].split(".")[0]].append(key)
        for package, here in packages.items():
            if is_here(folder, package):
                tasks.append((folder, folders[:2], here, danger))
    called: Found = defaultdict(set)
    instances: Found = defaultdict(set)
    with multiprocessing.Pool(2, maxtasksperchild=4) as pool:
        for one, other in pool.imap(look, tasks):
            for key, found in one.items():
                called[key] |= found
            for key, found in other.items():
                instances[key] |= found
    return called, instances


def is_here(folder: Path, package: str) -> bool:
    """Whether a package lies in a folder."""
    return (folder / package).is_dir() or (folder / f"{package}.py").is_file()


def show(found: Found) -> None:
    """Print what was found."""
    for key, deeds in sorted(found.items()):
        for deed in sorted(deeds):
            print(f"{key}\t{deed.caps}\t{deed.through}\t{deed.place}")


def among(key: str, held: set[str]) -> bool:
    """Whether a name, or a module or class above it, is one of these."""
    return any(key == name or key.startswith(f"{name}.") for name in held)


def why(deeds: set[Deed], what: str = "it") -> str:
    """Through what a call acts, and where the first of these stands."""
    first = sorted(deeds, key=lambda deed: (ORDER.index(deed.caps.split("+")[0]), deed))[0]
    return f"calling {what} runs {first.through} ({first.place})"


def render(called: Found, instances: Found) -> str:
    """The whole file of facts."""
    out = [
        "# Classes and functions that act when they are called, and classes whose instances do.",
        "# Written by tools/catalogue/acting.py (`make catalogue`); not edited by hand.",
        "",
    ]
    withheld = {key for key in instances if not among(key, HELD)}
    for key in sorted(withheld):
        module, _, name = key.partition(":")
        out += ["[[withheld]]", f"module = {quoted(module)}", f"names = [{quoted(name)}]"]
        out += [f"why = {quoted(why(instances[key], 'an instance'))}", ""]
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for key, deeds in called.items():
        if among(key, KEPT) or key in withheld:
            continue
        module, _, name = key.partition(":")
        does = {cap for deed in deeds for cap in deed.caps.split("+")}
        groups[module, "+".join(cap for cap in ORDER if cap in does), why(deeds)].append(name)
    for (module, caps, reason), found in sorted(groups.items()):
        out += ["[[acting]]", f"module = {quoted(module)}", names(sorted(found))]
        out += [f"calling = {quoted(caps)}", f"why = {quoted(reason)}", ""]
    return "\n".join(out)


def main() -> int:
    """Look, print, write or compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--sources", type=Path, action="append", required=True)
    parser.add_argument("--facts", type=Path, default=ROOT / "catalogue")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--instances", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    called, instances = look_everywhere(
        options.sources, facts(options.facts), dangers(options.facts)
    )
    if options.list:
        show(called)
    if options.instances:
        show(instances)
    path = options.facts / "inert" / "acting.toml"
    text = render(called, instances)
    if options.write:
        path.write_text(text, "ascii")
    elif path.read_text("ascii") != text:
        print(f"{path.name} is not what the sources give", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
