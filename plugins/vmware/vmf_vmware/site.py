"""One host: the session with it, where a machine's files are there, and what is known of machines here."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from vmf.disks.flatten import QemuImg
from vmf.errors import HostFault
from vmf.files import programs
from vmf.model import Host, Machine
from vmf_vmware.hardware import Seat
from vmf_vmware.lines import lines
from vmf_vmware.notes import Notes
from vmf_vmware.paths import DatastorePath
from vmf_vmware.session import Session
from vmf_vmware.settings import settings


class Site:
    """A host that keeps its things on this computer in `folder`."""

    def __init__(self, session: Session, host: Host, folder: Path) -> None:
        self.session = session
        self.host = host
        self.folder = folder
        self.notes = Notes(folder=folder / "machines")

    def at(self, machine: str, *names: str) -> DatastorePath:
        """The folder of a machine on the host, or a file in it."""
        return self.session.store.at(self.session.machines.called(machine), *names)

    def seat(self, machine: Machine) -> Seat:
        """Where a machine is put.

        Raises:
            JobFault: if its job gives lines of the .vmx file that are not for jobs.
            HostFault: if the host has not what it is to be connected to, or its file of lines cannot be read.
        """
        session, nic = self.session, machine.nic
        return Seat(
            name=session.machines.called(machine.name),
            folder=self.at(machine.name),
            mark=session.machines.mark(machine.name),
            networks={} if nic is None else {nic.type: session.inventory.network(nic.type).backing},
            lines=lines(machine, settings(self.host)),
            version=machine.restored.platform.machine if machine.restored else None,
            ends_reboots=session.can_end_reboots,
        )

    def scratch(self, machine: str) -> IO[bytes]:
        """An empty file without a name, where there is room for a disk."""
        return TemporaryFile(dir=self.notes.file(machine, "scratch").parent)

    def qemu_img(self, machine: str) -> QemuImg:
        """The program that makes one format of disks of another."""
        program = programs.need(programs.QEMU_IMG, fault=HostFault)
        return QemuImg(program=program, scratch=partial(self.scratch, machine))
