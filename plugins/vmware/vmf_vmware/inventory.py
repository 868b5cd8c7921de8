"""Where a host's machines are put: what its spec names, or the only one that there is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from vmf.errors import HostFault
from vmf.model import NetworkType
from vmf_vmware.data import Data, Ref, data
from vmf_vmware.settings import VmwareHost

if TYPE_CHECKING:
    from vmf_vmware.session import Session

_SHOWN = 20
"""So many names are told."""
_ESCAPES = {"%2f": "/", "%5c": "\\", "%25": "%"}
"""How vSphere writes characters of names."""


class Network(Struct, frozen=True, kw_only=True):
    """A network that machines can have."""

    name: str
    backing: Data
    """What a card is connected to it by."""


class Inventory(Struct, frozen=True, kw_only=True):
    """Where machines are put."""

    datacenter: Ref
    datacenter_path: str
    """Its name, below those of its folders, as the paths of files want it."""
    compute: Ref
    """The cluster, or the one host that is treated as such."""
    host: Ref | None
    """The host of a cluster that the spec names."""
    pool: Ref
    folder: Ref
    datastore: Ref
    datastore_name: str
    networks: Mapping[str, Network]
    """By their types."""
    lacking: Mapping[str, str]
    """The types of networks that machines cannot have, with the reasons."""

    def network(self, type_: NetworkType) -> Network:
        """A network.

        Raises:
            HostFault: if there is none of the type.
        """
        if found := self.networks.get(type_):
            return found
        raise HostFault(self.lacking.get(type_, f"VMware has no network of type {type_}"), ability=f"network-{type_}")


def find(session: Session, words: VmwareHost) -> Inventory:
    """What a host's spec means.

    Raises:
        HostFault: if something is not there, or several are and none is named; with the names.
    """
    root = session.content["rootFolder"]
    centers = {ref: each["name"] for ref, each in session.listed(root, "Datacenter", "name").items()}
    datacenter = _choose("datacenter", "datacenter", words.datacenter, centers)
    folders = session.read(datacenter, "hostFolder", "vmFolder", "name")
    compute, host = _compute(session, folders["hostFolder"], words.cluster)
    around = session.read(compute, "resourcePool", "datastore", "network")
    datastores = {ref: session.read(ref, "name", "summary.accessible") for ref in around.get("datastore", ())}
    usable = {ref: each["name"] for ref, each in datastores.items() if each.get("summary.accessible", True)}
    datastore = _choose("datastore", "datastore", words.datastore, usable)
    networks, lacking = _networks(session, around.get("network", ()), words)
    return Inventory(
        datacenter=datacenter,
        datacenter_path=_path(session, datacenter, root),
        compute=compute,
        host=host,
        pool=_below(session, around["resourcePool"], "ResourcePool", "resource_pool", words.resource_pool),
        folder=_below(session, folders["vmFolder"], "Folder", "folder", words.folder),
        datastore=datastore,
        datastore_name=usable[datastore],
        networks=networks,
        lacking=lacking,
    )


def _compute(session: Session, folder: Ref, wanted: str | None) -> tuple[Ref, Ref | None]:
    """The cluster, and the host in it that is wanted, if one is."""
    clusters = {ref: each["name"] for ref, each in session.listed(folder, "ComputeResource", "name").items()}
    hosts = session.listed(folder, "HostSystem", "name", "parent")
    named = {ref: each["name"] for ref, each in hosts.items() if wanted and wanted not in clusters.values()}
    chosen = _choose("cluster or host", "cluster", wanted, clusters | named)
    return (hosts[chosen]["parent"], chosen) if chosen in hosts else (chosen, None)


def _below(session: Session, top: Ref, kind: str, field: str, wanted: str | None) -> Ref:
    """What is called so, with the folders on the way to it or without; the top if nothing is wanted."""
    if wanted is None:
        return top
    found = session.listed(top, kind, "name", "parent")
    paths = {ref: "/".join(reversed([*_way(found, ref)])) for ref in found}
    exact = {ref: path for ref, path in paths.items() if path == wanted}
    return _choose(field.replace("_", " "), field, wanted, exact or {ref: _plain(found[ref]["name"]) for ref in found})


def _way(found: Mapping[Ref, Mapping[str, Any]], ref: Ref) -> Iterator[str]:
    """The names on the way up from an object, itself first."""
    while ref in found:
        yield _plain(found[ref]["name"])
        ref = found[ref]["parent"]


def _path(session: Session, ref: Ref, root: Ref) -> str:
    """The names on the way down to an object, as the server writes them."""
    names: list[str] = []
    while ref != root:
        each = session.read(ref, "name", "parent")
        names.insert(0, each["name"])
        ref = each.get("parent", root)
    return "/".join(names)


def _networks(session: Session, refs: Iterable[Ref], words: VmwareHost) -> tuple[dict[str, Network], dict[str, str]]:
    names = {ref: _plain(session.read(ref, "name")["name"]) for ref in refs}
    found, lacking = {}, {}
    for type_, wanted in ((NetworkType.NAT, words.networks.nat), (NetworkType.BRIDGE, words.networks.bridge)):
        if wanted is None:
            lacking[type_.value] = f"the host's spec names no network for it: `vmware: {{networks: {{{type_}: …}}}}`"
            continue
        try:
            ref = _choose("network", f"networks.{type_}", wanted, names)
        except HostFault as fault:
            lacking[type_.value] = f"{fault.brief}; {fault.hint}"
        else:
            found[type_.value] = Network(name=wanted, backing=_backing(session, ref, wanted))
    return found, lacking


def _backing(session: Session, ref: Ref, name: str) -> Data:
    if ref.kind != "DistributedVirtualPortgroup":
        return data("VirtualEthernetCardNetworkBackingInfo", deviceName=name, network=ref)
    group = session.read(ref, "key", "config.distributedVirtualSwitch")
    switch = session.read(group["config.distributedVirtualSwitch"], "uuid")
    port = data("DistributedVirtualSwitchPortConnection", portgroupKey=group["key"], switchUuid=switch["uuid"])
    return data("VirtualEthernetCardDistributedVirtualPortBackingInfo", port=port)


def _choose(what: str, field: str, wanted: str | None, names: Mapping[Ref, str]) -> Ref:
    """The one of this name, or the only one.

    Raises:
        HostFault: if there is none, or several, with the names that there are.
    """
    fitting = [ref for ref, name in names.items() if wanted is None or wanted in {name, _plain(name)}]
    if len(fitting) == 1:
        return fitting[0]
    called = f"{what} {wanted}" if wanted else what
    if not names:
        raise HostFault(f"there is no {called}", hint="it may be that the user is not allowed to see it")
    hint = f"there are: {_listed(names.values())}; write the one that is meant as `vmware.{field}` in the host's spec"
    raise HostFault(f"there is {'more than one' if fitting else 'no'} {called}", hint=hint)


def _listed(names: Iterable[str]) -> str:
    known = sorted(map(_plain, set(names)))
    more = ", …" if len(known) > _SHOWN else ""
    return ", ".join(known[:_SHOWN]) + more


def _plain(name: str) -> str:
    return re.sub("%2f|%5c|%25", lambda found: _ESCAPES[found[0].lower()], name, flags=re.IGNORECASE)
