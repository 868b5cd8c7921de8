"""Making a golden image of what came back from a machine whose steps are done."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import IO

from vmf.model import Draft, Equipment, Golden, Imprint, Job, Performed, Step
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

    def hold(self, record: Record) -> ExitStack:
        """Keep the golden images that a machine is made of, or may be, from being removed, until this is closed."""
        with ExitStack() as held:
            for id_ in self._warehouse.owners(record.golden_files):
                with suppress(Absent):  # which whoever needs the file will tell
                    held.callback(os.close, self._warehouse.folders.hold(id_))
            return held.pop_all()

    def learn(self, record: Record, reports: Sequence[StepReport]) -> None:
        """Keep how long the steps took that were done."""
        left = record.ground.left if record.ground else ()
        digests = dict(zip((step.name for step in to_do(record.job)), left, strict=False))
        for report in reports:
            if not report.exit_code and report.name in digests:
                self._store.keep_step(digests[report.name], report.seconds)

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
        new = tuple(performed(record.job, step, digest, report, logs) for step, digest, report in steps)
        done = (*ground.done, *new)
        draft = Draft(
            name=ground.building.name,
            start=ground.start,
            performed=done,
            hardware=ground.building.hardware,
            image=record.job.bundle,
            attributes={name: text for each in done for name, text in each.attributes.items()},
        )
        with ExitStack() as opened:
            disks = {name: opened.enter_context(path.open("rb")) for name, path in parcel.disks.items()}
            of = partial(self._checksums.of, check=progress.check)
            return self._warehouse.publish(draft, disks, sum_of=of, report=progress.of)

    def imprint(
        self, record: Record, left: Imprint, equipment: Equipment, files: Mapping[str, IO[bytes]], progress: Progress
    ) -> Golden:
        """Keep what a template has left as a golden image, which is another one than that without memory.

        Args:
            record: the job, whose machine was the template.
            left: what that has left.
            equipment: what it had.
            files: its disks, memory and state, as `Warehouse.publish` takes them.
            progress: as for `publish`.

        Raises:
            HostFault: if the host cannot hand it over.
            Unkept, Absent, SetupError: as for `publish`.
        """
        ground = record.ground
        if ground is None or ground.building is None:
            raise AssertionError(f"the machine of job {record.id} is no template")
        draft = Draft(
            name=ground.building.name,
            start=ground.start,
            performed=ground.done,
            hardware=ground.building.hardware,
            image=record.job.bundle,
            attributes=ground.attributes,
            platform=left.platform,
            equipment=equipment,
        )
        of = partial(self._checksums.of, check=progress.check)
        return self._warehouse.publish(draft, files, sum_of=of, report=progress.of)


def performed(job: Job, step: Step, digest: str, report: StepReport, logs: Path) -> Performed:
    """A step as it was done; of what it publishes what its spec says counts, and else the last that it has said."""
    log = logs / f"{step.name}.log"
    said = Published(taken=taken(job), known={})
    said.hear(log.read_bytes() + b"\n" if log.is_file() else b"")
    return Performed(
        name=step.name,
        digest=digest,
        seconds=report.seconds,
        at=time.time(),
        failed=bool(report.exit_code),
        attributes={**said.attributes, **step.publish},
    )
