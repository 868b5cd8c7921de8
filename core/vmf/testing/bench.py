"""A host under test: what the contract suite needs to make machines and to see how they fare."""

from __future__ import annotations

import queue
import re
import secrets
import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from vmf import plan
from vmf.blueprint import template
from vmf.errors import Refused, VmfError
from vmf.files import cdrom, disc, sparse, volume
from vmf.files.identity import READY as WAITING
from vmf.files.identity import identity
from vmf.hookspecs import GAP, unreported
from vmf.model import (
    MEBIBYTE,
    DiskFormat,
    Handle,
    Host,
    Image,
    Job,
    Machine,
    MachineDisk,
    MachineState,
    Placement,
    Power,
    Restored,
    Results,
    Transport,
    Wakes,
)
from vmf.plugins import Hypervisor, Plugins
from vmf.result import Word

T = TypeVar("T")

READY = b"vmf-ready"
MADE = "made"
LOOK_SECONDS = 0.02


class Guests(Struct, frozen=True, kw_only=True):
    """Scripts in the language of the image's guest; each begins by writing `vmf-ready` to the console."""

    ends: str
    """Writes more than 64 KiB to the console and `made`, with a newline, to the file `made`; exits with code 7."""
    hangs: str
    """Stays until it is asked to power off."""
    ignores: str
    """Stays, and does nothing when it is asked to power off."""
    reboots: str
    """Reboots, a moment later."""
    tells: str
    """Tells what the machine is made of, each on a line, and stays; what appears later is told later.

    `disk NAME BYTES WORD`: a disk whose first line is a WORD that begins with `contract-`, with the guest's name for it
    and its size; then `wrote WORD` or `kept WORD`: whether `contract-changed` and a newline could be written over that.
    `disc WORD`: the first line of the file `word` of a disc.
    `clock SECONDS`: what the hardware clock shows, as seconds since 1970 if it shows UTC.
    `firmware bios` or `firmware uefi`.
    `share NAME WORD`: the shared folders `contract-read` and `contract-write`, if they are there, and the first line of
    the file `word` in them; then `wrote NAME` or `kept NAME`: whether a file `made` could be written there.
    `read contract-disk-rate SECONDS`: how long it took to read all of that disk.
    """
    fills: str = ""
    """For disk-growth: writes to its machine's first disk until that takes nothing more."""
    hears: str = ""
    """For console-writable: waits for a line on its console, writes it there after the word `heard`, and powers off."""
    discs: str = ""
    """For media-change: writes the file `word` of the disc in its second drive again and again, whenever there is
    one; it holds on to each for a moment only."""
    serves: str = ""
    """For network cards: writes `card MAC DRIVER` of its one, asks for an address, and answers each TCP call to port
    7000 with the line `served`."""
    calls: str = ""
    """For networks: asks for an address, calls the TCP port PORT at THERE, and writes `answered` or `silent`. A test
    puts a number for PORT, and for THERE an address or `gateway`: the guest's way to its host, if it has one."""
    counts: str = ""
    """For soft-suspend and hard-suspend: writes `count 1`, `count 2` and so on, each on a line and with a moment after
    it, until it is asked to power off."""
    keeps: str = ""
    """For checkpoint: writes `0`, a newline, and more than half a MiB that cannot be compressed to the beginning of its
    machine's first disk. Then, again and again with a moment after it, the next number and a newline to the disk's
    beginning, and after that `count 1`, `count 2` and so on to the console; or `lost` and what it has found there, if
    the number before is not on the disk itself. When a line is typed on its console, it writes `made` and ends."""
    ticks: str = ""
    """For guest-clock: sets its clock to a time long gone, and then writes `time SECONDS`, since 1970 and as that clock
    shows it, again and again, each on a line."""
    panics: str = ""
    """For tells-panic: has its kernel panic, a moment later."""
    halts: str = ""
    """For tells-halt: stops all its processors without powering off, a moment later."""
    identifies: str = ""
    """For memory-clone: writes `host NAME`, `machine ID`, `random DIGITS` and `clock SECONDS`, since 1970 and as its
    clock shows it, each on a line, and stays."""
    lacks: Mapping[str, str] = {}
    """Abilities that the guest cannot try, for want of a driver or a program, each with the reason."""
    device: str = "vda"
    """What the guest calls its first disk, if its job says nothing of that."""
    seconds: float = 200
    """The longest that any of them may take to be ready, or to end."""
    memory: int = 256 * MEBIBYTE


def break_off(_done: int, _total: int) -> None:
    """A `Report` that breaks the work off."""
    raise Refused("broken off")


class Ended(Struct, frozen=True, kw_only=True):
    """What was seen of a machine that ran to its end."""

    handle: Handle
    before: MachineState
    end: MachineState
    machine: Machine


class Taken(Struct, frozen=True, kw_only=True):
    """A snapshot whose files have been copied, with all else that a machine needs to go on from it."""

    restored: Restored
    files: Mapping[str, Path]
    """By their names on the next host."""
    media: Mapping[int, str]
    """What is in its drives."""
    said: int | None
    """Bytes on its console."""


