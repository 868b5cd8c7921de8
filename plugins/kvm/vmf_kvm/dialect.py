"""What QEMU does in its own way, of all that machines do on hosts that libvirt alone reaches."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

import vmf_libvirt.place
from vmf.model import Machine, MachineState, Platform
from vmf_kvm import ends, faults, making, platforms, restoring, snapshots
from vmf_kvm.disks import in_place
from vmf_kvm.domain import ELSEWHERE, xml
from vmf_kvm.place import Place
from vmf_libvirt.client import Client
from vmf_libvirt.described import exact_machine_type, tree
from vmf_libvirt.errors import Sentence
from vmf_libvirt.site import Dialect
from vmf_libvirt.states import machine_state

VENDORS: Mapping[str, str] = MappingProxyType({
    "Intel": "GenuineIntel",
    "AMD": "AuthenticAMD",
    "Hygon": "HygonGenuine",
})  # fmt: skip
"""What libvirt calls who makes processors, to what these call themselves."""


def dialect() -> Dialect:
    """QEMU's."""
    return Dialect(
        describe=describe,
        platform=platform,
        check=check,
        header=snapshots.saved,
        room=snapshots.room,
        sentences=sentences,
        judge=judge,
        pauses=True,
        failings=lambda machine: faults.failings(machine.nic),
        connect=connect,
        heard=ends.told,
    )


def describe(machine: Machine, place: vmf_libvirt.place.Place) -> str:
    """The XML of a machine whose things are there."""
    return xml(machine, Place(folder=place.folder, prefix=place.prefix))


def platform(client: Client, machine: Machine) -> Platform | None:
    """What the memory of a machine is made on that is made there; None: on a processor that no other host has."""
    if not machine.portable and machine.restored is None:
        return None
    made = platforms.made_on(client, xml(machine, ELSEWHERE), vendor(client))
    return replace(made, machine=exact_machine_type(client.capabilities(), made.machine))


def check(client: Client, machine: Machine, kept: Platform) -> None:
    """See that a machine can go on there from such memory.

    Raises:
        HostFault: if it cannot.
    """
    platforms.check(client, kept, machine.accelerator, vendor(client))


def vendor(client: Client) -> str:
    """Who made the processors of the host, as they say it; empty: libvirt does not know."""
    found = tree(client.capabilities()).findtext("host/cpu/vendor", "")
    return VENDORS.get(found, found)


def sentences(machine: Machine) -> tuple[Sentence, ...]:
    """What shows that it is the job's fault that a machine cannot be made, or go on."""
    memory = faults.memory(restoring.OTHER) if machine.restored else ()
    return (*faults.sentences(in_place(machine)), *memory)


def connect(client: Client, machine: Machine) -> None:
    """Have there what a machine's card is connected to; see `making.connect`."""
    making.connect(client, machine.nic)


def judge(state: int, reason: int, _active: bool) -> MachineState:  # noqa: FBT001  # the third of libvirt's words
    """What libvirt says of a machine."""
    return machine_state(state, reason)
