"""Making a job's machine, of its files or of what was kept of it."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from vmf import plan
from vmf.checkpoints import Unusable
from vmf.errors import JobFault
from vmf.model import Handle, Machine, Power
from vmf.run import restoring, stamps
from vmf.run.attempt import Attempt
from vmf.run.bases import Bases
from vmf.run.means import Means
from vmf.run.orders import Orders
from vmf.run.progress import Progress
from vmf.run.staging import furnish
from vmf.state import Created, RestoreFailed
from vmf.store import Record


class Starting:
    """The action of the state in which a job's machine is made; `update` gives the job another record."""

    def __init__(
        self,
        record: Callable[[], Record],
        *,
        means: Means,
        attempt: Attempt,
        bases: Bases,
        orders: Orders,
        update: Callable[[Record], None],
    ) -> None:
        self._record = record
        self._means = means
        self._attempt = attempt
        self._bases = bases
        self._orders = orders
        self._update = update

    def start(self) -> Created | RestoreFailed:
        """Make the machine, unless it is there already.

        Raises:
            Interrupted: if an order came meanwhile.
            JobFault: if it cannot be made.
            HostFault: if its host fails.
        """
        self._check_disks()
        kept = self._record().kept
        if not kept:
            return Created(handle=self._made())
        try:
            return Created(handle=self._made())
        except (JobFault, Unusable) as fault:
            self._attempt.hypervisor.destroy(self._attempt.handle)
            return RestoreFailed(number=kept[-1].number, reason=str(fault))

    def _check_disks(self) -> None:
        """Keep a machine that is not there yet from what a saved guest is to go on with."""
        saved = self._means.store.saved()
        if saved and self._attempt.hypervisor.state(self._attempt.handle).power is Power.ABSENT:
            stamps.check_unlocked(self._record(), saved, self._attempt.read_file)

    def _made(self) -> Handle:
        hypervisor, home = self._attempt.hypervisor, self._means.store.home
        found = restoring.newest(home, self._record())
        machine = self._machine()
        if found:
            machine = replace(machine, restored=restoring.restored(self._record(), found[1]))
        if hypervisor.state(self._attempt.handle).power is Power.ABSENT:
            if originals := self._bases.stamps():
                self._update(replace(self._record(), originals=originals))
            record = self._record()
            progress = Progress(record, check=self._orders.check, tell=self._means.tell)
            there = frozenset(found[1].parts) if found else frozenset[str]()
            furnish(hypervisor, record, home, checksums=self._means.checksums, progress=progress, but=there)
            if found:
                restoring.bring(hypervisor, record, *found, progress)
        return hypervisor.create(machine)

    def _machine(self) -> Machine:
        placement, record = self._attempt.placement, self._record()
        blueprint = plan.blueprint(placement, record.machine, token=record.token)
        machine, _ = self._means.plugins.amend(placement, blueprint)
        self._means.plugins.review(placement, machine)
        return machine
