"""Functions of numbers: `floor ceil ceiling round pow quantize random`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from vmf.classad.arity import takes
from vmf.classad.conversions import as_real, whole
from vmf.classad.operators import wrapped
from vmf.classad.scope import Failed, Function, ListValue, Scope, Value
from vmf.classad.values import ERROR, Error

_ZERO: Final = 1e-8
"""Below it, a step to quantize by is none."""


def _rounded(rule: Callable[[float], int]) -> Function:
    @takes(1, 1)
    def function(_scope: Scope, value: Value) -> Value:
        if type(value) is int:
            return value
        number = as_real(value)
        if not isinstance(number, float) or not math.isfinite(number):
            return ERROR
        return whole(rule(number))

    return function


@takes(2, 2)
def _pow(_scope: Scope, value: Value, exponent: Value) -> Value:
    if type(value) is int and type(exponent) is int and exponent >= 0:
        return _integer_power(value, exponent)
    base, power = as_real(value), as_real(exponent)
    return _real_power(base, power) if isinstance(base, float) and isinstance(power, float) else ERROR


def _integer_power(base: int, exponent: int) -> int | Error:
    """The power where the reference, which computes in floating point and rounds up, has it right; ERROR elsewhere."""
    computed = whole(_real_power(float(base), float(exponent)) + 0.5)
    return computed if isinstance(computed, int) and computed == base ** min(exponent, 64) else ERROR


def _real_power(base: float, exponent: float) -> float:
    """C's `pow`: where Python raises, it has an infinity or NaN."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        if base:
            return math.nan
        return math.copysign(math.inf, base) if exponent % 2 == 1 else math.inf


@takes(2, 2)
def _quantize(scope: Scope, value: Value, step: Value) -> Value:
    number = as_real(value)
    if not isinstance(number, float):
        return ERROR
    if isinstance(step, ListValue):
        last: Value = 0.0
        for last in step.values(scope):
            bound = as_real(last)
            if not isinstance(bound, float):
                return ERROR
            if bound >= number:
                return last
        step = last
    return _next_multiple(value, number, step)


def _next_multiple(value: Value, number: float, step: Value) -> Value:
    size = as_real(step)
    if not isinstance(size, float):
        return ERROR
    if type(step) is int and type(value) is int and step:
        return _next_integer(value, step)
    if step == 0 if type(step) is int else abs(size) <= _ZERO:
        return value
    steps = number / size
    return math.copysign(math.ceil(steps), steps) * size if math.isfinite(steps) else steps * size


def _next_integer(value: int, step: int) -> int:
    above = wrapped(value + step - 1)
    quotient = abs(above) // abs(step)
    return wrapped((quotient if (above < 0) == (step < 0) else -quotient) * step)


@takes(0, 1)
def _random(scope: Scope, below: Value = 1.0) -> Value:
    """A number from 0 to what is below it; whole, if that is."""
    if type(below) not in {int, float} or not isinstance(below, int | float):
        return ERROR
    if below <= 0:
        raise Failed
    number = scope.world.random() * below
    return int(number) if isinstance(below, int) else number


EAGER: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "floor": _rounded(math.floor),
        "ceil": _rounded(math.ceil),
        "ceiling": _rounded(math.ceil),
        "round": _rounded(round),
        "pow": _pow,
        "quantize": _quantize,
        "random": _random,
    }
)
