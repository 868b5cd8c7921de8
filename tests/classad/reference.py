"""What the reference implementation (`classad2`) answers, in our values, as HTCondor's daemons would, and in UTC.

A list's and a record's elements are evaluated by the reference as well, so that answers compare as plain data.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
import re
import time
from typing import Final, TypeAlias

import classad2

from vmf.classad.values import ERROR, UNDEFINED, AbsTime, RelTime, Scalar

# The reference knows the local zone from its process alone.
os.environ["TZ"] = "UTC"
time.tzset()
# The first nested ad that is converted flips the whole process to the semantics of HTCondor's daemons, for good.
classad2.ExprTree("[a = 1]").eval(classad2.ClassAd(), classad2.ClassAd())

Answer: TypeAlias = Scalar | list["Answer"] | dict[str, "Answer"]

FAILED: Final = "the reference gave up"
"""Not a value of the language: the reference's evaluation itself failed, as that of `random(0)` does."""

DEEPEST: Final = 4
"""Records can hold themselves; below this depth an element is not looked at."""

_ZONE = re.compile(r'absTime\("\d+-\d\d-\d\dT\d\d:\d\d:\d\d([+-])(\d+):(\d\d)"\)')
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_NAMED = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


class Refused(Exception):
    """The reference does not parse a text."""


def parses(text: str) -> bool:
    """Whether the reference takes a text for one expression.

    It is given the text between two kinds of brackets, because it has no way in for a bare expression: what is
    accepted between both cannot have closed them.
    """
    try:
        parsed(text)
        parsed(f"(\n{text}\n)")
    except Refused:
        return False
    return True


def parsed(text: str) -> classad2.ExprTree:
    """An expression's tree; a comment may end it. Raises: Refused."""
    return ad(f"[expression = {text}\n]").lookup("expression")


@functools.lru_cache(maxsize=4096)
def ad(text: str) -> classad2.ClassAd:
    """An ad in new syntax. Raises: Refused."""
    try:
        return classad2.ClassAd(text)
    except (classad2.ClassAdException, SyntaxError, ValueError) as error:
        raise Refused(text) from error


def evaluate(text: str, my: str = "[]", target: str | None = None) -> Answer:
    """What an expression is worth for the ad `my`, matched with the ad `target`; FAILED, if the reference gives up.

    Raises: Refused.
    """
    return _evaluate(text, ad(my), None if target is None else ad(target), DEEPEST)


def unparsed(text: str) -> str:
    """An expression's text as the language's `unparse()` shows it. Raises: Refused."""
    return str(parsed(text))


def same(ours: Answer, theirs: Answer) -> bool:
    """Whether two answers are one: of the same type, NaN being NaN, and -0.0 not 0.0; names in any order."""
    if type(ours) is not type(theirs):
        return False
    match ours, theirs:
        case (float(), float()):
            return repr(ours) == repr(theirs)
        case (RelTime(), RelTime()):
            return same(ours.seconds, theirs.seconds)
        case (list(), list()):
            return len(ours) == len(theirs) and all(map(same, ours, theirs))
        case (dict(), dict()):
            return ours.keys() == theirs.keys() and all(same(ours[name], theirs[name]) for name in ours)
    return ours is theirs or ours == theirs


def _evaluate(text: str, my: classad2.ClassAd, target: classad2.ClassAd | None, depth: int) -> Answer:
    tree = parsed(text)
    try:
        value = tree.eval(my, target)
    except UnicodeDecodeError:
        return _undecodable(str(tree.simplify(my, target)))
    except classad2.ClassAdException:
        return FAILED
    if isinstance(value, list):
        # Spelt as a subscript, so that the reference finds the element's scope itself.
        return [_element(f"({text})[{index}]", my, target, depth) for index in range(len(value))]
    if isinstance(value, classad2.ClassAd):
        # Not as `["name"]`: lists and records that come so have lost their scope, and of these some crash.
        return {name: _element(f"({text}).{_quoted(name)}", my, target, depth) for name in value}
    return _scalar(value, tree, my, target)


def _element(text: str, my: classad2.ClassAd, target: classad2.ClassAd | None, depth: int) -> Answer:
    return _evaluate(text, my, target, depth - 1) if depth else UNDEFINED


def _quoted(name: str) -> str:
    escaped = name.replace("\\", r"\\").replace("'", r"\'")
    return f"'{escaped}'"


def _scalar(value: object, tree: classad2.ExprTree, my: classad2.ClassAd, target: classad2.ClassAd | None) -> Scalar:
    if isinstance(value, classad2.Value):
        return UNDEFINED if value is classad2.Value.Undefined else ERROR
    if isinstance(value, float):
        # In Python both a real and a span of time are a float: only their text tells.
        return RelTime(value) if str(tree.simplify(my, target)).startswith("relTime") else value
    if isinstance(value, dt.datetime):
        sign, hours, minutes = _ZONE.fullmatch(str(tree.simplify(my, target))).groups()
        offset = 3600 * int(hours) + 60 * int(minutes)
        return AbsTime(int(value.timestamp()), -offset if sign == "-" else offset)
    return value


def _undecodable(text: str) -> str:
    """A string whose bytes are not UTF-8, from the reference's literal, which shows such bytes as octal escapes."""

    def plain(escape: re.Match[bytes]) -> bytes:
        code = escape[1]
        return bytes([int(code, 8)]) if len(code) == 3 else _NAMED.get(code, code)

    return _ESCAPE.sub(plain, text[1:-1].encode()).decode("utf-8", "surrogateescape")
