"""Making a job's machine, of its files or of what was kept of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from vmf import checkpoints, plan
from vmf.ads import block_needs, needs
from vmf.checkpoints import Manifest, Unusable
from vmf.errors import HoldCode, HostFault, HostLost, JobFault, SetupError
from vmf.files.identity import identity
from vmf.model import CLONE, MEBIBYTE, Beginning, Gap, Handle, Machine, Pace, Power, Work
from vmf.run import imprinting, restoring, stamps, waking
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
        if found is None:
            return Created(handle=self._begun(is_new=is_new))
        if is_new:
            self._furnish(found)
        handle = self._restored(found[1])
        self._attempt.go_on(checkpoints.words(found[0]))
        missed = max(0.0, time.time() - found[1].at)
        return Created(
            handle=handle,
            gap=Gap(seconds=missed, checkpoint=found[1].number, clock_set=self._attempt.set_clock()),
        )

    def _begun(self, *, is_new: bool) -> Handle:
        """Have the guest begin: wake, if there is what it can wake from; a machine that did not is destroyed."""
        record = self._record()
        if is_new and (warm := waking.warm_of(record)):
            place, plugins = self._attempt.placement, self._means.plugins
            how = waking.beginning(place, warm, name=record.machine, token=record.token, plugins=plugins)
            self._update(waking.begun(record, how))
        try:
            return self._first(is_new=is_new)
        except HostLost:
            raise
        except (JobFault, HostFault) as fault:
            if not waking.woken(self._record()) or self._runs():
                raise
            self._give_up_waking(fault)
        return self._first(is_new=True)

    def _first(self, *, is_new: bool) -> Handle:
        """Have the machine there as it is to begin."""
        warm = waking.woken(self._record())
        if is_new:
            if warm:
                waking.check(warm, partial(self._means.checksums.of, check=self._orders.check))
            self._furnish(None)
        self._attempt.begin()
        at, machine = time.monotonic(), self.machine()
        self._began = (Work.WAKE if machine.wakes else Work.BOOT, at) if is_new else None
        return self._create(machine)

    def _runs(self) -> bool:
        """Whether the guest has woken, whatever was wrong then."""
        return self._attempt.hypervisor.state(self._attempt.handle).power is Power.RUNNING

    def _give_up_waking(self, fault: JobFault | HostFault) -> None:
        """Leave nothing of a machine that did not wake, so that it can boot: only what is gone can be made again."""
        self._attempt.hypervisor.destroy(self._attempt.handle)
        if isinstance(fault, HostFault):
            self._means.hosts.blame(self._attempt.placement.host, HostFault(fault.brief, ability=CLONE))
        self._update(waking.begun(self._record(), Beginning(why=f"it did not wake: {fault.brief}")))

    def _furnish(self, found: tuple[Path, Manifest] | None) -> None:
        if originals := self._bases.stamps():
            self._update(replace(self._record(), originals=originals))
        hypervisor, record, means = self._attempt.hypervisor, self._record(), self._means
        progress = Progress(record, check=self._orders.check, tell=means.tell)
        home, sums = means.store.home, means.checksums
        who = None if found else self._identity()
        pace = furnish(hypervisor, record, home, checksums=sums, progress=progress, identity=who)
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
            return self._create(restoring.fitted(self.machine(), self._record(), manifest))
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
        awake = {CLONE} if machine.wakes and not machine.restored else set[str]()
        self._means.hosts.credit(host, shown | _network(machine) | awake)
        return handle

    def _identity(self) -> bytes | None:
        """Who the guest is, if it wakes; None: it is a template's, which is given nothing."""
        record = self._record()
        if imprinting.is_template(record):
            return None
        return identity(self.machine(), record.job.name) if waking.woken(record) else b""

    def machine(self) -> Machine:
        """The job's machine as it is to be, or was made."""
        placement, record = self._attempt.placement, self._record()
        blueprint = plan.blueprint(placement, record.machine, token=record.token)
        if imprinting.is_template(record):
            blueprint = plan.template(blueprint, record.machine)
        machine, _ = self._means.plugins.amend(placement, blueprint)
        if warm := waking.woken(record):
            machine = plan.waking(machine, warm)
        self._means.plugins.review(placement, machine)
        return machine


def _network(machine: Machine) -> frozenset[str]:
    """The ability to have a machine on its kind of network, if it has any: a job need not name the kind."""
    return frozenset({f"network-{machine.nic.type}"} if machine.nic else ())
