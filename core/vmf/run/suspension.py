"""A guest that stands still: suspended, waiting, set going again."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import dropwhile

from msgspec.structs import replace

from vmf.errors import HostLost, VmfError
from vmf.model import Gap, Power, Suspend
from vmf.run import stamps
from vmf.run.attempt import GONE, POLL_SECONDS, Attempt, ended
from vmf.run.orders import Orders
from vmf.state import STANDS_STILL, Event, ResumeAsked, Resumed, ResumeFailed, Saved, State, Suspended, SuspendFailed
from vmf.store import Record


class Suspension:
    """The actions of the states in which a job's guest stands still; `update` gives the job another record."""

    def __init__(
        self,
        record: Callable[[], Record],
        *,
        attempt: Attempt,
        orders: Orders,
        update: Callable[[Record], None],
    ) -> None:
        self._record = record
        self._attempt = attempt
        self._orders = orders
        self._update = update

    def suspend(self) -> Event:
        """Have the guest stand still, in the way that is wanted."""
        try:
            state = self._attempt.hypervisor.suspend(self._attempt.handle, self._record().suspend or Suspend.SOFT)
        except HostLost:
            raise
        except VmfError as fault:
            return SuspendFailed(reason=str(fault))
        if state.power in GONE:
            return ended(state)
        if state.power is not Power.SAVED:
            return Suspended()
        self._note()
        return Saved()

    def stand(self) -> Event | None:
        """Wait until a guest whose memory is in place is to do something else, or is found to do so."""
        while not self._orders.leave:
            self._orders.wake.clear()
            if event := self._orders.heed(self._record()):
                return event
            state = self._attempt.look()
            if state.power in GONE:
                return ended(state)
            if state.power is Power.RUNNING:  # somebody else has set it going
                return self._resumed()
            if self._record().suspend is None:  # it stands still for a move that failed, by no wish of its owner's
                return ResumeAsked()
            if state.power is Power.SAVED:
                return Saved()
            self._attempt.wait(POLL_SECONDS)
        return None

    def rest(self) -> Event | None:
        """Wait until something is wanted of a guest whose memory is in a file; its host is not asked meanwhile."""
        while not self._orders.leave:
            self._orders.wake.clear()
            if event := self._orders.heed(self._record()):
                return event
            self._orders.wake.wait()
        return None

    def resume(self) -> Event:
        """Set the guest going again; whatever keeps it from that, it stands still as it did."""
        try:
            self._check_disks()
            state = self._attempt.hypervisor.resume(self._attempt.handle)
        except HostLost:
            raise
        except VmfError as fault:
            return ResumeFailed(reason=str(fault))
        return ended(state) if state.power in GONE else self._resumed()

    def _resumed(self) -> Resumed:
        """What the guest has missed since it was to stand still; nothing, if it never did."""
        entered = self._record().entered
        since = dropwhile(lambda state: state != State.RUNNING, entered)
        still = next((entered[state] for state in since if state in STANDS_STILL), None)
        if still is None:
            return Resumed()
        return Resumed(gap=Gap(seconds=max(0.0, time.time() - still), clock_set=self._attempt.set_clock()))

    def _note(self) -> None:
        """Keep how the files of the saved guest's disks are: whoever did this before was nearer to its last write."""
        record = self._record()
        if not record.rested:
            rested = stamps.stamps(record.job.bundle.disks, self._attempt.read_file)
            self._update(replace(record, rested=rested))

    def _check_disks(self) -> None:
        """See that a saved guest will find on its disks what it knows.

        Raises:
            VmfError: if it will not.
        """
        record = self._record()
        file = stamps.changed(record.job.bundle.disks, record.rested, self._attempt.read_file)
        if file and self._attempt.look().power is Power.SAVED:
            name = record.job.name
            raise VmfError(
                f"{file.path} is not as it was when the guest was saved",
                hint=f"put that very file back; or `vmf hold {name}` gives the guest up, and `vmf release {name}` has"
                " the job run again",
            )
