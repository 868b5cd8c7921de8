"""What is known of a machine on this computer alone: how it ended, if libvirt forgets that, and where its memory is."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from vmf.files.beside import creating, replacing
from vmf.model import Ending, Machine, MachineState, Platform

NOTE = "note.json"
LOCK = "lock"
ENDING = "ending.json"
"""How a guest ended, as its hypervisor told while somebody listened."""
RESULTS = "results"
"""The results volume, among the chains of a machine's disks."""


class Note(Struct, frozen=True, kw_only=True):
    """One machine's."""

    machine: Machine | None = None
    """As it was made; None: nothing is known of it."""
    platform: Platform | None = None
    """What its memory is made on, if it is one that snapshots are taken of."""
    chains: Mapping[str, tuple[str, ...]] = {}
    """What its guest changes, `disk0`, … and `results`: the files that hold it, each upon the one before."""
    started: bool = False
    """Whether its guest has run, or may have."""
    memory: str = ""
    """The file on the host with the memory of its guest, which stands still; empty: there is none."""
    waking: bool = False
    """Whether the guest may have gone on from that."""
    goes_on: bool = False
    """Whether it is to, as soon as its memory is written."""
    ending: MachineState | None = None
    """How it ended, if its hypervisor has told and will not again."""

    @property
    def reboots(self) -> bool:
        """Whether its guest has rebooted, may, and is just being started again."""
        may = self.machine is not None and self.machine.reboots
        return may and self.ending is not None and self.ending.ending is Ending.REBOOTED


class Notes(Struct, frozen=True, kw_only=True):
    """Those of all machines of a host, each in a folder of its own."""

    folder: Path

    def of(self, machine: str) -> Path:
        """The folder of a machine."""
        return self.folder / machine

    def read(self, machine: str) -> Note:
        """What is noted."""
        try:
            return msgspec.json.decode((self.of(machine) / NOTE).read_bytes(), type=Note)
        except FileNotFoundError:
            return Note()

    def keep(self, machine: str, note: Note) -> None:
        """Note something else."""
        folder = self.of(machine)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(folder / NOTE) as file:
            file.write(msgspec.json.encode(note))

    def tell(self, machine: str, ending: MachineState) -> None:
        """Keep what is heard of how a machine ended, unless something has been."""
        with contextlib.suppress(FileExistsError, FileNotFoundError), creating(self.of(machine) / ENDING) as file:
            file.write(msgspec.json.encode(ending))

    def told(self, machine: str) -> MachineState | None:
        """What has been heard of how a machine ended."""
        with contextlib.suppress(FileNotFoundError):
            return msgspec.json.decode((self.of(machine) / ENDING).read_bytes(), type=MachineState)
        return None

    def forget(self, machine: str) -> None:
        """Leave nothing of a machine."""
        shutil.rmtree(self.of(machine), ignore_errors=True)

    def names(self) -> frozenset[str]:
        """The machines of which something is noted."""
        with contextlib.suppress(FileNotFoundError):
            return frozenset(each.name for each in self.folder.iterdir())
        return frozenset()

    @contextlib.contextmanager
    def held(self, machine: str, *, wait: bool = True) -> Iterator[bool]:
        """Keep others from what takes several steps; without `wait`, yields whether nobody is at it already."""
        folder = self.of(machine)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / LOCK).open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
            else:
                yield True
