"""Who may write to a disk of the host's where its hypervisor locks no files: the machines of one state folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from vmf.errors import HoldCode, JobFault
from vmf.model import ALIVE, Access, Machine
from vmf_libvirt.site import Site

LOCK = "disks.lock"
"""The file that is locked while a machine is started which uses disks of the host's."""
_HINT = "one of the two writes to it in place: wait for the other's end, or use a copy"


@contextmanager
def apart(site: Site, machine: Machine) -> Iterator[None]:
    """Around the start of a machine: keep two from having a disk of the host's to which one of them writes in place.

    Raises:
        JobFault: if another machine has one now.
    """
    wanted = _disks(machine)
    if site.dialect.locks or not wanted:
        yield
        return
    with (site.folder / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in site.notes.names() - {machine.name}:
            other = site.notes.read(name).machine
            for file in _clashes(wanted, _disks(other) if other else {}):
                if site.client.state(name).power in ALIVE:
                    raise JobFault(f"{file} is used by another machine", code=HoldCode.DISK_IN_USE, hint=_HINT)
        yield


def _disks(machine: Machine) -> Mapping[str, Access]:
    """The disks that lie on the host anyway."""
    return {disk.file: disk.access for disk in machine.disks if disk.file.startswith("/")}


def _clashes(one: Mapping[str, Access], other: Mapping[str, Access]) -> Iterator[str]:
    return (file for file in one.keys() & other.keys() if Access.IN_PLACE in {one[file], other[file]})
