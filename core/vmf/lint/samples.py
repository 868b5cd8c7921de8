"""A few values that stand for all that an attribute can have, as far as comparisons with some constants tell.

Between two constants that are neighbours all numbers compare alike, and so do all texts; `=?=` also tells letters' case
and whole numbers from reals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product
from types import MappingProxyType
from typing import Final

from vmf.classad import ERROR, UNDEFINED, AbsTime, Node, RelTime, Scalar
from vmf.classad.operators import folded
from vmf.classad.tree import ListOf, Record
from vmf.classad.values import Error, Undefined

LONGEST: Final = 200
"""Characters of a text that can be a constant."""
_EXACT: Final = 2.0**53
"""From here on reals do not tell whole numbers apart."""


def is_told_apart(value: Scalar) -> bool:
    """Whether samples can be chosen for an attribute that is compared with this constant."""
    match value:
        case Undefined() | Error():
            return True
        case str():
            return len(value) <= LONGEST
        case bool() | int() | float():
            return abs(value) < _EXACT
    return False


def samples(kind: type | None, constants: Sequence[Scalar]) -> Iterator[Node]:
    """Values of an attribute of a type, None for any, that is compared with some constants."""
    if kind:
        yield from _KINDS[kind](constants)
        return
    yield from (UNDEFINED, ERROR, ListOf(()), Record(()), AbsTime(0, 0), RelTime(0.0))
    for each in _KINDS.values():
        yield from each(constants)


def _truths(_constants: Sequence[Scalar]) -> Iterator[bool]:
    yield from (True, False)


def _whole(constants: Sequence[Scalar]) -> Iterator[int]:
    for each in _numbers(constants):
        yield from {math.ceil(each) - 1, math.floor(each), math.floor(each) + 1}


def _reals(constants: Sequence[Scalar]) -> Iterator[float]:
    yield math.nan
    for each in _numbers(constants):
        yield from (math.nextafter(each, -math.inf), float(each), math.nextafter(each, math.inf))


def _numbers(constants: Sequence[Scalar]) -> set[int | float]:
    """The numbers among constants; 0 always is one, for it is false."""
    return {0, *(each for each in constants if isinstance(each, bool | int | float))}


def _texts(constants: Sequence[Scalar]) -> Iterator[str]:
    alike: dict[bytes, list[str]] = {}
    for each in {each for each in constants if isinstance(each, str)}:
        alike.setdefault(folded(each), []).append(each)
    yield ""
    for texts in alike.values():
        yield from texts
        yield from islice(_spellings(texts[0]), len(texts) + 1)  # at least one is none of them, if there is one
        yield f"{texts[0]}\1"  # the next text: nothing lies between


def _spellings(text: str) -> Iterator[str]:
    """A text in capital and small letters of all patterns."""
    letters = [dict.fromkeys((each.upper(), each.lower()) if each.isascii() else each) for each in text]
    return map("".join, product(*letters))


_KINDS: Final[Mapping[type, Callable[[Sequence[Scalar]], Iterator[Node]]]] = MappingProxyType(
    {bool: _truths, int: _whole, float: _reals, str: _texts}
)
