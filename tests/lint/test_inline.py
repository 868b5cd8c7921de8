from __future__ import annotations

import os
from pathlib import Path

import pytest

from lint.reports import RULES, finding
from lint.samples import job
from vmf.lint import judge
from vmf.lint.finding import Finding, Report
from vmf.lint.inline import RULES as OWN
from vmf.lint.inline import heed
from vmf.rules import Rule, Severity

SYNTAX = Rule(id="VMF101", title="x", why="x", mend="x")


@pytest.fixture
def heeded(tmp_path):
    """Says which rules are left in which lines of a text, if they are found in these."""

    def ask(text, *found):
        file = tmp_path / "a.yaml"
        file.write_text(text)
        findings = [finding(severity, line=line, where=str(file)) for severity, line in found]
        left = Report.of(heed(findings, [file]), [file]).findings
        return [(each.rule.id, each.fault.line) for each in left]

    return ask


def test_a_comment_silences_the_rules_that_it_names_on_its_line(heeded):
    text = "a: 1\nb: 2  # vmf: ignore[VMF203]\nc: 3\n"
    assert heeded(text, ("error", 1), ("error", 2), ("warning", 2), ("error", 3)) == [
        ("VMF203", 1),
        ("VMF301", 2),
        ("VMF203", 3),
    ]


@pytest.mark.parametrize(
    "words", ["VMF203,VMF301", "VMF203, VMF301", " VMF301 VMF203 ", "VMF203] # vmf: ignore[VMF301"]
)
def test_it_can_name_several(heeded, words):
    assert heeded(f"a: 1 # vmf: ignore[{words}]\n", ("error", 1), ("warning", 1)) == []


@pytest.mark.parametrize("comment", ["#vmf:ignore[VMF203]", "#  vmf:  ignore[VMF203] because", "# why; vmf: x"])
def test_spaces_do_not_count_and_a_reason_may_follow(heeded, comment):
    silenced = "ignore" in comment
    assert (heeded(f"a: 1 {comment}\n", ("error", 1)) == []) is silenced


def test_one_that_stands_alone_is_about_the_next_line(heeded):
    text = "a:\n  # vmf: ignore[VMF203]\n  b: 2\n"
    assert heeded(text, ("error", 3)) == []
    assert heeded(text, ("error", 2)) == [("VMF191", 2), ("VMF203", 2)]


def test_a_text_that_looks_like_one_silences_nothing(heeded):
    text = "run: |\n  echo # vmf: ignore[VMF203]\na: 'x # vmf: ignore[VMF203]'\n"
    assert heeded(text, ("error", 2), ("error", 3)) == [("VMF203", 2), ("VMF203", 3)]


@pytest.mark.parametrize("comment", ["# vmf: ignore", "# vmf: ignore[]", "# vmf: ignore[ , ]"])
def test_one_that_names_no_rule_silences_nothing_and_is_a_warning(heeded, comment):
    assert heeded(f"a: 1 {comment}\n", ("error", 1)) == [("VMF203", 1), ("VMF190", 1)]


def test_another_word_is_no_comment_of_this_kind(heeded):
    assert heeded("a: 1 # vmf: ignored[VMF203]\n", ("error", 1)) == [("VMF203", 1)]


def test_one_that_silences_nothing_is_a_note(heeded):
    assert heeded("a: 1 # vmf: ignore[VMF203, VMF301]\n", ("error", 1)) == [("VMF191", 1)]
    assert [each.severity for each in OWN] == [Severity.WARNING, Severity.NOTE]


def test_of_a_spec_that_cannot_be_read_nobody_knows_what_its_comments_are_for(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("a: 1 # vmf: ignore[VMF203]\n")
    unread = Finding(rule=SYNTAX, fault=finding(where=str(file)).fault)
    assert list(heed([unread], [file])) == [unread]


def test_a_comment_is_about_its_own_file_alone_whatever_the_names_look_like(folder, plugins):
    files = [Path("a\x01.yaml"), Path("a\x02.yaml")]
    files[0].write_text(job("vnc: 1"))
    files[1].write_text(job("vnc: 1  # vmf: ignore[VMF113]"))
    found = judge.findings(files, plugins=plugins, hosts=(), images=folder)
    report = Report.of(heed(found, files), files)
    assert [(each.file, each.rule.id) for each in report.findings] == [("a\x01.yaml", "VMF113")]
    assert report.summary.startswith("1 finding (1 error) in 1 of 2 files")


def test_a_finding_elsewhere_stays():
    elsewhere = finding(where="hosts/desk.yaml")
    assert list(heed([elsewhere], [])) == [elsewhere]


@pytest.mark.parametrize("made", [os.mkfifo, Path.mkdir, lambda path: path.write_bytes(b"\xff# vmf: ignore")])
def test_a_file_that_cannot_be_read_twice_or_at_all_is_left_as_it_is(tmp_path, made):
    file = tmp_path / "a.yaml"
    made(file)
    found = finding(where=str(file))
    assert list(heed([found], [file, tmp_path / "missing.yaml"])) == [found]


def test_every_rule_about_comments_says_what_to_do():
    assert all(each.title and each.why and each.mend for each in (*OWN, *RULES.values()))
