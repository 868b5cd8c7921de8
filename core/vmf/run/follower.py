"""Following a guest's console: one reader, which all who look share."""

from __future__ import annotations

from collections.abc import Callable

from vmf.files.console import BoundedLog

CHUNKS = 16
"""Read at a time: a guest that floods its console must not keep its life from anything else."""


class Follower:
    """Reads a console from its start, keeps its beginning and end, and passes on what is new."""

    def __init__(self, read: Callable[[int], bytes], tell: Callable[[bytes], None]) -> None:
        """Take what reads from an offset on, and what is told of every piece."""
        self._read = read
        self._tell = tell
        self._offset = 0
        self._log = BoundedLog()

    def follow(self) -> bool:
        """Pass on what has come, a bounded amount; whether there may be more."""
        for _ in range(CHUNKS):
            data = self._read(self._offset)
            if not data:
                return False
            self._offset += len(data)
            self._log.feed(data)
            if told := data.strip(b"\0"):  # zeros stand for what the host no longer keeps
                self._tell(told)
        return True

    def finish(self) -> None:
        """Read the console of a guest that has ended to its end."""
        while self.follow():
            pass

    def contents(self) -> bytes:
        """What is kept of all that was read."""
        return self._log.contents()
