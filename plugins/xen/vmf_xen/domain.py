"""A machine as the tree of libvirt's domain XML. Pure; tests/plugins/xen/golden shows what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from xml.etree import ElementTree as ET

from msgspec import Struct

from vmf.ads import At
from vmf.errors import HoldCode, JobFault
from vmf.model import Bus, Clock, Machine
from vmf.rules import Objection
from vmf_libvirt.mark import mark
from vmf_libvirt.place import Place
from vmf_xen import disks, nics
from vmf_xen.drives import Drive, drives
from vmf_xen.settings import Mode


class Kind(Struct, frozen=True, kw_only=True):
    """What libvirt calls a mode of Xen's."""

    type: str
    machine: str
    features: tuple[str, ...] = ()


KINDS: Mapping[Mode, Kind] = MappingProxyType({
    Mode.PV: Kind(type="linux", machine="xenpv"),
    Mode.PVH: Kind(type="xenpvh", machine="xenpvh"),
    Mode.HVM: Kind(type="hvm", machine="xenfv", features=("acpi", "apic", "pae")),
})  # fmt: skip
LOADER = Path("pygrub")
"""The boot loader of a host that names none; Xen looks for it among its own programs."""
CONSOLE = "console=hvc0"
"""What tells Linux of the only console that a machine without a serial port has."""

_NOWHERE = Place(folder=Path("/machine"))


def check(machine: Machine, *, mode: Mode, bridge_script: Path | None = None) -> None:
    """See that a machine is one that this hypervisor can make, wherever its host keeps its things.

    Raises:
        JobFault: if it is not.
    """
    xml(machine, _NOWHERE, mode=mode, loader=None, bridge_script=bridge_script)


def xml(machine: Machine, place: Place, *, mode: Mode, loader: Path | None, bridge_script: Path | None) -> str:
    """The whole description.

    Args:
        machine: what is to be.
        place: where its files are on the host.
        mode: how it is virtualised.
        loader: the host's boot loader for kernels that are in images; None: Xen's own.
        bridge_script: what joins machines to the host's bridge; None: Xen's own script.

    Raises:
        JobFault: if the machine is not one that this hypervisor can make.
    """
    kind = KINDS[mode]
    for each in absent(machine):
        raise JobFault(each.what, code=HoldCode.MACHINE_INVALID, hint=each.hint)
    attached = drives(machine, mode)
    domain = ET.Element("domain", type="xen")
    _text(domain, "name", place.prefix + machine.name)
    mark(domain)
    _text(domain, "memory", str(machine.memory), unit="b")
    _text(domain, "vcpu", str(machine.cpus))
    if machine.kernel is None and mode is not Mode.HVM:
        _text(domain, "bootloader", str(loader or LOADER))
    _boot(domain, machine, place, mode, attached)
    if kind.features:
        features = ET.SubElement(domain, "features")
        for name in kind.features:
            ET.SubElement(features, name)
    ET.SubElement(domain, "clock", offset="utc")
    for event, action in (("poweroff", "destroy"), ("reboot", "preserve"), ("crash", "destroy")):
        _text(domain, f"on_{event}", action)
    devices = ET.SubElement(domain, "devices")
    disks.attach(devices, attached, place, mode)
    nics.card(devices, machine.nic, mode, bridge_script)
    _console(devices, mode)
    ET.indent(domain)
    return ET.tostring(domain, encoding="unicode") + "\n"


def absent(machine: Machine) -> Iterator[Objection]:
    """What a machine has that no mode has, each with the field of a job that asks for it."""
    return (Objection(at=at, what=what, hint=hint) for at, has, what, hint in _NOT_HERE if has(machine))


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text


def _boot(domain: ET.Element, machine: Machine, place: Place, mode: Mode, attached: Sequence[Drive]) -> None:
    os = ET.SubElement(domain, "os")
    _text(os, "type", KINDS[mode].type, arch="x86_64", machine=KINDS[mode].machine)
    if machine.kernel is not None:
        _text(os, "kernel", place.file(machine.kernel))
        if machine.initrd is not None:
            _text(os, "initrd", place.file(machine.initrd))
        _text(os, "cmdline", parameters(machine.kernel_parameters, mode))
    elif mode is Mode.HVM:
        if not any(drive.bus is Bus.IDE and drive.media is not machine.results for drive in attached):
            what = "a machine of mode hvm starts from an IDE disk or CD-ROM, and this one has none"
            raise JobFault(what, code=HoldCode.MACHINE_INVALID, hint="leave out `bus` and `device` of its first disk")
        for name in ("hd", "cdrom"):
            ET.SubElement(os, "boot", dev=name)


def parameters(words: str, mode: Mode) -> str:
    """A kernel's command line, with the console that the machine has: the last one that is named is /dev/console."""
    named = mode is Mode.HVM or CONSOLE in (word.partition(",")[0] for word in words.split())
    return words if named else f"{words} {CONSOLE}".strip()


def _console(devices: ET.Element, mode: Mode) -> None:
    if mode is Mode.HVM:
        ET.SubElement(ET.SubElement(devices, "serial", type="pty"), "target", port="0")
    else:
        ET.SubElement(ET.SubElement(devices, "console", type="pty"), "target", type="xen", port="0")


_NOT_HERE: tuple[tuple[At, Callable[[Machine], object], str, str], ...] = (
    (
        ("boot", "firmware"),
        lambda machine: machine.firmware,
        "no firmware can be chosen on Xen",
        "leave `firmware` out; mode hvm has BIOS",
    ),
    (
        ("clock",),
        lambda machine: machine.clock is not Clock.UTC,
        "the hardware clock shows UTC on Xen",
        "leave `clock` out",
    ),
    (
        ("shares",),
        lambda machine: machine.shares,
        "no folders are shared on Xen",
        "put the files on a disk or a CD-ROM",
    ),
    (
        ("agent",),
        lambda machine: machine.agent,
        "the QEMU guest agent is not reached on Xen",
        "leave `agent` out",
    ),
    (
        ("vnc",),
        lambda machine: machine.vnc,
        "machines have no screen on Xen",
        "leave `vnc` out",
    ),
)
"""What no mode has: the field that asks for it, whether a machine has it, what is wrong with that, what to do."""
