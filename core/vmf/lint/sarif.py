"""The report as SARIF 2.1.0, which code scanning services take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vmf import __version__
from vmf.lint.finding import Finding, Report
from vmf.rules import Rule

VERSION = "2.1.0"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def write(report: Report) -> str:
    """The whole log, with the rules that have findings.

    SARIF's levels are called as our severities are. It never holds a line of a spec.
    """
    rules = sorted({each.rule.id: each.rule for each in report.findings}.items())
    index = {id_: number for number, (id_, _) in enumerate(rules)}
    driver = {"name": "vmf", "version": __version__, "rules": [_descriptor(rule) for _, rule in rules]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, index[each.rule.id]) for each in report.findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": VERSION, "runs": [run]})


def _descriptor(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.mend},
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(finding: Finding, index: int) -> dict[str, Any]:
    rule, fault = finding.rule, finding.fault
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(fault.where)}}
    if fault.line:
        physical["region"] = {"startLine": fault.line, "startColumn": fault.column}
    return {
        "ruleId": rule.id,
        "ruleIndex": index,
        "level": rule.severity,
        "message": {"text": f"{fault.what}\n{fault.hint}" if fault.hint else fault.what},
        "locations": [{"physicalLocation": physical}],
    }


def _uri(where: str) -> str:
    """Relative to the current folder if the file lies below it; no part of a name is taken for a scheme or a query."""
    path = Path(where)
    here = Path.cwd()
    if path.is_absolute() and path.is_relative_to(here):
        path = path.relative_to(here)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
