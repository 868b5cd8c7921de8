"""The serial console of a machine that runs, to read and write: the socket that QEMU listens on."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import ExitStack
from pathlib import Path

from vmf_kvm.folder import Folder, beneath
from vmf_libvirt import seat

PIECE = 64 * 1024
CONNECT_SECONDS = 5.0


class Terminal:
    """One at a time, by a lock on the machine's folder: QEMU would let a second one wait without a word."""

    def __init__(self, folder: Folder, path: Path) -> None:
        """Connect to the socket at `path`.

        Raises:
            JobFault: (REFUSED) if somebody else is at the console, or the machine does not run.
        """
        with ExitStack() as opening:
            opening.callback(os.close, _locked(folder))
            self._socket = opening.enter_context(socket.socket(socket.AF_UNIX))
            self._socket.settimeout(CONNECT_SECONDS)
            try:
                _connect(self._socket, path)
            except OSError as error:
                raise seat.refusal(f"the console does not answer: {error.strerror or error}") from error
            self._socket.settimeout(None)
            self._opened = opening.pop_all()

    def fileno(self) -> int:
        """Becomes readable when the guest has written something, or its machine has ended."""
        return self._socket.fileno()

    def read(self) -> bytes:
        """What the guest has written by now; empty if its machine has ended."""
        try:
            return self._socket.recv(PIECE)
        except ConnectionError:
            return b""

    def write(self, data: bytes) -> None:
        """Type; if the machine has ended meanwhile, `read` tells."""
        try:
            self._socket.sendall(data)
        except ConnectionError:
            return

    def close(self) -> None:
        """Let somebody else have it."""
        self._opened.close()


def _locked(folder: Folder) -> int:
    """The machine's folder, open and locked."""
    try:
        with beneath(folder.machines, folder.name) as found:
            locked = os.dup(found)
    except OSError as error:
        raise seat.refusal(f"the machine is not there: {error.strerror}") from error
    return seat.locked(locked)


def _connect(ours: socket.socket, path: Path) -> None:
    """Connect to the socket itself, never to what a link in its place leads to: its folder is QEMU's user's."""
    theirs = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISSOCK(os.fstat(theirs).st_mode):
            raise ConnectionRefusedError(0, "there is no socket")
        ours.connect(f"/proc/self/fd/{theirs}")
    finally:
        os.close(theirs)
