"""How far the bringing of a job's files is: told now and then, and broken off when an order comes."""

from __future__ import annotations

import time
from collections.abc import Callable

from vmf.hookspecs import Report
from vmf.run.notices import Notice, Staging
from vmf.store import Record

MOMENT_SECONDS = 0.5
"""A file that takes no longer is not told of."""
PAUSE_SECONDS = 0.2
"""Between two notices of one file."""


class Progress:
    """Tells of one job's files, one after the other."""

    def __init__(self, record: Record, *, check: Callable[[], None], tell: Callable[[Notice], None]) -> None:
        self._record = record
        self.check = check
        """Raises, if the work is to be broken off."""
        self._tell = tell

    def of(self, file: str) -> Report:
        """What takes a file's bytes that are done, and of how many; `file` is what it is called.

        It raises what `check` raises.
        """
        began = told = time.monotonic()

        def report(done: int, total: int) -> None:
            nonlocal told
            self.check()
            now = time.monotonic()
            if now - began >= MOMENT_SECONDS and now - told >= PAUSE_SECONDS:
                told = now
                rate = int(done / (now - began))
                self._tell(Staging(record=self._record, file=file, done=done, total=total, rate=rate))

        return report
