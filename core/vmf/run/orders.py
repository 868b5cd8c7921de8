"""What an owner wants of a life that is under way."""

from __future__ import annotations

import threading
from typing import TypedDict, Unpack

from vmf.errors import VmfError
from vmf.state import TRANSITIONS, HoldAsked, State, StopAsked, Wish


class Wanted(TypedDict, total=False):
    """What an order says."""

    stop: bool
    force: bool
    """With `stop`: at once, without asking anybody."""
    leave: bool
    wish: Wish


class Orders:
    """Set on any thread, heeded by the life's own.

    An order is never taken back; a wish waits until the job's state gives it a meaning, or another takes its place.
    """

    def __init__(self) -> None:
        self.stop = False
        self.force = False
        self.leave = False
        self._wish: Wish | None = None
        self._lock = threading.Lock()
        self.wake = threading.Event()
        """Set by every order, and by whatever else a life waits for."""

    def give(self, **wanted: Unpack[Wanted]) -> None:
        """Add to what is wanted."""
        self.stop |= wanted.get("stop", False)
        self.force |= wanted.get("force", False)
        self.leave |= wanted.get("leave", False)
        with self._lock:
            self._wish = wanted.get("wish", self._wish)
        self.wake.set()

    def heed(self, state: State) -> StopAsked | Wish | None:
        """What is wanted of a job in this state, each wish once."""
        if self.stop:
            return StopAsked()
        with self._lock:
            wish = self._wish
            if wish is None or (state, type(wish)) not in TRANSITIONS:
                return None
            self._wish = None
            return wish

    def check(self) -> None:
        """Go on unless the job is to end, to be held, or to be left.

        Raises:
            Interrupted: if it is.
        """
        if self.stop or self.leave or isinstance(self._wish, HoldAsked):
            raise Interrupted


class Interrupted(VmfError):
    """Long work is broken off: an order came. One of vmf's own, so that it passes through a plugin's verb as it is."""

    def __init__(self) -> None:
        super().__init__("broken off by an order")
