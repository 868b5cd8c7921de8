"""Event logs: files that jobs name, with a line for each event of theirs, for whoever follows them.

The file itself says what has been written: a job's lines are made of its history alone, so whoever adopts the job finds
them there again, and writes those that are missing.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from vmf.errors import VmfError
from vmf.run.notices import Notice, Remark
from vmf.state import Placed
from vmf.store import Moment, Record, Store, try_to_own

BEGINNING = b'{"at": "'
"""Of every line, and so of every event log: a file that begins otherwise is somebody else's, and is left alone."""
BLOCK = 2**16
LAST_SECONDS = 2.0
"""How long the end of a job waits for a log that somebody else is writing to."""
LOOK_SECONDS = 0.02


class EventLogs:
    """The event logs of an engine's jobs; any thread may ask. Whatever is wrong with one, its job goes on."""

    def __init__(self, store: Store, *, tell: Callable[[Notice], None]) -> None:
        self._store = store
        self._tell = tell
        self._lock = threading.Lock()
        self._written: dict[int, int] = {}
        self._late: dict[int, Record] = {}
        self._told: set[int] = set()

    def follow(self, record: Record) -> None:
        """Write what has happened to a job, up to the event that led to this record."""
        with self._lock:
            self._try(record)

    def retry(self) -> None:
        """Write what could not be written before."""
        with self._lock:
            for record in tuple(self._late.values()):
                self._try(record)

    def settle(self, record: Record) -> None:
        """Write what is left of a job that others may have from now on."""
        deadline = time.monotonic() + LAST_SECONDS
        while isinstance(fault := self._last(record), BlockingIOError) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
        if fault and record.ended:
            self._remark(record, f"lacks the job's last events: {_reason(fault)}")

    def _last(self, record: Record) -> Exception | None:
        with self._lock:
            fault = self._try(record)
            self._late.pop(record.id, None)
        return fault

    def _try(self, record: Record) -> Exception | None:
        """Write what is missing; what is in the way of that, which is said once."""
        try:
            self._write(record)
        except (OSError, VmfError) as fault:
            self._late[record.id] = record
            if record.id not in self._told and not isinstance(fault, BlockingIOError):  # that one passes
                self._told.add(record.id)
                self._remark(record, f"cannot be written, and is tried again: {_reason(fault)}")
            return fault
        self._late.pop(record.id, None)
        self._told.discard(record.id)
        return None

    def _write(self, record: Record) -> None:
        if record.job.event_log is None:
            return
        lines = tuple(_lines(record, self._store.history(record.id)))
        with _opened(record.job.event_log) as log:
            written = self._written[record.id] if record.id in self._written else _count(log, lines)
            _append(log, b"".join(lines[written:]))
            self._written[record.id] = len(lines)
            if record.ended:
                os.fsync(log)
                self._store.logged(record)

    def _remark(self, record: Record, text: str) -> None:
        where = f"the event log {record.job.event_log}"
        self._tell(Remark(record=record, text=f"{where} {text}; `vmf show {record.id}` has them all"))


def complete(store: Store) -> None:
    """Write what the logs of ended jobs lack: they could not be written then, or the engine was killed."""
    logs = EventLogs(store, tell=lambda _: None)
    for record in store.unlogged():
        if ownership := try_to_own(store.home, record.id):
            try:
                logs.follow(store.get(record.id) or record)
            finally:
                ownership.release()


def check(path: Path) -> None:
    """See that a file which is there is an event log, and can be written.

    Raises:
        OSError: if not.
    """
    try:
        with _opened(path):
            pass
    except BlockingIOError:  # somebody is just writing to it
        pass


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """An event log, made if it is not there; nobody else writes to it meanwhile.

    Raises:
        BlockingIOError: if somebody else is writing to it now.
        OSError: if it cannot be written, or is something else.
    """
    way = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    log = os.open(path, way, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(log).st_mode) or not BEGINNING.startswith(os.pread(log, len(BEGINNING), 0)):
            raise FileExistsError(errno.EEXIST, "what is there is no event log", str(path))
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield log
    finally:
        os.close(log)


def _append(log: int, data: bytes) -> None:
    """Add whole lines, all or none; what somebody left of a line who was killed is taken away."""
    end = _end(log)
    os.ftruncate(log, end)
    try:
        while data:  # a file system that is almost full takes a part
            data = data[os.write(log, data) :]
    except OSError:
        os.ftruncate(log, end)
        raise


def _end(log: int) -> int:
    """Where the last whole line ends."""
    ends = (start + block.rfind(b"\n") + 1 for start, block in _backwards(log) if b"\n" in block)
    return next(ends, 0)


def _count(log: int, lines: Sequence[bytes]) -> int:
    """How many of a job's lines are in the log: they are written in their order, so the last one there tells."""
    longest = max(map(len, lines), default=0)
    numbers = range(len(lines), 0, -1)
    blocks = (block for _, block in _backwards(log, more=longest)) if lines else ()
    return next((number for block in blocks for number in numbers if lines[number - 1] in block), 0)


def _backwards(log: int, *, more: int = 0) -> Iterator[tuple[int, bytes]]:
    """The log's blocks from the end on, each with its place, and with so many bytes of what comes after it."""
    end = os.fstat(log).st_size
    while end > 0:
        start = max(0, end - BLOCK)
        yield start, os.pread(log, end - start + more, start)
        end = start


def _lines(record: Record, history: Sequence[Moment]) -> Iterator[bytes]:
    """What a job's log says: an object of JSON a line, in characters that do nothing to a terminal."""
    attempt = 0
    for moment in history:
        attempt += isinstance(moment.event, Placed)
        own = msgspec.to_builtins(moment.event, enc_hook=str)
        at = datetime.fromtimestamp(moment.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"at": at, "job": record.job.name, "id": record.id, "attempt": attempt, "event": own.pop("type")}
        yield json.dumps({**line, "state": moment.state, **own}).encode() + b"\n"


def _reason(fault: Exception) -> str:
    return str(fault.strerror if isinstance(fault, OSError) else fault)
