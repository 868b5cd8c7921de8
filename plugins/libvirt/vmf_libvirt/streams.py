"""Bytes of a host's files on their way to it and from it, by libvirt's streams; holes are told, not sent."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any, TypeAlias, TypeVar

import libvirt

from vmf.files import sparse
from vmf.hookspecs import Report
from vmf_libvirt.client import Client, Link

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE = 262_120
"""The most that any libvirt takes in one message of a stream, in bytes."""
HOLE = -3
"""What libvirt's library answers instead of bytes where there is a hole."""

Volume = libvirt.virStorageVol
T = TypeVar("T")
Piece: TypeAlias = bytes | int
"""Bytes, or so many zeros that nothing is written for."""


def pieces(source: IO[bytes], report: Report) -> Iterator[Piece]:
    """All of a file that can be sought; `report` is told how many bytes are done, and of how many."""
    number, size = sparse.descriptor(source), source.seek(0, os.SEEK_END)
    whole = (sparse.Extent(0, size, hole=False),)
    for extent in whole if number is None else sparse.extents(number, 0, size):
        report(extent.start, size)
        if extent.hole:
            yield extent.end - extent.start
            continue
        source.seek(extent.start)
        for at in range(extent.start, extent.end, PIECE):
            yield source.read(min(PIECE, extent.end - at))
            report(min(at + PIECE, extent.end), size)
    report(size, size)


def upload(link: Link, volume: Volume, content: Iterable[Piece], *, offset: int = 0) -> None:
    """Write to a volume from a byte on; it is long enough already."""
    stream = link.newStream(0)
    volume.upload(stream, offset, 0, libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM)
    try:
        for piece in content:
            _send(stream, piece)
        stream.finish()
    except BaseException:
        with contextlib.suppress(libvirt.libvirtError):
            stream.abort()
        raise


def _send(stream: libvirt.virStream, piece: Piece) -> None:
    if isinstance(piece, int):
        stream.sendHole(piece, 0)
        return
    while piece:
        piece = piece[stream.send(piece) :]


class Reading(io.RawIOBase):
    """A volume as a file to read. `find` looks it up over a link; if that one breaks, the rest comes over another.

    Raises:
        HostFault: if it cannot be read; from every method.
        HostLost: if its host cannot be asked any more.
    """

    def __init__(self, client: Client, find: Callable[[Link], Volume]) -> None:
        super().__init__()
        self._client = client
        self._find = find
        self._at = 0
        self._hole = 0
        """Zeros that are still to be read of the hole that the stream is in."""
        self._link: Link | None = None
        self._stream: libvirt.virStream | None = None
        self._size = client.call(lambda link: self._asked(link, lambda volume: int(volume.info()[1])))

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte; a place before the start is the start."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        at = max(0, start + offset)
        if at != self._at:
            self._drop()
        self._at = at
        return at

    def tell(self) -> int:
        """The byte that is read next."""
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill a buffer, as far as one message or one hole goes."""
        view = memoryview(buffer).cast("B")
        if self._at >= self._size or not view:
            return 0
        for is_last in (False, True):
            stream, link = self._opened()
            try:
                return self._fill(view, stream)
            except libvirt.libvirtError as error:
                self._drop()
                self._client.blame(link, error, lost=is_last)
        raise AssertionError("the last try ends one way or another")

    def close(self) -> None:
        """Let go of it."""
        self._drop()
        super().close()

    def _fill(self, view: memoryview, stream: libvirt.virStream) -> int:
        length = min(len(view), PIECE, self._size - self._at)
        while not self._hole:
            data: Any = stream.recvFlags(length, libvirt.VIR_STREAM_RECV_STOP_AT_HOLE)
            if data == HOLE:
                self._hole = stream.recvHole(0)
                continue
            view[: len(data)] = data
            self._at += len(data)
            return len(data)
        length = min(length, self._hole)
        view[:length] = bytes(length)
        self._hole -= length
        self._at += length
        return length

    def _opened(self) -> tuple[libvirt.virStream, Link]:
        if self._stream is None or self._link is None:
            self._link, self._stream = self._client.call(self._open)
        return self._stream, self._link

    def _open(self, link: Link) -> tuple[Link, libvirt.virStream]:
        def download(volume: Volume) -> libvirt.virStream:
            stream = link.newStream(0)
            flags = libvirt.VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM
            volume.download(stream, self._at, self._size - self._at, flags)
            return stream

        return link, self._asked(link, download)

    def _asked(self, link: Link, ask: Callable[[Volume], T]) -> T:
        return ask(self._find(link))

    def _drop(self) -> None:
        self._hole = 0
        if self._stream is not None:
            with contextlib.suppress(libvirt.libvirtError):
                self._stream.abort()
            self._stream = None
