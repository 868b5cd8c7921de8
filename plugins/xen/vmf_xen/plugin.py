"""The hooks of hypervisor type `xen`: Xen, driven through libvirt, on this computer or another one."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from msgspec.structs import replace

from vmf.hookspecs import API, HypervisorType, Report, hookimpl
from vmf.model import (
    Facts,
    Handle,
    Host,
    Machine,
    MachineFacts,
    MachineState,
    Placement,
    Snapshot,
    Stop,
    Suspend,
)
from vmf.rules import Check
from vmf_xen.abilities import ABILITIES
from vmf_xen.settings import TYPE, XenHost, XenJob, machine_mode, settings

if TYPE_CHECKING:
    from vmf_libvirt.consoles import Terminal
    from vmf_libvirt.remote import Remote
    from vmf_libvirt.subscription import Subscription


@hookimpl
def hypervisor() -> HypervisorType:
    """Say what this plugin is."""
    return HypervisorType(
        type=TYPE,
        api=API,
        version=version("vmf-xen"),
        settings=XenHost,
        job_settings=XenJob,
        capabilities=ABILITIES,
    )


@hookimpl
def connect(host: Host, folder: Path) -> Remote:
    """Reach the host's libvirt daemon."""
    from vmf_xen.connection import opened  # noqa: PLC0415  # libvirt is slow to import, and to read specs needs none

    return opened(host, folder)


@hookimpl
def probe(connection: Remote, host: Host, known: Facts | None) -> Facts:
    """Look at the host."""
    from vmf_xen import probe as probing  # noqa: PLC0415  # as above

    return probing.probe(connection, host, known)


@hookimpl
def put(connection: Remote, machine: str, name: str, source: Path, report: Report) -> str:
    """Send a file into the machine's folder."""
    connection.put(machine, name, source, report)
    return name


@hookimpl
def read(connection: Remote, path: Path) -> IO[bytes]:
    """Open a file of the host."""
    return connection.read(path)


@hookimpl
def facts(connection: Remote, handle: Handle) -> MachineFacts:
    """Ask libvirt."""
    return connection.facts(handle.machine)


@hookimpl
def create(connection: Remote, host: Host, machine: Machine) -> Handle:
    """Define and start a domain."""
    connection.create(machine)
    return Handle(host=host.name, machine=machine.name)


@hookimpl
def state(connection: Remote, handle: Handle) -> MachineState:
    """Ask libvirt."""
    return connection.state(handle.machine)


@hookimpl
def watch(connection: Remote, notify: Callable[[str], None]) -> Subscription:
    """Pass on libvirt's lifecycle events."""
    return connection.watch(notify)


@hookimpl
def console(connection: Remote, handle: Handle, offset: int) -> bytes:
    """Read what has come of the console."""
    return connection.console(handle.machine, offset)


@hookimpl
def open_console(connection: Remote, handle: Handle) -> Terminal:
    """Take libvirt's stream of the console."""
    return connection.open_console(handle.machine)


@hookimpl
def suspend(connection: Remote, handle: Handle, how: Suspend) -> MachineState:
    """Pause the domain, or save it."""
    return connection.suspend(handle.machine, how)


@hookimpl
def resume(connection: Remote, handle: Handle) -> MachineState:
    """Let the domain go on, or restore it."""
    return connection.resume(handle.machine)


@hookimpl
def checkpoint(connection: Remote, handle: Handle, number: int, report: Report) -> Snapshot:
    """Save the domain, and restore it upon new layers."""
    return connection.checkpoint(handle.machine, number, report)


@hookimpl
def fold(connection: Remote, handle: Handle) -> MachineState:
    """Remove what was saved; the layers stay."""
    return connection.fold(handle.machine)


@hookimpl
def shut_down(connection: Remote, handle: Handle, how: Stop) -> MachineState:
    """Ask by Xen's own bus, or destroy the domain."""
    return connection.shut_down(handle.machine, how)


@hookimpl
def fetch(connection: Remote, handle: Handle, name: str, report: Report) -> IO[bytes]:
    """Open a file of the machine's folder, or make a disk of several."""
    return connection.fetch(handle.machine, name, report)


@hookimpl
def destroy(connection: Remote, handle: Handle) -> MachineState:
    """Destroy the domain; remove it and the machine's folder."""
    return connection.destroy(handle.machine)


@hookimpl
def machines(connection: Remote, host: Host) -> tuple[Handle, ...]:
    """List the domains that carry vmf's mark, and every folder."""
    return tuple(Handle(host=host.name, machine=name) for name in connection.machines())


@hookimpl
def amend(placement: Placement, machine: Machine) -> Machine | None:
    """Tell a kernel of its console here already, so that a plan shows all that it is told."""
    if placement.host.type != TYPE or machine.kernel is None:
        return None
    from vmf_xen.domain import parameters  # noqa: PLC0415  # as below

    return replace(machine, kernel_parameters=parameters(machine.kernel_parameters, machine_mode(machine)))


@hookimpl
def review(placement: Placement, machine: Machine) -> None:
    """Describe what this plugin is to make: what cannot be described cannot be made."""
    if placement.host.type == TYPE:
        from vmf_libvirt.judging import named  # noqa: PLC0415  # only a plan or a start asks
        from vmf_xen.domain import check  # noqa: PLC0415  # as above

        script = settings(placement.host).bridge_script
        check(named(placement, machine), mode=machine_mode(machine), bridge_script=script)


@hookimpl
def lint() -> tuple[Check[Any], ...]:
    """Hold jobs to the rules of this type."""
    from vmf_xen.rules import CHECKS  # noqa: PLC0415  # slow to import, and only lint asks

    return CHECKS
