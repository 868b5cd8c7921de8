"""Proving an accelerator: only a guest that has booted shows that one works.

A `/dev/kvm` that opens proves nothing: there are hosts where every Linux guest then hangs.
"""

from __future__ import annotations

import secrets
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from vmf.errors import VmfError
from vmf.files import cdrom, volume
from vmf.model import MEBIBYTE, Ending, Image, Job, Machine, MachineDisk, MachineState, Power
from vmf_kvm.connection import Connection

PROOF_SECONDS = 20.0
MEMORY = 256 * MEBIBYTE


def prove(connection: Connection, image: Image, *, accelerator: str, seconds: float = PROOF_SECONDS) -> str:
    """Boot the image once; nothing is left of it.

    Returns:
        What is wrong with the accelerator, to be read after its name; empty if the guest booted, spoke and ended.
    """
    name = f"proof-{secrets.token_hex(4)}"
    magic = volume.magic(volume.new_nonce())
    try:
        try:
            connection.create(_machine(connection, name, image, magic, accelerator))
            return _verdict(connection, name, magic, _await(connection, name, seconds), seconds)
        finally:
            connection.destroy(name)
    except VmfError as error:
        return f"aborts: {error.brief}"


def _machine(connection: Connection, name: str, image: Image, magic: bytes, accelerator: str) -> Machine:
    job = Job(name=name, image=image, memory=MEMORY, run="true\n")
    folder = connection.folder(name)
    with TemporaryDirectory() as scratch:
        disc, results = Path(scratch, "cdrom"), Path(scratch, "results")
        cdrom.write(disc, cdrom.contents(job, magic))
        volume.make(results, size=MEBIBYTE, magic=magic)
        given = {"kernel": image.kernel, "initrd": image.initrd, "cdrom": disc, "results": results}
        for file, source in given.items():
            if source is not None:
                folder.put(file, source)
    return Machine(
        name=name,
        memory=MEMORY,
        cpus=1,
        accelerator=accelerator,
        kernel="kernel" if image.kernel else None,
        initrd="initrd" if image.initrd else None,
        kernel_parameters=image.kernel_parameters,
        disks=tuple(MachineDisk(file=str(disk.file), format=disk.format) for disk in image.disks),
        cdrom="cdrom",
        results="results",
        reboots=False,
    )


def _await(connection: Connection, name: str, seconds: float) -> MachineState:
    """The machine's state when it is off, or after so many seconds."""
    deadline = time.monotonic() + seconds
    nudged = threading.Event()
    watch = connection.watch(lambda machine: nudged.set() if machine in {"", name} else None)
    try:
        while True:
            nudged.clear()
            state = connection.state(name)
            left = deadline - time.monotonic()
            if state.power in {Power.OFF, Power.ABSENT} or left <= 0:
                return state
            nudged.wait(min(left, 1.0))
    finally:
        watch.close()


def _verdict(connection: Connection, name: str, magic: bytes, state: MachineState, seconds: float) -> str:
    if state.power is not Power.OFF:
        return f"hangs: a tiny guest had not ended after {seconds:.0f} s"
    if state.ending is not Ending.SHUTDOWN:
        return f"aborts: a tiny guest ended by itself too soon ({state.detail})"
    with connection.fetch(name, "results") as results:
        if results.read(len(magic)) == magic:
            return "does not work: a tiny guest ended without a word"
    return ""
