"""The files that a job's machine reads on demand: served for as long as it may run, whoever is killed meanwhile."""

from __future__ import annotations

import time
from contextlib import ExitStack

from vmf.blocks.shelf import Blocks
from vmf.errors import HostFault, SetupError
from vmf.model import Job, MachineState, Power
from vmf.run.attempt import Attempt

PAUSE_SECONDS = 1.0
"""Between the first two times that a guest which could not read is let go on."""
LONGEST_PAUSE_SECONDS = 60.0
SETTLED_SECONDS = 10.0
"""How long such a guest has to run before it counts as running again."""


class Serving:
    """Has the files of one job served; most jobs have none."""

    def __init__(self, job: Job, *, blocks: Blocks, attempt: Attempt) -> None:
        self._places = blocks.of(job.vetted_files)
        self._served = blocks.of(file for file in job.vetted_files if file.served)
        self._blocks = blocks
        self._attempt = attempt
        self._gone_on = float("-inf")
        self._pause = 0.0

    def hold(self) -> ExitStack:
        """Keep what has come from being removed, until this is closed."""
        return self._blocks.hold(self._places)

    def serve(self) -> None:
        """Have the files served, also once who served them was killed.

        Raises:
            HostFault: if they cannot be.
        """
        try:
            self._blocks.serve(self._served)
        except SetupError as fault:
            raise HostFault(fault.brief, hint=fault.hint) from fault

    def go_on(self, state: MachineState) -> None:
        """Let a guest go on that stands still since it could not read: its machine asks anew for what it has missed.

        The more often that was in vain, the later it is done again.
        """
        if not (state.starved or self.is_trying(state)):
            self._pause = 0.0
        elif not self.patience(state):
            self._attempt.hypervisor.resume(self._attempt.handle)
            self._gone_on = time.monotonic()
            self._pause = min(2 * self._pause + PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)

    def is_trying(self, state: MachineState) -> bool:
        """Whether a guest was let go on so lately that it may be about to stand still again."""
        return state.power is Power.RUNNING and time.monotonic() - self._gone_on < SETTLED_SECONDS

    def patience(self, state: MachineState) -> float:
        """Seconds until there is something to do for such a guest."""
        return max(0.0, self._gone_on + self._pause - time.monotonic()) if state.starved else float("inf")
