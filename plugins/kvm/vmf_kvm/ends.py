"""Why a machine is off, by QEMU's log: libvirt's daemon forgets it when it ends itself."""

from __future__ import annotations

import os
import re
from pathlib import Path

from vmf_kvm.folder import PLAIN, beneath
from vmf_libvirt.states import ShutoffReason

TAIL = 4096
STOPPED = re.compile(rb"shutting down, reason=(\w+)")


def logged(logs: tuple[Path, *tuple[str, ...]], name: str) -> ShutoffReason | None:
    """The end of a machine that is told in the log of this name, in the last of these folders; None: it tells of none.

    libvirt begins the log anew at each start, so that an end in it is the last start's.
    """
    try:
        with beneath(*logs) as folder, os.fdopen(os.open(name, PLAIN, dir_fd=folder), "rb") as log:
            size = os.fstat(log.fileno()).st_size
            told = STOPPED.findall(os.pread(log.fileno(), TAIL, max(0, size - TAIL)))
    except OSError:
        return None
    reasons = {reason.name.lower().encode(): reason for reason in ShutoffReason}
    return reasons.get(told[-1]) if told else None
