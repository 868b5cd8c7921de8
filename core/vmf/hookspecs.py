"""The plugin seam: every hook, with its arguments, its answer and its errors.

A hypervisor plugin is a module that implements the verbs and is named by an entry point of the group
`vmf.hypervisors`, whose name is the type. Anything else registers in the group `vmf.plugins`: it may wrap a verb
(`@hookimpl(wrapper=True)`), implement `amend` or `bid`, observe through `event`, or add rules through `lint`.

Every verb is answered by the one plugin of the host's type and always returns a value; one of `OPTIONAL` is answered
exactly by the plugins that declare its capability. Errors that a verb may raise:
`JobFault` (the job is held), `HostFault` (the job goes elsewhere), `HostLost` (the host cannot be asked).
Hooks grow by new arguments, never by renamed ones; an implementation takes those that it needs.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Protocol, TypeAlias

import msgspec
import pluggy

from vmf.model import (
    ALIVE,
    CLONE,
    Bid,
    Facts,
    Handle,
    Host,
    Image,
    Imprint,
    Machine,
    MachineFacts,
    MachineState,
    Placement,
    Power,
    Snapshot,
    Stop,
    Suspend,
)
from vmf.rules import Check

PROJECT = "vmf"
API = 1
"""The number of the seam; a plugin that speaks another one is listed as broken."""

SUSPENDS: Mapping[Suspend, str] = MappingProxyType({Suspend.SOFT: "soft-suspend", Suspend.HARD: "hard-suspend"})
"""The capability that each way to suspend a machine takes."""

CHECKPOINT = "checkpoint"
"""The capability of snapshots with memory; `create` makes machines of them then, see `Machine.restored`."""

TELLS_HALT = "tells-halt"
"""The capability of telling a guest that has stopped its processors for good."""

GUEST_CLOCK = "guest-clock"
"""The capability of putting a guest's clock right."""

GUEST_COMMANDS = "guest-commands"
"""The capability of running programs in a guest."""

GAP = b"\n[vmf: what the guest wrote here may be missing]\n"
"""What a console has where its guest may have spoken while nobody listened."""

OPTIONAL: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "change_media": ("media-change",),
    "open_console": ("console-writable",),
    "copy_in": ("guest-files",),
    "copy_out": ("guest-files",),
    "execute": (GUEST_COMMANDS,),
    "suspend": tuple(SUSPENDS.values()),
    "resume": tuple(SUSPENDS.values()),
    "checkpoint": (CHECKPOINT,),
    "fold": (CHECKPOINT,),
    "imprint": (CLONE,),
    "set_clock": (GUEST_CLOCK,),
    "examine": (TELLS_HALT,),
})  # fmt: skip
"""The verbs that not all hypervisors can, each with the capabilities of which any one says so."""

LEGAL: Mapping[str, AbstractSet[Power]] = MappingProxyType({
    "change_media": ALIVE,
    "open_console": ALIVE,
    "copy_in": {Power.RUNNING},
    "copy_out": {Power.RUNNING},
    "execute": {Power.RUNNING},
    "set_clock": {Power.RUNNING},
    "checkpoint": {Power.RUNNING, Power.PAUSED, Power.SAVED},
    "imprint": ALIVE | {Power.OFF},
    "fetch": {Power.RUNNING, Power.PAUSED, Power.SAVED, Power.OFF},
})  # fmt: skip
"""The states of a machine in which a verb does something: in another one it raises `JobFault` or `HostFault`, and
changes nothing. A verb that is not listed has an answer in every state."""

Report: TypeAlias = Callable[[int, int], None]
"""Is told now and then how many bytes are done, and of how many, 0 if nobody knows; what it raises breaks the work
off."""


def unreported(_done: int, _total: int) -> None:
    """A `Report` to nobody."""


hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class NoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings block of a type that has nothing to set."""


class HypervisorType(msgspec.Struct, frozen=True, kw_only=True):
    """What a hypervisor plugin says of itself."""

    type: str
    api: int
    version: str
    settings: builtins.type[msgspec.Struct] = NoSettings
    """A frozen struct: the words of the host spec's block for this type."""
    job_settings: builtins.type[msgspec.Struct] = NoSettings
    """A frozen struct: the words of the job spec's block for this type."""
    capabilities: Mapping[str, str] = {}
    """Ability to sentence, for what not all hypervisors can; a declared one is tested by the contract suite."""


class Connection(Protocol):
    """A plugin's live connection to one host: opaque to the engine."""

    def close(self) -> None:
        """Let go of the host; its machines stay."""


class Watch(Protocol):
    """A running subscription."""

    def close(self) -> None:
        """End it; no call of `notify` begins after the return."""


class Terminal(Protocol):
    """The two ends of a guest's serial console, as they are; it has no scroll-back."""

    def fileno(self) -> int:
        """Becomes readable when the guest has written something, and writable when something can be typed."""

    def read(self) -> bytes:
        """What the guest has written by now, at least a byte; empty if its machine has ended."""

    def write(self, data: bytes) -> None:
        """Type; returns when all of it is on its way."""

    def close(self) -> None:
        """Let go of the console; the machine stays."""


class Execution(Protocol):
    """A program that runs in a guest, or has run there."""

    def poll(self) -> int | None:
        """Its exit code, or 128 and the number of the signal that has ended it; None while it runs.

        Raises `JobFault`, with the guest's own words, if the guest refuses or no agent answers, and `HostLost`.
        """


@hookspec(firstresult=True)
def hypervisor() -> HypervisorType:
    """Say what this plugin is; called at load, must not touch the hypervisor."""
    raise NotImplementedError


@hookspec(firstresult=True)
def connect(host: Host, folder: Path) -> Connection:
    """Open a connection to `host`; whatever the plugin keeps for the host goes below `folder`.

    Raises `SetupError` if this computer lacks what is needed, `HostLost` if the host does not answer.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def probe(connection: Connection, host: Host, known: Facts | None, proof: Image | None) -> Facts:
    """Exercise the host and return its facts.

    `known` is what an earlier probe found: return it as it is when its `identity` still holds. `proof` is a tiny
    image that keeps the guest contract; booting it proves an accelerator. Without it nothing is proved, and the
    facts' `note` says how to.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def put(connection: Connection, host: Host, machine: str, name: str, source: Path, report: Report) -> str:
    """Put a file of this computer into the machine's folder on the host under `name`; return `name`.

    Putting the same name again replaces it. The source stays. Only the machine can read the copy. `report` is told
    now and then how many bytes have been put, and of how many; what it raises breaks the work off, and nothing of the
    file is left.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def read(connection: Connection, host: Host, path: Path) -> IO[bytes]:
    """Open a file that is already on the host, by its full path, for reading; links are followed.

    It can be sought. Raises `FileNotFoundError` and `PermissionError` as the hypervisor's own user meets them.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def create(connection: Connection, host: Host, machine: Machine) -> Handle:
    """Adopt the machine of this name if there is one; else define it, then start it.

    A machine that exists and has already ended is adopted as it is, never started again. One with `restored` goes on
    from there: its description is made of what `machine` says, and of nothing that is in the files. So does one that
    `wakes`; its card, its results volume and its discs are there before its guest runs. It is made again from the
    beginning where somebody was killed who made it, and its guest has not run; nobody's guest ever runs twice.

    Where `machine` does not fit what it is to wake from, or that is damaged, `JobFault` says so, and `HostFault` where
    the host does not. To boot is possible then, once what did not wake has been destroyed.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def state(connection: Connection, host: Host, handle: Handle) -> MachineState:
    """Ask the hypervisor what the machine is doing; ABSENT if there is none."""
    raise NotImplementedError


@hookspec(firstresult=True)
def examine(connection: Connection, host: Host, handle: Handle) -> MachineState:
    """Look closely at a machine that seems to run, which may take a moment; else answer as `state` does.

    It is `halted` if its guest has stopped all its processors for good, and not just because it has nothing to do.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def watch(connection: Connection, host: Host, notify: Callable[[str], None]) -> Watch:
    """Call `notify(machine name)` whenever a machine may have changed; the empty name means any of them.

    A nudge, not the truth: the engine asks for the state. `notify` returns at once and may be called on any thread.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def console(connection: Connection, host: Host, handle: Handle, offset: int) -> bytes:
    """Return what the guest wrote to its serial console from byte `offset` on: at most 64 KiB, empty if no more.

    Where some of it may be missing, since its host keeps nothing for who comes late, there is a `GAP` instead.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def facts(connection: Connection, host: Host, handle: Handle) -> MachineFacts:
    """Say what is known of a machine that runs; of one that does not, nothing is known."""
    raise NotImplementedError


