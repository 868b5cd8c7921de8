"""A fake hypervisor, type `fake`: its world is the host's folder, and its guests are processes of their own.

Nothing lives in the process that calls it, so a killed engine leaves real machines behind. Below the folder:

    machines/NAME/machine.json  the definition: with it, the machine exists
    machines/NAME/files/        what was put there, and an overlay for each disk
    machines/NAME/started       the guest has been started, once and for all
    machines/NAME/alive         locked by the guest while it lives; the kernel lets go when it dies, however it dies
    machines/NAME/pid           the guest's process
    machines/NAME/paused        the guest stands still, if it is alive; `paused.asked`: it is to
    machines/NAME/memory        if the guest is dead: what it needs to go on; `memory.asked`: it is to leave that here
    machines/NAME/ending        how the guest ended; if it is dead and there is none, nor `memory`, it was killed
    machines/NAME/console.log   what the guest wrote to its console
    machines/NAME/keys          what was typed on it; locked by whoever types
    machines/NAME/drive1        what is on the disc in the guest's second drive
    machines/NAME/request1      the disc in the guest's second drive, if it is a request
    machines/NAME/clock         the guest's clock has been set
    machines/NAME/halted        the guest has halted
    machines/NAME/inside/       files that were copied into the guest, or made there by its agent
    machines/NAME/disks, …      snapshots and what disks are made of: see `vmf.testing.snapshots`
    machines/NAME/files/devices what a template has left: see `vmf.testing.golden`
    faults.json                 faults to come: {"create": {"kind": "host", "brief": "out of room", "times": 2}}

The next `times` calls of a verb that is named there fail, with the job at fault, the host at fault, or the host lost;
the kinds are `job`, `host`, with an `ability` if it is that which failed, and `lost`. The file is read at every call,
and counted down under a lock.
`vmf.testing.guest` says what a script can tell such a guest to do, and `vmf.testing.commands` what its agent can.
"""

from __future__ import annotations

import io
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import IO

import msgspec
from msgspec.structs import replace

from vmf.disks import images, qcow2
from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.files import sparse
from vmf.files.access import open_disk
from vmf.files.beside import appearing
from vmf.files.console import one_line
from vmf.hookspecs import API, HypervisorType, Report, hookimpl
from vmf.model import (
    ALIVE,
    Address,
    Facts,
    Handle,
    Host,
    Imprint,
    Machine,
    MachineFacts,
    MachineState,
    NetworkType,
    Power,
    Snapshot,
    Stop,
    Suspend,
)
from vmf.testing import commands, samples, snapshots
from vmf.testing.guest import chain
from vmf.testing.terminal import Terminal
from vmf.testing.world import Nudges, World

VERSION = "1"
CONSOLE_MOST = 64 * 1024
ADDRESS = "192.0.2.1"
"""Of every guest with a network card that is not on a user network: an address that is set aside for examples."""
ABILITIES: Mapping[str, str] = MappingProxyType({
    "cdroms": "a machine may have more discs than the one with its script",
    "checkpoint": "memory and disks can be taken of a machine, which goes on from there elsewhere",
    "clock-local": "the hardware clock may show local time",
    "console-writable": "one can type on the console of a guest",
    "device": "a job may name its disks",
    "disk-growth": "what an overlay takes may be limited",
    "disk-ide": "disks may be attached to ide",
    "disk-in-place": "a disk may be written where it is",
    "disk-read": "a disk may be one that is only read",
    "disk-sata": "disks may be attached to sata",
    "disk-scsi": "disks may be attached to scsi",
    "disk-virtio": "disks may be attached to virtio",
    "guest-agent": "a guest may run an agent",
    "guest-clock": "a guest's clock can be put right",
    "guest-commands": "programs can be run in a guest",
    "guest-files": "files can be copied into a running guest, and out of it",
    "hard-suspend": "the memory of a suspended guest can be put into a file",
    "live-checkpoint": "a guest goes on while its memory is taken",
    "live-results": "the results volume can be read while the guest runs",
    "media-change": "discs can be changed while the guest runs",
    "memory-clone": "guests can wake from what a template has left",
    "network-user": "machines may have a network that reaches nobody",
    "nic-e1000": "the network card may be an e1000",
    "nic-e1000e": "the network card may be an e1000e",
    "nic-rtl8139": "the network card may be an rtl8139",
    "nic-virtio": "the network card may be a virtio one",
    "periodic-checkpoint": "a guest can be taken again and again",
    "port-forwards": "ports of this computer are forwarded to machines",
    "shares": "folders of the host are shared",
    "soft-suspend": "a suspended guest can keep its memory",
    "static-mac": "a job may name the MAC address of its card",
    "tells-halt": "a guest that has halted is told from one that has nothing to do",
    "tells-panic": "a guest that panics is told from one that crashes",
    "tells-reboot": "a guest that reboots is told from one that powers off",
    "vnc": "machines may have screens",
    "whole-disks": "disks come back with all that is in them",
})  # fmt: skip
"""What this hypervisor can, of what not all can."""


