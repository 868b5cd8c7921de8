"""A session with a vCenter or an ESXi host: logged in once, and again when it has expired."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import closing, suppress
from typing import Final, TypeVar

from vmf.errors import HostFault, HostLost
from vmf.hookspecs import Report, unreported
from vmf.model import Host
from vmf_vmware import credentials, inventory, properties
from vmf_vmware.collector import Collector
from vmf_vmware.credentials import Credentials
from vmf_vmware.data import Data, Kind, Ref, Value, data
from vmf_vmware.faults import STALE, UNAUTHENTICATED, Dropped, VimFault
from vmf_vmware.inventory import Inventory
from vmf_vmware.machines import Machines
from vmf_vmware.settings import VmwareHost, settings
from vmf_vmware.store import Store
from vmf_vmware.tls import Server, server
from vmf_vmware.wire import REBOOTS, ROOT, Wire

PAUSES: Final = (0.1, 0.3, 1.0, 2.0, 4.0, 8.0)
"""Seconds before what may pass by itself is tried again."""
CLOSE_SECONDS: Final = 3.0
"""So long a host may take to say goodbye."""
BUSY: Final = frozenset({"TaskInProgress", "ConcurrentAccess"})
"""What another task is in the way of."""
T = TypeVar("T")


class Expired(HostLost):
    """The host no longer knows who is speaking."""


class Session:
    """A session with a host, which any thread may use.

    Everything raises `HostFault`, such as `VimFault`, if the host cannot do it, and `HostLost` if it cannot be asked.
    """

    def __init__(self, server: Server, credentials: Credentials, words: VmwareHost, *, owner: str) -> None:
        """Log in. `owner` is the word that tells this user's machines from others'."""
        self.server = server
        self._credentials = credentials
        self._words = words
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._era = 0
        """How often it has logged in; what was asked before one login is not to cause another."""
        self._inventory: Inventory | None = None
        with closing(Wire(server)) as wire:
            self.content: Data = wire.ask(ROOT, "RetrieveServiceContent", {})
        """The objects from which everything is found, see ServiceContent in the API."""
        self.about: Data = self.content["about"]
        self._wire = Wire(server, _numbers(self.about.get("apiVersion", "")))
        try:
            self._log_in(0)
        except BaseException:
            self._wire.close()
            raise
        self.collector = Collector(self, prefix=Machines.prefix(owner))
        self.store = Store(self)
        self.machines = Machines(self, owner)

    def close(self) -> None:
        """Let go of the host, waiting for none that hangs; its machines stay."""
        self._closed.set()
        parting = threading.Thread(target=self._part, name="vsphere-parting", daemon=True)
        parting.start()
        parting.join(CLOSE_SECONDS)

    @property
    def can_end_reboots(self) -> bool:
        """Whether a machine can be told to be off instead of starting again (`rebootPowerOff` of its configuration)."""
        return self._wire.version >= REBOOTS

    @property
    def is_vcenter(self) -> bool:
        """Whether it manages several hosts."""
        return bool(self.about.get("apiType") == "VirtualCenter")

    @property
    def inventory(self) -> Inventory:
        """Where machines are put; looked up when it is first asked for, and when something of it has gone.

        Raises:
            HostFault: if what the host's spec names is not there, with the names that are.
        """
        found = self._inventory
        if found is None:
            found = self._inventory = inventory.find(self, self._words)
        return found

    def call(self, ref: Ref, method: str, /, **arguments: Value) -> Value:
        """Have an object do something, in the API's own words; what it begins as a task is waited for by `run`.

        If the connection breaks meanwhile it may have been done or not: `Dropped` says so.
        """
        era = self._era
        with suppress(Expired):
            return self._asked(ref, method, arguments)
        self._log_in(era)
        return self._asked(ref, method, arguments)

    def look(self, ref: Ref, method: str, /, **arguments: Value) -> Value:
        """The same of what changes nothing: if the connection breaks, it is asked again over another one."""
        with suppress(Dropped):
            return self.call(ref, method, **arguments)
        return self.call(ref, method, **arguments)

    def run(self, ref: Ref, method: str, /, report: Report = unreported, **arguments: Value) -> Value:
        """Have an object do something that takes its time, and return the result.

        What is in the way by itself for a while is waited for; `report` is told of 100 how much is done.
        """
        return self.again(lambda: self.collector.wait(self.call(ref, method, **arguments), report), busy=True)

    def again(self, ask: Callable[[], T], *, busy: bool = False) -> T:
        """The answer; what may pass by itself, or by looking again, is asked again, a bounded number of times.

        `ask` looks up what it needs each time. With `busy`, only what another task is in the way of is asked again.
        """
        for seconds in PAUSES:
            try:
                return ask()
            except VimFault as fault:
                if not fault.verdict.passes or (busy and fault.name not in BUSY):
                    raise
            self.pause(seconds)
        return ask()

    def pause(self, seconds: float) -> None:
        """Wait for so long, or until the session is closed."""
        self._closed.wait(seconds)

    def read(self, ref: Ref, *paths: str) -> dict[str, Value]:
        """Properties of an object by their paths, as far as they are set."""
        answer = self._objects(properties.wanted([properties.single(ref)], ref.kind, paths, may_be_gone=False))
        for fault in properties.missing(answer):
            raise self._meant(fault)
        return properties.found(answer).get(ref, {})

    def read_all(self, refs: Collection[Ref], *paths: str) -> dict[Ref, dict[str, Value]]:
        """The same of several objects of one kind, without those that are gone."""
        if not refs:
            return {}
        (kind,) = {ref.kind for ref in refs}
        return properties.found(self._objects(properties.wanted([*map(properties.single, refs)], kind, paths)))

    def listed(self, under: Ref, kind: str, *paths: str) -> dict[Ref, dict[str, Value]]:
        """Every object of a kind below another one, with its properties; one that goes meanwhile is left out."""
        manager = self.content["viewManager"]
        view = self.look(manager, "CreateContainerView", container=under, type=[Kind(kind)], recursive=True)
        try:
            return properties.found(self._objects(properties.wanted([properties.viewed(view)], kind, paths)))
        finally:
            with suppress(HostFault):  # it goes with the session at the latest
                self.call(view, "DestroyView")

    @property
    def cookie(self) -> str:
        """What tells the host that a request of HTTP is of this session."""
        return self._wire.cookie

    def renew(self) -> None:
        """See that the session is alive, and log in if it is not."""
        era = self._era
        if "currentSession" not in self.read(self.content["sessionManager"], "currentSession"):
            self._log_in(era)

    def _part(self) -> None:
        self.collector.close()
        with suppress(HostFault):  # whoever it does not answer is let go of anyway
            self._wire.ask(self.content["sessionManager"], "Logout", {})
        self._wire.close()

    def _asked(self, ref: Ref, method: str, arguments: Mapping[str, Value]) -> Value:
        try:
            return self._wire.ask(ref, method, arguments)
        except VimFault as fault:
            raise self._meant(fault) from None

    def _meant(self, fault: VimFault) -> HostFault:
        """What a fault is to a session."""
        if fault.is_(UNAUTHENTICATED):
            return Expired(fault.brief, hint=fault.hint)
        if fault.is_(STALE):
            self._inventory = None  # it may be of that
        return fault

    def _objects(self, spec: Data) -> list[Data]:
        """What is told of objects; a server may also tell property by property that the session has expired."""
        era = self._era
        answer = self._retrieved(spec)
        if any(fault.is_(UNAUTHENTICATED) for fault in properties.missing(answer)):
            self._log_in(era)
            answer = self._retrieved(spec)
        return answer

    def _retrieved(self, spec: Data) -> list[Data]:
        collector = self.content["propertyCollector"]
        found: list[Data] = []
        answer = self.look(collector, "RetrievePropertiesEx", specSet=[spec], options=data("RetrieveOptions"))
        while answer is not None:
            found += answer.get("objects", ())
            token = answer.get("token")
            answer = self.look(collector, "ContinueRetrievePropertiesEx", token=token) if token else None
        return found

    def _log_in(self, era: int) -> None:
        """Log in, unless somebody has since."""
        with self._lock:
            if self._era != era:
                return
            known = self._credentials
            self._wire.forget()
            try:
                words = {"userName": known.user, "password": known.password}
                self._wire.ask(self.content["sessionManager"], "Login", words)
            except VimFault as fault:
                what = f"{self.server} does not let {known.user} in: {fault.brief}"
                raise HostLost(what, hint=fault.hint) from fault
            self._era += 1


def opened(host: Host, owner: str) -> Session:
    """A session with a host.

    Raises:
        SetupError: if this computer knows no credentials for it, or cannot read what the spec names.
        HostLost: if it does not answer, is not the one that it should be, or does not let us in.
    """
    words = settings(host)
    found = server(host.connection, words.pin)
    known = credentials.find(host, os.environ)
    found.greet()
    return Session(found, known, words, owner=owner)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
