"""A guest that stands still: suspended, waiting, set going again."""

from __future__ import annotations

from collections.abc import Callable

from vmf.errors import HostFault, HostLost, VmfError
from vmf.model import Power, Suspend
from vmf.run.attempt import GONE, POLL_SECONDS, Attempt, ended
from vmf.run.orders import Orders
from vmf.state import Event, Judged, Resumed, Saved, Suspended, SuspendFailed
from vmf.store import Record


class Suspension:
    """The actions of the states in which a job's guest stands still; `blame` ends an attempt by its host's fault."""

    def __init__(
        self,
        record: Callable[[], Record],
        *,
        attempt: Attempt,
        orders: Orders,
        blame: Callable[[HostFault], Judged],
    ) -> None:
        self._record = record
        self._attempt = attempt
        self._orders = orders
        self._blame = blame

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
        return Saved() if state.power is Power.SAVED else Suspended()

    def stand(self) -> Event | None:
        """Wait until a guest whose memory is in place is to do something else, or somebody else has set it going."""
        while not self._orders.leave:
            self._orders.wake.clear()
            if event := self._orders.heed(self._record().state):
                return event
            state = self._attempt.look()
            if state.power in GONE:
                return ended(state)
            if state.power is Power.RUNNING:
                return Resumed()
            self._attempt.wait(POLL_SECONDS)
        return None

    def rest(self) -> Event | None:
        """Wait until something is wanted of a guest whose memory is in a file; its host is not asked meanwhile."""
        while not self._orders.leave:
            self._orders.wake.clear()
            if event := self._orders.heed(self._record().state):
                return event
            self._orders.wake.wait()
        return None

    def resume(self) -> Event:
        """Set the guest going again."""
        try:
            state = self._attempt.hypervisor.resume(self._attempt.handle)
        except HostLost:
            raise
        except HostFault as fault:
            return self._blame(fault)
        return ended(state) if state.power in GONE else Resumed()
