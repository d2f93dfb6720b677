"""The prover of class facts: nothing that runs what a file chooses is called harmless."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "catalogue"))
sys.path.insert(0, str(ROOT))

from prover.decide import Decider, Verdict, fills_in_options, plain_step  # noqa: E402
from prover.library import Library, other_name, prove_library  # noqa: E402
from prover.sources import Sources  # noqa: E402
from prover.write import render  # noqa: E402

from tests.prover import package  # noqa: E402


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Verdict]:
    folder = tmp_path_factory.mktemp("sources")
    (folder / "pkg").mkdir()
    for name, text in package.FILES.items():
        (folder / "pkg" / f"{name}.py").write_text(text, "ascii")
    sources = Sources([folder])
    decider = Decider(sources, ["pkg"])
    out: dict[str, Verdict] = {}
    for part in ("base", "slots", "plain"):
        module = sources.module(f"pkg.{part}")
        assert module is not None
        for cls in module.classes():
            out[cls.name] = decider.decide(cls)
    return out


def test_every_class_was_looked_at(verdicts: dict[str, Verdict]) -> None:
    assert len(verdicts) > 75
    assert package.PROVEN.keys() <= verdicts.keys()
    assert package.GUARDED.keys() <= verdicts.keys()


def test_harmless_classes_are_proven(verdicts: dict[str, Verdict]) -> None:
    for name, facts in package.PROVEN.items():
        assert not verdicts[name].problem, f"{name}: {verdicts[name].problem}"
        assert facts.items() <= verdicts[name].facts.items(), f"{name}: {verdicts[name].facts}"


def test_nothing_else_is(verdicts: dict[str, Verdict]) -> None:
    wrong = {}
    for name, verdict in verdicts.items():
        if name in package.PROVEN or verdict.problem:
            continue
        fact, text = package.GUARDED.get(name, ("never", ""))
        if fact == "never" or text not in verdict.facts.get(fact, text):
            wrong[name] = verdict.facts
    assert wrong == {}


def test_what_would_run_code_is_not_taken(verdicts: dict[str, Verdict]) -> None:
    for name, (fact, text) in package.WITHOUT.items():
        facts = verdicts[name].facts
        assert fact not in facts or (text and text not in facts[fact]), f"{name}: {facts}"


def test_stores_that_the_class_overrides_have_no_fact(verdicts: dict[str, Verdict]) -> None:
    for name in ("Stores", "Appends", "Extends"):
        assert not {"setitem", "append", "extend"} & verdicts[name].facts.keys()


def test_hash_is_never_inert_where_it_is_the_classes_own(verdicts: dict[str, Verdict]) -> None:
    for name in ("Hashes", "Equal"):
        assert verdicts[name].facts.get("hash") != "inert"


def test_files_know_a_repository_by_other_names() -> None:
    row = Library("yolo", "yolo", "yolo", ["1"], also={"yolo.models": "models"})
    assert other_name(row, "yolo.models.common") == "models.common"
    assert other_name(row, "yolo.modelsx.common") == ""
    assert other_name(row, "yolo.train") == ""


def write_version(folder: Path, version: str, modules: dict[str, str]) -> None:
    """A version of the library "lib": its modules' sources, and what names it as installed."""
    (folder / "lib").mkdir(parents=True)
    for name, text in {"__init__": "", **modules}.items():
        (folder / "lib" / f"{name}.py").write_text(text, "ascii")
    (folder / f"lib-{version}.dist-info").mkdir()
    note = f"Name: lib\nVersion: {version}\n"
    (folder / f"lib-{version}.dist-info" / "METADATA").write_text(note, "ascii")


