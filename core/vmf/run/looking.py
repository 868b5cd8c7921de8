"""Looking at a host, which may hang: on a thread of its own, and only when there is doubt about what was seen last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from math import inf

from vmf.errors import HostLost
from vmf.model import Facts
from vmf.model.setback import FIRST_PAUSE


class Looking:
    """What was seen of one host when it was last looked at. Threads may share it: one look at a time serves them all.

    A look says by `again` when it is worth nothing any more; one that fails without a word is worth its fault for
    `FIRST_PAUSE` seconds.
    """

    def __init__(self, look: Callable[[], Facts]) -> None:
        self._look = look
        self._lock = threading.Lock()
        """Never held while the host is looked at."""
        self._last: Future[Facts] | None = None
        self._begun = 0.0
        self._again = inf
        self._doubted = False

    def seen(self, patience: float = inf) -> Facts:
        """What the last look found, or a new one, if there has to be one.

        `patience` is how long that may take, in seconds and counted from its beginning.

        Raises:
            HostLost: if it takes longer.
            VmfError: why the host cannot be used.
        """
        last, left = self._current(patience)
        try:
            return last.result(None if left == inf else max(0.0, left))
        except TimeoutError:
            raise HostLost("it has been asked, and has not answered yet") from None

    def again(self, seconds: float) -> None:
        """Look again when so much time has passed."""
        self._again = time.monotonic() + seconds

    def doubt(self) -> None:
        """Let nobody rely on what has been seen until now; a fault that has been seen stays as long as it is worth."""
        self._doubted = True

    def _current(self, patience: float) -> tuple[Future[Facts], float]:
        """The look that counts, and the seconds that are left of somebody's patience with it."""
        with self._lock:
            now = time.monotonic()
            if self._last is None or (self._last.done() and (self._is_doubted() or now >= self._again)):
                self._begun, self._again, self._doubted = now, now + FIRST_PAUSE, False
                self._last = _begun(self._look)
            return self._last, self._begun + patience - now

    def _is_doubted(self) -> bool:
        return self._doubted and self._last is not None and self._last.exception() is None


def _begun(look: Callable[[], Facts]) -> Future[Facts]:
    """A look that has begun; its thread keeps no process alive."""
    future: Future[Facts] = Future()

    def work() -> None:
        try:
            future.set_result(look())
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is for whoever waits
            future.set_exception(error)

    threading.Thread(target=work, name="look", daemon=True).start()
    return future
