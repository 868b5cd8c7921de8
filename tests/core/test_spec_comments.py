from __future__ import annotations

import re

import pytest

from vmf.spec.comments import TOKEN_LIMIT, comments
from vmf.spec.nodes import DEPTH_LIMIT

FOUND = re.compile("# (here|there)")
TEXT = """\
# here
a: 'x # there' # here
b: |  # here
  text
  # there

  # there
# here
c: plain# there # here
d: "many
  # there
  lines"
e: [a, # here
  b]
f: 'größer' # here
"""


def test_comments_are_found_and_texts_are_not():
    found = list(comments(TEXT, "a.yaml", FOUND))
    assert [each.found[1] for each in found] == ["here"] * 7
    assert [each.place.line for each in found] == [1, 2, 3, 8, 9, 13, 15]
    assert [each.alone for each in found] == [True, False, False, True, False, False, False]


def test_a_comment_has_its_place():
    *_, last = comments(TEXT, "a.yaml", FOUND)
    fault = last.place.fault("x")
    assert (fault.where, fault.line, fault.source) == ("a.yaml", 15, "f: 'größer' # here")
    assert fault.source[fault.column - 1 :] == "# here"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_may(end):
    (found,) = comments(f"a: 1{end}b: 2{end}  # here{end}", "a.yaml", FOUND)
    assert (found.place.line, found.place.column, found.alone) == (3, 3, True)


def test_before_a_fault_there_are_comments_and_after_it_nobody_knows():
    found = comments("a: b # here\nc: d: e # here\n", "a.yaml", FOUND)
    assert [each.place.line for each in found] == [1]


def test_nothing_is_looked_for_deeper_than_a_spec_may_be():
    nested = ["[" * depth + "\n # here\n" + "]" * depth for depth in (DEPTH_LIMIT, DEPTH_LIMIT + 1)]
    assert [len(list(comments(text, "a.yaml", FOUND))) for text in nested] == [1, 0]


def test_what_is_long_without_end_is_scanned_to_a_bound():
    found = list(comments("- a # here\n" * TOKEN_LIMIT, "a.yaml", FOUND))
    assert 0 < len(found) < TOKEN_LIMIT


@pytest.mark.parametrize(
    "text", ["[" * 250_000, "? " * 100_000, "{a: " * 50_000, "- " * 100_000], ids=lambda it: it[:3]
)
def test_what_is_nested_without_end_is_not_scanned_to_its_end(text):
    assert list(comments(f"{text}\n # here\n", "a.yaml", FOUND)) == []


@pytest.mark.parametrize(
    "text", ["", "# here", "\x00 # here", "\ud800 # here", "a: *b # here", "%YAML 9 # here", "'# here"]
)
def test_any_text_is_answered(text):
    assert len(list(comments(text, "a.yaml", FOUND))) <= 1
