"""The seat at a machine's console, which one at a time has: a lock on its folder."""

from __future__ import annotations

import fcntl
import os

from vmf.errors import HoldCode, JobFault


def locked(folder: int) -> int:
    """The same descriptor of a machine's folder, which is locked then; if it cannot be, it is closed.

    Raises:
        JobFault: (REFUSED) if somebody else is at the console.
    """
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(folder)
        hint = "ask them to leave it with Ctrl-]; `vmf logs -f` shows meanwhile what the guest writes"
        raise refusal("somebody else is at the console", hint=hint) from None
    return folder


def refusal(brief: str, *, hint: str = "`vmf ps` tells whether the machine still runs") -> JobFault:
    """What it means that one cannot sit down there."""
    return JobFault(brief, code=HoldCode.REFUSED, hint=hint)
