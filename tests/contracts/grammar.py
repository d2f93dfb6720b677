"""Contracts as trees: read, written again with one part weakened.

The tokens are the compiler's own (tools/catalogue/contracts.py); named patterns are spelled out, so
that a part can be weakened in one fact and stay as it is in all others.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "catalogue"))

from contracts import BOUNDED, SIMPLE, tokens_of  # noqa: E402

CONTAINERS = ("tuple", "list", "seq", "set")


@dataclass(eq=False)
class Node:
    """One part of a contract: its word, its parts, and the names or numbers that it holds."""

    op: str
    parts: list[Node] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    low: int = 0
    high: int = 0

    def walk(self) -> Iterator[Node]:
        """This part and all below it."""
        yield self
        for part in self.parts:
            yield from part.walk()


class Reader:
    """Recursive descent; named patterns are read where they stand."""

    def __init__(self, source: str, patterns: Mapping[str, str]) -> None:
        """Take a contract and the named patterns."""
        self.tokens = tokens_of(source)
        self.patterns = patterns
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self) -> tuple[str, str]:
        self.at += 1
        return self.tokens[self.at - 1]

    def pattern(self) -> Node:
        """item ('|' item)*."""
        items = [self.item()]
        while self.peek() == "|":
            self.take()
            items.append(self.item())
        return items[0] if len(items) == 1 else Node("alternatives", items)

    def item(self) -> Node:
        """One item."""
        kind, word = self.take()
        if kind in ("text", "octets"):
            return Node(kind, names=[word])
        if kind == "number":
            return Node("range", low=int(word), high=int(word))
        if kind == "range":
            low, high = map(int, re.findall(r"-?\d+", word))
            return Node("range", low=low, high=high)
        if word in "([":
            return self.sequence(word)
        if word.startswith("$"):
            return Reader(self.patterns[word[1:]], self.patterns).pattern()
        if word in SIMPLE and not (word in BOUNDED and self.peek() == "<"):
            return Node(word)
        if word == "pairs":
            return Reader("seq<(hashable, any) | [hashable, any]>", {}).pattern()
        if word == "attrs" and self.peek() != "<":
            return Node("attrs")
        return self.parameters(word)

    def sequence(self, opening: str) -> Node:
        """A tuple or list, item by item; `names` keeps the modifiers."""
        node = Node("(" if opening == "(" else "[")
        while self.peek() not in (")", "]"):
            node.parts.append(self.pattern())
            node.names.append(self.take()[1] if self.peek() in ("?", "*") else "")
            if self.peek() == ",":
                self.take()
        self.take()
        return node

    def parameters(self, word: str) -> Node:
        """word<...>."""
        self.take()
        node = Node(word)
        if word in CONTAINERS:
            node.parts = [self.pattern()]
        elif word in ("dict", "both", "when"):
            node.parts = self.patterns_listed()
        elif word in ("made", "built", "filled"):
            node.names = [self.take()[1]]
            self.take()
            node.parts = self.patterns_listed()
        elif word == "attrs":
            self.entries(node)
        elif word in BOUNDED:
            node.op, node.low, node.names = "at_most", int(self.take()[1]), [word]
        else:  # chars ref object empty elements
            node.names = [self.take()[1]]
            while self.peek() == ",":
                self.take()
                node.names.append(self.take()[1])
        self.take()
        return node

    def patterns_listed(self) -> list[Node]:
        out = [self.pattern()]
        while self.peek() == ",":
            self.take()
            out.append(self.pattern())
        return out

    def entries(self, node: Node) -> None:
        """attrs<"forbidden", "name": pattern>: a forbidden name has the part `never`."""
        while True:
            node.names.append(self.take()[1])
            if self.peek() == ":":
                self.take()
                node.parts.append(self.pattern())
            else:
                node.parts.append(Node("never"))
            if self.peek() != ",":
                return
            self.take()


def read(source: str, patterns: Mapping[str, str]) -> Node:
    """The tree of a contract."""
    return Reader(source, patterns).pattern()


def spell(node: Node, instead: Mapping[int, str]) -> str:
    """The contract as text, with other words for some parts (by their id)."""
    if id(node) in instead:
        return instead[id(node)]
    inner = [spell(part, instead) for part in node.parts]
    op = node.op
    if op in ("text", "octets"):
        return node.names[0]
    if op == "range":
        return f"int[{node.low}..{node.high}]"
    if op == "at_most":
        return f"{node.names[0]}<{node.low}>"
    if op == "alternatives":
        return " | ".join(inner)
    if op in ("(", "["):
        items = ", ".join(text + more for text, more in zip(inner, node.names, strict=True))
        return f"({items})" if op == "(" else f"[{items}]"
    if op == "attrs":
        if not node.names:
            return op
        entries = [
            name if text == "never" else f"{name}: {text}"
            for name, text in zip(node.names, inner, strict=True)
        ]
        return f"attrs<{', '.join(entries)}>"
    if op in SIMPLE or op == "never":
        return op
    return f"{op}<{', '.join([*node.names, *inner])}>"


def weakenings(tree: Node, arguments: bool) -> Iterator[tuple[str, str, Node]]:
    """What was weakened, the contract then, and the part: each once.

    The contract of arguments is a tuple or several of them: `any` there is spelled `(any*)`.
    """
    whole = {id(tree), *map(id, tree.parts if tree.op == "alternatives" else ())}
    for node in tree.walk():
        loose = "(any*)" if arguments and id(node) in whole else "any"
        if node.op in ("any", "never"):
            pass
        elif node is tree and node.op == "(" and always(node):
            pass  # (any*): every tuple of arguments there is
        elif node.op == "alternatives" and any(part.op == "any" for part in node.parts):
            pass
        else:
            yield f"{shown(node)} -> any", spell(tree, {id(node): loose}), node
        if node.op == "range":
            yield f"{shown(node)} -> int", spell(tree, {id(node): "int"}), node
        if node.op == "attrs":
            for name, part in zip(node.names, node.parts, strict=True):
                if part.op == "never":
                    words = spell(tree, {id(part): "any"})
                    yield f"{name} allowed", words, part


def always(node: Node) -> bool:
    """Whether a tuple pattern takes every tuple."""
    return [part.op for part in node.parts] == ["any"] and node.names == ["*"]


def shown(node: Node) -> str:
    """A part in a few characters."""
    text = spell(node, {})
    return text if len(text) < 40 else text[:36] + " ..."
