"""Images that are built by jobs, which any engine carries on."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from vmf import plan
from vmf.cli.carry import Carrier
from vmf.cli.checks import fit, usable
from vmf.cli.grounds import grounds
from vmf.cli.printed import safe
from vmf.cli.session import Session
from vmf.cli.wait import await_all
from vmf.errors import NoMatch, Refused
from vmf.model import (
    CLONE,
    Building,
    Ground,
    Host,
    Image,
    Job,
    Machine,
    Network,
    NetworkType,
    Offer,
    Outcome,
    Placement,
)
from vmf.steps import grounding
from vmf.steps.graph import to_do
from vmf.store import NameTaken, Record
from vmf.units import format_count, format_duration

_UNWILLING = frozenset({Outcome.STOPPED, Outcome.HELD})
"""How a job ends whose owner does not want it any more."""
_WITHOUT: Mapping[Outcome, str] = MappingProxyType({
    Outcome.TIME_LIMIT: f"its guest was not ready within {format_duration(grounding.READY_SECONDS)}",
    Outcome.SILENT: f"its guest was silent for {format_duration(grounding.QUIET_SECONDS)} before it was ready",
    Outcome.NEVER_SPOKE: "its guest ended before it was ready",
})  # fmt: skip
"""Why there is no memory."""


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
        """Build one, and keep the memory of a machine that has just become ready; the exit code."""
        job = grounding.builder(image)
        code = self.make(image.name, job) if to_do(job) else 0
        return code or self._keep_memory(image.name, job)

    def make(self, name: str, job: Job) -> int:
        """Have an image made by the machine of a job, unless there is one that has all its steps done."""
        with ExitStack() as held:
            run, ground = grounds(self._session, fetch=True).stand(job, held)
            if ground is None or not (ground.left or ground.done):
                self._tell(name, "", "has no steps, and nothing is to be built")
                return 0
            building = grounding.building(job, inspect=self._inspect)
            again = self._again(ground, building)  # though the image may be there: the job's machine is, too
            if not ground.left and again is None:
                self._clear(job)
                self._tell(name, ground.golden, f"is there already: golden image {ground.golden}")
                return 0
            if again:
                last = await_all(self._session, self._carrier, [again])[0]
            else:
                ready = self._fitting(grounding.handed_over(run))
                last = self._carried(ready, replace(ground, building=building, warm=None))
        return self._settled(name, job, last)

    def _keep_memory(self, name: str, job: Job) -> int:
        """Have the memory of an image kept that is there, where a host can have guests wake; the exit code."""
        with ExitStack() as held:
            run, ground = grounds(self._session, fetch=True).template(job, held)
            if ground.building and (again := self._again(ground, ground.building)):  # as above
                last = await_all(self._session, self._carrier, [again])[0]
            elif ground.warm:
                self._clear(grounding.template(run, ground)[0])
                self._tell(name, ground.warm.golden, f"has memory already: golden image {ground.warm.golden}")
                return 0
            elif fault := self._unfit(run):
                self._tell(name, "", f"is kept without memory: {fault}")
                return 0
            else:
                last = self._carried(run, replace(ground, warm=None))
        return self._remembered(name, job, last)

    def _unfit(self, run: Job) -> str:
        """Why no host can have guests wake from the memory of such a template; empty: one can."""
        if run.seed:
            return "its guest keeps the guest contract by cloud-init, which a template has no disc for"
        offers = [each for each in usable(self._session.hosts, self._hosts) if isinstance(each, Offer)]
        if not any(CLONE in each.capabilities for each in offers):
            return "; ".join(f"{each.host.name}: {plan.unable(each.host, each.facts)}" for each in offers)
        try:
            fit([run], self._session.hosts, self._hosts, self._session.plugins, planned=_template)
        except (NoMatch, Refused) as fault:
            return " ".join(line.strip() for line in fault.brief.splitlines())
        return ""

    def _remembered(self, name: str, job: Job, last: Record) -> int:
        """Tell what became of an image's memory, without which it is an image as well; the exit code."""
        outcome = last.verdict.outcome if last.verdict else Outcome.STOPPED
        if not last.ended or outcome in _UNWILLING:
            return self._carrier.exit_code([last])
        if outcome is not Outcome.COMPLETED:
            usual = last.verdict.reason if last.verdict else ""
            self._tell(name, "", f"is kept without memory: {_WITHOUT.get(outcome, usual or str(outcome))}")
            return 0
        if last.results:
            shutil.rmtree(last.results, ignore_errors=True)
        with ExitStack() as held:
            _, ground = grounds(self._session, fetch=False).template(job, held)
        if ground.warm:
            self._tell(name, ground.warm.golden, f"has memory: golden image {ground.warm.golden}")
        return 0

    def _carried(self, run: Job, ground: Ground) -> Record:
        """The job of a new build at its end, or when it was left."""
        folder = self._clear(run)
        self._carrier.responsible = True
        try:
            taken = self._session.store.submit([(run, folder)], self._hosts, {run.name: ground})
        except NameTaken:
            again = self._again(ground, ground.building) if ground.building else None
            if again is None:
                raise
            return await_all(self._session, self._carrier, [again])[0]  # somebody has begun it at the same moment
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

    def _again(self, ground: Ground, building: Building) -> Record | None:
        """The job that builds the same already, or was left while it did."""
        wanted = (building.memory, building.hardware)
        for record in self._session.store.live():
            other = record.ground
            if other is None or other.building is None or not grounding.is_same(other, ground):
                continue
            if (other.building.memory, other.building.hardware) == wanted:
                return record
        return None

    def _settled(self, name: str, job: Job, last: Record) -> int:
        code = self._carrier.exit_code([last])
        if not last.ended or last.verdict is None or last.verdict.outcome is not Outcome.COMPLETED:
            return code
        if last.results:
            shutil.rmtree(last.results, ignore_errors=True)  # the warehouse has what counts of them
        with ExitStack() as held:
            _, ground = grounds(self._session, fetch=False).stand(job, held)
        if ground and not ground.left:
            self._tell(
                name, ground.golden, f"is golden image {ground.golden}, by {format_count(len(ground.done), 'step')}"
            )
        return code

    def _tell(self, name: str, id_: str, sentence: str) -> None:
        told = {"image": name, "golden": id_, "told": sentence}
        print(msgspec.json.encode(told).decode() if self._form == "json" else safe(f"{name} {sentence}"))


def _template(placement: Placement, name: str) -> Machine:
    return plan.template(plan.blueprint(placement, name), name)
