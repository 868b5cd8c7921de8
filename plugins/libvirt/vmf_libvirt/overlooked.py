"""Guests that ended while their host's libvirt was not there, and that the next one believes to run.

Xen's driver tells a new daemon nothing of them until some other guest ends: then it looks at all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from vmf_libvirt import domains
from vmf_libvirt.client import Client
from vmf_libvirt.errors import LibvirtFault
from vmf_libvirt.states import FOUND_RUNNING

LOOKS = 4
LOOK_SECONDS = 0.1
"""Between two looks. A guest that takes no processor time meanwhile has ended, or has nothing to do."""

log = logging.getLogger(__name__)


class Overlooked:
    """Those of a host; `rouse`, given a machine's name, has libvirt look at all guests again; None: it always does."""

    def __init__(self, client: Client, rouse: Callable[[str], None] | None) -> None:
        self._client = client
        self._rouse = rouse
        self._looked: set[str] = set()
        """The machines of which a daemon tells the end from now on, for they were looked at since it was reached."""
        if rouse:
            client.watch(self._hear)

    def look(self, machine: str, state: int, reason: int) -> None:
        """Have libvirt find out, and tell by an event, that a guest has ended that it says runs.

        Where that fails, as for want of memory, there are other guests: the end of any of them does the same.
        """
        if self._rouse is None or machine in self._looked or (state, reason) != FOUND_RUNNING:
            return
        self._looked.add(machine)
        if not self._stands_still(machine):
            return
        try:
            self._rouse(machine)
        except LibvirtFault as fault:
            log.warning("%s stands still, and libvirt is not to be roused: %s", machine, fault.brief)

    def _stands_still(self, machine: str) -> bool:
        before = self._client.on(machine, domains.facts)
        for _ in range(LOOKS):
            time.sleep(LOOK_SECONDS)
            if self._client.on(machine, domains.facts) != before:
                return False
        return before is not None

    def _hear(self, machine: str) -> None:
        if not machine:  # another daemon may be there
            self._looked.clear()