def test_a_module_that_answers_for_names_may_mean_another_class(tmp_path: Path) -> None:
    """A fact of an older version's name holds only where the newer has no such name at all."""
    old, new = tmp_path / "old", tmp_path / "new"
    moved = "class Moved:\n    pass\n"
    both = "class Gone:\n    pass\n\n" + moved
    given = "from . import plain\n\ndef __getattr__(name):\n    return getattr(plain, name)\n"
    answers = "def __getattr__(name):\n    return object\n"
    write_version(old, "1", {"moved": both, "kept": both, "given": both, "plain": moved})
    write_version(new, "2", {"moved": answers, "kept": "", "given": given, "plain": moved})
    library = Library("lib", "lib", "lib", ["2"], older=["1"])
    outcome = prove_library(library, [new, old], set(), {})
    assert outcome is not None
    assert outcome.rows.keys() == {
        "lib.kept:Gone", "lib.kept:Moved", "lib.given:Gone", "lib.given:Moved", "lib.plain:Moved"
    }  # fmt: skip
    assert "gives" in outcome.undecided["lib.moved:Gone"]


def test_a_finder_may_give_another_module_for_an_old_name(tmp_path: Path) -> None:
    """A module that is gone may be found elsewhere, by what the newer version adds to meta_path."""
    plain = "class Same:\n    pass\n\nclass Other:\n    pass\n"
    acting = "class Same:\n    pass\n\nclass Other:\n    def __del__(self):\n        self()\n"
    finder = 'import sys\nOLD = {"lib.old": 1, "lib.kept": "lib.new"}\nsys.meta_path.append(OLD)\n'
    moved, gone = "class Moved:\n    pass\n", "class Gone:\n    pass\n"
    write_version(tmp_path / "1", "1", {"moving": "", "old": moved, "gone": gone, "kept": plain})
    write_version(tmp_path / "2", "2", {"moving": finder, "new": acting})
    library = Library("lib", "lib", "lib", ["2"], older=["1"])
    folders = [tmp_path / "2", tmp_path / "2", tmp_path / "1"]
    outcome = prove_library(library, folders, set(), {})
    assert outcome is not None
    assert outcome.rows.keys() == {"lib.gone:Gone", "lib.kept:Same", "lib.new:Same"}
    assert "something else" in outcome.undecided["lib.kept:Other"]
    assert "elsewhere" in outcome.undecided["lib.old:Moved"]


def test_a_member_may_be_new_but_nothing_else_before(tmp_path: Path) -> None:
    """A version without a member raises; one that has a method of that name would give it."""
    newest, oldest = tmp_path / "new", tmp_path / "old"
    begins = "import enum\n\nclass Kind(enum.Enum):\n    A = 1\n"
    write_version(newest, "2", {"__init__": begins + "    B = 2\n    C = 3\n    title = 4\n"})
    write_version(oldest, "1", {"__init__": begins + "    def C(self):\n        pass\n"})
    library = Library("lib", "lib", "lib", ["2"], older=["1"])
    outcome = prove_library(library, [newest, oldest], set(), {})
    assert outcome is not None
    assert outcome.rows["lib:Kind"].members == ["A", "B"]


def test_a_dict_written_in_python_takes_no_stores(tmp_path: Path) -> None:
    """UserDict stores by a method of its own; a class over it may override that one."""
    (tmp_path / "lib").mkdir()
    text = "import collections\n\nclass Kept(collections.UserDict):\n    pass\n\n"
    text += "class Asks(collections.UserDict):\n"
    text += "    def __getattr__(self, name):\n        return self.data[name]()\n\n"
    text += "class Sets(object):\n"
    text += "    def __setstate__(self, state):\n        self.__dict__.update(state)\n"
    (tmp_path / "lib" / "__init__.py").write_text(text, "ascii")
    sources = Sources([tmp_path])
    module = sources.module("lib")
    assert module is not None
    decider = Decider(sources, ["lib"])
    kept, asks, sets = (decider.decide(cls) for cls in module.classes())
    assert kept.facts == {"new": "()", "state": "attrs", "hash": "none", "keeps": "true"}
    assert asks.problem
    assert sets.facts["state"] and "keeps" not in sets.facts


