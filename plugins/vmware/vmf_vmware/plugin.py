"""The hooks of hypervisor type `vmware`: vSphere, a vCenter or an ESXi host."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

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
from vmf_vmware.abilities import ABILITIES
from vmf_vmware.settings import TYPE, VmwareHost, VmwareJob

if TYPE_CHECKING:
    from vmf_vmware.collector import Watch
    from vmf_vmware.connection import Connection


@hookimpl
def hypervisor() -> HypervisorType:
    """Say what this plugin is."""
    return HypervisorType(
        type=TYPE,
        api=API,
        version=version("vmf-vmware"),
        settings=VmwareHost,
        job_settings=VmwareJob,
        capabilities=ABILITIES,
    )


@hookimpl
def connect(host: Host, folder: Path) -> Connection:
    """Log in."""
    from vmf_vmware.connection import Connection  # noqa: PLC0415  # slow to import, and to read specs needs none

    return Connection(host, folder)


@hookimpl
def probe(connection: Connection, host: Host, known: Facts | None) -> Facts:
    """Look at the host."""
    from vmf_vmware import probe as probing  # noqa: PLC0415  # as above

    return probing.probe(connection.session, known, together=host.networks.together)


@hookimpl
def put(connection: Connection, machine: str, name: str, source: Path, report: Report) -> str:
    """Send a file into the machine's folder on the datastore, or keep it until the machine is made."""
    connection.put(machine, name, source, report)
    return name


@hookimpl
def read(connection: Connection, path: Path) -> IO[bytes]:
    """Open a file of a datastore."""
    return connection.read(path)


@hookimpl
def facts(connection: Connection, handle: Handle) -> MachineFacts:
    """Ask vSphere."""
    return connection.facts(handle.machine)


@hookimpl
def create(connection: Connection, host: Host, machine: Machine) -> Handle:
    """Define a machine, and power it on."""
    connection.create(machine)
    return Handle(host=host.name, machine=machine.name)


@hookimpl
def state(connection: Connection, handle: Handle) -> MachineState:
    """Ask vSphere."""
    return connection.state(handle.machine)


@hookimpl
def watch(connection: Connection, notify: Callable[[str], None]) -> Watch:
    """Pass on what the collector hears."""
    return connection.watch(notify)


@hookimpl
def console(connection: Connection, handle: Handle, offset: int) -> bytes:
    """Read the file of the serial port."""
    return connection.console(handle.machine, offset)


@hookimpl
def suspend(connection: Connection, handle: Handle, how: Suspend) -> MachineState:
    """Suspend the machine."""
    return connection.suspend(handle.machine, how)


@hookimpl
def resume(connection: Connection, handle: Handle) -> MachineState:
    """Power the machine on, which goes on then."""
    return connection.resume(handle.machine)


@hookimpl
def checkpoint(connection: Connection, handle: Handle, number: int, report: Report) -> Snapshot:
    """Take a snapshot with memory."""
    return connection.checkpoint(handle.machine, number, report)


@hookimpl
def fold(connection: Connection, handle: Handle) -> MachineState:
    """Remove the snapshots."""
    return connection.fold(handle.machine)


@hookimpl
def shut_down(connection: Connection, handle: Handle, how: Stop) -> MachineState:
    """Ask by VMware Tools, or power the machine off."""
    return connection.shut_down(handle.machine, how)


@hookimpl
def fetch(connection: Connection, handle: Handle, name: str, report: Report) -> IO[bytes]:
    """Open a file of the machine's folder, or what its disks hold."""
    return connection.fetch(handle.machine, name, report)


@hookimpl
def destroy(connection: Connection, handle: Handle) -> MachineState:
    """Remove the machine, and its folder."""
    return connection.destroy(handle.machine)


@hookimpl
def machines(connection: Connection, host: Host) -> tuple[Handle, ...]:
    """List the machines that carry vmf's mark, and every folder."""
    return tuple(Handle(host=host.name, machine=name) for name in connection.machines())


@hookimpl
def review(placement: Placement, machine: Machine) -> None:
    """Describe what this plugin is to make: what cannot be described cannot be made."""
    if placement.host.type == TYPE:
        from vmf_vmware.judging import check  # noqa: PLC0415  # only a plan or a start asks

        check(machine)


@hookimpl
def lint() -> tuple[Check[Any], ...]:
    """Hold jobs to the rules of this type."""
    from vmf_vmware.rules import CHECKS  # noqa: PLC0415  # slow to import, and only lint asks

    return CHECKS
