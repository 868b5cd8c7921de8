"""What is asked of one machine of libvirt's: functions on a domain, for `Client.on`.

All but `agent` come to the same whether they are done once or twice. This module and `vmf_libvirt.client` are the two
that import libvirt. An error of libvirt's that is not spoken of here is the caller's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import libvirt
import libvirt_qemu

from vmf.model import MachineFacts
from vmf_libvirt.errors import Code
from vmf_libvirt.mark import NAMESPACE

NANOSECONDS = 1_000_000_000
KIBIBYTE = 1024
PERIOD = 100_000
"""Microseconds, of which a quota of as many is one processor."""
AGENT_SECONDS = 20
"""How long the agent in a guest may take to answer."""

_UNDEFINE = (
    libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
)

Domain = libvirt.virDomain


@contextlib.contextmanager
def despite(code: Code) -> Iterator[None]:
    """Let an error of libvirt's with this code pass."""
    try:
        yield
    except libvirt.libvirtError as error:
        if error.get_error_code() != code:
            raise


def state(domain: Domain) -> tuple[int, int]:
    """State and reason in libvirt's numbers."""
    state, reason = map(int, domain.state())
    return state, reason


def disk_errors(domain: Domain) -> Mapping[str, int]:
    """The disks that have stopped it, by name; libvirt's numbers."""
    errors: Any = ()
    with despite(Code.OPERATION_INVALID):  # it has ended meanwhile
        errors = domain.diskErrors()
    return dict(errors)


def facts(domain: Domain) -> MachineFacts | None:
    """What is known of it; None if it does not run."""
    if not domain.isActive():
        return None
    memory, _, nanoseconds = map(int, domain.info()[2:])
    return MachineFacts(cpu_seconds=nanoseconds / NANOSECONDS, memory=memory * KIBIBYTE)


def start(domain: Domain) -> None:
    """Start it, unless it runs."""
    try:
        domain.create()
    except libvirt.libvirtError:
        if not domain.isActive():
            raise


@contextlib.contextmanager
def _unless_off(domain: Domain) -> Iterator[None]:
    try:
        yield
    except libvirt.libvirtError:
        if domain.isActive():
            raise


def cap(domain: Domain, *, memory: int) -> None:
    """Bound what it takes beside its guest, `memory` in bytes, where there are cgroups and it runs."""
    time = {"emulator_period": PERIOD, "emulator_quota": PERIOD}
    with despite(Code.OPERATION_INVALID):
        domain.setSchedulerParametersFlags(time, libvirt.VIR_DOMAIN_AFFECT_LIVE)
    with despite(Code.OPERATION_INVALID):
        domain.setMemoryParameters({"hard_limit": memory // KIBIBYTE}, libvirt.VIR_DOMAIN_AFFECT_LIVE)


def ask_off(domain: Domain) -> None:
    """Press its power button, if it runs."""
    with _unless_off(domain), despite(Code.OPERATION_INVALID):  # a paused guest has nobody who would hear it
        domain.shutdown()


def suspend(domain: Domain) -> None:
    """Have its guest stand still, if it runs."""
    with _unless_off(domain):
        domain.suspend()


def save(domain: Domain, file: str) -> None:
    """Put its guest's memory into a file and end it, if it runs."""
    with _unless_off(domain):
        domain.saveFlags(file, None, libvirt.VIR_DOMAIN_SAVE_RUNNING)


def resume(domain: Domain) -> None:
    """Have its guest go on, if it stands still in its memory."""
    with _unless_off(domain), despite(Code.OPERATION_INVALID):  # it runs
        domain.resume()


def restore(domain: Domain, file: str) -> None:
    """Have its guest go on from a file with its memory, as it is defined and not as the file says, unless it runs."""
    try:
        definition = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)
        link: libvirt.virConnect = domain.connect()  # type: ignore[no-untyped-call]  # libvirt's own has no types
        link.restoreFlags(file, definition, libvirt.VIR_DOMAIN_SAVE_RUNNING)
    except libvirt.libvirtError:
        if not domain.isActive():
            raise


def monitor(domain: Domain, command: str) -> str:
    """What its QEMU's human monitor answers; empty if none runs."""
    try:
        return str(libvirt_qemu.qemuMonitorCommand(domain, command, libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP))
    except libvirt.libvirtError:
        if domain.isActive():
            raise
        return ""


def agent(domain: Domain, command: str) -> str:
    """What the agent in its guest answers."""
    return str(libvirt_qemu.qemuAgentCommand(domain, command, AGENT_SECONDS, 0))


def force_off(domain: Domain) -> None:
    """End it, if it runs."""
    with _unless_off(domain):
        domain.destroy()


def undefine(domain: Domain) -> None:
    """Remove its definition, and all that libvirt keeps with it."""
    try:
        domain.undefineFlags(_UNDEFINE)
    except libvirt.libvirtError as error:
        if error.get_error_code() != Code.INVALID_ARG:
            raise
        domain.undefine()  # this driver knows not all of these things, and so keeps none of them


def marked(domain: Domain) -> bool:
    """Whether it carries vmf's mark."""
    try:
        domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE)
    except libvirt.libvirtError as error:
        if error.get_error_code() in {Code.NO_DOMAIN_METADATA, Code.NO_DOMAIN}:
            return False
        raise
    return True
