"""What a job's guest publishes, kept with the job: now and then while it runs, and with each of the job's events."""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec.structs import replace

from vmf.files.console import one_line
from vmf.published import Published, taken
from vmf.store import Record

PAUSE_SECONDS = 1.0
"""Between two times that the store is written to: a guest that floods its console does not flood it."""


class Publishing:
    """Hears one job's guests; `record` gives the job's record as it is now, `update` gives it another one."""

    def __init__(
        self, record: Callable[[], Record], *, update: Callable[[Record], None], remark: Callable[[str], None]
    ) -> None:
        self._record = record
        self._update = update
        self._remark = remark
        self._published = Published(taken=taken(record().job), known=record().published)
        self._is_new = False
        self._kept = float("-inf")

    def hear(self, piece: bytes) -> None:
        """Take the next piece of the console."""
        self._published.hear(piece)
        self._is_new = True

    def read(self, text: bytes) -> None:
        """Take what the guest hands over in the end."""
        self._published.read(text)
        self._is_new = True

    def keep(self) -> None:
        """Keep what is new, unless that was done just before."""
        now = time.monotonic()
        if not self._is_new or now - self._kept < PAUSE_SECONDS:
            return
        self._kept = now
        before, record = self._record(), self.told()
        if record is not before:
            self._update(record)

    def told(self) -> Record:
        """The record with all that has been published; whoever goes on with it keeps it."""
        record = self._record()
        if not self._is_new:
            return record
        self._is_new = False
        attributes = self._published.attributes
        for refused in self._published.refusals():
            what = f" {one_line(refused.what.encode())}" if refused.what else ""
            self._remark(f"what the guest publishes{what} is refused: {refused.reason}; this is said once")
        return record if attributes == record.published else replace(record, published=attributes)
