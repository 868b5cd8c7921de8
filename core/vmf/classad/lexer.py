"""From text to tokens: plain strings, told apart by how they begin.

Where a token stands is worked out only when it is at fault.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from functools import cached_property
from sys import intern
from typing import Final

from vmf.classad import literals
from vmf.classad.ad import fold
from vmf.classad.tree import Node, Reference, Selection
from vmf.classad.values import ERROR, UNDEFINED
from vmf.errors import Fault, UsageError

SIZE = 1 << 20
"""The longest text of one expression or ad, in characters."""

NAME = r"[A-Za-z_]\w*+"
_OPENED = r'"(?:[^"\\\0]|\\[^\0])*+'
STRING = rf'{_OPENED}"'

_OLD_OPENED = r'"(?:[^"\\\0]|\\(?!")|\\"(?=[^\n]))*+(?:\\(?="\Z))?+'
_COMMENT = r"/\*(?:[^*\0]|\*(?!/))*+"
_SPACE = rf"\s*+(?:(?://[^\n\0]*+|{_COMMENT}\*/)\s*+)*+"
_REAL = r"(?:\d++\.\d++(?:[eE][+-]?+\d++)?+|\d++[eE][+-]?+\d++|\.\d++(?:[eE][+-]?+\d++)?+)"
_INTEGER = r"(?:0|[1-9]\d*+)(?!(?!(?i:is|isnt)\b)[\w.])"
_MALFORMED = r"\d[\w.]*+"
_NUMBER = rf"-?(?:({_REAL})|{_INTEGER})"  # compiled by whoever reads the first: most of vmf reads none
_SMALLEST = -(2**63)
_WIDEST = 200


WORDS: Final[dict[str, Node]] = {"true": True, "false": False, "undefined": UNDEFINED, "error": ERROR}
IDENTITY: Final = {"is": "=?=", "isnt": "=!="}
RESERVED: Final = frozenset({*WORDS, *IDENTITY})
"""Words that are no names, in any case, unless they are quoted."""
_LETTERS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
NAMES: Final = _LETTERS | {"'"}
"""What a name begins with, quoted or not."""


class Syntax:
    """What new and old syntax read in their own ways: strings, and names in quotes.

    Its expressions take milliseconds to compile, so that is done when the first text is read.
    """

    def __init__(self, opened: str, joint: str, read: Callable[[str, str], str | None]) -> None:
        """Take how a string begins, what joins two, and what makes a value of what stands between which quotes."""
        self._opened = opened
        self._joint = joint
        self.read = read

    @cached_property
    def token(self) -> re.Pattern[str]:
        """A token, in its only group."""
        # What is opened and not closed is one token to its end: nothing looks for that end again.
        strings = rf'{self._opened}(?:"{self._joint.format(self._opened)})?+'
        return re.compile(
            rf"{_SPACE}({NAME}|(?=[-.\d])-?+(?:{_REAL}|{_INTEGER}|{_MALFORMED})|{strings}|{_single(strings)}"
            rf"|=\?=|=!=|==|!=|>>>|>>|>=|<<|<=|&&|\|\||\?\s*+:|{_COMMENT}|\Z|.)",
            re.ASCII | re.DOTALL,
        )

    @cached_property
    def piece(self) -> re.Pattern[str]:
        """One of the pieces of a token that is a string."""
        return re.compile(f"{self._opened}\"|{_single(self._opened)}'", re.DOTALL)


def _single(pattern: str) -> str:
    return pattern.replace('"', "'")


NEW: Final = Syntax(_OPENED, r'(?:\s*+{}")*+', lambda raw, _quote: literals.read_string(raw))
"""Escapes are C's; adjacent strings are one."""
OLD: Final = Syntax(_OLD_OPENED, "", lambda raw, quote: raw.replace(f"\\{quote}", quote))
"""A backslash means itself, except before a quote that is not the text's last character."""


class ClassAdSyntaxError(UsageError):
    """A text is not what it should be; `fault` says what, where and what would be."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def tokens(text: str, syntax: Syntax) -> list[str]:
    """The tokens of a text that is fit; the last is empty.

    A number directly after a minus is one token with it: only who reads it knows whether the minus is an operator.
    """
    return syntax.token.findall(text)


def fit(text: str, where: str) -> str:
    """The text, with bytes that are not UTF-8 as lone surrogates and nothing else so.

    Raises:
        ClassAdSyntaxError: it is too long, or has what stands for no byte.
    """
    if len(text) > SIZE:
        what = f"it has {len(text)} characters"
        raise ClassAdSyntaxError(Fault(what=what, where=where, hint=f"the longest that is read has {SIZE}"))
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise failure(text, error.start, "this is half a character", where=where) from None


def start(text: str, index: int, syntax: Syntax) -> int:
    """Where in a text its token with this index starts."""
    for place, found in enumerate(syntax.token.finditer(text)):
        if place == index:
            return found.start(1)
    return len(text)


def failure(text: str, offset: int, what: str, *, where: str, hint: str = "") -> ClassAdSyntaxError:
    """What is wrong at an offset into a text."""
    line = text.count("\n", 0, offset) + 1
    begin = text.rfind("\n", 0, offset) + 1
    source = text[begin:].split("\n", 1)[0]
    shown = source if len(source) <= _WIDEST and source.isprintable() else ""
    fault = Fault(what=what, where=where, line=line, column=offset - begin + 1, source=shown, hint=hint)
    return ClassAdSyntaxError(fault)


def number(token: str) -> int | float | None:
    """A number's value; None if it is malformed.

    Raises:
        OverflowError: it is an integer that does not fit into 64 bits.
    """
    found = re.fullmatch(_NUMBER, token, re.ASCII)
    if found is None or found[1]:
        return float(token) if found else None
    # Python itself refuses to read very many digits.
    if len(token) > len(str(_SMALLEST)) or not _SMALLEST <= int(token) < -_SMALLEST:
        raise OverflowError(token)
    return int(token)


def string(token: str, syntax: Syntax) -> str | None:
    """What a string or quoted name stands for, adjacent ones being one; None if it is not closed, or has a NUL."""
    if not syntax.piece.match(token):
        return None
    return syntax.read("".join([piece[1:-1] for piece in syntax.piece.findall(token)]), token[0])


@functools.lru_cache(maxsize=4096)
def leaf(token: str) -> Node | None:
    """A token that is a whole primary: a literal but a string, or a name without quotes."""
    if token[:1] in _LETTERS:
        folded = fold(token)
        return WORDS.get(folded) if folded in RESERVED else Reference(intern(token))
    try:
        return number(token)
    except OverflowError:
        return None


@functools.lru_cache(maxsize=4096)
def scoped(scope: str, name: str) -> Selection | None:
    """`scope.name`, if neither is in need of quotes."""
    of, attribute = leaf(scope), leaf(name)
    return Selection(of, attribute.name) if isinstance(of, Reference) and isinstance(attribute, Reference) else None
