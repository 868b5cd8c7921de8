"""A stretch of a file as a file of its own: what an archive holds is used where it lies."""

from __future__ import annotations

import io
import os
from typing import IO, TYPE_CHECKING

from vmf.model import Slice

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Stretch(io.RawIOBase):
    """Reads a stretch of an open file, and nothing beyond it; the file stays open when this is closed."""

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
        """Go to a byte of the stretch; a place before its start is its start."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._part.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read up to the stretch's end at most."""
        view = memoryview(buffer).cast("B")
        self._file.seek(self._part.offset + self._at)
        data = self._file.read(max(0, min(len(view), self._part.size - self._at)))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
