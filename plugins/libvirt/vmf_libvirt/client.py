"""Speaking to a libvirt daemon: one connection, and what is asked of it.

A `Client` is one connection that is opened anew when it breaks. libvirt wants one event loop per process, on a thread
that never ends; `dial` starts it before the first connection.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from typing import Any, TypeVar

import libvirt

from vmf.errors import HostFault, HostLost
from vmf.model import MachineFacts, MachineState, Power
from vmf_libvirt import domains
from vmf_libvirt.domains import Domain, Hear
from vmf_libvirt.errors import Code, LibvirtFault
from vmf_libvirt.keeper import Keeper, begin
from vmf_libvirt.states import machine_state
from vmf_libvirt.subscription import Subscription

KEEPALIVE_SECONDS = 5
KEEPALIVE_MISSES = 2
"""A daemon that is silent for (misses + 1) x seconds is taken for gone, and the calls that wait for it fail."""

LOST_SECONDS = 20.0
"""A daemon that closes the console of a machine which ends may lose its answer to whoever ended it (libvirt 9.0, Xen).
So it is asked whether the machine is off, when so much time has passed, and again; then it has as long to answer."""

KIBIBYTE = 1024
ACTIVE = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
ITSELF = 0
"""The number of the domain that the daemon itself runs in, on hypervisors that have such a one."""

log = logging.getLogger(__name__)
T = TypeVar("T")
Link = libvirt.virConnect


def dial(uri: str) -> Link:
    """Open one connection, however long a daemon that hangs lets it wait.

    Raises:
        HostLost: if nobody answers.
    """
    _event_loop()
    try:
        link = libvirt.open(uri)
        with domains.despite(Code.NO_SUPPORT):  # a driver within this process has nothing to keep alive
            link.setKeepAlive(KEEPALIVE_SECONDS, KEEPALIVE_MISSES)
    except libvirt.libvirtError as error:
        raise HostLost(f"libvirt does not answer at {uri}: {error}") from error
    return link


@functools.cache
def _event_loop() -> threading.Thread:
    """Start the process's event loop, once; it also keeps libvirt from printing errors that are raised anyway."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    libvirt.virEventRegisterDefaultImpl()
    thread = threading.Thread(target=_run_events, name="libvirt-events", daemon=True)
    thread.start()
    return thread


def _run_events() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError:
            log.exception("libvirt's event loop stumbled")


class Line:
    """A link whose events are passed on.

    It is never closed: it closes itself when nobody has it any more, for others may still be waiting for its answer.
    """

    def __init__(self, link: Link, tell: Callable[[str], None], hear: Hear | None) -> None:
        self.link = link
        self._registered: list[Callable[[], object]] = []
        try:
            events = link.domainEventRegisterAny(
                None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, lambda _link, domain, *_: tell(domain.name()), None
            )
            self._registered.append(functools.partial(link.domainEventDeregisterAny, events))
            link.registerCloseCallback(lambda *_: tell(""), None)
            self._registered.append(link.unregisterCloseCallback)
            if hear:
                self._registered.append(domains.listen(link, hear))
        except libvirt.libvirtError as error:
            raise HostLost(f"libvirt went away at once: {error}") from error

    def detach(self) -> None:
        """Take back what was registered, without which a link is never freed; one that is broken objects to each."""
        for take_back in self._registered:
            with contextlib.suppress(libvirt.libvirtError):
                take_back()


