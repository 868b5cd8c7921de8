"""What drives and their overlays are called. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from vmf.model import Machine, MachineCdrom, MachineDisk

_LETTERS = 26
_LOWEST = re.compile(r"(disk[0-9]{1,3})\.0")
"""What the lowest layer of a disk is called in a checkpoint; in a machine's folder it is called as an overlay is."""


def names(prefix: str) -> Iterator[str]:
    """Every name of a bus's drives, as Linux counts them: vda … vdz, vdaa …."""
    return (f"{prefix}{_letters(number)}" for number in count())


def number(letters: str) -> int:
    """What the letters at a name's end count, from 0."""
    place = 0
    for letter in letters:
        place = _LETTERS * place + ord(letter) - ord("a") + 1
    return place - 1


def overlay(number: int) -> str:
    """The name of a disk's overlay in the machine's folder."""
    return f"disk{number}"


def overlays(machine: Machine, number: int) -> tuple[str, ...]:
    """Those of a disk, the topmost first."""
    restored = machine.restored.layers.get(number, ()) if machine.restored else ()
    return tuple(stored(name) for name in reversed(restored or (overlay(number),)))


def stored(name: str) -> str:
    """What a file is called in the machine's folder that is called so where it comes from."""
    found = _LOWEST.fullmatch(name)
    return found[1] if found else name


def called(media: MachineDisk | MachineCdrom) -> str:
    """What the job's owner knows a drive by: that of `cdrom` is the only CD-ROM drive with a name of the job's."""
    if isinstance(media, MachineDisk):
        return media.file
    return "cdrom" if media.device else "a CD-ROM drive"


def _letters(number: int) -> str:
    more, last = divmod(number, _LETTERS)
    return (_letters(more - 1) if more else "") + chr(ord("a") + last)
