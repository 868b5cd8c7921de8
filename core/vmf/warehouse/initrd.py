"""What the tiny guest consists of: the files of its initial RAM disk, which is all the system it has."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from vmf.errors import SetupError
from vmf.warehouse import cpio, kernel

MODULES = (
    "virtio_pci", "virtio_blk", "virtio_scsi", "ahci", "ata_piix", "sd_mod", "sr_mod", "isofs", "evdev", "button",
)  # fmt: skip
"""What the guest contract takes on any hypervisor, in the order to load it: disks, the CD-ROM, the power button."""

FOLDERS = ("bin", "dev", "etc", "modules", "proc", "root", "run", "sys", "tmp", "usr")
LINKS = {"sbin": "bin", "usr/bin": "../bin", "usr/sbin": "../bin"}
POWEROFF = b"#!/bin/sh\nexec busybox poweroff -f\n"
"""There is no init to ask; the kernel too runs this when a hypervisor wants the guest to end."""


def initrd(root: Path) -> bytes:
    """Write the initial RAM disk from a kernel and a busybox unpacked below `root`.

    Raises:
        SetupError: if they lack what the guest needs.
    """
    return cpio.archive([*_skeleton(), *_busybox(root), *_modules(root)])


def text(name: str) -> bytes:
    """Return a file of this package."""
    return (resources.files(__package__) / name).read_bytes()


def _skeleton() -> Iterator[cpio.Entry]:
    yield from map(cpio.folder, FOLDERS)
    for name, target in LINKS.items():
        yield cpio.link(name, target)
    yield cpio.device("dev/console", 5, 1)
    yield cpio.device("dev/null", 1, 3)
    yield cpio.file("init", text("init.sh"), mode=0o755)
    yield cpio.file("guest.sh", text("guest.sh"), mode=0o755)
    yield cpio.file("bin/poweroff", POWEROFF, mode=0o755)


def _busybox(root: Path) -> Iterator[cpio.Entry]:
    busybox = next(root.glob("**/bin/busybox"))
    yield cpio.file("bin/busybox", busybox.read_bytes(), mode=0o755)
    names = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    for name in sorted(set(names) - {"busybox", "poweroff"}):
        yield cpio.link(f"bin/{name}", "busybox")


def _modules(root: Path) -> Iterator[cpio.Entry]:
    modules = kernel.ordered(root, MODULES)
    if "isofs" not in {*modules, *kernel.built_in(root)}:
        raise SetupError("the distribution's kernel cannot read a CD-ROM: it has no isofs")
    for number, (name, data) in enumerate(modules.items()):
        yield cpio.file(f"modules/{number:02}-{name}.ko", data)
