"""Steps in turns of host and guest: what is done before a machine boots, in its guest, and once that is off. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from vmf.model import Job, Step
from vmf.steps.graph import ordered, to_do


class Phase(Struct, frozen=True, kw_only=True):
    """Steps of one side, which need nothing of the other meanwhile."""

    on_host: bool
    steps: tuple[Step, ...]
    """In an order that the graph allows."""


class Boot(Struct, frozen=True, kw_only=True):
    """What is done around one life of a machine."""

    before: tuple[Step, ...] = ()
    """By the host, before it boots."""
    guest: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    """By the host, once the guest is off."""
    late: Step | None = None
    """The first step that would be done in another life."""

    @property
    def on_host(self) -> tuple[Step, ...]:
        """All that the host does."""
        return (*self.before, *self.after)


def phases(steps: Sequence[Step]) -> tuple[Phase, ...]:
    """Steps to which nobody objects, in turns of host and guest; so few are the guest's that no other order has fewer.

    The host begins, with all that waits for no guest; each turn has all that can be done in it.
    """
    names = {step.name for step in steps}
    left, done, found, on_host = ordered(steps), set[str](), list[Phase](), True
    while left:
        taken = list[Step]()
        for step in left:
            if (step.on_host is not None) is on_host and names.intersection(step.after) <= done:
                taken.append(step)
                done.add(step.name)
        if taken:
            found.append(Phase(on_host=on_host, steps=tuple(taken)))
        left, on_host = tuple(step for step in left if step.name not in done), not on_host
    return tuple(found)


def boot(steps: Sequence[Step], *, script: bool) -> Boot:
    """What of some steps is done around one life of a machine; `script`: that ends with a job's script."""
    turns = phases(steps)
    several: list[tuple[Step, ...]] = [] if not turns or turns[0].on_host else [()]
    several += [turn.steps for turn in turns]
    before, guest, after, more, *_ = (*several, (), (), (), ())
    late = (*(after if script else ()), *more)
    return Boot(before=before, guest=guest, after=after, late=next(iter(late), None))


def boot_of(job: Job) -> Boot:
    """What is done around the life of a job's machine."""
    return boot(to_do(job), script=job.run is not None)
