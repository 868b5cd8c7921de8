from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vmf import state
from vmf.model import Ending, Handle, Kept, Outcome, Performed, Platform, Suspend, Why
from vmf.result import verdict
from vmf.state import (
    ENDED,
    MEANING,
    TRANSITIONS,
    CheckpointAsked,
    Checkpointed,
    CheckpointFailed,
    Completed,
    Configured,
    Created,
    CutOff,
    Ended,
    Failed,
    FellBack,
    Forgone,
    Held,
    HoldAsked,
    HostDied,
    IllegalEvent,
    Judged,
    Placed,
    Readmitted,
    Released,
    Removed,
    Requeued,
    RestoreFailed,
    ResumeAsked,
    Resumed,
    ResumeFailed,
    Saved,
    State,
    StopAsked,
    SuspendAsked,
    Suspended,
    SuspendFailed,
    VacateAsked,
    Vacated,
    advance,
    prospects,
)

PAGE = Path(__file__).parents[2] / "docs" / "states.md"
PLATFORM = Platform(type="t", accelerator="a", version="1", machine="m", cpu="c")
KEPT = Kept(number=1, sha256="0" * 64, at=0.0, size=1, stopped=0.1, platform=PLATFORM)
EVENTS = (
    Placed(host="h"),
    Created(handle=Handle(host="h", machine="m")),
    SuspendAsked(how=Suspend.SOFT),
    Suspended(),
    Saved(),
    SuspendFailed(reason="its host says no"),
    ResumeAsked(),
    Readmitted(),
    Resumed(),
    ResumeFailed(reason="a port is taken"),
    CheckpointAsked(why=Why.OWNER),
    Checkpointed(kept=KEPT),
    CheckpointFailed(reason="a folder is mounted"),
    VacateAsked(),
    Forgone(),
    Vacated(),
    RestoreFailed(number=1, reason="its memory is not what was kept"),
    FellBack(number=3, reason="QEMU died"),
    HostDied(host="h", attempt=1),
    Configured(steps=(Performed(name="a", digest="0" * 64, seconds=1.0, at=0.0),)),
    HoldAsked(),
    Released(),
    CutOff(outcome=Outcome.LIMIT, reason="disk0 is full"),
    StopAsked(),
    Ended(ending=Ending.SHUTDOWN),
    Judged(verdict=verdict(Outcome.COMPLETED)),
    Completed(),
    Held(),
    Requeued(),
    Failed(),
    Removed(),
)
OF = {type(event): event for event in EVENTS}
ILLEGAL = [(before, event) for before in State for event in EVENTS if (before, type(event)) not in TRANSITIONS]
TO_RUNNING = (Placed, Created)
TO_SAVED = (*TO_RUNNING, SuspendAsked, Saved)
LIVES = {
    "runs to its end": (*TO_RUNNING, Ended, Judged, Completed, State.COMPLETED),
    "is at fault before there is a machine": (Placed, Judged, Held, State.HELD),
    "is stopped before it has a host": (StopAsked, Judged, Removed, State.REMOVED),
    "is stopped before there is a machine": (Placed, StopAsked, Judged, Removed, State.REMOVED),
    "is stopped while it runs": (*TO_RUNNING, StopAsked, Ended, Judged, Removed, State.REMOVED),
    "is suspended": (
        *TO_RUNNING,
        SuspendAsked,
        Suspended,
        ResumeAsked,
        Resumed,
        Ended,
        Judged,
        Completed,
        State.COMPLETED,
    ),
    "gives its room back": (*TO_SAVED, ResumeAsked, Readmitted, Resumed, Ended, Judged, Completed, State.COMPLETED),
    "is saved when it is suspended": (*TO_RUNNING, SuspendAsked, Suspended, SuspendAsked, Saved, State.SAVED),
    "cannot be suspended": (*TO_RUNNING, SuspendAsked, SuspendFailed, Resumed, State.RUNNING),
    "cannot go on": (*TO_SAVED, ResumeAsked, Readmitted, ResumeFailed, Saved, State.SAVED),
    "is kept": (*TO_RUNNING, CheckpointAsked, Checkpointed, Ended, Judged, Completed, State.COMPLETED),
    "cannot be kept": (*TO_RUNNING, CheckpointAsked, CheckpointFailed, State.RUNNING),
    "leaves its host": (*TO_RUNNING, VacateAsked, Checkpointed, Vacated, *TO_RUNNING, State.RUNNING),
    "leaves with nothing": (*TO_RUNNING, VacateAsked, Forgone, Vacated, State.IDLE),
    "leaves while it stands still": (*TO_RUNNING, SuspendAsked, Suspended, VacateAsked, Checkpointed, State.LEAVING),
    "cannot leave": (*TO_RUNNING, VacateAsked, CheckpointFailed, ResumeAsked, Resumed, State.RUNNING),
    "leaves while it is saved": (*TO_SAVED, VacateAsked, Checkpointed, Vacated, State.IDLE),
    "cannot go on from what was kept": (Placed, RestoreFailed, Created, State.RUNNING),
    "falls back on what was kept": (*TO_RUNNING, Ended, FellBack, Vacated, *TO_RUNNING, State.RUNNING),
    "outlives its host": (*TO_RUNNING, HostDied, *TO_RUNNING, State.RUNNING),
    "is to end when its host does": (*TO_RUNNING, StopAsked, HostDied, Removed, State.REMOVED),
    "is stopped while it is saved": (*TO_SAVED, StopAsked, Ended, Judged, Removed, State.REMOVED),
    "is held and released": (*TO_RUNNING, HoldAsked, Held, Released, Placed, State.STARTING),
    "is configured": (*TO_RUNNING, Configured, Configured, Ended, Judged, Completed, State.COMPLETED),
    "takes more than it may": (*TO_RUNNING, CutOff, Ended, Judged, Completed, State.COMPLETED),
    "ends by itself although it was told to stop": (*TO_RUNNING, StopAsked, Ended, Judged, Completed, State.COMPLETED),
    "is tried on another host": (Placed, Judged, Requeued, *TO_RUNNING, Ended, Judged, Completed, State.COMPLETED),
    "has no host left": (Placed, Judged, Requeued, Placed, Judged, Failed, State.FAILED),
}


