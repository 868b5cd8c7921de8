"""What a guest that runs is watched for, beside its end: that it takes too much, too long, or is dead.

Time is counted by this computer's own seconds, which nobody sets back or forth, and only while an engine watches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import TracebackType

from msgspec.structs import replace

from vmf.ads import overlay_share
from vmf.hookspecs import TELLS_HALT
from vmf.model import MachineState, Outcome, Placement
from vmf.run.attempt import Attempt
from vmf.state import CutOff
from vmf.store import Record
from vmf.units import format_duration

DEAF = frozenset({Outcome.LIMIT, Outcome.HALTED})
"""What a guest was cut off for that hears nobody who asks it to power off."""
NOTE_SECONDS = 60.0
"""How much of the time that a guest has run may be forgotten with an engine that is killed."""
QUIET_SECONDS = 10.0
"""A guest whose console is silent for so long is looked at closely."""
HALTS = 2
"""How often in a row a guest has to be found halted."""


class Vigil:
    """The watch over a job's guest, entered anew each time that it runs; `update` gives the job another record."""

    def __init__(self, record: Callable[[], Record], *, attempt: Attempt, update: Callable[[Record], None]) -> None:
        self._record = record
        self._attempt = attempt
        self._update = update
        self._began = self._noted = time.monotonic()
        self._halts = 0

    def __enter__(self) -> None:
        """Begin to count."""
        self._began = self._noted = time.monotonic()
        self._halts = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Keep how long the guest has run."""
        self._note()

    @property
    def watched(self) -> float:
        """Seconds since it was entered."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float:
        """Seconds that the guest may go on, as far as anything is known of that."""
        return max(0.0, min((limit - spent for _, limit, spent, _ in self._limits()), default=float("inf")))

    def look(self, state: MachineState) -> CutOff | None:
        """Why the guest is to be ended, whose machine is in this state; None: it may go on."""
        if time.monotonic() - self._noted > NOTE_SECONDS:
            self._note()
        if state.limit:
            reason = f"{state.limit}; {_remedy(self._attempt.placement)}"
            return CutOff(outcome=Outcome.LIMIT, reason=reason)
        for outcome, limit, spent, words in self._limits():
            if spent >= limit:
                return CutOff(outcome=outcome, reason=words.format(format_duration(limit)))
        return self._halted()

    def _limits(self) -> Iterator[tuple[Outcome, float, float, str]]:
        """For each limit of the job: what it is, its seconds, those that are spent, and what is said in the end."""
        job = self._record().job
        if job.time_limit is not None:
            ran = self._record().ran + time.monotonic() - self._noted
            yield Outcome.TIME_LIMIT, job.time_limit, ran, "it has run for {}; raise the job's `time_limit`"
        if job.silence_limit is not None:
            words = "its console was silent for {}; raise the job's `silence_limit`, or let the guest say something"
            yield Outcome.SILENT, job.silence_limit, self._quiet, words

    @property
    def _quiet(self) -> float:
        """Seconds since the guest last said something, or began to be watched."""
        return time.monotonic() - max(self._began, self._attempt.console.heard)

    def _halted(self) -> CutOff | None:
        able = TELLS_HALT in self._attempt.placement.capabilities
        is_halted = able and self._quiet >= QUIET_SECONDS and self._attempt.examine().halted
        self._halts = self._halts + 1 if is_halted else 0
        if self._halts < HALTS:
            return None
        return CutOff(outcome=Outcome.HALTED, reason="it has stopped all its processors without powering off")

    def _note(self) -> None:
        """Keep how long the guest has run, if that is bounded."""
        now = time.monotonic()
        if self._record().job.time_limit is not None:
            self._update(replace(self._record(), ran=self._record().ran + now - self._noted))
        self._noted = now


def _remedy(placement: Placement) -> str:
    """What to raise, of the two that bound how much an overlay may grow."""
    ours, theirs = placement.job.disk_space, overlay_share(placement.job, placement.host)
    if ours is not None and (theirs is None or ours <= theirs):
        return "raise the job's `disk_space`"
    return f"ask the owner of host {placement.host.name} to raise its `limits.disk_growth`"
