"""What can be wrong with a job that Xen is to run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

from vmf.ads import At
from vmf.files.access import open_file
from vmf.model import File, Job, NetworkType
from vmf.rules import Check, Objection, Rule, Severity
from vmf_xen.initrds import modules
from vmf_xen.packed import Damaged
from vmf_xen.settings import Mode, mode

ROOT = Rule(
    id="XEN201",
    title="a kernel's file without a root device",
    why="Xen starts the kernel by itself, without a boot loader that would tell it where its files are: it panics as "
    "soon as it looks for them, unless its initrd holds all that the guest needs.",
    mend="Write the device into `boot.root`, such as /dev/xvda1.",
    severity=Severity.WARNING,
)
DRIVERS = Rule(
    id="XEN204",
    title="an initial RAM disk without Xen's drivers",
    why="On Xen a guest's disks, and its network, are Xen's own devices. A guest whose initial RAM disk carries "
    "modules, and not those, finds neither its root file system nor vmf's CD-ROM.",
    mend="Make it again with xen-blkfront in it, and xen-netfront for a network; or let the machine be of mode hvm.",
    severity=Severity.WARNING,
)
UNSEEN = Rule(
    id="XEN206",
    title="an initial RAM disk that cannot be looked into",
    why="Whether it carries the drivers of a guest on Xen is not known, nor whether it is an initial RAM disk at all.",
    mend="Do what the finding says, or see to the drivers yourself: xen-blkfront, and xen-netfront for a network.",
    severity=Severity.NOTE,
)
VMX = Rule(
    id="XEN203",
    title="a kernel's file that is called vmx",
    why="In HTCondor's submit files `xen_kernel = vmx` is no file: it asks for full hardware virtualisation.",
    mend="Write `mode: hvm` in the block `xen`, and leave the kernel out; or rename the file.",
    severity=Severity.WARNING,
)

MACHINE = Rule(
    id="XEN205",
    title="a machine that Xen cannot make",
    why="Xen's drives are xvda, … and, in mode hvm, hda to hdd; it attaches whole files, raw or qcow2, and has neither "
    "firmware to choose nor shared folders, agents and screens. No host of type xen makes it.",
    mend="Do what the hint says, or let a host of another type run the job.",
)

_ROOT: Final = "root="


def _rootless(job: Job) -> Iterator[Objection]:
    if _kernel(job) and not any(word.startswith(_ROOT) for word in job.bundle.kernel_parameters.split()):
        what = "nothing tells this kernel where its root file system is"
        yield Objection(at=("boot", "kernel"), what=what, hint="add `root: /dev/xvda1`, or whatever its device is")


def _driverless(job: Job) -> Iterator[Objection]:
    wanted = {"xen_blkfront"} if job.network.type is NetworkType.NONE else {"xen_blkfront", "xen_netfront"}
    with suppress(Damaged):  # of which the other rule tells
        found = _modules(job)
        if found and (lacking := sorted(wanted - found)):
            what = f"{_initrd(job)} carries modules, but not {' and '.join(lacking)}"
            yield Objection(at=_place(job), what=what, hint="make it anew with the drivers of a guest on Xen")


def _unseen(job: Job) -> Iterator[Objection]:
    try:
        _modules(job)
    except Damaged as error:
        what = f"{_initrd(job)} cannot be looked into for Xen's drivers: {error}"
        yield Objection(at=_place(job), what=what, hint="make sure that it is one, and has xen-blkfront")


def _modules(job: Job) -> frozenset[str]:
    """What the job's initial RAM disk carries of modules; none, if that is of no concern, or others tell of the file.

    Raises:
        Damaged: if nobody can know.
    """
    file = job.bundle.initrd
    if file is None or file.on_host or "xen" not in job.types or mode(job) is Mode.HVM:
        return frozenset()
    with suppress(OSError), open_file(file.path) as initrd:
        return frozenset(modules(initrd))
    return frozenset()


def _initrd(job: Job) -> str:
    return job.bundle.initrd.path.name if job.bundle.initrd else ""


def _place(job: Job) -> At:
    """Where the job names its initial RAM disk."""
    return ("boot", "initrd") if job.boot.initrd else ("image",)


def _unmade(job: Job) -> Iterator[Objection]:
    if job.types == ("xen",):
        from vmf_xen import judging  # noqa: PLC0415  # describes machines: slow to import, and few jobs name a type

        yield from judging.unmade(job)


def _vmx(job: Job) -> Iterator[Objection]:
    if (kernel := _kernel(job)) and kernel.path.name == "vmx":
        what = "vmx is no good name for a kernel: in HTCondor it asks for hardware virtualisation"
        yield Objection(at=("boot", "kernel"), what=what, hint="write `mode: hvm` in the block `xen` instead")


def _kernel(job: Job) -> File | None:
    """The file that the job itself has Xen boot."""
    meant = "xen" in job.types or "xen" in job.settings
    return job.boot.kernel if meant and isinstance(job.boot.kernel, File) else None


CHECKS: Final[tuple[Check[Any], ...]] = (
    Check(rule=ROOT, kind=Job, judge=_rootless),
    Check(rule=DRIVERS, kind=Job, judge=_driverless),
    Check(rule=UNSEEN, kind=Job, judge=_unseen),
    Check(rule=MACHINE, kind=Job, judge=_unmade),
    Check(rule=VMX, kind=Job, judge=_vmx),
)
