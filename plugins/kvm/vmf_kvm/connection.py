"""One host: its daemon, the link to it, and the machines' folders. Every verb of the plugin is a method here."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import IO

from msgspec.structs import replace

from vmf.errors import HostFault
from vmf.files import programs
from vmf.files.access import blocker, open_disk
from vmf.hookspecs import Report, unreported
from vmf.model import (
    Ending,
    Imprint,
    Machine,
    MachineFacts,
    MachineState,
    Power,
    Snapshot,
    Stop,
    Suspend,
)
from vmf_kvm import (
    agent,
    checkpoints,
    cloning,
    daemon,
    ends,
    facts,
    fetching,
    folding,
    making,
    media,
    platforms,
    restoring,
    saving,
    stops,
    system,
    usable,
)
from vmf_kvm.disks import in_place, written
from vmf_kvm.domain import xml
from vmf_kvm.faults import failings, ports, sentences
from vmf_kvm.folder import Folder, beneath
from vmf_kvm.place import ASLEEP, CONSOLE, RESTORE, ROUSED, SOCKET_FOLDERS, WAKING, Place, Socket
from vmf_kvm.server import Server
from vmf_kvm.settings import DaemonKind
from vmf_kvm.terminal import Terminal
from vmf_libvirt import account
from vmf_libvirt.account import Account
from vmf_libvirt.client import Client
from vmf_libvirt.described import memory
from vmf_libvirt.errors import LibvirtFault, blaming_job
from vmf_libvirt.states import DomainState, ShutoffReason, ended
from vmf_libvirt.subscription import Subscription

DAEMONS: Mapping[DaemonKind, Callable[[Path, Account], Server]] = MappingProxyType({
    DaemonKind.PRIVATE: daemon.daemon,
    DaemonKind.SYSTEM: system.system,
})  # fmt: skip
ROTATED = f"{CONSOLE}.0"
"""Where virtlogd moves a console's log that has become long for it."""
CONSOLE_MOST = 64 * 1024
CLOCK_SECONDS = 5
"""How long a guest's agent may take to set the clock: whoever waits has a guest that runs with a wrong one."""
OVERHEAD = 3 * 2**29
"""Bytes that QEMU may take beside its guest's memory; under emulation its translations alone take up to 1 GiB."""