@hookimpl
def hypervisor() -> HypervisorType:
    """Say what this plugin is."""
    return HypervisorType(type="fake", api=API, version=VERSION, capabilities=ABILITIES)


@hookimpl
def connect(folder: Path) -> World:
    """Open the world in `folder`."""
    world = World(folder)
    world.stumble("connect")
    return world


@hookimpl
def probe(connection: World, known: Facts | None) -> Facts:
    """Return the facts of a small imaginary host."""
    connection.stumble("probe")
    identity = f"fake {VERSION}"
    if known and known.identity == identity:
        return known
    return Facts(
        identity=identity,
        memory=4 * 2**30,
        cpus=4,
        arch=platform.machine(),
        accelerator=snapshots.PLATFORM.accelerator,
        version=snapshots.PLATFORM.version,
        versions={"fake": VERSION},
    )


@hookimpl
def put(connection: World, machine: str, name: str, source: Path, report: Report) -> str:
    """Copy a file into the machine's folder."""
    connection.stumble("put")
    files = connection.machine(machine) / "files"
    files.mkdir(mode=0o700, parents=True, exist_ok=True)
    with source.open("rb") as reading, appearing(files / name) as writing:
        sparse.copy(reading, writing, report)
    return name


@hookimpl
def read(connection: World, path: Path) -> IO[bytes]:
    """Open a file of this computer."""
    connection.stumble("read")
    return open_disk(path)


@hookimpl
def create(connection: World, host: Host, machine: Machine) -> Handle:
    """Define the machine and start its guest, each unless it has been done."""
    connection.stumble("create")
    connection.create(machine)
    return Handle(host=host.name, machine=machine.name)


@hookimpl
def state(connection: World, handle: Handle) -> MachineState:
    """Look at the machine's folder."""
    connection.stumble("state")
    return connection.state(handle.machine)


@hookimpl
def watch(connection: World, notify: Callable[[str], None]) -> Nudges:
    """Start a thread that looks for changes."""
    connection.stumble("watch")
    return Nudges(connection, notify)


@hookimpl
def console(connection: World, handle: Handle, offset: int) -> bytes:
    """Read the machine's console from `offset` on."""
    connection.stumble("console")
    try:
        with (connection.machine(handle.machine) / "console.log").open("rb") as log:
            log.seek(offset)
            return log.read(CONSOLE_MOST)
    except FileNotFoundError:
        return b""


@hookimpl
def facts(connection: World, handle: Handle) -> MachineFacts:
    """Say where the guest would be, if it is alive."""
    connection.stumble("facts")
    machine = connection.definition(handle.machine, ALIVE)
    if machine is None:
        return MachineFacts()
    folder, nic = connection.machine(handle.machine), machine.nic
    ports = _ports(folder)
    return MachineFacts(
        addresses=() if nic is None or nic.type is NetworkType.USER else (ADDRESS,),
        forwards=tuple(
            Address(port=each.port, protocol=each.protocol, host="127.0.0.1", host_port=port)
            for each, port in zip(nic.forwards if nic else (), ports, strict=False)
        ),
        screen=f"{folder}/screen" if machine.vnc else "",
        memory=machine.memory,
        disks=snapshots.sizes(folder, machine),
    )


def _ports(folder: Path) -> tuple[int, ...]:
    """The ports that lead to a guest; none until it has opened them."""
    try:
        return msgspec.json.decode((folder / "forwards").read_bytes(), type=tuple[int, ...])
    except FileNotFoundError:
        return ()


@hookimpl
def change_media(connection: World, handle: Handle, drive: int, name: str) -> MachineState:
    """Have the guest find what is on the disc, and the machine's definition name it."""
    connection.stumble("change_media")
    connection.change_media(handle.machine, drive, name)
    return connection.state(handle.machine)


@hookimpl
def open_console(connection: World, handle: Handle) -> Terminal:
    """Look at the log as it grows, and keep what is typed for the guest."""
    connection.stumble("open_console")
    if connection.definition(handle.machine, ALIVE) is None:
        raise JobFault(f"machine {handle.machine} does not run", code=HoldCode.REFUSED)
    return Terminal(connection.machine(handle.machine), lambda: connection.state(handle.machine).power in ALIVE)


@hookimpl
def copy_in(connection: World, handle: Handle, source: IO[bytes], path: str) -> int:
    """Keep a file that the guest would have under this path."""
    connection.stumble("copy_in")
    file = _inside(connection, handle, path)
    file.parent.mkdir(exist_ok=True)
    with file.open("wb") as out:
        shutil.copyfileobj(source, out)
        return out.tell()


@hookimpl
def copy_out(connection: World, handle: Handle, path: str) -> IO[bytes]:
    """Open what was copied in under this path."""
    connection.stumble("copy_out")
    try:
        return _inside(connection, handle, path).open("rb")
    except OSError as error:
        words = f"failed to open file '{one_line(path.encode())}': {error.strerror}"
        raise JobFault(words, code=HoldCode.REFUSED) from error