LAYERS = """
from torch.nn.modules.module import Module
from torch.nn.modules.lazy import LazyModuleMixin

class Plain(Module):
    pass

class Lazy(LazyModuleMixin, Module):
    pass

class Takes(Module):
    def __setstate__(self, state):
        self.__dict__ = state

class Below(Takes):
    pass

class Updates(Module):
    def __setstate__(self, state):
        self.__dict__.update(state)
        self.extra = None

class TakesAnother(Module):
    def __setstate__(self, state):
        self.__dict__ = {"a": state}

class TakesAndWrites(Takes):
    def state_dict(self, *args, **kwargs):
        return {}

class Writes(Module):
    def _save_to_state_dict(self, destination, prefix, keep_vars):
        pass

class BelowWrites(Writes):
    pass

class Extra(Module):
    get_extra_state = None

class Shows(Module):
    @property
    def _buffers(self):
        return {}

class Later(Module):
    pass
"""
TORCH = {
    "torch": "",
    "torch.nn": "",
    "torch.nn.modules": "",
    "torch.nn.modules.module": """
class Module:
    def __setstate__(self, state):
        self.__dict__.update(state)
    def state_dict(self):
        return {}
""",
    "torch.nn.modules.lazy": """
class LazyModuleMixin:
    def _save_to_state_dict(self, destination, prefix, keep_vars):
        pass
""",
}


def test_which_layers_have_the_state_dict_of_their_base(tmp_path: Path) -> None:
    """Only then it follows from what a file holds; in every version."""
    changed = LAYERS.replace("class Later(Module):\n    pass", "class Later(Writes):\n    pass")
    write_version(tmp_path / "new", "2", {"layers": LAYERS})
    write_version(tmp_path / "old", "1", {"layers": changed})
    for name, text in TORCH.items():
        package_of = name in ("torch", "torch.nn", "torch.nn.modules")
        path = tmp_path / "new" / name.replace(".", "/")
        path = path / "__init__.py" if package_of else path.with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "ascii")
    library = Library("lib", "lib", "lib", ["2"], older=["1"])
    base = {"torch.nn.modules.module:Module": "torch.nn.modules.module.Module"}
    folders = [tmp_path / "new", tmp_path / "new", tmp_path / "old"]
    outcome = prove_library(library, folders, set(), base)
    assert outcome is not None
    rows = {
        name: (row.get("like", ""), row.get("layer"))
        for row in tomllib.loads(render(outcome))["class"]
        for name in row["names"]
    }
    like = "torch.nn.modules.module.Module"
    assert rows == {
        "Plain": (like, None), "Lazy": (like, None), "Takes": ("", True), "Below": ("", True),
        "Updates": ("", None), "TakesAndWrites": ("", None), "Writes": (like, False),
        "BelowWrites": (like, False), "Extra": (like, False), "Later": (like, False),
        "Shows": ("", None),
    }  # fmt: skip
    assert outcome.undecided.keys() == {"lib.layers:TakesAnother"}


def keys_of(folder: Path, modules: dict[str, str], older: dict[str, str] | None = None) -> set[str]:
    """The classes of a library that are proven; `older` is a version of another that is gone."""
    write_version(folder / "1", "1", modules)
    folders = [folder / "1", folder / "1"]
    for name, text in (older or {}).items():
        (folder / "old" / name).mkdir(parents=True)
        (folder / "old" / name / "__init__.py").write_text(text, "ascii")
        folders.append(folder / "old")
    outcome = prove_library(Library("lib", "lib", "lib", ["1"]), folders, set(), {})
    assert outcome is not None
    return {*outcome.rows}


def test_an_import_that_fails_binds_nothing(tmp_path: Path) -> None:
    """Of `try: from a import x` and `except ImportError: from a import y as x`, one is there."""
    either = "try:\n    from .{0} import New as Base\nexcept ImportError:\n"
    either += "    from .{0} import Old as Base\n\nclass Sub(Base):\n    pass\n"
    here = "class New:\n    pass\n"
    acting = here + "\nclass Old:\n    def __del__(self):\n        self.f()\n"
    modules = {
        "here": here, "acting": acting, "unseen": here + "\nglobals()['Old'] = here\n",
        "first": either.format("here"), "second": either.format("acting"),
        "third": either.format("unseen"),
    }  # fmt: skip
    proven = keys_of(tmp_path, modules)
    assert "lib.first:Sub" in proven
    assert not {"lib.second:Sub", "lib.third:Sub"} & proven


