"""A disk with all that is in it: an overlay and what lies on it made one file, as the user who runs QEMU.

What lies beneath an overlay is read off libvirt's description of the machine: QEMU's user, who owns the overlay, could
have changed what that says.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import IO

from vmf.disks.flatten import Base, QemuImg, UnfitBase, Unmade, flatten
from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.files.access import open_disk
from vmf.hookspecs import Report
from vmf_kvm.folder import Folder
from vmf_libvirt.described import Layer, disks
from vmf_libvirt.errors import unopened


def beneath(description: str, overlay: Path) -> tuple[Layer, ...]:
    """What the description of a machine, empty if there is none, has beneath an overlay of it, topmost first. Pure."""
    chains = (disk.layers for disk in disks(description))
    return next((chain[1:] for chain in chains if chain and chain[0].file == str(overlay)), ())


def whole(folder: Folder, name: str, description: str, program: str, report: Report) -> IO[bytes]:
    """A qcow2 of a machine's disk, made of its overlay `name`; nothing of it is left when it is closed.

    `report` is told meanwhile how many bytes are made; what it raises breaks the work off.

    Raises:
        JobFault: if what the overlay lies on is gone, or must not be used any more.
        HostFault: if there is no such overlay, or the disk cannot be made, such as for want of room.
    """
    chain = beneath(description, folder.path / name)
    if not chain:
        raise HostFault(f"machine {folder.name} has no overlay {name}")
    *layers, lowest = chain
    tool = QemuImg(program=program, scratch=folder.scratch, process=folder.account.process())
    try:
        with ExitStack() as failing, ExitStack() as files:
            overlay, file = files.enter_context(folder.open(name)), files.enter_context(_opened(lowest))
            upon = tuple(files.enter_context(_opened(layer)) for layer in reversed(layers))
            new = failing.enter_context(folder.scratch())
            base = Base(file=file, format=lowest.format, part=lowest.part, layers=upon)
            flatten(tool, overlay, base, new=new, report=report)
            failing.pop_all()
            return new
    except UnfitBase as error:
        raise JobFault(f"{lowest.file}: {error}", code=HoldCode.IMAGE_INVALID, hint=error.hint) from error
    except (Unfit, Unmade, OSError) as error:
        words = f"{folder.path / name} and {lowest.file} cannot be made one disk: {error}"
        raise HostFault(words, hint="check the space on the host") from error


def _opened(layer: Layer) -> IO[bytes]:
    path = Path(layer.file)
    try:
        return open_disk(path)
    except OSError as error:
        raise unopened(path, error) from error
