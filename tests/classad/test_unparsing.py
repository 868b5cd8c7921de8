"""Text that is read as the tree it was; and text that is the reference's, letter by letter."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from classad import reference, texts
from classad.comparing import agrees
from vmf.classad.parser import ClassAdSyntaxError, parse
from vmf.classad.tree import Unary
from vmf.classad.unparsing import COMPACT, INDENTED, unparse
from vmf.classad.values import AbsTime, RelTime

ROUNDS = 2000


def trees():
    """Random texts and their trees."""
    source = Random(11)  # noqa: S311  # repeatable is the point
    for _ in range(ROUNDS):
        text = texts.expression(source)
        try:
            yield text, parse(text)
        except ClassAdSyntaxError:
            continue


def test_text_for_files_is_read_as_the_very_tree():
    for text, tree in trees():
        assert repr(parse(unparse(tree))) == repr(tree), text


def test_shown_text_is_the_reference_s():
    for text, tree in trees():
        assert unparse(tree, INDENTED) == str(reference.parsed(text)), text
        assert unparse(tree, COMPACT) == repr(reference.parsed(text)), text


@pytest.mark.parametrize(
    ("text", "exact", "shown"),
    [
        ("0.1+0.2", "0.1 + 0.2", "1.000000000000000E-01 + 2.000000000000000E-01"),
        ("1e16", "1E+16", "1.000000000000000E+16"),
        ("-0.0", "-0.0", "-0.0"),
        ("0.30000000000000004", "0.30000000000000004", "3.000000000000000E-01"),
        ("-1e400", "-1E+400", 'real("-INF")'),
        ("- 5", " - 5", " -5"),
        ("- -x", " - -x", " - -x"),
        ("1 .a", "1 .a", "1.a"),
        ("a.'b c'", "a.'b c'", "a.b c"),
        ("'true'(1)", "'true'(1)", "true(1)"),
        ("[bb=1;a=2]", "[ bb = 1; a = 2 ]", "[ a = 2; bb = 1 ]"),
        ("{}", "{  }", "{  }"),
        ("a=?=b", "a is b", "a is b"),
        (r'"\001é\q"', r'"\001\303\251q"', r'"\001\303\251q"'),
        ('relTime("86400.5")', 'relTime("1+00:00:0.5")', 'relTime("1+00:00:0.5")'),
    ],
)
def test_files_keep_what_the_reference_s_text_loses(text, exact, shown):
    tree = parse(text)
    assert unparse(tree) == exact
    assert unparse(tree, COMPACT) == shown == repr(reference.parsed(text))
    assert repr(parse(exact)) == repr(tree)


def test_elements_have_lines_of_their_own_as_in_the_reference():
    assert unparse(parse("[a = {1, [b = 2]}]"), INDENTED).splitlines() == [
        "",
        "    [",
        "        a = ",
        "           {",
        "              1,",
        "              ",
        "                  [",
        "                      b = 2",
        "                  ]",
        "           }",
        "    ]",
    ]


@given(st.floats())
def test_every_real_survives(value):
    text = unparse(value)
    assert repr(parse(text)) == repr(value) if not math.isnan(value) else text == 'real("NaN")'
    assert unparse(value, COMPACT) == reference.unparsed(text)


@given(
    st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]))
    | st.binary().map(lambda raw: raw.replace(b"\0", b""))
)
def test_every_string_survives(value):
    value = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    text = unparse(value)
    assert text.isascii()
    assert parse(text) == value
    assert reference.evaluate(text) == value


@given(st.integers(-62_135_000_000, 253_401_800_000), st.integers(-99, 99), st.integers(0, 59))
def test_every_moment_survives(seconds, hours, minutes):
    moment = AbsTime(seconds, (3600 * hours + 60 * minutes) if hours >= 0 else 3600 * hours - 60 * minutes)
    assume(seconds + moment.offset != -1)  # what C's `mktime` cannot tell from an error, the reference refuses
    assert parse(unparse(moment)) == moment


@given(st.integers(-(2**31) + 1, 2**31 - 1))
def test_every_span_of_whole_seconds_survives(seconds):
    text = unparse(RelTime(float(seconds)))
    assert parse(text) == RelTime(float(seconds))
    assert reference.unparsed(text) == text


def test_a_tree_of_any_height_is_written():
    tree = 1
    for _ in range(100_000):
        tree = Unary("-", tree)
    assert len(unparse(tree)) > 200_000


@pytest.mark.parametrize(
    "text",
    [
        "string([ Ab = 1 ])",
        "string([ Ab = 1; CD = 2; aB = 3 ])",
        'strcat([ Cd = [ Ab = 1 ] ]["cd"], { [ Ef = { [ Gh = 1 ] } ] }.ef)',
        'string(eval("[ Ab = 1; AB = 2 ]"))',
        "string({ MY, TARGET, root })",
        "string({ splitTime(absTime(0, 0)), splitTime(relTime(0)) })",
    ],
)
def test_records_keep_the_spelling_of_their_names(text):
    agrees(text, "[ Ij = 1; Kl = [ Mn = 2 ] ]", "[ OP = 3 ]")
