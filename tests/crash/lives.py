"""The lives that are cut short: what is typed, what its owner and others do meanwhile, and how it has to end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from vmf.model import Suspend, Why
from vmf.run.orders import Orders
from vmf.state import (
    STANDS_STILL,
    CheckpointAsked,
    Ended,
    Event,
    HoldAsked,
    ResumeAsked,
    State,
    StopAsked,
    SuspendAsked,
    VacateAsked,
    Wish,
)
from vmf.store import Moment, Record

if TYPE_CHECKING:
    from crash.place import Place  # which has a life


@dataclass(frozen=True, kw_only=True)
class Act:
    """Something that is done to a job when it is in a state; it has been done once there is such an event."""

    state: State
    event: type[Event]
    do: Callable[[Place, Record, Orders], None]


@dataclass(frozen=True, kw_only=True)
class Life:
    """A life of one job, from words that are typed to their exit code."""

    changes: tuple[str, ...] = ()
    wakes: bool = False
    """Whether there is memory that its guest can wake from; real guests boot."""
    hosts: tuple[str, ...] = ("farm",)
    faults: tuple[tuple[str, str, str], ...] = ()
    """What the first host cannot do: verbs, each with the kind of its fault and a sentence."""
    acts: Sequence[Act] = ()
    """In this order, each at the first opportunity."""
    orphaned: str = ""
    """The step at which a `vmf run` is killed first, if this is the life of another command."""
    words: tuple[str, ...] = ("run", "j.yaml")
    over: tuple[str, ...] = ("wait", "j")
    """What is typed once the job has ended, or, if it is to go, has gone."""
    state: State | None = State.COMPLETED
    """In which the job ends; None: nothing is left of it."""
    code: int = 5
    over_code: int | None = None
    """That of the words of `over`, if it is another."""


def due(life: Life, record: Record, history: Sequence[Moment]) -> Act | None:
    """What is to be done next to a job of this history; None: its guest may go on.

    Whoever stands still although all has been done, since it failed, is set going.
    """
    left = list(life.acts)
    for moment in history:
        if left and isinstance(moment.event, left[0].event):
            left.pop(0)
    if not left and record.state in STANDS_STILL:
        return _asked(record.state, ResumeAsked())
    return left[0] if left else None


def _asked(state: State, wish: Wish) -> Act:
    return Act(state=state, event=type(wish), do=lambda _, __, orders: orders.give(wish=wish))


DEATH = Act(state=State.RUNNING, event=Ended, do=lambda place, record, _: place.kill(record))
STOP = Act(state=State.RUNNING, event=StopAsked, do=lambda _, __, orders: orders.give(stop=True))
HOLD = _asked(State.RUNNING, HoldAsked())
VACATE = _asked(State.RUNNING, VacateAsked())
CHECKPOINT = _asked(State.RUNNING, CheckpointAsked(why=Why.OWNER))
PAUSE = (_asked(State.RUNNING, SuspendAsked(how=Suspend.SOFT)), _asked(State.SUSPENDED, ResumeAsked()))
SAVE = (_asked(State.RUNNING, SuspendAsked(how=Suspend.HARD)), _asked(State.SAVED, ResumeAsked()))
KEEPS = ("checkpoint={on_eviction: true, keep: 1}",)
STEPS = ("steps=[{name: first, run: echo a}, {name: second, run: echo b}]",)
BUILD = ("image", "build", "base.image.yaml")
REACHED = ("network={type: user, forwards: [{port: 7000}]}",)
LENT = ("steps=[{name: first, on_host: note}]", "finally={steps: [{name: last, on_host: note}]}")
TWO = ("farm", "yard")

LIVES: Mapping[str, Life] = MappingProxyType({
    "plain": Life(),
    "stepped": Life(changes=STEPS),
    "built": Life(words=BUILD, over=BUILD, code=0),
    "suspended": Life(acts=PAUSE),
    "saved": Life(acts=SAVE, changes=REACHED),
    "kept": Life(acts=(CHECKPOINT, CHECKPOINT), changes=KEEPS),
    "restored": Life(acts=(CHECKPOINT, DEATH), changes=KEEPS),
    "moved": Life(acts=(VACATE,), changes=KEEPS, hosts=TWO),
    "evicted": Life(acts=(VACATE,), hosts=TWO),
    "elsewhere": Life(faults=(("create", "host", "out of order"),), hosts=TWO),
    "refused": Life(faults=(("create", "job", "cannot be"),), state=State.HELD, code=76),
    "stopped": Life(acts=(STOP,), state=State.REMOVED, code=77),
    "held": Life(acts=(HOLD,), state=State.HELD, code=76),
    "lent": Life(changes=LENT),
    "removed": Life(
        orphaned="after apply created", words=("rm", "1"), over=("rm", "1"), state=None, code=0, over_code=78,
    ),
    "woken": Life(wakes=True),
    "woken-moved": Life(wakes=True, acts=(VACATE,), changes=KEEPS, hosts=TWO),
})  # fmt: skip
"""Each by its name."""
