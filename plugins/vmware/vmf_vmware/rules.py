"""What can be wrong with a job that VMware is to run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from vmf.model import Job
from vmf.rules import Check, Objection, Rule, Severity
from vmf_vmware import lines
from vmf_vmware.foreign import SUFFIXES
from vmf_vmware.settings import TYPE, VmwareJob

ORIGINAL = Rule(
    id="VMW201",
    title="a folder that neither travels nor is kept as it is",
    why="Without a copy and without a snapshot the guest writes to the only disks that there are, and a second run of "
    "the job, or a job that is run again, finds them changed.",
    mend="Leave `snapshot` at true, or let the folder travel: write its path as a text.",
)
ONE_VMX = Rule(
    id="VMW202",
    title="a folder without exactly one .vmx file",
    why="The .vmx file describes the machine; of two, nobody could tell which one is meant.",
    mend="Name the folder of one machine, as VMware keeps it.",
)
LINK = Rule(
    id="VMW203",
    title="a symbolic link where VMware cannot follow it",
    why="A snapshot keeps the full path of the disk that it belongs to, and VMware refuses one that leads over a link; "
    "a link inside a folder leads nowhere once the folder has travelled.",
    mend="Write the path without links, as `realpath` prints it; put the files themselves into the folder.",
    severity=Severity.WARNING,
)
OURS = Rule(
    id="VMW204",
    title="a .vmx line that vmf writes itself",
    why="The job has a field for it, and only one of the two can hold.",
    mend="Use the field.",
)
UNTYPED = Rule(
    id="VMW205",
    title="a VMware machine for another hypervisor",
    why="The folder is all that the job boots from, and no other hypervisor reads it.",
    mend="Write `type: vmware`, or leave `type:` out.",
)

LENT = Rule(
    id="VMW206",
    title="a .vmx line that is not for jobs",
    why="It may lead to the host's files, to its devices or to somebody else's machine: no host of type vmware takes "
    "it from a job.",
    mend="Have who runs the host add it to the file that `vmx_file` of the host's spec names.",
)
MACHINE = Rule(
    id="VMW207",
    title="a machine that VMware cannot make",
    why="Disks are on SCSI, SATA or IDE, and are written by one machine at a time; CD-ROMs are on IDE or SATA; there "
    "are neither shared folders, agents, screens nor forwarded ports. No host of type vmware makes it.",
    mend="Do what the hint says, or let a host of another type run the job.",
)

ENTRIES_MOST: Final = 10_000
"""So many files of a folder are looked at."""
_FOLDER: Final = ("vmware", "folder")


def _original(_job: Job, block: VmwareJob) -> Iterator[Objection]:
    if block.folder and block.folder.on_host and not block.snapshot:
        what = "the guest would write to the folder's own disks, which no copy is made of"
        yield Objection(at=("vmware", "snapshot"), what=what, hint="leave it out, or let the folder travel")


def _one_vmx(_job: Job, block: VmwareJob) -> Iterator[Objection]:
    if not block.folder or block.folder.on_host:
        return
    try:
        found = [each.name for each in _entries(block.folder.path) if each.name.lower().endswith(SUFFIXES)]
    except OSError as error:
        what = f"the folder cannot be looked into: {(error.strerror or 'unreadable').lower()}"
        yield Objection(at=_FOLDER, what=what, hint="name the folder with the .vmx file in it")
        return
    if len(found) != 1:
        what = f"there are several .vmx files, such as {min(found)}" if found else "there is no .vmx file in it"
        yield Objection(at=_FOLDER, what=what, hint="name the folder of one machine")


def _links(_job: Job, block: VmwareJob) -> Iterator[Objection]:
    if not block.folder:
        return
    path = block.folder.path
    try:
        if not block.folder.on_host:
            links = [each.name for each in _entries(path) if each.is_symlink()]
            what, hint = "inside the folder, {} is a symbolic link", "put the file itself there"
        else:  # as far as this computer sees the host's files, which it does on a shared file system
            links = [str(each) for each in (*reversed(path.parents), path) if block.snapshot and each.is_symlink()]
            what, hint = "on this computer, {} is a symbolic link", "write the path without links"
    except OSError:
        return
    yield from (Objection(at=_FOLDER, what=what.format(each), hint=hint) for each in sorted(links)[:1])


def _ours(_job: Job, block: VmwareJob) -> Iterator[Objection]:
    for key in block.vmx:
        if (made_of := lines.field(key)) is not None:
            yield Objection(at=("vmware", "vmx", key), what="vmf writes this line itself", hint=f"use `{made_of}`")


def _lent(_job: Job, block: VmwareJob) -> Iterator[Objection]:
    for key in block.vmx:
        if lines.field(key) is None and not lines.is_lent(key):
            what = "this line may lead to the host's files or devices"
            yield Objection(at=("vmware", "vmx", key), what=what, hint="ask who runs the host to add it for all")


def _unmade(job: Job) -> Iterator[Objection]:
    if job.types == (TYPE,):
        from vmf_vmware import judging  # noqa: PLC0415  # describes machines: slow to import, and few jobs name a type

        yield from judging.unmade(job)


def _untyped(job: Job, block: VmwareJob) -> Iterator[Objection]:
    bundle = job.bundle
    bootable = bundle.kernel or bundle.disks or job.boot.kernel or (job.cdrom and job.cdrom.iso)
    if block.folder and not bootable and set(job.types) - {"vmware"}:
        what = "only VMware can boot this, and the job may be placed elsewhere"
        yield Objection(at=_FOLDER, what=what, hint="write `type: vmware`")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(islice(entries, ENTRIES_MOST))


def _of_block(judge: Callable[[Job, VmwareJob], Iterator[Objection]]) -> Callable[[Job], Iterator[Objection]]:
    """Judge jobs that have the block, whose plain data become its words again."""

    def judged(job: Job) -> Iterator[Objection]:
        if (given := job.settings.get("vmware")) is not None:
            block = msgspec.convert(given, VmwareJob, dec_hook=lambda wanted, text: wanted(text))
            yield from judge(job, block)

    return judged


CHECKS: Final[tuple[Check[Any], ...]] = (
    Check(rule=ORIGINAL, kind=Job, judge=_of_block(_original)),
    Check(rule=ONE_VMX, kind=Job, judge=_of_block(_one_vmx)),
    Check(rule=LINK, kind=Job, judge=_of_block(_links)),
    Check(rule=OURS, kind=Job, judge=_of_block(_ours)),
    Check(rule=UNTYPED, kind=Job, judge=_of_block(_untyped)),
    Check(rule=LENT, kind=Job, judge=_of_block(_lent)),
    Check(rule=MACHINE, kind=Job, judge=_unmade),
)
