"""Writes what was proven as a file of facts."""

from __future__ import annotations

import textwrap

from prover.library import Outcome, Row, grouped

KEYS = ("like", "call", "new", "state", "append", "extend", "setitem", "add", "hash", "fresh")


def quoted(text: str) -> str:
    """A TOML string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def names(values: list[str]) -> str:
    """A TOML array within the line length."""
    body = ", ".join(map(quoted, values))
    if len(body) < 85:
        return f"names = [{body}]"
    lines = textwrap.wrap(body, 88, break_long_words=False, break_on_hyphens=False)
    return "names = [\n" + "\n".join(f"    {line}" for line in lines) + "\n]"


def where(row: Row) -> str:
    """The module or modules of a row."""
    if row.alias:
        return f"modules = [{quoted(row.module)}, {quoted(row.alias)}]"
    return f"module = {quoted(row.module)}"


def why(outcome: Outcome, rows: list[Row]) -> str:
    """How it was decided: library, version, file, lines, and the methods that run."""
    first = rows[0]
    lines = ",".join(str(row.line) for row in rows)
    text = f"proven: {outcome.library.distribution} {first.version} {first.file}:{lines}"
    if first.members:
        return f"{text} is an enumeration"
    shown = ", ".join(first.places[:4]) + (" ..." if len(first.places) > 4 else "")
    return f"{text} runs {shown or 'no code of its own'}"


def render(outcome: Outcome) -> str:
    """The whole file."""
    library = outcome.library
    out = [
        f"# Classes of {library.distribution} {', '.join(library.pinned)}, proven from source.",
        "# Written by tools/catalogue/prove.py (`make catalogue`); not edited by hand.",
        "",
    ]
    modules = sorted({m for row in outcome.rows.values() for m in (row.module, row.alias) if m})
    if modules:
        out += ["[[module]]", names(modules)]
        out += [
            f"why = {quoted('the library itself: what importing it does, no file decides')}",
            "",
        ]
    for _, rows in grouped(outcome):
        first = rows[0]
        out += ["[[class]]", where(first), names([row.name for row in rows])]
        out += [f"{key} = {quoted(first.facts[key])}" for key in KEYS if key in first.facts]
        # A layer that is like another is one already.
        layer = first.facts.get("layer")
        if layer == ("false" if "like" in first.facts else "true"):
            out.append(f"layer = {layer}")
        if "keeps" in first.facts:
            out.append("keeps = true")
        if first.older:
            out.append("older = true")
        out += [f"why = {quoted(why(outcome, rows))}", ""]
        if first.members:
            members = [f"{first.name}.{member}" for member in first.members]
            out += ["[[constant]]", where(first), names(members)]
            out += [f"type = {quoted(f'{first.module}.{first.name}')}", 'fresh = "shared"']
            out += [f"why = {quoted(why(outcome, rows))}", ""]
    return "\n".join(out)
