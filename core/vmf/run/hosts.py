"""The hosts of one engine: each opened once, probed once, watched once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from vmf.errors import SetupError, VmfError
from vmf.hookspecs import Watch
from vmf.model import Claim, Facts, Host, Image, Offer
from vmf.plugins import Hypervisor, Plugins
from vmf.store import Store

log = logging.getLogger(__name__)


class Hosts:
    """Opens hosts when they are first needed; threads may share it."""

    def __init__(self, plugins: Plugins, store: Store, *, proof: Callable[[], Image | None]) -> None:
        self._plugins = plugins
        self._store = store
        self._proof = proof
        self._lock = threading.RLock()
        self._open: dict[str, Hypervisor] = {}
        self._watches: dict[str, Watch] = {}
        self._facts: dict[str, Facts] = {}
        self._faults: dict[str, VmfError] = {}
        self._wakes: dict[str, threading.Event] = {}

    def hypervisor(self, host: Host) -> Hypervisor:
        """The façade of a host, connected and watched."""
        with self._lock:
            if host.name not in self._open:
                hypervisor = self._plugins.connect(host, _folder(self._store.home.host(host.name)))
                self._watches[host.name] = hypervisor.watch(self._nudge)
                self._open[host.name] = hypervisor
            return self._open[host.name]

    def offers(self, hosts: Sequence[Host]) -> tuple[Offer, ...]:
        """What the hosts offer now; one that cannot be used is left out, for as long as this engine lives.

        Raises:
            VmfError: the fault of the first host, if none can be used.
        """
        taken = self._store.taken()
        offers = [
            Offer(host=host, facts=facts, taken=taken.get(host.name, Claim()))
            for host in hosts
            if (facts := self._facts_or_none(host)) is not None
        ]
        if not offers:
            raise next(iter(self._faults.values()), SetupError("there is no host", hint="name one with --hosts"))
        return tuple(offers)

    def _facts_or_none(self, host: Host) -> Facts | None:
        if host.name in self._faults:
            return None
        try:
            return self.facts(host)
        except VmfError as error:
            log.warning("host %s cannot be used: %s", host.name, error)
            self._faults[host.name] = error
            return None

    def facts(self, host: Host) -> Facts:
        """What a probe found: this engine's, or an earlier one's that still holds."""
        with self._lock:
            if host.name not in self._facts:
                known = self._store.facts(host.name)
                facts = self.hypervisor(host).probe(known=known, proof=self._proof())
                if facts != known:
                    self._store.keep_facts(host.name, facts)
                self._facts[host.name] = facts
            return self._facts[host.name]

    def wake(self, machine: str, event: threading.Event) -> None:
        """Set `event` whenever the machine may have changed."""
        self._wakes[machine] = event

    def close(self) -> None:
        """Let go of every host."""
        for watch in self._watches.values():
            watch.close()
        for hypervisor in self._open.values():
            hypervisor.close()

    def _nudge(self, machine: str) -> None:
        for name, event in list(self._wakes.items()):
            if machine in {"", name}:
                event.set()


def _folder(path: Path) -> Path:
    """The host's folder; others may pass through to what the plugin lets them reach, not look around."""
    path.mkdir(parents=True, exist_ok=True, mode=0o711)
    return path
