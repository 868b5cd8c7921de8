"""A stream whose reading is told of."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING

from vmf.hookspecs import Report

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def reported(stream: IO[bytes], report: Report, *, total: int = 0) -> IO[bytes]:
    """The same stream; `report` is told how many bytes have been read, and of how many, 0 if nobody knows.

    What it raises breaks the reading off. Closing it leaves the stream open.
    """
    return io.BufferedReader(_Reported(stream, report, total))


class _Reported(io.RawIOBase):
    def __init__(self, stream: IO[bytes], report: Report, total: int) -> None:
        super().__init__()
        self._stream = stream
        self._report = report
        self._total = total
        self._done = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        piece = self._stream.read(len(view))
        view[: len(piece)] = piece
        self._done += len(piece)
        self._report(self._done, self._total)
        return len(piece)
