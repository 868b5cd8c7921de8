"""Bundles that vmf builds itself, of the distribution's own kernel and busybox, without root; neither is installed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from vmf.errors import SetupError
from vmf.model import API_VERSION, Disk, DiskFormat, File, Image
from vmf.warehouse import cpio, packages
from vmf.warehouse.initrd import initrd, text
from vmf.warehouse.packages import BY_HAND, Unpacked

KERNEL_PARTS = re.compile(r"linux-(?:image|modules|binary)-\d\S*")
"""The packages that a kernel is divided into, unlike what else it depends on."""

LIBRARIES = re.compile(r"lib\S*|zlib1g")
"""The packages that a program of a distribution is linked with."""

ALONE = re.compile("")
"""Of a package that needs no other."""

SOURCES = (
    "bundle.py", "cpio.py", "exchange.sh", "guest.sh", "identity.sh",
    "init.sh", "initrd.py", "kernel.py", "packages.py", "reseed.py",
)  # fmt: skip
"""The files of this Python package that shape every bundle: when one changes, each is built again."""


class Recipe(Struct, frozen=True, kw_only=True):
    """What a bundle is made of, beside busybox."""

    name: str
    kernels: tuple[str, ...]
    """Packages that depend on a current kernel; the first that the distribution has is taken."""
    modules: tuple[str, ...]
    """Modules of that kernel in the order to load them; one that it does not have is left out."""
    parameters: str
    """The kernel's command line."""
    scratch: bytes
    """A disk that the guest has no use for, so that jobs on it have a disk."""
    packages: tuple[str, ...] = ()
    """More packages, each fetched with the libraries that it depends on."""
    more: Callable[[Unpacked], Iterable[cpio.Entry]] = lambda _: ()
    """What of all packages is in the initial RAM disk beside kernel and busybox; what has a name again replaces it."""
    beside: Callable[[Unpacked, Mapping[str, bytes]], Mapping[str, bytes]] = lambda _, files: files
    """Makes the bundle's files by name of those that every bundle has."""
    source: bytes
    """The text that the recipe is written in: when it changes, the bundle is built again."""


class Key(Struct, frozen=True, kw_only=True):
    """What an image was built from, and what came of it; the file `key` in the image's folder."""

    sources: str
    """SHA-256 over `SOURCES` and the recipe's own."""
    packages: Mapping[str, str]
    """Versions of the distribution's packages by name."""
    sha256: Mapping[str, str]
    """SHA-256 of each file of the image by name."""


def build(recipe: Recipe, folder: Path, *, report: Callable[[str], None]) -> Image:
    """Build a bundle into `folder`, unless these sources have built it there already.

    Nobody sees half an image: it is made beside `folder` and renamed. It is readable for everybody, because the
    hypervisor may run as another user.

    Args:
        recipe: what it is made of.
        folder: where `vmlinuz`, `initrd.img`, `scratch.raw` and `NAME.image.yaml` go.
        report: is told, in a line each, what takes time.

    Raises:
        SetupError: if this system has no apt, its packages cannot be had or used, or `folder` cannot be written.
    """
    try:
        key = _built(recipe, folder) or _replaced(recipe, folder, report)
    except OSError as error:
        raise SetupError(
            f"{folder}: the {recipe.name} guest could not be built: {error}",
            hint="choose a folder that you can write to",
        ) from error
    disk = Disk(file=File(path=folder / "scratch.raw"), format=DiskFormat.RAW, sha256=key.sha256["scratch.raw"])
    return Image(
        name=recipe.name,
        kernel=File(path=folder / "vmlinuz"),
        initrd=File(path=folder / "initrd.img"),
        kernel_parameters=recipe.parameters,
        disks=(disk,),
    )


def _built(recipe: Recipe, folder: Path) -> Key | None:
    """Return the key of what is in the folder, if that is whole and of these sources."""
    try:
        key = msgspec.json.decode((folder / "key").read_bytes(), type=Key)
    except (OSError, msgspec.DecodeError):
        return None
    whole = all((folder / name).is_file() for name in key.sha256)
    return key if whole and key.sources == _sources(recipe) else None


def _sources(recipe: Recipe) -> str:
    return hashlib.sha256(b"\0".join((*map(text, SOURCES), recipe.source))).hexdigest()


def _replaced(recipe: Recipe, folder: Path, report: Callable[[str], None]) -> Key:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _staging(folder) as (new, old):
        # another process may have built it while this one waited for its turn
        if key := _built(recipe, folder):
            return key
        if folder.exists() and not (folder / "key").exists():
            raise SetupError(f"{folder} is there, and vmf has not made it", hint="move it away, or choose another")
        key = _made(recipe, new, report)
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


def _made(recipe: Recipe, folder: Path, report: Callable[[str], None]) -> Key:
    work = folder / "work"
    unpacked = Unpacked(work)
    report("fetching the distribution's kernel and busybox")
    unpacked.add(_kernel(recipe), follow=KERNEL_PARTS)
    unpacked.add("busybox-static", follow=ALONE)
    for package in recipe.packages:
        unpacked.add(package, follow=LIBRARIES)
    report(f"making the {recipe.name} guest of them")
    files = _files(recipe, unpacked)
    shutil.rmtree(work)
    sha256 = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    key = Key(sources=_sources(recipe), packages=unpacked.versions, sha256=sha256)
    _write(folder, {**files, "key": msgspec.json.format(msgspec.json.encode(key))})
    return key


def _kernel(recipe: Recipe) -> str:
    for name in recipe.kernels:
        if packages.known(name):
            return name
    raise SetupError(
        f"none of {', '.join(recipe.kernels)} is in this system's package lists",
        hint=f"`apt-get update` renews the lists; {BY_HAND}",
    )


def _files(recipe: Recipe, unpacked: Unpacked) -> Mapping[str, bytes]:
    files = {
        "vmlinuz": unpacked.find("boot/vmlinuz-*").read_bytes(),
        "initrd.img": initrd(unpacked, recipe.modules, recipe.more(unpacked)),
        "scratch.raw": recipe.scratch,
        f"{recipe.name}.image.yaml": _description(recipe).encode(),
    }
    return recipe.beside(unpacked, files)


def _description(recipe: Recipe) -> str:
    return f"""\
apiVersion: {API_VERSION}
kind: Image
metadata:
  name: {recipe.name}
spec:
  kernel: vmlinuz
  initrd: initrd.img
  kernel_parameters: "{recipe.parameters}"
  disks:
    - file: scratch.raw
      format: raw
      sha256: {hashlib.sha256(recipe.scratch).hexdigest()}
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
