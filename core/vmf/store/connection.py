"""One SQLite file for all vmf processes of a user: made, opened, and used in transactions."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from vmf.errors import SetupError
from vmf.model import Home
from vmf.store.folder import check_locks, using

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


class Connection:
    """The open file; threads may share it."""

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

    def _rows(self, query: str, *arguments: object) -> list[Any]:
        with self._lock, using(self.home.root):
            return self._db.execute(query, arguments).fetchall()


def encode(value: object) -> bytes:
    """A value as it is kept."""
    return msgspec.json.encode(value, enc_hook=str)


def decode(data: bytes | str, type_: Any) -> Any:  # noqa: ANN401  # the caller names the type; a union is no `type`
    """A value of a type, which may be a union.

    Raises:
        msgspec.MsgspecError: if it is none.
    """
    return msgspec.json.decode(data, type=type_, dec_hook=_path)


def _path(type_: type[T], value: object) -> T:
    return type_(value)  # type: ignore[call-arg]  # Path is the only type that msgspec does not know itself
