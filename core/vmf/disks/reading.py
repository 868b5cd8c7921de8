"""What the readers of disks share: a slice of a file as a file of its own, and what they say of an unfit one."""

from __future__ import annotations

import io
import os
from typing import IO, TYPE_CHECKING

from vmf.model import Slice

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Unfit(Exception):
    """A file that is not what it is stated to be, or must not be used; `hint` says what to do."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


class SliceReader(io.RawIOBase):
    """Reads a slice of an open file, and nothing beyond it; the file stays open when this is closed."""

    def __init__(self, file: IO[bytes], part: Slice) -> None:
        super().__init__()
        self._file = file
        self._part = part
        self._at = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte of the slice; a place before its start is its start."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._part.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read up to the slice's end at most."""
        view = memoryview(buffer).cast("B")
        self._file.seek(self._part.offset + self._at)
        data = self._file.read(max(0, min(len(view), self._part.size - self._at)))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
