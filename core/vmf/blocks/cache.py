"""What has come of one file: a sparse file of its size, in which a block counts that has its sum.

Nothing else is written down of what is there: what a power failure, a failing disk or a killed process has left is
looked at as what a server sends is. Whoever reads waits until the blocks are there; a block that several want is
fetched once.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeAlias

from vmf.blocks.sums import BLOCK, Sums
from vmf.files import sparse
from vmf.files.beside import sync_folder
from vmf.hookspecs import unreported

RUN = 16
"""Blocks that are fetched at once at the most."""
READABLE = 0o644
"""The hypervisor may run as another user."""

Fetch: TypeAlias = Callable[[int, int], bytes]
"""A part of the file: the bytes from one on, and how many. Raises what whoever reads is told."""


class Wrong(Exception):
    """What a server has sent is not what the file should be."""


class Cache:
    """The blocks of one file; one process has it open, any of whose threads may read."""

    def __init__(self, path: Path, sums: Sums, fetch: Fetch) -> None:
        """It is `path` once it is whole, and until then that with `.part` at its end."""
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        self._sums = sums
        self._fetch = fetch
        self._file = self._opened()
        self._known = bytearray(sums.count)
        self._coming = set[int]()
        self._changed = threading.Condition()

    @property
    def size(self) -> int:
        """The file's bytes."""
        return self._sums.size

    @property
    def is_known(self) -> bool:
        """Whether all blocks are there."""
        return all(self._known)

    def close(self) -> None:
        """Close the file; nobody reads any more."""
        self._file.close()

    def has(self, offset: int, size: int) -> bool:
        """Whether these bytes are there, so that nobody would have to wait for them."""
        return all(self._known[number] for number in _blocks(offset, size))

    def have(self, offset: int, size: int) -> None:
        """Have these bytes there, which are no more than the file has.

        Raises:
            Wrong: if what is fetched has another sum; or whatever fetching raises.
            OSError: if it cannot be read or written here.
        """
        blocks = _blocks(offset, size)
        while not self.has(offset, size):
            run = self._claimed(blocks)
            if run:
                self._bring(run)

    def read(self, offset: int, size: int) -> bytes:
        """These bytes; raises as `have` does."""
        self.have(offset, size)
        return self._read(offset, size)

    def pour(self, link: socket.socket, offset: int, size: int) -> None:
        """Send these bytes, which are there; raises `OSError` if they cannot be read or sent."""
        while size:
            done = os.sendfile(link.fileno(), self._file.fileno(), offset, size)
            if not done:
                raise OSError(errno.ESTALE, "it became shorter", str(self._part))
            offset, size = offset + done, size - done

    def settle(self, sha256: str) -> None:
        """Have it be what it is called, now that all blocks are there.

        Raises:
            Wrong: if the whole has another sum than the file should have.
            OSError: if it cannot be read or written here.
        """
        if self._path.exists():
            return
        if sparse.sha256(self._file, check=unreported) != sha256:
            raise Wrong(f"{self._path.name}: the sums of its blocks are not those of the file")
        os.fchmod(self._file.fileno(), READABLE)
        os.fsync(self._file.fileno())
        self._part.rename(self._path)
        sync_folder(self._path.parent)

    def _opened(self) -> IO[bytes]:
        for path, flags in ((self._path, os.O_RDWR), (self._part, os.O_RDWR | os.O_CREAT)):
            try:
                number = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue
            os.ftruncate(number, self._sums.size)
            return os.fdopen(number, "r+b", buffering=0)
        raise AssertionError

    def _claimed(self, blocks: range) -> range:
        """The first of these that are missing and that nobody fetches; none: somebody did, and was waited for."""
        with self._changed:
            missing = next((number for number in blocks if not self._known[number]), None)
            if missing is None:
                return range(0)
            if missing in self._coming:
                self._changed.wait()
                return range(0)
            end = missing
            while end < min(blocks.stop, missing + RUN) and not self._known[end] and end not in self._coming:
                end += 1
            self._coming.update(range(missing, end))
            return range(missing, end)

    def _bring(self, run: range) -> None:
        """Have a run of blocks there that is this thread's to bring."""
        known = list[int]()
        try:
            wrong = [number for number in run if not self._is_right(number)]
            known.extend(number for number in run if number not in wrong)
            if wrong:
                known.extend(self._fetched(range(wrong[0], wrong[-1] + 1)))
        finally:
            with self._changed:
                for number in known:
                    self._known[number] = True
                self._coming.difference_update(run)
                self._changed.notify_all()

    def _is_right(self, number: int) -> bool:
        return self._sums.holds(number, self._read(number * BLOCK, self._sums.length(number)))

    def _fetched(self, run: range) -> range:
        start = run.start * BLOCK
        found = self._fetch(start, min(run.stop * BLOCK, self.size) - start)
        for number in run:
            block = found[number * BLOCK - start :][: self._sums.length(number)]
            if not self._sums.holds(number, block):
                raise Wrong(f"{self._path.name}: what was sent for byte {number * BLOCK} and on is not of this file")
            _write(self._file.fileno(), block, number * BLOCK)
        return run

    def _read(self, offset: int, size: int) -> bytes:
        found = os.pread(self._file.fileno(), size, offset)
        while len(found) < size and (more := os.pread(self._file.fileno(), size - len(found), offset + len(found))):
            found += more
        return found


def _blocks(offset: int, size: int) -> range:
    return range(offset // BLOCK, -(-(offset + size) // BLOCK))


def _write(file: int, data: bytes, at: int) -> None:
    while data:
        done = os.pwrite(file, data, at)
        data, at = data[done:], at + done
