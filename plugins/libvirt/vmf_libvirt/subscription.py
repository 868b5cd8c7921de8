"""Somebody who is told that a machine may have changed."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Subscription:
    """One watcher of a client's machines."""

    def __init__(self, notify: Callable[[str], None], forget: Callable[[Subscription], None]) -> None:
        """Take what is called with a machine's name, and what is told that nobody is to be called any more."""
        self._notify = notify
        self._forget = forget
        self._gate = threading.RLock()
        self._open = True

    def tell(self, machine: str) -> None:
        """Call `notify`, unless closed."""
        with self._gate:  # held while notify runs: so close() knows that no call is under way
            if self._open:
                self._notify(machine)

    def close(self) -> None:
        """End it; no call of `notify` begins after the return."""
        with self._gate:
            self._open = False
        self._forget(self)
