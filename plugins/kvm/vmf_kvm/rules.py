"""What can be wrong with a job that KVM is to run, and with a host of it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from vmf.model import Host, Job
from vmf.rules import Check, Objection, Rule, Severity
from vmf_kvm.settings import TYPE, settings

NAME = Rule(
    id="KVM202",
    title="a name of a disk that leaves a gap",
    why="What a disk is called is for the guest to say. Linux counts the disks of a bus in their order, so that with "
    "one disk too few before it vdf is called vde, say. What the job does with that name, it does to another disk.",
    mend="Name disks without gaps: vda, vdb, …; or have the guest find them by what is on them.",
    severity=Severity.WARNING,
)

DRIVE = Rule(
    id="KVM201",
    title="a drive that no machine on KVM can have",
    why="KVM attaches whole disks, by names that its buses have, and as many as there are places; a vmdk or a part of "
    "a file is not written in place, and on SATA or IDE no disk is only read. No host of type kvm makes it.",
    mend="Do what the hint says, or let a host of another type run the job.",
)
PORT = Rule(
    id="KVM203",
    title="a port of the host on which QEMU cannot listen",
    why="Ports below 1024 are for privileged programs, and QEMU runs without privileges: no host of type "
    "kvm makes such a machine.",
    mend="Choose another port, or leave `host_port` out: then vmf says which one it is.",
)
PLACE = Rule(
    id="KVM204",
    title="a word about a host that means nothing where it is",
    why="A host elsewhere is reached by the libvirt daemon that is there, which keeps machines' files in the host's "
    "`folder`. On this computer vmf may have a daemon of its own, and the files are below its state folder.",
    mend="Leave it out.",
)


def _judge(name: str, job: Job) -> Iterator[Objection]:
    """What a judge of `vmf_kvm.judging` has against a job; nothing, if another hypervisor may run it."""
    if job.types == ("kvm",):
        from vmf_kvm import judging  # noqa: PLC0415  # describes machines: slow to import, and few jobs name a type

        yield from getattr(judging, name)(job)


def _misplaced(host: Host) -> Iterator[Objection]:
    """What a host's block says that belongs to hosts on the other side."""
    if host.type == TYPE:
        word, where = ("daemon", "on another computer") if host.elsewhere else ("folder", "on this computer")
        if getattr(settings(host), word) is not None:
            yield Objection(at=(TYPE, word), what=f"it means nothing for a host {where}", hint="leave it out")


CHECKS: Final[tuple[Check[Any], ...]] = (
    Check(rule=DRIVE, kind=Job, judge=partial(_judge, "unattachable")),
    Check(rule=NAME, kind=Job, judge=partial(_judge, "misnamed")),
    Check(rule=PORT, kind=Job, judge=partial(_judge, "privileged")),
    Check(rule=PLACE, kind=Host, judge=_misplaced),
)
