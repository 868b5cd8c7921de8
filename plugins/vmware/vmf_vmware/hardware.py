"""A machine as the data of a VirtualMachineConfigSpec. Pure; tests/plugins/vmware/golden shows what comes out.

Disks are on paravirtual SCSI controllers, CD-ROM drives on the two IDE channels that every machine of VMware's has; the
console is the first serial port, whose file is on the datastore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from vmf.errors import HoldCode, JobFault
from vmf.model import MEBIBYTE, Access, Bus, Clock, Firmware, Machine, MachineNic, NetworkType, NicModel
from vmf_vmware import naming
from vmf_vmware.data import Data, data
from vmf_vmware.descriptor import FLAT
from vmf_vmware.lines import block
from vmf_vmware.paths import DatastorePath, parse

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

_SCSI, _IDE, _DISK, _CDROM, _CARD, _SERIAL = 1000, 200, 2000, 3000, 4000, 9000
"""The numbers from which devices of each kind are counted."""
_FLAT = "VirtualDiskFlatVer2BackingInfo"
_CHANNELS = frozenset({_IDE, _IDE + 1})
_UNITS = tuple(unit for unit in range(16) if unit != 7)  # noqa: PLR2004  # the controller's own place
SCSI_BUSES = 4
IDE_PLACES = 4
"""Those of the two IDE channels, two on each."""
_SCSI_BUSES = frozenset({None, Bus.SCSI})
_DISC_BUSES = frozenset({None, Bus.SCSI, Bus.IDE})
"""A drive whose job has its disks on SCSI is on IDE all the same: VMware has no discs' images there."""


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
    scsi: int = 0
    """The first SCSI bus that is free."""
    places: tuple[int, ...] = tuple(range(IDE_PLACES))
    """The places of the IDE channels that are free."""
    ends_reboots: bool = False
    """Whether the host can power a machine off in place of its reboot."""


def config(machine: Machine, seat: Seat) -> Data:
    """All of a machine.

    Raises:
        JobFault: if it is not one that this hypervisor can make.
    """
    check(machine)
    return data(
        "VirtualMachineConfigSpec",
        name=seat.name,
        version=seat.version,
        guestId=GUESTS[machine.kernel is not None],
        files=data("VirtualMachineFileInfo", vmPathName=str(seat.folder / f"{seat.name}.vmx")),
        firmware=FIRMWARES[machine.firmware],
        bootOptions=_boot(machine),
        deviceChange=tuple(map(_added, devices(machine, seat))),
        **_common(machine, seat),
    )


def added(machine: Machine, seat: Seat) -> Data:
    """What a machine gets that somebody else has described.

    Raises:
        JobFault: if it has no room for that.
    """
    check(machine)
    drives = len(machine.cdroms) + (machine.kernel is not None)
    if drives > len(seat.places):
        what = f"the machine in `vmware.folder` has room for {len(seat.places)} CD-ROM drives more, not for {drives}"
        raise JobFault(what, code=HoldCode.MACHINE_INVALID, hint="take one of its drives away")
    changes = tuple(map(_added, devices(machine, seat)))
    return data("VirtualMachineConfigSpec", deviceChange=changes, **_common(machine, seat))


