from __future__ import annotations

import json

import pytest

from lint.reports import finding, report
from vmf.lint.formats import FORMATS

SECRET = finding(source="  password: hunter2")


def test_people_read_the_place_the_rule_an_excerpt_and_the_remedy():
    assert FORMATS["full"](report(finding(), finding("warning", line=0, hint=""))).splitlines() == [
        "a.yaml: VMF301 warning: too small",
        "a.yaml:6:3: VMF203 error: too small",
        "      memory: 0",
        "      ^",
        "    write 1GiB",
    ]


def test_programs_read_a_list_of_objects():
    assert json.loads(FORMATS["json"](report(finding(), finding("note", line=0)))) == [
        {
            "rule": "VMF402",
            "severity": "note",
            "file": "a.yaml",
            "line": None,
            "column": None,
            "what": "too small",
            "hint": "write 1GiB",
        },
        {
            "rule": "VMF203",
            "severity": "error",
            "file": "a.yaml",
            "line": 6,
            "column": 3,
            "what": "too small",
            "hint": "write 1GiB",
        },
    ]
    assert json.loads(FORMATS["json"](report())) == []


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (finding(), "::error title=vmf (VMF203),file=a.yaml,line=6,col=3::too small%0Awrite 1GiB"),
        (finding("warning", hint=""), "::warning title=vmf (VMF301),file=a.yaml,line=6,col=3::too small"),
        (finding("note", line=0, hint=""), "::notice title=vmf (VMF402),file=a.yaml::too small"),
        (
            finding(where="50%,a:b.yaml", what="100%: a, b", hint=""),
            "::error title=vmf (VMF203),file=50%25%2Ca%3Ab.yaml,line=6,col=3::100%25: a, b",
        ),
    ],
)
def test_github_reads_workflow_commands(given, line):
    assert FORMATS["github"](report(given)) == line


def test_no_file_name_makes_a_command_of_its_own():
    text = FORMATS["github"](report(finding(where="a\n::stop-commands::x"), finding(what="\r\n::error::x", line=7)))
    assert [line[:8] for line in text.splitlines()] == ["::error ", "::error "]


@pytest.mark.parametrize("form", sorted(set(FORMATS) - {"full"}))
def test_what_is_kept_and_passed_on_holds_no_line_of_a_spec(form):
    assert "hunter2" not in FORMATS[form](report(SECRET))
    assert "hunter2" in FORMATS["full"](report(SECRET))


@pytest.mark.parametrize("form", ["json", "sarif", "junit"])
def test_documents_are_ascii_whatever_they_say(form):
    assert FORMATS[form](report(finding(what="größer", where="\udcff.yaml"))).isascii()
