"""A finding: a fault in a file, with the rule that it breaks; and a report of all that one run found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from vmf.errors import Fault
from vmf.rules import Rule, Severity
from vmf.spec.faults import printable
from vmf.units import format_count


class Finding(Struct, frozen=True, kw_only=True):
    """What is wrong, where, and by which rule."""

    rule: Rule
    fault: Fault

    @property
    def file(self) -> str:
        """The file that it is about, as the system knows it: of two that print alike, this one."""
        return self.fault.file or self.fault.where

    @property
    def order(self) -> tuple[str, int, int, str, str]:
        """By what findings are sorted: the file, the place in it, the rule."""
        return (self.file, self.fault.line, self.fault.column, self.rule.id, self.fault.what)


class Report(Struct, frozen=True, kw_only=True):
    """All findings of a run, and the files that were looked at, hosts' included if something is wrong with them."""

    findings: tuple[Finding, ...]
    files: tuple[str, ...]
    """As the system knows them, so whoever writes one makes it printable."""

    @classmethod
    def of(cls, findings: Iterable[Finding], files: Iterable[object]) -> Report:
        """Each finding once, sorted, of words that no terminal and no document can stumble over."""
        harmless = sorted({_harmless(each) for each in findings}, key=lambda each: each.order)
        looked_at = (*map(str, files), *(each.file for each in harmless))
        return cls(findings=tuple(harmless), files=tuple(dict.fromkeys(looked_at)))

    @property
    def clean(self) -> bool:
        """Whether there is nothing worse than notes."""
        return all(each.rule.severity is Severity.NOTE for each in self.findings)

    @property
    def summary(self) -> str:
        """What was found, in a line."""
        files = format_count(len(self.files), "file")
        if not self.findings:
            return f"no findings in {files}"
        found = Counter(each.rule.severity for each in self.findings)
        kinds = ", ".join(format_count(found[each], each.value) for each in Severity if found[each])
        where = len({each.file for each in self.findings})
        worst = min(self.findings, key=lambda each: list(Severity).index(each.rule.severity)).rule.id
        total = format_count(len(self.findings), "finding")
        return f"{total} ({kinds}) in {where} of {files}; `vmf lint --explain {worst}` says more"


def _harmless(finding: Finding) -> Finding:
    """The finding without control characters: a plugin's rule may quote a spec as it is."""
    fault = finding.fault
    words: dict[str, Any] = {name: printable(getattr(fault, name)) for name in ("what", "where", "source", "hint")}
    return replace(finding, fault=replace(fault, **words))
