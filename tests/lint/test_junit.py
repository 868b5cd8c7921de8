from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from lint.reports import finding, report
from vmf.lint.junit import write


def test_each_file_is_a_test_case_and_fails_by_what_was_found():
    suite = ET.fromstring(write(report(finding(), finding("warning", line=0, hint=""))))  # noqa: S314  # our own
    assert (suite.tag, suite.get("tests"), suite.get("failures")) == ("testsuite", "2", "1")
    first, second = suite
    assert (first.get("name"), second.get("name"), len(second)) == ("a.yaml", "b.yaml", 0)
    assert [(each.get("type"), each.get("message"), each.text) for each in first] == [
        ("VMF301", "too small", "VMF301 warning: too small"),
        ("VMF203", "too small", "6:3: VMF203 error: too small (write 1GiB)"),
    ]


def test_a_note_fails_nothing():
    suite = ET.fromstring(write(report(finding("note"))))  # noqa: S314  # as above
    assert suite.get("failures") == "0"
    assert suite.find("testcase/failure") is None
    assert suite.findtext("testcase/system-out") == "6:3: VMF402 note: too small (write 1GiB)"


@pytest.mark.parametrize("text", ["<&\">'", "\x00\x08\x1b", "\ud800", "\ufffe", "größer \U0001f5a5", "]]>"])
def test_any_text_makes_a_document(text):
    suite = ET.fromstring(write(report(finding(what=text, where=text, hint=text))))  # noqa: S314  # as above
    assert suite.find("testcase/failure") is not None
