"""A host behind libvirt that is made up: one guest, whose memory is in it or in a file, and what a killed vmf leaves.

What libvirt or a disk would do is done here at once, and each call of it is a step at which vmf can be killed.
"""

from __future__ import annotations

import io
import struct
from pathlib import Path
from types import SimpleNamespace

from vmf.disks.reading import Unfit
from vmf.model import DiskFormat, Machine, MachineDisk, MachineFacts, Platform
from vmf_libvirt import keeping
from vmf_libvirt.errors import LibvirtFault
from vmf_libvirt.notes import Note, Notes
from vmf_libvirt.overlooked import Overlooked
from vmf_libvirt.remote import Remote
from vmf_libvirt.site import Dialect
from vmf_libvirt.states import FOUND_RUNNING, DomainState, ShutoffReason, machine_state

ROOM = 64
"""Bytes before a guest's memory."""
START, MAGIC = struct.Struct("<4sI"), b"save"
SIZE = 2**20
NAME = "m"
FOLDER = Path("/srv/m")
PLATFORM = Platform(type="xen", accelerator="xen", version="4.17.0", machine="pv", cpu="xen", vendor="AMD")
MACHINE = Machine(
    name=NAME,
    memory=2**28,
    cpus=1,
    accelerator="xen",
    disks=(MachineDisk(file="/images/disk.raw", format=DiskFormat.RAW),),
    results=MachineDisk(file="results", format=DiskFormat.RAW),
)
RUNNING = (DomainState.RUNNING, 1)
PAUSED = (DomainState.PAUSED, 1)
SAVED = (DomainState.SHUTOFF, ShutoffReason.SAVED)
FORGOTTEN = (DomainState.SHUTOFF, ShutoffReason.UNKNOWN)
DESTROYED = (DomainState.SHUTOFF, ShutoffReason.DESTROYED)
POWERED_OFF = (DomainState.SHUTOFF, ShutoffReason.SHUTDOWN)
ALIVE = (RUNNING, FOUND_RUNNING, PAUSED)
NO_JOB = 0


class Killed(BaseException):
    """vmf is gone."""


class World:
    """All that stays when vmf is killed.

    Attributes:
        standing: libvirt's state and reason; None: there is no machine.
        described: the last description of it that libvirt was given.
        lived: how often the guest has gone on; its memory tells.
        files: of the machine's folder.
        job: libvirt's number of what the machine is in the middle of.
        faults: what the next calls of these names raise.
        left: how many steps vmf lives.
        kept: whether a guest is there although it is off.
        idle: whether it takes no processor time; each look at it takes some otherwise.
        clock: the time on the host.
        roused: the machines for which libvirt was to look again.
    """

    def __init__(self, folder, *, pauses=False):
        self.notes = Notes(folder=folder)
        self.dialect = Dialect(
            describe=lambda _machine, _place: "",
            platform=lambda _client, _machine: PLATFORM,
            check=lambda _client, _machine, _kept: None,
            header=header,
            room=room,
            sentences=lambda _: (),
            judge=lambda state, reason, _active: machine_state(state, reason),
            pauses=pauses,
        )
        self.standing, self.lived, self.kept, self.job = RUNNING, 1, False, NO_JOB
        self.files = {"results": bytes(SIZE)}
        self.faults = {}
        self.seconds, self.idle = 1.0, False
        self.clock = None
        self.roused, self.watchers = [], []
        self.left = -1
        self.said = []
        self.described = ""
        note = Note(machine=MACHINE, platform=PLATFORM, started=True, chains={"results": ("results",)})
        self.notes.keep(NAME, note)

    def site(self):
        """The host, as a process of vmf's sees it that has just begun."""
        return SimpleNamespace(
            notes=_Stepping(self, self.notes),
            client=_Stepping(self, _Client(self)),
            volumes=lambda _machine: _Stepping(self, Files(self.files, self.step)),
            consoles=SimpleNamespace(begin=self.said.append, finish=lambda _machine: None, said=lambda _machine: 7),
            dialect=self.dialect,
            overlooked=Overlooked(_Client(self), self.rouse),
            description=lambda note: " ".join(name for chain in note.chains.values() for name in chain) or "new",
        )

    def rouse(self, machine):
        """libvirt sees that a guest is not there any more that takes no time."""
        self.roused.append(machine)
        if "rouse" in self.faults:
            raise self.faults.pop("rouse")

    def remote(self):
        """The same with all verbs."""
        remote = Remote(
            lambda _prefix, *, hear: _Stepping(self, _Client(self)),  # noqa: ARG005  # the name is `Opening`'s
            folder=self.notes.folder.parent,
            root=FOLDER.parent,
            dialect=self.dialect,
        )
        remote.site.notes = _Stepping(self, self.notes)
        remote.site.volumes = lambda _machine: _Stepping(self, Files(self.files, self.step, self.clock))
        return remote

    def step(self):
        """Be killed, if it is time."""
        self.left -= 1
        if self.left == 0:
            raise Killed

    def forget(self):
        """libvirt is started again: it knows nothing any more of a guest that is off."""
        if self.standing not in ALIVE:
            self.standing = FORGOTTEN


