"""Jobs, their events and their claims.

Every change is one `BEGIN IMMEDIATE` transaction, and every change of a job's state goes through `vmf.state.advance`.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from vmf.errors import SetupError, UsageError
from vmf.model import Claim, Ground, Host, Job, Placement, Suspend
from vmf.state import TAKES_ROOM, Event, HostDied, Placed, Readmitted, State, advance
from vmf.store.connection import decode, encode
from vmf.store.ownership import Ownership, own
from vmf.store.record import Moment, Record, after
from vmf.store.sightings import Sightings

Owned: TypeAlias = tuple[Record, Ownership]
"""A job that is ours to carry."""

T = TypeVar("T")
_NO_GROUNDS: Mapping[str, Ground] = MappingProxyType({})


class Store(Sightings):
    """All that vmf keeps; threads may share it. Every method is one transaction."""

    def submit(
        self, jobs: Sequence[tuple[Job, Path]], hosts: tuple[Host, ...], grounds: Mapping[str, Ground] = _NO_GROUNDS
    ) -> tuple[Owned, ...]:
        """Take in jobs with their results folders, all or none, each owned by the caller from its first moment.

        `grounds` are what those with steps are begun upon, by their names.

        Raises:
            UsageError: if a live job has one of the names.
        """
        submitted: list[Owned] = []
        try:
            with self._transaction():
                submitted.extend(self._insert(job, folder, hosts, grounds.get(job.name)) for job, folder in jobs)
        except BaseException:
            for _, ownership in submitted:
                ownership.release()
            raise
        return tuple(submitted)

    def apply(self, record: Record, event: Event) -> Record:
        """Record an event; the record after it. The claim ends with the first state that takes no room.

        Raises:
            IllegalEvent: if the record's state has no such row.
            UsageError: if a job that was held is to live again, and another live one has its name by now.
        """
        with self._transaction():
            return self._apply(record, event)

    def claim(self, record: Record, choose: Callable[[Mapping[str, Claim]], Placement | T]) -> Record | T:
        """Let `choose` place the job, given what is taken of each host, and claim the place in the same transaction.

        What it answers in place of a placement is handed back, and nothing is claimed. A job whose machine is saved
        keeps the placement that this was made for.
        """
        with self._transaction():
            placed = choose(self._taken())
            if not isinstance(placed, Placement):
                return placed
            claim = (record.id, placed.host.name, encode(placed.job.claimed(record.token)))
            self._db.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", claim)
            if record.placement is not None:
                return self._apply(record, Readmitted())
            record = replace(record, placement=placed)
            return self._apply(record, Placed(host=placed.host.name, reasons=placed.reasons))

    def update(self, record: Record) -> Record:
        """Keep a record whose state has not changed."""
        with self._transaction():
            self._keep(record)
        return record

    def get(self, job: int) -> Record | None:
        """One job's record."""
        return next(self._records("WHERE id = ?", job), None)

    def records(self) -> tuple[Record, ...]:
        """All jobs that are known, oldest first."""
        return tuple(self._records("ORDER BY id"))

    def live(self) -> tuple[Record, ...]:
        """The jobs that have not ended, oldest first."""
        return tuple(self._records("WHERE live ORDER BY id"))

    def holders(self) -> tuple[Record, ...]:
        """The jobs that hold room on a host, oldest first."""
        return tuple(self._records("WHERE id IN (SELECT job FROM claims) ORDER BY id"))

    def saved(self) -> tuple[Record, ...]:
        """The live jobs whose guests were saved last, or are about to be, oldest first."""
        last = "json_extract(CAST(record AS TEXT), '$.suspend')"
        return tuple(self._records(f"WHERE live AND {last} = ? ORDER BY id", Suspend.HARD))

    def find(self, word: str) -> Record:
        """The job with this id, or the latest of this name.

        Raises:
            UsageError: if there is none.
        """
        text = word.encode(errors="replace").decode()  # SQLite takes no half characters, and no name has any
        record = next(self._records("WHERE name = ?1 OR CAST(id AS TEXT) = ?1 ORDER BY id DESC LIMIT 1", text), None)
        if record is None:
            raise UsageError(f"no job is called {word!r}", hint="`vmf ps --all` lists all jobs")
        return record

    def history(self, job: int) -> tuple[Moment, ...]:
        """A job's events in their order."""
        rows = self._rows("SELECT at, state, event FROM events WHERE job = ? ORDER BY rowid", job)
        return tuple(Moment(at=at, state=State(state), event=decode(event, Event)) for at, state, event in rows)

    def forget(self, record: Record) -> None:
        """Drop an ended job from the store."""
        with self._transaction():
            self._db.execute("DELETE FROM jobs WHERE id = ?", (record.id,))

    def taken(self) -> Mapping[str, Claim]:
        """What is taken of each host that has machines."""
        with self._lock:
            return self._taken()

    def strays(self, host: str) -> tuple[str, ...]:
        """The machines that a host had when it was said to be off: should it come back, they must not."""
        return tuple(machine for (machine,) in self._rows("SELECT machine FROM strays WHERE host = ?", host))

    def forget_stray(self, host: str, machine: str) -> None:
        """Drop a machine that is gone from its host."""
        with self._transaction():
            self._db.execute("DELETE FROM strays WHERE host = ? AND machine = ?", (host, machine))

    def unlogged(self) -> tuple[Record, ...]:
        """The jobs that have ended, and whose event logs may lack something, oldest first."""
        return tuple(self._records("WHERE NOT live AND id IN (SELECT job FROM unlogged) ORDER BY id"))

    def logged(self, record: Record) -> None:
        """Keep that a job's event log has all that has happened to it."""
        with self._transaction():
            self._db.execute("DELETE FROM unlogged WHERE job = ?", (record.id,))

    def _records(self, which: str, *arguments: object) -> Iterator[Record]:
        """The records of some jobs.

        Raises:
            SetupError: naming the first job whose record cannot be read.
        """
        for job, name, data in self._rows(f"SELECT id, name, record FROM jobs {which}", *arguments):  # noqa: S608  # `which` is ours
            try:
                yield decode(data, Record)
            except msgspec.MsgspecError as error:
                raise SetupError(
                    f"what {self.home.store} keeps of job {job}, {name}, cannot be read: {error}",
                    hint="another version of vmf wrote it: use that one, or set VMF_HOME to another folder",
                ) from error

    def _insert(self, job: Job, folder: Path, hosts: tuple[Host, ...], ground: Ground | None) -> Owned:
        from vmf.published import believable  # noqa: PLC0415  # the language is slow to import, and few commands want it

        now = time.time()
        with _one_of_a_name(job.name, "--set metadata.name=ANOTHER"):
            row = self._db.execute("INSERT INTO jobs (name, live, record) VALUES (?, 1, '')", (job.name,))
        record = Record(
            id=row.lastrowid or 0,
            job=job,
            hosts=hosts,
            ground=ground,
            folder=folder,
            created=now,
            token=os.urandom(16).hex(),
            entered={State.IDLE: now},
            published=believable(job, ground.attributes) if ground else {},
        )
        self._keep(record)
        return record, own(self.home, record.id)

    def _apply(self, record: Record, event: Event) -> Record:
        now = time.time()
        state = advance(record.state, event)
        if isinstance(event, HostDied) and record.placement is not None:
            self._db.execute("INSERT OR IGNORE INTO strays VALUES (?, ?)", (record.placement.host.name, record.machine))
        record = after(record, event)
        before = {each: at for each, at in record.entered.items() if each != state}
        record = replace(record, state=state, entered={**before, state: now})
        self._db.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (record.id, now, state, encode(event)))
        if record.job.event_log is not None:
            self._db.execute("INSERT OR IGNORE INTO unlogged VALUES (?)", (record.id,))
        if state not in TAKES_ROOM:
            self._db.execute("DELETE FROM claims WHERE job = ?", (record.id,))
        self._keep(record)
        return record

    def _keep(self, record: Record) -> None:
        row = (not record.ended, encode(record), record.id)
        with _one_of_a_name(record.job.name, f"`vmf rm {record.id}` forgets this one"):
            self._db.execute("UPDATE jobs SET live = ?, record = ? WHERE id = ?", row)

    def _taken(self) -> dict[str, Claim]:
        taken: dict[str, Claim] = {}
        for host, claim in self._db.execute("SELECT host, claim FROM claims"):
            taken[host] = taken.get(host, Claim()) + decode(claim, Claim)
        return taken


class NameTaken(UsageError):
    """A live job has the name already that another one is to have."""


@contextmanager
def _one_of_a_name(name: str, otherwise: str) -> Iterator[None]:
    """Refuse a second live job of a name."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise NameTaken(
            f"a live job is already called {name!r}",
            hint=f"`vmf ps` shows it; `vmf rm {name}` removes it; or {otherwise}",
        ) from None
