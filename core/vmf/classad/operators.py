"""The operators on values, as tables from the operands' types to what is done with them.

What a table does not have goes by the rule of strict operators: ERROR if there is one, else UNDEFINED if there is one,
else ERROR, because the types do not fit. Numbers are the reference's: integers wrap at 64 bits, and a sum, product or
quotient of plus infinity is ERROR. Logical operators are not here: they do not always look at their right side.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any, Final, TypeAlias

from vmf.classad.scope import ListValue, RecordValue, Value
from vmf.classad.values import ERROR, UNDEFINED, AbsTime, Error, RelTime, Undefined

Operation: TypeAlias = Callable[[Any, Any], Value]
Table: TypeAlias = Mapping[tuple[type, type], Operation]

_WHOLE: Final = (bool, int)
_WRAP: Final = 1 << 64
_MAX: Final = (1 << 63) - 1
_SHIFT_MASK: Final = 63
"""A shift takes the lowest six bits of its count, as the processors do that the reference runs on."""


def unlike(left: Value, right: Value) -> Value:
    """What a strict operator answers to operands that it has no meaning for."""
    if left is ERROR or right is ERROR:
        return ERROR
    return UNDEFINED if left is UNDEFINED or right is UNDEFINED else ERROR


def truth(value: Value) -> Value:
    """A value as the logical operators take it: true, false, UNDEFINED or ERROR. Numbers but 0 are true, NaN too."""
    kind = type(value)
    if kind is bool or kind is Undefined:
        return value
    return value != 0 if kind is int or kind is float else ERROR


def wrapped(number: int) -> int:
    """A whole number in 64 bits."""
    return (number + _MAX + 1) % _WRAP - _MAX - 1


def folded(text: str) -> bytes:
    """A text as it compares without case: its bytes, with ASCII's letters small."""
    return text.encode("utf-8", "surrogateescape").lower()


def identical(left: Value, right: Value) -> Value:
    """`=?=`: the same type and the same value; strings with their case, moments with their zone."""
    kind = type(left)
    if kind is not type(right):
        return False
    if kind is ListValue or kind is RecordValue:
        return ERROR
    if isinstance(left, RelTime) and isinstance(right, RelTime):
        return left.seconds == right.seconds  # msgspec takes a NaN for itself
    return left == right


def _different(left: Value, right: Value) -> Value:
    same = identical(left, right)
    return ERROR if same is ERROR else not same


def _finite(operation: Callable[[float, float], float]) -> Operation:
    """An operation on reals. Only plus infinity is refused: so does the reference."""

    def run(left: float, right: float) -> Value:
        answer = operation(float(left), float(right))
        return ERROR if answer == math.inf else answer

    return run


def _whole(operation: Callable[[int, int], int]) -> Operation:
    return lambda left, right: wrapped(operation(left, right))


def _divided(left: float, right: float) -> float:
    """A quotient by the rules of IEEE 754, which Python's division refuses to follow for 0."""
    if right:
        return left / right
    if math.isnan(left) or not left:
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1, right)


def _quotient(left: int, right: int) -> Value:
    """Truncated towards 0; the one quotient that 64 bits cannot hold is the largest number."""
    if not right:
        return ERROR
    magnitude = abs(left) // abs(right)
    return min(magnitude if (left < 0) == (right < 0) else -magnitude, _MAX)


def _remainder(left: int, right: int) -> Value:
    """With the dividend's sign."""
    if not right:
        return ERROR
    magnitude = abs(left) % abs(right)
    return -magnitude if left < 0 else magnitude


def _span(time: RelTime) -> int:
    """A span in whole seconds, as the reference adds it to a moment: in 32 bits, all others being the smallest."""
    seconds = time.seconds
    smallest = -(1 << 31)
    return int(seconds) if smallest - 1 < seconds < -smallest else smallest


def _moved(time: AbsTime, seconds: int) -> AbsTime:
    return AbsTime(seconds=wrapped(time.seconds + seconds), offset=time.offset)


def _shifted_right(left: int, right: int) -> int:
    if left < 0:
        return left >> min(max(right, 0), 64)
    return left >> (right & _SHIFT_MASK)


def _shifted_right_unsigned(left: int, right: int) -> int:
    """A negative number loses its sign in a first step of one bit, and the rest of the way is the count's rest."""
    if left < 0:
        return ((left >> 1) & _MAX) >> ((right - 1) & _SHIFT_MASK)
    return left >> (right & _SHIFT_MASK)


