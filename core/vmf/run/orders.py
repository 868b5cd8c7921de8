"""What an owner wants of a life that is under way."""

from __future__ import annotations

import threading

from vmf.errors import VmfError


class Orders:
    """Set on any thread, heeded by the life's own; an order is never taken back."""

    def __init__(self) -> None:
        self.stop = False
        self.force = False
        self.leave = False
        self.wake = threading.Event()
        """Set by every order, and by whatever else a life waits for."""

    def give(self, *, stop: bool = False, force: bool = False, leave: bool = False) -> None:
        """Add to what is wanted."""
        self.stop |= stop
        self.force |= force
        self.leave |= leave
        self.wake.set()

    def check(self) -> None:
        """Go on unless the life is to end or to be left.

        Raises:
            Interrupted: if it is.
        """
        if self.stop or self.leave:
            raise Interrupted


class Interrupted(VmfError):
    """Long work is broken off: an order came. One of vmf's own, so that it passes through a plugin's verb as it is."""

    def __init__(self) -> None:
        super().__init__("broken off by an order")
