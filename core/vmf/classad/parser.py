"""From text to trees: an expression, or an ad in new syntax."""

from __future__ import annotations

import functools
import re
from sys import intern

from vmf.classad import lexer
from vmf.classad.ad import Ad, fold
from vmf.classad.grammar import RESERVED, Parser, record
from vmf.classad.lexer import ClassAdSyntaxError
from vmf.classad.tree import Node

__all__ = ["ClassAdSyntaxError", "parse", "parse_ad", "parse_line"]

_OPEN = re.compile(r"\s*+\[", re.ASCII)
_FIELD = re.compile(
    rf'\s*+({lexer.NAME})\s*+=\s*+(?:(-?(?:0|[1-9]\d{{0,17}})(\.\d++)?)|"([^"\\\0]*+)"|((?:[^]["\';/\0]|/(?![/*])|{lexer.STRING})++))'
    r"\s*+(?:;|(?=\]))\s*+(\]\s*+\Z)?",
    re.ASCII | re.DOTALL,
)
"""An attribute with an integer, a string, or an expression without quoted names, brackets and comments."""


def parse(text: str) -> Node:
    """The tree of one expression.

    Raises:
        ClassAdSyntaxError: it is none, or nests too deep, or is too long.
    """
    parser = Parser(lexer.fit(text, "expression"), "expression")
    return parser.whole(Parser.expression)


def parse_ad(text: str) -> Ad:
    """An ad in new syntax, `[ a = 1; b = a + 1 ]`.

    Raises:
        ClassAdSyntaxError: it is none, or nests too deep, or is too long.
    """
    text = lexer.fit(text, "ad")
    return Ad(_usual(text) or Parser(text, "ad").whole(record).fields)


def parse_line(text: str) -> tuple[str, Node]:
    """An attribute in old syntax, `a = 1`: its name and its tree.

    Raises:
        ClassAdSyntaxError: it is none, or nests too deep, or is too long.
    """
    return Parser(lexer.fit(text, "ad"), "ad", lexer.OLD).whole(Parser.attribute)


def _usual(text: str) -> list[tuple[str, Node]] | None:
    """The attributes of an ad as almost all are written, an attribute at a step; None if the parser must look."""
    opened = _OPEN.match(text)
    place = opened.end() if opened else len(text)
    pairs = list[tuple[str, Node]]()
    while found := _FIELD.match(text, place):
        name, number, fraction, string, expression, end = found.groups()
        try:
            node = (
                intern(string)
                if string is not None
                else _shared(expression)
                if expression
                else float(number)
                if fraction
                else int(number)
            )
        except ClassAdSyntaxError:
            break
        pairs.append((name, node))
        if end is not None:
            return pairs if RESERVED.isdisjoint([fold(name) for name, _ in pairs]) else None
        place = found.end()
    return None


@functools.lru_cache(maxsize=1024)
def _shared(text: str) -> Node:
    """One tree for all ads that write the same: ten thousand hosts have one policy."""
    return parse(text)
