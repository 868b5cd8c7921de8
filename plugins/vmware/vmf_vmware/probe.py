"""What a vCenter or an ESXi host is, and what of that is missing which its plugin could use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

from vmf.errors import HostFault, HostLost
from vmf.model import Facts
from vmf.units import format_size
from vmf_vmware.data import Ref, Value
from vmf_vmware.session import Session
from vmf_vmware.settings import TYPE

READ_ONLY: Final = frozenset({"esxBasic"})
"""The editions of licences, by the API's keys, with which it only reads."""
READS_ONLY: Final = "its licence, {}, forbids writes: a free ESXi's API only reads"
LICENCE_HINT: Final = "give the host another licence, or go by its vCenter"
MEBIBYTE: Final = 2**20
LEAST: Final = 64 * MEBIBYTE
"""With less space on the datastore no machine is begun."""
VENDORS: Final[Mapping[str, str]] = MappingProxyType({"intel": "GenuineIntel", "amd": "AuthenticAMD"})
"""How vSphere calls those who make processors, and how they call themselves."""
_HOST: Final = (
    "hardware.memorySize",
    "hardware.cpuInfo.numCpuThreads",
    "hardware.cpuPkg",
    "config.product.version",
    "runtime.connectionState",
    "runtime.inMaintenanceMode",
)
APART: Final = (
    "vSphere does not keep machines on a network apart: `networks: {together: true}` lets them reach each other"
)
_SEE: Final = "see in vSphere whether the datastore is mounted and well, and whether vmf's user may write there"
_TRY: Final = "vmf-probe-{}"
"""The folder that is made to see whether one can be, and removed at once."""


def probe(session: Session, known: Facts | None, *, together: bool = True) -> Facts:
    """Look at a host; what is known of it holds for as long as nothing of it has changed.

    `together` says whether its machines may reach each other.

    Raises:
        HostFault: if no machine can be made there: by its licence, for want of space, or of any ESXi host in it.
    """
    _licensed(session)
    _writable(session)
    found = _hosts(session)
    versions = {
        "esxi": min((each["config.product.version"] for each in found), key=_numbers),
        "vcenter" if session.is_vcenter else "esxi": session.about["version"],
        "api": session.about["apiVersion"],
        "vmf-vmware": version("vmf-vmware"),
    }
    missing = _missing(session, together=together)
    memory = sum(int(each["hardware.memorySize"]) for each in found)
    cpus = sum(int(each["hardware.cpuInfo.numCpuThreads"]) for each in found)
    identity = f"{versions} {memory} {cpus} {missing}"
    if known and known.identity == identity:
        return known
    return Facts(
        identity=identity,
        memory=memory,
        cpus=cpus,
        arch="x86_64",  # vSphere on anything else has never left its trials
        accelerator=TYPE,
        version=session.about["version"],
        vendor=vendor(found),
        versions=versions,
        missing=missing,
    )


def _licensed(session: Session) -> None:
    """See that the licence lets the API do something; a vCenter's hosts are its own affair."""
    if session.is_vcenter:
        return
    for licence in session.read(session.content["licenseManager"], "licenses").get("licenses", ()):
        if licence["editionKey"] in READ_ONLY:
            raise HostFault(READS_ONLY.format(licence["name"]), hint=LICENCE_HINT)


def _writable(session: Session) -> None:
    """See that something can be made on the datastore, and that there is room."""
    store = session.store
    trial, name = store.at(_TRY.format(session.machines.owner)), session.inventory.datastore_name
    try:
        store.write(trial / "trial", b"vmf")
    except HostLost:
        raise
    except HostFault as fault:
        with suppress(HostFault):  # what could not be written may have left a folder
            store.remove(trial)
        what = f"nothing can be written to the datastore {name} of {session.server}: {fault.brief}"
        raise HostFault(what, hint=fault.hint or _SEE) from fault
    store.remove(trial)
    _, free = store.free()
    if free < LEAST:
        raise HostFault(f"the datastore {name} is full: {format_size(free)} are free", hint="make room on it")


def _hosts(session: Session) -> list[dict[str, Value]]:
    """The ESXi hosts that machines may run on, with what each of them is."""
    inventory = session.inventory
    refs: Iterable[Ref] = (
        [inventory.host] if inventory.host else session.read(inventory.compute, "host").get("host", ())
    )
    found = session.read_all(tuple(refs), *_HOST).values()
    usable = [
        each for each in found if each.get("runtime.connectionState") == "connected" and "hardware.memorySize" in each
    ]
    if not usable:
        raise HostFault("no ESXi host is connected there", hint="see their states in vCenter")
    working = [each for each in usable if not each.get("runtime.inMaintenanceMode")]
    if not working:
        raise HostFault("all ESXi hosts there are in maintenance", hint="end it when they are well")
    return working


def _missing(session: Session, *, together: bool) -> dict[str, str]:
    """The abilities that the host has not, each with the reason."""
    apart = {} if together else dict.fromkeys(session.inventory.networks, APART)
    return {f"network-{type_}": reason for type_, reason in {**session.inventory.lacking, **apart}.items()}


def vendor(found: Iterable[Mapping[str, Any]]) -> str:
    """Who made the processors of ESXi hosts whose `hardware.cpuPkg` is known, if all are of one maker."""
    makers = {package.get("vendor", "") for each in found for package in each.get("hardware.cpuPkg", ())}
    return VENDORS.get(makers.pop(), "") if len(makers) == 1 else ""


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())
