"""What has to be there when a machine is started: the layers that its disks begin with, and what its card is on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from vmf.errors import HostFault
from vmf.model import Machine, MachineNic, NetworkType
from vmf_kvm import network, restoring
from vmf_kvm.disks import overlays
from vmf_kvm.folder import Folder
from vmf_kvm.overlays import await_made
from vmf_kvm.place import Place
from vmf_libvirt import networks
from vmf_libvirt.client import Client
from vmf_libvirt.errors import LibvirtFault


@contextmanager
def laying(machine: Machine, place: Place, folder: Folder, program: str) -> Iterator[None]:
    """Make the layers with `program`, qemu-img, while something else is done; or take those that have been put there.

    Raises:
        JobFault: if what they lie on, or what has been put there, is not what the machine says.
        HostFault: if they cannot be made.
    """
    if machine.restored:
        restoring.lay(folder, machine, machine.restored)
        yield
        return
    with ExitStack() as stack:
        making = [(each, stack.enter_context(each.start(folder.account, program))) for each in overlays(machine, place)]
        yield
        await_made(making, folder)


def connect(client: Client, nic: MachineNic | None) -> None:
    """Have there what a card is connected to, and what keeps machines apart.

    Raises:
        HostFault: if it cannot be had: the host has no network of this kind now, for whatever machine.
    """
    if nic is None or nic.type is NetworkType.USER:
        return
    try:
        for description in network.filters():
            networks.define_filter(client, description)
        if nic.type is NetworkType.NAT:
            networks.adopt_nat(client)
    except LibvirtFault as error:
        raise HostFault(error.brief, ability=f"network-{nic.type}") from error
