"""What HTCondor's VM GAHP complains of, and what becomes of the same in vmf; `test_docs.py` writes the page of it.

Source: src/condor_vm-gahp/vmgahp_error_codes.h of HTCondor 25, of 9.12 for VMware, and the starter's table of holds.
"""

from __future__ import annotations

from msgspec import Struct

from vmf.errors import HoldCode, HostFault, HostLost, VmfError
from vmf.model import Outcome


class Complaint(Struct, frozen=True, kw_only=True):
    """Errors of the GAHP, and what tells of them here."""

    names: tuple[str, ...]
    """Without `VMGAHP_` before them."""
    held: bool = False
    """Whether HTCondor holds the job."""
    rules: tuple[str, ...] = ()
    """The rules of lint that find it before anything is run; `vmf run` refuses what breaks those that are errors."""
    becomes: HoldCode | Outcome | type[VmfError] | None = None
    """What becomes of a job that meets it nevertheless."""
    sentence: str
    said: str = ""
    """What QEMU says of it, if it is QEMU that finds out: of the file /images/big.raw, if one is meant."""


COMPLAINTS = (
    Complaint(
        names=("ERR_JOBCLASSAD_NO_VM_MEMORY_PARAM",),
        held=True,
        rules=("VMF111",),
        sentence="A job without `memory` is no job.",
    ),
    Complaint(
        names=(
            "ERR_JOBCLASSAD_XEN_NO_KERNEL_PARAM",
            "ERR_JOBCLASSAD_XEN_NO_DISK_PARAM",
            "ERR_JOBCLASSAD_KVM_NO_DISK_PARAM",
            "ERR_JOBCLASSAD_NO_VMWARE_VMX_PARAM",
        ),
        held=True,
        rules=("VMF201",),
        sentence="A machine needs something to boot from, and that may be any of them.",
    ),
    Complaint(
        names=("ERR_JOBCLASSAD_MISMATCHED_HARDWARE_VT",),
        held=True,
        rules=("XEN203",),
        sentence="`mode: hvm` is a field of its own, and no name of a kernel.",
    ),
    Complaint(
        names=(
            "ERR_JOBCLASSAD_XEN_KERNEL_NOT_FOUND",
            "ERR_JOBCLASSAD_XEN_INITRD_NOT_FOUND",
        ),
        held=True,
        rules=("VMF401",),
        becomes=HoldCode.IMAGE_MISSING,
        sentence="Of files that are on the host already, the host is asked.",
        said="qemu: could not open kernel file '/images/big.raw': No such file or directory",
    ),
    Complaint(
        names=("ERR_JOBCLASSAD_VMWARE_VMX_NOT_FOUND",),
        rules=("VMF401",),
        becomes=HoldCode.IMAGE_MISSING,
        sentence="Likewise.",
    ),
    Complaint(
        names=("ERR_JOBCLASSAD_XEN_NO_ROOT_DEVICE_PARAM",),
        held=True,
        rules=("XEN201",),
        sentence="A warning: an initial RAM disk may hold all that the guest needs.",
    ),
    Complaint(
        names=("ERR_JOBCLASSAD_XEN_INVALID_DISK_PARAM", "ERR_JOBCLASSAD_KVM_INVALID_DISK_PARAM"),
        held=True,
        rules=("VMF113", "VMF119", "VMF120", "VMF405"),
        becomes=HoldCode.IMAGE_UNREADABLE,
        sentence="Syntax, path, format and rights of a disk are told apart, with what to do for each.",
        said="qemu: Could not open '/images/big.raw': Permission denied",
    ),
    Complaint(
        names=("ERR_JOBCLASSAD_XEN_MISMATCHED_CHECKPOINT", "ERR_JOBCLASSAD_KVM_MISMATCHED_CHECKPOINT"),
        held=True,
        rules=("VMF228",),
        sentence="Disks travel with a checkpoint, so no shared file system is needed; only one in place cannot.",
    ),
    Complaint(
        names=("ERR_BAD_IMAGE",),
        held=True,
        rules=("VMF404",),
        becomes=HoldCode.IMAGE_INVALID,
        sentence="vmf reads an image's header before QEMU does; what only QEMU finds holds the job likewise.",
        said="qemu: -blockdev driver=qcow2: Image is not in qcow2 format",
    ),
    Complaint(
        names=("ERR_JOBCLASSAD_TOO_MUCH_MEMORY_REQUEST",),
        rules=("VMF504",),
        sentence="The host is out for this job alone; it waits for room, if there will ever be enough.",
    ),
    Complaint(
        names=("ERR_JOBCLASSAD_MISMATCHED_NETWORKING", "ERR_JOBCLASSAD_MISMATCHED_NETWORKING_TYPE"),
        rules=("VMF506",),
        sentence="Likewise; a network that a host offers and then cannot give is set aside there, and nothing else.",
    ),
    Complaint(
        names=("ERR_NO_SUPPORTED_VM_TYPE", "REQ_VMTYPE_NOT_SUPPORTED"),
        rules=("VMF502", "VMF503"),
        sentence="Likewise.",
    ),
    Complaint(
        names=("ERR_NO_JOBCLASSAD_INFO", "ERR_INTERNAL", "ERR_CRITICAL", "REQ_COMMAND_ERROR"),
        becomes=HostFault,
        sentence="So does whatever else nobody knows: the job is tried elsewhere, and the host is probed, "
        "not taken from all.",
        said="internal error: process exited while connecting to monitor",
    ),
    Complaint(
        names=("REQ_COMMAND_TIMED_OUT", "REQ_COMMAND_PENDING"),
        becomes=HostLost,
        sentence="A host that hangs is lost, not dead: its jobs wait for it, and others' do not.",
    ),
    Complaint(
        names=("REQ_COMMAND_NOT_SUPPORTED", "ERR_VM_NO_SUPPORT_CHECKPOINT", "ERR_VM_NO_SUPPORT_SUSPEND"),
        rules=("VMF501",),
        sentence="What a hypervisor can is known before: a job asks for it by its fields, and goes where it is.",
    ),
    Complaint(
        names=("ERR_VM_NOT_FOUND",),
        becomes=Outcome.KILLED,
        sentence="Somebody else has removed the machine; with a checkpoint, the job goes on from there.",
    ),
    Complaint(
        names=("ERR_VM_INVALID_OPERATION",),
        sentence="Nothing: what a job can do in a state is one table, and the hypervisor is asked first.",
    ),
    Complaint(
        names=("ERR_VM_CANNOT_CREATE_CKPT_FILES",),
        sentence="Nothing ends: the guest goes on without the checkpoint, and the job's owner is told.",
    ),
    Complaint(
        names=("ERR_VM_INVALID_SUSPEND_FILE",),
        sentence="The guest stays saved, and its owner is told; a spoilt checkpoint is left for the one before it.",
    ),
    Complaint(
        names=("ERR_CANNOT_CREATE_ISO_FILE", "ERR_CANNOT_READ_CDROM_FILE", "ERR_CANNOT_CREATE_ARG_FILE"),
        rules=("VMF208", "VMF401", "VMF410"),
        sentence="Unused there. What cannot lie on a CD-ROM is told when the spec is read.",
    ),
    Complaint(
        names=("ERR_VM_NOT_ENOUGH_MEMORY",),
        becomes=HostFault,
        sentence="Unused there.",
        said="qemu: cannot set up guest memory 'pc.ram': Cannot allocate memory",
    ),
    Complaint(
        names=("ERR_XEN_INVALID_GUEST_KERNEL",),
        becomes=HoldCode.IMAGE_INVALID,
        sentence="Unused there.",
        said="qemu: invalid kernel header",
    ),
    Complaint(
        names=("ERR_XEN_VBD_CONNECT_ERROR",),
        becomes=HoldCode.DISK_IN_USE,
        sentence="Unused there; a disk that somebody else writes to.",
        said="Is another process using the image [/images/big.raw]?",
    ),
    Complaint(
        names=("ERR_XEN_CONFIG_FILE_ERROR", "ERR_VMWARE_VMX_ERROR"),
        becomes=HoldCode.MACHINE_INVALID,
        sentence="A description is vmf's own work: what the hypervisor refuses in it is what the job asked for.",
    ),
    Complaint(
        names=("ERR_XEN_NO_CDROM_DEVICE", "ERR_KVM_NO_CDROM_DEVICE"),
        sentence="Unused there. A CD-ROM gets a device, whether the job names one or not.",
    ),
)
