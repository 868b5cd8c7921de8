"""What an owner wants of a life that is under way."""

from __future__ import annotations

import threading
from collections import deque
from typing import TypedDict, Unpack

from vmf.errors import VmfError
from vmf.state import PASSING, TRANSITIONS, HoldAsked, HostDied, StopAsked, Wish
from vmf.store import Record


class Wanted(TypedDict, total=False):
    """What an order says."""

    stop: bool
    force: bool
    """With `stop`: at once, without asking anybody."""
    leave: bool
    wish: Wish


class Orders:
    """Set on any thread, heeded by the life's own.

    An order is never taken back. Wishes are heeded in their order, each as soon as it has a meaning; one that has none
    is dropped, unless the state passes by itself. A hold goes first, and so does a host's death: nothing is left to be
    wanted after it.
    """

    def __init__(self) -> None:
        self.stop = False
        self.force = False
        self.leave = False
        self._wishes: deque[Wish] = deque()
        self._lock = threading.Lock()
        self.wake = threading.Event()
        """Set by every order, and by whatever else a life waits for."""
        self.given = threading.Event()
        """Set by every order alone."""

    def give(self, **wanted: Unpack[Wanted]) -> None:
        """Add to what is wanted."""
        self.stop |= wanted.get("stop", False)
        self.force |= wanted.get("force", False)
        self.leave |= wanted.get("leave", False)
        with self._lock:
            match wanted:
                case {"wish": HoldAsked() | HostDied() as first}:
                    self._wishes.appendleft(first)
                case {"wish": wish}:
                    self._wishes.append(wish)
        self.given.set()
        self.wake.set()

    def heed(self, record: Record) -> StopAsked | Wish | None:
        """What is wanted of a job as it is now."""
        if self.stop:
            return StopAsked()
        with self._lock:
            while self._wishes:
                if _has_meaning(self._wishes[0], record):
                    return self._wishes.popleft()
                if record.state in PASSING and not isinstance(self._wishes[0], HostDied):
                    break
                self._wishes.popleft()
        return None

    def mourn(self, record: Record) -> HostDied | None:
        """The death of the job's host, if it still is that, of which no state has to be waited for."""
        with self._lock:
            first = self._wishes[0] if self._wishes else None
            if not isinstance(first, HostDied):
                return None
            self._wishes.popleft()
            return first if _has_meaning(first, record) else None

    def check(self) -> None:
        """Go on unless the job is to end, to be held, or to be left.

        Raises:
            Interrupted: if it is.
        """
        with self._lock:
            held = bool(self._wishes) and isinstance(self._wishes[0], HoldAsked)
        if self.stop or self.leave or held:
            raise Interrupted


def _has_meaning(wish: Wish, record: Record) -> bool:
    """Whether it can be done to the job now; a host's death, whether it is that of the host that the job is on."""
    if isinstance(wish, HostDied):
        here = record.placement.host.name if record.placement else ""
        return (here, record.attempt) == (wish.host, wish.attempt)
    return (record.state, type(wish)) in TRANSITIONS


class Interrupted(VmfError):
    """Long work is broken off: an order came. One of vmf's own, so that it passes through a plugin's verb as it is."""

    def __init__(self) -> None:
        super().__init__("broken off by an order")
