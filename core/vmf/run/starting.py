"""Making a job's machine, of its files or of what was kept of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from msgspec.structs import replace

from vmf import checkpoints, plan
from vmf.ads import block_needs, needs
from vmf.checkpoints import Manifest, Unusable
from vmf.errors import HoldCode, HostFault, HostLost, JobFault, SetupError
from vmf.model import MEBIBYTE, Gap, Handle, Machine, Pace, Power, Work
from vmf.run import restoring, stamps
from vmf.run.attempt import Attempt
from vmf.run.bases import Bases
from vmf.run.means import Means
from vmf.run.orders import Orders
from vmf.run.progress import Progress
from vmf.run.staging import furnish
from vmf.state import Created, RestoreFailed
from vmf.store import Record

LEAST_STAGED = MEBIBYTE
"""Bytes of which the bringing tells how fast a host takes them: what is less mostly waits."""
FAULTS_MOST = 3
"""How often the last host that is left may fail to go on from a checkpoint before that is given up."""


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
        self._faults = 0
        self._began: tuple[Work, float] | None = None
        """How and when a guest began that has not spoken yet; None: not here, or it has."""

    def start(self) -> Created | RestoreFailed:
        """Make the machine, unless it is there already.

        Raises:
            Interrupted: if an order came meanwhile.
            JobFault: if it cannot be made.
            HostFault: if its host fails.
        """
        self._check_disks()
        try:
            return self._made()
        except Unusable as fault:
            reason = str(fault)
        except HostLost:
            raise
        except HostFault as fault:
            self._faults += 1
            if not self._record().kept or len(self._record().open) > 1 or self._faults < FAULTS_MOST:
                raise
            reason = f"its host failed {self._faults} times; {fault}"
        self._attempt.hypervisor.destroy(self._attempt.handle)
        return RestoreFailed(number=self._record().kept[-1].number, reason=reason)

    def listen(self) -> None:
        """Keep how long the guest took to say its first word, once it has."""
        heard = self._attempt.console.heard
        if self._began and heard:
            work, at = self._began
            self._keep(work, Pace(amount=1, seconds=heard - at))
            self._began = None

    def _keep(self, work: Work, pace: Pace) -> None:
        with suppress(SetupError):  # it only helps to choose: a store that is full keeps no guest from running
            self._means.store.keep_pace(self._attempt.placement.host.name, work, pace)

    def _check_disks(self) -> None:
        """Keep a machine that is not there yet from what a saved guest is to go on with."""
        saved = self._means.store.saved()
        if saved and self._attempt.hypervisor.state(self._attempt.handle).power is Power.ABSENT:
            stamps.check_unlocked(self._record(), saved, self._attempt.read_file)

    def _made(self) -> Created:
        found = restoring.newest(self._means.store.home, self._record())
        is_new = self._attempt.hypervisor.state(self._attempt.handle).power is Power.ABSENT
        if is_new:
            self._furnish(found)
        if found is None:
            self._attempt.begin()
            at, machine = time.monotonic(), self._machine()
            self._began = (Work.WAKE if machine.wakes else Work.BOOT, at) if is_new else None
            return Created(handle=self._create(machine))
        handle = self._restored(found[1])
        self._attempt.go_on(checkpoints.words(found[0]))
        missed = max(0.0, time.time() - found[1].at)
        return Created(
            handle=handle,
            gap=Gap(seconds=missed, checkpoint=found[1].number, clock_set=self._attempt.set_clock()),
        )

    def _furnish(self, found: tuple[Path, Manifest] | None) -> None:
        if originals := self._bases.stamps():
            self._update(replace(self._record(), originals=originals))
        hypervisor, record, means = self._attempt.hypervisor, self._record(), self._means
        progress = Progress(record, check=self._orders.check, tell=means.tell)
        home, sums = means.store.home, means.checksums
        pace = furnish(hypervisor, record, home, checksums=sums, progress=progress, anew=found is None)
        if pace.amount >= LEAST_STAGED:
            self._keep(Work.STAGE, pace)
        if found:
            restoring.check_originals(record, found[1], self._attempt.read_file)
            restoring.bring(hypervisor, record, *found, progress)

    def _restored(self, manifest: Manifest) -> Handle:
        """Have the machine go on from a checkpoint.

        Raises:
            Unusable: if nobody can go on from it.
            JobFault: if something else of the job's is in the way.
            HostFault: if another host may do, or another try.
        """
        try:
            return self._create(restoring.fitted(self._machine(), self._record(), manifest))
        except JobFault as fault:
            if fault.code is HoldCode.IMAGE_INVALID:
                raise Unusable(str(fault)) from fault
            if len(self._record().open) > 1:  # the job was well where it came from
                raise HostFault(str(fault)) from fault
            raise

    def _create(self, machine: Machine) -> Handle:
        """Have the machine made; what its host has shown so to be able to is not set aside any more."""
        handle = self._attempt.hypervisor.create(machine)
        job, host = self._record().job, self._attempt.placement.host
        shown = {each.ability for each in (*needs(job), *block_needs(job, host.type))}
        self._means.hosts.credit(host, shown | _network(machine))
        return handle

    def _machine(self) -> Machine:
        placement, record = self._attempt.placement, self._record()
        blueprint = plan.blueprint(placement, record.machine, token=record.token)
        machine, _ = self._means.plugins.amend(placement, blueprint)
        self._means.plugins.review(placement, machine)
        return machine


def _network(machine: Machine) -> frozenset[str]:
    """The ability to have a machine on its kind of network, if it has any: a job need not name the kind."""
    return frozenset({f"network-{machine.nic.type}"} if machine.nic else ())
