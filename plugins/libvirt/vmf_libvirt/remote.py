"""A host that is reached by libvirt alone, whose every verb is a method here."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO

from msgspec.structs import replace

from vmf.errors import HostFault
from vmf.hookspecs import Report
from vmf.model import Machine, MachineFacts, MachineState, Power, Snapshot, Stop, Suspend
from vmf_libvirt import fetched, keeping, laying, networks, sharing, volumes
from vmf_libvirt.consoles import Terminal
from vmf_libvirt.described import macs
from vmf_libvirt.errors import LibvirtFault, blaming_job
from vmf_libvirt.naming import stored
from vmf_libvirt.notes import RESULTS, Note
from vmf_libvirt.site import Dialect, Opening, Site
from vmf_libvirt.states import DomainState, ShutoffReason
from vmf_libvirt.subscription import Subscription
from vmf_libvirt.volumes import Volumes

TRIES = 3
"""So often a machine is started whose hypervisor stumbles over itself, see `Dialect.stumbles`."""
log = logging.getLogger(__name__)
NOT_STARTED = frozenset({ShutoffReason.UNKNOWN, ShutoffReason.FAILED})
"""Why a machine is off that has never run, or could not be started."""


class Remote:
    """A live connection to a host.

    Every verb raises `HostFault` if the host cannot do it, and `HostLost` if it cannot be asked.
    """

    def __init__(self, client: Opening, *, folder: Path, root: Path, dialect: Dialect) -> None:
        """As for `Site`."""
        self.site = Site(client, folder=folder, root=root, dialect=dialect)
        self.client = self.site.client

    def close(self) -> None:
        """Let go of the host; its machines stay."""
        self.site.consoles.close()
        self.client.close()

    def put(self, machine: str, name: str, source: Path, report: Report) -> None:
        """Put a file of this computer into a machine's folder."""
        self.site.volumes(machine).put(stored(name), source, report)

    def read(self, path: Path) -> IO[bytes]:
        """Open a file of the host's.

        Raises:
            FileNotFoundError: if it is not there.
        """
        return volumes.read(self.client, f"vmf-read-{self.site.prefix}", path)

    def create(self, machine: Machine) -> None:
        """Define and start a machine, each unless it has been done."""
        name = machine.name
        if self.site.notes.read(name).started:
            return
        with self.site.notes.held(name):
            found = self.client.found(name)
            if not found or _is_new(*found):
                self._make(machine)
            elif self.site.dialect.pauses and found[0] == DomainState.PAUSED:
                keeping.go_on(self.site, name)
            else:
                self.site.notes.keep(name, replace(self.site.notes.read(name), started=True))

    def state(self, machine: str) -> MachineState:
        """What a machine is doing."""
        return keeping.state(self.site, machine)

    def watch(self, notify: Callable[[str], None]) -> Subscription:
        """Tell of every machine that may have changed."""
        return self.client.watch(notify)

    def console(self, machine: str, offset: int) -> bytes:
        """What is known of a console from a byte on, at most 64 KiB."""
        return self.site.consoles.read(machine, offset)

    def open_console(self, machine: str) -> Terminal:
        """Sit down at a console."""
        return self.site.consoles.terminal(machine)

    def facts(self, machine: str) -> MachineFacts:
        """What libvirt knows of a machine that runs."""
        found = self.client.facts(machine)
        if found is None:
            return MachineFacts()
        note, taken = self.site.notes.read(machine), self.site.volumes(machine).taken()
        cards = macs(self.client.description(machine))
        leases = networks.leases(self.client, machine) if cards else {}
        disks = {stem: chain for stem, chain in note.chains.items() if stem != RESULTS}
        return replace(
            found,
            addresses=tuple(address for mac in cards for address in leases.get(mac, ())),
            disks={stem: sum(taken.get(name, 0) for name in chain) for stem, chain in disks.items()},
        )

    def suspend(self, machine: str, how: Suspend) -> MachineState:
        """Have the guest stand still, with its memory in place or in a file on the host."""
        if how is Suspend.SOFT:
            self.client.suspend(machine)
        else:
            keeping.save(self.site, machine)
        return self.state(machine)

    def resume(self, machine: str) -> MachineState:
        """Have the guest go on, from the file with its memory if there is one."""
        if self.state(machine).power is Power.SAVED:
            with self.site.notes.held(machine):
                keeping.wake(self.site, machine)
        else:
            self.client.resume(machine)
        return self.state(machine)

    def checkpoint(self, machine: str, number: int, report: Report) -> Snapshot:
        """Take memory and disks at one instant; the guest stands still until its memory is written."""
        return keeping.take(self.site, machine, number, report)

    def fold(self, machine: str) -> MachineState:
        """Leave nothing of snapshots but the layers that the guest is on."""
        keeping.fold(self.site, machine)
        return self.state(machine)

    def shut_down(self, machine: str, how: Stop) -> MachineState:
        """Ask the guest to power off, or pull the plug, of a guest that is saved as well."""
        if how is Stop.FORCE:
            self.client.force_off(machine)
            keeping.forget(self.site, machine)
        else:
            self.client.ask_off(machine)
        return self.state(machine)

    def fetch(self, machine: str, name: str, report: Report) -> IO[bytes]:
        """Open a file that a machine has left, or a disk made of several."""
        return fetched.fetch(self.site, machine, name, report, read=self.read)

    def destroy(self, machine: str) -> MachineState:
        """Remove the guest, its definition, its files, and what is known of it; in this order."""
        self.site.consoles.let_go(machine)
        self.client.force_off(machine)
        self.client.undefine(machine)
        self.site.volumes(machine).remove()
        self.site.notes.forget(machine)
        return MachineState(power=Power.ABSENT)

    def machines(self) -> tuple[str, ...]:
        """Every machine that vmf made from here, and every folder of one."""
        return tuple(sorted({*self.client.machines(), *self.site.pools(), *self.site.notes.names()}))

    @contextmanager
    def _telling(self, files: Volumes) -> Iterator[None]:
        """Have a failure tell what the hypervisor has written of it on the host, too."""
        began = time.monotonic()
        try:
            yield
        except LibvirtFault as fault:
            told = self._told(files, began)
            lines = (*told, f"{fault.brief}: {told[-1]}" if told else fault.brief)
            raise LibvirtFault("\n".join((*fault.lines[:-1], *lines)), code=fault.code) from fault

    def _told(self, files: Volumes, began: float) -> Sequence[str]:
        """What the hypervisor has written since a time of this computer's own clock; nothing if it cannot be had."""
        if self.site.dialect.told is None:
            return ()
        with suppress(HostFault):
            now = files.now()
            return self.site.dialect.told(self.read, now - timedelta(seconds=time.monotonic() - began))
        return ()

    def _make(self, machine: Machine) -> None:
        site, name, restored = self.site, machine.name, machine.restored
        if restored:
            site.dialect.check(self.client, machine, restored.platform)
        site.dialect.connect(self.client, machine)
        files = site.volumes(name)
        files.make()
        note = Note(
            machine=machine,
            platform=site.dialect.platform(self.client, machine),
            chains=laying.lay(machine, files, self.read),
            memory=stored(restored.memory) if restored else "",
        )
        site.notes.keep(name, note)
        blaming = blaming_job(site.dialect.sentences(machine), site.dialect.failings(machine))
        with sharing.apart(site, machine), blaming:
            self._insist(files, lambda: self._begin(machine, note))

    def _insist(self, files: Volumes, begin: Callable[[], None]) -> None:
        """Begin a machine, and again where its hypervisor has stumbled over itself."""
        for left in reversed(range(TRIES)):
            try:
                with self._telling(files):
                    begin()
            except LibvirtFault as fault:
                if not left or not fault.shows(self.site.dialect.stumbles):
                    raise
                log.info("the hypervisor stumbled; the machine is started again: %s", fault.brief)
            else:
                return

    def _begin(self, machine: Machine, note: Note) -> None:
        if machine.restored:
            keeping.wake(self.site, machine.name)
            return
        self.client.define(machine.name, self.site.description(note))
        self.client.start(machine.name, lambda *found: not _is_new(*found), paused=self.site.dialect.pauses)
        keeping.go_on(self.site, machine.name)


def _is_new(state: int, reason: int) -> bool:
    """Whether a machine has not run yet, as far as libvirt knows."""
    return state == DomainState.SHUTOFF and reason in NOT_STARTED
