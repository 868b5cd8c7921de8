"""The hosts of one engine: each opened once, watched once, and probed when there is doubt."""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from math import inf

from msgspec.structs import replace

from vmf.errors import HostFault, HostLost, SetupError, VmfError
from vmf.match import Rejection
from vmf.model import (
    ITSELF,
    Claim,
    Facts,
    Handle,
    Host,
    Image,
    Offer,
    Setback,
    granted,
    permits,
    taken_of,
    withheld,
)
from vmf.plugins import Hypervisor, Plugins
from vmf.run.looking import Looking
from vmf.store import Store

CLOCK = "%Y-%m-%d %H:%M:%S"

log = logging.getLogger(__name__)


class _Site:
    """One host as far as this engine knows it."""

    def __init__(self, look: Callable[[], Facts]) -> None:
        self.lock = threading.RLock()
        """Held while the host is opened, however long that takes: only those who want the same host wait."""
        self.hypervisor: Hypervisor | None = None
        self.looking = Looking(look)
        self.facts: Facts | None = None
        """What was found when it was last looked at with success."""


class Hosts:
    """Opens hosts when they are first needed; threads may share it."""

    def __init__(self, plugins: Plugins, store: Store, *, proof: Callable[[], Image | None]) -> None:
        self._plugins = plugins
        self._store = store
        self._proof = proof
        self._sites: dict[str, _Site] = {}
        self._wakes: dict[str, threading.Event] = {}
        self._opened = ExitStack()

    def hypervisor(self, host: Host) -> Hypervisor:
        """The façade of a host, connected and watched."""
        site = self._site(host)
        with site.lock:
            if site.hypervisor is None:
                site.hypervisor = self._connect(host)
            return site.hypervisor

    def offers(self, hosts: Sequence[Host], *, patience: float = inf) -> tuple[Offer | Rejection, ...]:
        """What the hosts offer now, and why those that cannot be used do not.

        A host may take `patience` seconds to answer, counted from when it was asked; until it does, it is out.

        Raises:
            SetupError: if none can be used and this computer is the reason.
        """
        taken = self._store.taken()
        faults: list[VmfError] = []
        found: list[Offer | Rejection] = []
        for host in hosts:
            if barred := self._barred(host):
                found.append(barred)
                continue
            site = self._site(host)
            try:
                if self._store.strays(host.name):
                    site.looking.doubt()
                found.append(self._offer(host, site.looking.seen(patience), taken_of(host.name, taken)))
            except VmfError as fault:
                faults.append(fault)
                passing = isinstance(fault, HostLost) or site.facts is not None
                found.append(unusable(host, fault, passing=passing))
        ours = [each for each in faults if isinstance(each, SetupError)]
        if ours and len(faults) == len(found):
            raise ours[0]
        return tuple(found)

    def facts(self, host: Host) -> Facts:
        """What a probe found: this engine's, or an earlier one's that still holds.

        Raises:
            VmfError: why the host cannot be used, as found now or a moment ago.
        """
        return self._site(host).looking.seen()

    def blame(self, host: Host, fault: HostFault) -> None:
        """A host has failed a job: set aside what it failed at; if nobody knows what that was, look at it anew."""
        if fault.ability in self._plugins.types[host.type].capabilities:
            self._store.set_back(host.name, fault.ability, fault.brief)
        else:
            self._site(host).looking.doubt()

    def credit(self, host: Host, abilities: Iterable[str]) -> None:
        """A host has done this for a job: it is set aside no more."""
        self._store.recover(host.name, abilities)

    def wake(self, machine: str, event: threading.Event) -> None:
        """Set `event` whenever the machine may have changed."""
        self._wakes[machine] = event

    def close(self) -> None:
        """Let go of every host; what a plugin does wrong at its farewell changes nothing any more."""
        try:
            self._opened.close()
        except Exception:
            log.exception("a host was not let go of in order")

    def _barred(self, host: Host) -> Rejection | None:
        """Why a host is out unasked: it is not for this user, or its spec wants what its plugin cannot."""
        if not permits(host.users, me := _me()):
            return Rejection(host=host.name, clause="users", reason=f"it is not for user {me}", passing=False)
        for need in self._plugins.missing(host):
            reason = f"its {need}, which the plugin {host.type} does not have"
            return Rejection(host=host.name, clause=need.ability, reason=reason, passing=False)
        return None

    def _look(self, host: Host) -> Facts:
        """Find out whether a host can be used, and how; what it has lost since the last time is set aside."""
        site = self._site(host)
        try:
            facts = self._probe(host, known=None if site.facts else self._store.facts(host.name))
            self._bury(host)
        except VmfError as fault:
            log.warning("host %s cannot be used: %s", host.name, fault)
            site.looking.again(self._store.set_back(host.name, ITSELF, fault.brief).pause)
            raise
        before, failed = (site.facts or facts).missing, self._store.setbacks(host.name)
        self._store.recover(host.name, {ITSELF, *before} - facts.missing.keys())
        pauses = [
            self._store.set_back(host.name, ability, reason).pause
            for ability, reason in facts.missing.items()
            if ability in failed or ability not in before
        ]
        site.facts = facts
        site.looking.again(min(pauses, default=inf))
        return facts

    def _offer(self, host: Host, facts: Facts, taken: Claim) -> Offer:
        setbacks = self._set_aside(host, facts)
        told = {ability: _told(each) for ability, each in setbacks.items()}
        missing = {**facts.missing, **told, **withheld(host, _me())}
        return Offer(
            host=granted(host, _me()),
            facts=replace(facts, missing=missing),
            taken=taken,
            capabilities=tuple(sorted(self._plugins.types[host.type].capabilities.keys() - missing.keys())),
            free_disk=self._free_disk(host),
            setbacks=setbacks,
            paces=self._store.paces(host.name),
        )

    def _set_aside(self, host: Host, facts: Facts) -> Mapping[str, Setback]:
        """The abilities that a host has failed at, and may not try again yet, or had not when it was last looked at."""
        now = time.time()
        return {
            ability: each
            for ability, each in self._store.setbacks(host.name).items()
            if ability != ITSELF and (ability in facts.missing or not each.is_over(now))
        }

    def _free_disk(self, host: Host) -> int | None:
        """What is free for the machines of a host that is this computer: they lie in the state folder."""
        return shutil.disk_usage(self._store.home.root).free if not host.elsewhere else None

    def _bury(self, host: Host) -> None:
        """Remove what a host that was said to be off has brought back with it."""
        for machine in self._store.strays(host.name):
            self.hypervisor(host).destroy(Handle(host=host.name, machine=machine))
            self._store.forget_stray(host.name, machine)

    def _site(self, host: Host) -> _Site:
        return self._sites.setdefault(host.name, _Site(partial(self._look, host)))

    def _connect(self, host: Host) -> Hypervisor:
        folder = self._store.home.host(host.name)
        folder.mkdir(parents=True, exist_ok=True, mode=0o711)  # passable: the plugin says who may reach what in it
        with ExitStack() as opened:
            hypervisor = self._plugins.connect(granted(host, _me()), folder)
            opened.callback(hypervisor.close)
            opened.callback(hypervisor.watch(self._nudge).close)
            self._opened.push(opened.pop_all())
        return hypervisor

    def _probe(self, host: Host, known: Facts | None) -> Facts:
        facts = self.hypervisor(host).probe(known=known, proof=self._proof())
        if facts != self._store.facts(host.name):
            self._store.keep_facts(host.name, facts)
        return facts

    def _nudge(self, machine: str) -> None:
        for name, event in list(self._wakes.items()):
            if machine in {"", name}:
                event.set()


def unusable(host: Host, fault: VmfError, *, passing: bool) -> Rejection:
    """A host that cannot be used, with what to do about it."""
    reason = f"{fault.brief}; {fault.hint}" if fault.hint else fault.brief
    return Rejection(host=host.name, clause="usable", reason=reason, passing=passing)


def _told(setback: Setback) -> str:
    """Why an ability is set aside, and since when."""
    since, until = (time.strftime(CLOCK, time.localtime(at)) for at in (setback.at, setback.at + setback.pause))
    return f"{setback.reason}; set aside since {since}, until {until}"


def _me() -> str:
    """The login name of whoever runs this; the environment could say anything."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
