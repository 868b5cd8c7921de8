"""A machine's network card as libvirt's XML. Pure.

On Xen libvirt knows neither filters nor isolated ports, by which kvm keeps machines apart and has each send as itself
only. So machines are on a network only where their host lets them meet, or where the script of a bridge sees to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from xml.etree import ElementTree as ET

from vmf.errors import HoldCode, JobFault
from vmf.model import MachineNic, NetworkType, NicModel
from vmf.rules import Objection
from vmf_libvirt.nat import NETWORK
from vmf_xen.settings import Mode

MODELS: Mapping[Mode, tuple[NicModel, ...]] = MappingProxyType({
    Mode.PV: (),
    Mode.PVH: (),
    Mode.HVM: (NicModel.E1000, NicModel.RTL8139),
})  # fmt: skip
"""The cards that a machine can be said to have; each has Xen's own, too, for guests with a driver for it."""


def card(devices: ET.Element, nic: MachineNic | None, mode: Mode, script: Path | None) -> None:
    """Add a machine's card, if it has one.

    Raises:
        JobFault: if it cannot be had on this hypervisor.
    """
    if nic is None:
        return
    check(nic, mode, script)
    nat = nic.type is NetworkType.NAT
    element = ET.SubElement(devices, "interface", type="network" if nat else "bridge")
    ET.SubElement(element, "mac", address=nic.mac)
    ET.SubElement(element, "source", {"network": NETWORK} if nat else {"bridge": nic.bridge or ""})
    if not nat and script is not None:
        ET.SubElement(element, "script", path=str(script))
    if nic.model is not None:
        ET.SubElement(element, "model", type=nic.model)


def check(nic: MachineNic, mode: Mode, script: Path | None) -> None:
    """See that a card can be had on this hypervisor.

    Raises:
        JobFault: if it cannot.
    """
    for each in wrong(nic, mode, script):
        raise JobFault(each.what, code=HoldCode.MACHINE_INVALID, hint=each.hint)


def wrong(nic: MachineNic, mode: Mode, script: Path | None) -> Iterator[Objection]:
    """What of a card cannot be had on this hypervisor, each with the field of a job that asks for it."""
    if nic.type not in {NetworkType.NAT, NetworkType.BRIDGE}:
        what = f"Xen has no network of type {nic.type}"
        yield Objection(at=("network", "type"), what=what, hint="use nat or bridge, or leave the network out")
    if not nic.together and (nic.type is NetworkType.NAT or script is None):
        what = "Xen keeps no machines apart on a network, and the host does not let them meet"
        hint = "leave the network out, or ask the host's owner for `networks.together`"
        yield Objection(at=("network",), what=what, hint=hint)
    if nic.model is not None and nic.model not in MODELS[mode]:
        known = " or ".join(("leave `model` out", *(f"let it be {each}" for each in MODELS[mode])))
        what = f"a machine of mode {mode} has no network card {nic.model}"
        yield Objection(at=("network", "model"), what=what, hint=known)
    for number in (each.host_port for each in nic.forwards if each.host_port is not None):
        what = f"port {number} of the host is not forwarded to a machine on a network of type {nic.type}"
        hint = "leave `host_port` out: the machine is reached at its own address"
        yield Objection(at=("network", "forwards"), what=what, hint=hint)
