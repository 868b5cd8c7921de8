"""The world of the fake hypervisor: a folder of machines, which outlives whoever looks at it."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import msgspec
from msgspec import Struct

from vmf.errors import HoldCode, HostFault, HostLost, JobFault, VmfError
from vmf.hookspecs import Report, unreported
from vmf.model import ALIVE, Access, Ending, Imprint, Machine, MachineState, Power, Snapshot, Stop, Suspend
from vmf.testing import disc, golden, snapshots
from vmf.testing.snapshots import write_whole
from vmf.units import format_size

WATCH_SECONDS = 0.02
STILL: MappingProxyType[Suspend, str] = MappingProxyType({Suspend.SOFT: "paused", Suspend.HARD: "memory"})
"""The file that there is when a guest stands still; what asks for it is called the same, and `.asked`."""


class Fault(Struct, frozen=True, kw_only=True):
    """The next `times` calls of a verb fail; `faults.json` maps verbs to these."""

    kind: Literal["job", "host", "lost"]
    brief: str
    times: int = 1
    ability: str = ""
    """What of the host has failed, if it is the host's fault and that is known."""


_KINDS: MappingProxyType[str, Callable[[Fault], VmfError]] = MappingProxyType({
    "job": lambda fault: JobFault(fault.brief, code=HoldCode.MACHINE_INVALID),
    "host": lambda fault: HostFault(fault.brief, ability=fault.ability),
    "lost": lambda fault: HostLost(fault.brief),
})  # fmt: skip


