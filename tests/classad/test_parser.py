"""What is read, what is refused and how that is said."""

from __future__ import annotations

import re
import sys
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classad import reference, texts
from vmf.classad.ad import Ad
from vmf.classad.lexer import SIZE
from vmf.classad.parser import ClassAdSyntaxError, parse, parse_ad
from vmf.classad.tree import Binary, Call, Record, Reference, Unary
from vmf.classad.values import AbsTime, RelTime

ROUNDS = 3000
DEVIATES = re.compile(r"-0[\dxX]|\d{19}")
"""Numbers that the reference takes for others: octal and hexadecimal after a minus, and beyond 64 bits."""


def fault(text: str, read=parse):
    with pytest.raises(ClassAdSyntaxError) as caught:
        read(text)
    return caught.value.fault


def takes(text: str) -> bool:
    try:
        parse(text)
    except ClassAdSyntaxError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a ?: 1 + 2", "(a ?: 1) + 2"),
        ("a ?: b ?: c", "a ?: (b ?: c)"),
        ("a ?: b.c[0]", "a ?: (b.c[0])"),
        ("-a ?: b", "-(a ?: b)"),
        ("-a.b", "-(a.b)"),
        ("1 & 2 == 2", "1 & (2 == 2)"),
        ("a | b ^ c & d == e < f << g + h * !i", "a | (b ^ (c & (d == (e < (f << (g + (h * (!i))))))))"),
        ("a || b && c | d", "a || (b && (c | d))"),
        ("1 < 2 < 3", "(1 < 2) < 3"),
        ("a - b - c", "(a - b) - c"),
        ("a >> b >>> c", "(a >> b) >>> c"),
        ("a ? b : c ? d : e", "a ? b : (c ? d : e)"),
        ("a ? b ? c : d : e", "a ? (b ? c : d) : e"),
        ("a is b isnt c", "(a =?= b) =!= c"),
    ],
)
def test_operators_bind_as_the_reference_says(text, grouped):
    assert repr(parse(text)) == without_parentheses(repr(parse(grouped)))


def without_parentheses(tree: str) -> str:
    while (begin := tree.find("Parentheses(inner=")) >= 0:
        depth, end = 1, begin + len("Parentheses(")
        while depth:
            depth += (tree[end] == "(") - (tree[end] == ")")
            end += 1
        tree = tree[:begin] + tree[begin + len("Parentheses(inner=") : end - 1] + tree[end:]
    return tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775807", 2**63 - 1),
        ("-.5", -0.5),
        ("1e400", float("inf")),
        ("tRUE", True),
        ('"a" "b"', "ab"),
        (r'"\101\x41\q\303\251"', "Ax41qé"),
        (r'"\1" "2"', "\n"),
        (r'"\377"', "\udcff"),
        ('absTime("2004-01-01T12:34:56+05:30")', AbsTime(1072940696, 19800)),
        ('ABSTIME("2004-13-45 25:61:61Z")', AbsTime(1108432921, 0)),
        ('relTime("1+02:03:04.5")', RelTime(93784.5)),
        ('relTime("-1 d 2h .5s")', RelTime(-93600.5)),
        ("'tr' 'ue'", Reference("true")),
        (".a", Reference("a", absolute=True)),
        ("- 5", Unary("-", 5)),
        ("a -5", Binary("-", Reference("a"), 5)),
        ("2--1", Binary("-", 2, -1)),
        ("5is 5", Binary("=?=", 5, 5)),
        ("f(1;2)", Call("f", (1, 2))),
        ('absTime("2004-01-01")', Call("absTime", ("2004-01-01",))),
        ("[a = 1; B = 2; A = 3]", Record((("a", 3), ("B", 2)))),
        ("/* // */ 1 // *", 1),
    ],
)
def test_literals_and_names(text, value):
    assert repr(parse(text)) == repr(value)