@hookspec(firstresult=True)
def change_media(connection: Connection, host: Host, handle: Handle, drive: int, name: str) -> MachineState:
    """Put a file of the machine's folder into its CD-ROM drive number `drive`, from 0; empty name: open the tray.

    Raises `JobFault` if there is no such drive; with the code REFUSED, if the guest holds on to what is in it.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def open_console(connection: Connection, host: Host, handle: Handle) -> Terminal:
    """Open the serial console of a running machine to read and write; one at a time. `console` goes on beside it.

    Raises `JobFault` with the code REFUSED if somebody else has it open, or the machine does not run.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def copy_in(connection: Connection, host: Host, handle: Handle, source: IO[bytes], path: str) -> int:
    """Write a file in the running guest, by its agent; return its bytes. What was there is replaced.

    Raises `JobFault`, with the guest's own words, if the guest refuses or no agent answers.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def copy_out(connection: Connection, host: Host, handle: Handle, path: str) -> IO[bytes]:
    """Open a file of the running guest for reading from its start, by its agent; errors as for `copy_in`."""
    raise NotImplementedError


@hookspec(firstresult=True)
def execute(connection: Connection, host: Host, handle: Handle, command: Sequence[str]) -> Execution:
    """Run a program in the running guest, by its agent and as its agent's user; return as soon as it has begun.

    `command` is the program, by its path or as the guest finds it, and its arguments. It reads nothing, what it writes
    is dropped, and it goes on if nobody asks for its end. Errors as for `copy_in`, also where there is no such program.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def suspend(connection: Connection, host: Host, handle: Handle, how: Suspend) -> MachineState:
    """Have the guest stand still, in a way that the plugin declares; return when it does.

    SOFT leaves its memory where it is (PAUSED); HARD puts it into a file of the machine's, and frees what it took of
    the host (SAVED). A machine that is so already stays so; a paused one can be saved. One that has ended is told as it
    is. What raises `HostFault` leaves the guest with its memory, running or paused.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def resume(connection: Connection, host: Host, handle: Handle) -> MachineState:
    """Have a guest that was suspended in either way go on where it stood; return when it does.

    One that runs goes on running; one that has ended is told as it is. Raises `HostFault`, and `JobFault` for something
    of the job's that is taken or gone by now; either leaves the guest as it was, and it can be tried again.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def checkpoint(connection: Connection, host: Host, handle: Handle, number: int, report: Report) -> Snapshot:
    """Take memory and disks of a machine at one instant; the guest goes on, or goes on standing still.

    `number` is another one at each try. What was taken is read by `fetch`, and stays as it is until `fold`. `report` is
    told how far the memory is; what it raises breaks the work off, and the guest goes on. Raises `HostFault`, and
    `JobFault` for a machine that cannot be taken as it is; either leaves the guest as it was.

    Where `live-checkpoint` is not declared, the guest may stop meanwhile, and one that stood still run for a moment.

    A guest that is SAVED has been taken: nothing is written, whatever the number, and the snapshot is all that it has
    left. It stays so until the guest is resumed or forced off, `fold` or not.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def fold(connection: Connection, host: Host, handle: Handle) -> MachineState:
    """Let go of whatever snapshots have left, whole or half made: what their layers hold is kept, in one again.

    Also of a machine that has ended. Nothing to fold is success; what cannot be folded now stays for the next time: all
    of a guest that runs, where its hypervisor cannot merge that.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def imprint(connection: Connection, host: Host, handle: Handle) -> Imprint:
    """End a template whose guest is ready, and leave what others wake from: memory, devices and disks at one instant.

    What it names is fetched then, and so are the disks. Of a template that was imprinted already, the answer is the
    same again. Raises `JobFault` for a machine that is no template, or has ended otherwise, and `HostFault`; the guest
    stands still then, and it can be tried again.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def set_clock(connection: Connection, host: Host, handle: Handle) -> MachineState:
    """Have the guest's clock show the host's time, by its agent; after a few seconds without an answer, give up.

    Raises `JobFault`, with the guest's own words, if the guest refuses or no agent answers.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def shut_down(connection: Connection, host: Host, handle: Handle, how: Stop) -> MachineState:
    """Ask the guest to power off (returns at once), or force it off (returns when it is); absent is success.

    A guest that is suspended cannot be asked, and stays so; forced off, it is gone with its memory.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def fetch(connection: Connection, host: Host, handle: Handle, name: str, report: Report) -> IO[bytes]:
    """Open what a machine that has ended left, as a plain stream: `results` is the volume, `disk0`… the overlays.

    Where the plugin declares `live-results`, `results` is also asked for while the machine runs: what its guest has
    synced is in a stream that is opened after that.
    `whole0`… are disks with all that is in them, each one a qcow2 that needs no other file: only asked for where the
    plugin declares `whole-disks`. Making one takes its time: `report` is told meanwhile how many bytes are made, and
    what it raises breaks the work off. `JobFault` says that what the overlay lies on is gone or unfit: the overlay
    alone is then fetched instead. Reading a stream raises `HostFault` if the host cannot read it: what is an `OSError`
    is taken for the results folder's.
    """
    raise NotImplementedError


@hookspec(firstresult=True)
def destroy(connection: Connection, host: Host, handle: Handle) -> MachineState:
    """Leave nothing of the machine: not the guest, its definition, or its folder. Absent is success."""
    raise NotImplementedError


@hookspec(firstresult=True)
def machines(connection: Connection, host: Host) -> tuple[Handle, ...]:
    """List every machine on the host that vmf made, and every folder of one."""
    raise NotImplementedError


@hookspec
def bid(placement: Placement) -> Bid | None:
    """Say what a host asks for a job; None leaves it to the plugin that comes next by its name, in the end to vmf.

    vmf's own bid is `placement.bid`. Hosts that fit and have room are asked, those of the highest rank first, and the
    others only if none of those bids; `vmf match` and `vmf estimate` ask all. Raises `Refused` for a host that does not
    bid now: the job goes elsewhere, or waits. Whatever else it raises is logged once, and no answer.
    """
    raise NotImplementedError


@hookspec
def amend(placement: Placement, machine: Machine) -> Machine | None:
    """Change a machine before it is made, by a site's policy; None leaves it. Asked in the order of plugin names."""


@hookspec
def review(placement: Placement, machine: Machine) -> None:
    """Forbid a machine before anything is made of it: raise `Refused`, or `JobFault`. Asked by `vmf plan`, too.

    A hypervisor plugin judges what its own hosts are to make; it may not ask the hypervisor.
    """


@hookspec
def event(job: str, event: Any) -> None:  # noqa: ANN401  # the union lives in `vmf.state`; observers match on it
    """Observe an event of a job's life. What an observer raises is logged and dropped."""


@hookspec
def lint() -> Iterable[Check[Any]]:
    """Add rules to `vmf lint`: checks of jobs, hosts and images.

    An id is capital letters and three digits, such as `SITE201`; `VMF` is taken, and so are another plugin's letters.
    A check sees a value that was read, and may look into the files that it names. What it raises is logged.
    """
    raise NotImplementedError
