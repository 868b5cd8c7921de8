"""What a host of Xen's is, and what of that is missing which its plugin could use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vmf.model import Facts, Host, NetworkType
from vmf_libvirt.client import Client
from vmf_libvirt.described import tree, version
from vmf_libvirt.drivers import Driver, check_storage, lacking
from vmf_libvirt.errors import LibvirtFault
from vmf_libvirt.remote import Remote
from vmf_xen.dialect import vendor
from vmf_xen.domain import LOADER
from vmf_xen.settings import TYPE, settings

LOADERS = ("/usr/lib/xen-{}/bin", "/usr/libexec/xen/bin", "/usr/lib/xen/bin", "/usr/local/lib/xen/bin")
"""Where Xen's own programs are, and with them its boot loader: Debian has them by Xen's version, which is 4.17 there.

To look for one file, libvirt looks at all that are beside it: in these folders those are few.
"""

APART = "Xen does not keep machines on a network apart: `networks: {together: true}` lets them reach each other"
BRIDGELESS = "the host's spec names no bridge: `networks: {types: [bridge], bridge: xenbr0}`"


def probe(remote: Remote, host: Host, known: Facts | None) -> Facts:
    """Look at a host; what is known of it holds for as long as nothing of it has changed.

    Raises:
        HostFault: if its libvirt keeps no files, without which it has no machines.
    """
    client = remote.client
    check_storage(client)
    versions = {name: version(packed) for name, packed in client.versions().items()}
    memory, cpus, arch = client.computer()
    maker, missing = vendor(client), dict(_missing(remote, host, versions["xen"]))
    identity = f"{versions} {arch} {cpus} {maker} {missing}"
    if known and known.identity == identity:
        return known
    return Facts(
        identity=identity,
        memory=memory,
        cpus=cpus,
        arch=arch,
        accelerator=TYPE,
        version=versions["xen"],
        vendor=maker,
        versions=versions,
        missing=missing,
    )


def _missing(remote: Remote, host: Host, version: str) -> Iterator[tuple[str, str]]:
    """The abilities that the host has not, each with the reason."""
    yield from _loaderless(remote, settings(host).loader or LOADER, version)
    yield from _kernelless(remote, host)
    yield from _modeless(remote.client)
    yield from _networkless(remote, host)


def _loaderless(remote: Remote, loader: Path, version: str) -> Iterator[tuple[str, str]]:
    folders = (Path(each.format(".".join(version.split(".")[:2]))) for each in LOADERS)
    if not any(_is_there(remote, folder / loader) for folder in folders):  # a full path is the same in each
        yield "kernel-included", f"there is no boot loader {loader} for kernels that are in images"


def _kernelless(remote: Remote, host: Host) -> Iterator[tuple[str, str]]:
    boot = host.boot
    for file in (boot.kernel, boot.initrd) if boot else ():
        if file and file.on_host and not _is_there(remote, file.path):
            yield "default-kernel", f"{file.path} is not on the host"


def _modeless(client: Client) -> Iterator[tuple[str, str]]:
    machines = {machine.text for machine in tree(client.capabilities()).iterfind("guest/arch/machine")}
    for mode, machine in (("mode-hvm", "xenfv"), ("mode-pvh", "xenpvh")):
        if machine not in machines:
            yield mode, "the host's processors do not help, or Xen does not use that"


def _networkless(remote: Remote, host: Host) -> Iterator[tuple[str, str]]:
    networks, script = host.networks, settings(host).bridge_script
    apart = "" if networks.together else APART
    reasons = {
        NetworkType.NAT: (apart, lacking(remote.client, Driver.NETWORKS)),
        NetworkType.BRIDGE: ("" if networks.bridge else BRIDGELESS, _scriptless(remote, script) if script else apart),
    }
    for type_, several in reasons.items():
        for reason in [*filter(None, several)][:1]:
            yield f"network-{type_}", reason


def _scriptless(remote: Remote, script: Path) -> str:
    is_named = script.is_absolute()  # else Xen looks for it among its own
    return f"{script} is not on the host" if is_named and not _is_there(remote, script) else ""


def _is_there(remote: Remote, path: Path) -> bool:
    try:
        remote.read(path).close()
    except (FileNotFoundError, IsADirectoryError, LibvirtFault):
        return False
    return True
