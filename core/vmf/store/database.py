"""One SQLite file for all vmf processes of a user.

Every change is one `BEGIN IMMEDIATE` transaction, and every change of a job's state goes through `vmf.state.advance`.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from vmf.errors import SetupError, UsageError
from vmf.model import Claim, Facts, Ground, Home, Host, Job, Pace, Placement, Setback, Suspend, Work
from vmf.state import TAKES_ROOM, Event, HostDied, Placed, Readmitted, State, advance
from vmf.store.folder import check_locks, using
from vmf.store.ownership import Ownership, own
from vmf.store.record import Moment, Record, after

Owned: TypeAlias = tuple[Record, Ownership]
"""A job that is ours to carry."""

VERSION = 8
BUSY_SECONDS = 30.0

_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    live INTEGER NOT NULL,
    record BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS live_names ON jobs (name) WHERE live;
CREATE TABLE IF NOT EXISTS events (
    job INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    at REAL NOT NULL,
    state TEXT NOT NULL,
    event BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS events_of ON events (job);
CREATE TABLE IF NOT EXISTS claims (
    job INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    host TEXT NOT NULL,
    claim BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS strays (host TEXT NOT NULL, machine TEXT NOT NULL, PRIMARY KEY (host, machine));
CREATE TABLE IF NOT EXISTS unlogged (job INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE);
CREATE TABLE IF NOT EXISTS setbacks (
    host TEXT NOT NULL,
    ability TEXT NOT NULL,
    setback BLOB NOT NULL,
    PRIMARY KEY (host, ability)
);
CREATE TABLE IF NOT EXISTS facts (host TEXT PRIMARY KEY, facts BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS paces (host TEXT NOT NULL, work TEXT NOT NULL, pace BLOB NOT NULL, PRIMARY KEY (host, work));
DELETE FROM paces WHERE work = 'start';
CREATE TABLE IF NOT EXISTS steps (digest TEXT PRIMARY KEY, pace BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS checksums (file BLOB PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL);
PRAGMA user_version = {VERSION};
"""  # noqa: S608  # a number of ours

T = TypeVar("T")
_NO_GROUNDS: Mapping[str, Ground] = MappingProxyType({})


