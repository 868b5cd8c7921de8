"""One host of VMware's, a vCenter or an ESXi, whose every verb is a method here."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from msgspec.structs import replace

from vmf.hookspecs import Report
from vmf.model import MEBIBYTE, Host, Machine, MachineFacts, MachineState, Power, Snapshot, Stop, Suspend
from vmf_vmware import fetched, keeping, making, naming, putting, states
from vmf_vmware.collector import Watch
from vmf_vmware.machines import OFF, ON, SUSPENDED
from vmf_vmware.notes import owner
from vmf_vmware.paths import parse
from vmf_vmware.session import opened
from vmf_vmware.site import Site

CONSOLE_MOST: Final = 64 * 1024
TOLD_SECONDS: Final = 5.0
"""So long it is waited for a host to say how a machine ended that is off."""
LOOK_SECONDS: Final = 0.1
_STATS: Final = "summary.quickStats"
_MEMORY: Final = "summary.config.memorySizeMB"
_POWER: Final = "runtime.powerState"
_ADDRESSES: Final = "guest.net"
"""Properties of a machine that runs."""


class Connection:
    """A live connection to a host that keeps its things on this computer in `folder`.

    Every verb raises `HostFault` if the host cannot do it, and `HostLost` if it cannot be asked.
    """

    def __init__(self, host: Host, folder: Path) -> None:
        self.session = opened(host, owner(folder))
        self.site = Site(self.session, host, folder)

    def close(self) -> None:
        """Let go of the host; its machines stay."""
        self.session.close()

    def put(self, machine: str, name: str, source: Path, report: Report) -> None:
        """Put a file of this computer into a machine's folder."""
        putting.put(self.site, machine, name, source, report)

    def read(self, path: Path) -> IO[bytes]:
        """Open a file of the host's.

        Raises:
            FileNotFoundError: if it is not there.
        """
        return self.session.store.open(parse(str(path)))

    def create(self, machine: Machine) -> None:
        """Define and start a machine, each unless it has been done."""
        name = machine.name
        if self.site.notes.read(name).started:
            return
        with self.site.notes.held(name):
            power = self.session.machines.power(name)
            if power == ON or (power == OFF and making.has_run(self.site, name)):
                note = self.site.notes.read(name)
                self.site.notes.keep(name, replace(note, machine=note.machine or machine, started=True))
            else:
                making.make(self.site, machine)

    def state(self, machine: str) -> MachineState:
        """What a machine is doing; one that has rebooted and may not is powered off first."""
        power = self.session.machines.power(machine)
        if power == OFF:
            return self._ended(machine)
        if power == ON and self._is_over(machine):
            self.session.machines.set_power(machine, OFF)
            return self._ended(machine)
        return states.POWERS[power]

    def watch(self, notify: Callable[[str], None]) -> Watch:
        """Tell of every machine that may have changed."""
        return self.session.collector.watch(notify)

    def console(self, machine: str, offset: int) -> bytes:
        """What a guest wrote to its console from a byte on, at most 64 KiB."""
        try:
            return self.session.store.read(self.site.at(machine, naming.CONSOLE), offset, CONSOLE_MOST)
        except FileNotFoundError:
            return b""

    def facts(self, machine: str) -> MachineFacts:
        """What the host knows of a machine that runs; it counts no processor time."""
        found = self.session.machines.look(machine, _POWER, _STATS, _MEMORY, _ADDRESSES)
        if found is None or found[_POWER] != ON:
            return MachineFacts()
        stats = found.get(_STATS)
        taken = stats.get("hostMemoryUsage", 0) if stats else 0
        return MachineFacts(
            addresses=tuple(address for card in found.get(_ADDRESSES, ()) for address in card.get("ipAddress", ())),
            memory=(taken or found.get(_MEMORY, 0)) * MEBIBYTE,
            disks=self._disks(machine),
        )

    def suspend(self, machine: str, _how: Suspend) -> MachineState:
        """Have the guest stand still, with its memory in a file on the host: the one way that there is."""
        if self.state(machine).power is Power.RUNNING:
            self.session.machines.set_power(machine, SUSPENDED)
        return self.state(machine)

    def resume(self, machine: str) -> MachineState:
        """Have the guest go on."""
        if self.state(machine).power is Power.SAVED:
            self.session.machines.set_power(machine, ON)
        return self.state(machine)

    def checkpoint(self, machine: str, number: int, report: Report) -> Snapshot:
        """Take memory and disks at one instant."""
        return keeping.take(self.site, machine, self.state(machine).power, number, report)

    def fold(self, machine: str) -> MachineState:
        """Leave nothing of snapshots."""
        if (state := self.state(machine)).power is not Power.ABSENT:
            keeping.fold(self.site, machine)
        return state

    def shut_down(self, machine: str, how: Stop) -> MachineState:
        """Ask the guest to power off by its VMware Tools, or pull the plug, of a guest that is suspended as well."""
        power = self.state(machine).power
        if how is Stop.FORCE and power in {Power.RUNNING, Power.SAVED}:
            with self.site.notes.held(machine):
                self.site.notes.keep(machine, replace(self.site.notes.read(machine), forced=True))
            self.session.machines.set_power(machine, OFF)
        elif power is Power.RUNNING:
            self.session.machines.ask_off(machine)
        return self.state(machine)

    def fetch(self, machine: str, name: str, report: Report) -> IO[bytes]:
        """Open a file that a machine has left, or what its disks hold."""
        return fetched.fetch(self.site, machine, name, report)

    def destroy(self, machine: str) -> MachineState:
        """Remove the guest, its configuration, its files, and what is known of it; in this order."""
        if self.session.machines.power(machine) not in {None, OFF}:
            self.session.machines.set_power(machine, OFF)
        self.session.machines.unregister(machine)  # to destroy it would take disks along that are not its own
        self.session.store.remove(self.site.at(machine))
        self.site.notes.forget(machine)
        return MachineState(power=Power.ABSENT)

    def machines(self) -> tuple[str, ...]:
        """Every machine that vmf made from here, and every folder of one."""
        prefix = self.session.machines.called("")
        folders = {each.removeprefix(prefix) for each in self.session.store.folders(prefix)}
        return tuple(sorted({*self.session.machines.names(), *folders, *self.site.notes.names()}))

    def _is_over(self, machine: str) -> bool:
        """Whether a machine that runs has rebooted, and may not."""
        made = self.site.notes.read(machine).machine
        if made is None or made.reboots or self.session.can_end_reboots:
            return False
        return states.has_rebooted(self.session.machines.happened(machine))

    def _ended(self, machine: str) -> MachineState:
        """How a machine ended that is off; what has been told once stays."""
        note = self.site.notes.read(machine)
        if note.ending:
            return note.ending
        if not making.has_run(self.site, machine):
            return states.UNBORN
        ending = self._told(machine, is_rebooting=note.machine is None or note.machine.reboots)
        if ending is states.UNTOLD and note.forced:
            ending = states.KILLED
        with self.site.notes.held(machine):
            note = self.site.notes.read(machine)
            self.site.notes.keep(machine, replace(note, ending=ending))
        return ending

    def _told(self, machine: str, *, is_rebooting: bool) -> MachineState:
        """What the host says of a machine's end, which comes a moment after it."""
        deadline = time.monotonic() + TOLD_SECONDS
        while True:
            happened = self.session.machines.happened(machine)
            if not is_rebooting and states.has_rebooted(happened):
                return states.REBOOTED
            if ending := states.ending(happened):
                return ending
            if time.monotonic() > deadline:
                return states.UNTOLD
            time.sleep(LOOK_SECONDS)

    def _disks(self, machine: str) -> dict[str, int]:
        """What the files take of the datastore that the machine's own disks consist of."""
        made = self.site.notes.read(machine).machine
        sizes = self.session.store.list(self.site.at(machine))
        stems = {number: naming.own(made, number) for number in range(len(made.disks))} if made else {}
        return {
            naming.overlay(number): sum(size for name, size in sizes.items() if name.startswith(f"{stem}-"))
            for number, stem in stems.items()
            if stem is not None
        }