def test_abstract_containers_have_two_names(tmp_path: Path) -> None:
    text = "try:\n    from collections.abc import Mapping\nexcept ImportError:\n"
    text += "    from collections import Mapping\n\nclass Sub(Mapping):\n    pass\n"
    assert "lib.maps:Sub" in keys_of(tmp_path, {"maps": text})


def test_what_today_has_no_more_is_looked_for_in_older_releases(tmp_path: Path) -> None:
    text = "from gone import Base\n\nclass Sub(Base):\n    pass\n"
    plain, acting = (
        "class Base:\n    pass\n",
        "class Base:\n    def __del__(self):\n        self.f()\n",
    )
    assert "lib.uses:Sub" not in keys_of(tmp_path / "a", {"uses": text})
    assert "lib.uses:Sub" in keys_of(tmp_path / "b", {"uses": text}, {"gone": plain})
    assert "lib.uses:Sub" not in keys_of(tmp_path / "c", {"uses": text}, {"gone": acting})


def test_what_a_program_does_is_not_what_importing_it_does(tmp_path: Path) -> None:
    guarded = (
        "import os\nif __name__ {} '__main__':\n    {}\nelse:\n    {}\n\nclass Plain:\n    pass\n"
    )
    run = "os.system('true')"
    modules = {
        "program": guarded.format("==", run, "pass"),
        "otherwise": guarded.format("==", "pass", run),
        "imported": guarded.format("!=", run, "pass"),
    }
    proven = keys_of(tmp_path, modules)
    assert "lib.program:Plain" in proven
    assert not {"lib.otherwise:Plain", "lib.imported:Plain"} & proven


def test_older_versions_may_be_read_in_part(tmp_path: Path) -> None:
    """A module that is left out in older versions is judged by the newest alone."""
    acting = "class Same:\n    def __del__(self):\n        self.f()\n"
    write_version(tmp_path / "1", "1", {"part": acting, "other": acting})
    write_version(tmp_path / "2", "2", {"part": "class Same:\n    pass\n", "other": acting})
    library = Library("lib", "lib", "lib", ["2"], older=["1"], without_older=["lib.part"])
    outcome = prove_library(library, [tmp_path / "2", tmp_path / "2", tmp_path / "1"], set(), {})
    assert outcome is not None
    assert outcome.rows.keys() == {"lib.part:Same"}


OPTIMIZERS = """
class Plain:
    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("amsgrad", False)
            group.setdefault("foreach", None)

class Named:
    def __setstate__(self, state):
        super(Named, self).__setstate__(state)

class Computes:
    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("lr", self.compute())

class Stores:
    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group["lr"]()

class Elsewhere:
    def __setstate__(self, state):
        super().__setstate__(state)
        for group in state:
            group.setdefault("amsgrad", False)

class Other:
    def __setstate__(self, state):
        super(Plain, self).__setstate__(state)

class Replaced:
    def __setstate__(self, state):
        super().__setstate__(state["other"])

class Steps:
    @torch.no_grad()
    def step(self, closure=None):
        pass

class Wrapped:
    @runs_something
    def step(self, closure=None):
        pass

class Assigned:
    step = made()
"""


def test_optimizers_fill_in_constants_only(tmp_path: Path) -> None:
    (tmp_path / "opt.py").write_text(OPTIMIZERS, "ascii")
    module = Sources([tmp_path]).module("opt")
    assert module is not None
    classes = {cls.name: cls for cls in module.classes()}
    assert {name for name, cls in classes.items() if fills_in_options(cls)} == {"Plain", "Named"}
    assert {name for name, cls in classes.items() if not plain_step(cls)} == {"Wrapped", "Assigned"}