class _Stepping:
    """Before and after each call vmf can be killed."""

    def __init__(self, world, inner):
        self._world, self._inner = world, inner

    def __getattr__(self, name):
        found = getattr(self._inner, name)
        if not callable(found) or name in {"held", "read", "of"}:
            return found

        def call(*words, **named):
            self._world.step()
            if name in self._world.faults:
                raise self._world.faults.pop(name)
            answer = found(*words, **named)
            self._world.step()
            return answer

        return call


class _Domain:
    def __init__(self, world):
        self._world = world

    def state(self):
        return self._world.standing

    def info(self):
        self._world.seconds += not self._world.idle
        return (*self._world.standing[:1], MACHINE.memory, MACHINE.memory, 1, int(self._world.seconds * 10**9))

    def isActive(self):  # noqa: N802  # libvirt's word
        return self._world.standing in ALIVE or self._world.kept

    def jobInfo(self):  # noqa: N802  # likewise
        return (self._world.job,)


class _Link:
    def listAllStoragePools(self, _flags):  # noqa: N802  # libvirt's word
        return []

    def newStream(self, _flags):  # noqa: N802  # likewise
        raise LibvirtFault("there are no consoles here")


class _Client:
    def __init__(self, world):
        self._world = world

    def watch(self, notify):
        self._world.watchers.append(notify)

    def on(self, _machine, ask):
        return None if self._world.standing is None else ask(_Domain(self._world))

    def state(self, _machine):
        return machine_state(*self._world.standing)

    def call(self, ask):
        return ask(_Link())

    def found(self, _machine):
        return self._world.standing

    def facts(self, _machine):
        return MachineFacts(memory=MACHINE.memory) if self._world.standing in ALIVE else None

    def description(self, _machine):
        return ""

    def machines(self):
        return () if self._world.standing is None else (NAME,)

    def define(self, _machine, description):
        self._world.described = description
        self._world.standing = self._world.standing or FORGOTTEN

    def start(self, _machine, was_started, *, paused):
        if not was_started(*self._world.standing):
            self._world.lived += 1
            self._world.standing = PAUSED if paused else RUNNING

    def undefine(self, _machine):
        assert self._world.standing not in ALIVE, "it is off before"
        self._world.standing = None

    def ask_off(self, _machine):
        self._world.standing = POWERED_OFF

    def put_away(self, _machine, file):
        assert self._world.standing == RUNNING, "a guest has to help to save itself"
        self._world.files[Path(file).name] = header("libvirt's own", ROOM) + b"%d" % self._world.lived
        self._world.standing = SAVED

    def bring_back(self, file, *, paused=False):
        assert Path(file).parent == FOLDER
        memory = self._world.files[Path(file).name]
        if self._world.standing in ALIVE:
            raise LibvirtFault("domain is already active")
        before = room(memory, len(memory))
        assert b"libvirt's own" not in memory[:before], "vmf describes what goes on"
        assert int(memory[before:]) == self._world.lived, "the guest has lived on since"
        self._world.lived += 1
        self._world.standing = PAUSED if paused else RUNNING

    def suspend(self, _machine):
        self._world.standing = PAUSED

    def resume(self, _machine):
        self._world.standing = RUNNING

    def force_off(self, _machine):
        if self._world.standing in ALIVE or self._world.kept:
            self._world.standing, self._world.kept = DESTROYED, False


class Files:
    """A machine's, as `Volumes` has them; `step` is called where the old one is gone and the new one not yet there."""

    path = FOLDER

    def __init__(self, files, step=lambda: None, clock=None):
        self._files, self._step, self._clock = files, step, clock

    def make(self):
        pass

    def remove(self):
        self._files.clear()

    def open(self, name):
        if name not in self._files:
            raise FileNotFoundError(name)
        return io.BytesIO(self._files[name])

    def write(self, name, content):
        self._files[name] = content

    def store(self, name, source, _report):
        source.seek(0)
        self._files[name] = source.read()

    def put(self, name, source, _report):
        self.discard(name)
        self._step()
        self._files[name] = source.read_bytes()

    def overwrite(self, name, start):
        self._files[name] = start + self._files[name][len(start) :]

    def now(self):
        return self._clock

    def discard(self, name):
        self._files.pop(name, None)

    def taken(self):
        return dict.fromkeys(self._files, 1)


def state(world):
    """How the guest is to one who looks."""
    return keeping.state(world.site(), NAME)


def header(description, room):
    """What is written before a guest's memory."""
    xml = description.encode().ljust(room - START.size)
    return START.pack(MAGIC, START.size + len(xml)) + xml


def room(start, _size):
    """The bytes before the memory."""
    magic, before = START.unpack_from(start.ljust(START.size))
    if magic != MAGIC:
        raise Unfit("it is not a guest's memory", hint="go on from another checkpoint")
    return before
