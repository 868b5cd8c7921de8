"""Following a guest's console: one reader, which all who look share."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property

from vmf.errors import HostFault, HostLost
from vmf.files.console import BoundedLog

CHUNKS = 16
"""Read at a time: a guest that floods its console must not keep its life from anything else."""


class Follower:
    """Reads a console from its start, keeps its beginning and end, and passes on what is new."""

    def __init__(
        self,
        read: Callable[[int], bytes],
        tell: Callable[[bytes], None],
        complain: Callable[[HostFault], None],
        *,
        hear: Callable[[bytes], None],
        before: Callable[[], bytes],
    ) -> None:
        """Take what reads from an offset on, what is told of every piece, and once of a console that cannot be read.

        `hear` is given every piece as it is, from the console's start; `before` reads what the guest had said before
        this console began.
        """
        self._read = read
        self._before = before
        self._tell = tell
        self._hear = hear
        self._complain = complain
        self._deaf = False
        self._offset = 0
        self.heard = 0.0
        """When the last of it came, by this computer's own seconds; 0: nothing has come yet."""

    @cached_property
    def _log(self) -> BoundedLog:
        log = BoundedLog()
        log.feed(self._before())
        return log

    def follow(self) -> bool:
        """Pass on what has come, a bounded amount; whether there may be more.

        A console is a by-product: that it cannot be read must keep its life from nothing.

        Raises:
            HostLost: if the host cannot be asked.
        """
        for _ in range(CHUNKS):
            data = self._next()
            if not data:
                return False
            self._log.feed(data)
            self._offset += len(data)
            self._hear(data)
            self.heard = time.monotonic()
            if told := data.strip(b"\0"):  # zeros stand for what the host no longer keeps
                self._tell(told)
        return True

    def _next(self) -> bytes:
        try:
            return self._read(self._offset)
        except HostLost:
            raise
        except HostFault as fault:
            if not self._deaf:
                self._complain(fault)
            self._deaf = True
            return b""

    def finish(self) -> None:
        """Read the console of a guest that has ended to its end."""
        while self.follow():
            pass

    def until(self, offset: int | None) -> bytes:
        """What is kept of all that the guest had said when this console was so long; None: by now."""
        while offset is not None and self._offset < offset and self.follow():
            pass
        excess = 0 if offset is None else max(0, self._offset - offset)
        kept = self.contents()
        return kept[: len(kept) - excess]

    def contents(self) -> bytes:
        """What is kept of all that was read."""
        return self._log.contents()