@pytest.mark.parametrize(
    ("text", "line", "column", "what", "hint"),
    [
        ("a +", 1, 4, "an expression is missing", ""),
        ("f(1 2)", 1, 5, "`,` or `)` is missing, found `2`", ""),
        ("(a\n b", 2, 2, "`)` is missing, found `b`", ""),
        ("[a = 1; b == 2]", 1, 11, "`=` is missing, found `==`", ""),
        ("a b", 1, 3, "it should have ended before this, found `b`", ""),
        ("x ?: !y", 1, 6, "an expression is missing, found `!`", "use parentheses"),
        ('"abc', 1, 1, "the quotes are not closed", ""),
        (r'1 + "\0"', 1, 5, "there is a NUL", ""),
        ("x.true", 1, 3, "a name is missing, found `true`", "'true'"),
        ("1.5 * 10K", 1, 7, "this is no number", "no scale"),
        ("a + 0x1F", 1, 5, "this is no number", "no octal, no hexadecimal"),
        ("3 < 99999999999999999999", 1, 5, "an integer must fit into 64 bits", "as a real"),
        ('absTime("soon")', 1, 9, "this is no time", ""),
        ('absTime("1969-12-31T23:59:59Z")', 1, 9, "this is no time", ""),
        ("['' = 1]", 1, 2, "an attribute needs a name", ""),
        ("\ud800", 1, 1, "half a character", ""),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, line, column, what, hint):
    found = fault(text)
    assert (found.line, found.column) == (line, column)
    assert what in found.what
    assert hint in found.hint


def test_the_source_line_is_shown_with_a_caret():
    assert str(fault("[a = 1;\n b = 2 +]", parse_ad)).splitlines() == [
        "ad:2:9: an expression is missing, found `]`",
        "     b = 2 +]",
        "            ^",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [("(", ")"), ("{", "}"), ("[a=", "]"), ("f(", ")"), ("x[", "]"), ("!", ""), ("-", ""), ("1?2:", ""), ("x?:", "")],
)
def test_depth_is_bounded_exactly_as_in_the_reference(before, after):
    def nested(levels: int) -> str:
        return f"{before * levels}1{after * levels}"

    deepest = next(levels for levels in range(1, 1000) if not takes(nested(levels))) - 1
    reference.parsed(nested(deepest))
    with pytest.raises(reference.Refused):
        reference.parsed(nested(deepest + 1))


def test_a_chain_too_high_to_be_evaluated_is_refused():
    assert takes("1" + "+1" * 499)
    assert "nests" in fault("1" + "+1" * 500).what
    assert "nests" in fault("a" + ".a" * 100_000).what


def test_a_text_too_long_is_refused():
    assert takes(" " * (SIZE - 1) + "1")
    assert str(SIZE) in fault(" " * SIZE + "1").hint


def test_names_are_found_in_any_case_of_ascii_and_keep_their_spelling():
    ad = parse_ad("[ Memory = 1; 'É' = 2; MEMORY = 3 ]")
    assert list(ad) == ["Memory", "É"]
    assert ad["mEmOrY"] == 3
    assert "é" not in ad


def test_ads_of_one_policy_share_its_tree_and_their_names():
    one, other = (parse_ad(f'[ Name = "{name}"; Start = TARGET.Memory > 5 ]') for name in "xy")
    assert one["start"] is other["start"]
    assert sys.getsizeof(one) < 100


def test_random_texts_are_taken_and_refused_as_by_the_reference():
    source = Random(7)  # noqa: S311  # repeatable is the point
    for index in range(ROUNDS):
        text = (texts.soup if index % 2 else texts.expression)(source)
        if not DEVIATES.search(text):
            assert takes(text) == reference.parses(text), text


def test_ads_read_at_a_step_are_the_ones_that_the_grammar_reads():
    source = Random(8)  # noqa: S311  # as above
    for _ in range(ROUNDS):
        text = texts.fields(source)
        if takes(text):
            assert repr(parse_ad(text)) == repr(Ad(parse(text).fields)), text
        else:
            fault(text, parse_ad)


def test_no_number_is_taken_for_another():
    for text in ("-010", "-0x1F", "99999999999999999999", "-9223372036854775809", "1" * 5000):
        assert reference.parses(text)
        assert not takes(text)


def test_bytes_are_one_string_however_they_came():
    assert parse('"\udcc3\udca9"') == parse(r'"\303\251"') == "é"


@settings(max_examples=300)
@given(st.binary(max_size=200) | st.text(alphabet="ab1.-\"\\'?:=!()[]{};,/* \n&|<>+", max_size=60).map(str.encode))
def test_any_bytes_are_a_tree_or_a_syntax_error(raw):
    text = raw.decode("utf-8", "surrogateescape")
    takes(text)
    takes(f'"{text}"')
    takes(f'relTime("{text}")')
    takes(f'absTime("{text}")')


@pytest.mark.parametrize(
    "piece", ["(", "[", "{", '"', "'", "/*", "/", "-", "1.", "a ", "?:", "?", "\\", " ", "a.", '"" ', "[a=1;"]
)
def test_no_repetition_takes_long(piece):
    takes(piece * (SIZE // len(piece) // 4))
    takes(f'relTime("{piece * 20_000}x")')
