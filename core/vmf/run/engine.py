"""The engine: gives its idle jobs places in their order, and each placed job a thread for its life."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from math import inf
from typing import Unpack

from msgspec.structs import replace

from vmf.blocks.shelf import Blocks
from vmf.match import match
from vmf.model import Claim, Host, Offer, Placement, taken_of
from vmf.plan import Unplaced, place
from vmf.plugins import Plugins
from vmf.run.bidding import known, remembered, size_of
from vmf.run.building import Builder
from vmf.run.checksums import Checksums
from vmf.run.eventlog import EventLogs
from vmf.run.hosts import Hosts
from vmf.run.life import Life
from vmf.run.means import Means
from vmf.run.notices import Advanced, Notice, Remark, Stuck
from vmf.run.orders import Orders, Wanted
from vmf.run.waking import anew
from vmf.run.world import world
from vmf.state import WANTS_ROOM, Event, State, Wish
from vmf.store import Owned, Ownership, Record, Store
from vmf.warehouse.shelf import Warehouse

LOOK_SECONDS = 0.5
"""How often an idle job looks for room that another process may have freed.

A signal that comes just before this thread begins to wait is heeded only when it wakes: it never waits for longer.
"""
ASK_SECONDS = 1.0
"""How long orders and other hosts' jobs wait for a host that has just been asked what it offers."""
LEAVE_SECONDS = 10.0
"""How long lives that are to be left may take to notice: a host may keep one of them in a call."""


