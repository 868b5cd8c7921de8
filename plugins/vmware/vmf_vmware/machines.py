"""A host's machines that are this user's: found by the mark in their own configuration, and told what to do."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from vmf.errors import HostFault
from vmf_vmware import events
from vmf_vmware.data import Data, Ref, Value, data
from vmf_vmware.events import Happened
from vmf_vmware.faults import STALE, VimFault
from vmf_vmware.paths import DatastorePath

if TYPE_CHECKING:
    from vmf_vmware.session import Session

OWNER: Final = "vmf.owner"
MACHINE: Final = "vmf.machine"
"""The keys of the mark in a machine's configuration: whose it is, and which one."""
POWER: Final = "runtime.powerState"
EXTRA: Final = "config.extraConfig"
ON, OFF, SUSPENDED = "poweredOn", "poweredOff", "suspended"
VERBS: Final[Mapping[str, str]] = MappingProxyType({
    ON: "PowerOnVM_Task",
    OFF: "PowerOffVM_Task",
    SUSPENDED: "SuspendVM_Task",
})  # fmt: skip
"""What leads to a state."""
APPEARING_SECONDS: Final = 5.0
"""How long a host may take to show a machine whose files are there."""
LOOK_SECONDS: Final = 0.1
TAKEN: Final = ("DuplicateName", "AlreadyExists", "FileAlreadyExists")
"""What is said of a machine that is there already."""
TOOLLESS: Final = "ToolsUnavailable"

T = TypeVar("T")