class World:
    """A host's folder; also the connection, as there is nothing to connect to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._machines = folder / "machines"
        self._machines.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """Nothing is held open."""

    def machine(self, name: str) -> Path:
        """The folder of one machine."""
        return self._machines / name

    def names(self) -> tuple[str, ...]:
        """Every folder of a machine, whether the machine is in being or not."""
        return tuple(sorted(each.name for each in self._machines.iterdir()))

    def states(self) -> dict[str, MachineState]:
        """Every machine's state."""
        return {name: self.state(name) for name in self.names()}

    def state(self, name: str) -> MachineState:
        """What the machine is doing."""
        folder = self.machine(name)
        if not (folder / "machine.json").exists():
            return MachineState(power=Power.ABSENT)
        if not (folder / "started").exists():
            return MachineState(power=Power.OFF, ending=Ending.UNKNOWN, detail="defined, and not started yet")
        if _alive(folder):
            return _living(folder)
        if (folder / "memory").exists():
            return MachineState(power=Power.SAVED)
        try:
            end = msgspec.json.decode((folder / "ending").read_bytes(), type=_End)
        except FileNotFoundError:
            # it was killed, or has been resumed since its lock was tried
            return _living(folder) if _alive(folder) else MachineState(power=Power.OFF, ending=Ending.KILLED)
        return MachineState(power=Power.OFF, ending=end.ending, detail=end.detail)

    def definition(self, name: str, among: Collection[Power]) -> Machine | None:
        """The definition of a machine that is in one of these states."""
        if self.state(name).power not in among:
            return None
        return msgspec.json.decode((self.machine(name) / "machine.json").read_bytes(), type=Machine)

    def create(self, machine: Machine) -> None:
        """Define the machine and start its guest, each unless it has been done."""
        folder = self.machine(machine.name)
        with self._changing() as lock:
            if not (folder / "machine.json").exists():
                _define(folder, machine)
            if not (folder / "started").exists():
                _start(folder, lock)

    def suspend(self, name: str, how: Suspend) -> None:
        """Ask the guest to stand still, if it is alive; return when it does, or is dead.

        If this process is killed meanwhile, the guest may still do it: until it has, it runs, and can be resumed.
        """
        folder = self.machine(name)
        with self._changing():
            if _alive(folder):
                (folder / f"{STILL[how]}.asked").touch()
            while _alive(folder) and not (how is Suspend.SOFT and (folder / "paused").exists()):
                time.sleep(WATCH_SECONDS)

    def resume(self, name: str) -> None:
        """Take back what asks the guest to stand still, and have one go on that does."""
        folder = self.machine(name)
        with self._changing() as lock:
            for still in STILL.values():
                (folder / f"{still}.asked").unlink(missing_ok=True)
            (folder / "paused").unlink(missing_ok=True)
            if (folder / "memory.new").exists() or (folder / "memory").exists():
                _bury(folder)
            if (folder / "memory").exists():
                _start(folder, lock)

    def change_media(self, name: str, drive: int, file: str) -> None:
        """Have the guest find a file of the machine, or nothing, in its drive, if it is alive."""
        folder = self.machine(name)
        with self._changing():
            machine = self.definition(name, ALIVE)
            if machine is None or drive >= len(machine.cdroms):
                raise JobFault(f"machine {name} has no drive {drive}", code=HoldCode.MACHINE_INVALID)
            if drive == 0 and machine.cdroms[0].file:
                words = f"the guest of {name} holds on to the disc in drive 0: its script is on it"
                raise JobFault(words, code=HoldCode.REFUSED)
            disc.insert(folder, drive, file)
            cdroms = [*machine.cdroms]
            cdroms[drive] = msgspec.structs.replace(cdroms[drive], file=file or None)
            _record(folder, msgspec.structs.replace(machine, cdroms=tuple(cdroms)))

    def checkpoint(self, name: str, number: int, report: Report = unreported) -> Snapshot:
        """Have the guest leave a snapshot, if it is alive; one that is saved has left all that there is.

        If this process is killed meanwhile, the guest may still leave it: `fold` takes that back.
        """
        folder = self.machine(name)
        with self._changing():
            machine = self.definition(name, ALIVE | {Power.SAVED})
            if machine is None:
                raise JobFault(f"machine {name} does not run", code=HoldCode.REFUSED)
            if not _alive(folder):
                return snapshots.still(folder, machine)
            return snapshots.take(folder, machine, number, alive=partial(_alive, folder), report=report)

    def fold(self, name: str) -> None:
        """Let go of what snapshots have left."""
        with self._changing():
            if machine := self.definition(name, frozenset(Power) - {Power.ABSENT}):
                snapshots.fold(self.machine(name), machine, ended=self.state(name).power is Power.OFF)

    def imprint(self, name: str) -> Imprint:
        """Have a template leave what others wake from, and end it."""
        folder = self.machine(name)
        with self._changing():
            machine = self.definition(name, frozenset(Power) - {Power.ABSENT})
            left = golden.imprint(folder, machine, alive=_alive(folder))
            _stop(folder, Stop.FORCE)
            return left

    def stop(self, name: str, how: Stop) -> None:
        """Signal the guest, if it is alive and hears; when forced, return only after it is dead with its memory."""
        with self._changing():
            _stop(self.machine(name), how)

    def destroy(self, name: str) -> None:
        """Kill the guest and remove the machine's folder."""
        folder = self.machine(name)
        with self._changing():
            _stop(folder, Stop.FORCE)
            if folder.exists():
                (folder / "machine.json").unlink(missing_ok=True)  # first: half a machine must not pass for a whole one
                shutil.rmtree(folder)

    def stumble(self, verb: str) -> None:
        """Raise the fault that waits for this verb, if one does, and count it."""
        path = self._folder / "faults.json"
        if not path.exists():
            return
        with self._alone("faults.lock"):  # whoever changes the world may ask it meanwhile how far that is
            faults = msgspec.json.decode(path.read_bytes(), type=dict[str, Fault])
            fault = faults.get(verb)
            if fault is None or fault.times < 1:
                return
            faults[verb] = msgspec.structs.replace(fault, times=fault.times - 1)
            write_whole(path, msgspec.json.encode(faults))
        raise _KINDS[fault.kind](fault)

    def _changing(self) -> AbstractContextManager[int]:
        """One change of the world at a time, whichever process makes it; the descriptor of the lock."""
        return self._alone("lock")

    @contextmanager
    def _alone(self, name: str) -> Iterator[int]:
        with (self._folder / name).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield lock.fileno()


