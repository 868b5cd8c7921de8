"""The files that a job's machine reads on demand: served for as long as it may run, whoever is killed meanwhile."""

from __future__ import annotations

import time
from contextlib import ExitStack

from vmf.blocks.shelf import Blocks
from vmf.errors import HostFault, SetupError
from vmf.model import Job, MachineState
from vmf.run.attempt import Attempt

PAUSE_SECONDS = 1.0
"""Between two times that a guest which could not read is let go on."""


class Serving:
    """Has the files of one job served; most jobs have none."""

    def __init__(self, job: Job, *, blocks: Blocks, attempt: Attempt) -> None:
        self._places = blocks.of(job.vetted_files)
        self._blocks = blocks
        self._attempt = attempt
        self._gone_on = 0.0

    def hold(self) -> ExitStack:
        """Keep what has come from being removed, until this is closed."""
        return self._blocks.hold(self._places)

    def serve(self) -> None:
        """Have the files served, also once who served them was killed.

        Raises:
            HostFault: if they cannot be.
        """
        try:
            self._blocks.serve(self._places)
        except SetupError as fault:
            raise HostFault(fault.brief, hint=fault.hint) from fault

    def go_on(self, state: MachineState) -> None:
        """Let a guest go on that stands still since it could not read: its machine asks anew for what it has missed."""
        if state.starved and time.monotonic() - self._gone_on >= PAUSE_SECONDS:
            self._attempt.hypervisor.resume(self._attempt.handle)
            self._gone_on = time.monotonic()

    def patience(self, state: MachineState) -> float:
        """Seconds until there is something to do for such a guest."""
        return PAUSE_SECONDS if state.starved else float("inf")
