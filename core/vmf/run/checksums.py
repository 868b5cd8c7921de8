"""Checksums of files, each worked out once for as long as the file stays as it is."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from vmf.files import sparse
from vmf.files.faults import changed, shown
from vmf.model import File
from vmf.store import Store

SETTLED_SECONDS = 0.1
"""A file that changed later than this before it was read may change again and bear the same times."""
READINGS_MOST = 2
"""Times that a file is read which changes meanwhile."""
LOOK_SECONDS = 0.1
"""How often one who waits for another's sum looks whether to go on waiting."""


class Checksums:
    """The SHA-256 of files, kept in the store; any thread may ask."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._reading: dict[bytes, threading.Lock] = {}

    def of(self, file: IO[bytes], source: File, *, check: Callable[[], None]) -> str:
        """The sum of `source`, which is open as `file`, in hexadecimal; of its part, if it is one.

        `check` is called often for as long as it takes; what it raises breaks the work off.

        Raises:
            JobFault: if the file changes each time that it is read.
            OSError: if it cannot be read, or is cut off meanwhile.
        """
        key = _key(source)
        with self._alone(key, check):
            for _ in range(READINGS_MOST):
                stamp, began = _stamp(file), time.time()
                known = self._store.checksum(key, stamp[0]) if stamp else None
                if known is not None:
                    return known
                found = sparse.sha256(file, source.part, check=lambda _done, _size: check())
                if stamp == _stamp(file):
                    if stamp and began - stamp[1] > SETTLED_SECONDS:
                        self._store.keep_checksum(key, stamp[0], found)
                    return found
        raise changed(shown(source.path))

    @contextmanager
    def _alone(self, key: bytes, check: Callable[[], None]) -> Iterator[None]:
        """Two that want the sum of one file read it once: the second one finds it known."""
        with self._lock:
            reading = self._reading.setdefault(key, threading.Lock())
        while not reading.acquire(timeout=LOOK_SECONDS):
            check()
        try:
            yield
        finally:
            reading.release()


def _key(source: File) -> bytes:
    part = f"\0{source.part.offset}+{source.part.size}" if source.part else ""
    return os.fsencode(source.path) + part.encode()


def _stamp(file: IO[bytes]) -> tuple[str, float] | None:
    """What changes when a file does, and when it last did; None for one that does not say."""
    number = sparse.descriptor(file)
    if number is None:
        return None
    found = os.fstat(number)
    words = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return ":".join(map(str, words)), found.st_ctime
