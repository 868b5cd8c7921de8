"""What a guest that vmf builds consists of: the files of its initial RAM disk, which is all the system it has."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from importlib import resources

from vmf.errors import SetupError
from vmf.warehouse import cpio, kernel
from vmf.warehouse.packages import BY_HAND, Unpacked
from vmf.warehouse.reseed import RESEED

FOLDERS = ("bin", "dev", "etc", "modules", "proc", "root", "run", "sys", "tmp", "usr")
LINKS = (("sbin", "bin"), ("usr/bin", "../bin"), ("usr/sbin", "../bin"))
POWEROFF = b"#!/bin/sh\nexec busybox poweroff -f\n"
"""There is no init to ask. The kernel itself runs this when the hypervisor asks it to end the guest."""


def initrd(packages: Unpacked, modules: Iterable[str], more: Iterable[cpio.Entry] = ()) -> bytes:
    """Write the initial RAM disk from an unpacked kernel and busybox.

    It is not compressed: under emulation, uncompressing takes longer than reading.

    Args:
        packages: the kernel and busybox.
        modules: what is loaded at boot, in that order; what the kernel does not have is left out.
        more: what is in it beside them; what has a name again replaces it.

    Raises:
        SetupError: if the packages lack what the guest needs.
    """
    return cpio.archive([*_skeleton(), *_busybox(packages), *_modules(packages, modules), *more])


def text(name: str) -> bytes:
    """Return a file of this Python package."""
    return (resources.files(__package__) / name).read_bytes()


def _skeleton() -> Iterator[cpio.Entry]:
    yield from (cpio.folder(name) for name in FOLDERS)
    yield from (cpio.link(name, target) for name, target in LINKS)
    yield cpio.device("dev/console", 5, 1)
    yield cpio.device("dev/null", 1, 3)
    yield cpio.file("init", text("init.sh"), mode=0o755)
    yield cpio.file("guest.sh", text("guest.sh"), mode=0o755)
    yield cpio.file("bin/vmf-exchange", text("exchange.sh"), mode=0o755)
    yield cpio.file("bin/vmf-identity", text("identity.sh"), mode=0o755)
    yield cpio.file("bin/vmf-reseed", RESEED, mode=0o755)
    yield cpio.file("bin/poweroff", POWEROFF, mode=0o755)


def _busybox(packages: Unpacked) -> Iterator[cpio.Entry]:
    busybox = packages.find("**/bin/busybox")
    listed = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True)
    yield cpio.file("bin/busybox", busybox.read_bytes(), mode=0o755)
    for name in sorted({*listed.stdout.split()} - {"busybox", "poweroff"}):
        yield cpio.link(f"bin/{name}", "busybox")


def _modules(packages: Unpacked, wanted: Iterable[str]) -> Iterator[cpio.Entry]:
    modules = kernel.ordered(packages.root, wanted)
    if "isofs" not in {*modules, *kernel.built_in(packages.root)}:
        raise SetupError(f"the kernel of {', '.join(packages.versions)} cannot read a CD-ROM", hint=BY_HAND)
    for number, (name, data) in enumerate(modules.items()):
        yield cpio.file(f"modules/{number:02}-{name}.ko", data)
