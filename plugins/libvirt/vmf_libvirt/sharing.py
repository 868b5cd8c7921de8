"""Who may write to a disk of the host's where its hypervisor locks no files: the machines of one state folder."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from os.path import normpath

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
    if site.dialect.locks or not _disks(machine):
        yield
        return
    with (site.folder / LOCK).open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in site.notes.names() - {machine.name}:
            other = site.notes.read(name).machine
            for file in _clashes(machine, other) if other else ():
                if site.client.state(name).power in ALIVE:
                    raise JobFault(f"{file} is used by another machine", code=HoldCode.DISK_IN_USE, hint=_HINT)
        yield


def _clashes(one: Machine, other: Machine) -> frozenset[str]:
    """The disks of the host's that both have, and to which one of them writes in place."""
    in_place = frozenset({Access.IN_PLACE})
    return _disks(one, in_place) & _disks(other) | _disks(one) & _disks(other, in_place)


def _disks(machine: Machine, access: frozenset[Access] = frozenset(Access)) -> frozenset[str]:
    """The disks that lie on the host anyway, however their paths are spelt; nobody here knows which links are there."""
    files = (disk.file for disk in machine.disks if disk.access in access)
    return frozenset(normpath("/" + file.lstrip("/")) for file in files if file.startswith("/"))
