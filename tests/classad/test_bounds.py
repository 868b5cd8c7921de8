"""Whatever an expression says, its evaluation ends: with an answer, or with ERROR when its budget is spent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classad import ours
from classad.comparing import lines
from vmf import classad
from vmf.classad import ERROR, ClassAdSyntaxError, References, Value, World
from vmf.classad.scope import VALUES
from vmf.classad.unparsing import INDENTED, unparse

STEPS = 20_000
LINKS = 24
"""Links of a chain of attributes; each that doubles what the next one is makes 2 ** 24 of it."""

DOUBLING = lines("""
    {0} + {0}
    strcat({0}, {0})
    join({0}, {0}, {0})
    replaceall(".", string({0}), string({0}))
    string({{ {0}, {0} }}[0]) == string({0})
    sum({{ {0}, {0} }})
    {{ [ q = {0} ], [ q = {0} ] }}.q
    [ l = {0}; r = {0} ].l =?= [ l = {0} ].l
    ifThenElse(isError({0}), 1, {0})
    eval(strcat("{{", string({0}), ",", string({0}), "}}"))
    evalInEachContext({0}, {{ [ q = 1 ], [ q = 2 ] }})
    countMatches({0} == 1, {{ [ q = 1 ], [ q = 2 ] }})
    size(unresolved({0})) + {0} + {0}
    debug({{ {0}, {0} }})[0] + {0}
    mergeEnvironment(strcat("a=", string({0})), strcat("b=", string({0})))
    ({0} ?: 1) && {0}
""")
COSTLY = lines("""
    anyCompare("<", letters, words)
    allCompare(">=", words, letters)
    member("no", words)
    identicalMember(letters, listOfOnes)
    join(letters, words)
    listToArgs(words)
    quantize(1e300, digits)
    regexpMember("(a+a+)+b", words)
    stringList_regexpMember("(a+a+)+b", joined)
    replaceall("a?", letters, letters)
    size(listOfOnes.q)
    size(evalInEachContext(1, listOfOnes))
    sum(listOfSums)
""")
"""Calls whose cost is the product of two sizes."""
AD = f"""[
    letters = "{"a" * 3000}"; words = {{ {", ".join(["letters"] * 100)} }}; joined = join(",", words);
    number = "{"0" * 3000}"; digits = {{ {", ".join(["number"] * 100)} }};
    ones = {{ {", ".join(["1"] * 400)} }}; listOfOnes = {{ {", ".join(["1"] * 4000)} }};
    listOfWords = {{ {", ".join(["words"] * 100)} }}; listOfSums = {{ {", ".join(["sum(ones)"] * 400)} }};
]"""

BRACKETS = st.sampled_from([
    ("(", ")"), ("{", "}"), ("[a=", "]"), ("[a=", "].a"), ("f(", ")"), ("size(", ")"), ("x[", "]"), ("{1}[", "]"),
    ("-", ""), ("! ", ""), ("1?2:", ""), ("true?", ":2"), ("x?:", ""), ("1+", ""), ("", "*2"), ("", ".a"), ("", "[0]"),
    ("", "&&x"), ("eval(", ")"), ("string(", ")"), ("unresolved(", ")"), ("debug(", ")"),
])  # fmt: skip


@pytest.fixture
def small_budget(monkeypatch):
    monkeypatch.setattr("vmf.classad.scope.STEPS", STEPS)


@pytest.mark.parametrize("link", DOUBLING)
@pytest.mark.parametrize("end", ["1", '"a"', "{1, 2}", "[q = 1]"])
@pytest.mark.usefixtures("small_budget")
def test_what_doubles_with_each_link_of_a_chain_ends(link, end):
    links = (f"a{at} = {link.format(f'a{at + 1}')}" for at in range(LINKS))
    shown = Shown()
    value = classad.evaluate(
        classad.parse("a0"), classad.parse_ad(f"[{'; '.join(links)}; a{LINKS} = {end}]"), world=World(debug=shown.add)
    )
    assert isinstance(value, VALUES)
    assert shown.size < 4 * STEPS


class Shown:
    """How much was written by `debug`."""

    def __init__(self):
        self.size = 0

    def add(self, line):
        self.size += len(line)


@pytest.mark.parametrize("text", COSTLY)
@pytest.mark.usefixtures("small_budget")
def test_what_multiplies_two_sizes_is_too_much(text):
    assert ours.evaluate(text, AD) is ERROR


@settings(max_examples=200)
@given(st.lists(st.tuples(BRACKETS, st.integers(1, 200)), max_size=6), st.sampled_from(["1", "x", '"s"', "[a = 1]"]))
def test_whatever_nests_is_refused_or_has_an_answer(nested, inner):
    text = inner
    for (before, after), times in nested:
        text = before * times + text + after * times
    try:
        node = classad.parse(text)
    except ClassAdSyntaxError:
        return
    assert repr(classad.parse(unparse(node))) == repr(node)
    assert unparse(node, INDENTED)
    assert isinstance(classad.references(node), References)
    value: Value = classad.evaluate(node, classad.parse_ad("[x = [a = {1, x}]]"))
    assert isinstance(value, VALUES)


@pytest.mark.parametrize(
    "template",
    ["%{}d".format("9" * 5000), "%{}d".format("0" * 5000), "%c" * 5000, "%", "%%" * 600, "%E", "%^#_-0"],
    ids=len,
)
def test_a_time_s_format_is_bounded(template):
    assert isinstance(ours.evaluate(f'formatTime(0, "{template}")'), VALUES)
