"""What a job's `finally` has done before its machine is destroyed; whatever becomes of it, that is destroyed."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from vmf.errors import HostFault, VmfError
from vmf.hookspecs import unreported
from vmf.model import Finally, Power, Step
from vmf.result import StepReport, undone
from vmf.run.acting import Acting
from vmf.run.attempt import Attempt
from vmf.run.configuring import configure
from vmf.run.exchange import alone
from vmf.run.means import Means
from vmf.run.orders import Interrupted, Orders
from vmf.run.vigil import DEAF
from vmf.run.ways import Way, way
from vmf.steps.graph import in_guest, ordered
from vmf.store import Record
from vmf.units import format_duration


class Farewell:
    """The end of one job's machine. Each side's part is done once by an engine, however often it tries to end it."""

    def __init__(
        self,
        record: Callable[[], Record],
        *,
        means: Means,
        attempt: Attempt,
        acting: Acting,
        orders: Orders,
        remark: Callable[[str], None],
    ) -> None:
        self._record = record
        self._home = means.store.home
        self._attempt = attempt
        self._acting = acting
        self._orders = orders
        self._remark = remark
        self._asked = self._acted = False

    def by_guest(self) -> None:
        """Have the guest do its part, if it still answers, and nobody wants its end by force.

        Raises:
            Interrupted: if the job is to be left.
        """
        steps, into = in_guest(self._steps), self._way
        if not steps or self._asked or into is None or not self._answers():
            return
        self._asked = True
        self._told(partial(self._configured, into, steps), steps, yields=True)

    def by_host(self) -> None:
        """Have the host do its part.

        Raises:
            Interrupted: if the job is to be left.
        """
        steps = tuple(step for step in self._steps if step.on_host is not None)
        if not steps or self._acted:
            return
        self._acted = True
        self._told(lambda check: self._acting.perform(steps, self._logs, check, {}).reports, steps, yields=False)

    @property
    def _finally(self) -> Finally | None:
        return self._record().job.at_end

    @property
    def _steps(self) -> tuple[Step, ...]:
        return ordered(self._finally.steps) if self._finally else ()

    @property
    def _logs(self) -> Path:
        folder = self._home.ended(self._record().id)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _answers(self) -> bool:
        """Whether the guest may answer."""
        record = self._record()
        if self._orders.force or (record.cut and record.cut.outcome in DEAF):
            return False
        try:
            return self._attempt.look().power is Power.RUNNING
        except HostFault:  # nothing here keeps the machine from its end
            return False

    @property
    def _way(self) -> Way | None:
        hypervisor, handle, record = self._attempt.hypervisor, self._attempt.handle, self._record()
        folder = self._home.exchange(record.id)
        return way(hypervisor, handle, record, self._attempt.placement, folder=folder, say=self._remark)

    def _configured(self, into: Way, steps: tuple[Step, ...], check: Callable[[], None]) -> tuple[StepReport, ...]:
        with alone(self._home.exchange(self._record().id), _busy):
            read = self._attempt.hypervisor.read
            return configure(into, steps, self._logs, read=read, report=unreported, check=check)

    def _told(
        self,
        perform: Callable[[Callable[[], None]], tuple[StepReport, ...]],
        steps: tuple[Step, ...],
        *,
        yields: bool,
    ) -> None:
        """Do one side's part within its time, and say what did not go well; `yields`: also to force."""
        deadline = time.monotonic() + (self._finally.time_limit if self._finally else 0)
        try:
            reports = perform(self._until(deadline, yields=yields))
        except Interrupted:
            self._asked = self._acted = False
            raise
        except VmfError as fault:
            self._remark(f"finally: {fault.brief}")
            return
        except OSError as error:
            self._remark(f"finally: {error.strerror}: {error.filename}")
            return
        names = {each.name for each in reports}
        if failed := undone([step for step in steps if step.name in names], reports):
            self._remark(f"finally: {failed}")

    def _until(self, deadline: float, *, yields: bool) -> Callable[[], None]:
        """What is called often: it says when to give up."""

        def check() -> None:
            if self._orders.leave:
                raise Interrupted
            if yields and self._orders.force:
                raise VmfError("given up, as the job's end is wanted by force")
            if time.monotonic() > deadline:
                limit = format_duration(self._finally.time_limit) if self._finally else ""
                raise VmfError(f"given up after {limit}", hint="raise `finally.time_limit`")

        return check


def _busy() -> None:
    raise VmfError("somebody hands things to the guest, and it cannot be asked")
