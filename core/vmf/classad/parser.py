"""From text to trees: an expression, or an ad in new syntax."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from sys import intern
from typing import Final

from vmf.classad import lexer
from vmf.classad.ad import Ad
from vmf.classad.grammar import Parser, line, record
from vmf.classad.lexer import RESERVED, ClassAdSyntaxError
from vmf.classad.tree import Node

__all__ = ["ClassAdSyntaxError", "parse", "parse_ad", "parse_line", "parse_shared"]

_OPEN = re.compile(r"\s*+\[", re.ASCII)
_LONGEST_SHARED = 4096
_INTEGER = r"-?(?:0|[1-9]\d{0,17})"
_EXPRESSION = rf"""(?:[^]["';/\0]++|/(?![/*])|{lexer.STRING})++"""
_FIELD = (
    rf'\s*+({lexer.NAME})\s*+=\s*+(?:({_INTEGER})|({_INTEGER}\.\d++)|"([^"\\\0]*+)"|({_EXPRESSION}))'
    r"\s*+(?:;|(?=\]))\s*+(?:\]\s*+\Z)?"
)
"""An attribute with a number, a string, or an expression without quoted names, brackets and comments, compiled late."""


def parse(text: str) -> Node:
    """The tree of one expression.

    Raises:
        ClassAdSyntaxError: it is none, or nests too deep, or is too long.
    """
    parser = Parser(lexer.fit(text, "expression"), "expression")
    return parser.whole(Parser.expression)


def parse_shared(text: str) -> Node:
    """The same; one tree for all that write the same, for ten thousand hosts have one policy.

    Raises:
        ClassAdSyntaxError: as above.
    """
    return _shared(text) if len(text) <= _LONGEST_SHARED else parse(text)


def parse_ad(text: str) -> Ad:
    """An ad in new syntax, `[ a = 1; b = a + 1 ]`.

    Raises:
        ClassAdSyntaxError: it is none, or nests too deep, or is too long.
    """
    text = lexer.fit(text, "ad")
    return _usual(text) or Ad(Parser(text, "ad").whole(record).fields)


def parse_line(text: str) -> tuple[str, Node]:
    """An attribute in old syntax, `a = 1`: its name and its tree.

    Raises:
        ClassAdSyntaxError: it is none, or nests too deep, or is too long.
    """
    (attribute,) = Parser(lexer.fit(text, "ad"), "ad", lexer.OLD).whole(line).fields
    return attribute


def _usual(text: str) -> Ad | None:
    """An ad as almost all are written, an attribute at a step; None if the grammar must look."""
    opened = _OPEN.match(text)
    if not opened or not text.rstrip(" \t\n\v\f\r").endswith("]"):
        return None
    field, place = re.compile(_FIELD, re.ASCII | re.DOTALL), opened.end()
    pairs = list[tuple[str, Node]]()
    while found := field.match(text, place):
        kind = found.lastindex or 0
        try:
            pairs.append((found[1], _READERS[kind](found[kind])))
        except ClassAdSyntaxError:
            return None
        place = found.end()
    ad = Ad(pairs)
    return ad if place == len(text) and RESERVED.isdisjoint(ad.fields) else None


@functools.lru_cache(maxsize=1024)
def _shared(text: str) -> Node:
    return parse(text)


_READERS: Final[Mapping[int, Callable[[str], Node]]] = {2: int, 3: float, 4: intern, 5: parse_shared}
"""What makes a value of each group of `_FIELD`."""
