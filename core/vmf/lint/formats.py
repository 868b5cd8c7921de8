"""How a report is written: for people, for programs, for GitHub; whatever it says, a line of it is a line.

No format but `full` repeats what a spec says: reports are kept and passed on, and specs may hold secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from msgspec.structs import replace

from vmf.lint.finding import Finding, Report
from vmf.rules import Severity


def full(report: Report) -> str:
    """The findings as people read them: the place, the rule, an excerpt with a caret, and the remedy."""
    return "\n".join(map(_said, report.findings))


def json(report: Report) -> str:
    """A list of objects; `line` and `column` count from 1, and are null where a finding has no place in its file."""
    from json import dumps  # noqa: PLC0415  # most runs do without

    return dumps([_row(each) for each in report.findings])


def github(report: Report) -> str:
    """Workflow commands, which GitHub Actions turns into annotations."""
    return "\n".join(map(_command, report.findings))


def sarif(report: Report) -> str:
    """The Static Analysis Results Interchange Format, version 2.1.0."""
    from vmf.lint.sarif import write  # noqa: PLC0415  # as above

    return write(report)


def junit(report: Report) -> str:
    """JUnit's XML, as most CI servers read it."""
    from vmf.lint.junit import write  # noqa: PLC0415  # as above

    return write(report)


FORMATS: Mapping[str, Callable[[Report], str]] = MappingProxyType(
    {each.__name__: each for each in (full, json, github, sarif, junit)}
)
"""What `--format` can name."""


def _said(finding: Finding) -> str:
    rule, fault = finding.rule, finding.fault
    return str(replace(fault, what=f"{rule.id} {rule.severity}: {fault.what}"))


def _row(finding: Finding) -> dict[str, str | int | None]:
    rule, fault = finding.rule, finding.fault
    return {
        "rule": rule.id,
        "severity": rule.severity,
        "file": fault.where,
        "line": fault.line or None,
        "column": fault.column or None,
        "what": fault.what,
        "hint": fault.hint,
    }


_COMMANDS = MappingProxyType({Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"})
_IN_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def _command(finding: Finding) -> str:
    """A workflow command, see "Workflow commands for GitHub Actions"; the escapes are those of its toolkit."""
    rule, fault = finding.rule, finding.fault
    properties: dict[str, object] = {"title": f"vmf ({rule.id})", "file": fault.where}
    if fault.line:
        properties |= {"line": fault.line, "col": fault.column}
    given = ",".join(f"{key}={str(value).translate(_IN_PROPERTY)}" for key, value in properties.items())
    text = f"{fault.what}\n{fault.hint}" if fault.hint else fault.what
    return f"::{_COMMANDS[rule.severity]} {given}::{text.translate(_IN_DATA)}"