def _common(machine: Machine, seat: Seat) -> dict[str, object]:
    lines = {**OURS, **seat.lines}
    return {
        "memoryMB": -(-machine.memory // (MEMORY_STEP * MEBIBYTE)) * MEMORY_STEP,
        "numCPUs": machine.cpus,
        "rebootPowerOff": True if seat.ends_reboots and not machine.reboots else None,
        "extraConfig": (*seat.mark, *(data("OptionValue", key=key, value=lines[key]) for key in sorted(lines))),
    }


def devices(machine: Machine, seat: Seat) -> tuple[Data, ...]:
    """Every device of a machine, each after what it is attached to."""
    return (*_disks(machine, seat), *discs(machine, seat), *_card(machine.nic, seat), serial(seat))


def beside(seat: Seat, devices: Iterable[Data]) -> Seat:
    """A seat with what the devices leave free that a machine has already.

    Raises:
        JobFault: if they leave no SCSI bus.
    """
    several = tuple(devices)
    on_ide = [each for each in several if each.get("controllerKey") in _CHANNELS]
    used = {2 * (each["controllerKey"] - _IDE) + each["unitNumber"] for each in on_ide}
    buses = [each["busNumber"] for each in several if each["key"] in range(_SCSI, _SCSI + SCSI_BUSES)]
    bus = max(buses, default=-1) + 1
    if bus >= SCSI_BUSES:
        what = "the machine in `vmware.folder` has all SCSI buses that there are"
        raise JobFault(what, code=HoldCode.MACHINE_INVALID, hint="take one of them away")
    return replace(seat, scsi=bus, places=tuple(place for place in range(IDE_PLACES) if place not in used))


def check(machine: Machine) -> None:
    """See that a machine is one that this hypervisor can make, wherever its host keeps its things.

    Raises:
        JobFault: if it is not.
    """
    for is_wrong, what, hint in _NOT_HERE:
        if is_wrong(machine):
            raise JobFault(what, code=HoldCode.MACHINE_INVALID, hint=hint)
    for disk in machine.disks:
        if disk.file.startswith("/"):
            located(disk.file)


def located(file: str) -> DatastorePath:
    """The descriptor of a disk that is on the host, which a job names by the file with its data.

    Raises:
        JobFault: if that is no such file's path.
    """
    path = parse(file)
    if not path.name.endswith(FLAT) or path.name == FLAT:
        what = f"{file} is no disk that is used where it lies: its name does not end in {FLAT}"
        hint = f"name the file with the disk's data, such as /vmfs/volumes/store1/a/a{FLAT}, and `format: raw`"
        raise JobFault(what, code=HoldCode.MACHINE_INVALID, hint=hint)
    return path.folder / naming.descriptor(path.name.removesuffix(FLAT))


def disk_files(machine: Machine, folder: DatastorePath) -> tuple[DatastorePath, ...]:
    """The descriptors of a machine's disks, in their order; the results volume's is the last."""
    several = []
    for number, disk in enumerate(machine.disks):
        stem = naming.own(machine, number)
        several.append(located(disk.file) if stem is None else folder / naming.descriptor(stem))
    if machine.results:
        several.append(folder / naming.stored(machine.results.file))
    return tuple(several)


def original(machine: Machine, number: int) -> DatastorePath | None:
    """The disk on the host that a new machine's disk is to be a change of; None: it is none."""
    disk = machine.disks[number]
    is_linked = disk.file.startswith("/") and disk.access is Access.SNAPSHOT and not machine.restored
    return located(disk.file) if is_linked else None


def discs(machine: Machine, seat: Seat) -> Iterator[Data]:
    """The CD-ROM drives; the disc that boots a kernel is in the first one."""
    boot = (seat.folder / naming.BOOT,) if machine.kernel is not None else ()
    given = (None if drive.file is None else disc_file(drive.file, seat) for drive in machine.cdroms)
    for place, file in zip(seat.places, (*boot, *given), strict=False):
        yield data(
            "VirtualCdrom",
            key=_CDROM + place,
            controllerKey=_IDE + place // 2,
            unitNumber=place % 2,
            backing=data("VirtualCdromRemotePassthroughBackingInfo", deviceName="", exclusive=False)
            if file is None
            else data("VirtualCdromIsoBackingInfo", fileName=str(file)),
            connectable=_connected(at_start=file is not None),
        )


def disc_file(file: str, seat: Seat) -> DatastorePath:
    """Where a disc is."""
    return parse(file) if file.startswith("/") else seat.folder / naming.stored(file)


def serial(seat: Seat) -> Data:
    """The serial port that is the console."""
    return data(
        "VirtualSerialPort",
        key=_SERIAL,
        backing=data("VirtualSerialPortFileBackingInfo", fileName=str(seat.folder / naming.CONSOLE)),
        connectable=_connected(),
        yieldOnPoll=True,
    )


def _disks(machine: Machine, seat: Seat) -> Iterator[Data]:
    for number, file in enumerate(disk_files(machine, seat.folder)):
        bus, unit = divmod(number + seat.scsi * len(_UNITS), len(_UNITS))
        if not unit:
            yield data("ParaVirtualSCSIController", key=_SCSI + bus, busNumber=bus, sharedBus="noSharing")
        parent = original(machine, number) if number < len(machine.disks) else None
        yield data(
            "VirtualDisk",
            key=_DISK + 16 * bus + _UNITS[unit],
            controllerKey=_SCSI + bus,
            unitNumber=_UNITS[unit],
            backing=data(_FLAT, fileName=str(file), diskMode="persistent", parent=_backing(parent)),
        )


def _card(nic: MachineNic | None, seat: Seat) -> Iterator[Data]:
    if nic is not None:
        yield data(
            CARDS[nic.model],
            key=_CARD,
            addressType="manual",
            macAddress=nic.mac,
            backing=seat.networks[nic.type],
            connectable=_connected(),
            wakeOnLanEnabled=False,
        )


def _boot(machine: Machine) -> Data:
    disc = data("VirtualMachineBootOptionsBootableCdromDevice")
    disk = (data("VirtualMachineBootOptionsBootableDiskDevice", deviceKey=_DISK),) if machine.disks else ()
    order = (disc,) if machine.kernel is not None else (*disk, disc)
    return data("VirtualMachineBootOptions", bootOrder=order)


def _backing(file: DatastorePath | None) -> Data | None:
    return None if file is None else data(_FLAT, fileName=str(file), diskMode="persistent")


def _added(device: Data) -> Data:
    """A new device; a disk that is a change of another one is made with it."""
    is_made = device.type == "VirtualDisk" and device["backing"].get("parent") is not None
    operation = "create" if is_made else None
    return data("VirtualDeviceConfigSpec", operation="add", fileOperation=operation, device=device)


def _connected(*, at_start: bool = True) -> Data:
    return data("VirtualDeviceConnectInfo", startConnected=at_start, connected=at_start, allowGuestControl=True)


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
    (
        lambda machine: block(machine).folder and machine.portable,
        "what the disks of `vmware.folder` hold is not kept, so that no checkpoint can be taken of it",
        "leave `checkpoint` out, or name the disks by `disks`",
    ),
    (lambda machine: machine.clock is not Clock.UTC, "the hardware clock shows UTC on VMware", "leave `clock` out"),
    (lambda machine: machine.shares, "no folders are shared on VMware", "put the files on a disk or a CD-ROM"),
    (lambda machine: machine.agent, "the QEMU guest agent is not reached on VMware", "leave `agent` out"),
    (lambda machine: machine.vnc, "machines have no screen on VMware that vmf knows of", "leave `vnc` out"),
    (
        lambda machine: any(disk.bus not in _SCSI_BUSES for disk in machine.disks),
        "disks are SCSI ones on VMware",
        "write `bus: scsi`, or leave `bus` out",
    ),
    (
        lambda machine: any(drive.bus not in _DISC_BUSES for drive in machine.cdroms),
        "CD-ROM drives are IDE ones on VMware",
        "leave `device` out",
    ),
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
        lambda machine: len(machine.cdroms) + (machine.kernel is not None) > IDE_PLACES,
        f"a machine has {IDE_PLACES} CD-ROM drives at the most, one of which boots its kernel",
        "put the files on fewer discs",
    ),
    (
        lambda machine: len(machine.disks) >= SCSI_BUSES * len(_UNITS),
        f"a machine has {SCSI_BUSES * len(_UNITS)} disks at the most, the results volume among them",
        "leave some out",
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
