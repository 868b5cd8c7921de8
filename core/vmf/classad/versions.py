"""Functions that compare versions: digits by the number they are, everything else by its bytes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from vmf.classad.arity import takes
from vmf.classad.conversions import as_text, encoded
from vmf.classad.scope import Function, Scope, Value
from vmf.classad.values import ERROR, UNDEFINED, Undefined

_DIGITS: Final = re.compile(rb"[0-9]*")
_END: Final = b"\0"


def compare(left: str, right: str) -> int:
    """Below 0, 0 or above 0, as the left version is older than, is, or is newer than the right; as `strverscmp(3)`.

    Where digits differ, the longer number is the larger; of numbers with leading zeros, the one with more is smaller,
    as if a point stood before them.
    """
    one, other = encoded(left) + _END, encoded(right) + _END
    if one == other:
        return 0
    differs = next(place for place, (here, there) in enumerate(zip(one, other, strict=False)) if here != there)
    byte = _signed(one[differs]) - _signed(other[differs])
    start = differs
    while start and one[start - 1 : start].isdigit():
        start -= 1
    if start == differs and not (one[differs : differs + 1].isdigit() and other[differs : differs + 1].isdigit()):
        return byte
    first, second = (_DIGITS.match(raw, start)[0] for raw in (one, other))  # type: ignore[index]  # it always matches
    zeros, others = _leading_zeros(first), _leading_zeros(second)
    if zeros != others:
        return others - zeros
    return byte if zeros or len(first) == len(second) else len(first) - len(second)


def _leading_zeros(digits: bytes) -> int:
    """How many zeros lead a number; one that is the number's only digit left is no leading one."""
    zeros = len(digits) - len(digits.lstrip(b"0"))
    return zeros - 1 if zeros and zeros == len(digits) else zeros


def _signed(byte: int) -> int:
    return byte - 256 if byte > 127 else byte  # noqa: PLR2004  # a char of C


def _relation(holds: Callable[[int], Value]) -> Function:
    @takes(2, 2)
    def function(_scope: Scope, left: Value, right: Value) -> Value:
        if isinstance(left, Undefined) or isinstance(right, Undefined):
            return UNDEFINED
        one, other = as_text(left), as_text(right)
        return holds(compare(one, other)) if isinstance(one, str) and isinstance(other, str) else ERROR

    return function


@takes(3, 3)
def _version_in_range(_scope: Scope, version: Value, least: Value, most: Value) -> Value:
    if isinstance(least, Undefined) or isinstance(most, Undefined):
        return UNDEFINED
    match as_text(version), as_text(least), as_text(most):
        case (str() as middle, str() as low, str() as high):
            return compare(low, middle) <= 0 and compare(middle, high) <= 0
        case _:
            return ERROR


EAGER: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "versioncmp": _relation(int),
        "versionle": _relation(lambda order: order <= 0),
        "versionlt": _relation(lambda order: order < 0),
        "versionge": _relation(lambda order: order >= 0),
        "versiongt": _relation(lambda order: order > 0),
        "versioneq": _relation(lambda order: order == 0),
        "version_in_range": _version_in_range,
    }
)