class Client:
    """A connection that is opened anew, once per call, when it is found broken.

    What was asked when it broke may have been done or not, and is asked again: so everything that is asked here comes
    to the same whether it is done once or twice.

    `open_link` makes sure that a daemon is there and dials it. `prefix` is what the names of this client's machines
    begin with in libvirt: no others are there for it. `hear`, on a thread of libvirt's, is told what QEMU says of a
    guest's end. Every method may be called on any thread and raises `LibvirtFault`, or `HostLost` if there is no daemon
    any more, or one that hangs; when that one goes on, so does the client.
    """

    def __init__(self, open_link: Callable[[], Link], prefix: str = "", *, hear: Hear | None = None) -> None:
        self._open_link = open_link
        self._prefix = prefix
        self._hear = hear
        self._lock = threading.Lock()
        self._watchers: tuple[Subscription, ...] = ()
        self._lines = Keeper(self._open, Line.detach)
        try:
            self._lines.get()
        except BaseException:
            self.close()  # a link that comes too late is not kept
            raise

    def close(self) -> None:
        """Let go of the daemon, waiting for none that hangs; machines stay, watchers hear nothing more."""
        with self._lock:
            self._watchers = ()
        self._lines.close()

    def watch(self, notify: Callable[[str], None]) -> Subscription:
        """Call `notify` with the name of each machine that may have changed; empty: any of them may."""
        watcher = Subscription(notify, self._forget)
        with self._lock:
            self._watchers = (*self._watchers, watcher)
        return watcher

    def call(self, ask: Callable[[Link], T]) -> T:
        """Ask something of the daemon; once more over a new link if this one turns out broken.

        Once more over the same if nothing is known of an error: something of libvirt's that is freed on the same
        thread, at a moment of Python's choice, has libvirt forget why the call before has failed.
        """
        line = self._lines.get()
        try:
            return ask(line.link)
        except libvirt.libvirtError as error:
            if not _alive(line.link):
                log.info("the connection to libvirt broke; a new one is needed")
                line = self._lines.get(broken=line)
            elif error.get_error_code() is not None:
                raise _fault(error) from error
        return _asked(line, ask, "libvirt went away twice")

    def once(self, machine: str, ask: Callable[[Domain], T]) -> T:
        """Ask something of a machine that must not be asked twice; a link that breaks leaves it open whether it was."""

        def find(link: Link) -> T:
            return ask(link.lookupByName(self._prefix + machine))

        return _asked(self._lines.get(), find, "libvirt went away meanwhile")

    def blame(self, link: Link, error: libvirt.libvirtError, *, lost: bool) -> None:
        """Say whose fault it is that something went wrong over a link that was used beside `call`.

        A link that broke is no fault, unless `lost`: whoever asks again gets another one.
        """
        if _alive(link):
            raise _fault(error) from error
        if lost:
            raise HostLost(f"libvirt went away meanwhile: {error}") from error

    def on(self, machine: str, ask: Callable[[Domain], T]) -> T | None:
        """Ask something of a machine; None if there is no such machine."""

        def find(link: Link) -> T | None:
            try:
                return ask(link.lookupByName(self._prefix + machine))
            except libvirt.libvirtError as error:
                if error.get_error_code() == Code.NO_DOMAIN:
                    return None
                raise

        return self.call(find)

    def found(self, machine: str) -> tuple[int, int] | None:
        """State and reason in libvirt's numbers, see `vmf_libvirt.states`; None if there is no such machine."""
        return self.on(machine, domains.state)

    def state(self, machine: str) -> MachineState:
        """What libvirt says of a machine; ABSENT if nothing."""
        found = self.found(machine)
        return MachineState(power=Power.ABSENT) if found is None else machine_state(*found)

    def facts(self, machine: str) -> MachineFacts | None:
        """What is known of a machine; None if it does not run."""
        return self.on(machine, domains.facts)

    def monitor(self, machine: str, command: str) -> str:
        """What a running machine's QEMU answers to a command of its human monitor; empty if none runs."""
        return self.on(machine, lambda domain: domains.monitor(domain, command)) or ""

    def disk_errors(self, machine: str) -> Mapping[str, int]:
        """The disks that have stopped a machine: name to libvirt's `virDomainDiskErrorCode`."""
        return self.on(machine, domains.disk_errors) or {}

    def description(self, machine: str) -> str:
        """The XML in which libvirt describes a machine; empty if there is none."""
        return self.on(machine, lambda domain: domain.XMLDesc()) or ""

    def update(self, machine: str, device: str) -> None:
        """Change a device of a machine that runs, and in its definition, to what its XML says now."""
        self.on(machine, functools.partial(domains.update, device=device))

    def agent(self, machine: str, command: str, *, seconds: int = domains.AGENT_SECONDS) -> str:
        """What a guest's agent answers to a command within so many seconds, both in JSON."""
        return self.once(machine, functools.partial(domains.agent, command=command, seconds=seconds))

    def define(self, machine: str, xml: str) -> None:
        """Define a machine, which is off then; one of this name that carries vmf's mark stays as it is."""

        def define(link: Link) -> None:
            try:
                link.defineXML(xml)
            except libvirt.libvirtError:
                if machine not in self._ours(link):
                    raise

        self.call(define)

    def start(self, machine: str, was_started: Callable[[int, int], bool], *, paused: bool = False) -> None:
        """Start a defined machine, unless `was_started` says of its state and reason that this has been done.

        It is asked anew after a reconnect: the guest may have come to its end before the answer to the first start.
        """

        def start(domain: Domain) -> bool:
            if not was_started(*domains.state(domain)):
                domains.start(domain, paused=paused)
            return True

        if self.on(machine, start) is None:
            raise HostFault(f"machine {machine} vanished before it was started")

    def begin(self, description: str) -> None:
        """Start a machine that is defined as this says in place of its definition, which it keeps; it stands still."""
        paused = libvirt.VIR_DOMAIN_START_PAUSED
        _asked(self._lines.get(), lambda link: link.createXML(description, paused), "libvirt went away meanwhile")

    def plug(self, machine: str, device: str) -> None:
        """Give a machine that runs a device that it is defined to have."""
        self.once(machine, functools.partial(domains.plug, device=device))

    def cap(self, machine: str, *, memory: int) -> None:
        """Bound what a machine that runs takes beside its guest: a processor's worth of time, `memory` bytes in all.

        Where libvirt has no cgroups to do it by, nothing is bounded.
        """
        self.on(machine, functools.partial(domains.cap, memory=memory))

    def ask_off(self, machine: str) -> None:
        """Press the power button of a machine, if it runs; one that is paused stays so."""
        self.on(machine, domains.ask_off)

    def force_off(self, machine: str) -> None:
        """End a machine, if it runs; it is off on return."""
        self._end(machine, lambda: self.on(machine, domains.force_off))

    def suspend(self, machine: str) -> None:
        """Have the guest of a machine stand still, if it runs."""
        self.on(machine, domains.suspend)

    def save(self, machine: str, file: str) -> None:
        """Put a guest's memory into a file and end its machine, if it runs."""
        self._end(machine, lambda: self.on(machine, functools.partial(domains.save, file=file)))

    def resume(self, machine: str) -> None:
        """Have a guest go on that stands still in its memory."""
        self.on(machine, domains.resume)

    def put_away(self, machine: str, file: str) -> None:
        """Put a guest's memory into a file and end its machine; unlike `save`, of any driver of libvirt's."""
        self._end(machine, lambda: self.once(machine, functools.partial(domains.put_away, file=file)))

    def bring_back(self, file: str, *, paused: bool = False) -> None:
        """Have the machine that a file with a guest's memory describes go on, or stand still with that."""
        flags = libvirt.VIR_DOMAIN_SAVE_PAUSED if paused else 0
        _asked(self._lines.get(), lambda link: link.restoreFlags(file, None, flags), "libvirt went away meanwhile")

    def restore(self, machine: str, file: str) -> None:
        """Have a machine, as it is defined, read its guest's memory from a file; the guest stands still then."""
        self.once(machine, functools.partial(domains.restore, file=file))

    def undefine(self, machine: str) -> None:
        """Remove the definition of a machine that is off, and all that libvirt keeps with it."""
        self.on(machine, domains.undefine)

    def machines(self) -> tuple[str, ...]:
        """The names of all machines that carry vmf's mark."""
        return self.call(self._ours)

    def versions(self) -> dict[str, int]:
        """The versions of the hypervisor and of the daemon's libvirt, as libvirt packs them: 9.1.2 is 9001002."""
        return self.call(lambda link: {link.getType().lower(): link.getVersion(), "libvirt": link.getLibVersion()})

    def computer(self) -> tuple[int, int, str]:
        """The memory that machines can have all together, in bytes, the processors, and their architecture."""

        def look(link: Link) -> tuple[int, int, str]:
            told: Any = link.getInfo()
            guests = sum(int(each.info()[2]) for each in link.listAllDomains(ACTIVE) if each.ID() != ITSELF)
            return int(link.getFreeMemory()) + guests * KIBIBYTE, int(told[2]), str(told[0])

        return self.call(look)

    def capabilities(self) -> str:
        """The XML in which libvirt says what the host can do."""
        return self.call(lambda link: link.getCapabilities())

    def machine_capabilities(self) -> str:
        """The XML in which libvirt says what a machine of its usual kind can have."""
        return self.call(lambda link: link.getDomainCapabilities())

    def _end(self, machine: str, ask: Callable[[], None]) -> None:
        """Ask for the end of a machine; one that is off has ended, though nobody answers long after that was seen."""
        answer, is_off = begin(ask), False
        while not wait([answer], LOST_SECONDS).done:
            if is_off:
                log.warning("%s is off, of which libvirt does not tell", machine)
                return
            _, _, is_there = self.on(machine, domains.standing) or (0, 0, False)
            is_off = not is_there
        answer.result()

    def _forget(self, watcher: Subscription) -> None:
        with self._lock:
            self._watchers = tuple(each for each in self._watchers if each is not watcher)

    def _ours(self, link: Link) -> tuple[str, ...]:
        marked = (each.name() for each in link.listAllDomains() if domains.marked(each))
        return tuple(name.removeprefix(self._prefix) for name in marked if name.startswith(self._prefix))

    def _tell_of(self, domain: str) -> None:
        if domain.startswith(self._prefix) or not domain:
            self._tell(domain.removeprefix(self._prefix))

    def _heard(self, domain: str, event: str, details: str) -> None:
        if self._hear and domain.startswith(self._prefix):
            self._hear(domain.removeprefix(self._prefix), event, details)

    def _tell(self, machine: str) -> None:
        for watcher in self._watchers:
            watcher.tell(machine)

    def _open(self) -> Line:
        line = Line(self._open_link(), self._tell_of, self._hear and self._heard)
        self._tell("")  # what happened meanwhile was not told
        return line


def _asked(line: Line, ask: Callable[[Link], T], lost: str) -> T:
    """The answer over a link; if it breaks, the host is lost, in these words."""
    try:
        return ask(line.link)
    except libvirt.libvirtError as error:
        if _alive(line.link):
            raise _fault(error) from error
        raise HostLost(f"{lost}: {error}") from error


def _fault(error: libvirt.libvirtError) -> LibvirtFault:
    return LibvirtFault(str(error), code=error.get_error_code() or 0)


def _alive(link: Link) -> bool:
    try:
        return bool(link.isAlive() == 1)
    except libvirt.libvirtError:
        return False
