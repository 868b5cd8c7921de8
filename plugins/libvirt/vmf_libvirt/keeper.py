"""Keeping one thing that breaks and is opened anew, where both opening and letting go may hang."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from vmf.errors import HostLost

OPEN_SECONDS = 15.0
CLOSE_SECONDS = 1.0

T = TypeVar("T")


class Keeper(Generic[T]):
    """One thing for all threads; whoever needs a new one waits for the same opening, and no longer than he has to.

    `open_new` and `let_go` run on threads of their own: what hangs in them hangs there. An opening that was waited for
    in vain goes on, and serves whoever asks when it has come to its end.
    """

    def __init__(self, open_new: Callable[[], T], let_go: Callable[[T], None]) -> None:
        self._open_new = open_new
        self._let_go = let_go
        self._lock = threading.Lock()
        """Never held while anything is opened or let go of."""
        self._kept: T | None = None
        self._opening: Future[T] | None = None
        self._closed = False

    def get(self, *, broken: T | None = None) -> T:
        """What is kept, opened anew if it is the one that the caller found broken.

        Raises:
            HostLost: if opening takes longer than `OPEN_SECONDS`.
            Exception: what `open_new` raises.
        """
        with self._lock:
            if self._kept is not None and self._kept is not broken:
                return self._kept
            if self._opening is None or self._opening.done():
                self._opening = begin(self._open)
            opening = self._opening
        try:
            return opening.result(OPEN_SECONDS)
        except TimeoutError:
            raise HostLost(f"the host hangs: it has not answered for {OPEN_SECONDS:g} s") from None

    def close(self) -> None:
        """Let go of what is kept, or is being opened still; if that hangs it is not waited for."""
        with self._lock:
            self._closed = True
            kept, self._kept, self._opening = self._kept, None, None
        if kept is not None:
            wait([begin(lambda: self._let_go(kept))], CLOSE_SECONDS)

    def _open(self) -> T:
        opened = self._open_new()
        with self._lock:
            left, self._kept = (opened, None) if self._closed else (self._kept, opened)
        if left is not None:
            self._let_go(left)
        return opened


def begin(act: Callable[[], T]) -> Future[T]:
    """Do something on a thread that does not keep the process alive, as those of an executor do."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(act())
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is for whoever waits
            future.set_exception(error)

    threading.Thread(target=work, name="libvirt-call", daemon=True).start()
    return future
