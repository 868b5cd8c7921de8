"""Findings to be written, chosen and silenced."""

from __future__ import annotations

from vmf.errors import Fault
from vmf.lint.finding import Finding, Report
from vmf.rules import Rule, Severity

RULES = {
    severity: Rule(id=id_, title=f"{id_} it is", why=f"{id_} matters.", mend=f"Mend {id_}.", severity=severity)
    for id_, severity in (("VMF203", Severity.ERROR), ("VMF301", Severity.WARNING), ("VMF402", Severity.NOTE))
}


def finding(severity="error", *, line=6, column=3, where="a.yaml", what="too small", **fault):
    words = {"source": "  memory: 0" if line else "", "hint": "write 1GiB", **fault}
    return Finding(
        rule=RULES[severity], fault=Fault(what=what, where=where, line=line, column=column if line else 0, **words)
    )


def report(*findings, files=("a.yaml", "b.yaml")):
    return Report.of(findings, files)