class Store:
    """The open database; threads may share it. Every method is one transaction."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._lock = threading.RLock()
        with using(self.home.root):
            os.close(os.open(home.store, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(home.store, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            with using(self.home.root):
                self._open()
        except SetupError:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the database, when no other thread is using it: that would end the process."""
        with self._lock:
            self._db.close()

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
            claim = (record.id, placed.host.name, _encode(placed.job.claimed(record.token)))
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
        return tuple(Moment(at=at, state=State(state), event=_decode(event, Event)) for at, state, event in rows)

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

    def facts(self, host: str) -> Facts | None:
        """What the last probe of a host found."""
        rows = self._rows("SELECT facts FROM facts WHERE host = ?", host)
        return _decode(rows[0][0], Facts) if rows else None

    def keep_facts(self, host: str, facts: Facts) -> None:
        """Keep what a probe found: the host is another one now, and nothing else that was seen of it counts."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (host, _encode(facts)))
            self._db.execute("DELETE FROM setbacks WHERE host = ?", (host,))
            self._db.execute("DELETE FROM paces WHERE host = ?", (host,))

    def paces(self, host: str) -> Mapping[Work, Pace]:
        """How fast a host was seen to work."""
        rows = self._rows("SELECT work, pace FROM paces WHERE host = ?", host)
        return {Work(work): _decode(pace, Pace) for work, pace in rows}

    def keep_pace(self, host: str, work: Work, pace: Pace) -> None:
        """Keep how fast a host has just worked, beside what it did before."""
        with self._transaction():
            seen = pace.after(self.paces(host).get(work))
            self._db.execute("INSERT OR REPLACE INTO paces VALUES (?, ?, ?)", (host, work, _encode(seen)))

    def step_seconds(self, digests: Iterable[str]) -> Mapping[str, float]:
        """How long the steps of these digests were seen to take, those of them that were done here before."""
        found = ((digest, self._rows("SELECT pace FROM steps WHERE digest = ?", digest)) for digest in digests)
        return {digest: _decode(rows[0][0], Pace).each for digest, rows in found if rows}

    def keep_step(self, digest: str, seconds: float) -> None:
        """Keep how long a step has just taken, beside what it did before."""
        with self._transaction():
            rows = self._rows("SELECT pace FROM steps WHERE digest = ?", digest)
            seen = Pace(amount=1, seconds=seconds).after(_decode(rows[0][0], Pace) if rows else None)
            self._db.execute("INSERT OR REPLACE INTO steps VALUES (?, ?)", (digest, _encode(seen)))

    def setbacks(self, host: str) -> Mapping[str, Setback]:
        """What a host has failed at since it last did it: abilities, and `ITSELF` if that was all."""
        rows = self._rows("SELECT ability, setback FROM setbacks WHERE host = ? ORDER BY ability", host)
        return {ability: _decode(setback, Setback) for ability, setback in rows}

    def set_back(self, host: str, ability: str, reason: str) -> Setback:
        """Set aside what a host has failed at: for longer each time; one that is set aside already stays as it is."""
        now = time.time()
        with self._transaction():
            last = self.setbacks(host).get(ability)
            if last and not last.is_over(now):
                return last
            setback = Setback(reason=reason, at=now, times=last.times + 1 if last else 1)
            self._db.execute("INSERT OR REPLACE INTO setbacks VALUES (?, ?, ?)", (host, ability, _encode(setback)))
        return setback

    def recover(self, host: str, abilities: Iterable[str]) -> None:
        """Set no more of these aside: the host has just done them."""
        if recovered := self.setbacks(host).keys() & set(abilities):
            with self._transaction():
                rows = ((host, ability) for ability in recovered)
                self._db.executemany("DELETE FROM setbacks WHERE host = ? AND ability = ?", rows)

    def checksum(self, file: bytes, stamp: str) -> str | None:
        """The SHA-256 that a file had when it bore this stamp."""
        rows = self._rows("SELECT sha256 FROM checksums WHERE file = ? AND stamp = ?", file, stamp)
        return str(rows[0][0]) if rows else None

    def keep_checksum(self, file: bytes, stamp: str, sha256: str) -> None:
        """Keep the SHA-256 of a file as it is now, in place of that of what it was."""
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO checksums VALUES (?, ?, ?)", (file, stamp, sha256))

    def _open(self) -> None:
        check_locks(self.home.root)
        self._db.execute("PRAGMA foreign_keys = ON")
        if self._version() < VERSION:
            self._make()
        if self._version() > VERSION:
            raise SetupError(
                f"{self.home.store} was written by a newer vmf", hint="upgrade vmf, or set VMF_HOME to another folder"
            )

    def _version(self) -> int:
        return int(self._db.execute("PRAGMA user_version").fetchone()[0])

    def _make(self) -> None:
        """Make the tables; one process at a time, for SQLite itself does not wait to change the journal's mode."""
        folder = os.open(self.home.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            if self._version() < VERSION:
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.executescript(_SCHEMA)
        finally:
            os.close(folder)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock, using(self.home.root):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk has already ended it
                    self._db.execute("ROLLBACK")
                raise

    def _records(self, which: str, *arguments: object) -> Iterator[Record]:
        """The records of some jobs.

        Raises:
            SetupError: naming the first job whose record cannot be read.
        """
        for job, name, data in self._rows(f"SELECT id, name, record FROM jobs {which}", *arguments):  # noqa: S608  # `which` is ours
            try:
                yield _decode(data, Record)
            except msgspec.MsgspecError as error:
                raise SetupError(
                    f"what {self.home.store} keeps of job {job}, {name}, cannot be read: {error}",
                    hint="another version of vmf wrote it: use that one, or set VMF_HOME to another folder",
                ) from error

    def _rows(self, query: str, *arguments: object) -> list[Any]:
        with self._lock, using(self.home.root):
            return self._db.execute(query, arguments).fetchall()

    def _insert(self, job: Job, folder: Path, hosts: tuple[Host, ...], ground: Ground | None) -> Owned:
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
            published=ground.attributes if ground else {},
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
        self._db.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (record.id, now, state, _encode(event)))
        if record.job.event_log is not None:
            self._db.execute("INSERT OR IGNORE INTO unlogged VALUES (?)", (record.id,))
        if state not in TAKES_ROOM:
            self._db.execute("DELETE FROM claims WHERE job = ?", (record.id,))
        self._keep(record)
        return record

    def _keep(self, record: Record) -> None:
        row = (not record.ended, _encode(record), record.id)
        with _one_of_a_name(record.job.name, f"`vmf rm {record.id}` forgets this one"):
            self._db.execute("UPDATE jobs SET live = ?, record = ? WHERE id = ?", row)

    def _taken(self) -> dict[str, Claim]:
        taken: dict[str, Claim] = {}
        for host, claim in self._db.execute("SELECT host, claim FROM claims"):
            taken[host] = taken.get(host, Claim()) + _decode(claim, Claim)
        return taken


@contextmanager
def _one_of_a_name(name: str, otherwise: str) -> Iterator[None]:
    """Refuse a second live job of a name."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise UsageError(
            f"a live job is already called {name!r}",
            hint=f"`vmf ps` shows it; `vmf rm {name}` removes it; or {otherwise}",
        ) from None


def _encode(value: object) -> bytes:
    return msgspec.json.encode(value, enc_hook=str)


def _decode(data: bytes | str, type_: Any) -> Any:  # noqa: ANN401  # the caller names the type; a union is no `type`
    return msgspec.json.decode(data, type=type_, dec_hook=_path)


def _path(type_: type[T], value: object) -> T:
    return type_(value)  # type: ignore[call-arg]  # Path is the only type that msgspec does not know itself