def _numbers(whole: Operation | None, real: Operation | None) -> dict[tuple[type, type], Operation]:
    """A table of numbers: whole with whole, and the rest as reals; booleans are 0 and 1."""
    rows = dict.fromkeys(product(_WHOLE, _WHOLE), whole)
    rows |= {pair: real for pair in product((*_WHOLE, float), (*_WHOLE, float)) if float in pair}
    return {pair: operation for pair, operation in rows.items() if operation is not None}


def _comparison(compare: Callable[[Any, Any], bool]) -> Table:
    return {
        **_numbers(compare, lambda left, right: compare(float(left), float(right))),
        (str, str): lambda left, right: compare(folded(left), folded(right)),
        (AbsTime, AbsTime): lambda left, right: compare(left.seconds, right.seconds),
        (RelTime, RelTime): lambda left, right: compare(left.seconds, right.seconds),
    }


_ADDITION: Table = {
    **_numbers(_whole(operator.add), _finite(operator.add)),
    (AbsTime, RelTime): lambda left, right: _moved(left, _span(right)),
    (RelTime, AbsTime): lambda left, right: _moved(right, _span(left)),
    (RelTime, RelTime): lambda left, right: RelTime(left.seconds + right.seconds),
}
_SUBTRACTION: Table = {
    **_numbers(_whole(operator.sub), _finite(operator.sub)),
    (AbsTime, AbsTime): lambda left, right: RelTime(float(left.seconds - right.seconds)),
    (AbsTime, RelTime): lambda left, right: _moved(left, -_span(right)),
    (RelTime, RelTime): lambda left, right: RelTime(left.seconds - right.seconds),
}
_MULTIPLICATION: Table = {
    **_numbers(_whole(operator.mul), _finite(operator.mul)),
    **dict.fromkeys(product([RelTime], [int, float]), lambda left, right: RelTime(left.seconds * float(right))),
    **dict.fromkeys(product([int, float], [RelTime]), lambda left, right: RelTime(float(left) * right.seconds)),
}
_DIVISION: Table = {
    **_numbers(_quotient, _finite(_divided)),
    **dict.fromkeys(
        product([RelTime], [int, float]), lambda left, right: RelTime(_divided(left.seconds, float(right)))
    ),
}


def _strict(table: Table) -> Operation:
    """An operator by its table; `unlike` answers for types that it does not have."""

    def run(left: Value, right: Value) -> Value:
        operation = table.get((type(left), type(right)))
        return unlike(left, right) if operation is None else operation(left, right)

    return run


BINARY: Final[Mapping[str, Operation]] = {
    "+": _strict(_ADDITION),
    "-": _strict(_SUBTRACTION),
    "*": _strict(_MULTIPLICATION),
    "/": _strict(_DIVISION),
    "%": _strict(_numbers(_remainder, None)),
    "<": _strict(_comparison(operator.lt)),
    "<=": _strict(_comparison(operator.le)),
    ">": _strict(_comparison(operator.gt)),
    ">=": _strict(_comparison(operator.ge)),
    "==": _strict(_comparison(operator.eq)),
    "!=": _strict(_comparison(operator.ne)),
    "=?=": identical,
    "=!=": _different,
    "&": _strict({(int, int): operator.and_}),
    "^": _strict({(int, int): operator.xor}),
    "|": _strict({(int, int): operator.or_}),
    "<<": _strict({(int, int): lambda left, right: wrapped(left << (right & _SHIFT_MASK))}),
    ">>": _strict({(int, int): _shifted_right}),
    ">>>": _strict({(int, int): _shifted_right_unsigned}),
}
"""What the operators between two operands do with their values. `&&`, `||` and `?:` do not always want both."""

_SAME: Final[Mapping[type, Callable[[Any], Value]]] = {Undefined: lambda _: UNDEFINED, Error: lambda _: ERROR}

_UNARY: Final[Mapping[str, Mapping[type, Callable[[Any], Value]]]] = {
    "-": {
        **_SAME,
        int: lambda value: wrapped(-value),
        float: operator.neg,
        RelTime: lambda value: RelTime(-value.seconds),
    },
    "+": {**_SAME, int: operator.pos, float: operator.pos, RelTime: lambda value: value},
    "!": {**_SAME, **dict.fromkeys((bool, int, float), operator.not_)},
    "~": {**_SAME, int: operator.invert},
}


def unary(symbol: str) -> Callable[[Value], Value]:
    """What an operator before an operand does with its value; ERROR if it has no meaning for its type."""
    table = _UNARY[symbol]

    def run(value: Value) -> Value:
        operation = table.get(type(value))
        return ERROR if operation is None else operation(value)

    return run
