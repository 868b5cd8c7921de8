"""What has happened to a job, in words: a line for each event."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from vmf.cli import screen
from vmf.cli.printed import table
from vmf.model import Gap
from vmf.state import (
    CheckpointAsked,
    Checkpointed,
    CheckpointFailed,
    Configured,
    Created,
    CutOff,
    Ended,
    Event,
    FellBack,
    HostDied,
    Judged,
    Placed,
    RestoreFailed,
    Resumed,
    ResumeFailed,
    SuspendAsked,
    SuspendFailed,
    VacateAsked,
    Vacated,
)
from vmf.store import Moment
from vmf.units import format_duration


def lines(moments: Iterable[Moment]) -> Iterator[str]:
    """A table of what happened, and when."""
    rows = [(clock(each.at), each.state, flat(_words(each.event))) for each in moments]
    return table(("AT", "STATE", "WHAT HAPPENED"), rows)


def clock(at: float) -> str:
    """Seconds since 1970 as a date and a time of this computer's."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def flat(text: str) -> str:
    """Lines as one."""
    return "; ".join(line.strip() for line in text.splitlines())


def _words(event: Event) -> str:
    """What happened; the event's own name, where that says it all."""
    words = WORDS.get(type(event))
    return words(event) if words else str(event.__struct_config__.tag).replace("-", " ")


def _going(gap: Gap | None) -> str:
    """How a guest came to run, and what it has missed."""
    if gap is None:
        return "is in being"
    source = "" if gap.checkpoint is None else f" from checkpoint {gap.checkpoint}"
    clock_set = "; its clock was put right" if gap.clock_set else ""
    return f"goes on{source}, having missed {format_duration(gap.seconds)}{clock_set}"


WORDS: Mapping[type[Event], Callable[[Any], str]] = MappingProxyType({
    Placed: lambda event: f"placed on {event.host}",
    Created: lambda event: f"machine {event.handle.machine} {_going(event.gap)}",
    Resumed: lambda event: f"its guest {_going(event.gap)}" if event.gap else "resumed",
    SuspendAsked: lambda event: f"asked to be suspended, {event.how}",
    SuspendFailed: screen.failure,
    ResumeFailed: screen.failure,
    CheckpointAsked: lambda event: f"asked for a checkpoint: {event.why}",
    Checkpointed: lambda event: screen.keeping(event.kept),
    CheckpointFailed: screen.failure,
    VacateAsked: lambda _: "asked to leave its host",
    Configured: screen.configured,
    Vacated: lambda _: "has left its host",
    RestoreFailed: screen.failure,
    HostDied: lambda _: "its host was declared dead",
    FellBack: screen.failure,
    CutOff: lambda event: f"cut off: {event.reason}",
    Ended: lambda event: f"ended: {event.ending}{event.detail and f', {event.detail}'}",
    Judged: lambda event: f"judged: {event.verdict.outcome}{event.verdict.reason and f', {event.verdict.reason}'}",
})  # fmt: skip
