"""The tiny guest: a bundle that boots in a second or two, keeps the guest contract and powers off.

It is made of the distribution's own kernel and busybox, without root, and neither is installed.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from vmf.errors import SetupError
from vmf.model import API_VERSION, Disk, DiskFormat, Image
from vmf.warehouse import packages
from vmf.warehouse.initrd import initrd, text

KERNELS = ("linux-image-cloud-amd64", "linux-image-virtual", "linux-image-generic", "linux-image-amd64")
"""Packages that depend on the current kernel of their kind: the first that the distribution has is taken."""

PARAMETERS = "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on"
SCRATCH = b"vmf tiny scratch disk\n"
SCRATCH_SIZE = 16 * 2**20
SOURCES = ("__init__.py", "cpio.py", "guest.sh", "init.sh", "initrd.py", "kernel.py", "packages.py", "tiny.py")
"""The files of this package, which shape the image: when one changes, the image is built again."""


class Key(Struct, frozen=True, kw_only=True):
    """What an image was built from; `key` in its folder."""

    sources: str
    """SHA-256 over `SOURCES`."""
    packages: Mapping[str, str]
    """Versions of the distribution's packages by name."""
    sha256: Mapping[str, str]
    """SHA-256 of each file of the image by name."""


def build(folder: Path, *, report: Callable[[str], None]) -> Image:
    """Build the tiny guest's bundle into `folder`, unless this version of vmf has built it there already.

    Nobody ever sees half an image: it is made beside `folder` and renamed. It is readable for everybody, because the
    hypervisor may run as another user.

    Args:
        folder: where `vmlinuz`, `initrd.img`, `scratch.raw` and `tiny.image.yaml` go.
        report: is told, in a line each, what takes time.

    Raises:
        SetupError: if this system has no apt, or its packages cannot be had or used.
    """
    key = _built(folder) or _replace(folder, report)
    disk = Disk(file=folder / "scratch.raw", format=DiskFormat.RAW, sha256=key.sha256["scratch.raw"])
    return Image(
        name="tiny",
        kernel=folder / "vmlinuz",
        initrd=folder / "initrd.img",
        kernel_parameters=PARAMETERS,
        disks=(disk,),
    )


def _built(folder: Path) -> Key | None:
    """Return the key of a whole image that these sources have built."""
    try:
        key = msgspec.json.decode((folder / "key").read_bytes(), type=Key)
    except (OSError, msgspec.DecodeError):
        return None
    whole = all((folder / name).is_file() for name in key.sha256)
    return key if whole and key.sources == _sources() else None


def _sources() -> str:
    return hashlib.sha256(b"\0".join(map(text, SOURCES))).hexdigest()


def _replace(folder: Path, report: Callable[[str], None]) -> Key:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _staging(folder) as (new, old):
        # another process may have built it while this one waited for its turn
        if key := _built(folder):
            return key
        key = _make(new, report)
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
        return key


@contextmanager
def _staging(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Give one process at a time two names beside `folder`; whatever has them before or after is removed."""
    names = folder.with_name(f".{folder.name}.new"), folder.with_name(f".{folder.name}.old")
    with folder.with_name(f".{folder.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in names:
            shutil.rmtree(name, ignore_errors=True)
        try:
            yield names
        finally:
            for name in names:
                shutil.rmtree(name, ignore_errors=True)


def _make(new: Path, report: Callable[[str], None]) -> Key:
    work = new / "work"
    work.mkdir(parents=True)
    report("fetching the distribution's kernel and busybox")
    unpacked = packages.Unpacked(work)
    unpacked.add(_kernel(), follow=re.compile(r"linux-(?:image|modules|binary)-\d\S*"))
    unpacked.add("busybox-static", follow=re.compile(""))
    report("writing the tiny guest's image")
    files = _files(unpacked.root)
    for name, data in files.items():
        (new / name).write_bytes(data)
        (new / name).chmod(0o644)
    shutil.rmtree(work)
    new.chmod(0o755)
    key = Key(
        sources=_sources(),
        packages=unpacked.versions,
        sha256={name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    )
    (new / "key").write_bytes(msgspec.json.format(msgspec.json.encode(key)))
    (new / "key").chmod(0o644)
    return key


def _kernel() -> str:
    for name in KERNELS:
        if packages.known(name):
            return name
    raise SetupError(
        f"this system's package lists have none of {', '.join(KERNELS)}",
        hint="`apt-get update` renews the lists; docs/guest.md says how to make an image by hand",
    )


def _files(root: Path) -> dict[str, bytes]:
    scratch = SCRATCH.ljust(SCRATCH_SIZE, b"\0")
    return {
        "vmlinuz": next(root.glob("boot/vmlinuz-*")).read_bytes(),
        "initrd.img": gzip.compress(initrd(root), compresslevel=1, mtime=0),
        "scratch.raw": scratch,
        "tiny.image.yaml": _description(hashlib.sha256(scratch).hexdigest()).encode(),
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
