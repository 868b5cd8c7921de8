"""The log against the types of `sarif-pydantic`.

No distribution carries the schema itself. What the types leave open is asserted beside them: which properties must be
there, that there are no others, and the least values.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import BaseModel
from sarif_pydantic import Sarif

from lint.reports import RULES, finding, report
from vmf import __version__
from vmf.lint.sarif import write

UNTYPED = {"columnKind"}
"""Properties of the standard that the types lack."""


def log(*findings):
    text = write(report(*findings))
    typed = Sarif.model_validate_json(text, strict=True)
    assert unknown(typed) <= UNTYPED
    (run,) = json.loads(text)["runs"]
    return run


def unknown(value):
    """Every property that the standard has not, however deep."""
    if isinstance(value, BaseModel):
        return set(value.model_extra or {}).union(*(unknown(each) for _, each in value))
    return set().union(*map(unknown, value)) if isinstance(value, list) else set()


def test_the_log_says_what_it_is_and_what_made_it():
    text = json.loads(write(report()))
    assert (text["version"], urlsplit(text["$schema"]).path) == ("2.1.0", "/sarif-2.1.0.json")
    run = log()
    assert (run["tool"]["driver"]["name"], run["tool"]["driver"]["version"]) == ("vmf", __version__)
    assert (run["columnKind"], run["results"]) == ("unicodeCodePoints", [])


def test_each_rule_with_findings_is_described_once_and_each_result_points_to_its_own():
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


def test_a_result_says_what_is_wrong_what_to_do_and_where():
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


def test_what_has_no_place_in_its_file_has_no_region_because_lines_begin_with_one():
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
def test_a_file_is_a_relative_uri_where_it_can_be(where, uri):
    (result,) = log(finding(where=where))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri
