"""The hooks of hypervisor type `kvm`: QEMU, by KVM where it is proved to work, driven through libvirt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from vmf.errors import HoldCode, JobFault
from vmf.hookspecs import API, HypervisorType, Report, hookimpl
from vmf.model import (
    Facts,
    Handle,
    Host,
    Image,
    Imprint,
    Machine,
    MachineFacts,
    MachineState,
    Placement,
    Snapshot,
    Stop,
    Suspend,
)
from vmf.rules import Check
from vmf_kvm.abilities import ABILITIES
from vmf_kvm.settings import TYPE, DaemonKind, KvmHost, settings

if TYPE_CHECKING:
    from vmf_kvm.agent import Execution
    from vmf_kvm.connection import Connection
    from vmf_kvm.terminal import Terminal
    from vmf_libvirt import consoles
    from vmf_libvirt.remote import Remote
    from vmf_libvirt.subscription import Subscription

    Connected: TypeAlias = Connection | Remote


@hookimpl
def hypervisor() -> HypervisorType:
    """Say what this plugin is."""
    return HypervisorType(type=TYPE, api=API, version=version("vmf-kvm"), settings=KvmHost, capabilities=ABILITIES)


@hookimpl
def connect(host: Host, folder: Path) -> Connected:
    """Find or start the host's own libvirt daemon, or find the system's, here or elsewhere."""
    from vmf_kvm.connection import Connection  # noqa: PLC0415  # libvirt is slow to import, and to read specs needs none
    from vmf_kvm.elsewhere import opened  # noqa: PLC0415  # as above

    if host.elsewhere:
        return opened(host, folder)
    return Connection(
        folder, settings(host).daemon or DaemonKind.PRIVATE, roots=[root.path for root in host.images or ()]
    )


@hookimpl
def probe(connection: Connected, host: Host, known: Facts | None, proof: Image | None) -> Facts:
    """Look at the host, and boot the proof where there is doubt."""
    from vmf_kvm import elsewhere  # noqa: PLC0415  # as above
    from vmf_kvm import probe as probing  # noqa: PLC0415  # as above
    from vmf_libvirt.remote import Remote  # noqa: PLC0415  # as above

    if isinstance(connection, Remote):
        prove = partial(_prove, connection, connection.site.folder)
        return elsewhere.probe(connection, known, proof, host=host, prove=prove)
    prove = partial(_prove, connection, connection.daemon.folder)
    return probing.probe(connection, known, proof, host=host, prove=prove)


@hookimpl
def put(connection: Connected, machine: str, name: str, source: Path, report: Report) -> str:
    """Copy a file into the machine's folder."""
    connection.put(machine, name, source, report)
    return name


@hookimpl
def read(connection: Connected, path: Path) -> IO[bytes]:
    """Open a file of this computer."""
    return connection.read(path)


@hookimpl
def facts(connection: Connected, handle: Handle) -> MachineFacts:
    """Ask libvirt and QEMU."""
    return connection.facts(handle.machine)


@hookimpl
def create(connection: Connected, host: Host, machine: Machine) -> Handle:
    """Define and start a domain."""
    connection.create(machine)
    return Handle(host=host.name, machine=machine.name)


@hookimpl
def state(connection: Connected, handle: Handle) -> MachineState:
    """Ask libvirt."""
    return connection.state(handle.machine)


@hookimpl
def watch(connection: Connected, notify: Callable[[str], None]) -> Subscription:
    """Pass on libvirt's lifecycle events."""
    return connection.watch(notify)


@hookimpl
def console(connection: Connected, handle: Handle, offset: int) -> bytes:
    """Read the log of the serial console."""
    return connection.console(handle.machine, offset)


@hookimpl
def change_media(connection: Connected, handle: Handle, drive: int, name: str) -> MachineState:
    """Change the source of the drive."""
    return _here(connection).change_media(handle.machine, drive, name)


@hookimpl
def open_console(connection: Connected, handle: Handle) -> Terminal | consoles.Terminal:
    """Connect to the socket of the serial console, or take libvirt's stream of it."""
    return connection.open_console(handle.machine)


@hookimpl
def copy_in(connection: Connected, handle: Handle, source: IO[bytes], path: str) -> int:
    """Write by the QEMU guest agent."""
    return _here(connection).copy_in(handle.machine, source, path)


@hookimpl
def copy_out(connection: Connected, handle: Handle, path: str) -> IO[bytes]:
    """Read by the QEMU guest agent."""
    return _here(connection).copy_out(handle.machine, path)


@hookimpl
def execute(connection: Connected, handle: Handle, command: Sequence[str]) -> Execution:
    """Have the QEMU guest agent run it."""
    return _here(connection).execute(handle.machine, command)


@hookimpl
def suspend(connection: Connected, handle: Handle, how: Suspend) -> MachineState:
    """Pause the domain, or save it."""
    return connection.suspend(handle.machine, how)


@hookimpl
def resume(connection: Connected, handle: Handle) -> MachineState:
    """Let the domain go on, or restore it."""
    return connection.resume(handle.machine)


@hookimpl
def checkpoint(connection: Connected, handle: Handle, number: int, report: Report) -> Snapshot:
    """Take an external snapshot of memory and disks."""
    return connection.checkpoint(handle.machine, number, report)


@hookimpl
def fold(connection: Connected, handle: Handle) -> MachineState:
    """Commit the layers of snapshots."""
    return connection.fold(handle.machine)


@hookimpl
def imprint(connection: Connected, handle: Handle) -> Imprint:
    """Have QEMU write what the devices are doing; the memory is in a file all along."""
    return _here(connection).imprint(handle.machine)


@hookimpl
def examine(connection: Connected, handle: Handle) -> MachineState:
    """Ask QEMU for the registers of all processors."""
    return _here(connection).examine(handle.machine)


@hookimpl
def set_clock(connection: Connected, handle: Handle) -> MachineState:
    """Tell the QEMU guest agent the time."""
    return _here(connection).set_clock(handle.machine)


@hookimpl
def shut_down(connection: Connected, handle: Handle, how: Stop) -> MachineState:
    """Press the ACPI power button, or end QEMU."""
    return connection.shut_down(handle.machine, how)


@hookimpl
def fetch(connection: Connected, handle: Handle, name: str, report: Report) -> IO[bytes]:
    """Open a file of the machine's folder, or make a whole disk."""
    return connection.fetch(handle.machine, name, report)


@hookimpl
def destroy(connection: Connected, handle: Handle) -> MachineState:
    """End QEMU; remove the domain and the machine's folder."""
    return connection.destroy(handle.machine)


@hookimpl
def machines(connection: Connected, host: Host) -> tuple[Handle, ...]:
    """List the domains that carry vmf's mark, and every folder."""
    return tuple(Handle(host=host.name, machine=name) for name in connection.machines())


@hookimpl
def review(placement: Placement, machine: Machine) -> None:
    """Describe what this plugin is to make: what cannot be described cannot be made."""
    if placement.host.type == TYPE:
        from vmf_kvm.domain import ANYWHERE, ELSEWHERE, check  # noqa: PLC0415  # only a plan or a start asks

        check(machine, ELSEWHERE if placement.host.elsewhere else ANYWHERE)


@hookimpl
def lint() -> tuple[Check[Any], ...]:
    """Hold jobs to the rules of this type."""
    from vmf_kvm.rules import CHECKS  # noqa: PLC0415  # slow to import, and only lint asks

    return CHECKS


def _prove(connection: Connected, folder: Path, image: Image) -> str:
    from vmf_kvm.proof import prove  # noqa: PLC0415  # writes a CD: slow to import, and needed once per host

    return prove(connection, image, folder=folder, accelerator="kvm")


def _here(connection: Connected) -> Connection:
    """The connection to a host that is this computer.

    Raises:
        JobFault: if it is another one.
    """
    from vmf_kvm.connection import Connection  # noqa: PLC0415  # as above

    if not isinstance(connection, Connection):
        words, hint = "that cannot be done on another computer", "`vmf host ls` says what its hosts lack"
        raise JobFault(words, code=HoldCode.REFUSED, hint=hint)
    return connection
