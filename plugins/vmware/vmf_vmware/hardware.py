"""A machine as the data of a VirtualMachineConfigSpec. Pure; tests/plugins/vmware/golden shows what comes out.

The console is the first serial port, whose file is on the datastore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct

from vmf.errors import HoldCode, JobFault
from vmf.model import MEBIBYTE, Access, Clock, Firmware, Machine, MachineNic, NetworkType, NicModel
from vmf_vmware import drives, naming
from vmf_vmware.data import Data, data
from vmf_vmware.drives import Taken
from vmf_vmware.lines import block
from vmf_vmware.paths import DatastorePath

MEMORY_STEP = 4
"""MiB: VMware's machines have a multiple of it."""
CARDS: Mapping[NicModel | None, str] = MappingProxyType({
    None: "VirtualVmxnet3",
    NicModel.E1000: "VirtualE1000",
    NicModel.E1000E: "VirtualE1000e",
})  # fmt: skip
FIRMWARES: Mapping[Firmware | None, str] = MappingProxyType({
    None: "bios",
    Firmware.BIOS: "bios",
    Firmware.UEFI: "efi",
})  # fmt: skip
GUESTS: Mapping[bool, str] = MappingProxyType({True: "otherLinux64Guest", False: "otherGuest64"})
"""What VMware is told that a guest is, by whether vmf boots a kernel's file."""
OURS: Mapping[str, str] = MappingProxyType({
    "answer.msg.serial.file.open": "Append",
    "ethernet0.checkMACAddress": "FALSE",
    "msg.autoAnswer": "TRUE",
    "rtc.diffFromUTC": "0",
})  # fmt: skip
"""Lines of every machine: nobody sits at its screen to answer questions; any MAC address is good; the clock is UTC."""

_CARD, _SERIAL = 4000, 9000
"""The keys of the card, and of the console."""


class Seat(Struct, frozen=True, kw_only=True):
    """Where a machine is put, and what it is connected to."""

    name: str
    """What it is called in the inventory."""
    folder: DatastorePath
    mark: tuple[Data, ...] = ()
    """What it is found again by."""
    networks: Mapping[NetworkType, Data] = {}
    """The backing of a card on each network."""
    lines: Mapping[str, str] = {}
    """More lines of the .vmx file."""
    version: str | None = None
    """The version of its hardware; None: the host's newest."""
    taken: Taken = {}
    """The places of drives that the machine has already."""
    ends_reboots: bool = False
    """Whether the host can power a machine off in place of its reboot."""


def config(machine: Machine, seat: Seat) -> Data:
    """All of a machine.

    Raises:
        JobFault: if it is not one that this hypervisor can make.
    """
    check(machine)
    attached = devices(machine, seat)
    return data(
        "VirtualMachineConfigSpec",
        name=seat.name,
        version=seat.version,
        guestId=GUESTS[machine.kernel is not None],
        files=data("VirtualMachineFileInfo", vmPathName=str(seat.folder / f"{seat.name}.vmx")),
        firmware=FIRMWARES[machine.firmware],
        bootOptions=_boot(machine, attached),
        deviceChange=tuple(map(_added, attached)),
        **_common(machine, seat),
    )


def added(machine: Machine, seat: Seat) -> Data:
    """What a machine gets that somebody else has described.

    Raises:
        JobFault: if it has no room for that.
    """
    check(machine)
    changes = tuple(map(_added, devices(machine, seat)))
    return data("VirtualMachineConfigSpec", deviceChange=changes, **_common(machine, seat))


def devices(machine: Machine, seat: Seat) -> tuple[Data, ...]:
    """Every device of a machine, each after what it is attached to.

    Raises:
        JobFault: if there is no room for a drive.
    """
    places = drives.drives(machine, seat.taken)
    files, discs = drives.files(machine, seat.folder), drives.discs(machine, seat.folder)
    disks = enumerate(zip(places.disks, files, strict=True))
    return (
        *drives.controllers((*places.disks, *places.discs)),
        *(drives.disk(spot, file, drives.original(machine, number)) for number, (spot, file) in disks),
        *(drives.disc(spot, file) for spot, file in zip(places.discs, discs, strict=True)),
        *_card(machine.nic, seat),
        _serial(seat),
    )


def check(machine: Machine) -> None:
    """See that a machine is one that this hypervisor can make, wherever its host keeps its things.

    Raises:
        JobFault: if it is not.
    """
    for is_wrong, what, hint in _NOT_HERE:
        if is_wrong(machine):
            raise JobFault(what, code=HoldCode.MACHINE_INVALID, hint=hint)
    drives.drives(machine, {})
    for disk in machine.disks:
        if disk.file.startswith("/"):
            drives.located(disk.file)


