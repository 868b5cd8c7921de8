"""Files that are served by NBD at a socket of this computer: the words of the protocol, and a reader of such files.

The protocol is the fixed newstyle one of https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md, of which
no more is spoken here than it takes to read. All numbers are big-endian.
"""

from __future__ import annotations

import errno
import io
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

GREETING, OPTION, OPTION_REPLY = 0x4E42444D41474943, 0x49484156454F5054, 0x3E889045565A9
REQUEST, REPLY = 0x25609513, 0x67446698
"""What messages begin with."""
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
"""Flags of the handshake."""
EXPORT_NAME, ABORT, GO = 1, 2, 7
"""Options that a client may ask for."""
ACK, INFO, UNSUPPORTED = 1, 3, 2**31 + 1
"""Answers to them."""
EXPORT = 0
"""The kind of information that tells of size and flags."""
READ_ONLY = 0x1 | 0x2 | 0x100
"""Flags of an export: these are flags, it is read only, and several connections see the same."""
READ, DISCONNECT = 0, 2
"""Requests."""
WELCOME = struct.Struct(">QQH")
CHOICE = struct.Struct(">QII")
CHOSEN = struct.Struct(">QIII")
DETAILS = struct.Struct(">HQH")
SIZED = struct.Struct(">QH")
ASKED = struct.Struct(">IHHQQI")
ANSWERED = struct.Struct(">IIQ")
MOST = 2**25
"""Bytes of one request."""
PIECE = 2**20
"""Bytes that are asked for at once by who reads on."""
SILENT_SECONDS = 600.0
"""How long an answer may take: whoever serves a file may have to fetch it."""


class Served(io.RawIOBase):
    """Reads a file that is served at a socket; its size is that which the server tells.

    Raises:
        OSError: if nobody serves it, or the server says that it cannot be read.
    """

    def __init__(self, path: Path, *, silent: float = SILENT_SECONDS) -> None:
        """`silent` is how many seconds an answer may take."""
        super().__init__()
        self.name = str(path)
        self._at = 0
        self._link = socket.socket(socket.AF_UNIX)
        try:
            self._link.settimeout(silent)
            self._link.connect(str(path))
            self.size = self._negotiated()
        except BaseException:
            self._link.close()
            raise

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte; a place before the start is the start."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Ask for what fits."""
        view = memoryview(buffer).cast("B")
        size = max(0, min(len(view), self.size - self._at, MOST))
        if size:
            self._link.sendall(ASKED.pack(REQUEST, 0, READ, 0, self._at, size))
            magic, error, _ = ANSWERED.unpack(received(self._link, ANSWERED.size))
            if magic != REPLY or error:
                raise OSError(error or errno.EPROTO, os.strerror(error or errno.EPROTO), self.name)
            view[:size] = received(self._link, size)
            self._at += size
        return size

    def close(self) -> None:
        """Let go of the server."""
        super().close()
        self._link.close()

    def _negotiated(self) -> int:
        """Agree on the export, which has no name; its bytes."""
        greeting, option, _ = WELCOME.unpack(received(self._link, WELCOME.size))
        if (greeting, option) != (GREETING, OPTION):
            raise OSError(errno.EPROTO, os.strerror(errno.EPROTO), self.name)
        self._link.sendall(struct.pack(">I", FIXED_NEWSTYLE | NO_ZEROES) + CHOICE.pack(OPTION, EXPORT_NAME, 0))
        size, _ = SIZED.unpack(received(self._link, SIZED.size))
        return int(size)


def open_served(path: Path) -> io.BufferedReader:
    """Open a file that is served at a socket.

    Raises:
        OSError: as `Served`.
    """
    return io.BufferedReader(Served(path), PIECE)


def received(link: socket.socket, size: int) -> bytes:
    """So many bytes.

    Raises:
        ConnectionError: if the other end has gone.
    """
    found = bytearray(size)
    view, done = memoryview(found), 0
    while done < size:
        count = link.recv_into(view[done:])
        if not count:
            raise ConnectionResetError(errno.ECONNRESET, "the other end has gone")
        done += count
    return bytes(found)
