"""The page of the language says what is so, here and in the reference."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from classad import ours, reference
from classad.comparing import lines
from vmf.classad import UNDEFINED, ClassAdSyntaxError, World, evaluate, parse, unparse
from vmf.classad.dates import LONGEST
from vmf.classad.functions import EAGER, LAZY
from vmf.classad.grammar import DEPTH as NESTING
from vmf.classad.lexer import SIZE
from vmf.classad.regexes import PATTERN_SIZE, SUBJECT_SIZE, TRIES
from vmf.classad.scope import DEPTH, STEPS

PAGE = (Path(__file__).parents[2] / "docs" / "classad.md").read_text()
SESSION = "\n".join(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
EXAMPLES = [
    tuple(map(str.strip, line.rsplit("//", 1)))
    for block in re.findall(r"^```classad\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
DIFFERENCES = re.findall(
    r"^\| `(.+)` \| (`.+`|refused) \| (`.+`|\(\w+\)) \| .+ \|$", PAGE[PAGE.index("| expression |") :], re.MULTILINE
)
UNREPEATABLE = {"(memory)", "(crashes)"}
ALIKE = lines(r"""
    -0x1F
    round(real("NaN"))
    pow(3, 39)
    stringListSum("9223372036854775807,1")
    { 1, 2, 3 }[4294967296]
    interval(3000000000)
    getDays(relTime(3000000000.0))
    relTime("2147483648")
    string(relTime(2147483648.0))
    stringListMax("-5.5,-6.5")
    stringListMin("1e300")
    formatTime(0, "%Z")
    formatTime(0, "%s")
""")
"""Of what the page lists, expressions of the same kind."""


def answer(evaluate, text):
    try:
        value = evaluate(text)
        return "(fails)" if value is reference.FAILED else f"`{unparse(value)}`"
    except (ClassAdSyntaxError, reference.Refused):
        return "refused"


def test_the_session_goes_as_shown():
    test = doctest.DocTestParser().get_doctest(SESSION, {}, "classad.md", None, None)
    assert doctest.DocTestRunner().run(test).failed == 0
    assert len(test.examples) > 10


@pytest.mark.parametrize(("text", "value"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_an_example_is_worth_what_it_says_here_and_in_the_reference(text, value):
    mine = ours.evaluate(text)
    assert reference.same(mine, ours.evaluate(value))
    assert ours.agree(mine, reference.evaluate(text))


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (SIZE, "1,048,576 characters"),
        (DEPTH, "400 deep"),
        (STEPS, "10,000,000 nodes"),
        (NESTING, "500 deep"),
        (NESTING, "500 high"),
        (TRIES, "200,000 times"),
        (PATTERN_SIZE >> 10, "32 KiB"),
        (SUBJECT_SIZE >> 20, "1 MiB"),
        (LONGEST, "1022 bytes"),
    ],
)
def test_limits_are_those_of_the_code(number, words):
    assert number == int(words.split()[0].replace(",", ""))
    assert words in " ".join(PAGE.split())


def test_all_functions_are_named():
    table = PAGE[PAGE.index("| of | functions |") : PAGE.index("A list's elements")]
    assert {name.lower() for name in re.findall(r"`(\w+)`", table)} == {*EAGER, *LAZY}


@pytest.mark.parametrize(("text", "here", "there"), DIFFERENCES, ids=[text for text, _, _ in DIFFERENCES])
def test_a_difference_is_one(text, here, there):
    assert answer(ours.evaluate, text) == here
    if there not in UNREPEATABLE:
        assert answer(reference.evaluate, text) == there


@pytest.mark.parametrize("text", ALIKE)
def test_what_is_alike_differs_alike(text):
    mine, theirs = answer(ours.evaluate, text), answer(reference.evaluate, text)
    assert mine in {"`error`", "refused"}
    assert theirs not in {"`error`", "refused"}


def test_names_of_elements_are_looked_up_where_the_call_stands_those_of_inner_records_too():
    ads = ("[h = 1]", "[g = {h, [u = h].u}]")
    assert ours.evaluate("sum(target.g)", *ads) == 2
    assert reference.evaluate("sum(target.g)", *ads) == 1


def test_a_moment_without_a_zone_is_told_in_the_world_s_and_shown_as_written():
    text = 'absTime("2004-01-01T00:00:00")'
    assert evaluate(parse(text), world=World(zone=lambda _moment: 3600)).offset == 3600
    assert unparse(parse(text)) == text
    assert reference.unparsed(text) == 'absTime("2004-01-01T00:00:00-00:00")'


def test_records_are_found_although_the_name_to_look_up_in_them_is_in_neither_ad():
    ads = ("[records = {[u = 5], [u = 6]}]", "[]")
    assert ours.evaluate("evalInEachContext(u, records)", *ads) == [5, 6]
    assert ours.evaluate("countMatches(u, records)", *ads) == 2
    assert reference.evaluate("evalInEachContext(u, records)", *ads) is UNDEFINED


@pytest.mark.parametrize("call", ["int({})", "ifThenElse(true, {}, 0)", "sum({{{}}})", "eval({})", "max({{0, {}}})"])
def test_calls_nest_as_deep_as_is_said(call):
    links = "; ".join(f"a{at + 1} = {call.format(f'a{at}')}" for at in range(80))
    assert ours.evaluate("a80", f"[a0 = 1; {links}]") == 1


def test_all_differences_are_tested():
    assert len(DIFFERENCES) == PAGE[PAGE.index("| expression |") :].count("\n| `")