def _common(machine: Machine, seat: Seat) -> dict[str, object]:
    given = {key.lower() for key in seat.lines}
    lines = {key: value for key, value in OURS.items() if key.lower() not in given} | dict(seat.lines)
    return {
        "memoryMB": -(-machine.memory // (MEMORY_STEP * MEBIBYTE)) * MEMORY_STEP,
        "numCPUs": machine.cpus,
        "rebootPowerOff": True if seat.ends_reboots and not machine.reboots else None,
        "extraConfig": (*seat.mark, *(data("OptionValue", key=key, value=lines[key]) for key in sorted(lines))),
    }


def _serial(seat: Seat) -> Data:
    return data(
        "VirtualSerialPort",
        key=_SERIAL,
        backing=data("VirtualSerialPortFileBackingInfo", fileName=str(seat.folder / naming.CONSOLE)),
        connectable=drives.connected(),
        yieldOnPoll=True,
    )


def _card(nic: MachineNic | None, seat: Seat) -> Iterator[Data]:
    if nic is not None:
        yield data(
            CARDS[nic.model],
            key=_CARD,
            addressType="manual",
            macAddress=nic.mac,
            backing=seat.networks[nic.type],
            connectable=drives.connected(),
            wakeOnLanEnabled=False,
        )


def _boot(machine: Machine, attached: tuple[Data, ...]) -> Data:
    disc = data("VirtualMachineBootOptionsBootableCdromDevice")
    keys = [each["key"] for each in attached if each.type == drives.DISK][: min(len(machine.disks), 1)]
    disks = (data("VirtualMachineBootOptionsBootableDiskDevice", deviceKey=key) for key in keys)
    order = (disc,) if machine.kernel is not None else (*disks, disc)
    return data("VirtualMachineBootOptions", bootOrder=order)


def _added(device: Data) -> Data:
    """A new device; a disk that is a change of another one is made with it."""
    is_made = device.type == drives.DISK and device["backing"].get("parent") is not None
    operation = "create" if is_made else None
    return data("VirtualDeviceConfigSpec", operation="add", fileOperation=operation, device=device)


_NOT_HERE: tuple[tuple[Callable[[Machine], object], str, str], ...] = (
    (
        lambda machine: machine.kernel is not None and machine.firmware is Firmware.UEFI,
        "a kernel's file is started by BIOS on VMware",
        "leave `firmware` out, or boot from a disk",
    ),
    (
        lambda machine: (
            not (machine.kernel or machine.disks or any(each.file for each in machine.cdroms))
            and not block(machine).folder
        ),
        "nothing is there that the machine could start from",
        "name an image, a kernel, a disc or `vmware.folder`",
    ),
    (lambda machine: machine.clock is not Clock.UTC, "the hardware clock shows UTC on VMware", "leave `clock` out"),
    (lambda machine: machine.shares, "no folders are shared on VMware", "put the files on a disk or a CD-ROM"),
    (lambda machine: machine.agent, "the QEMU guest agent is not reached on VMware", "leave `agent` out"),
    (lambda machine: machine.vnc, "machines have no screen on VMware that vmf knows of", "leave `vnc` out"),
    (
        lambda machine: any(disk.device for disk in machine.disks) or any(drive.device for drive in machine.cdroms),
        "a guest of VMware's counts its drives itself",
        "leave `device` out",
    ),
    (
        lambda machine: any(disk.access is Access.READ for disk in machine.disks),
        "a disk can be written on VMware, whoever else reads it",
        "write `access: snapshot`",
    ),
    (
        lambda machine: any(disk.part and disk.file.startswith("/") for disk in machine.disks),
        "a disk that is used where it lies is a whole file",
        "let it travel: write its path as a text",
    ),
    (
        lambda machine: machine.nic and (machine.nic.model not in CARDS or machine.nic.forwards),
        "network cards are vmxnet3, e1000 or e1000e on VMware, and no ports are forwarded to them",
        "leave `model` and `forwards` out",
    ),
    (
        lambda machine: machine.nic and machine.nic.type not in {NetworkType.NAT, NetworkType.BRIDGE},
        "networks are of type nat or bridge on VMware",
        "write `network: {type: bridge}`, or nat",
    ),
)
"""What no machine has here: whether one has it, what is wrong with that, what to do instead."""