class Machines:
    """The machines of one user on a host, by the names that vmf has for them.

    Everything raises `HostFault`, such as `VimFault`, if the host cannot do it, and `HostLost` if it cannot be asked.
    """

    def __init__(self, session: Session, owner: str) -> None:
        """`owner` is the word that tells this user's machines from others'."""
        self._session = session
        self.owner = owner
        self._lock = threading.Lock()
        self._refs: dict[str, Ref] = {}
        """Where machines were found; a reference may have become stale."""

    @staticmethod
    def prefix(owner: str) -> str:
        """What the names of a user's machines begin with in the inventory."""
        return f"vmf-{owner}-"

    def called(self, name: str) -> str:
        """What a machine is called in the inventory."""
        return self.prefix(self.owner) + name

    def mark(self, name: str) -> tuple[Data, ...]:
        """What belongs into the `extraConfig` of a machine, by which it is found again."""
        values = {OWNER: self.owner, MACHINE: name}
        return tuple(data("OptionValue", key=key, value=value) for key, value in values.items())

    def find(self, name: str) -> Ref | None:
        """Look for a machine; None if there is none."""
        ref = self._marked(self.called(name)).get(name)
        with self._lock:
            self._refs.pop(name, None)
            if ref:
                self._refs[name] = ref
        return ref

    def names(self) -> tuple[str, ...]:
        """Every machine that carries this user's mark."""
        return tuple(sorted(self._marked(self.prefix(self.owner), whole=False)))

    def on(self, name: str, ask: Callable[[Ref], T]) -> T | None:
        """Ask something of a machine; None if there is none. A reference that is stale is looked up again."""
        with self._lock:
            known = self._refs.get(name)
        if known:
            try:
                return ask(known)
            except VimFault as fault:
                if not fault.is_(STALE):
                    raise
        found = self.find(name)
        return None if found is None else ask(found)

    def look(self, name: str, *paths: str) -> dict[str, Value] | None:
        """Properties of a machine by their paths, as far as they are set; None if there is no such machine."""
        return self.on(name, lambda ref: self._session.read(ref, *paths))

    def create(self, name: str, config: Data) -> Ref:
        """Have a machine as a `VirtualMachineConfigSpec` says, with its mark; one that is there stays as it is."""
        return self._made(name, "CreateVM_Task", lambda: {"config": config} | self._place())

    def register(self, name: str, path: DatastorePath) -> Ref:
        """Have the machine that a .vmx file describes, with its mark; likewise."""
        words = {"path": str(path), "name": self.called(name), "asTemplate": False}
        return self._made(name, "RegisterVM_Task", lambda: words | self._place())

    def reconfigure(self, name: str, config: Data) -> None:
        """Change a machine as a `VirtualMachineConfigSpec` says."""
        self._do(name, lambda ref: self._session.run(ref, "ReconfigVM_Task", spec=config))

    def power(self, name: str) -> str | None:
        """`ON`, `OFF` or `SUSPENDED`; None if there is no such machine."""
        found = self.look(name, POWER)
        return None if found is None else str(found[POWER])

    def set_power(self, name: str, wanted: str) -> None:
        """Have a machine in a state; one that is in it already stays as it is."""

        def turn(ref: Ref) -> None:
            if self._session.read(ref, POWER).get(POWER) != wanted:
                self._session.run(ref, VERBS[wanted])

        self._do(name, turn)

    def ask_off(self, name: str) -> bool:
        """Ask a machine's guest to power off; False if nothing in it listens. One that does not run stays as it is."""

        def ask(ref: Ref) -> None:
            if self._session.read(ref, POWER).get(POWER) == ON:
                self._session.call(ref, "ShutdownGuest")

        try:
            self._do(name, ask)
        except VimFault as fault:
            if fault.is_(TOOLLESS):
                return False
            raise
        return True

    def snapshot(self, name: str, label: str, *, memory: bool) -> Ref:
        """Take a machine as it is, with its memory or without; return the snapshot."""
        words: dict[str, Value] = {"name": label, "memory": memory, "quiesce": False}
        taken: Ref = self._do(name, lambda ref: self._session.run(ref, "CreateSnapshot_Task", **words))
        return taken

    def remove_snapshots(self, name: str) -> None:
        """Let go of all snapshots of a machine, whose disks become one file each again."""
        self._do(name, lambda ref: self._session.run(ref, "RemoveAllSnapshots_Task", consolidate=True))

    def unregister(self, name: str) -> None:
        """Take a machine that is off out of the inventory; its files stay. Absent is success."""
        self._away(name, lambda ref: self._session.call(ref, "UnregisterVM"))

    def happened(self, name: str) -> tuple[Happened, ...]:
        """What has happened to a machine since it was last started, the oldest first; nothing, if there is none."""
        return self.on(name, lambda ref: events.since_start(self._session, ref)) or ()

    def _marked(self, called: str, *, whole: bool = True) -> dict[str, Ref]:
        """The machines with this user's mark that are called so, or whose names begin so if it is not the whole name.

        One whose configuration cannot be read now, as its host or its datastore is away, is known by its name alone.
        """
        prefix = self.prefix(self.owner)
        every = self._session.listed(self._session.inventory.datacenter, "VirtualMachine", "name")
        names = {ref: str(each.get("name", "")) for ref, each in every.items()}
        fitting = {ref: name for ref, name in names.items() if (name == called if whole else name.startswith(called))}
        found = {}
        for ref, each in self._session.read_all(fitting.keys(), EXTRA).items():
            known = {one["key"]: one["value"] for one in each.get(EXTRA, ())}
            if EXTRA not in each or known.get(OWNER) == self.owner:
                found[str(known.get(MACHINE, fitting[ref].removeprefix(prefix)))] = ref
        return found

    def _place(self) -> dict[str, Value]:
        inventory = self._session.inventory
        return {"pool": inventory.pool, "host": inventory.host}

    def _made(self, name: str, method: str, words: Callable[[], Mapping[str, Value]]) -> Ref:
        session = self._session
        return self._adopted(name, lambda: session.run(session.inventory.folder, method, **words()))

    def _adopted(self, name: str, make: Callable[[], Value]) -> Ref:
        """The machine of this name, made unless it is there."""

        def find_or_make() -> Ref:
            if found := self.find(name):
                return found
            try:
                made: Ref = make()
            except VimFault as fault:
                if fault.name in TAKEN and (found := self._appearing(name)):
                    return found
                raise
            with self._lock:
                self._refs[name] = made
            return made

        return self._session.again(find_or_make)

    def _appearing(self, name: str) -> Ref | None:
        """The machine of this name that somebody is just making: its files are there before it is."""
        deadline = time.monotonic() + APPEARING_SECONDS
        while (found := self.find(name)) is None and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        return found

    def _do(self, name: str, act: Callable[[Ref], T]) -> T:
        """What comes of telling a machine something; where that did not fit it, it is looked at again."""

        def do() -> tuple[T] | None:
            return self.on(name, lambda ref: (act(ref),))

        if (done := self._session.again(do)) is None:
            raise HostFault(f"machine {name} is not there")
        return done[0]

    def _away(self, name: str, act: Callable[[Ref], object]) -> None:
        with suppress(KeyError):
            self._session.again(lambda: self.on(name, act))
            with self._lock:
                del self._refs[name]
