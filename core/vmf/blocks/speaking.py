"""One client of a file that is served by NBD: what it asks, and what it is answered. Reading is all that it may do."""

from __future__ import annotations

import errno
import socket
import struct
import threading
from concurrent.futures import Executor
from contextlib import suppress
from typing import Protocol

from vmf.files import nbd
from vmf.files.nbd import received

AT_ONCE = 32
"""Requests of one client that are worked on at once."""
WRITE = 1
_WORDS_MOST = 2**16
"""Bytes of what comes with an option."""


class Export(Protocol):
    """A file that is served."""

    @property
    def size(self) -> int:
        """Its bytes."""

    def has(self, offset: int, size: int) -> bool:
        """Whether nobody would have to wait for these bytes."""

    def have(self, offset: int, size: int) -> None:
        """Have these bytes there; raises `OSError` if they cannot be had."""

    def pour(self, link: socket.socket, offset: int, size: int) -> None:
        """Send these bytes, which are there; raises `OSError` if they cannot be sent."""


class Session:
    """A client at the other end of a link."""

    def __init__(self, link: socket.socket, export: Export, workers: Executor) -> None:
        """`workers` do what takes long."""
        self._link = link
        self._export = export
        self._workers = workers
        self._writing = threading.Lock()
        self._room = threading.Semaphore(AT_ONCE)

    def serve(self) -> None:
        """Answer until the client has gone, or does not keep to the protocol."""
        with suppress(OSError, ValueError):
            if self._agree():
                while self._heard():
                    pass

    def _agree(self) -> bool:
        """Offer the file; whether the client takes it."""
        self._link.sendall(nbd.WELCOME.pack(nbd.GREETING, nbd.OPTION, nbd.FIXED_NEWSTYLE | nbd.NO_ZEROES))
        (flags,) = struct.unpack(">I", received(self._link, 4))
        while True:
            magic, option, size = nbd.CHOICE.unpack(received(self._link, nbd.CHOICE.size))
            if magic != nbd.OPTION or size > _WORDS_MOST:
                return False
            received(self._link, size)  # the name of the export, where there is only one
            if option == nbd.EXPORT_NAME:
                zeroes = b"" if flags & nbd.NO_ZEROES else bytes(124)
                self._link.sendall(nbd.SIZED.pack(self._export.size, nbd.READ_ONLY) + zeroes)
                return True
            if option == nbd.GO:
                self._reply(option, nbd.INFO, nbd.DETAILS.pack(nbd.EXPORT, self._export.size, nbd.READ_ONLY))
                self._reply(option, nbd.ACK)
                return True
            self._reply(option, nbd.ACK if option == nbd.ABORT else nbd.UNSUPPORTED)
            if option == nbd.ABORT:
                return False

    def _reply(self, option: int, kind: int, words: bytes = b"") -> None:
        self._link.sendall(nbd.CHOSEN.pack(nbd.OPTION_REPLY, option, kind, len(words)) + words)

    def _heard(self) -> bool:
        """Take one request; whether another one may come."""
        magic, _, kind, handle, offset, size = nbd.ASKED.unpack(received(self._link, nbd.ASKED.size))
        if magic != nbd.REQUEST or kind == nbd.DISCONNECT:
            return False
        if kind != nbd.READ:
            self._answer(handle, errno.EPERM)
            return bool(kind != WRITE)  # what is to be written would follow
        if size > nbd.MOST or offset + size > self._export.size:
            self._answer(handle, errno.EINVAL)
        elif self._export.has(offset, size):
            self._send(handle, offset, size)
        else:
            self._room.acquire()
            self._workers.submit(self._bring, handle, offset, size).add_done_callback(lambda _: self._room.release())
        return True

    def _bring(self, handle: int, offset: int, size: int) -> None:
        try:
            self._export.have(offset, size)
        except OSError:
            self._answer(handle, errno.EIO)
        else:
            self._send(handle, offset, size)

    def _send(self, handle: int, offset: int, size: int) -> None:
        with self._writing:
            try:
                self._link.sendall(nbd.ANSWERED.pack(nbd.REPLY, 0, handle), socket.MSG_MORE)
                self._export.pour(self._link, offset, size)
            except OSError:  # the client has gone, or cannot be told any more what is wrong
                with suppress(OSError):
                    self._link.shutdown(socket.SHUT_RDWR)

    def _answer(self, handle: int, error: int) -> None:
        with self._writing, suppress(OSError):  # it has gone, which who reads notices
            self._link.sendall(nbd.ANSWERED.pack(nbd.REPLY, error, handle))