class Engine:
    """Owns jobs and carries them to their end. `stop` and `leave` may be called on any thread, or by a signal."""

    def __init__(
        self,
        *,
        store: Store,
        plugins: Plugins,
        hosts: Hosts,
        tell: Callable[[Notice], None],
        adopt: Callable[[Collection[int]], Iterable[Owned]],
    ) -> None:
        """`adopt` takes over jobs that hold room without an engine, other than those with these ids."""
        self._store = store
        self._plugins = plugins
        self._hosts = hosts
        self._watcher = tell
        self._adopt = adopt
        self._logs = EventLogs(store, tell=tell)
        self._checksums = Checksums(store)
        self._builder = Builder(store, Warehouse(store.home.images), self._checksums)
        self._size = cache(size_of)
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._orders: dict[int, Orders] = {}
        self._owned: dict[int, Ownership] = {}
        self._idle: dict[int, Record] = {}
        self._alive: set[int] = set()
        self._last: dict[int, Record] = {}
        self._waits: dict[int, str] = {}
        self._patience = inf

    def carry(self, jobs: Iterable[Owned]) -> tuple[Record, ...]:
        """Carry the jobs to their end, or as far as `leave` and faults of vmf let it; their last records.

        While one waits for room, it carries on what `adopt` finds as well: nobody else may ever free that room.

        A life that does not heed `leave` stays owned until this process ends, so that nobody else begins it again.
        """
        self._last.clear()
        self._begin(jobs)
        while (self._idle or self._alive) and time.monotonic() < self._patience:
            self._place_idle()
            if self._idle:
                self._begin(self._adopt(self._orders.keys()))
            if self._idle or self._alive:
                self._obey(block=True)
            self._logs.retry()
        for number in self._alive:
            self._last[number] = self._store.get(number) or self._last[number]
        return tuple(self._last.values())

    def stop(self, *, force: bool, jobs: Collection[int] | None = None) -> None:
        """Ask jobs (all if none are named) to end; `force`: without asking their guests first."""
        self._inbox.put(lambda: self._order(jobs, stop=True, force=force))

    def ask(self, job: int, wish: Wish) -> None:
        """Tell one of the jobs what its owner wants of it."""
        self._inbox.put(lambda: self._order({job}, wish=wish))

    def leave(self) -> None:
        """Leave every job as it is, to be adopted."""
        self._inbox.put(self._leave)

    def _begin(self, jobs: Iterable[Owned]) -> None:
        taken = tuple(jobs)
        for record, ownership in taken:
            self._orders[record.id] = Orders()
            self._owned[record.id] = ownership
        self._obey(block=False)
        for record, _ in taken:
            self._logs.follow(record)
            self._take(record)

    def _obey(self, *, block: bool) -> None:
        """Do what has come in: a life that is over, an order; `block`: wait a while for that."""
        with suppress(queue.Empty):
            if block:
                self._inbox.get(timeout=LOOK_SECONDS)()
            while True:
                self._inbox.get_nowait()()

    def _leave(self) -> None:
        self._patience = min(self._patience, time.monotonic() + LEAVE_SECONDS)
        self._order(None, leave=True)

    def _order(self, jobs: Collection[int] | None, **wanted: Unpack[Wanted]) -> None:
        for number, orders in self._orders.items():
            if jobs is None or number in jobs:
                orders.give(**wanted)

    def _take(self, record: Record) -> None:
        """Sort a record by what it needs next."""
        self._last[record.id] = record
        orders = self._orders[record.id]
        if record.ended or orders.leave:
            self._logs.settle(record)
            self._owned.pop(record.id).release()
        elif record.state in WANTS_ROOM:
            self._idle[record.id] = record
        else:
            self._alive.add(record.id)
            life = self._life(record)
            threading.Thread(target=self._live, args=(life,), name=record.machine, daemon=True).start()

    def _life(self, record: Record) -> Life:
        means = Means(
            hosts=self._hosts,
            store=self._store,
            plugins=self._plugins,
            checksums=self._checksums,
            builder=self._builder,
            blocks=Blocks(self._store.home.remote),
            tell=self._tell,
        )
        return Life(record, orders=self._orders[record.id], means=means)

    def _live(self, life: Life) -> None:
        try:
            life.live()
        except Exception as error:  # noqa: BLE001  # whatever it is, the job must not be lost
            fault = error
            self._inbox.put(lambda: self._stuck(life.record, fault))
        else:
            self._inbox.put(lambda: self._over(life.record))

    def _over(self, record: Record) -> None:
        self._alive.discard(record.id)
        self._take(record)

    def _stuck(self, record: Record, error: Exception) -> None:
        logging.getLogger(f"vmf.job.{record.id}").warning("this engine cannot carry the job on", exc_info=error)
        self._tell(Stuck(record=record, error=error))
        self._orders[record.id].give(leave=True)
        self._over(record)

    def _place_idle(self) -> None:
        for record in list(self._idle.values()):
            try:
                moved = self._moved(record)
            except Exception as error:  # noqa: BLE001  # as in a life: one job's trouble is not the others'
                del self._idle[record.id]
                self._stuck(record, error)
                continue
            if moved is not None:
                del self._idle[record.id]
                self._take(moved)

    def _moved(self, record: Record) -> Record | None:
        """The idle job's record once something happened to it; None while it must wait."""
        orders = self._orders[record.id]
        if orders.leave:
            return record
        if event := orders.mourn(record) or orders.heed(record):
            return self._advance(record, event)
        placed = self._place(record)
        if isinstance(placed, Record):
            return placed
        reasons = "; ".join(f"{each.host}: {each.reason}" for each in placed.rejected)
        if placed.hopeless and record.state is State.IDLE and not record.kept:  # what is kept is not thrown away
            return self._advance(record, self._life(record).give_up(f"no host is left that fits: {reasons}"))
        if self._waits.get(record.id) != reasons:
            self._waits[record.id] = reasons
            self._tell(Remark(record=record, text=f"waits: {reasons}{_way_out(record) if placed.hopeless else ''}"))
        return None

    def _advance(self, record: Record, event: Event) -> Record:
        return self._told(self._store.apply(record, event), event)

    def _tell(self, notice: Notice) -> None:
        if isinstance(notice, Advanced):
            self._logs.follow(notice.record)
        self._watcher(notice)

    def _told(self, record: Record, event: Event) -> Record:
        self._tell(Advanced(record=record, event=event))
        self._plugins.tell(record.job.name, event)
        return record

    def _place(self, record: Record) -> Record | Unplaced:
        """Claim a place, if there is one; what the job has left is a place if no other will ever be."""
        record = anew(record)
        placed = self._place_among(record, _open(record))
        return self._place_among(record, record.open) if _is_hopeless(placed) and record.left else placed

    def _place_among(self, record: Record, hosts: Sequence[Host]) -> Record | Unplaced:
        offers = self._hosts.offers(hosts, patience=ASK_SECONDS)
        kept = record.kept[-1].platform if record.kept else None
        seen = record.seen
        told = known({seen.name: record.ground} if record.ground else {}, self._store, self._size)
        ask = self._plugins.bids and remembered(self._plugins.bids)

        def choose(taken: Mapping[str, Claim]) -> Placement | Unplaced:
            now = (
                replace(each, taken=taken_of(each.host.name, taken)) if isinstance(each, Offer) else each
                for each in offers
            )
            return place(record.job, match(seen, tuple(now), world=world(), kept=kept, known=told), ask)

        if ask:  # first, while nobody waits for the store, however long plugins think
            choose(self._store.taken())
        placed = self._store.claim(record, choose)
        if isinstance(placed, Unplaced):
            return placed
        return self._told(placed, self._store.history(placed.id)[-1].event)


def _way_out(record: Record) -> str:
    """What the owner of a job can do that waits for a host which can go on with what is kept of it."""
    steps = (f"`vmf {verb} {record.job.name}`" for verb in ("hold", "checkpoint rm", "release"))
    return f"; to begin anew instead: {', '.join(steps)}"


def _is_hopeless(placed: Record | Unplaced) -> bool:
    return isinstance(placed, Unplaced) and placed.hopeless


def _open(record: Record) -> tuple[Host, ...]:
    """The hosts that a job may have now: the one that its machine is on, or else all but the one that it has left."""
    if record.placement is not None:
        return (record.placement.host,)
    return tuple(host for host in record.open if host.name != record.left) or record.open
