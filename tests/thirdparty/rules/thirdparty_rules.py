"""Wants jobs to say who pays for them; its second rule fails whatever it is given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vmf.hookspecs import hookimpl
from vmf.model import Job
from vmf.rules import Check, Objection, Rule, Severity

PROJECT = Rule(
    id="SITE201",
    title="a job that nobody pays for",
    why="Jobs without a project go to the end of the month's queue.",
    mend="Write the project's name into `metadata.labels`.",
    severity=Severity.WARNING,
)
FAILING = Rule(id="SITE202", title="a rule that fails", why="So that it can be seen.", mend="Nothing will do.")


def unpaid(job: Job) -> Iterator[Objection]:
    """Object to a job without a project."""
    if "project" not in job.labels:
        yield Objection(at=("metadata",), what="no project pays for it", hint="add `labels: {project: NAME}`")


def failing(job: Job) -> Iterator[Objection]:
    """Fail."""
    raise KeyError(job.name)


@hookimpl
def lint() -> tuple[Check[Any], ...]:
    """Both rules."""
    return (Check(rule=PROJECT, kind=Job, judge=unpaid), Check(rule=FAILING, kind=Job, judge=failing))
