"""Proving an accelerator: only a guest that has booted shows that one works.

A `/dev/kvm` that opens proves nothing: there are hosts where every Linux guest then hangs.
"""

from __future__ import annotations

import fcntl
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from vmf.blueprint import disk_name
from vmf.errors import HostFault
from vmf.files import cdrom, disc, volume
from vmf.hookspecs import unreported
from vmf.model import (
    MEBIBYTE,
    Access,
    DiskFormat,
    Ending,
    Image,
    Job,
    Machine,
    MachineCdrom,
    MachineDisk,
    MachineState,
    Power,
)
from vmf_kvm.connection import Connection
from vmf_libvirt.remote import Remote

Connected: TypeAlias = Connection | Remote

PROOF_SECONDS = 20.0
MEMORY = 256 * MEBIBYTE
NAME = "proof"
"""Of the machine; engines call theirs by numbers."""


def prove(
    connection: Connected, image: Image, *, folder: Path, accelerator: str, seconds: float = PROOF_SECONDS
) -> str:
    """Boot the image once; nothing is left of it. `folder` is the host's own on this computer.

    Returns:
        What is wrong with the accelerator, to be read after its name; empty if the guest booted, spoke and ended.

    Raises:
        JobFault, HostFault, HostLost: if no guest ran, or its end was not seen: nothing is shown of the accelerator.
    """
    magic = volume.magic(volume.new_nonce())
    with _alone(connection, folder) as scratch:
        connection.create(_machine(connection, scratch, image, magic, accelerator))
        return _verdict(connection, magic, _await(connection, seconds), seconds)


@contextmanager
def _alone(connection: Connected, folder: Path) -> Iterator[Path]:
    """Be the only one who proves on this host; what a killed one left behind is removed first. An empty folder."""
    scratch = folder / NAME
    with (folder / f"{NAME}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            connection.destroy(NAME)
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(mode=0o700)
            yield scratch
        finally:
            connection.destroy(NAME)
            shutil.rmtree(scratch, ignore_errors=True)


def _machine(connection: Connected, scratch: Path, image: Image, magic: bytes, accelerator: str) -> Machine:
    job = Job(name=NAME, image=image, memory=MEMORY, run="true\n")
    contract, results = scratch / "cdrom", scratch / "results"
    disc.write(contract, cdrom.contents(job, magic), label=cdrom.LABEL)
    volume.make(results, size=MEBIBYTE, magic=magic)
    booted = {"kernel": image.kernel, "initrd": image.initrd}
    disks = {disk_name(number): disk for number, disk in enumerate(image.disks)}
    given = {name: file.path for name, file in booted.items() if file}
    given |= {name: disk.file.path for name, disk in disks.items()}
    for file, source in {**given, "cdrom": contract, "results": results}.items():
        connection.put(NAME, file, source, unreported)
    return Machine(
        name=NAME,
        memory=MEMORY,
        cpus=1,
        accelerator=accelerator,
        kernel="kernel" if image.kernel else None,
        initrd="initrd" if image.initrd else None,
        kernel_parameters=image.kernel_parameters,
        disks=tuple(MachineDisk(file=name, format=disk.layout) for name, disk in disks.items()),
        cdroms=(MachineCdrom(file="cdrom"),),
        results=MachineDisk(file="results", format=DiskFormat.RAW, access=Access.IN_PLACE),
        reboots=False,
    )


def _await(connection: Connected, seconds: float) -> MachineState:
    """The machine's state when it is off, or after so many seconds."""
    deadline = time.monotonic() + seconds
    nudged = threading.Event()
    watch = connection.watch(lambda machine: nudged.set() if machine in {"", NAME} else None)
    try:
        while True:
            nudged.clear()
            state = connection.state(NAME)
            left = deadline - time.monotonic()
            if state.power in {Power.OFF, Power.ABSENT} or left <= 0:
                return state
            nudged.wait(min(left, 1.0))
    finally:
        watch.close()


def _verdict(connection: Connected, magic: bytes, state: MachineState, seconds: float) -> str:
    if state.power is Power.RUNNING:
        return f"hangs: a tiny guest had not ended after {seconds:.0f} s"
    if state.ending is Ending.CRASHED:
        return f"aborts: a tiny guest ended by itself too soon ({state.detail})"
    if state.ending is not Ending.SHUTDOWN:  # somebody paused, killed or removed it, or libvirt has forgotten
        raise HostFault(f"the end of a tiny guest was not seen: it is {state.power} ({state.detail})")
    with connection.fetch(NAME, "results", unreported) as results:
        if results.read(len(magic)) == magic:
            return "does not work: a tiny guest ended without a word"
    return ""
