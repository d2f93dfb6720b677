"""The contract language: from text to the words that the matcher in C++ walks.

    pattern   item ('|' item)*
    item      '(' elements ')'       a tuple, item by item; '?' optional, '*' any number of these
              '[' elements ']'       a list, item by item
              '"text"'  'b"octets"'  7  int[0..255]
              word                   any none bool int float str bytes bytearray plain hashable
                                     storage class inert attrs pairs cells record first
                                     stated attribute kdtree codes placed small
                                     weighed backed regex
              word<...>              tuple<p> list<p> seq<p> set<p> dict<k, v> ref<names>
                                     object<names> empty<names> chars<"..." or b"...">
                                     both<p, p> attrs<"forbidden", "name": p, ...> made<name, p>
                                     built<name, p> when<p, p> filled<name, k, v>
                                     str<7> bytes<7> int<7> elements<"M8", "i">
              $name                  a pattern that the data file defines under [patterns]

A pattern becomes 32-bit words: head (operation in the low byte, number of parts above), the length
of the whole pattern in words, then its parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

TUPLE, LIST, SET, FROZENSET = 1, 2, 4, 8
ONE, OPTIONAL, REPEAT = 0, 1, 2
MAX_DEPTH = 12

SIMPLE = {
    "any": "any",
    "none": "none",
    "bool": "boolean",
    "int": "integer",
    "float": "floating",
    "str": "str",
    "bytes": "bytes",
    "bytearray": "bytearray",
    "plain": "plain",
    "hashable": "hashable",
    "storage": "storage",
    "class": "class_ref",
    "inert": "inert_ref",
    "cells": "cells",
    "record": "record",
    "first": "first",
    "stated": "stated",
    "attribute": "attribute",
    "kdtree": "kdtree",
    "codes": "codes",
    "placed": "placed",
    "small": "small",
    "weighed": "weighed",
    "backed": "backed",
    "regex": "regex",
}
BOUNDED = {"bytes": 0, "str": 1, "int": 2}
COLLECTIONS = {"tuple": TUPLE, "list": LIST, "seq": TUPLE | LIST, "set": SET | FROZENSET}

TOKEN = re.compile(
    r"""\s*(?:
        (?P<octets>b"(?:[^"\\]|\\.)*")
      | (?P<text>"(?:[^"\\]|\\.)*")
      | (?P<range>int\[-?\d+\.\.-?\d+\])
      | (?P<number>-?\d+)
      | (?P<name>\$?[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
      | (?P<mark>[()\[\]<>|,?*:])
    )""",
    re.VERBOSE,
)


class ContractError(ValueError):
    """A contract that cannot be compiled; says where and why."""


@dataclass(frozen=True)
class Names:
    """How patterns refer to other data."""

    text: Callable[[bytes], int]
    rank: Callable[[str], int]
    type: Callable[[str], int]
    patterns: Mapping[str, str]
    ops: Mapping[str, int]


def tokens_of(source: str) -> list[tuple[str, str]]:
    """Split a contract into (kind, text)."""
    out: list[tuple[str, str]] = []
    at = 0
    source = source.rstrip()
    while at < len(source):
        match = TOKEN.match(source, at)
        if match is None or match.lastgroup is None:
            raise ContractError(f"{source!r}: not understood at {source[at:]!r}")
        out.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return out


class Parser:
    """Recursive descent over one contract; depth is bounded by MAX_DEPTH."""

    def __init__(self, source: str, names: Names, depth: int = 0) -> None:
        """Take the source and the tables that names are resolved in."""
        if depth > MAX_DEPTH:
            raise ContractError(f"{source!r}: nested too deeply")
        self.source, self.names, self.depth = source, names, depth
        self.tokens = tokens_of(source)
        self.at = 0

    def parse(self) -> list[int]:
        """Give the words of the whole contract."""
        words = self.alternatives()
        if self.at != len(self.tokens):
            raise ContractError(f"{self.source!r}: something left over: {self.tokens[self.at :]}")
        return words

    def peek(self) -> str:
        """Give the text of the next token, or nothing at the end."""
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> tuple[str, str]:
        """Consume the next token, which must be `wanted` when that is given."""
        if self.at >= len(self.tokens):
            raise ContractError(f"{self.source!r}: ends too early")
        token = self.tokens[self.at]
        if wanted is not None and token[1] != wanted:
            raise ContractError(f"{self.source!r}: {wanted!r} expected, found {token[1]!r}")
        self.at += 1
        return token

    def node(self, op: str, parts: int, *payload: list[int]) -> list[int]:
        """Put a head before the parts."""
        body = [word for part in payload for word in part]
        return [self.names.ops[op] | parts << 8, len(body) + 2, *body]

    def alternatives(self) -> list[int]:
        """item ('|' item)*."""
        items = [self.item()]
        while self.peek() == "|":
            self.take()
            items.append(self.item())
        return items[0] if len(items) == 1 else self.node("alternatives", len(items), *items)

    def item(self) -> list[int]:
        """One item of a pattern."""
        kind, word = self.take()
        if kind == "text":
            return self.node("text", 1, [self.literal(word)])
        if kind == "octets":
            return self.node("octets", 1, [self.literal(word[1:])])
        if kind == "number":
            return self.interval(int(word), int(word))
        if kind == "range":
            low, high = word[4:-1].split("..")
            return self.interval(int(low), int(high))
        if word in "([":
            return self.fixed(word)
        if kind == "name":
            return self.named(word)
        raise ContractError(f"{self.source!r}: {word!r} not expected")

    def literal(self, quoted: str) -> int:
        """Give the number of a text from its quoted form."""
        raw = quoted[1:-1].encode("ascii").decode("unicode_escape")
        return self.names.text(raw.encode("latin1"))

    def interval(self, low: int, high: int) -> list[int]:
        """An int within two inclusive bounds."""
        mask = 0xFFFFFFFF
        parts = [low & mask, (low >> 32) & mask, high & mask, (high >> 32) & mask]
        return self.node("range", 1, parts)

    def fixed(self, opening: str) -> list[int]:
        """A tuple or list, item by item."""
        closing, mask = (")", TUPLE) if opening == "(" else ("]", LIST)
        parts: list[list[int]] = []
        while self.peek() != closing:
            words = self.alternatives()
            modifier = ONE
            if self.peek() in ("?", "*"):
                modifier = OPTIONAL if self.take()[1] == "?" else REPEAT
            parts.append([modifier, *words])
            if self.peek() != closing:
                self.take(",")
        self.take(closing)
        return self.node("sequence", len(parts), [mask], *parts)

    def named(self, word: str) -> list[int]:
        """A word, a word with parameters or a named pattern."""
        if word.startswith("$"):
            source = self.names.patterns.get(word[1:])
            if source is None:
                raise ContractError(f"{self.source!r}: no pattern {word}")
            return Parser(source, self.names, self.depth + 1).parse()
        if word in SIMPLE and not (word in BOUNDED and self.peek() == "<"):
            return self.node(SIMPLE[word], 0)
        if word == "pairs":
            return Parser("seq<(hashable, any) | [hashable, any]>", self.names, self.depth).parse()
        if word == "attrs" and self.peek() != "<":
            return self.node("attrs", 0)
        self.take("<")
        if word in COLLECTIONS:
            words = self.node("collection", 1, [COLLECTIONS[word]], self.alternatives())
        elif word == "dict":
            key = self.alternatives()
            self.take(",")
            words = self.node("mapping", 2, key, self.alternatives())
        elif word in BOUNDED:
            words = self.node("at_most", BOUNDED[word], [int(self.take()[1])])
        elif word == "elements":
            words = self.numbers(word, self.literal)
        elif word == "chars":
            (text,) = self.listed()
            octets = text.startswith("b")
            words = self.node(word, 0 if octets else 1, [self.literal(text.removeprefix("b"))])
        elif word == "attrs":
            words = self.entries()
        elif word in ("both", "when"):
            first = self.alternatives()
            self.take(",")
            words = self.node(word, 2, first, self.alternatives())
        elif word in ("made", "built"):
            number = self.names.type(self.take()[1])
            self.take(",")
            words = self.node(word, 1, [number], self.alternatives())
        elif word == "filled":
            number = self.names.type(self.take()[1])
            self.take(",")
            key = self.alternatives()
            self.take(",")
            words = self.node(word, 1, [number], key, self.alternatives())
        elif word == "ref":
            words = self.numbers("ref", self.names.rank)
        elif word in ("object", "empty"):
            words = self.numbers(word, self.names.type)
        else:
            raise ContractError(f"{self.source!r}: unknown word {word!r}")
        self.take(">")
        return words

    def entries(self) -> list[int]:
        """Attribute names: forbidden ones, and ones with a type."""
        never = self.node("alternatives", 0)
        found: list[tuple[int, list[int]]] = []
        while True:
            kind, text = self.take()
            if kind != "text":
                raise ContractError(f"{self.source!r}: a name expected, found {text!r}")
            pattern = never
            if self.peek() == ":":
                self.take()
                pattern = self.alternatives()
            found.append((self.literal(text), pattern))
            if self.peek() != ",":
                break
            self.take()
        if all(pattern is never for _, pattern in found):
            return self.node("attrs", len(found), [text for text, _ in found])
        return self.node("fields", len(found), *([text, *pattern] for text, pattern in found))

    def numbers(self, op: str, lookup: Callable[[str], int]) -> list[int]:
        """A list of names as their numbers."""
        found = [lookup(name) for name in self.listed()]
        return self.node(op, len(found), found)

    def listed(self) -> list[str]:
        """Tokens with commas between them."""
        out = [self.take()[1]]
        while self.peek() == ",":
            self.take()
            out.append(self.take()[1])
        return out


def compile_contract(source: str, names: Names) -> list[int]:
    """Give the words of a contract."""
    return Parser(source, names).parse()
