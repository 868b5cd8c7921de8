"""The index of golden images: one SQLite file beside them, so that nobody has to read each to find one.

It says no more than the images' folders, and is never trusted: one that is missing, damaged or of another version is
`Unsound`, and made anew from the folders. The folders may be on storage that several computers share, where SQLite's
write-ahead log does not work: the journal is the old one, a connection lasts for one call, and a lock file keeps all
others out while the whole file is replaced.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import msgspec

from vmf.errors import SetupError
from vmf.steps.golden import Candidate, Request, left
from vmf.steps.graph import Node
from vmf.steps.search import Unsound, keeps_start, search
from vmf.warehouse.entries import VERSION, Entries

BUSY_SECONDS = 30.0
_READING, _CHANGING = "BEGIN", "BEGIN IMMEDIATE"
_OUTER = frozenset({
    sqlite3.SQLITE_AUTH,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
})  # fmt: skip
"""What is no fault of the file's, which a new one would not mend."""


class Catalogue:
    """The index that a file is, which any number of processes and computers use at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, candidate: Candidate) -> None:
        """Take in an image, in place of the one with its id.

        Raises:
            Unsound: if the index has to be made anew.
            SetupError: if its file cannot be used.
        """
        with self._open(_CHANGING) as entries:
            entries.remove(candidate.id)
            entries.add(candidate)

    def remove(self, id_: str) -> None:
        """Forget an image, if it is known.

        Raises:
            Unsound: if the index has to be made anew.
            SetupError: if its file cannot be used.
        """
        with self._open(_CHANGING) as entries:
            entries.remove(id_)

    def rebuild(self, candidates: Iterable[Candidate]) -> None:
        """Make the index anew, of the images that there are; everybody else waits.

        Args:
            candidates: the images; whatever this raises is handed on, and leaves the index as it was. It must not
                use the index, which is locked.

        Raises:
            SetupError: if the file cannot be written.
        """
        with self._locked(os.O_RDWR, fcntl.LOCK_EX):
            found = {candidate.id: candidate for candidate in candidates}
            with self._telling():
                self.path.unlink(missing_ok=True)  # SQLite drops a journal that it finds beside an empty file
                os.close(self._made(self.path, os.O_RDWR))
                with closing(_connect(self.path)) as db, _transaction(db, _CHANGING):
                    Entries(db).fill(found.values())

    def search(
        self, request: Request, seconds: Mapping[str, float], passed: Iterable[str] = ()
    ) -> tuple[Candidate, tuple[Node, ...]] | None:
        """The best image that serves a request, and what is left to do on it; none if none does.

        Args:
            request: what is asked for.
            seconds: how long steps take, by digest.
            passed: the ids of images that are passed over.

        Raises:
            Unsound: if the index has to be made anew.
            SetupError: if its file cannot be used.
        """
        with self._open(_READING) as entries:
            found = search(request, seconds, entries, entries.images(passed))
        return None if found is None else (found, left(request, found))

    def keeps_start(self, memory: int) -> bool:
        """Whether there may be an image with so much memory upon which no step was performed; as for `search`."""
        with self._open(_READING) as entries:
            return keeps_start(memory, entries)

    def ids(self) -> frozenset[str]:
        """The ids of all images: whoever lists their folders sees whether the index is behind.

        Raises:
            Unsound: if the index has to be made anew.
            SetupError: if its file cannot be used.
        """
        with self._open(_READING) as entries:
            return entries.ids()

    @contextmanager
    def _open(self, transaction: str) -> Iterator[Entries]:
        with self._telling(), self._locked(os.O_RDONLY, fcntl.LOCK_SH):
            if self.path.is_symlink() or not self.path.is_file():
                raise Unsound(f"{self.path} is missing, or no file")
            with closing(_connect(self.path)) as db, _transaction(db, transaction):
                if db.execute("PRAGMA user_version").fetchone() != (VERSION,):
                    raise Unsound(f"{self.path} is of another version")
                yield Entries(db)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell a file that has to be made anew from one that cannot be used."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            if code & 0xFF in _OUTER and code != sqlite3.SQLITE_IOERR_SHORT_READ:
                raise self._unusable(error) from error
            raise Unsound(f"{self.path} is damaged: {error}") from error
        except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:  # the last by SQLite's own messages
            raise Unsound(f"{self.path} is damaged: {error}") from error
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> SetupError:
        return SetupError(
            f"the index of images {self.path} cannot be used: {error}",
            hint="check its permissions, the free space, and that the file system has locks",
        )

    @contextmanager
    def _locked(self, opening: int, lock: int) -> Iterator[None]:
        """Hold the lock: shared by all who use the file as it is, or alone; NFS wants to write for the latter."""
        with ExitStack() as stack:
            with self._telling():
                held = self._made(self.path.with_name(f"{self.path.name}.lock"), opening)
                stack.callback(os.close, held)
                fcntl.flock(held, lock)
            yield

    @staticmethod
    def _made(path: Path, opening: int) -> int:
        """Open a file; a new one is for all who may use the folder."""
        opening |= os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            number = os.open(path, opening | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            return os.open(path, opening)
        os.fchmod(number, path.parent.stat().st_mode & 0o666)
        return number


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file, which is there; what it defines beside tables is never called."""
    db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    db.execute("PRAGMA trusted_schema = OFF")
    db.execute("PRAGMA cell_size_check = ON")
    return db


@contextmanager
def _transaction(db: sqlite3.Connection, kind: str) -> Iterator[None]:
    db.execute(kind)
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
