"""How a machine ended, where libvirt does not tell.

By QEMU's log, for libvirt's daemon forgets why a machine is off when it ends itself. And by a file of the machine's
own, into which goes what QEMU says at the end itself: to libvirt a reboot is a shutdown, and a kernel's panic a crash.
Nobody hears that while no process has a connection to the daemon; then it stays what libvirt calls it.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from vmf.errors import HostFault
from vmf.hookspecs import unreported
from vmf.model import Ending, MachineState, Power
from vmf_kvm.folder import PLAIN, Folder, beneath
from vmf_kvm.place import ENDING
from vmf_libvirt.states import ShutoffReason

HEARD: Mapping[tuple[str, str], MachineState] = MappingProxyType({
    ("SHUTDOWN", "guest-reset"): MachineState(power=Power.OFF, ending=Ending.REBOOTED, detail="QEMU says: guest reset"),
    ("GUEST_PANICKED", ""): MachineState(power=Power.OFF, ending=Ending.PANICKED, detail="QEMU says: guest panicked"),
})  # fmt: skip
"""QEMU's event, and its reason, to the state of a machine that ended so."""
TAIL = 4096
REGISTERS = re.compile(r"FL=([0-9a-f]{8,16}) .*HLT=([01])")
"""A processor's flags, and whether it waits for an interrupt."""
INTERRUPTS = 1 << 9
"""Set in its flags while it takes them."""
STOPPED = re.compile(rb"shutting down, reason=(\w+)")


def logged(logs: tuple[Path, *tuple[str, ...]], name: str) -> ShutoffReason | None:
    """The end of a machine that is told in the log of this name, in the last of these folders; None: it tells of none.

    libvirt begins the log anew at each start, so that an end in it is the last start's.
    """
    told = STOPPED.findall(tail(logs, name))
    reasons = {reason.name.lower().encode(): reason for reason in ShutoffReason}
    return reasons.get(told[-1]) if told else None


def tail(logs: tuple[Path, *tuple[str, ...]], name: str) -> bytes:
    """The last that is in this log; empty if it cannot be read."""
    try:
        with beneath(*logs) as folder, os.fdopen(os.open(name, PLAIN, dir_fd=folder), "rb") as log:
            size = os.fstat(log.fileno()).st_size
            return os.pread(log.fileno(), TAIL, max(0, size - TAIL))
    except OSError:
        return b""


def told(event: str, details: str) -> MachineState | None:
    """How a guest has ended of which QEMU tells this event, with details in JSON; None: libvirt knows more."""
    found: dict[str, Any] = msgspec.json.decode(details) if details else {}
    return HEARD.get((event, str(found.get("reason", ""))))


def note(folder: Folder, event: str, details: str) -> None:
    """Keep what QEMU says of a guest's end, unless it has said something before."""
    state = told(event, details)
    if state and not folder.has(ENDING):
        with contextlib.suppress(HostFault):  # then it stays what libvirt calls it
            folder.write(ENDING, io.BytesIO(msgspec.json.encode(state)), unreported)


def heard(folder: Folder, found: MachineState) -> MachineState:
    """What is known of a machine of which libvirt says this."""
    if found.power is not Power.OFF or not folder.has(ENDING):
        return found
    with folder.open(ENDING) as file:
        return msgspec.json.decode(file.read(), type=MachineState)


def halted(registers: str) -> bool:
    """Whether no processor will do anything again, by what QEMU's monitor says of all their registers.

    Each one waits for an interrupt, and takes none.
    """
    found = REGISTERS.findall(registers)
    return bool(found) and all(halt == "1" and not int(flags, 16) & INTERRUPTS for flags, halt in found)
