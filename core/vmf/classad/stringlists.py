"""Functions of lists that are written as one string: `"a, b, c"`.

Items stand between any of the separators, without the spaces around them; items of nothing are none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from vmf.classad.arity import takes
from vmf.classad.conversions import as_real, decoded, encoded, whole
from vmf.classad.scope import Function, Scope, Value
from vmf.classad.values import ERROR, UNDEFINED, Error, Undefined

SEPARATORS: Final = ", "
_MEMBER_SEPARATORS: Final = ", \t\r\n"
_SPACE: Final = b" \t\n\v\f\r"
_WHOLE: Final = frozenset(b"+-0123456789")
_FLT_MIN: Final = 2.0**-126
_FLT_MAX: Final = 2.0**128 - 2.0**104


def items_of(text: str, separators: str) -> list[bytes]:
    """The items of a string list."""
    return [item for piece in _pieces(text, separators) if (item := piece.strip(_SPACE))]


def _pieces(text: str, separators: str) -> list[bytes]:
    cuts = encoded(separators)
    return encoded(text).translate(bytes.maketrans(cuts, bytes(len(cuts)))).split(b"\0")


@takes(1, 2)
def _size(_scope: Scope, text: Value, separators: Value = SEPARATORS) -> Value:
    return len(items_of(text, separators)) if isinstance(text, str) and isinstance(separators, str) else ERROR


def _summary(summarize: Callable[[Sequence[float]], float | Error], *, nothing: Value) -> Function:
    """One number of many, whole if all are written as whole numbers; `nothing` if there are none."""

    @takes(1, 2)
    def function(_scope: Scope, text: Value, separators: Value = SEPARATORS) -> Value:
        if not isinstance(text, str) or not isinstance(separators, str):
            return ERROR
        items = items_of(text, separators)
        numbers = [number for item in items if isinstance(number := as_real(decoded(item)), float)]
        if not items:
            return nothing
        summary = summarize(numbers) if len(numbers) == len(items) else ERROR
        all_whole = all(_WHOLE.issuperset(item) for item in items)
        return whole(summary) if all_whole and isinstance(summary, float) else summary

    return function


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)


def _least(numbers: Sequence[float]) -> float | Error:
    """The smallest; ERROR above what the reference takes for the largest number that there is."""
    least = min(numbers)
    return least if least <= _FLT_MAX else ERROR


def _most(numbers: Sequence[float]) -> float | Error:
    """The largest; ERROR below what the reference takes for the smallest number that there is."""
    most = max(numbers)
    return most if most >= _FLT_MIN or most == 0 else ERROR


_Case: TypeAlias = Callable[[bytes], bytes]


def _member(case: _Case) -> Function:
    """Whether a string is one of the items."""
    return _relation(lambda text, items, separators: case(encoded(text)) in set(map(case, items_of(items, separators))))


def _subset(case: _Case) -> Function:
    """Whether all items of a list are among those of another; that of an empty string are, those of a space are not."""

    def holds(text: str, items: str, separators: str) -> bool:
        wanted, there = (set(map(case, items_of(items, separators))) for items in (text, items))
        return not text or (bool(wanted) and wanted <= there)

    return _relation(holds)


def _relation(holds: Callable[[str, str, str], bool]) -> Function:
    """What holds of a string and a string list; one of the two that is UNDEFINED is empty."""

    @takes(2, 3)
    def function(_scope: Scope, text: Value, items: Value, separators: Value = _MEMBER_SEPARATORS) -> Value:
        match (_defined(text, ""), _defined(items, ""), _defined(separators, _MEMBER_SEPARATORS)):
            case (str() as one, str() as many, str() as cuts):
                both = isinstance(text, Undefined) and isinstance(items, Undefined)
                return UNDEFINED if both else holds(one, many, cuts)
            case _:
                return ERROR

    return function


def _defined(value: Value, otherwise: str) -> Value:
    return otherwise if isinstance(value, Undefined) else value


@takes(2, 3)
def _intersect(_scope: Scope, one: Value, other: Value, separators: Value = SEPARATORS) -> Value:
    """Whether two lists have an item in common; here the spaces around an item are its own."""
    arguments = (one, other, separators)
    if any(isinstance(argument, Error) for argument in arguments):
        return ERROR
    if any(isinstance(argument, Undefined) for argument in arguments):
        return UNDEFINED
    match arguments:
        case (str() as first, str() as second, str() as cuts):
            common = set(_pieces(first, cuts or SEPARATORS)) & set(_pieces(second, cuts or SEPARATORS))
            return bool(common - {b""})
        case _:
            return ERROR


EAGER: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "stringlistsize": _size,
        "stringlistsum": _summary(sum, nothing=0.0),
        "stringlistavg": _summary(_mean, nothing=0.0),
        "stringlistmin": _summary(_least, nothing=UNDEFINED),
        "stringlistmax": _summary(_most, nothing=UNDEFINED),
        "stringlistmember": _member(bytes),
        "stringlistimember": _member(bytes.lower),
        "stringlistsubsetmatch": _subset(bytes),
        "stringlistisubsetmatch": _subset(bytes.lower),
        "stringlistsintersect": _intersect,
    }
)
