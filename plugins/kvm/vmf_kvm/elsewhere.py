"""A host that is another computer: how it is reached, and what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vmf.model import MEBIBYTE, Facts, Host, Image
from vmf_kvm.dialect import dialect, vendor
from vmf_kvm.probe import BRIDGE, BRIDGELESS, NAT, UNSETTLED, Proving, accelerated, proved
from vmf_kvm.settings import settings
from vmf_libvirt.client import Client, Link
from vmf_libvirt.connecting import connect
from vmf_libvirt.described import version as dotted
from vmf_libvirt.drivers import Driver, check_storage, lacking
from vmf_libvirt.remote import Remote
from vmf_libvirt.settings import FOLDER

_SOCKET = "it is reached by a socket, which leads to no other computer"
_UNSEEN = "on another computer it cannot be seen from here"
MISSING: Mapping[str, str] = MappingProxyType({
    "disk-growth": f"what keeps an overlay from growing is the length of its file: {_UNSEEN}",
    "disk-layers": "what lies on this computer is brought there, as one file",
    "disk-served": _SOCKET,
    "firmware-uefi": "what the firmware keeps is not brought there and back",
    "guest-agent": _SOCKET,
    "guest-clock": _SOCKET,
    "guest-commands": _SOCKET,
    "guest-files": _SOCKET,
    "live-checkpoint": "a guest on another computer stands still until its memory is written",
    "live-results": "nothing is asked of a guest on another computer",
    "media-change": "discs are not changed on another computer",
    "memory-clone": "the memory that guests wake from is a file of their own computer",
    "port-forwards": "ports are forwarded from the loopback of a guest's own computer",
    "shares": f"whether a folder is one, and no link: {_UNSEEN}",
    "tells-halt": "the processors of a guest are not looked at on another computer",
    "vnc": _SOCKET,
})  # fmt: skip
"""What no host has that is another computer, each with the reason."""
_DRIVERS: Mapping[Driver, tuple[str, ...]] = MappingProxyType({
    Driver.NETWORKS: (NAT,),
    Driver.FILTERS: (NAT, BRIDGE),
})  # fmt: skip
"""The abilities that need a driver of the daemon's."""


def opened(host: Host, folder: Path) -> Remote:
    """A connection to a host that keeps its things on this computer in `folder`.

    Raises:
        HostLost: if the host does not answer.
    """
    client = partial(Client, partial(connect, "qemu", host.connection, folder))
    return Remote(client, folder=folder, root=settings(host).folder or FOLDER, dialect=dialect())


def probe(remote: Remote, known: Facts | None, proof: Image | None, *, host: Host, prove: Proving) -> Facts:
    """The host's facts; `known` as it is while it holds. Where the proof could not be made, the next probe tries again.

    Raises:
        HostFault: if its libvirt keeps no files.
        HostLost: if the host was lost meanwhile.
    """
    client, where = remote.client, host.connection
    check_storage(client)
    versions = {name: dotted(number) for name, number in client.versions().items()} | {"vmf-kvm": version("vmf-kvm")}
    memory, cpus, arch = client.call(_hardware)
    maker, missing = vendor(client), {**MISSING, **dict(_networkless(client, host))}
    looked_at = (where.address, where.port, arch, maker, cpus, memory, versions, sorted(missing.items()))
    identity = f"{looked_at}; {proved(proof)}"
    if known is not None and known.identity == identity:
        return known
    answer = accelerated(client, proof, prove)
    return Facts(
        identity=identity if answer.settled else UNSETTLED,
        memory=memory,
        cpus=cpus,
        arch=arch,
        accelerator=answer.accelerator,
        note=answer.note,
        version=versions["qemu"],
        vendor=maker,
        versions=versions,
        missing=missing,
    )


def _hardware(link: Link) -> tuple[int, int, str]:
    """All its memory in bytes, its processors, and their architecture.

    Not what `Client.computer` counts, what machines have and what is free: on Linux that is another number each time.
    """
    told: Any = link.getInfo()
    arch, mebibytes, cpus = told[:3]
    return int(mebibytes) * MEBIBYTE, int(cpus), str(arch)


def _networkless(client: Client, host: Host) -> Iterator[tuple[str, str]]:
    """The kinds of network that a host lacks, each with the reason."""
    if host.networks.bridge is None:
        yield BRIDGE, BRIDGELESS
    for driver, abilities in _DRIVERS.items():
        if reason := lacking(client, driver):
            yield from dict.fromkeys(abilities, reason).items()
