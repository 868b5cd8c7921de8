"""Who carries a job: a lock on its folder, which the kernel frees when its owner's process ends, however it ends."""

from __future__ import annotations

import fcntl
import os

from vmf.model import Home


class Ownership:
    """The right to carry a job through its life: a lock that the kernel frees when its process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the job up; once."""
        os.close(self._descriptor)


def own(home: Home, job: int) -> Ownership:
    """Wait until nobody owns the job, then own it."""
    return Ownership(_locked(home, job, fcntl.LOCK_EX))


def try_to_own(home: Home, job: int) -> Ownership | None:
    """Own the job if nobody does."""
    while True:
        try:
            return Ownership(_locked(home, job, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            if owned(home, job):
                return None
        os.sched_yield()  # somebody only looked, which takes the lock for a moment


def owned(home: Home, job: int) -> bool:
    """Whether a process owns the job now."""
    try:
        os.close(_flocked(home, job, fcntl.LOCK_SH | fcntl.LOCK_NB))
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _locked(home: Home, job: int, how: int) -> int:
    home.job(job).mkdir(parents=True, exist_ok=True, mode=0o700)  # new, or gone if a removal was killed on its way
    return _flocked(home, job, how)


def _flocked(home: Home, job: int, how: int) -> int:
    descriptor = os.open(home.job(job), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
