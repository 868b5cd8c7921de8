"""One attempt's machine, as its life sees it: its host, its state, its console."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from vmf.checkpoints import said
from vmf.errors import HostFault, VmfError
from vmf.files.beside import naming, replacing
from vmf.hookspecs import GUEST_CLOCK
from vmf.model import Ending, Handle, MachineState, Placement, Power
from vmf.plugins import Hypervisor
from vmf.run.follower import Follower
from vmf.run.means import Means
from vmf.run.notices import Console
from vmf.run.orders import Orders
from vmf.run.publishing import Publishing
from vmf.state import Ended
from vmf.store import Record

GONE = frozenset({Power.OFF, Power.ABSENT})
POLL_SECONDS = 5.0
"""How long a change may go unseen if the hypervisor's event is lost."""
CONSOLE_SECONDS = 0.1
"""How long console output may go unseen."""


class Attempt:
    """The machine of a job's present attempt; `record` gives the job's record as it is now."""

    def __init__(
        self,
        record: Callable[[], Record],
        *,
        means: Means,
        orders: Orders,
        publishing: Publishing,
        remark: Callable[[str], None],
    ) -> None:
        self._record = record
        self._hosts = means.hosts
        self._orders = orders
        self._tell = means.tell
        self._remark = remark
        self._told = ""
        self._home = means.store.home
        self._publishing = publishing
        self.console = Follower(self._read, self._show, self._miss, hear=publishing.hear, before=self._said_before)

    @property
    def placement(self) -> Placement:
        """Where the job is placed."""
        placement = self._record().placement
        if placement is None:
            raise AssertionError(f"job {self._record().id} is {self._record().state} without a place")
        return placement

    @property
    def hypervisor(self) -> Hypervisor:
        """The host's façade."""
        return self._hosts.hypervisor(self.placement.host)

    @property
    def handle(self) -> Handle:
        """What the machine is found by."""
        return self._record().handle or Handle(host=self.placement.host.name, machine=self._record().machine)

    def look(self) -> MachineState:
        """Ask for the machine's state, and pass on what its console has."""
        state = self.hypervisor.state(self.handle)
        self._listen()
        return state

    def examine(self) -> MachineState:
        """Look closely at a machine that seems to run."""
        return self.hypervisor.examine(self.handle)

    def wait(self, seconds: float) -> None:
        """Wait for a change, passing the console on meanwhile."""
        deadline = time.monotonic() + seconds
        while not self._orders.wake.wait(CONSOLE_SECONDS) and time.monotonic() < deadline:
            self._listen()

    def _listen(self) -> None:
        self.console.follow()
        self._publishing.keep()

    def tell_pause(self, state: MachineState) -> None:
        """Say once that a machine which should run does not, and once that it does again."""
        told = f"its machine is paused: {state.detail or 'nobody says why'}" if state.power is Power.PAUSED else ""
        if told != self._told:
            self._remark(told or "its machine runs again")
            self._told = told

    def set_clock(self) -> bool:
        """Put the guest's clock right, if its host can and its agent answers; whether that was done."""
        if GUEST_CLOCK not in self.placement.capabilities or not self._record().job.agent:
            return False
        try:
            self.hypervisor.set_clock(self.handle)
        except VmfError as fault:
            self._remark(f"the guest's clock is left as it is: {fault}")
            return False
        return True

    def read_file(self, path: Path) -> IO[bytes]:
        """Open a file that is on the host."""
        return self.hypervisor.read(path)

    def go_on(self, words: bytes) -> None:
        """Keep what the guest had said before it came here."""
        path = self._home.said(self._record().id)
        with naming(path), replacing(path) as file:
            file.write(words)

    def begin(self) -> None:
        """Forget what another guest of the job had said."""
        self._home.said(self._record().id).unlink(missing_ok=True)

    def _said_before(self) -> bytes:
        return said(self._home, self._record().id)

    def _read(self, offset: int) -> bytes:
        return self.hypervisor.console(self.handle, offset)

    def _show(self, data: bytes) -> None:
        self._tell(Console(record=self._record(), data=data))

    def _miss(self, fault: HostFault) -> None:
        self._remark(f"the console cannot be read: {fault.brief}")


def ended(state: MachineState) -> Ended:
    """How a machine that is GONE has ended."""
    if state.power is Power.ABSENT:
        return Ended(ending=Ending.KILLED, detail="the machine is gone from the host")
    return Ended(ending=state.ending or Ending.UNKNOWN, detail=state.detail)
