from __future__ import annotations

import pytest

from lint.reports import finding, report


def test_findings_are_sorted_by_file_line_column_and_rule_and_each_is_told_once():
    wanted = [
        finding(where="a.yaml", line=9, column=2),
        finding(where="a.yaml", line=10, column=1),
        finding(where="a.yaml", line=10, column=2),
        finding("warning", where="a.yaml", line=10, column=2),
        finding(where="b.yaml", line=1),
    ]
    assert report(*wanted[::-1], *wanted).findings == tuple(wanted)


@pytest.mark.parametrize(
    ("severities", "clean"), [((), True), (("note",), True), (("note", "warning"), False), (("error",), False)]
)
def test_notes_alone_are_clean(severities, clean):
    assert report(*map(finding, severities)).clean is clean


@pytest.mark.parametrize(
    ("findings", "files", "summary"),
    [
        ((), ("a.yaml",), "no findings in 1 file"),
        ((finding(),), ("a.yaml", "b.yaml"), "1 finding (1 error) in 1 of 2 files"),
        (
            (finding(), finding("note", line=7), finding("note", line=8), finding("warning", where="b.yaml")),
            ("a.yaml", "b.yaml", "c.yaml"),
            "4 findings (1 error, 1 warning, 2 notes) in 2 of 3 files",
        ),
        ((finding(where="hosts/desk.yaml"),), ("a.yaml",), "1 finding (1 error) in 1 of 2 files"),
    ],
)
def test_the_summary_counts(findings, files, summary):
    assert report(*findings, files=files).summary.partition(";")[0] == summary


def test_the_summary_leads_to_the_worst():
    summary = report(finding("note", line=1), finding("error", line=2)).summary
    assert summary.endswith("; `vmf lint --explain VMF203` says more")


@pytest.mark.parametrize("part", ["what", "where", "source", "hint"])
def test_nothing_that_is_said_controls_a_terminal_or_begins_a_line(part):
    (said,) = report(finding(**{part: "a\x1b[31m\r\n::error::\u202e\ud800b"})).findings
    assert getattr(said.fault, part) == "a\ufffd[31m\ufffd\ufffd::error::\ufffd\ufffdb"
