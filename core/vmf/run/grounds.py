"""What jobs with steps are begun upon: looked for in the warehouse, and held there for as long as it is wanted."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from vmf.model import Ground, Job
from vmf.run.checksums import Checksums
from vmf.run.sums import sums
from vmf.steps import grounding
from vmf.steps.graph import to_do
from vmf.store import Store
from vmf.warehouse.shelf import Warehouse


class Grounds:
    """The warehouse as jobs with steps see it; `tell` is told, in a line each, what is found damaged there."""

    def __init__(self, store: Store, *, tell: Callable[[str], None]) -> None:
        self._store = store
        self._checksums = Checksums(store)
        self._warehouse = Warehouse(store.home.images, tell=tell)

    def stand(self, job: Job, held: ExitStack) -> tuple[Job, Ground | None]:
        """The job that is run in place of one with steps, upon the golden image that leaves the least to do.

        That image stays until `held` is closed. A job without steps is run as it is.

        Raises:
            JobFault: if a file cannot be read that an image begins with, or that a step puts into the guest.
            SetupError: if the warehouse cannot be used.
        """
        if not to_do(job):
            return job, None
        known = sums(grounding.files(job), self._checksums)
        wanted = grounding.request(job, known)
        seconds = self._store.step_seconds(wanted.graph.digests)
        of = partial(self._checksums.of, check=lambda: None)
        found = self._warehouse.find(wanted, seconds, sum_of=of)
        if found is None:
            return grounding.upon(job, None, known)
        taken = held.enter_context(found[0])
        return grounding.upon(job, (taken.golden, self._warehouse.image(taken.golden)), known)
