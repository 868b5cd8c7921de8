"""A file elsewhere as a file to read, which can be sought; after a dropped connection it goes on where it was."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from vmf_vmware.faults import Dropped
from vmf_vmware.tls import Server

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Reading(io.RawIOBase):
    """A file of so many bytes, of which `rest` opens all from a byte on.

    Every method raises `HostFault` if it cannot be read, and `HostLost` if its host cannot be asked any more.
    """

    def __init__(self, server: Server, rest: Callable[[int], IO[bytes]], *, size: int) -> None:
        super().__init__()
        self._server = server
        self._rest = rest
        self._size = size
        self._at = 0
        self._stream: IO[bytes] | None = None

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte; a place before the start is the start."""
        at = max(0, {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence] + offset)
        if at != self._at:
            self._drop()
        self._at = at
        return at

    def tell(self) -> int:
        """The byte that is read next."""
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer, as far as what has come goes."""
        view = memoryview(buffer).cast("B")[: max(0, self._size - self._at)]
        if not view:
            return 0
        try:
            return self._read(view)
        except Dropped:
            self._drop()
            return self._read(view)

    def close(self) -> None:
        """Let go of it."""
        self._drop()
        super().close()

    def _read(self, view: memoryview) -> int:
        if self._stream is None:
            self._stream = self._rest(self._at)
        with self._server.telling():
            piece = self._stream.read(len(view))
        if not piece:
            raise Dropped(f"a file of {self._size} bytes has ended after {self._at}")
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _drop(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
