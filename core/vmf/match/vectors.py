"""A value for each host at once, and the language's operators on such values.

They are exact, not nearly so: integers wrap, plus infinity is ERROR, UNDEFINED and ERROR keep their places. What has no
exact form here is None, and is left to the tree.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vmf import classad
from vmf.classad.tree import Binary
from vmf.classad.values import ERROR, UNDEFINED, Error, Undefined

Array: TypeAlias = NDArray[Any]
Mask: TypeAlias = NDArray[np.bool_]

_DEFINED: Final = 0
_UNDEFINED: Final = 1
_ERROR: Final = 2
"""States, in the order in which strict operators let one prevail over another."""

ALL_DEFINED: Final = np.zeros((), np.uint8)
EVERYWHERE: Final = np.ones((), np.bool_)
_STATES: Final[Mapping[type, int]] = {Undefined: _UNDEFINED, Error: _ERROR}
_DTYPES: Final[Mapping[type, type[np.generic]]] = {bool: np.bool_, int: np.int64, float: np.float64}
_LEAST: Final = np.iinfo(np.int64).min
_MOST: Final = np.iinfo(np.int64).max


class Vector(Struct, frozen=True, eq=False):
    """Values of one type, some of them UNDEFINED or ERROR; of shape (hosts,), or () where all are the same.

    Attributes:
        data: bool, int64 or float64; what stands where the state is not 0 means nothing.
        state: 0 where there is a value, 1 for UNDEFINED, 2 for ERROR; `ALL_DEFINED` if it is 0 everywhere.
    """

    data: Array
    state: NDArray[np.uint8] = ALL_DEFINED

    def at(self, places: NDArray[np.intp] | int) -> Vector:
        """The values at these places, in their order; at one place, that one for all hosts."""
        return Vector(self.data[places], self.state if self.state is ALL_DEFINED else self.state[places])


def packed(values: Iterable[classad.Value | None]) -> Vector | None:
    """Values as a vector; None in their midst, an attribute not there, is UNDEFINED.

    Returns:
        None if they are not all of one type that vectors have; the first that is not ends the search.
    """
    kind: type | None = None
    data, states = [], []
    for value in values:
        state = _UNDEFINED if value is None else _STATES.get(type(value), _DEFINED)
        if not state and kind is not type(value):
            if kind or type(value) not in _DTYPES:
                return None
            kind = type(value)
        data.append(0 if state else value)
        states.append(state)
    dtype = _DTYPES[kind or bool]
    return Vector(np.array(data, dtype), np.array(states, np.uint8) if any(states) else ALL_DEFINED)


def constant(value: classad.Value) -> Vector | None:
    """One value for all hosts."""
    vector = packed([value])
    return vector and vector.at(0)


def truth(vector: Vector) -> Vector:
    """Values as the logical operators take them."""
    return vector if vector.data.dtype == np.bool_ else Vector(vector.data != 0, vector.state)


def exactly_true(vector: Vector) -> Vector:
    """Whether values are true: that and nothing else, no number either."""
    if vector.data.dtype != np.bool_:
        return Vector(np.zeros((), np.bool_))
    return vector if vector.state is ALL_DEFINED else Vector(holds(vector))


def numbers(vector: Vector) -> Vector:
    """Values as reals; 0 where there is none."""
    data = np.where(vector.state == _DEFINED, vector.data, 0).astype(np.float64)
    return Vector(np.where(np.isnan(data), 0.0, data))


def undecided(truths: Vector, *, deciding: bool) -> Mask:
    """Where a truth on the left leaves `&&` (which False decides) or `||` (which True does) to the right side."""
    return (fails(truths) if deciding else holds(truths)) | undefined(truths)


def logical(symbol: str, left: Vector, right: Vector) -> Vector:
    """`&&` or `||` of two truths."""
    if left.state is ALL_DEFINED and right.state is ALL_DEFINED:
        return Vector(_BOOLEAN[symbol](left.data, right.data))
    return _TRUTHS[symbol].at(4 * _codes(left) + _codes(right))


def chosen(parts: Sequence[tuple[Mask, Vector | None]]) -> Vector | None:
    """Of each vector its part, or None if they have no one type; where several masks are true, the first counts."""
    present = [(mask, vector) for mask, vector in parts if vector is not None]
    kinds = {vector.data.dtype for _, vector in present if not _blank(vector)}
    if len(kinds) > 1 or len(present) < len(parts):
        return None
    (_, last), *others = reversed(present)
    data, state = last.data.astype(kinds.pop() if kinds else np.bool_), last.state
    for mask, vector in others:
        data = np.where(mask, vector.data, data).astype(data.dtype)
        if vector.state is not ALL_DEFINED or state is not ALL_DEFINED:
            state = np.where(mask, vector.state, state)
    return Vector(data, state)


def undefined(vector: Vector) -> Mask:
    """Where it is UNDEFINED."""
    return np.equal(vector.state, _UNDEFINED)


def holds(truths: Vector) -> Mask:
    """Where they are True."""
    return np.greater(truths.data, truths.state)


def fails(truths: Vector) -> Mask:
    """Where they are False."""
    return ~np.logical_or(truths.data, truths.state)


def _blank(vector: Vector) -> bool:
    """Whether it is UNDEFINED or ERROR everywhere alike, and so has no type."""
    return vector.state.ndim == 0 and bool(vector.state)


def _codes(truths: Vector) -> NDArray[np.intp]:
    """0 for False, 1 for True, 2 for UNDEFINED and 3 for ERROR."""
    return np.where(truths.state == _DEFINED, truths.data, truths.state + np.uint8(1)).astype(np.intp)


def _strict(left: Vector, right: Vector, wrong: Mask | None = None) -> NDArray[np.uint8]:
    """The state of a strict operator's answers; `wrong` is where it makes no sense of two values."""
    if left.state is ALL_DEFINED and right.state is ALL_DEFINED:
        return ALL_DEFINED if wrong is None or not wrong.any() else np.where(wrong, np.uint8(_ERROR), ALL_DEFINED)
    state = np.maximum(left.state, right.state)
    return state if wrong is None else np.where((state == _DEFINED) & wrong, np.uint8(_ERROR), state)


