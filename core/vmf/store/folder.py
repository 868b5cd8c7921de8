"""What can be wrong with the state folder, told with what to do."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vmf.errors import SetupError


@contextmanager
def using(folder: Path) -> Iterator[None]:
    """Let whatever the system says be said of the state folder.

    Raises:
        SetupError: in place of an error of the system's, or of the database's.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise SetupError(
            f"the state folder {folder} cannot be used: {error}",
            hint="check its permissions and the free space, or set VMF_HOME to another folder",
        ) from error


def check_locks(folder: Path) -> None:
    """See that a lock in the folder keeps others out: jobs are owned by such locks, and nothing but them.

    Raises:
        SetupError: if it does not.
    """
    reason = "a lock keeps nobody out"
    ours, theirs = (os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for _ in range(2))
    try:
        fcntl.flock(ours, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(theirs, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:  # the second by the first, or the first by somebody else's
        return
    except OSError as error:
        reason = str(error.strerror)
    finally:
        os.close(theirs)
        os.close(ours)
    raise SetupError(
        f"the state folder {folder} is on a file system without locks: {reason}",
        hint="set VMF_HOME to a folder on a disk of this computer",
    )
