"""What a host does of a job's steps: before its machine is made, on copies of its disks, and once its guest is off."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from vmf.disks import images
from vmf.errors import HoldCode, JobFault
from vmf.files.beside import sync_file, sync_folder
from vmf.model import Disk, Host, Job, ResultDisks, Step
from vmf.result import STEP_LOGS, StepReport, disk_file, undone
from vmf.run import copies
from vmf.run.actions import Performance, Scene, surroundings
from vmf.run.attempt import Attempt
from vmf.run.building import performed
from vmf.run.means import Means
from vmf.run.progress import Progress
from vmf.run.publishing import Publishing
from vmf.run.results import Parcel
from vmf.steps.phases import boot_of
from vmf.store import Record

UNDER_WAY = "acting-"
"""What the name of a folder begins with in which actions are run; that of a dead engine is of no use to anybody."""


class Acted(Struct, frozen=True, kw_only=True):
    """How steps went that a host was to do."""

    reports: tuple[StepReport, ...] = ()
    """Of those that were begun."""
    failure: str = ""
    """Why not all of them are done, in a sentence."""


class Acting:
    """The host's part of one job's steps; `update` gives the job another record."""

    def __init__(
        self,
        record: Callable[[], Record],
        *,
        means: Means,
        attempt: Attempt,
        publishing: Publishing,
        update: Callable[[Record], None],
        remark: Callable[[str], None],
    ) -> None:
        self._record = record
        self._means = means
        self._attempt = attempt
        self._publishing = publishing
        self._update = update
        self._remark = remark

    def before(self, check: Callable[[], None]) -> Acted:
        """Do what comes before the machine, which then begins with what that made.

        What was interrupted is done again, from the disks as they were.

        Raises:
            JobFault: if a disk cannot be copied, or an action has left one that cannot be used.
            HostFault: if an action cannot be run.
            Exception: what `check` raises, which is called often.
        """
        record, steps = self._record(), boot_of(self._record().job)
        if self._works(steps.on_host) and record.job.result_disks is ResultDisks.CHANGED:  # upon what nobody has
            results = replace(record.job.results, disks=ResultDisks.WHOLE)
            self._update(_with_job(record, replace(record.job, results=results)))
        if not steps.before:
            return Acted()
        home, number = self._means.store.home, record.id
        with _workplace(home.job(number)) as folder:
            disks = self._copied(folder, check) if self._works(steps.before) else {}
            acted = self.perform(steps.before, folder / STEP_LOGS, check, disks)
            with suppress(FileNotFoundError):  # what has gone is told once they are where they stay
                for path in disks.values():
                    sync_file(path)
            sync_folder(folder)
            shutil.rmtree(home.acted(number), ignore_errors=True)
            folder.rename(home.acted(number))
        sync_folder(home.job(number))
        if not acted.failure:
            self._settle(steps.before, acted.reports, disks)
        return acted

    def after(self, parcel: Parcel, check: Callable[[], None]) -> Acted:
        """Do what comes after the guest, on those of its disks that have come back whole.

        Raises:
            HostFault: if an action cannot be run.
            Exception: what `check` raises.
        """
        steps = boot_of(self._record().job).after
        if not steps:
            return Acted()
        with _workplace(self._means.store.home.job(self._record().id)) as folder:  # not beside what the guest left
            acted = self.perform(steps, folder / STEP_LOGS, check, parcel.whole)
            parcel.add(folder / STEP_LOGS, STEP_LOGS)
        parcel.measure()
        return acted

    def perform(self, steps: Sequence[Step], logs: Path, check: Callable[[], None], disks: Mapping[int, Path]) -> Acted:
        """Have the host do steps; see `Performance.perform`."""
        logs.mkdir(parents=True, exist_ok=True)
        scene = Scene(
            host=self._host.name,
            actions=self._host.actions,
            logs=logs,
            disks=disks,
            variables=surroundings(self._record()),
        )
        reports = Performance(scene, check=check, say=self._remark, hear=self._publishing.hear).perform(steps)
        begun = {each.name for each in reports}
        return Acted(reports=reports, failure=undone([step for step in steps if step.name in begun], reports))

    def take(self, parcel: Parcel) -> None:
        """Have the disks that actions have worked on among those that came back, of a job without a machine."""
        for number, disk in self._record().job.overlaid.items():
            if disk.copied:
                parcel.take(number, disk.file.path)

    def hand_over(self, parcel: Parcel) -> None:
        """Put the logs of what came before the machine among the results."""
        logs = self._means.store.home.acted(self._record().id) / STEP_LOGS
        if logs.is_dir():
            parcel.add(logs, STEP_LOGS)

    def forget(self) -> None:
        """Remove what was made before the machine."""
        home, number = self._means.store.home, self._record().id
        for folder in (home.acted(number), *home.job(number).glob(f"{UNDER_WAY}*")):
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def _host(self) -> Host:
        return self._attempt.placement.host

    def _works(self, steps: Sequence[Step]) -> bool:
        """Whether some of them work on the machine's disks."""
        lent = (self._host.actions.get(step.on_host or "") for step in steps)
        return any(action.disks for action in lent if action)

    def _copied(self, folder: Path, check: Callable[[], None]) -> Mapping[int, Path]:
        """Copies of the disks that the guest would change in overlays, by their numbers."""
        record, found = self._record(), {}
        progress = Progress(record, check=check, tell=self._means.tell)
        for number, disk in record.job.overlaid.items():
            if disk.file.on_host and self._host.elsewhere:
                what = f"{disk.file} is on host {self._host.name}, and actions work on disks of this computer"
                raise JobFault(what, code=HoldCode.MACHINE_INVALID, hint="name a disk that is here")
            found[number] = folder / disk_file(number)
            copies.copy(disk, found[number], self._attempt.read_file, progress.of(f"copy of {disk.file.path.name}"))
        return found

    def _check(self, disk: Disk, steps: Sequence[Step]) -> None:
        """See that steps have left a disk that a machine can begin with.

        Raises:
            JobFault: if not, with the names of those that have worked on it.
        """
        try:
            images.inspect(disk)
        except JobFault as fault:
            those = ", ".join(f"{step.name} (action {step.on_host})" for step in steps if self._works([step]))
            what = f"step {those} has left a disk that cannot be used: {fault.brief}"
            hint = f"have the owner of host {self._host.name} mend that action: a disk stays a qcow2 that stands alone"
            raise JobFault(what, code=fault.code, hint=hint) from fault

    def _settle(self, steps: Sequence[Step], told: Sequence[StepReport], disks: Mapping[int, Path]) -> None:
        """Keep that steps are done, and have the machine begin with the disks that they have worked on."""
        record, place = self._publishing.told(), self._means.store.home.acted(self._record().id)
        overlaid = record.job.overlaid
        copied = {number: copies.copied(overlaid[number], place / path.name) for number, path in disks.items()}
        for disk in copied.values():
            self._check(disk, steps)
        job = _without(_with_disks(record.job, copied), {step.name for step in steps})
        if ground := record.ground:  # what it has left begins with these
            went = zip(steps, ground.left, told, strict=False)
            done = tuple(performed(record.job, *each, place / STEP_LOGS) for each in went)
            ground = replace(ground, done=(*ground.done, *done), left=ground.left[len(steps) :])
        self._means.builder.learn(record, told)
        self._update(replace(_with_job(record, job), ground=ground, acted=(*record.acted, *told)))


@contextmanager
def _workplace(job: Path) -> Iterator[Path]:
    """A folder of a name that nothing had before: what outlives a dead engine does not find its way here."""
    for left in job.glob(f"{UNDER_WAY}*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=UNDER_WAY, dir=job))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _with_job(record: Record, job: Job) -> Record:
    """The record with another job, where it is placed as well."""
    return replace(record, job=job, placement=record.placement and replace(record.placement, job=job))


def _with_disks(job: Job, disks: Mapping[int, Disk]) -> Job:
    """The job with others of its machine's disks, by their numbers."""
    every = [disks.get(number, disk) for number, disk in enumerate(job.bundle.disks)]
    own = len(every) - len(job.disks)
    return replace(job, image=job.image and replace(job.image, disks=tuple(every[:own])), disks=tuple(every[own:]))


def _without(job: Job, done: Collection[str]) -> Job:
    """The job without the steps that are done."""
    left = tuple(step for step in job.steps if step.name not in done)
    return replace(
        job, steps=tuple(replace(step, after=tuple(n for n in step.after if n not in done)) for step in left)
    )
