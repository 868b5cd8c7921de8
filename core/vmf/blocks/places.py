"""Where what comes of remote files is kept on this computer, and the locks on it.

    REMOTE/SHA256         a file that is whole
    REMOTE/SHA256.part    one that is not: what has come of it
    REMOTE/SHA256.blocks  the sums of its blocks
    REMOTE/SHA256.json    where it comes from; the owner's alone, since there may be a password in it
    REMOTE/SHA256.nbd     the socket at which it is served
    REMOTE/SHA256.used    locked, shared, by whoever needs it
    REMOTE/SHA256.served  locked by the process that serves it
    REMOTE/server.log     what servers had to say

The kernel frees a lock when its holder ends, however it ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from vmf.blocks.sums import Sums
from vmf.files.beside import naming, replacing
from vmf.model.terms import SHA256

SIZE_MOST = 2**44
"""Bytes of a file."""


LOOK_SECONDS = 0.02
KEEP_SECONDS = 10.0
"""How long others who note where a file comes from may take."""


class Origin(Struct, frozen=True, kw_only=True):
    """Where a file comes from."""

    address: str
    """Of the warehouse, with what is secret."""
    path: str
    """Below that."""
    size: Annotated[int, Meta(ge=1, le=SIZE_MOST)]
    sha256: Annotated[str, Meta(pattern=SHA256)]
    """Of the list of the sums of its blocks."""

    def is_like(self, other: Origin | None) -> bool:
        """Whether the same bytes come from both."""
        return other is not None and (self.size, self.sha256) == (other.size, other.sha256)


class Place(Struct, frozen=True, kw_only=True):
    """Where one file is kept."""

    folder: Path
    sha256: str

    @property
    def whole(self) -> Path:
        """The file, once it is whole."""
        return self.folder / self.sha256

    @property
    def socket(self) -> Path:
        """Where it is served."""
        return self._beside("nbd")

    def origin(self) -> Origin:
        """Where it comes from.

        Raises:
            OSError, msgspec.DecodeError: if that cannot be read.
        """
        return msgspec.json.decode(self._beside("json").read_bytes(), type=Origin)

    def sums(self, size: int) -> Sums:
        """The sums of its blocks.

        Raises:
            OSError, ValueError: if they cannot be read.
        """
        return Sums(self._beside("blocks").read_bytes(), size)

    @property
    def noted(self) -> Origin | None:
        """Where it comes from, if that is known."""
        with suppress(OSError, msgspec.MsgspecError):
            return self.origin()
        return None

    def keep(self, origin: Origin, listed: bytes) -> bool:
        """Note where it comes from, and what its blocks are; before that, nobody serves it.

        What is served now, or is whole, stays what it is. Whether its blocks are these.
        """
        if self.is_served():
            return origin.is_like(self.noted)
        with self.serving(KEEP_SECONDS) as is_ours:
            is_same = origin.is_like(noted := self.noted)
            if not is_ours or (noted and self.whole.exists() and not is_same):
                return is_same
            self.socket.unlink(missing_ok=True)  # a killed process has left it
            if not is_same:
                self.forget()
            for suffix, content in (("blocks", listed), ("json", msgspec.json.encode(origin))):
                path = self._beside(suffix)
                with naming(path), replacing(path) as file:
                    file.write(content)
        return True

    def is_begun(self) -> bool:
        """Whether it is known where it comes from."""
        return self._beside("json").exists()

    def hold(self) -> int:
        """Keep it from being removed, and served once it is, while the descriptor is open."""
        while True:
            held = self._opened("used")
            fcntl.flock(held, fcntl.LOCK_SH)
            if self._is_there(held):
                return held
            os.close(held)  # it was removed meanwhile, with the rest

    def is_served(self) -> bool:
        """Whether a process listens for who wants it; the lock tells less: it is held before that."""
        with socket(AF_UNIX) as link:
            link.settimeout(0)  # one that is too busy to take it listens
            return link.connect_ex(os.fspath(self.socket)) in (0, errno.EAGAIN)

    @contextmanager
    def unused(self) -> Iterator[bool]:
        """Whether nobody needs it; if so, nobody comes to until the end of the block."""
        with self._alone("used") as is_ours:
            yield is_ours

    @contextmanager
    def idle(self) -> Iterator[bool]:
        """Whether nobody needs it and nobody serves it any more; as `unused`."""
        with self.unused() as is_unused, self._alone("served") as is_unserved:
            yield is_unused and is_unserved

    @contextmanager
    def serving(self, patience: float) -> Iterator[bool]:
        """Be the one that serves it, until the end of the block; False: another process is, after so many seconds."""
        deadline = time.monotonic() + patience
        while True:
            with self._alone("served") as is_ours:
                if is_ours or time.monotonic() > deadline:
                    yield is_ours
                    return
            time.sleep(LOOK_SECONDS)

    def forget(self) -> None:
        """Remove what it was thought to be, so that nobody serves it any more."""
        for suffix in ("json", "part", "blocks"):
            self._beside(suffix).unlink(missing_ok=True)

    def remove(self) -> int:
        """Remove all of it, unless somebody needs or serves it; the bytes of the disk that are free then."""
        with self.idle() as is_idle:
            if not is_idle:
                return 0
            paths = [self.whole, *(self._beside(each) for each in ("part", "nbd", "blocks", "json", "served", "used"))]
            freed = sum(_taken(path) for path in paths)
            for path in paths:
                path.unlink(missing_ok=True)
            return freed

    @property
    def taken(self) -> int:
        """The bytes of the disk that it takes."""
        return _taken(self.whole) + _taken(self._beside("part"))

    @contextmanager
    def _alone(self, suffix: str) -> Iterator[bool]:
        held = self._opened(suffix)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            yield False
            return
        try:
            yield True
        finally:
            os.close(held)

    def _is_there(self, held: int) -> bool:
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(held), self._beside("used").lstat())
        return False

    def _opened(self, suffix: str) -> int:
        return os.open(self._beside(suffix), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def _beside(self, suffix: str) -> Path:
        return self.folder / f"{self.sha256}.{suffix}"


def _taken(path: Path) -> int:
    with suppress(OSError):
        found = path.lstat()
        return found.st_blocks * 512 if found.st_nlink == 1 else 0
    return 0