def _unlike(vector: Vector) -> Vector:
    """An operator's answers that has no meaning for the type: ERROR where there is a value."""
    state = np.where(vector.state == _DEFINED, np.uint8(_ERROR), vector.state)
    return Vector(np.zeros(state.shape, np.bool_), state)


def _compared(compare: Callable[[Array, Array], Mask]) -> Callable[[Vector, Vector], Vector]:
    return lambda left, right: Vector(compare(left.data, right.data), _strict(left, right))


def _whole(vector: Vector) -> Array:
    """Data to calculate with: numpy's booleans do not count."""
    return vector.data.astype(np.int64) if vector.data.dtype == np.bool_ else vector.data


def _calculated(calculate: Callable[[Array, Array], Array]) -> Callable[[Vector, Vector], Vector]:
    def run(left: Vector, right: Vector) -> Vector:
        data = calculate(_whole(left), _whole(right))
        return Vector(data, _strict(left, right, data == np.inf if data.dtype == np.float64 else None))

    return run


_quotient_of_reals: Final = _calculated(operator.truediv)


def _quotient(left: Vector, right: Vector) -> Vector:
    """Truncated towards 0; the one quotient that 64 bits cannot hold is the largest number."""
    dividend, divisor = _whole(left), _whole(right)
    if np.result_type(dividend, divisor) == np.float64:
        return _quotient_of_reals(left, right)
    by_zero = divisor == 0
    divisor = np.where(by_zero, 1, divisor)
    floor = dividend // divisor
    truncated = floor + ((floor * divisor != dividend) & ((dividend < 0) != (divisor < 0)))
    data = np.where((dividend == _LEAST) & (divisor == -1), _MOST, truncated)
    return Vector(data, _strict(left, right, by_zero))


def _remainder(left: Vector, right: Vector) -> Vector:
    """With the dividend's sign; reals have none."""
    dividend, divisor = _whole(left), _whole(right)
    if np.result_type(dividend, divisor) == np.float64:
        return _unlike(Vector(dividend, _strict(left, right)))
    return Vector(np.fmod(dividend, np.where(divisor == 0, 1, divisor)), _strict(left, right, divisor == 0))


def _identical(left: Vector, right: Vector) -> Vector | None:
    """The same type and value. Not where there are ERRORs: one of them may stand for a whole evaluation that failed."""
    if (left.state == _ERROR).any() or (right.state == _ERROR).any():
        return None
    alike = left.data == right.data if left.data.dtype == right.data.dtype else np.False_
    return Vector(np.where(left.state == _DEFINED, alike & (right.state == _DEFINED), right.state == _UNDEFINED))


def _different(left: Vector, right: Vector) -> Vector | None:
    same = _identical(left, right)
    return same and Vector(~same.data)


def _signed(sign: Callable[[Array], Array]) -> Callable[[Vector], Vector]:
    """Booleans have no sign."""
    return lambda operand: (
        _unlike(operand) if operand.data.dtype == np.bool_ else Vector(sign(operand.data), operand.state)
    )


BINARY: Final[Mapping[str, Callable[[Vector, Vector], Vector | None]]] = {
    "<": _compared(operator.lt),
    "<=": _compared(operator.le),
    ">": _compared(operator.gt),
    ">=": _compared(operator.ge),
    "==": _compared(operator.eq),
    "!=": _compared(operator.ne),
    "+": _calculated(operator.add),
    "-": _calculated(operator.sub),
    "*": _calculated(operator.mul),
    "/": _quotient,
    "%": _remainder,
    "=?=": _identical,
    "=!=": _different,
}
"""Strict operators; None for values that have to be taken one by one. Whoever calls them silences numpy's warnings."""
UNARY: Final[Mapping[str, Callable[[Vector], Vector]]] = {
    "-": _signed(operator.neg),
    "+": _signed(operator.pos),
    "!": lambda operand: Vector(operand.data == 0, operand.state),
}
"""Operators before an operand."""
_BOOLEAN: Final[Mapping[str, Callable[[Array, Array], Mask]]] = {"&&": np.logical_and, "||": np.logical_or}


def _truths(symbol: str) -> Vector:
    """What the language itself answers to each pair of truths, at the place `4 * left + right` of their codes."""
    truths: tuple[classad.Node, ...] = (False, True, UNDEFINED, ERROR)
    answers = [classad.evaluate(Binary(operator=symbol, left=left, right=right)) for left in truths for right in truths]
    table = packed(answers)
    assert table is not None  # noqa: S101  # truths have one type
    return table


_TRUTHS: Final[Mapping[str, Vector]] = {symbol: _truths(symbol) for symbol in _BOOLEAN}
