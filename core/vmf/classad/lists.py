"""Functions of lists: whether something is in one, how many there are, and what they add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from vmf.classad.arity import takes
from vmf.classad.conversions import encoded
from vmf.classad.operators import BINARY
from vmf.classad.scope import CHARACTERS, Function, ListValue, RecordValue, Scope, Value
from vmf.classad.values import ERROR, UNDEFINED, Error, Undefined

_COMPARISONS: Final[Mapping[str, str]] = MappingProxyType(
    {name: name for name in ("<", "<=", "!=", "==", ">", ">=")} | {"is": "=?=", "isnt": "=!="}
)


@takes(2, 2)
def _member(scope: Scope, value: Value, items: Value) -> Value:
    if isinstance(value, Undefined) or isinstance(items, Undefined):
        return UNDEFINED
    return ERROR if isinstance(value, Error) else _among(scope, value, items, "==")


@takes(2, 2)
def _identical_member(scope: Scope, value: Value, items: Value) -> Value:
    return _among(scope, value, items, "=?=")


def _among(scope: Scope, value: Value, items: Value, operator: str) -> Value:
    if isinstance(items, Undefined):
        return UNDEFINED
    if not isinstance(items, ListValue) or isinstance(value, ListValue | RecordValue):
        return ERROR
    equal = BINARY[operator]
    _pay(scope, value, items)
    return any(equal(item, value) is True for item in items.values(scope))


def _pay(scope: Scope, value: Value, items: ListValue) -> None:
    """Pay for comparing a value, which may be a long string, with each element of a list."""
    if isinstance(value, str):
        scope.spend(len(value) // CHARACTERS * len(items.items))


@takes(1, 1)
def _size(_scope: Scope, value: Value) -> Value:
    match value:
        case str():
            return len(encoded(value))
        case ListValue():
            return len(value.items)
        case RecordValue():
            return len(value.scope.fields)
        case Undefined():
            return UNDEFINED
        case _:
            return ERROR


def _compared(*, all_must: bool) -> Function:
    """Whether all or any of a list compare so with a value."""

    @takes(3, 3)
    def function(scope: Scope, name: Value, items: Value, value: Value) -> Value:
        if isinstance(name, Undefined):
            return UNDEFINED
        if not isinstance(name, str) or name not in _COMPARISONS:
            return ERROR
        if not isinstance(items, ListValue):
            return UNDEFINED if isinstance(items, Undefined) else ERROR
        compare = BINARY[_COMPARISONS[name]]
        _pay(scope, value, items)
        return _decided((compare(item, value) for item in items.values(scope)), all_must=all_must)

    return function


def _decided(answers: Iterator[Value], *, all_must: bool) -> Value:
    """The first answer that decides; one that is UNDEFINED ends the search, and is no."""
    for answer in answers:
        if isinstance(answer, Undefined):
            return False
        if answer is not all_must:
            return answer if isinstance(answer, bool) else ERROR
    return all_must


def _numbers(scope: Scope, items: ListValue) -> list[int | float] | Error:
    """The elements that are known; ERROR if one of them is no number."""
    values = [value for value in items.values(scope) if not isinstance(value, Undefined)]
    numbers = [value for value in values if isinstance(value, int | float)]
    return numbers if len(numbers) == len(values) else ERROR


def _of_numbers(summary: Callable[[list[int | float]], Value]) -> Function:
    @takes(1, 1)
    def function(scope: Scope, items: Value) -> Value:
        if isinstance(items, Undefined):
            return UNDEFINED
        numbers = _numbers(scope, items) if isinstance(items, ListValue) else ERROR
        return ERROR if isinstance(numbers, Error) else summary(numbers)

    return function


def _sum(numbers: list[int | float]) -> Value:
    total: Value = numbers[0] if numbers else 0
    for number in numbers[1:]:
        total = BINARY["+"](total, number)
    return total


def _avg(numbers: list[int | float]) -> Value:
    return BINARY["/"](_sum(numbers), float(len(numbers))) if numbers else 0


def _extreme(pick: Callable[[list[int | float]], int | float]) -> Function:
    def summary(numbers: list[int | float]) -> Value:
        """Of several numbers one, as real as the most real of them."""
        if len(numbers) < 2:  # noqa: PLR2004  # one alone stays what it is, even a bool
            return numbers[0] if numbers else UNDEFINED
        return (float if any(isinstance(number, float) for number in numbers) else int)(pick(numbers))

    return _of_numbers(summary)


EAGER: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "member": _member,
        "identicalmember": _identical_member,
        "size": _size,
        "sum": _of_numbers(_sum),
        "avg": _of_numbers(_avg),
        "min": _extreme(min),
        "max": _extreme(max),
        "anycompare": _compared(all_must=False),
        "allcompare": _compared(all_must=True),
    }
)