class Golden(Struct, frozen=True, kw_only=True):
    """What a template has left, copied to where its host can use it, with the disks that its guest had."""

    template: Handle
    wakes: Wakes
    disks: tuple[MachineDisk, ...]


class Bench:
    """A host under test: makes machines out of scripts, waits for them, and destroys them all at the end."""

    def __init__(self, hypervisor: Hypervisor, *, image: Image, guests: Guests, folder: Path) -> None:
        self.hypervisor = hypervisor
        found = hypervisor.probe(known=None, proof=None)
        self.facts = replace(found, missing={**found.missing, **guests.lacks, **_untried(hypervisor.host)})
        """What the host has; what the guest, or its spec, does not let anybody try counts as missing."""
        self._image = image
        self._own = {str(disk.file.path) for disk in image.disks if disk.file.on_host}
        """Disks that lie on the host already."""
        self._guests = guests
        self.seconds = guests.seconds
        self._folder = folder
        self._magics: dict[str, bytes] = {}
        self._images: dict[str, Mapping[str, Path]] = {}
        """Disks of this computer that were put into machines' folders, by the machines' names and theirs there."""
        self.made: dict[str, Machine] = {}
        """What was made, by its name."""

    def new_name(self, length: int = 12) -> str:
        """A name that no machine has, using every kind of character that a name may have."""
        return f"T{secrets.token_hex(4)}.-_".ljust(length, "z")

    def machine(self, name: str, script: str) -> Machine:
        """The machine that the engine would plan for a job with this script."""
        return plan.blueprint(self._placement(script), name)

    def put(self, name: str, script: str, *, identity: bytes = b"") -> None:
        """Put everything that the machine needs into its folder, as the engine does."""
        magic = volume.magic(volume.new_nonce())
        job = self._placement(script).job
        disc.write(self._folder / plan.CDROM, cdrom.contents(job, magic, identity=identity), label=cdrom.LABEL)
        volume.make(self._folder / plan.RESULTS, size=job.results.volume, magic=magic)
        made = {plan.CDROM: self._folder / plan.CDROM, plan.RESULTS: self._folder / plan.RESULTS}
        self._put(name, made, magic)

    def run(
        self, script: str, name: str = "", *, amend: Callable[[Machine], Machine] = lambda planned: planned
    ) -> Handle:
        """Make a machine, amended; its script has begun when this returns."""
        handle = self.start(script, name, amend=amend)
        self.until(lambda: self.console(handle), lambda console: READY in console)
        return handle

    def start(
        self, script: str, name: str = "", *, amend: Callable[[Machine], Machine] = lambda planned: planned
    ) -> Handle:
        """Make a machine, amended, and let it boot by itself; its disks are files of this computer."""
        name = name or self.new_name()
        self.put(name, script)
        self.made[name] = self._with_disks(amend(self.machine(name, script)))
        return self.hypervisor.create(self.made[name])

    def template(self, *, amend: Callable[[Machine], Machine] = lambda planned: planned) -> Handle:
        """Make a template of a machine, amended; its guest is ready when this returns."""
        name = self.new_name()
        self.made[name] = template(amend(self.machine(name, "")), name)
        self._put(name, {}, b"")
        handle = self.hypervisor.create(self.made[name])
        self.until(lambda: self.console(handle), lambda console: WAITING in console)
        return handle

    def imprint(self, handle: Handle, folder: Path) -> Golden:
        """Take from a template what others can wake from, into a folder that its host can use."""
        made = self.made[handle.machine]
        left = self.hypervisor.imprint(handle)
        names = (left.memory, left.state, *(f"whole{number}" for number, _ in enumerate(made.disks)))
        memory, state, *disks = (self._fetched(handle, each, folder / f"{made.name}-{each}") for each in names)
        return Golden(
            template=handle,
            wakes=Wakes(platform=left.platform, equipment=made.equipment, memory=str(memory), state=str(state)),
            disks=tuple(
                replace(disk, file=str(file), format=DiskFormat.QCOW2, part=None)
                for disk, file in zip(made.disks, disks, strict=True)
            ),
        )

    def clone(
        self, script: str, golden: Golden, *, amend: Callable[[Machine], Machine] = lambda planned: planned
    ) -> Handle:
        """Make a machine, amended, that wakes; its script has begun when this returns."""
        name = self.new_name()
        woken = replace(amend(self.machine(name, script)), disks=golden.disks, wakes=golden.wakes)
        self.put(name, script, identity=identity(woken, name))
        self.made[name], self._images[name] = woken, {}
        handle = self.hypervisor.create(woken)
        self.until(lambda: self.console(handle), lambda console: READY in console)
        return handle

    def restore(self, handle: Handle, taken: Taken) -> Handle:
        """Make a machine that goes on as another one did."""
        name, before = self.new_name(), self.made[handle.machine]
        self._put(name, {**taken.files, **self._images[handle.machine]}, self._magics[handle.machine])
        self._images[name] = self._images[handle.machine]
        cdroms = tuple(replace(drive, file=taken.media.get(number)) for number, drive in enumerate(before.cdroms))
        self.made[name] = replace(before, name=name, cdroms=cdroms, restored=taken.restored)
        return self.hypervisor.create(self.made[name])

    def console(self, handle: Handle) -> bytes:
        """All of a machine's console, read piece by piece."""
        whole = b""
        while piece := self.hypervisor.console(handle, len(whole)):
            whole += piece
        return whole

    def told(self, handle: Handle, pattern: str) -> re.Match[str]:
        """Wait until a line of a machine's console is what a regular expression says; the match."""
        line = re.compile(rf"^{pattern}\r?\n", re.MULTILINE)
        return self.until(lambda: [*line.finditer(self.console(handle).decode(errors="replace"))], bool)[0]

    def counted(self, handle: Handle) -> int:
        """How far a guest that counts has come; it must have left out none, but in gaps, and have said none twice."""
        heard = 0
        for at, piece in enumerate(self.console(handle).split(GAP)):
            said = [int(number) for number in re.findall(rb"^count (\d+)\r?\n", piece, re.MULTILINE)]
            first = max(heard + 1, said[0] if at and said else 1)
            if said != [*range(first, first + len(said))]:
                raise AssertionError(f"that is no way to count: {said} after {heard}")
            heard = said[-1] if said else heard
        return heard

    def read(self, handle: Handle, folder: Path) -> Word:
        """The guest's word; what it handed over is unpacked into `folder`."""
        limits = volume.Limits(bytes=MEBIBYTE)
        magic = self._magics[handle.machine]
        with self.hypervisor.fetch(handle, "results") as stream:
            return volume.read(stream, magic=magic, wanted=(MADE,), folder=folder, limits=limits)

    def able(self, plugins: Plugins) -> AbstractSet[str]:
        """What the host has of the abilities that its plugin declares."""
        return plugins.types[self.hypervisor.host.type].capabilities.keys() - self.facts.missing.keys()

    def names(self) -> set[str]:
        """The names of all machines of the host."""
        return {handle.machine for handle in self.hypervisor.machines()}

    def until(self, look: Callable[[], T], done: Callable[[T], bool]) -> T:
        """Look again and again until it is done."""
        deadline = time.monotonic() + self.seconds
        while not done(seen := look()):
            if time.monotonic() > deadline:
                raise AssertionError(f"after {self.seconds} seconds there is still only {seen!r}")
            time.sleep(LOOK_SECONDS)
        return seen

    def insist(self, act: Callable[[], T], *, but: type[VmfError]) -> T:
        """Act again and again until that does not raise `but`; what it answers then."""
        deadline = time.monotonic() + self.seconds
        while True:
            try:
                return act()
            except but:
                if time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_SECONDS)

    def until_ended(self, handle: Handle, nudges: queue.Queue[str]) -> MachineState:
        """Wait for the machine's end, looking only when nudged: an end that nobody is told of is a failure."""
        while True:
            try:
                nudges.get(timeout=self.seconds)
            except queue.Empty:
                raise AssertionError(f"nobody was nudged; the machine: {self.hypervisor.state(handle)}") from None
            state = self.hypervisor.state(handle)
            if state.power is Power.OFF:
                return state

    def close(self) -> None:
        """Destroy every machine, and let go of the host."""
        for handle in self.hypervisor.machines():
            self.hypervisor.destroy(handle)
        self.hypervisor.close()

    def _put(self, name: str, files: Mapping[str, Path], magic: bytes) -> None:
        job = self._placement("").job
        given = {file: source.path for file, source in plan.brought(job, self.hypervisor.host).items()}
        for file, path in {**given, **files}.items():
            self.hypervisor.put(name, file, path)
        self._magics[name] = magic

    def _fetched(self, handle: Handle, name: str, path: Path) -> Path:
        with closing(self.hypervisor.fetch(handle, name)) as stream, path.open("wb") as writing:
            sparse.copy(stream, writing, unreported)
        path.chmod(0o644)  # for whoever runs the guests
        return path

    def _with_disks(self, machine: Machine) -> Machine:
        """The machine as the engine would plan it: a host elsewhere is brought the disks that do not lie there."""
        disks = list(machine.disks)
        brought: dict[str, Path] = {}
        for number, disk in enumerate(disks):
            if self.hypervisor.host.elsewhere and disk.file.startswith("/") and disk.file not in self._own:
                name = plan.disk_name(number)
                self.hypervisor.put(machine.name, name, Path(disk.file))
                brought[name] = Path(disk.file)
                disks[number] = replace(disk, file=name)
        self._images[machine.name] = brought
        return replace(machine, disks=tuple(disks))

    def _placement(self, script: str) -> Placement:
        results = Results(files=(MADE,), size=MEBIBYTE)
        job = Job(name="contract", image=self._image, memory=self._guests.memory, run=script, results=results)
        return Placement(job=job, host=self.hypervisor.host, facts=self.facts, reasons=())


def _untried(host: Host) -> Mapping[str, str]:
    """Abilities that nobody can try on a host as its spec is, each with the reason."""
    used = host.connection.transport
    others = {f"transport-{each}": f"the host is reached otherwise: {used}" for each in Transport if each is not used}
    return others if host.boot and host.boot.kernel else {**others, "default-kernel": "the host's spec names none"}
