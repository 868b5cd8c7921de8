"""Making a machine of a folder as VMware keeps it, of this computer or on a datastore; the folder stays as it is."""

from __future__ import annotations

import os
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from vmf.errors import HoldCode, JobFault
from vmf.files.access import open_unlinked
from vmf.hookspecs import unreported
from vmf.model import DiskFormat, Machine
from vmf_vmware import descriptor, drives, foreign, hardware, lying, putting, relaying, vmx
from vmf_vmware.foreign import Foreign
from vmf_vmware.hardware import Seat
from vmf_vmware.lines import block
from vmf_vmware.paths import DatastorePath, parse
from vmf_vmware.site import Site

DEVICES: Final = "config.hardware.device"
ENTRIES_MOST: Final = 10_000
"""So many files of a folder are looked at."""
ONE_FILE: Final = "make one file of it: `qemu-img convert -O vmdk -o subformat=monolithicSparse OLD NEW`"


class Folder(Protocol):
    """Where the machine is."""

    def names(self) -> frozenset[str]:
        """What is in it."""

    def open(self, name: str) -> IO[bytes]:
        """Open a file of it for reading."""

    def bring(self, name: str, machine: str, target: DatastorePath) -> None:
        """Have a disk of it there for the new machine."""


class _Here(Struct, frozen=True):
    """A folder of this computer."""

    site: Site
    path: Path

    def names(self) -> frozenset[str]:
        try:
            with os.scandir(self.path) as entries:
                return frozenset(each.name for each in islice(entries, ENTRIES_MOST) if each.is_file())
        except OSError as error:
            raise putting.unopened(self.path, error) from error

    def open(self, name: str) -> IO[bytes]:
        try:
            return open_unlinked(self.path / name)
        except OSError as error:
            raise putting.unopened(self.path / name, error) from error

    def bring(self, name: str, machine: str, target: DatastorePath) -> None:
        with ExitStack() as stack:
            file = stack.enter_context(self.open(name))
            layout = DiskFormat.VMDK
            if file.read(len(descriptor.START)) == descriptor.START:
                file, layout = stack.enter_context(self.open(self._flat(name, file))), DiskFormat.RAW
            raw = stack.enter_context(putting.flattened(self.site, machine, name, file, layout))
            putting.put_flat(self.site, machine, target.name.removesuffix(".vmdk"), raw, unreported)

    def _flat(self, name: str, file: IO[bytes]) -> str:
        """The file with the data of a disk, by its descriptor."""
        file.seek(0)
        try:
            found = descriptor.read(file.read(descriptor.MOST + 1)).flat
        except descriptor.Unfit as error:
            raise JobFault(f"{self.path / name}: {error}", code=HoldCode.IMAGE_INVALID, hint=ONE_FILE) from error
        if found is None:
            what = f"{self.path / name}: its data are in several files"
            raise JobFault(what, code=HoldCode.IMAGE_INVALID, hint=ONE_FILE)
        return found


class _There(Struct, frozen=True):
    """A folder of a datastore."""

    site: Site
    path: DatastorePath

    def names(self) -> frozenset[str]:
        return frozenset(self.site.session.store.list(self.path))

    def open(self, name: str) -> IO[bytes]:
        return self.site.session.store.open(self.path / name)

    def bring(self, name: str, _machine: str, target: DatastorePath) -> None:
        lying.check(self.site, self.path / name)
        self.site.session.store.copy_disk(self.path / name, target)


def folder(site: Site, machine: Machine) -> Folder | None:
    """The folder that a machine is made of; None: it is made of its job's words alone."""
    words = block(machine)
    if words.folder is None:
        return None
    if words.folder.on_host:
        if not words.snapshot:
            what = "the guest would write to the disks of `vmware.folder` themselves"
            hint = "leave `vmware.snapshot` out, or let the folder travel"
            raise JobFault(what, code=HoldCode.MACHINE_INVALID, hint=hint)
        return _There(site, parse(str(words.folder.path)))
    return _Here(site, words.folder.path)


def lay(site: Site, machine: Machine, source: Folder, seat: Seat) -> None:
    """Have there what the machine needs of its folder, and what describes it, which is written last.

    Raises:
        JobFault: if that is not what it should be.
        HostFault: if the host cannot do it.
    """
    names = source.names()
    with source.open(foreign.described(names)) as file:
        try:
            said = vmx.read(file.read(vmx.MOST + 1))
        except vmx.Unreadable as error:
            what = f"`vmware.folder`: its .vmx file cannot be read: {error}"
            raise JobFault(what, code=HoldCode.IMAGE_INVALID, hint="get a good copy of the machine") from error
    taken = foreign.taken(said, names, seat.name)
    restored = machine.restored is not None
    for number, (target, name) in enumerate(taken.disks.items()):
        if restored:
            relaying.foreign(site, machine, number)
        else:
            source.bring(name, machine.name, seat.folder / target)
    for target, name in taken.files.items():
        if restored and site.session.store.size(seat.folder / target) is not None:
            continue
        with source.open(name) as file:
            site.session.store.store(seat.folder / target, file, unreported)
    note = site.notes.read(machine.name)
    site.notes.keep(machine.name, replace(note, foreign=len(taken.disks)))
    site.session.store.write(seat.folder / f"{seat.name}.vmx", _description(taken, seat))


def furnish(site: Site, machine: Machine, seat: Seat) -> None:
    """Give a machine that has been registered what vmf gives every machine, unless it has that."""
    found = (site.session.machines.look(machine.name, DEVICES) or {}).get(DEVICES, ())
    if not any(device.type == "VirtualSerialPort" for device in found):
        site.session.machines.reconfigure(
            machine.name, hardware.added(machine, replace(seat, taken=drives.taken(found)))
        )


def _description(taken: Foreign, seat: Seat) -> bytes:
    mark = {option["key"]: option["value"] for option in seat.mark}
    return vmx.write({**taken.lines, "displayname": seat.name, "uuid.action": "create", **mark})
