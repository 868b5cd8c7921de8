"""What blames the job, or an ability of the host: sentences by which a machine fails to start, or to have its files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from msgspec.structs import replace

from vmf.errors import HoldCode
from vmf.model import Forward, MachineNic, NetworkType, NicModel
from vmf_kvm import nics
from vmf_libvirt.described import files as files_of
from vmf_libvirt.errors import ACCESSIBLE, Failing, Sentence

_COPY = "get a good copy of the image, and state the format that it has"

CONTENTS = (
    Sentence(words="Image is not in qcow2 format", code=HoldCode.IMAGE_INVALID, hint=_COPY),
    Sentence(words="Unsupported qcow2 version", code=HoldCode.IMAGE_INVALID, hint=_COPY),
    Sentence(words="Image is corrupt", code=HoldCode.IMAGE_INVALID, hint=_COPY),
    Sentence(words="invalid kernel header", code=HoldCode.IMAGE_INVALID, hint="name a vmlinuz as the kernel"),
    Sentence(words="linux kernel too old", code=HoldCode.IMAGE_INVALID, hint="name a vmlinuz as the kernel"),
    Sentence(words="could not load kernel", code=HoldCode.IMAGE_INVALID, hint="name a vmlinuz as the kernel"),
    Sentence(words="image size is too large", code=HoldCode.IMAGE_INVALID, hint=_COPY),
    Sentence(words="Could not assign backing file", code=HoldCode.IMAGE_INVALID, hint="shorten the image's path"),
    Sentence(words="initrd is too large", code=HoldCode.MACHINE_INVALID, hint="raise the job's memory"),
)
"""What is in a file, or how much of it there is: QEMU looks into nothing but the machine's files."""
ACCESS = (
    Sentence(words="Permission denied", code=HoldCode.IMAGE_UNREADABLE, hint=ACCESSIBLE),
    Sentence(words="No such file or directory", code=HoldCode.IMAGE_MISSING, hint="check the image's paths"),
)
"""Said of any file: of libvirt's log, of QEMU's own program, of the copies that vmf put into the machine's folder."""
MEMORY = (
    "Unknown ramblock",
    "Size mismatch",
    "error while loading state",
    "load of migration failed",
    "Not a migration stream",
    "save image is incomplete",
    "failed to read qemu header",
)
"""What is said of a guest's memory that is not what its machine can go on from; what tells most comes first."""
LOCKED = Sentence(
    words="Is another process using the image",
    code=HoldCode.DISK_IN_USE,
    hint="one of the two writes to it in place: wait for the other's end, or use a copy",
)
"""Said of a file that QEMU cannot lock."""
FAILINGS = (
    Failing(words="Unable to find any firmware to satisfy 'efi'", ability="firmware-uefi"),
    Failing(words="Unable to find 'efi' firmware", ability="firmware-uefi"),
    Failing(words="Could not set up host forwarding rule", ability="port-forwards"),
    Failing(words="network backend 'user' is not compiled into this binary", ability="network-user"),
    Failing(words="cannot initialize fsdev", ability="shares"),
    Failing(words="'virtio-9p-pci' is not a valid device model name", ability="shares"),
    Failing(words="Unknown driver 'vmdk'", ability="disk-vmdk"),
    Failing(words="Driver 'vmdk' is not whitelisted", ability="disk-vmdk"),
    *(Failing(words=f"'{model}' is not a valid device model name", ability=f"nic-{model}") for model in NicModel),
)
"""What is said of a host that lacks a part of QEMU, a file of a distribution's, or ports."""
NETWORKLESS = (
    "is not active",
    "Network not found",
    "Network filter not found",
    "Cannot instantiate filter",
    "Failed to apply firewall rules",
    "Cannot get interface MTU",
    "Unable to add bridge",
    "Unable to create tap device",
    "/dev/net/tun",
)
"""What is said of a network or a bridge that a machine cannot be connected to."""


def memory(hint: str) -> tuple[Sentence, ...]:
    """Those that blame the file with a guest's memory."""
    return tuple(Sentence(words=words, code=HoldCode.IMAGE_INVALID, hint=hint) for words in MEMORY)


def described(description: str, folder: Path) -> tuple[Sentence, ...]:
    """All that blame the job, of a machine that libvirt describes so, whose own folder this is."""
    files = [file for file in files_of(description) if not Path(file).is_relative_to(folder)]
    return (*sentences(files), *ports(nics.forwarded(description)))


def failings(nic: MachineNic | None) -> tuple[Failing, ...]:
    """All that show what the host of a machine with this card cannot do."""
    if nic is None or nic.type is NetworkType.USER:
        return FAILINGS
    return (*FAILINGS, *(Failing(words=words, ability=f"network-{nic.type}") for words in NETWORKLESS))


def ports(forwards: Iterable[Forward]) -> Iterator[Sentence]:
    """Those that blame the ports of this computer that a job names; any other port was QEMU's choice."""
    for forward in forwards:
        if forward.host_port is not None:
            yield Sentence(
                words=f"Could not set up host forwarding rule '{nics.rule(forward)}'",
                code=HoldCode.PORT_IN_USE,
                brief=f"{forward.protocol} port {forward.host_port} of this computer is taken",
                hint="choose another one, or leave `host_port` out",
            )


def sentences(files: Collection[str]) -> tuple[Sentence, ...]:
    """All that blame the job, of a machine that uses these files where the job has them."""
    return (
        *CONTENTS,
        *(replace(LOCKED, file=file, brief=f"{file} is used by another machine") for file in files),
        *(replace(each, file=file) for file in files for each in ACCESS),
    )