class Connection:
    """A live connection to the host that keeps its things in `folder`.

    Raises:
        SetupError: if this computer lacks what is needed.
        HostLost: if the daemon does not come up.
    """

    def __init__(self, folder: Path, kind: DaemonKind = DaemonKind.PRIVATE, *, roots: Collection[Path] = ()) -> None:
        """For `roots`, see `usable.settled`."""
        self._roots = roots
        self.daemon = DAEMONS[kind](folder, account.find())
        self.client = Client(self.daemon.link, self.daemon.prefix, hear=self._hear)

    def close(self) -> None:
        """Let go of the host; its machines stay."""
        self.client.close()

    def folder(self, machine: str) -> Folder:
        """The machine's own folder."""
        return Folder(machines=self.daemon.machines, name=machine, account=self.daemon.account)

    def put(self, machine: str, name: str, source: Path, report: Report) -> None:
        """Copy a file into a machine's folder."""
        self.folder(machine).put(name, source, report)

    def create(self, machine: Machine) -> None:
        """Define, start and bound the machine, each unless it has been done."""
        found = self.client.found(machine.name)
        if not found or not self._was_started(machine.name, *found):
            self._make(usable.settled(machine, self._roots), is_defined=found is not None)
        elif machine.restored and found == restoring.LOADED:
            restoring.go_on(self.client, self.folder(machine.name), machine.restored.memory)
        elif self.folder(machine.name).has(ROUSED):
            cloning.go_on(self.client, self.folder(machine.name))
        if self.daemon.cgroups:
            self._cap(machine.name, machine.memory)

    def state(self, machine: str) -> MachineState:
        """What the machine is doing; how it ended, if libvirt has forgotten that, from the log of its QEMU."""
        found = saving.state(self.client, self.folder(machine), partial(self._told, machine))
        if found.power is not Power.PAUSED:
            return found
        try:
            errors, description = self.client.disk_errors(machine), self.client.description(machine)
        except LibvirtFault:  # its QEMU is just ending: the next look tells how
            return found
        return stops.paused(errors, description, self.folder(machine)) if errors and description else found

    def examine(self, machine: str) -> MachineState:
        """The same, and whether its guest has halted all its processors."""
        found = self.state(machine)
        if found.power is not Power.RUNNING:
            return found
        return replace(found, halted=ends.halted(self.client.monitor(machine, "info registers -a")))

    def read(self, path: Path) -> IO[bytes]:
        """Open a file of this computer, if those who run the guests may read it."""
        account = self.daemon.account
        if closed := blocker(path, uid=account.uid, gids=account.groups):
            raise PermissionError(errno.EACCES, account.stopped(closed), str(closed))
        return open_disk(path)

    def facts(self, machine: str) -> MachineFacts:
        """What libvirt and QEMU know of a machine that runs; nothing of one that goes while they are asked."""
        screen = Path(self._place(machine).socket(machine, Socket.SCREEN))
        return facts.known(self.client, self.folder(machine), screen)

    def watch(self, notify: Callable[[str], None]) -> Subscription:
        """Tell of every machine that may have changed."""
        return self.client.watch(notify)

    def console(self, machine: str, offset: int) -> bytes:
        """What the guest wrote to its console from `offset` on, at most 64 KiB.

        Raises:
            HostFault: if it is not all there any more, so that offsets mean nothing.
        """
        if self.folder(machine).has(ROTATED):
            raise HostFault(
                "virtlogd has cut the console",
                hint='`stdio_handler = "file"` in /etc/libvirt/qemu.conf keeps all, without a bound',
            )
        try:
            with self.folder(machine).open(CONSOLE) as log:
                log.seek(offset)
                return log.read(CONSOLE_MOST)
        except FileNotFoundError:
            return b""

    def change_media(self, machine: str, drive: int, name: str) -> MachineState:
        """Put a file of the machine's folder into a drive, or open its tray."""
        media.change(self.client, machine, drive, self._place(machine).file(name) if name else "")
        return self.state(machine)

    def open_console(self, machine: str) -> Terminal:
        """Connect to the socket of the serial console."""
        return Terminal(self.folder(machine), Path(self._place(machine).socket(machine, Socket.CONSOLE)))

    def suspend(self, machine: str, how: Suspend) -> MachineState:
        """Have the guest stand still, with its memory in place or in a file of the machine's folder."""
        self.folder(machine).discard(ROUSED)  # it has run, and is not to be let go on by whoever comes next
        if how is Suspend.SOFT:
            self.client.suspend(machine)
        else:
            saving.save(self.client, self.folder(machine))
        return self.state(machine)

    def resume(self, machine: str) -> MachineState:
        """Have the guest go on, from the file with its memory if there is one."""
        if self.state(machine).power is Power.SAVED:
            saving.wake(self.client, self.folder(machine))
        else:
            self.client.resume(machine)
        if self.daemon.cgroups:
            self._cap(machine, memory(self.client.description(machine)))
        return self.state(machine)

    def checkpoint(self, machine: str, number: int, report: Report) -> Snapshot:
        """Take memory and disks at one instant, into files of the machine's folder; see `snapshots` for their names."""
        return checkpoints.take(self.client, self.folder(machine), number, report, program=_qemu_img())

    def fold(self, machine: str) -> MachineState:
        """Leave nothing of snapshots but what the guest has changed.

        Whoever fetches disks or results of a machine that has ended calls this first: what lies in a snapshot's layers
        is not in `disk0` and `results` before.
        """
        folding.fold(self.client, self.folder(machine), _qemu_img())
        return self.state(machine)

    def imprint(self, machine: str) -> Imprint:
        """End a template, and leave what others wake from."""
        return cloning.imprint(self.client, self.folder(machine))

    def shut_down(self, machine: str, how: Stop) -> MachineState:
        """Press the power button, or pull the plug, of a guest that is saved as well."""
        if how is Stop.FORCE:
            self.client.force_off(machine)
            saving.forget(self.folder(machine))
        else:
            self.client.ask_off(machine)
        return self.state(machine)

    def copy_in(self, machine: str, source: IO[bytes], path: str) -> int:
        """Write a file in the guest, by its agent."""
        return agent.copy_in(partial(self.client.agent, machine), source, path)

    def copy_out(self, machine: str, path: str) -> IO[bytes]:
        """Open a file of the guest, by its agent."""
        return agent.copy_out(partial(self.client.agent, machine), path)

    def execute(self, machine: str, command: Sequence[str]) -> agent.Execution:
        """Run a program in the guest, by its agent."""
        return agent.Execution(partial(self.client.agent, machine), command)

    def set_clock(self, machine: str) -> MachineState:
        """Set the guest's clock, by its agent."""
        agent.set_clock(partial(self.client.agent, machine, seconds=CLOCK_SECONDS), time.time_ns())
        return self.state(machine)

    def fetch(self, machine: str, name: str, report: Report = unreported) -> IO[bytes]:
        """Open a file of the machine's folder, QEMU's part of a guest's memory, or a disk made of one of its overlays.

        Of a machine of which snapshots were taken, disks and results are all there after `fold` only.
        """
        return fetching.fetch(self.client, self.folder(machine), name, report, program=_qemu_img())

    def destroy(self, machine: str) -> MachineState:
        """Remove the guest, its definition, its folder, and what libvirt and QEMU leave of it; in this order.

        Whatever is left by a caller that dies on the way is found by `machines` and removed by the next one.
        """
        folder, place = self.folder(machine), self._place(machine)
        self.client.force_off(machine)
        self.client.undefine(machine)
        self._remove(self._log(machine), self.daemon.logs)
        for use in Socket:
            self._remove(Path(place.socket(machine, use)).name, (self.daemon.folder, *SOCKET_FOLDERS))
        folder.remove()
        return MachineState(power=Power.ABSENT)

    def machines(self) -> tuple[str, ...]:
        """Every machine that vmf made, and every folder of one."""
        return tuple(sorted({*self.client.machines(), *(each.name for each in self.daemon.machines.iterdir())}))

    def _hear(self, machine: str, event: str, details: str) -> None:
        ends.note(self.folder(machine), event, details)

    def _cap(self, machine: str, size: int) -> None:
        self.client.cap(machine, memory=size + OVERHEAD)

    def _make(self, machine: Machine, *, is_defined: bool) -> None:
        if machine.restored:
            platforms.check(self.client, machine.restored.platform, machine.accelerator, platforms.vendor())
        elif machine.wakes:
            cloning.check(self.client, self.daemon.account, machine, machine.wakes)
        devices = usable.check_files(in_place(machine), self.daemon.account, written=written(machine))
        usable.check_shares(machine.shares, self.daemon.account)
        place = self._place(machine.name, devices=devices)
        description = xml(machine, place)
        making.connect(self.client, machine.nic)
        folder = self.folder(machine.name)
        folder.make()
        cloning.clear(self.client, folder)
        theirs = (*sentences(in_place(machine)), *ports(machine.nic.forwards if machine.nic else ()))
        with blaming_job(theirs, failings(machine.nic)):
            with making.laying(machine, place, folder, _qemu_img()):  # takes as long as defining does
                if not is_defined:
                    self.client.define(machine.name, description)
            if machine.restored:
                restoring.restore(self.client, folder, machine.restored.memory)
            elif machine.wakes:
                log = partial(ends.tail, self.daemon.logs, self._log(machine.name))
                cloning.wake(self.client, folder, machine, place, log)
            else:
                self.client.start(machine.name, partial(self._was_started, machine.name))

    def _place(self, machine: str, *, devices: frozenset[str] = frozenset()) -> Place:
        sockets = self.daemon.folder.joinpath(*SOCKET_FOLDERS)
        return Place(
            folder=self.folder(machine).path,
            sockets=sockets,
            devices=devices,
            prefix=self.daemon.prefix,
            label=self.daemon.label,
        )

    def _was_started(self, machine: str, state: int, reason: int) -> bool:
        """False for a machine whose maker was killed, or failed, between defining and starting it.

        libvirt makes the console's log at the first start, and remembers a start that failed, if only in QEMU's log.
        """
        if self.folder(machine).has(RESTORE) or self.folder(machine).has(ASLEEP):
            return False
        if self.folder(machine).has(WAKING):
            return True
        if state != DomainState.SHUTOFF:
            return True
        failed = ShutoffReason.FAILED in {reason, ends.logged(self.daemon.logs, self._log(machine))}
        return not failed and self.folder(machine).has(CONSOLE)

    def _told(self, machine: str) -> MachineState:
        found = self.client.state(machine)
        if found.power is Power.OFF and found.ending is Ending.UNKNOWN:
            reason = ends.logged(self.daemon.logs, self._log(machine))
            found = found if reason is None else ended(reason)
        return ends.heard(self.folder(machine), found)

    def _log(self, machine: str) -> str:
        return f"{self.daemon.prefix}{machine}.log"

    def _remove(self, name: str, folders: tuple[Path, *tuple[str, ...]]) -> None:
        with suppress(FileNotFoundError), beneath(*folders) as folder:
            os.unlink(name, dir_fd=folder)


def _qemu_img() -> str:
    return programs.need(programs.QEMU_IMG, fault=HostFault)
