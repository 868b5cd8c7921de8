"""The report as JUnit's XML: a test case for each file, a failure for each finding in it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from vmf.lint.finding import Finding, Report
from vmf.rules import Severity
from vmf.spec.faults import printable


def write(report: Report) -> str:
    """One suite; notes fail nothing and are the test case's output."""
    found = defaultdict(list)
    for each in report.findings:
        found[each.file].append(each)
    cases = [_case(file, found[file]) for file in report.files]
    failures = sum(case.find("failure") is not None for case in cases)
    suite = ET.Element("testsuite", _texts(name="vmf lint", tests=len(cases), failures=failures, errors=0))
    suite.extend(cases)
    ET.indent(suite)
    return f'<?xml version="1.0"?>\n{ET.tostring(suite, encoding="us-ascii").decode()}'


def _case(file: str, findings: Sequence[Finding]) -> ET.Element:
    case = ET.Element("testcase", _texts(name=file, classname="vmf lint"))
    for finding in findings:
        if finding.rule.severity is not Severity.NOTE:
            failure = ET.SubElement(case, "failure", _texts(type=finding.rule.id, message=finding.fault.what))
            failure.text = _line(finding)
    if notes := [_line(each) for each in findings if each.rule.severity is Severity.NOTE]:
        ET.SubElement(case, "system-out").text = "\n".join(notes)
    return case


def _line(finding: Finding) -> str:
    rule, fault = finding.rule, finding.fault
    place = f"{fault.line}:{fault.column}: " if fault.line else ""
    return printable(f"{place}{rule.id} {rule.severity}: {fault.what}{f' ({fault.hint})' if fault.hint else ''}")


def _texts(**attributes: object) -> dict[str, str]:
    """Attributes as texts; what is printable is legal in XML, which most control characters are not."""
    return {name: printable(str(value)) for name, value in attributes.items()}
