"""The console of a fake guest, to read and write: its log as it grows, and a file of what was typed."""

from __future__ import annotations

import fcntl
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from vmf.errors import HoldCode, JobFault

LOOK_SECONDS = 0.02
PIECE = 64 * 1024


class Terminal:
    """One at a time, by a lock on the file of what was typed.

    Raises:
        JobFault: (REFUSED) if somebody else has it open.
    """

    def __init__(self, folder: Path, alive: Callable[[], bool]) -> None:
        self._keys = (folder / "keys").open("ab", buffering=0)
        try:
            fcntl.flock(self._keys, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._keys.close()
            hint = "ask them to leave it with Ctrl-]; `vmf logs -f` shows meanwhile what the guest writes"
            raise JobFault("somebody else is at the console", code=HoldCode.REFUSED, hint=hint) from None
        log = (folder / "console.log").open("rb")
        log.seek(0, 2)
        self._ours, theirs = socket.socketpair()
        threading.Thread(target=_pass_on, args=(log, theirs, alive), name="fake-console", daemon=True).start()

    def fileno(self) -> int:
        """Becomes readable when the guest has written something, or ends."""
        return self._ours.fileno()

    def read(self) -> bytes:
        """What the guest has written by now."""
        return self._ours.recv(PIECE)

    def write(self, data: bytes) -> None:
        """Type."""
        self._keys.write(data)

    def close(self) -> None:
        """Let somebody else have it."""
        self._ours.close()
        self._keys.close()


def _pass_on(log: BinaryIO, to: socket.socket, alive: Callable[[], bool]) -> None:
    """Copy what comes into the log, until the guest has ended or nobody reads."""
    with log, to, suppress(OSError):
        while True:
            over = not alive()
            if data := log.read(PIECE):
                to.sendall(data)
            elif over:
                return
            else:
                time.sleep(LOOK_SECONDS)
