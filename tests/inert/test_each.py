"""A fixed sample of the inert names, one by one; tests/inert/each.py is the whole."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.contracts.facts import Facts  # noqa: E402
from tests.inert import each  # noqa: E402

# Top-level modules that are installed for the tests.
HERE = {*sys.stdlib_module_names, "numpy", "scipy", "pandas", "sklearn", "joblib", "torch"}


def test_each_inert_name_does_nothing() -> None:
    facts = Facts()
    keys = [key for key, _ in facts.names() if key.split(":")[0].split(".")[0] in HERE]
    assert len(keys) > 1500
    subjects, imports = each.run(keys[::20], 20, facts)
    ran = [subject for subject in subjects if not subject.reason]
    used = [subject for subject in subjects if subject.reason != each.REFERRED]
    assert len(ran) > 0.6 * len(used)
    assert sum(subject.clean for subject in ran) > 0.3 * sum(subject.changed for subject in ran)
    assert sum(subject.loaded for subject in ran) > len(ran)
    assert [(subject.key, subject.failures) for subject in subjects if subject.failures] == []
    # Libraries set variables of the native code below them; nothing else is done by an import.
    other = [event for events in imports.values() for event in events if "setenv" not in event
             and not event.startswith("os.putenv")]  # fmt: skip
    assert other == []


def test_the_watch_sees_what_a_file_does() -> None:
    loading = each.Loading()
    evil = {
        "builtins:list": b"cos\nsystem\n(Vtrue\ntR.",
        "builtins:set": b"cbuiltins\nsetattr\n(cbuiltins\n__import__\n(Vos\ntRVgetcwd\nNtR.",
        "decimal:Decimal": b"cctypes\nstring_at\n(I0\ntR.",
    }
    for key, data in evil.items():
        subject = each.Subject(key, [("honest.pkl", b"N."), ("evil.pkl", data)])
        assert loading.there(subject)
        loading.load(subject)
        assert subject.failures, key
    loading.child.end()


def test_a_name_that_is_not_here_is_counted() -> None:
    loading = each.Loading()
    gone = each.Subject("no_such_library:Thing")
    older = each.Subject("collections:NoSuchName")
    assert not loading.there(gone) and not loading.there(older)
    assert (gone.reason, older.reason) == ("library not installed", "not in this version")
    loading.child.end()
