"""What Xen does in its own way, of all that machines do that libvirt alone reaches."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vmf.errors import HoldCode, HostFault
from vmf.model import Ending, Machine, MachineState, NetworkType, Platform, Power
from vmf_libvirt import ground, networks
from vmf_libvirt.client import Client
from vmf_libvirt.described import tree, version
from vmf_libvirt.errors import Failing, LibvirtFault, Sentence
from vmf_libvirt.ground import Ground
from vmf_libvirt.place import Place
from vmf_libvirt.site import Dialect
from vmf_libvirt.states import DomainState, ShutoffReason, machine_state
from vmf_xen import logs, rousing, saved
from vmf_xen.domain import xml
from vmf_xen.settings import TYPE, Mode, XenHost, machine_mode

ENDINGS: Mapping[tuple[int, int, bool], MachineState] = MappingProxyType({
    (DomainState.SHUTOFF, ShutoffReason.SHUTDOWN, True): MachineState(
        power=Power.OFF, ending=Ending.REBOOTED, detail="Xen has kept the guest as it was when it rebooted"
    ),
    (DomainState.SHUTOFF, ShutoffReason.CRASHED, False): MachineState(
        power=Power.OFF, ending=Ending.PANICKED, detail="Xen says: the guest crashed"
    ),
    (DomainState.PMSUSPENDED, 0, True): MachineState(
        power=Power.OFF,
        ending=Ending.KILLED,
        detail="libvirt died while it wrote the guest's memory, and Xen cannot have it go on",
    ),
})  # fmt: skip
"""libvirt's state and reason, by whether there is still a guest, where they mean something else than elsewhere."""
SENTENCES = (
    Sentence(words="Invalid kernel", code=HoldCode.IMAGE_INVALID, hint="name a Linux kernel"),
    Sentence(words="is not a bzImage", code=HoldCode.IMAGE_INVALID, hint="name a Linux kernel"),
)


FAILINGS = (
    Failing(words="Out of memory", ability="", brief="Xen has not as much free memory as the machine is to have"),
    Failing(
        words="failed to attach local disk for bootloader execution",
        ability="kernel-included",
        brief="Xen's boot loader reads an overlay through a QEMU of dom0's own and xen-blkfront, and one of them is "
        "missing there (Debian: xen-qemu-dom0-disk-backend.service)",
    ),
    Failing(words="Could not find bridge device", ability=f"network-{NetworkType.BRIDGE}"),
)
"""What shows what a host cannot do."""
STUMBLES = ("unable to detach locally attached disk", "timed out", "because of timeout", "did not start: -9")
"""What Xen's library says of the overlay that the boot loader has read if dom0's QEMU has tidied it away before the
library looks whether it is gone, a race of theirs; and of what took longer on a busy host than the library waits: -9 is
its `ERROR_TIMEDOUT`, the only word of a QEMU that does not answer within 10 s."""


def dialect(words: XenHost) -> Dialect:
    """Xen's, on a host whose block has these words."""

    def describe(machine: Machine, place: Place) -> str:
        mode = machine_mode(machine)
        return xml(machine, place, mode=mode, loader=words.loader, bridge_script=words.bridge_script)

    return Dialect(
        describe=describe,
        platform=platform,
        check=check,
        header=saved.header,
        room=saved.room,
        sentences=lambda _: SENTENCES,
        judge=judge,
        failings=lambda _: FAILINGS,
        stumbles=STUMBLES,
        connect=connect,
        locks=False,
        told=logs.since,
        rouse=rousing.rouse,
    )


def connect(client: Client, machine: Machine) -> None:
    """Have there what a machine's card is connected to.

    Raises:
        HostFault: if it cannot be had: the host has no such network now, for whatever machine.
    """
    if machine.nic is None or machine.nic.type is not NetworkType.NAT:
        return
    try:
        networks.adopt_nat(client)
    except LibvirtFault as error:
        raise HostFault(error.brief, ability=f"network-{NetworkType.NAT}") from error


def judge(state: int, reason: int, active: bool) -> MachineState:  # noqa: FBT001  # the third of libvirt's words
    """What libvirt says of a machine of Xen's."""
    return ENDINGS.get((state, reason, active)) or machine_state(state, reason)


def platform(client: Client, machine: Machine) -> Platform:
    """What the memory of a machine is made on that is made here."""
    return Platform(
        type=TYPE,
        accelerator=TYPE,
        version=version(client.versions()["xen"]),
        machine=machine_mode(machine),
        cpu=TYPE,
        vendor=vendor(client),
    )


def check(client: Client, _machine: Machine, kept: Platform) -> None:
    """See that a guest's memory can go on here.

    Raises:
        HostFault: if it cannot.
    """
    here = Ground(
        type=TYPE,
        name="Xen",
        accelerator=TYPE,
        version=version(client.versions()["xen"]),
        vendor=vendor(client),
        machines=tuple(Mode),
    )
    ground.check(kept, here)


def vendor(client: Client) -> str:
    """Who made the processors of the host, as they say it; empty: they do not."""
    return tree(client.capabilities()).findtext("host/cpu/vendor", "")
