"""Where the disks and CD-ROM drives of a machine are attached, and which files they are. Pure.

Disks are on paravirtual SCSI controllers if nothing else is said, CD-ROM drives on the two IDE channels that every
machine of VMware's has, or on SATA where those are full: there are no images of discs on SCSI.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from types import MappingProxyType

from msgspec import Struct

from vmf.errors import HoldCode, JobFault
from vmf.model import Access, Bus, Machine, MachineCdrom
from vmf_vmware import naming
from vmf_vmware.data import Data, data
from vmf_vmware.descriptor import FLAT
from vmf_vmware.paths import DatastorePath, parse

DISK = "VirtualDisk"
BACKING = "VirtualDiskFlatVer2BackingInfo"
IDE = 200
"""The key of the first of the two controllers that a machine has anyway."""


class Family(Struct, frozen=True, kw_only=True):
    """A kind of controllers."""

    controllers: int
    """The key of the first one."""
    drives: int
    """The key of its first drive."""
    step: int
    """The keys that each controller's drives have."""
    buses: int
    units: tuple[int, ...]
    type: str = ""
    """As the API calls it; empty: they need not be made."""
    shared: str | None = None

    def places(self, taken: frozenset[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Bus and unit of every place that is free; a bus that is made has nobody else's drives."""
        others = {bus for bus, _ in taken} if self.type else set()
        every = product((bus for bus in range(self.buses) if bus not in others), self.units)
        return (place for place in every if place not in taken)


FAMILIES: Mapping[Bus, Family] = MappingProxyType({
    Bus.SCSI: Family(
        controllers=1000,
        drives=2000,
        step=16,
        buses=4,
        units=tuple(unit for unit in range(16) if unit != 7),  # noqa: PLR2004  # the controller's own
        type="ParaVirtualSCSIController",
        shared="noSharing",
    ),
    Bus.SATA: Family(
        controllers=15000, drives=16000, step=30, buses=4, units=tuple(range(30)), type="VirtualAHCIController"
    ),
    Bus.IDE: Family(controllers=IDE, drives=3000, step=2, buses=2, units=(0, 1)),
})  # fmt: skip
"""What drives can be attached to."""
Taken = Mapping[Bus, frozenset[tuple[int, int]]]
"""Bus and unit of every place that drives have which somebody else has given a machine; unit -1: the bus is there."""


class Spot(Struct, frozen=True, kw_only=True):
    """Where a drive is attached."""

    family: Bus
    bus: int
    unit: int

    @property
    def key(self) -> int:
        """The drive's own."""
        family = FAMILIES[self.family]
        return family.drives + self.bus * family.step + self.unit

    @property
    def controller(self) -> int:
        """The key of its controller."""
        return FAMILIES[self.family].controllers + self.bus


class Drives(Struct, frozen=True, kw_only=True):
    """Those of a machine: its disks, the results volume last; its CD-ROM drives, the one that boots it first."""

    disks: tuple[Spot, ...]
    discs: tuple[Spot, ...]


def drives(machine: Machine, taken: Taken) -> Drives:
    """Where each drive of a machine is attached.

    Raises:
        JobFault: if there is no such place, or no room.
    """
    free = {bus: family.places(taken.get(bus, frozenset())) for bus, family in FAMILIES.items()}
    several = (*machine.disks, *((machine.results,) if machine.results else ()))
    disks = tuple(_spot(free, (disk.bus or Bus.SCSI,), "disk") for disk in several)
    boot = (_spot(free, (Bus.IDE,), "CD-ROM drive"),) if machine.kernel is not None else ()
    discs = tuple(_spot(free, _wanted(drive), "CD-ROM drive") for drive in machine.cdroms)
    return Drives(disks=disks, discs=(*boot, *discs))


def _spot(free: Mapping[Bus, Iterator[tuple[int, int]]], wanted: Iterable[Bus], what: str) -> Spot:
    """The next place on the first bus that has one."""
    several = tuple(wanted)
    known = [bus for bus in several if bus in free]
    for bus in known:
        if place := next(free[bus], None):
            return Spot(family=bus, bus=place[0], unit=place[1])
    if not known:
        hint = "write `bus: scsi`, ide or sata, or leave `bus` out"
        raise JobFault(f"no {what} is on {several[0]} on VMware", code=HoldCode.MACHINE_INVALID, hint=hint)
    hint = "attach some to another bus, or leave some out"
    raise JobFault(f"there is no room for another {what}", code=HoldCode.MACHINE_INVALID, hint=hint)


def _wanted(drive: MachineCdrom) -> tuple[Bus, ...]:
    """Where a CD-ROM drive may be; one whose job has its disks on SCSI says nothing of that."""
    return (Bus.IDE, Bus.SATA) if drive.bus is None or drive.bus is Bus.SCSI else (drive.bus,)


def taken(devices: Iterable[Data]) -> Taken:
    """The places of a machine's own devices, by what they are attached to."""
    several = tuple(devices)
    found: dict[Bus, frozenset[tuple[int, int]]] = {}
    for bus, family in FAMILIES.items():
        keys = range(family.controllers, family.controllers + family.buses)
        there = {(each["key"] - family.controllers, -1) for each in several if each["key"] in keys}
        attached = [each for each in several if each.get("controllerKey") in keys]
        found[bus] = frozenset(
            there | {(each["controllerKey"] - family.controllers, each["unitNumber"]) for each in attached}
        )
    return found


def controllers(spots: Iterable[Spot]) -> Iterator[Data]:
    """The controllers that have to be made, each once, in an order that a machine's memory finds again."""
    several = {FAMILIES[each.family].controllers + each.bus: each for each in spots}
    for _, spot in sorted(several.items()):
        family, number = FAMILIES[spot.family], spot.bus
        if family.type:
            yield data(family.type, key=family.controllers + number, busNumber=number, sharedBus=family.shared)


def disk(spot: Spot, file: DatastorePath, parent: DatastorePath | None) -> Data:
    """A disk, which is a change of its parent if it has one."""
    below = None if parent is None else data(BACKING, fileName=str(parent), diskMode="persistent")
    backing = data(BACKING, fileName=str(file), diskMode="persistent", parent=below)
    return data(DISK, key=spot.key, controllerKey=spot.controller, unitNumber=spot.unit, backing=backing)


def disc(spot: Spot, file: DatastorePath | None) -> Data:
    """A CD-ROM drive, with a disc in it or empty."""
    is_there = file is not None
    backing = (
        data("VirtualCdromIsoBackingInfo", fileName=str(file))
        if is_there
        else data("VirtualCdromRemotePassthroughBackingInfo", deviceName="", exclusive=False)
    )
    return data(
        "VirtualCdrom",
        key=spot.key,
        controllerKey=spot.controller,
        unitNumber=spot.unit,
        backing=backing,
        connectable=connected(at_start=is_there),
    )


def connected(*, at_start: bool = True) -> Data:
    """Whether a device is connected."""
    return data("VirtualDeviceConnectInfo", startConnected=at_start, connected=at_start, allowGuestControl=True)


def files(machine: Machine, folder: DatastorePath) -> tuple[DatastorePath, ...]:
    """The descriptors of a machine's disks, in their order; the results volume's is the last."""
    several = []
    for number, each in enumerate(machine.disks):
        stem = naming.own(machine, number)
        several.append(located(each.file) if stem is None else folder / naming.descriptor(stem))
    if machine.results:
        several.append(folder / naming.stored(machine.results.file))
    return tuple(several)


def discs(machine: Machine, folder: DatastorePath) -> tuple[DatastorePath | None, ...]:
    """The discs in a machine's CD-ROM drives, in their order; None: the drive is empty."""
    boot = (folder / naming.BOOT,) if machine.kernel is not None else ()
    return (*boot, *(_disc(drive, folder) for drive in machine.cdroms))


def original(machine: Machine, number: int) -> DatastorePath | None:
    """The disk on the host that a new machine's disk is to be a change of; None: it is none."""
    if number >= len(machine.disks) or machine.restored:
        return None
    each = machine.disks[number]
    return located(each.file) if each.file.startswith("/") and each.access is Access.SNAPSHOT else None


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


def _disc(drive: MachineCdrom, folder: DatastorePath) -> DatastorePath | None:
    if drive.file is None:
        return None
    return parse(drive.file) if drive.file.startswith("/") else folder / naming.stored(drive.file)
