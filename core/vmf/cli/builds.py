"""Images that are built by jobs, which any engine carries on."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import msgspec
from msgspec.structs import replace

from vmf.cli.carry import Carrier
from vmf.cli.checks import fit
from vmf.cli.grounds import grounds
from vmf.cli.printed import safe
from vmf.cli.session import Session
from vmf.cli.wait import await_all
from vmf.errors import NoMatch
from vmf.model import Ground, Host, Image, Job, Network, NetworkType, Outcome
from vmf.steps import grounding
from vmf.store import Record
from vmf.units import format_count


class Builds:
    """Builds images by jobs, which any engine carries on: whoever asks again for one that was left, adopts it."""

    def __init__(
        self, session: Session, carrier: Carrier, hosts: tuple[Host, ...], *, form: str, inspect: bool = False
    ) -> None:
        """`form` is how to answer, `inspect` whether a guest whose step fails stays to be looked into."""
        self._session = session
        self._carrier = carrier
        self._hosts = hosts
        self._form = form
        self._inspect = inspect

    def build(self, image: Image) -> int:
        """Build one; the exit code."""
        return self.make(image.name, grounding.builder(image))

    def make(self, name: str, job: Job) -> int:
        """Have an image made by the machine of a job, unless there is one that has all its steps done."""
        with ExitStack() as held:
            run, ground = grounds(self._session, fetch=True).stand(job, held)
            if ground is None or not (ground.left or ground.done):
                self._tell(name, "", "has no steps, and nothing is to be built")
                return 0
            again = self._again(ground)  # though the image may be there: the job's machine is, too
            if not ground.left and again is None:
                self._clear(job)
                self._tell(name, ground.golden, f"is there already: golden image {ground.golden}")
                return 0
            if again:
                last = await_all(self._session, self._carrier, [again])[0]
            else:
                building = grounding.building(job, inspect=self._inspect)
                last = self._carried(grounding.handed_over(run), replace(ground, building=building))
        return self._settled(name, job, last)

    def _carried(self, run: Job, ground: Ground) -> Record:
        """The job of a new build at its end, or when it was left."""
        run = self._fitting(run)
        folder = self._clear(run)
        self._carrier.responsible = True
        taken = self._session.store.submit([(run, folder)], self._hosts, {run.name: ground})
        return self._carrier.carry(taken)[0]

    def _fitting(self, run: Job) -> Job:
        """The job as some host takes it: without a network, if none that fits has a default one."""
        alone = replace(run, network=Network(type=NetworkType.NONE))
        meant = (run, alone) if run.network == Network() else (run,)
        faults = []
        for job in meant:
            try:
                fit([job], self._session.hosts, self._hosts, self._session.plugins)
            except NoMatch as fault:
                faults.append(fault)
            else:
                return job
        raise faults[0]

    def _clear(self, job: Job) -> Path:
        """Where the results of a build go; those of one that failed or was killed are removed."""
        folder = self._session.home.root / "builds" / job.name
        if not any(record.job.name == job.name for record in self._session.store.live()):
            shutil.rmtree(folder, ignore_errors=True)
        return folder

    def _again(self, ground: Ground) -> Record | None:
        """The job that builds the same already, or was left while it did."""
        live = ((record, record.ground) for record in self._session.store.live())
        same = (record for record, other in live if other and other.building and grounding.is_same(other, ground))
        return next(same, None)

    def _settled(self, name: str, job: Job, last: Record) -> int:
        code = self._carrier.exit_code([last])
        if not last.ended or last.verdict is None or last.verdict.outcome is not Outcome.COMPLETED:
            return code
        if last.results:
            shutil.rmtree(last.results, ignore_errors=True)  # the warehouse has what counts of them
        with ExitStack() as held:
            _, ground = grounds(self._session, fetch=False).stand(job, held)
        if ground and not ground.left:
            steps = format_count(len(last.ground.left) if last.ground else 0, "step")
            self._tell(name, ground.golden, f"is golden image {ground.golden}, by {steps}")
        return code

    def _tell(self, name: str, id_: str, sentence: str) -> None:
        told = {"image": name, "golden": id_, "told": sentence}
        print(msgspec.json.encode(told).decode() if self._form == "json" else safe(f"{name} {sentence}"))
