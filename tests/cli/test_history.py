"""What has happened to a job, in words."""

from __future__ import annotations

import pytest

from vmf.cli import history
from vmf.model import Ending, Gap, Handle, Kept, Outcome, Platform, Suspend, Why
from vmf.result import verdict
from vmf.state import (
    CheckpointAsked,
    Checkpointed,
    CheckpointFailed,
    Created,
    CutOff,
    Ended,
    FellBack,
    HostDied,
    Judged,
    Placed,
    Released,
    RestoreFailed,
    Resumed,
    ResumeFailed,
    State,
    SuspendAsked,
    SuspendFailed,
    VacateAsked,
    Vacated,
)
from vmf.store import Moment

HANDLE = Handle(host="one", machine="vmf-1-2")
PLATFORM = Platform(type="fake", accelerator="none", version="1", machine="m", cpu="c")
WHY = "no room\n    make some"


def kept(stopped):
    return Kept(number=3, sha256="0" * 64, at=0.0, size=2**20, stopped=stopped, platform=PLATFORM)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Placed(host="one"), "placed on one"),
        (Created(handle=HANDLE), "machine vmf-1-2 is in being"),
        (
            Created(handle=HANDLE, gap=Gap(seconds=75, checkpoint=3, clock_set=True)),
            "machine vmf-1-2 goes on from checkpoint 3, having missed 1m15s; its clock was put right",
        ),
        (SuspendAsked(how=Suspend.HARD), "asked to be suspended, hard"),
        (SuspendFailed(reason=WHY), "could not be suspended: no room; make some"),
        (Resumed(), "resumed"),
        (Resumed(gap=Gap(seconds=4)), "its guest goes on, having missed 4.0s"),
        (ResumeFailed(reason=WHY), "could not be resumed: no room; make some"),
        (CheckpointAsked(why=Why.PERIOD), "asked for a checkpoint: period"),
        (Checkpointed(kept=kept(0.25)), "checkpoint 3, 1 MiB; the guest stood still for 0.2s"),
        (Checkpointed(kept=kept(0)), "checkpoint 3, 1 MiB"),
        (CheckpointFailed(reason=WHY), "no checkpoint could be taken: no room; make some"),
        (VacateAsked(), "asked to leave its host"),
        (Vacated(), "has left its host"),
        (RestoreFailed(number=3, reason=WHY), "checkpoint 3 could not be gone on from: no room; make some"),
        (HostDied(host="h", attempt=1), "its host was declared dead"),
        (FellBack(number=3, reason="crashed"), "is to go on from checkpoint 3: crashed"),
        (CutOff(outcome=Outcome.LIMIT, reason="disk"), "cut off: disk"),
        (Ended(ending=Ending.CRASHED, detail="libvirt says: crashed"), "ended: crashed, libvirt says: crashed"),
        (Ended(ending=Ending.SHUTDOWN), "ended: shutdown"),
        (Judged(verdict=verdict(Outcome.HOST_FAULT, reason=WHY)), "judged: host-fault, no room; make some"),
        (Released(), "released"),
    ],
)
def test_each_event_is_told_in_a_line(event, words):
    header, line = history.lines([Moment(at=0.0, state=State.RUNNING, event=event)])
    assert header.endswith("WHAT HAPPENED")
    assert line == f"{history.clock(0)}  running  {words}"
