"""What a guest tells of the steps that it has done: a line for each, and a log. Nothing of it is believed.

A line has the step's number, the exit code of its last try, how often it was tried, and the hundredths of a second that
all of that took. What is not of that form, and all that comes after it, has not been told.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vmf.files.console import one_line
from vmf.model import Step
from vmf.result import EXIT_CODE_MAX, STEP_LOGS, STEPS, StepReport

REPORT = f"{STEPS}/report"
REPORT_MOST = 64 * 1024
"""Bytes of a report: a thousand lines have less."""
LOG_MOST = 64 * 1024
"""Bytes that are kept of what a step says: as many of its start as of its end."""
LOG_ROOM = LOG_MOST + 256
"""Bytes of a log: with a line that says where something was left out."""
LAST_LINES = 3
"""Of a step that failed."""

_LINE = re.compile(rb"([0-9]{1,4}) ([0-9]{1,3}) ([0-9]{1,3}) ([0-9]{1,12})")


def places(steps: Sequence[Step]) -> Mapping[bytes, bytes]:
    """Where in the results each entry of the guest's goes that has a step's log, and the folder of them."""
    logs = {f"{STEPS}/{number}.log": f"{STEP_LOGS}/{step.name}.log" for number, step in enumerate(steps, 1)}
    found = {STEPS: STEP_LOGS, **logs} if steps else {}
    return {before.encode(): after.encode() for before, after in found.items()}


def reports(text: bytes, steps: Sequence[Step], folder: Path) -> tuple[StepReport, ...]:
    """How far the guest got with these steps, and how each went.

    Args:
        text: its report, or as much of one as may be read.
        steps: those that it was given, in the order in which they were to be done.
        folder: the results, with the logs.
    """
    return tuple(_reports(text[:REPORT_MOST], steps, folder / STEP_LOGS))


def _reports(text: bytes, steps: Sequence[Step], logs: Path) -> Iterator[StepReport]:
    for (number, step), line in zip(enumerate(steps, 1), text.split(b"\n")[:-1], strict=False):
        told = _LINE.fullmatch(line)
        if told is None or int(told[1]) != number or int(told[2]) > EXIT_CODE_MAX:
            return
        code = int(told[2])
        said = last_words(logs / f"{step.name}.log") if code else ""
        yield StepReport(name=step.name, exit_code=code, tries=int(told[3]), seconds=int(told[4]) / 100, said=said)


def last_words(log: Path) -> str:
    """The last lines of a log, safe to show; none, if the guest did not hand it over."""
    try:
        with log.open("rb") as file:
            lines = deque((line.strip() for line in file.read(LOG_ROOM).splitlines() if line.strip()), LAST_LINES)
    except FileNotFoundError:
        return ""
    return "; ".join(one_line(line) for line in lines)
