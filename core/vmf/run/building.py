"""Making a golden image of what came back from a machine whose steps are done."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from vmf.model import Draft, Golden, Job, Performed, Step
from vmf.published import Published, taken
from vmf.result import STEP_LOGS, StepReport
from vmf.run.checksums import Checksums
from vmf.run.progress import Progress
from vmf.run.results import Parcel
from vmf.steps.graph import to_do
from vmf.store import Record, Store
from vmf.warehouse.folders import Absent
from vmf.warehouse.shelf import Warehouse


class Builder:
    """Keeps what a job's machine has become, and how long its steps took."""

    def __init__(self, store: Store, warehouse: Warehouse, checksums: Checksums) -> None:
        self._store = store
        self._warehouse = warehouse
        self._checksums = checksums

    def hold(self, job: Job) -> ExitStack:
        """Keep the golden images that a machine is made of from being removed, until this is closed."""
        with ExitStack() as held:
            for id_ in self._warehouse.owners(job.vetted_files):
                with suppress(Absent):  # which whoever needs the file will tell
                    held.callback(os.close, self._warehouse.folders.hold(id_))
            return held.pop_all()

    def learn(self, record: Record, reports: Sequence[StepReport]) -> None:
        """Keep how long the steps took that were done."""
        for digest, report in zip(record.ground.left if record.ground else (), reports, strict=False):
            if not report.exit_code:
                self._store.keep_step(digest, report.seconds)

    def publish(
        self, record: Record, reports: Sequence[StepReport], parcel: Parcel, progress: Progress
    ) -> Golden | None:
        """Keep the machine's disks as a golden image, if the job is there for that.

        Args:
            record: the job, whose guest has done all its steps.
            reports: how they went.
            parcel: what came back of it: disks and logs.
            progress: is told how far it is; what it raises breaks the work off.

        Raises:
            Unkept: if they cannot be kept.
            Absent: if what they lie on is gone.
            SetupError: if the warehouse cannot be used.
        """
        ground = record.ground
        if ground is None or ground.building is None:
            return None
        steps = zip(to_do(record.job), ground.left, reports, strict=True)
        logs = parcel.path / STEP_LOGS
        new = tuple(_performed(record.job, step, digest, report, logs) for step, digest, report in steps)
        performed = (*ground.done, *new)
        draft = Draft(
            name=ground.building.name,
            start=ground.start,
            performed=performed,
            hardware=ground.building.hardware,
            image=record.job.bundle,
            attributes={name: text for each in performed for name, text in each.attributes.items()},
        )
        with ExitStack() as opened:
            disks = {name: opened.enter_context(path.open("rb")) for name, path in parcel.disks.items()}
            of = partial(self._checksums.of, check=progress.check)
            return self._warehouse.publish(draft, disks, sum_of=of, report=progress.of)


def _performed(job: Job, step: Step, digest: str, report: StepReport, logs: Path) -> Performed:
    """A step as it was done; of what it publishes what its spec says counts, and else the last that it has said."""
    log = logs / f"{step.name}.log"
    said = Published(taken=taken(job), known={})
    said.hear(log.read_bytes() + b"\n" if log.exists() else b"")
    return Performed(
        name=step.name,
        digest=digest,
        seconds=report.seconds,
        at=time.time(),
        failed=bool(report.exit_code),
        attributes={**said.attributes, **step.publish},
    )
