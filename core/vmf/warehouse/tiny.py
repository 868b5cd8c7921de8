"""The tiny guest: a bundle that boots in a second or two, keeps the guest contract and powers off.

It is made of the distribution's own kernel and busybox, without root, and neither is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from vmf.errors import SetupError
from vmf.model import API_VERSION, Disk, DiskFormat, File, Image
from vmf.warehouse import packages
from vmf.warehouse.initrd import initrd, text
from vmf.warehouse.packages import BY_HAND, Unpacked

KERNELS = ("linux-image-cloud-amd64", "linux-image-virtual", "linux-image-generic", "linux-image-amd64")
"""Packages that depend on the current kernel of their kind; the first that the distribution has is taken."""

KERNEL_PARTS = re.compile(r"linux-(?:image|modules|binary)-\d\S*")
"""The packages that a kernel is divided into, unlike what else it depends on."""

PARAMETERS = "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on cryptomgr.notests noreplace-smp"
SCRATCH = b"vmf tiny scratch disk\n".ljust(2**20, b"\0")
"""A disk that the guest has no use for, so that jobs on it have a disk."""

SOURCES = ("cpio.py", "guest.sh", "init.sh", "initrd.py", "kernel.py", "packages.py", "tiny.py")
"""The files of this Python package that shape the image: when one changes, the image is built again."""


class Key(Struct, frozen=True, kw_only=True):
    """What an image was built from, and what came of it; the file `key` in the image's folder."""

    sources: str
    """SHA-256 over `SOURCES`."""
    packages: Mapping[str, str]
    """Versions of the distribution's packages by name."""
    sha256: Mapping[str, str]
    """SHA-256 of each file of the image by name."""


def build(folder: Path, *, report: Callable[[str], None]) -> Image:
    """Build the tiny guest's bundle into `folder`, unless these sources have built it there already.

    Nobody sees half an image: it is made beside `folder` and renamed. It is readable for everybody, because the
    hypervisor may run as another user.

    Args:
        folder: where `vmlinuz`, `initrd.img`, `scratch.raw` and `tiny.image.yaml` go.
        report: is told, in a line each, what takes time.

    Raises:
        SetupError: if this system has no apt, its packages cannot be had or used, or `folder` cannot be written.
    """
    try:
        key = _built(folder) or _replaced(folder, report)
    except OSError as error:
        raise SetupError(
            f"{folder}: the tiny guest could not be built: {error}", hint="choose a folder that you can write to"
        ) from error
    disk = Disk(file=File(path=folder / "scratch.raw"), format=DiskFormat.RAW, sha256=key.sha256["scratch.raw"])
    return Image(
        name="tiny",
        kernel=File(path=folder / "vmlinuz"),
        initrd=File(path=folder / "initrd.img"),
        kernel_parameters=PARAMETERS,
        disks=(disk,),
    )


def _built(folder: Path) -> Key | None:
    """Return the key of what is in the folder, if that is whole and of these sources."""
    try:
        key = msgspec.json.decode((folder / "key").read_bytes(), type=Key)
    except (OSError, msgspec.DecodeError):
        return None
    whole = all((folder / name).is_file() for name in key.sha256)
    return key if whole and key.sources == _sources() else None


def _sources() -> str:
    return hashlib.sha256(b"\0".join(text(name) for name in SOURCES)).hexdigest()


def _replaced(folder: Path, report: Callable[[str], None]) -> Key:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _staging(folder) as (new, old):
        # another process may have built it while this one waited for its turn
        if key := _built(folder):
            return key
        if folder.exists() and not (folder / "key").exists():
            raise SetupError(f"{folder} is there, and vmf has not made it", hint="move it away, or choose another")
        key = _made(new, report)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        return key


@contextmanager
def _staging(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Lend two names beside `folder` to one process at a time; what has them before or after is removed."""
    names = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    with folder.with_name(f".{folder.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            _remove(names)
            yield names
        finally:
            _remove(names)


def _remove(folders: tuple[Path, ...]) -> None:
    for folder in folders:
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)


def _made(folder: Path, report: Callable[[str], None]) -> Key:
    work = folder / "work"
    unpacked = Unpacked(work)
    report("fetching the distribution's kernel and busybox")
    unpacked.add(_kernel(), follow=KERNEL_PARTS)
    unpacked.add("busybox-static", follow=re.compile(""))
    report("making the tiny guest of them")
    files = _files(unpacked)
    shutil.rmtree(work)
    sha256 = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    key = Key(sources=_sources(), packages=unpacked.versions, sha256=sha256)
    _write(folder, {**files, "key": msgspec.json.format(msgspec.json.encode(key))})
    return key


def _kernel() -> str:
    for name in KERNELS:
        if packages.known(name):
            return name
    raise SetupError(
        f"none of {', '.join(KERNELS)} is in this system's package lists",
        hint=f"`apt-get update` renews the lists; {BY_HAND}",
    )


def _files(unpacked: Unpacked) -> dict[str, bytes]:
    return {
        "vmlinuz": unpacked.find("boot/vmlinuz-*").read_bytes(),
        "initrd.img": initrd(unpacked),
        "scratch.raw": SCRATCH,
        "tiny.image.yaml": _description(hashlib.sha256(SCRATCH).hexdigest()).encode(),
    }


def _description(sha256: str) -> str:
    return f"""\
apiVersion: {API_VERSION}
kind: Image
metadata:
  name: tiny
spec:
  kernel: vmlinuz
  initrd: initrd.img
  kernel_parameters: "{PARAMETERS}"
  disks:
    - file: scratch.raw
      format: raw
      sha256: {sha256}
"""


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files that everybody can read, with holes where they end in zeros, and wait until they are on the disk."""
    folder.chmod(0o755)
    for name, data in files.items():
        with (folder / name).open("wb") as file:
            file.write(data.rstrip(b"\0"))
            file.truncate(len(data))
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
