"""From text to tokens: plain strings, told apart by how they begin.

Where a token stands is worked out only when it is at fault.
"""

from __future__ import annotations

import re

from vmf.classad import literals
from vmf.errors import Fault, UsageError

SIZE = 1 << 20
"""The longest text of one expression or ad, in characters."""

SPACE = r"(?:\s++|//[^\n\0]*+|/\*(?:[^*\0]|\*(?!/))*+\*/)*+"
"""What may stand between tokens."""
NAME = r"[A-Za-z_]\w*+"
STRING = r'"(?:[^"\\\0]|\\[^\0])*+"'

_QUOTED = STRING.replace('"', "'")
_REAL = r"(?:\d++\.\d++(?:[eE][+-]?+\d++)?+|\d++[eE][+-]?+\d++|\.\d++(?:[eE][+-]?+\d++)?+)"
_INTEGER = r"(?:0|[1-9]\d*+)(?![\d.eE])"
_MALFORMED = r"\d[\w.]*+"
_TOKEN = re.compile(
    rf"{SPACE}({NAME}|-?+(?:{_REAL}|{_INTEGER}|{_MALFORMED})|{STRING}(?:\s*+{STRING})*+|{_QUOTED}(?:\s*+{_QUOTED})*+"
    r"|=\?=|=!=|==|!=|>>>|>>|>=|<<|<=|&&|\|\||\?\s*+:|/(?!\*)|\Z|.)",
    re.ASCII | re.DOTALL,
)
_NUMBER = re.compile(rf"-?(?:({_REAL})|{_INTEGER})", re.ASCII)
_PIECE = re.compile(f"{STRING}|{_QUOTED}", re.DOTALL)
_WIDEST = 200


class ClassAdSyntaxError(UsageError):
    """A text is not what it should be; `fault` says what, where and what would be."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def tokens(text: str) -> list[str]:
    """The tokens of a text that is fit; the last is empty.

    A number directly after a minus is one token with it: only who reads it knows whether the minus is an operator.
    """
    return _TOKEN.findall(text)


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


def start(text: str, index: int) -> int:
    """Where in a text its token with this index starts."""
    for place, found in enumerate(_TOKEN.finditer(text)):
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
    """A number's value; None if it is malformed."""
    found = _NUMBER.fullmatch(token)
    if found is None:
        return None
    return int(token) if found[1] is None and len(token) <= len(str(-(2**63))) else float(token)


def string(token: str) -> str | None:
    """What a string or quoted name stands for, adjacent ones being one; None if it is not closed, or has a NUL."""
    pieces = _PIECE.findall(token)
    return literals.read_string("".join([piece[1:-1] for piece in pieces])) if pieces else None
