"""Images of disks, as users and guests bring them: looked at by readers of our own before any program of QEMU's is.

What reads specs is given these two functions; the readers are slow to import, and many specs name nothing to read.
"""

from __future__ import annotations

from pathlib import Path

from vmf.model import Disk, Image


def inspect_image(image: Image) -> None:
    """Check everything that an image names, on this computer; see `vmf.disks.images.inspect_image`."""
    from vmf.disks import images  # noqa: PLC0415  # see above

    images.inspect_image(image)


def appliance(path: Path) -> tuple[Disk, ...]:
    """The disks of an appliance; see `vmf.disks.ova.disks`."""
    from vmf.disks import ova  # noqa: PLC0415  # see above

    return ova.disks(path)
