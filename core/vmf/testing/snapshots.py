"""What the fake's disks are made of, and the snapshots of its machines, in a machine's folder.

    files/disk0         the first disk's overlay: a line of text, or what its guest wrote over the beginning of that
    files/disk0-3       what its guest wrote since snapshot 3, over the beginning of what is below
    files/memory-3      what its guest needed to go on at that instant; the last that is made of a snapshot
    files/results-3     its results volume at that instant
    snapshot.asked      the number of the snapshot that the guest is to leave
    disks               locked by whoever writes to overlays, or makes or merges them

What was frozen is handed out as a qcow2 over another file, which is what whoever keeps it looks for.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec.structs import replace

from vmf.errors import HostFault
from vmf.hookspecs import Report
from vmf.model import Access, Machine, Platform, Restored, Snapshot
from vmf.testing import samples
from vmf.testing.guest import chain, held

LOOK_SECONDS = 0.02
SAVED = "saved"
"""What `memory`, which a guest that is saved has left beside its machine's files, is called when it is fetched."""
PLATFORM = Platform(type="fake", accelerator="fake", version="1", machine="fake", cpu="fake")


def take(folder: Path, machine: Machine, number: int, *, alive: Callable[[], bool], report: Report) -> Snapshot:
    """Have the guest leave a snapshot; if `report` breaks it off, there is none.

    Raises:
        HostFault: if the guest ended meanwhile.
    """
    asked = folder / "snapshot.asked"
    try:
        report(0, machine.memory)
        write_whole(asked, str(number).encode())
        is_done = False
        while not is_done:
            time.sleep(LOOK_SECONDS)
            report(0, machine.memory)
            is_done = not (asked.exists() and alive())
    except BaseException:
        fold(folder, machine, ended=False)
        raise
    memory = folder / "files" / f"memory-{number}"
    if not memory.exists():
        raise HostFault(f"the guest of {machine.name} ended before it was taken")
    return replace(
        still(folder, machine),
        said=_remembered(memory)["said"],
        memory=memory.name,
        results=f"results-{number}" if machine.results else "",
        layers={disk: tuple(each.name for each in _frozen(folder, disk)) for disk in _overlaid(machine)},
    )


def still(folder: Path, machine: Machine) -> Snapshot:
    """The snapshot of a machine whose guest is saved, and writes nothing."""
    return Snapshot(
        platform=PLATFORM,
        stopped=0.0,  # the fake's guests are taken between two steps
        said=(folder / "console.log").stat().st_size,
        memory=SAVED,
        results="results" if machine.results else "",
        media={number: drive.file for number, drive in enumerate(machine.cdroms) if drive.file},
        layers={disk: tuple(each.name for each in chain(folder / "files", disk)) for disk in _overlaid(machine)},
    )


def fold(folder: Path, machine: Machine, *, ended: bool) -> None:
    """Make one layer of all that are frozen, and of all that there are if the machine has ended; of a saved one, none.

    Whoever is killed on the way leaves a lowest layer that has all, and some of the uppermost ones.
    """
    files = folder / "files"
    with held(folder):
        (folder / "snapshot.asked").unlink(missing_ok=True)
        for disk in [] if _is_saved(folder) else _overlaid(machine):
            layers = chain(files, disk) if ended else _frozen(folder, disk)
            if len(layers) > 1:
                write_whole(layers[0], _merged(layer.read_bytes() for layer in layers))
            for layer in layers[1:]:  # the lower ones first: they must not lie on what hides them
                layer.unlink()
        for pattern in ("memory-*", "results-*"):
            for left in files.glob(pattern):
                left.unlink()


def restore(folder: Path, restored: Restored) -> None:
    """Have the machine's guest begin with memory and disks of a snapshot, which are among its files.

    Raises:
        HostFault: if the memory is none.
    """
    files = folder / "files"
    for disk, layers in restored.layers.items():
        write_whole(files / f"disk{disk}", _merged(samples.overlaid((files / layer).read_bytes()) for layer in layers))
    memory = _remembered(files / restored.memory)
    nothing_typed = {"heard": 0}  # on the console, which is a new one
    write_whole(folder / "memory", msgspec.json.encode({**memory, **nothing_typed}))


def opened(folder: Path, name: str) -> IO[bytes]:
    """One of the machine's files as it is handed out."""
    if name == SAVED:
        return (folder / "memory").open("rb")
    path = folder / "files" / name
    disk = name.removeprefix("disk").partition("-")[0]
    if disk.isdecimal() and path in _frozen(folder, int(disk)):
        return io.BytesIO(samples.overlay(path.read_bytes()))
    return path.open("rb")


def sizes(folder: Path, machine: Machine) -> dict[str, int]:
    """What the overlay of each disk takes."""
    files = folder / "files"
    return {f"disk{disk}": sum(each.stat().st_size for each in chain(files, disk)) for disk in _overlaid(machine)}


def changed(folder: Path, number: int, file: str) -> bytes:
    """The line that the guest wrote over a disk's beginning; empty if it did not."""
    content = _merged(layer.read_bytes() for layer in chain(folder / "files", number))
    return b"" if content == untouched(file) else content.splitlines(keepends=True)[0]


def untouched(file: str) -> bytes:
    """What is in an overlay that its guest has not written to."""
    return f"overlay over {file}\n".encode(errors="replace")


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that is there with all of its content, or as it was."""
    new = path.with_name(f"{path.name}.new")
    new.write_bytes(data)
    new.replace(path)


def _overlaid(machine: Machine) -> list[int]:
    """The numbers of the disks that have overlays."""
    return [number for number, disk in enumerate(machine.disks) if disk.access is Access.SNAPSHOT]


def _frozen(folder: Path, number: int) -> list[Path]:
    """The layers of a disk that its guest does not write to any more."""
    layers = chain(folder / "files", number)
    return layers if _is_saved(folder) else layers[:-1]


def _is_saved(folder: Path) -> bool:
    """Whether the machine's guest has left its memory and everything else."""
    return (folder / "memory").exists()


def _remembered(memory: Path) -> dict[str, Any]:
    """What a guest left in a file."""
    try:
        return msgspec.json.decode(memory.read_bytes(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise HostFault(f"{memory.name} is no memory of a guest: {error}") from error


def _merged(layers: Iterable[bytes]) -> bytes:
    """What layers hold together, each written over the beginning of those before it."""
    whole = b""
    for layer in layers:
        whole = layer + whole[len(layer) :]
    return whole
