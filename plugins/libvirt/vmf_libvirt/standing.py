"""How a guest stands still while it is taken, by QEMU's events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from msgspec import Struct

EVENT_SECONDS = 5
"""How long an event of QEMU's may come after the answer that it belongs to."""
STOP, RESUME = "STOP", "RESUME"
"""QEMU's events of a guest that begins to stand still, and that goes on."""
MICROSECONDS = 1_000_000


class Stood(Struct, frozen=True, kw_only=True):
    """How a guest stood still."""

    seconds: float = 0.0
    said: int | None = None
    """Bytes on its console meanwhile; None: nobody knows."""


class Standing:
    """Hears the events of one guest. `measure` says how many bytes are on its console."""

    def __init__(self, measure: Callable[[], int | None]) -> None:
        self._measure = measure
        self._times: dict[str, float] = {}
        self._said: int | None = None
        self._measured = 0.0
        self._resumed = threading.Event()

    def tell(self, *event: Any) -> None:  # noqa: ANN401  # libvirt's own has no types
        """Take note of an event, as libvirt hands it over."""
        _, _, name, seconds, microseconds, *_ = event
        self._times[name] = seconds + microseconds / MICROSECONDS
        if name == STOP:
            self._said, self._measured = self._measure(), time.time()
        else:
            self._resumed.set()

    def result(self, seconds: float = EVENT_SECONDS) -> Stood:
        """What was heard, once the guest goes on; it is waited for so long. What was measured after that is worthless.

        A guest that stood still on its own account, and was heard to go on only, has not stood still for this.
        """
        if not self._resumed.wait(seconds) or STOP not in self._times:
            return Stood()
        stopped, resumed = self._times[STOP], self._times[RESUME]
        return Stood(seconds=max(0.0, resumed - stopped), said=self._said if self._measured < resumed else None)
