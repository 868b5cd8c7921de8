"""One job's life: an action for each state, each one safe to begin again after a crash.

An action looks at what is, does what is missing, and returns the event that the store then records. An engine that
adopts a job enters here at the state that it finds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType

from msgspec.structs import replace

from vmf import plan
from vmf.errors import HoldCode, HostFault, HostLost, JobFault, VmfError
from vmf.files.steps import published
from vmf.model import Ending, MachineState, NetworkType, Outcome, Power, Stop, Verdict
from vmf.result import Said, StepReport, Word, is_accident, judge, verdict
from vmf.run.acting import Acted, Acting
from vmf.run.attempt import GONE, POLL_SECONDS, Attempt, ended
from vmf.run.bases import Bases
from vmf.run.checkpointing import Checkpointing
from vmf.run.delivery import Delivery
from vmf.run.farewell import Farewell
from vmf.run.imprinting import Imprinting, is_template
from vmf.run.means import Means
from vmf.run.notices import Advanced, Remark
from vmf.run.orders import Interrupted, Orders
from vmf.run.progress import Progress
from vmf.run.publishing import Publishing
from vmf.run.results import NO_WORD, Parcel
from vmf.run.serving import Serving
from vmf.run.staging import clear
from vmf.run.starting import Starting
from vmf.run.suspension import Suspension
from vmf.run.vigil import DEAF, Vigil
from vmf.state import (
    WANTS_ROOM,
    Completed,
    Configured,
    Event,
    Failed,
    FellBack,
    Held,
    Judged,
    Removed,
    Requeued,
    State,
)
from vmf.store import Record
from vmf.warehouse.keeping import Unkept

GRACE_SECONDS = 10.0
"""How long a guest that was asked to power off may take."""
FAULTS_MOST = 6
"""How often, one time after the other, a host may fail a job for which nothing else can be done."""
FALLS_MOST = 3
"""How often, one time after the other, a job goes on from the same checkpoint after its machine has died."""
LONGEST_PAUSE_SECONDS = 30.0
"""Between two attempts to reach a host that does not answer."""


class Life:
    """Carries one job whose place is claimed to its end, or back to idle."""

    def __init__(self, record: Record, *, orders: Orders, means: Means) -> None:
        self.record = record
        self.orders = orders
        self._hosts = means.hosts
        self._store = means.store
        self._plugins = means.plugins
        self._checksums = means.checksums
        self._builder = means.builder
        self._tell = means.tell
        self._publishing = Publishing(lambda: self.record, update=self._update, remark=self._remark)
        self._attempt = Attempt(
            lambda: self.record, means=means, orders=orders, publishing=self._publishing, remark=self._remark
        )
        self._delivery = Delivery(
            lambda: self.record, console=self._attempt.console.contents, orders=orders, remark=self._remark
        )
        self._acting = Acting(
            lambda: self.record,
            means=means,
            attempt=self._attempt,
            publishing=self._publishing,
            update=self._update,
            remark=self._remark,
        )
        self._farewell = Farewell(
            lambda: self.record,
            means=means,
            attempt=self._attempt,
            acting=self._acting,
            orders=orders,
            remark=self._remark,
        )
        self._bases = Bases(
            lambda: self.record,
            checksums=means.checksums,
            read=self._attempt.read_file,
            orders=orders,
            remark=self._remark,
        )
        self._starting = Starting(
            lambda: self.record,
            means=means,
            attempt=self._attempt,
            bases=self._bases,
            orders=orders,
            update=self._update,
        )
        self._imprinting = Imprinting(
            lambda: self.record,
            attempt=self._attempt,
            bases=self._bases,
            builder=means.builder,
            machine=self._starting.machine,
            remark=self._remark,
        )
        self.checkpointing = Checkpointing(
            lambda: self.record,
            home=means.store.home,
            attempt=self._attempt,
            orders=orders,
            tell=means.tell,
            update=self._update,
        )
        self.suspension = Suspension(lambda: self.record, attempt=self._attempt, orders=orders, update=self._update)
        self._serving = Serving(record.job, blocks=means.blocks, attempt=self._attempt)
        self._vigil = Vigil(lambda: self.record, attempt=self._attempt, update=self._update)
        self._log = logging.getLogger(f"vmf.job.{record.id}")

    def live(self) -> Record:
        """Act until the job has ended, waits for room, or is to be left; the last record.

        Raises:
            HostFault: if its host, which answers, fails it again and again.
        """
        try:
            with self._builder.hold(self.record), self._serving.hold():
                return self._act()
        finally:
            self._bases.close()

    def _act(self) -> Record:
        pause, faults = 0.0, 0
        self._hosts.wake(self.record.machine, self.orders.wake)
        while not (self.record.ended or self.record.state in WANTS_ROOM or self.orders.leave):
            self.orders.wake.clear()
            self.orders.given.clear()
            try:
                if self.record.state in _BEGINS:
                    self._serving.serve()
                event = self.orders.mourn(self.record) or ACTIONS[self.record.state](self)
            except HostFault as fault:
                faults += not isinstance(fault, HostLost)
                if faults > FAULTS_MOST:
                    raise
                pause = min(2 * pause + 1, LONGEST_PAUSE_SECONDS)
                self._rest(fault, pause)
                continue
            pause, faults = 0.0, 0
            if event is not None:
                self._advance(event)
        return self.record

    def give_up(self, reason: str) -> Judged:
        """End an idle job that no host is left for."""
        return self._delivery.settle(verdict(Outcome.HOST_FAULT, reason="; ".join((*self.record.faults, reason))))

    def start(self) -> Event | None:
        """Make the machine, unless it is there already."""
        if event := self.orders.heed(self.record):
            return event
        try:
            acted = self._acting.before(self.orders.check)
            if acted.failure or not self._boots:
                return self._unbooted(acted)
            return self._starting.start()
        except Interrupted:
            return None if self.orders.leave else self.orders.heed(self.record)
        except JobFault as fault:
            return self._delivery.settle(verdict(Outcome.JOB_FAULT, reason=str(fault), code=fault.code))
        except HostLost:
            raise
        except HostFault as fault:
            return self._blame_host(fault)

    @property
    def _boots(self) -> bool:
        """Whether a machine is wanted: an image of which the host has done all that was left needs none."""
        ground = self.record.ground
        return self.record.job.contract or ground is None or ground.building is None

    def _unbooted(self, acted: Acted) -> Judged:
        """End an attempt that needs no machine, or gets none since a step before it failed."""
        found = verdict(Outcome.STEP_FAILED, reason=acted.failure) if acted.failure else verdict(Outcome.COMPLETED)
        word = Word(said=Said.NOTHING, steps=acted.reports if acted.failure else self.record.acted)
        try:
            with Parcel(self.record) as parcel:
                self._acting.hand_over(parcel)
                if not acted.failure:
                    self._acting.take(parcel)
                    progress = Progress(self.record, check=self._check_left, tell=self._tell)
                    found = self._build(parcel, found, (), progress)
                return self._delivery.deliver(parcel, found, word)
        except OSError as error:
            return self._delivery.give_up(error, found)

    def watch(self) -> Event | None:
        """Wait until the machine is off or the owner wants something; None if the job is to be left."""
        self._bases.begin()
        self.checkpointing.tidy()
        with self._vigil:
            return self._watched()

    def _watched(self) -> Event | None:
        while not self.orders.leave:
            self.orders.wake.clear()
            if asked := self.orders.heed(self.record):
                return asked
            self._serving.serve()
            state = self._attempt.look()
            self._starting.listen()
            if state.power in GONE:
                return ended(state)
            if cut := self._vigil.look(state) or self.checkpointing.wanted(self._vigil.watched):
                return cut
            if not self._serving.is_trying(state):
                self._attempt.tell_pause(state)
            self._serving.go_on(state)
            self._learn_address()
            self._imprinting.look()
            due = min(self._imprinting.due, self.checkpointing.due(self._vigil.watched), self._serving.patience(state))
            self._attempt.wait(min(POLL_SECONDS, self._vigil.left, due))
        return None

    def stop(self) -> Event | None:
        """Ask the guest to power off, wait, then force it."""
        if self.record.placement is None:
            return self._delivery.settle(verdict(Outcome.STOPPED))
        if not self.orders.force:
            with suppress(HostFault):  # a guest that cannot read is forced off
                self._serving.serve()
        try:
            self._farewell.by_guest()
        except Interrupted:
            return None
        state = self._powering_off()
        if state.power is Power.ABSENT:
            return self._delivery.settle(verdict(Outcome.STOPPED))
        return None if self.orders.leave else ended(state)

    def collect(self) -> Event | None:
        """Read what the guest left, settle how it ended, and deliver; None if the job is to be left."""
        self._attempt.console.finish()
        self.record = self._publishing.told()
        try:
            self.checkpointing.settle()
            with Parcel(self.record) as parcel:
                return self._collect(parcel)
        except Interrupted:
            return None
        except OSError as error:
            return self._delivery.give_up(error, verdict(Outcome.STOPPED))
        except HostFault as fault:
            if self._readable_later(fault):
                raise
            if self.orders.stop:
                return self._delivery.settle(verdict(Outcome.STOPPED))
            return self._falling(fault.brief) or self._blame_host(fault)

    def _collect(self, parcel: Parcel) -> Judged | FellBack:
        progress = Progress(self.record, check=self._check_left, tell=self._tell)
        hypervisor, handle = self._attempt.hypervisor, self._attempt.handle
        if is_template(self.record):
            found = self._imprinting.collect(parcel, progress) or self._judged(NO_WORD)
            return self._delivery.deliver(parcel, found, NO_WORD)
        word = parcel.unpack(hypervisor, handle, self._bases, progress=progress, remark=self._remark)
        found, ending = self._judged(word), self.record.ending or Ending.UNKNOWN
        if is_accident(found, ending=ending, word=word) and (fallen := self._falling(f"its machine ended: {ending}")):
            return fallen
        if word.said is Said.ALL and word.missing:
            self._remark(f"asked for, but not made by the guest: {', '.join(word.missing)}")
        self._publishing.read(word.attributes)
        acted = self._acting.after(parcel, self._check_left) if found.outcome is Outcome.COMPLETED else Acted()
        reports = (*word.steps, *acted.reports)
        if acted.failure:
            found = verdict(Outcome.STEP_FAILED, reason=acted.failure)
        parcel.record = self.record = self._publishing.told()
        self._builder.learn(self.record, reports)
        if found.outcome is Outcome.COMPLETED:
            found = self._build(parcel, found, reports, progress)
        self._acting.hand_over(parcel)
        return self._delivery.deliver(parcel, found, replace(word, steps=(*self.record.acted, *reports)))

    def _judged(self, word: Word) -> Verdict:
        """How the attempt ended, whose guest has left such a word."""
        cut = self.record.cut
        return judge(
            contract=self.record.job.contract,
            stopped=State.STOPPING in self.record.entered,
            ending=self.record.ending or Ending.UNKNOWN,
            word=word,
            cut=cut.outcome if cut else None,
            reason=cut.reason if cut else "",
        )

    def _build(self, parcel: Parcel, found: Verdict, reports: tuple[StepReport, ...], progress: Progress) -> Verdict:
        """Keep the machine as a golden image, if that is what the job is for; its disks are part of no results then."""
        try:
            golden = self._builder.publish(self.record, reports, parcel, progress)
        except Unkept as fault:
            return verdict(Outcome.JOB_FAULT, reason=str(fault), code=HoldCode.IMAGE_INVALID)
        if golden:
            parcel.drop_disks()
            self._remark(f"its machine is kept as golden image {golden.id}")
        return found

    def _falling(self, reason: str) -> FellBack | None:
        """Go on from the last checkpoint, or from the one before if that has led to the same end too often."""
        kept = self.record.kept
        last = kept[-1:] if self.record.falls < FALLS_MOST else kept[-2:-1]
        return FellBack(number=last[0].number, reason=reason) if last else None

    def clean(self) -> Event | None:
        """Leave nothing of the machine, and close the attempt; None if the job is to be left."""
        if self.record.placement is not None:
            try:
                self._farewell.by_guest()
                self._farewell.by_host()
            except Interrupted:
                return None
            self._attempt.hypervisor.destroy(self._attempt.handle)
        clear(self._store.home, self.record.id)
        outcome = self.record.verdict.outcome if self.record.verdict else Outcome.STOPPED
        if outcome is Outcome.HOST_FAULT and (self.record.placement or self.record.left) and self._others():
            return Requeued()
        closing = _CLOSING.get(outcome, Completed)
        if closing is not Held:
            self.checkpointing.forget()
            self._acting.forget()
        return closing()

    def _powering_off(self) -> MachineState:
        """The machine when it is off; or as it is, if it is to be left."""
        hypervisor, handle = self._attempt.hypervisor, self._attempt.handle
        if self.record.suspend or (self.record.cut and self.record.cut.outcome in DEAF):  # it hears nobody
            return hypervisor.shut_down(handle, Stop.FORCE)
        deadline = time.monotonic() + GRACE_SECONDS
        state = MachineState(power=Power.UNKNOWN) if self.orders.force else hypervisor.shut_down(handle, Stop.ASK)
        while state.power not in GONE:
            self.orders.wake.clear()
            if self.orders.leave:
                break
            if self.orders.force or state.power is Power.SAVED or time.monotonic() >= deadline:
                self._remark("forcing the machine off")
                return hypervisor.shut_down(handle, Stop.FORCE)
            self._attempt.wait(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))
            state = self._attempt.look()
        return state

    def _readable_later(self, fault: HostFault) -> bool:
        """Whether what the guest left may yet be read, after this fault; then nothing of it is given up."""
        return isinstance(fault, HostLost) or (not self.orders.force and self._attempt.look().power is not Power.ABSENT)

    def _blame_host(self, fault: HostFault) -> Judged:
        """Another host may do; if there is none, tell what was wrong with each."""
        host = self._attempt.placement.host
        self._hosts.blame(host, fault)
        reason = f"{host.name}: {fault}"
        if self._others():
            self._remark(f"{reason}; another host is tried")
            return Judged(verdict=verdict(Outcome.HOST_FAULT, reason=reason))
        if self.record.kept and self.record.state is State.STARTING:  # it is not thrown away for one fault
            raise fault
        return self.give_up(reason)

    def _others(self) -> bool:
        return len(self.record.open) > 1

    def _check_left(self) -> None:
        if self.orders.leave:
            raise Interrupted

    def _learn_address(self) -> None:
        """Keep where the guest is reached, as soon as its host knows; that it does not know is no news."""
        if self.record.address or not self._is_reachable():
            return
        with suppress(VmfError):
            if found := self._attempt.hypervisor.facts(self._attempt.handle).reached:
                self._update(replace(self.record, address=found))

    def _is_reachable(self) -> bool:
        """Whether there is an address to learn: a guest on a user network is reached by its forwards only."""
        nic = plan.blueprint(self._attempt.placement, self.record.machine, token=self.record.token).nic
        return nic is not None and (nic.type is not NetworkType.USER or bool(nic.forwards))

    def _rest(self, fault: HostFault, seconds: float) -> None:
        """Wait before a host is asked again; an order cuts it short, and one to force gives the host up.

        So does what is heard of a host that was lost: it is back. News of any other would use up its tries.
        """
        if self.orders.force:
            self._remark(f"{fault.brief}; nothing can be forced now, the job is left as it is, to be adopted")
            self.orders.give(leave=True)
        elif not self.orders.leave:
            lost = isinstance(fault, HostLost)
            self._remark(f"{fault.brief}; asking again {'within' if lost else 'in'} {seconds:.0f} s")
            (self.orders.wake if lost else self.orders.given).wait(seconds)

    def _update(self, record: Record) -> None:
        self.record = self._store.update(record)

    def _advance(self, event: Event) -> None:
        if isinstance(event, Configured):  # what the host's steps have published, nobody has heard yet
            self._publishing.hear(
                b"\n" + b"".join(published(*each) for step in event.steps for each in step.attributes.items())
            )
        self.record = self._store.apply(self._publishing.told(), event)
        self._log.info("%s: %s", self.record.state, event)
        self._tell(Advanced(record=self.record, event=event))
        self._plugins.tell(self.record.job.name, event)

    def _remark(self, text: str) -> None:
        self._log.warning("%s", text)
        self._tell(Remark(record=self.record, text=text))


ACTIONS: Mapping[State, Callable[[Life], Event | None]] = MappingProxyType({
    State.STARTING: Life.start,
    State.RUNNING: Life.watch,
    State.SUSPENDING: lambda life: life.suspension.suspend(),
    State.SUSPENDED: lambda life: life.suspension.stand(),
    State.SAVED: lambda life: life.suspension.rest(),
    State.CHECKPOINTING: lambda life: life.checkpointing.checkpoint(),
    State.VACATING: lambda life: life.checkpointing.vacate(),
    State.LEAVING: lambda life: life.checkpointing.leave(),
    State.RESUMING: lambda life: life.suspension.resume(),
    State.STOPPING: Life.stop,
    State.COLLECTING: Life.collect,
    State.CLEANING: Life.clean,
})  # fmt: skip

_BEGINS = frozenset({State.STARTING, State.RESUMING})
"""The states at whose end a guest reads what is served; while it runs, that is looked after again and again."""

_CLOSING: Mapping[Outcome, type[Completed | Held | Failed | Removed]] = MappingProxyType({
    Outcome.JOB_FAULT: Held,
    Outcome.HELD: Held,
    Outcome.STOPPED: Removed,
    Outcome.HOST_FAULT: Failed,
})  # fmt: skip
