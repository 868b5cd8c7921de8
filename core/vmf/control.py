"""How one vmf process reaches the engine of another: a socket for its owner only, and versioned messages.

A message is one line of JSON, and so is its answer.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self, TypeAlias

import msgspec
from msgspec import Struct

from vmf.errors import VmfError
from vmf.model import Home
from vmf.state import Wish
from vmf.store import using

VERSION = 1
ANSWER_SECONDS = 10.0
LONGEST_MESSAGE = 65_536

log = logging.getLogger(__name__)


class StopJobs(Struct, frozen=True, kw_only=True, tag="stop"):
    """End these jobs; `force`: without asking their guests first."""

    version: int = VERSION
    jobs: tuple[int, ...]
    force: bool


class AskJob(Struct, frozen=True, kw_only=True, tag="ask"):
    """Tell a job what its owner wants of it."""

    version: int = VERSION
    job: int
    wish: Wish


Message: TypeAlias = StopJobs | AskJob


class Answer(Struct, frozen=True, kw_only=True):
    """What became of a message; `error` is empty if it was obeyed."""

    version: int = VERSION
    error: str = ""


class Unreachable(VmfError):
    """No engine listens there any more."""


class Server:
    """Listens for the messages to one engine while it is entered."""

    def __init__(self, home: Home, obey: Callable[[Message], None]) -> None:
        self._root = home.root
        self.path = home.root / "engines" / os.urandom(8).hex()
        self._obey = obey
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self) -> Self:
        with using(self._root):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _alone(self.path.parent), _short(self.path) as address:
                _sweep(self.path.parent)
                self._socket.bind(address)
                self._socket.listen()
        threading.Thread(target=self._serve, name="control", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # the next engine sweeps
            self.path.unlink()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer:
                peer.settimeout(ANSWER_SECONDS)
                try:
                    peer.sendall(msgspec.json.encode(self._answer(peer)) + b"\n")
                except OSError as error:
                    log.warning("a client of the control socket went away: %s", error)

    def _answer(self, peer: socket.socket) -> Answer:
        try:
            message = msgspec.json.decode(_line(peer), type=Message)
        except msgspec.DecodeError as error:
            return Answer(error=f"not understood: {error}")
        if message.version != VERSION:
            return Answer(error=f"speaks version {VERSION}, not {message.version}: use the same vmf for both")
        self._obey(message)
        return Answer()


def send(path: Path, message: Message) -> None:
    """Send a message to the engine that listens at `path`.

    Raises:
        Unreachable: if none does.
        VmfError: if it refuses.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(ANSWER_SECONDS)
        try:
            with _short(path) as address:
                peer.connect(address)
            peer.sendall(msgspec.json.encode(message) + b"\n")
            answer = msgspec.json.decode(_line(peer), type=Answer)
        except (OSError, msgspec.DecodeError) as error:
            raise Unreachable(f"the engine at {path} does not answer: {error}") from error
    if answer.error:
        raise VmfError(f"the engine refused: {answer.error}")


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """An address for a socket wherever it lies: the kernel takes 107 bytes at most."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _line(peer: socket.socket) -> bytes:
    """One line, bounded."""
    with peer.makefile("rb") as stream:
        return stream.readline(LONGEST_MESSAGE)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others from sweeping: a socket that is bound and does not listen yet looks like one of the dead."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove the sockets of engines that were killed."""
    for path in filter(Path.is_socket, folder.iterdir()):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer, _short(path) as address:
            peer.settimeout(0)  # one that is too busy to answer lives
            if peer.connect_ex(address) == errno.ECONNREFUSED:
                path.unlink(missing_ok=True)
