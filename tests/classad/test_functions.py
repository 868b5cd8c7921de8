"""Every function answers as the reference does, to arguments of every type and to any number of them."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from classad import ours, reference
from vmf.classad import ERROR
from vmf.classad.functions import EAGER, LAZY

SAMPLES = (
    "undefined", "error", "true", "false", "0", "1", "3", "-7", "100000", "0.0", "1.5", "-2.5",
    '""', '"abc"', '"ABC"', '"b"', '"a,b, c"', '"12abc"', '" 5 "', '"1.5"', '"é,ü"', '"a@b"', '"A=1 B=2"', '"A=1;B=2"',
    '"1,2.5"', '"<"', '"is"', '","', '"g"', '"%d %B %Y"', '"1.2.10"', '"(b)"', '"\\\\1"', '"a\'b \'c d\'"',
    'absTime("2004-01-01T12:34:56+05:30")', "relTime(100.5)", "relTime(-100000)",
    "{}", '{1, "a"}', "{1, 2.5, undefined}", '{"a", "b"}', "{true}", "{error}", "{{1}, [a = 1]}", "{[a = 1], [a = q]}",
    "[]", "[a = 1]", "x", "r.a", "MY.x", "x + 1", "missing",
)  # fmt: skip
MY = '[x = 3; r = [a = 4]; q = "b"]'
MANY = 40
"""How many lists of arguments of each length from 2 to 5."""

OF_NOW = {(name, 0) for name in ("time", "currenttime", "daytime", "formattime")}
"""What the reference takes from the clock; `test_functions_times` gives a clock to both."""
ELSEWHERE = {"abstime", "reltime", "random", "evalineachcontext"}
"""Compared one by one, as the reference folds texts of times, plays dice, or crashes at lists in lists it made."""


def argument_lists(name):
    random = Random(name)  # noqa: S311  # seeded: the same cases in each run
    yield from product(SAMPLES, repeat=1)
    for length in range(6):
        if (name, length) not in OF_NOW:
            yield from {tuple(random.choices(SAMPLES, k=length)) for _ in range(MANY)}


def explained(name, mine, theirs):
    """Only exact powers of integers are answers here."""
    return name == "pow" and mine is ERROR and type(theirs) is int


def test_there_are_as_many_as_in_the_reference():
    assert len(EAGER | LAZY) == 94
    assert not EAGER.keys() & LAZY.keys()


@pytest.mark.parametrize("name", sorted((EAGER | LAZY).keys() - ELSEWHERE))
def test_a_function_answers_as_the_reference_does(name):
    for arguments in argument_lists(name):
        text = f"{name}({', '.join(arguments)})"
        mine, theirs = ours.evaluate(text, MY), reference.evaluate(text, MY)
        agree = ours.agree(mine, theirs) or explained(name, mine, theirs)
        assert agree, f"{text} is {mine!r}, the reference says {theirs!r}"


def test_names_of_functions_have_any_case():
    assert ours.evaluate('STRcat("a", sTRINGlistSIZE("b"))') == "a1"


def test_an_unknown_function_is_an_error():
    assert ours.evaluate("strcatt(1)") is reference.evaluate("strcatt(1)") is ERROR
