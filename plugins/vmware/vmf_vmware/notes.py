"""What is known of a machine on this computer alone: what was put, what its disks held, how it ended."""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from vmf.files.beside import creating, replacing
from vmf.model import DiskFormat, Machine, MachineState, Platform

OWNER = "owner"
"""The file with the word that tells this user's machines from others' on the same host."""
_NOTE = "note.json"
_LOCK = "lock"


class Note(Struct, frozen=True, kw_only=True):
    """One machine's."""

    machine: Machine | None = None
    """As it was made; None: nothing is known of it."""
    platform: Platform | None = None
    """What its memory is made on."""
    formats: Mapping[str, DiskFormat] = {}
    """What the disks were that were put, by their names."""
    foreign: int = 0
    """How many disks it has of a folder that VMware kept; they are counted on from the job's."""
    has_nvram: bool = False
    """Whether its firmware keeps something that goes along with its memory: UEFI does."""
    started: bool = False
    """Whether its guest has run, or may have."""
    forced: bool = False
    """Whether somebody has asked for its end by force."""
    ending: MachineState | None = None
    """How it ended."""
    chains: Mapping[str, tuple[str, ...]] = {}
    """What has been taken of each disk, `disk0`, …: files of this computer, each upon the one before."""
    taken: Mapping[str, str] = {}
    """What the last snapshot has frozen, by the names by which it is fetched: paths on the host."""


class Notes(Struct, frozen=True, kw_only=True):
    """Those of all machines of a host, each in a folder of its own."""

    folder: Path

    def of(self, machine: str) -> Path:
        """The folder of a machine."""
        return self.folder / machine

    def file(self, machine: str, name: str) -> Path:
        """A file that is kept here for a machine, in whose folder it can be made."""
        self._made(machine)
        return self.of(machine) / f"kept-{name}"

    def read(self, machine: str) -> Note:
        """What is noted."""
        try:
            return msgspec.json.decode((self.of(machine) / _NOTE).read_bytes(), type=Note)
        except FileNotFoundError:
            return Note()

    def keep(self, machine: str, note: Note) -> Note:
        """Note something else; the same."""
        self._made(machine)
        with replacing(self.of(machine) / _NOTE) as file:
            file.write(msgspec.json.encode(note))
        return note

    def forget(self, machine: str) -> None:
        """Leave nothing of a machine."""
        shutil.rmtree(self.of(machine), ignore_errors=True)

    def names(self) -> frozenset[str]:
        """The machines of which something is noted."""
        with contextlib.suppress(FileNotFoundError):
            return frozenset(each.name for each in self.folder.iterdir())
        return frozenset()

    @contextlib.contextmanager
    def held(self, machine: str) -> Iterator[None]:
        """Keep others from what takes several steps."""
        self._made(machine)
        with (self.of(machine) / _LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _made(self, machine: str) -> None:
        self.of(machine).mkdir(mode=0o700, parents=True, exist_ok=True)


def owner(folder: Path) -> str:
    """The word that tells the machines of this folder's user from others' on the same host."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / OWNER
    with contextlib.suppress(FileExistsError), creating(path) as file:
        file.write(secrets.token_hex(4).encode())
    return path.read_text()
