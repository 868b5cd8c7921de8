"""One type from another, `int real string bool`, and what type a value is, `isString` and its kin.

Other functions convert their arguments with what is here. Numbers that the reference would silently cut to fewer bits
are ERROR.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from vmf.classad.arity import takes
from vmf.classad.literals import show_moment, show_span
from vmf.classad.scope import Element, Function, ListValue, RecordValue, Scope, Value
from vmf.classad.tree import ListOf, Node, Record
from vmf.classad.unparsing import COMPACT, unparse
from vmf.classad.values import ERROR, UNDEFINED, AbsTime, Error, RelTime, Undefined

_LONG: Final = 2**63
_INT: Final = 2**31

_NUMBER: Final = re.compile(
    r"""[ \t\n\v\f\r]*
    (?P<number>[+-]?(?:
        (?P<hexadecimal>0x (?:[0-9a-f]+\.?[0-9a-f]* | \.[0-9a-f]+) (?:p[+-]?[0-9]+)?)
        | (?:[0-9]+\.?[0-9]* | \.[0-9]+) (?:e[+-]?[0-9]+)?
        | inf(?:inity)? | nan
    ))""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)


def encoded(text: str) -> bytes:
    """A string's bytes: what the language counts, cuts and compares."""
    return text.encode("utf-8", "surrogateescape")


def decoded(raw: bytes) -> str:
    """The string of bytes, whether or not they are UTF-8."""
    return raw.decode("utf-8", "surrogateescape")


def as_real(value: Value) -> float | Undefined | Error:
    """A number, from whatever begins with one or counts seconds."""
    match value:
        case str():
            return _leading(value)
        case bool() | int() | float():
            return float(value)
        case AbsTime():
            return float(value.seconds)
        case RelTime():
            seconds = short(value.seconds)
            return float(seconds) if isinstance(seconds, int) else seconds
        case Undefined():
            return UNDEFINED
        case _:
            return ERROR


def as_integer(value: Value) -> int | Undefined | Error:
    """A whole number, towards zero; ERROR beyond 64 bits."""
    if isinstance(value, int):
        return int(value)
    number = as_real(value)
    return whole(number) if isinstance(number, float) else number


def as_text(value: Value) -> str | Undefined | Error:
    """A string as it is, and of anything else its text."""
    match value:
        case str() | Undefined() | Error():
            return value
        case AbsTime():
            return show_moment(value)
        case RelTime():
            seconds = short(value.seconds)
            return show_span(RelTime(seconds)) if isinstance(seconds, int) else seconds
        case _:
            return unparse(as_tree(value), COMPACT)


def as_tree(element: Element) -> Node:
    """What a value would be written as."""
    match element:
        case ListValue():
            return ListOf(tuple(map(as_tree, element.items)))
        case RecordValue():
            return Record(tuple((name, as_tree(field)) for name, field in element.scope.record.items()))
        case _:
            return element


def whole(number: float) -> int | Error:
    """A number without its part behind the point; ERROR if it does not fit 64 bits."""
    return int(number) if -_LONG <= number < _LONG else ERROR


def short(number: float) -> int | Error:
    """A number without its part behind the point; ERROR if it does not fit 32 bits, where the reference has no more."""
    return int(number) if -_INT <= number < _INT else ERROR


def _leading(text: str) -> float | Error:
    found = _NUMBER.match(text)
    if found is None:
        return ERROR
    if found["hexadecimal"] is None:
        return float(found["number"])
    try:
        return float.fromhex(found["number"])
    except OverflowError:
        return math.copysign(math.inf, -1 if found["number"].startswith("-") else 1)


@takes(1, 1)
def _int(_scope: Scope, value: Value) -> Value:
    return as_integer(value)


@takes(1, 1)
def _real(_scope: Scope, value: Value) -> Value:
    return as_real(value)


@takes(1, 1)
def _string(_scope: Scope, value: Value) -> Value:
    return as_text(value)


@takes(1, 1)
def _bool(_scope: Scope, value: Value) -> Value:
    match value:
        case str():
            return {"true": True, "false": False}.get(value.lower(), UNDEFINED)
        case bool() | int() | float():
            return value != 0
        case RelTime():
            return not abs(value.seconds) < 1
        case Undefined():
            return UNDEFINED
        case _:
            return ERROR


def _is(*types: type) -> Function:
    @takes(1, 1)
    def test(_scope: Scope, value: Value) -> Value:
        return type(value) in types  # not isinstance: a bool is no integer here

    return test


EAGER: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "int": _int,
        "real": _real,
        "string": _string,
        "bool": _bool,
        "isundefined": _is(Undefined),
        "iserror": _is(Error),
        "isboolean": _is(bool),
        "isinteger": _is(int),
        "isreal": _is(float),
        "isstring": _is(str),
        "isabstime": _is(AbsTime),
        "isreltime": _is(RelTime),
        "islist": _is(ListValue),
        "isclassad": _is(RecordValue),
    }
)
