"""What a host is and what runs its guests' instructions: `/dev/kvm` only where a guest has proved it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from vmf.errors import HostLost, SetupError, VmfError
from vmf.files import programs
from vmf.model import CLONE, Facts, Host, Image
from vmf_kvm import platforms
from vmf_kvm.connection import Connection
from vmf_kvm.settings import DaemonKind, settings
from vmf_libvirt.account import Account
from vmf_libvirt.client import Client
from vmf_libvirt.described import version as dotted

KVM = Path("/dev/kvm")
INTERFACES = Path("/sys/class/net")
NAT, BRIDGE, UEFI = "network-nat", "network-bridge", "firmware-uefi"
OVMF = "ovmf (Debian, Ubuntu), edk2-ovmf (Fedora, Arch)"
KIBIBYTE = 1024
UNPROVED = "kvm is unproved: `vmf image build tiny` builds the guest that proves it"
UNSETTLED = "unsettled"
"""The identity of facts that no guest has shown: never what a probe finds."""

BRIDGELESS = "the host's spec names no bridge: `networks: {types: [bridge], bridge: br0}`"

Proving: TypeAlias = Callable[[Image], str]
"""Boots the image by KVM; returns what is wrong with KVM, empty if nothing; raises what kept it from finding out."""


class Acceleration(Struct, frozen=True, kw_only=True):
    """What runs the instructions of a host's guests."""

    note: str
    """Why it is not KVM; empty: it is."""
    settled: bool = True
    """Whether that holds until something has changed."""

    @property
    def accelerator(self) -> str:
        """Its name."""
        return "tcg" if self.note else "kvm"


def probe(
    connection: Connection, known: Facts | None, proof: Image | None, *, host: Host, prove: Proving, kvm: Path = KVM
) -> Facts:
    """The host's facts; `known` as it is while it holds. Where the proof could not be made, the next probe tries again.

    Raises:
        HostLost: if the host was lost meanwhile.
        SetupError: if this computer lacks what is needed.
    """
    versions = {name: dotted(number) for name, number in connection.client.versions().items()}
    versions["vmf-kvm"] = version("vmf-kvm")
    barrier = closed(kvm, connection.daemon.account)
    memory, cpus = _memory(), len(os.sched_getaffinity(0))
    vendor, model = platforms.vendor(), platforms.said("model name")
    hardware = (f"{vendor} {model or 'unknown cpu'}", f"cpus {cpus}", f"memory {memory}", _device(kvm, barrier))
    missing = {**networkless(host), **uefiless(connection), **cloneless(host)}
    identity = _identity(versions, (*hardware, *(f"no {each}: {why}" for each, why in missing.items())), proof)
    if known is not None and known.identity == identity:
        return known
    answer = Acceleration(note=barrier) if barrier else accelerated(connection.client, proof, prove)
    return Facts(
        identity=identity if answer.settled else UNSETTLED,
        memory=memory,
        cpus=cpus,
        arch=os.uname().machine,
        accelerator=answer.accelerator,
        note=answer.note,
        version=versions["qemu"],
        vendor=vendor,
        versions=versions,
        missing=missing,
    )


def accelerated(client: Client, proof: Image | None, prove: Proving) -> Acceleration:
    """Whether KVM runs guests, if nothing is in the way that can be seen.

    Raises:
        HostLost: if the host was lost meanwhile.
        SetupError: if this computer lacks what is needed.
    """
    if "<domain type='kvm'" not in client.capabilities():
        return Acceleration(note="libvirt finds no kvm in this QEMU")
    if proof is None:
        return Acceleration(note=UNPROVED)
    try:
        reason = prove(proof)
    except (HostLost, SetupError):
        raise
    except VmfError as error:
        return Acceleration(note=f"kvm is unproved: {error.brief}", settled=False)
    return Acceleration(note=f"kvm {reason}" if reason else "")


def proved(proof: Image | None) -> str:
    """What a proof holds for."""
    made = proof.kernel.path.stat().st_mtime_ns if proof and proof.kernel else "unproved"
    return f"proof {made}"


def networkless(host: Host) -> Mapping[str, str]:
    """The kinds of network that this host lacks, each with the reason."""
    if settings(host).daemon is not DaemonKind.SYSTEM:
        reason = "only the computer's own libvirt has it: `kvm: {daemon: system}` in the host's spec"
        return dict.fromkeys((NAT, BRIDGE), reason)
    reasons = {
        NAT: (_uninstalled("dnsmasq"), _uninstalled("iptables"), _uninstalled("ebtables")),
        BRIDGE: (_no_bridge(host.networks.bridge), _uninstalled("ebtables")),
    }
    return {ability: next(filter(None, why)) for ability, why in reasons.items() if any(why)}


def cloneless(host: Host) -> Mapping[str, str]:
    """Whether guests cannot wake on this host from the memory of another one, likewise."""
    reason = "only a libvirt of vmf's own lets a machine begin with a file's memory: `kvm: {daemon: private}`"
    return {CLONE: reason} if settings(host).daemon is DaemonKind.SYSTEM else {}


def uefiless(connection: Connection) -> Mapping[str, str]:
    """Whether the host lacks UEFI, likewise."""
    offered = "<value>efi</value>" in connection.client.machine_capabilities()
    return {} if offered else {UEFI: f"libvirt finds no UEFI firmware: install {OVMF}"}


def _uninstalled(program: str) -> str:
    return "" if programs.find(program) else f"{program} is not installed"


def _no_bridge(name: str | None) -> str:
    if name is None:
        return BRIDGELESS
    return "" if INTERFACES.joinpath(name, "bridge").is_dir() else f"this computer has no bridge {name}"


def closed(kvm: Path, account: Account) -> str:
    """Why this user may not open the device; empty if it may."""
    try:
        device = kvm.stat()
    except OSError:
        return f"{kvm}: there is none; turn virtualisation on in the firmware and load kvm_intel or kvm_amd"
    if not account.foreign and os.access(kvm, os.R_OK | os.W_OK):
        return ""  # an access list may allow what the mode does not: a desktop's user has one
    shift = 6 if device.st_uid == account.uid else 3 if device.st_gid in account.groups else 0
    wanted = (stat.S_IROTH | stat.S_IWOTH) << shift
    if device.st_mode & wanted == wanted:
        return ""
    if device.st_mode & (stat.S_IRGRP | stat.S_IWGRP) == stat.S_IRGRP | stat.S_IWGRP:
        return f"{kvm}: user {account.name} may not open it; add it to the group with id {device.st_gid}"
    mode = stat.S_IMODE(device.st_mode)
    return f"{kvm}: user {account.name} may not open it (its mode is {mode:04o}); give it to group kvm with mode 0660"


def _identity(versions: dict[str, str], hardware: tuple[str, ...], proof: Image | None) -> str:
    parts = (os.uname().release, *(f"{name} {number}" for name, number in versions.items()), *hardware)
    return "; ".join((*parts, proved(proof)))


def _device(kvm: Path, barrier: str) -> str:
    try:
        device = kvm.stat()
    except OSError:
        return "no kvm"
    return f"kvm {device.st_rdev:x} {device.st_mode:o} {'closed' if barrier else 'open'}"


def _memory() -> int:
    """The host's memory in bytes."""
    with Path("/proc/meminfo").open() as lines:
        total = next(line for line in lines if line.startswith("MemTotal:"))
    return int(total.split()[1]) * KIBIBYTE
