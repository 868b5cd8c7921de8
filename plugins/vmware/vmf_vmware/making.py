"""Making a machine: its disks, the disc that boots it, its configuration; then its start, or its going on.

Each step looks whether it has been done, so that whoever comes after one who was killed can begin anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, cast

from msgspec.structs import replace

from vmf.errors import HoldCode, HostFault, JobFault
from vmf.hookspecs import unreported
from vmf.model import Machine
from vmf_vmware import adopting, bootdisc, drives, ground, hardware, lying, naming, relaying, vmx
from vmf_vmware.faults import blaming_job
from vmf_vmware.hardware import Seat
from vmf_vmware.notes import Note
from vmf_vmware.paths import DatastorePath, parse
from vmf_vmware.site import Site

_FIRMWARE = "config.firmware"
STATE = "checkpoint.vmState"
"""The line that names the file with the memory of a machine that is suspended."""


def make(site: Site, machine: Machine) -> None:
    """Have a machine there, and start it, or have it go on.

    Raises:
        JobFault: if it is not one that can be made of what the job gives.
        HostFault: if the host cannot do it.
    """
    hardware.check(machine)
    seat = site.seat(machine)
    with blaming_job():
        source = adopting.folder(site, machine)
        if site.session.machines.power(machine.name) is None:
            _lay(site, machine, seat)
            if source and site.session.store.size(seat.folder / f"{seat.name}.vmx") is None:
                adopting.lay(site, machine, source, seat)
            _define(site, machine, seat)
        if source:
            adopting.furnish(site, machine, seat)
        has_nvram = site.session.machines.look(machine.name, _FIRMWARE) == {_FIRMWARE: "efi"}
        known = replace(site.notes.read(machine.name), machine=machine, has_nvram=has_nvram)
        note = site.notes.keep(machine.name, known)
        here = ground.platform(site, machine.name)
        if machine.restored:
            ground.check(machine.restored.platform, here)
            _hand_in(site, machine, seat)
        site.notes.keep(machine.name, replace(note, platform=here))
        start(site, machine.name)


def start(site: Site, machine: str) -> None:
    """Power a machine on that has not run yet, or is suspended."""
    site.session.machines.set_power(machine, "poweredOn")
    site.notes.keep(machine, replace(site.notes.read(machine), started=True, taken={}))


def has_run(site: Site, machine: str) -> bool:
    """Whether a machine that is off has run: then its console has a file."""
    return site.notes.read(machine).started or site.session.store.size(site.at(machine, naming.CONSOLE)) is not None


def _lay(site: Site, machine: Machine, seat: Seat) -> None:
    """Have the disks there, and the disc that boots the kernel."""
    site.session.store.make(seat.folder)
    note = site.notes.read(machine.name)
    for number, disk in enumerate(machine.disks):
        if disk.file.startswith("/"):
            lying.check(site, drives.located(disk.file))
        else:
            _check_format(note, disk.file, disk.format)
        if machine.restored and machine.restored.layers.get(number):
            relaying.relay(site, machine, number)
        elif naming.own(machine, number) == naming.overlay(number) and drives.original(machine, number) is None:
            source = drives.located(disk.file) if disk.file.startswith("/") else _brought(site, machine, number)
            site.session.store.copy_disk(source, seat.folder / naming.descriptor(naming.overlay(number)))
    if machine.kernel is not None:
        _write_boot_disc(site, machine)


def _brought(site: Site, machine: Machine, number: int) -> DatastorePath:
    return site.at(machine.name, naming.descriptor(machine.disks[number].file))


def _check_format(note: Note, file: str, stated: str) -> None:
    found = note.formats.get(file)
    if found is not None and found != stated:
        what = f"{file} is stated to be {stated} and is a {found} image"
        raise JobFault(what, code=HoldCode.IMAGE_INVALID, hint=f"state `format: {found}`")


def _write_boot_disc(site: Site, machine: Machine) -> None:
    with ExitStack() as stack:
        kernel = stack.enter_context(_read(site, machine.name, machine.kernel or ""))
        initrd = stack.enter_context(_read(site, machine.name, machine.initrd)) if machine.initrd else None
        disc = stack.enter_context(site.scratch(machine.name))
        bootdisc.write(cast("BinaryIO", disc), kernel, initrd, machine.kernel_parameters)
        site.session.store.store(site.at(machine.name, naming.BOOT), disc, unreported)


@contextmanager
def _read(site: Site, machine: str, file: str) -> Iterator[BinaryIO]:
    """A file of this computer that was put, or one of the host."""
    with site.session.store.open(parse(file)) if file.startswith("/") else relaying.kept(site, machine, file) as stream:
        yield cast("BinaryIO", stream)


def _define(site: Site, machine: Machine, seat: Seat) -> None:
    """Have the machine in the inventory: registered, if its configuration has been written already."""
    path = seat.folder / f"{seat.name}.vmx"
    if site.session.store.size(path) is None:
        site.session.machines.create(machine.name, hardware.config(machine, seat))
    else:
        site.session.machines.register(machine.name, path)


def _hand_in(site: Site, machine: Machine, seat: Seat) -> None:
    """Have a machine that is off be suspended, with the memory that was put; VMware itself says what else it is."""
    machines, store = site.session.machines, site.session.store
    if machines.power(machine.name) != "poweredOff":
        return
    path = seat.folder / f"{seat.name}.vmx"
    with store.open(path) as file:
        try:
            said = vmx.read(file.read(vmx.MOST + 1))
        except vmx.Unreadable as error:
            raise HostFault(f"{path}: {error}", hint="please report this") from error
    machines.unregister(machine.name)
    store.write(path, vmx.write({**said, STATE: naming.STATES["state"]}))
    machines.register(machine.name, path)
