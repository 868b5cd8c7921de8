"""A host that is reached by libvirt alone: where its machines are there, and what is known of them here."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol
from xml.etree import ElementTree as ET

from msgspec import Struct
from msgspec.structs import replace

from vmf.files.beside import creating
from vmf.model import Access, Machine, MachineState, Platform, Restored
from vmf_libvirt.client import Client
from vmf_libvirt.consoles import Consoles
from vmf_libvirt.described import tree
from vmf_libvirt.domains import Hear
from vmf_libvirt.errors import Failing, Sentence
from vmf_libvirt.naming import overlay
from vmf_libvirt.notes import RESULTS, Note, Notes
from vmf_libvirt.overlooked import Overlooked
from vmf_libvirt.place import Place
from vmf_libvirt.volumes import Volumes, pools

OWNER = "owner"
"""The file with the word that tells this user's machines from others' on the same host."""
NAMESPACE = uuid.UUID("5b0b7c3e-0f5e-4d4f-9d7b-7d0a4e6c1c55")
"""Of the ids of machines, which are made of their names: so to define one twice is as once."""


class Dialect(Struct, frozen=True, kw_only=True):
    """What one hypervisor does in its own way."""

    describe: Callable[[Machine, Place], str]
    """The XML of a machine; raises `JobFault`."""
    platform: Callable[[Client, Machine], Platform | None]
    """What a machine's memory is made on; None: on what no other host has."""
    check: Callable[[Client, Machine, Platform], None]
    """Raises `HostFault` if a machine cannot go on here from memory that was made there."""
    header: Callable[[str, int], bytes]
    """What comes before a guest's memory in a file of libvirt's, with a machine's XML: so many bytes, or more."""
    room: Callable[[bytes, int], int]
    """The bytes before a guest's memory in a file that starts so and has so many bytes; raises `Unfit`."""
    sentences: Callable[[Machine], Sequence[Sentence]]
    """What shows that it is the job's fault that a machine cannot be made."""
    judge: Callable[[int, int, bool], MachineState]
    """What libvirt's state and reason mean, by whether there is a guest."""
    pauses: bool = False
    """Whether a guest is to stand still until somebody reads its console: what nobody reads is lost."""
    failings: Callable[[Machine], Sequence[Failing]] = lambda _: ()
    """What shows what the host of a machine cannot do."""
    stumbles: Sequence[str] = ()
    """Words of an error that show that a machine may well start when it is asked again."""
    connect: Callable[[Client, Machine], None] = lambda _, __: None
    """Has there what a machine's card is connected to; raises `HostFault`."""
    locks: bool = True
    """Whether it keeps machines itself from writing to a file that another one uses."""
    told: Callable[[Callable[[Path], IO[bytes]], datetime], Sequence[str]] | None = None
    """Lines that tell why a machine could not be made, beside libvirt's, given what opens a file of the host's, and
    the time by its clock since when; None: there are none."""
    rouse: Callable[[Volumes, str], None] | None = None
    """Has libvirt look again at all guests, given the files of a machine and what names of machines begin with; None:
    it overlooks none. Raises `LibvirtFault`."""
    heard: Callable[[str, str], MachineState | None] | None = None
    """How a guest ended that the hypervisor tells of by an event, with details in JSON; None: it tells nothing."""


class Opening(Protocol):
    """Makes a client: of machines whose names in libvirt begin so, which tells `hear` of what QEMU says."""

    def __call__(self, prefix: str, *, hear: Hear | None) -> Client:
        """The client."""


class Site:
    """One host. `folder` is its own on this computer, `root` the one of its machines' files there."""

    def __init__(self, client: Opening, *, folder: Path, root: Path, dialect: Dialect) -> None:
        self.folder = folder
        self.owner = _owner(folder)
        self.prefix = f"{self.owner}-"
        self.notes = Notes(folder=folder / "machines")
        self.dialect = dialect
        self.root = root
        self.client = client(self.prefix, hear=self._hear if dialect.heard else None)
        self.consoles = Consoles(self.client, folder=self.notes.of, prefix=self.prefix)
        self.overlooked = Overlooked(self.client, self._rouse if dialect.rouse else None)

    def volumes(self, machine: str) -> Volumes:
        """A machine's files."""
        return Volumes(client=self.client, pool=f"vmf-{self.prefix}{machine}", path=self._path(machine))

    def pools(self) -> frozenset[str]:
        """The machines that have files."""
        prefix = f"vmf-{self.prefix}"
        return frozenset(name.removeprefix(prefix) for name in pools(self.client, prefix))

    def description(self, note: Note) -> str:
        """The XML of a machine, on what its guest has changed by now."""
        machine = note.machine
        if machine is None:
            raise AssertionError("a machine is noted before it is made")
        root = tree(self.dialect.describe(on_top(machine, note), self._place(machine.name)))
        name = root.find("name")
        ident = ET.Element("uuid")
        ident.text = str(uuid.uuid5(NAMESPACE, self.prefix + machine.name))
        root.insert(0 if name is None else 1, ident)
        for element in root.iter():  # what libvirt writes itself has spaces, which leave room for other words
            if not (element.text or "").strip():
                element.text = None
            element.tail = None
        return ET.tostring(root, encoding="unicode")

    def _hear(self, machine: str, event: str, details: str) -> None:
        if self.dialect.heard and (state := self.dialect.heard(event, details)):
            self.notes.tell(machine, state)

    def _rouse(self, machine: str) -> None:
        if self.dialect.rouse:
            self.dialect.rouse(self.volumes(machine), self.prefix)

    def _path(self, machine: str) -> Path:
        return self.root / self.owner / machine

    def _place(self, machine: str) -> Place:
        return Place(folder=self._path(machine), prefix=self.prefix)


def on_top(machine: Machine, note: Note) -> Machine:
    """The machine upon the files that its disks and its results volume consist of by now."""
    layers = {number: chain for number in range(len(machine.disks)) if (chain := note.chains.get(overlay(number)))}
    results, (lowest, *upper) = machine.results, note.chains.get(RESULTS) or ("",)
    if results and upper:  # it comes after all disks, and is from now on one that lies under others
        results = replace(results, file=lowest, access=Access.SNAPSHOT)
        layers[len(machine.disks)] = tuple(upper)
    restored = Restored(platform=note.platform, memory="", layers=layers) if note.platform else None
    return replace(machine, results=results, restored=restored)


def _owner(folder: Path) -> str:
    path = folder / OWNER
    with suppress(FileExistsError), creating(path) as file:
        file.write(secrets.token_hex(4).encode())
    return path.read_text()
