"""What can be wrong with a job that Xen is to run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from vmf.model import File, Job
from vmf.rules import Check, Objection, Rule, Severity

ROOT = Rule(
    id="XEN201",
    title="a kernel's file without a root device",
    why="Xen starts the kernel by itself, without a boot loader that would tell it where its files are: it panics as "
    "soon as it looks for them, unless its initrd holds all that the guest needs.",
    mend="Write the device into `boot.root`, such as /dev/xvda1.",
    severity=Severity.WARNING,
)
KERNEL = Rule(
    id="XEN202",
    title="a kernel's file for full hardware virtualisation",
    why="Such a machine starts as a real computer does, from its disk, so the kernel's file is not used.",
    mend="Leave the kernel out, or `hardware: true`.",
    severity=Severity.WARNING,
)
VMX = Rule(
    id="XEN203",
    title="a kernel's file that is called vmx",
    why="In HTCondor's submit files `xen_kernel = vmx` is no file: it asks for full hardware virtualisation.",
    mend="Write `hardware: true` in the block `xen`, and leave the kernel out; or rename the file.",
    severity=Severity.WARNING,
)

_ROOT: Final = "root="


def _rootless(job: Job) -> Iterator[Objection]:
    if _kernel(job) and not any(word.startswith(_ROOT) for word in job.bundle.kernel_parameters.split()):
        what = "nothing tells this kernel where its root file system is"
        yield Objection(at=("boot", "kernel"), what=what, hint="add `root: /dev/xvda1`, or whatever its device is")


def _unused_kernel(job: Job) -> Iterator[Objection]:
    if _kernel(job) and job.settings.get("xen", {}).get("hardware"):
        what = "a machine with full hardware virtualisation starts from its disk"
        yield Objection(at=("boot", "kernel"), what=what, hint="leave the kernel out, or `hardware: true`")


def _vmx(job: Job) -> Iterator[Objection]:
    if (kernel := _kernel(job)) and kernel.path.name == "vmx":
        what = "vmx is no good name for a kernel: in HTCondor it asks for hardware virtualisation"
        yield Objection(at=("boot", "kernel"), what=what, hint="write `hardware: true` in the block `xen` instead")


def _kernel(job: Job) -> File | None:
    """The file that the job itself has Xen boot."""
    meant = "xen" in job.types or "xen" in job.settings
    return job.boot.kernel if meant and isinstance(job.boot.kernel, File) else None


CHECKS: Final[tuple[Check[Any], ...]] = (
    Check(rule=ROOT, kind=Job, judge=_rootless),
    Check(rule=KERNEL, kind=Job, judge=_unused_kernel),
    Check(rule=VMX, kind=Job, judge=_vmx),
)
