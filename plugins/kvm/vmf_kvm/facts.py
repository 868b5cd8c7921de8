"""What is known of a machine that runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from msgspec.structs import replace

from vmf.model import MachineFacts
from vmf_kvm import network, nics, snapshots
from vmf_kvm.folder import Folder
from vmf_libvirt import networks
from vmf_libvirt.client import Client
from vmf_libvirt.described import macs

NEIGHBOURS = Path("/proc/net/arp")


def known(client: Client, folder: Folder, screen: Path) -> MachineFacts:
    """What libvirt and QEMU know of a machine, whose screen would have this socket; nothing if it does not run."""
    machine = folder.name
    found = client.facts(machine)
    if found is None:
        return MachineFacts()
    description = client.description(machine)
    usernet = client.monitor(machine, "info usernet") if nics.is_user(description) else ""
    try:
        taken = folder.taken(snapshots.OVERLAYS)
    except FileNotFoundError:
        return MachineFacts()
    return replace(
        found,
        addresses=tuple(_addresses(client, machine, macs(description))),
        forwards=tuple(nics.forwards(usernet)),
        screen=str(screen) if screen.is_socket() else "",
        disks=snapshots.summed(taken),
    )


def _addresses(client: Client, machine: str, cards: Collection[str]) -> Iterator[str]:
    """The IP addresses of cards: by their leases, else as the kernel's neighbours have told."""
    leases = networks.leases(client, machine) if cards else {}
    for mac in cards:
        yield from leases.get(mac) or network.neighbours(NEIGHBOURS.read_text(), mac)