class _End(Struct, frozen=True):
    ending: Ending
    detail: str


class Nudges:
    """A thread that looks at the world and tells of every machine whose state has changed."""

    def __init__(self, world: World, notify: Callable[[str], None]) -> None:
        self._world = world
        self._notify = notify
        self._closed = threading.Event()
        self._seen = world.states()
        self._thread = threading.Thread(target=self._look, name="fake-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; no call of `notify` begins after the return."""
        self._closed.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _look(self) -> None:
        while not self._closed.wait(WATCH_SECONDS):
            now = self._world.states()
            changed = (name for name in sorted({*now, *self._seen}) if now.get(name) != self._seen.get(name))
            for name in changed:
                if not self._closed.is_set():
                    self._notify(name)
            self._seen = now


def _define(folder: Path, machine: Machine) -> None:
    if machine.wakes and not machine.restored:
        golden.check(machine, machine.wakes)
    files = folder / "files"
    files.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number, disk in enumerate(machine.disks):
        if disk.access is Access.SNAPSHOT:
            (files / f"disk{number}").write_bytes(snapshots.untouched(disk.file))
    if machine.restored:
        snapshots.restore(folder, machine.restored)
    write_whole(folder / "disc.json", msgspec.json.encode(disc.read(files, machine)))
    for number, drive in [*enumerate(machine.cdroms)][1:]:
        disc.insert(folder, number, drive.file or "")
    _record(folder, machine)


def _record(folder: Path, machine: Machine) -> None:
    write_whole(folder / "machine.json", msgspec.json.encode(machine))


def _start(folder: Path, lock: int) -> None:
    """Start the guest; it is running, or has ended, when this returns.

    The starter shares the world's lock: if this process is killed meanwhile, nobody starts a second guest.
    """
    guest = Path(__file__).with_name("guest.py")
    with (folder / "console.log").open("ab") as console:
        subprocess.run(
            (sys.executable, "-I", "-S", guest, folder, str(lock)),
            check=True, cwd="/", start_new_session=True, pass_fds=(lock,),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=console,
        )  # fmt: skip


def _living(folder: Path) -> MachineState:
    """A machine whose guest is alive."""
    if (folder / "full").exists():
        return _full(folder)
    return MachineState(power=Power.PAUSED if (folder / "paused").exists() else Power.RUNNING)


def _full(folder: Path) -> MachineState:
    """A machine whose guest has filled its first disk: up to its limit, if it has one, else the host's."""
    try:
        disks = msgspec.json.decode((folder / "machine.json").read_bytes(), type=Machine).disks
    except FileNotFoundError:  # it has been removed since it was found alive
        return MachineState(power=Power.ABSENT)
    if not disks or disks[0].growth is None:
        return MachineState(power=Power.PAUSED, detail="the host is out of space")
    limit = f"disk0 has taken the {format_size(disks[0].growth)} that it may"
    return MachineState(power=Power.PAUSED, detail=limit, limit=limit)


def _alive(folder: Path) -> bool:
    """Whether the guest holds its lock."""
    try:
        with (folder / "alive").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def _stop(folder: Path, how: Stop) -> None:
    """Signal the guest if it is alive and does not stand still; when forced, it is dead then, with its memory."""
    if how is Stop.FORCE:
        _signal(folder, signal.SIGKILL)
        _bury(folder)
        (folder / "memory").unlink(missing_ok=True)
    elif not (folder / "paused").exists():
        _signal(folder, signal.SIGTERM)


def _signal(folder: Path, number: signal.Signals) -> None:
    try:
        process = os.pidfd_open(int((folder / "pid").read_text()))
    except (FileNotFoundError, ProcessLookupError):
        return
    try:
        if _alive(folder):  # asked after the process was opened: so the process is the guest, and no namesake
            signal.pidfd_send_signal(process, number)
    except ProcessLookupError:
        return
    finally:
        os.close(process)


def _bury(folder: Path) -> None:
    """Wait until the guest is dead."""
    with suppress(FileNotFoundError), (folder / "alive").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