@hookimpl
def execute(connection: World, handle: Handle, command: Sequence[str]) -> commands.Execution:
    """Do what this program would do in the guest."""
    connection.stumble("execute")
    return commands.execute(_talking(connection, handle), command)


def _inside(connection: World, handle: Handle, path: str) -> Path:
    return commands.inside(_talking(connection, handle), path)


def _talking(connection: World, handle: Handle) -> Path:
    """The folder of a machine with an agent in its guest."""
    machine = connection.definition(handle.machine, {Power.RUNNING})
    if machine is None or not machine.agent:
        raise JobFault(f"no agent answers in the guest of {handle.machine}", code=HoldCode.REFUSED)
    return connection.machine(handle.machine)


@hookimpl
def suspend(connection: World, handle: Handle, how: Suspend) -> MachineState:
    """Have the guest stand still where it is, or leave its memory in a file."""
    connection.stumble("suspend")
    connection.suspend(handle.machine, how)
    return connection.state(handle.machine)


@hookimpl
def resume(connection: World, handle: Handle) -> MachineState:
    """Have the guest go on, in a process of its own."""
    connection.stumble("resume")
    connection.resume(handle.machine)
    return connection.state(handle.machine)


@hookimpl
def checkpoint(connection: World, handle: Handle, number: int, report: Report) -> Snapshot:
    """Have the guest leave a snapshot, and go on."""
    connection.stumble("checkpoint")
    return connection.checkpoint(handle.machine, number, report)


@hookimpl
def fold(connection: World, handle: Handle) -> MachineState:
    """Make one layer of those that are frozen, or of all."""
    connection.stumble("fold")
    connection.fold(handle.machine)
    return connection.state(handle.machine)


@hookimpl
def imprint(connection: World, handle: Handle) -> Imprint:
    """Have a template leave what others wake from."""
    connection.stumble("imprint")
    return connection.imprint(handle.machine)


@hookimpl
def examine(connection: World, handle: Handle) -> MachineState:
    """Look whether the guest has halted."""
    connection.stumble("examine")
    found, mark = connection.state(handle.machine), connection.machine(handle.machine) / "halted"
    return replace(found, halted=found.power is Power.RUNNING and mark.exists())


@hookimpl
def set_clock(connection: World, handle: Handle) -> MachineState:
    """Have the guest say the right time from now on."""
    connection.stumble("set_clock")
    (_talking(connection, handle) / "clock").touch()
    return connection.state(handle.machine)


@hookimpl
def shut_down(connection: World, handle: Handle, how: Stop) -> MachineState:
    """Send the guest a signal: one that it can ignore, or one that it cannot."""
    connection.stumble("shut_down")
    connection.stop(handle.machine, how)
    return connection.state(handle.machine)


@hookimpl
def fetch(connection: World, handle: Handle, name: str, report: Report) -> IO[bytes]:
    """Open a file of the machine's folder, or make a whole disk."""
    connection.stumble("fetch")
    folder = connection.machine(handle.machine)
    try:
        machine = msgspec.json.decode((folder / "machine.json").read_bytes(), type=Machine)
        if name.startswith("whole"):
            report(0, 0)
            return _whole(folder, machine, int(name.removeprefix("whole")))
        number = name.removeprefix("disk")
        if number.isdecimal() and (overlay := _untouched(folder, machine, int(number))):
            return io.BytesIO(overlay)
        return snapshots.opened(folder, machine.results.file if name == "results" and machine.results else name)
    except FileNotFoundError:
        raise HostFault(f"machine {handle.machine} has no file {name}") from None


@hookimpl
def destroy(connection: World, handle: Handle) -> MachineState:
    """Kill the guest and remove the machine's folder."""
    connection.stumble("destroy")
    connection.destroy(handle.machine)
    return MachineState(power=Power.ABSENT)


@hookimpl
def machines(connection: World, host: Host) -> tuple[Handle, ...]:
    """List the folders."""
    connection.stumble("machines")
    return tuple(Handle(host=host.name, machine=name) for name in connection.names())


def _untouched(folder: Path, machine: Machine, number: int) -> bytes:
    """The one overlay of a disk that its guest has not written to, as others make it; empty if that cannot be said."""
    disk, (first, *more) = machine.disks[number], chain(folder / "files", number)
    if more or first.read_bytes() != snapshots.untouched(disk.file):
        return b""
    with suppress(OSError, Unfit), open_disk(folder / "files" / disk.top) as beneath:
        return qcow2.empty(images.disk_size(beneath, disk.top_format), "beneath", disk.top_format)
    return b""


def _whole(folder: Path, machine: Machine, number: int) -> IO[bytes]:
    """A disk with the line that its guest wrote over its beginning, if it did."""
    file = machine.disks[number].file
    changed = snapshots.changed(folder, number, file)
    try:
        content = (folder / "files" / file).read_bytes()
    except OSError as error:
        raise JobFault(f"{file}: {error.strerror}", code=HoldCode.IMAGE_MISSING) from error
    return io.BytesIO(samples.qcow2(changed + content[len(changed) :]))