def name(each):
    """What a state, an event or the type of one is called in a test's name."""
    return each.value if isinstance(each, State) else getattr(each, "__name__", type(each).__name__)


def page():
    """Write `docs/states.md`: the life of a job, as a picture and as a table."""
    return "\n".join([
        "# The life of a job",
        "",
        "<!-- Drawn from the code: python tests/core/test_state.py > docs/states.md -->",
        "",
        "An arrow is an event. The engine records the event before it acts on the new state, so that whoever adopts a",
        "job goes on from the state that it finds.",
        "",
        "```mermaid",
        state.diagram().rstrip(),
        "```",
        "",
        "| state | a job in it |",
        "|---|---|",
        *(f"| {each} | {MEANING[each]} |" for each in State),
        "",
    ])  # fmt: skip


def test_the_page_says_what_the_code_does():
    assert PAGE.read_text() == page()


@pytest.mark.parametrize("life", list(LIVES.values()), ids=list(LIVES))
def test_a_job_that(life):
    *events, end = life
    now = State.IDLE
    for event in events:
        now = advance(now, OF[event])
    assert now is end


@pytest.mark.parametrize(("before", "event"), list(TRANSITIONS), ids=name)
def test_a_row_leads_where_it_says(before, event):
    assert advance(before, OF[event]) is TRANSITIONS[before, event]


@pytest.mark.parametrize(
    ("before", "event"), ILLEGAL, ids=lambda each: str(getattr(each, "value", type(each).__name__))
)
def test_an_event_out_of_place_is_refused_with_both(before, event):
    with pytest.raises(IllegalEvent, match=f"a job that is {before} cannot be ") as raised:
        advance(before, event)
    assert (raised.value.state, raised.value.event) == (before, event)


@pytest.mark.parametrize(
    ("state", "event", "comes"),
    [
        (State.SUSPENDING, ResumeAsked, True),
        (State.RESUMING, SuspendAsked, True),
        (State.STARTING, SuspendAsked, True),
        (State.SAVED, SuspendAsked, False),
        (State.IDLE, SuspendAsked, False),
        (State.STOPPING, HoldAsked, False),
        (State.RESUMING, Released, False),
    ],
)
def test_what_has_no_meaning_yet_may_have_one_in_what_comes_by_itself(state, event, comes):
    assert (state, event) not in TRANSITIONS
    assert any((later, event) in TRANSITIONS for later in prospects(state)) is comes


def test_every_event_has_a_place():
    assert set(OF) == {event for _, event in TRANSITIONS}


def test_every_state_has_a_meaning():
    assert set(MEANING) == set(State)


def test_an_end_has_no_way_out_and_everything_else_has():
    """But the owner can release a job that is held."""
    assert {before for before, _ in TRANSITIONS} == set(State) - ENDED | {State.HELD}


def test_every_state_can_be_reached():
    assert {State.IDLE, *TRANSITIONS.values()} == set(State)


@pytest.mark.parametrize("before", sorted(set(State) - ENDED))
def test_every_state_leads_to_an_end(before):
    reached, found = {before}, {before}
    while found:
        found = {after for (at, _), after in TRANSITIONS.items() if at in found} - reached
        reached |= found
    assert reached >= ENDED


if __name__ == "__main__":
    sys.stdout.write(page())
