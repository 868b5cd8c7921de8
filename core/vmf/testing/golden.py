"""What the fake's templates leave, and what its machines wake from.

files/memory        of a template that was imprinted: a line of JSON
files/devices       likewise; the last that is made
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from vmf.errors import HoldCode, HostFault, JobFault
from vmf.model import Imprint, Machine, Wakes
from vmf.testing.snapshots import PLATFORM, write_whole

MEMORY, DEVICES = "memory", "devices"
LEFT = {name: {"golden": name} for name in (MEMORY, DEVICES)}
"""What is in each file."""
OTHER = "make another template, or let the job boot"


def imprint(folder: Path, machine: Machine | None, *, alive: bool) -> Imprint:
    """Leave what others wake from; or say what was left before.

    Raises:
        JobFault: if the machine is no template, or has ended otherwise.
    """
    files = folder / "files"
    if machine is None or not machine.template or not (alive or (files / DEVICES).exists()):
        raise JobFault(f"machine {folder.name} is no template that is ready", code=HoldCode.REFUSED)
    if alive:
        for name, left in LEFT.items():
            write_whole(files / name, msgspec.json.encode(left))
    return Imprint(platform=PLATFORM, memory=MEMORY, state=DEVICES)


def check(machine: Machine, wakes: Wakes) -> None:
    """See that a machine can wake from such files.

    Raises:
        JobFault: if it does not fit, or they are not what they should be.
        HostFault: if the host does not fit.
    """
    if wakes.platform != PLATFORM:
        raise HostFault("the memory that it is to wake from was made elsewhere")
    if wakes.equipment != machine.equipment:
        raise JobFault("it has other devices than its template", code=HoldCode.MACHINE_INVALID, hint=OTHER)
    for name, file in ((MEMORY, wakes.memory), (DEVICES, wakes.state)):
        try:
            left = msgspec.json.decode(Path(file).read_bytes())
        except OSError as error:
            raise JobFault(f"{file}: {error.strerror}", code=HoldCode.IMAGE_MISSING, hint=OTHER) from error
        except msgspec.DecodeError as error:
            raise JobFault(f"{file}: {error}", code=HoldCode.IMAGE_INVALID, hint=OTHER) from error
        if left != LEFT[name]:
            raise JobFault(f"{file}: it is no template's {name}", code=HoldCode.IMAGE_INVALID, hint=OTHER)
