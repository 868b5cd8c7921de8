"""Operators answer as the reference does, for all pairs of values of all types."""

from __future__ import annotations

import itertools

import pytest

from classad import ours, reference
from vmf.classad import ERROR

SAMPLES = (
    "undefined",
    "error",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "7",
    "64",
    "9223372036854775807",
    "(-9223372036854775807 - 1)",
    "9007199254740993",
    "0.0",
    "-0.0",
    "1.5",
    "-2.5",
    "9007199254740992.0",
    "1e308",
    'real("INF")',
    'real("-INF")',
    'real("NaN")',
    '""',
    '"abc"',
    '"ABC"',
    '"é"',
    '"1"',
    'absTime("2024-02-29T12:00:00+01:00")',
    'absTime("2024-02-29T11:00:00+00:00")',
    "relTime(90)",
    "relTime(-1.5)",
    'relTime(real("NaN"))',
    "{}",
    "{1, undefined, error}",
    "[]",
    "[a = 1; b = a]",
)
ARITHMETIC = ("+", "-", "*", "/", "%", "&", "^", "|", "<<", ">>", ">>>")
COMPARISON = ("<", "<=", ">", ">=", "==", "!=", "=?=", "=!=")
LOGIC = ("&&", "||", "?:")
BEYOND_32_BITS = ("9223372036854775807", "(-9223372036854775807 - 1)", "9007199254740993", "4294967296")
UNARY = ["-", "+", "!", "~"]


def differences(expressions):
    """Each expression on which we and the reference do not agree, with both answers."""
    pairs = ((text, ours.evaluate(text), reference.evaluate(text)) for text in expressions)
    return [
        f"{text}: {mine}, the reference says {theirs}" for text, mine, theirs in pairs if not ours.agree(mine, theirs)
    ]


@pytest.mark.parametrize("operator", ARITHMETIC + COMPARISON + LOGIC)
def test_binary(operator):
    assert not differences(f"({left}) {operator} ({right})" for left, right in itertools.product(SAMPLES, SAMPLES))


@pytest.mark.parametrize("operator", UNARY)
def test_unary(operator):
    assert not differences(f"{operator} ({operand})" for operand in SAMPLES)


def test_conditional():
    assert not differences(f"({test}) ? (1) : ({other})" for test, other in itertools.product(SAMPLES, SAMPLES))


def test_subscript():
    indices = (*SAMPLES, '"a"', '"B"', '"c"', "2", "3")
    assert not differences(
        f"({of})[{index}]" for of, index in itertools.product(SAMPLES, indices) if index not in BEYOND_32_BITS
    )


@pytest.mark.parametrize("index", BEYOND_32_BITS)
def test_a_subscript_beyond_32_bits_is_error_and_not_another_element(index):
    assert ours.evaluate(f"{{1, 2, 3}}[{index}]") is ERROR


def test_selection():
    assert not differences(f"({of}).{name}" for of in SAMPLES for name in ("a", "B", "c"))


@pytest.mark.parametrize("count", [-65, -1, 0, 1, 62, 63, 64, 65, 1 << 32])
@pytest.mark.parametrize("operator", ["<<", ">>", ">>>"])
def test_shifts_by_any_count(operator, count):
    assert not differences(f"({left}) {operator} ({count})" for left in SAMPLES)


def test_a_time_that_is_no_number_is_not_even_itself():
    my = '[a = relTime(real("NaN"))]'
    assert ours.evaluate("a =?= a", my) is reference.evaluate("a =?= a", my) is False
