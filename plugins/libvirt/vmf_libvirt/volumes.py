"""A machine's files on a host that is reached by libvirt alone: the volumes of a storage pool of its own.

The pool is a folder. What libvirt or a hypervisor writes there beside it is a volume, too, once it has been looked for.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, TypeVar
from xml.etree import ElementTree as ET

import libvirt
from msgspec import Struct

from vmf.errors import HostFault
from vmf.files.access import open_file
from vmf.hookspecs import Report
from vmf_libvirt import domains
from vmf_libvirt.client import Client, Link
from vmf_libvirt.described import tree
from vmf_libvirt.errors import Code, LibvirtFault, unopened
from vmf_libvirt.streams import PIECE, Piece, Reading, Volume, pieces, upload

READ_AT_ONCE = 2**20
CLOCK = "clock"
TRIES = 20
CROWDED = (Code.INTERNAL_ERROR, Code.OPERATION_FAILED, Code.OPERATION_INVALID, Code.NO_STORAGE_POOL)
"""What libvirt says of a pool that somebody else has just made, looks into, or has removed."""
ZEROS = bytes(2**20)

Pool = libvirt.virStoragePool
T = TypeVar("T")


class Volumes(Struct, frozen=True, kw_only=True):
    """One machine's files, or those of a folder of the host's that is there.

    Every method raises `HostFault` if the host cannot do it, and `HostLost` if it cannot be asked.
    """

    client: Client
    pool: str
    """What libvirt calls the pool."""
    path: Path
    """Its folder on the host."""

    def make(self) -> None:
        """Have the folder there."""
        self.client.call(self._made)

    def put(self, name: str, source: Path, report: Report) -> None:
        """Bring a file of this computer to `name`, in the place of what was there; it is read back and compared.

        Raises:
            JobFault: if the source is not there, or may not be read.
        """
        try:
            file = open_file(source)
        except OSError as error:
            raise unopened(source, error) from error
        with file:
            self.store(name, file, report)

    def store(self, name: str, file: IO[bytes], report: Report) -> None:
        """Bring what is in a file of this computer, likewise."""
        self._bring(name, file.seek(0, io.SEEK_END), lambda: pieces(file, report))

    def write(self, name: str, content: bytes) -> None:
        """Have a file with this content; likewise."""
        self._bring(name, len(content), lambda: (content[at : at + PIECE] for at in range(0, len(content), PIECE)))

    def overwrite(self, name: str, start: bytes) -> None:
        """Write over the beginning of a file."""
        self.client.call(lambda link: upload(link, self._volume(link, name), [start]))

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading.

        Raises:
            FileNotFoundError: if it is not there.
        """
        if not self.has(name):
            raise FileNotFoundError(name)
        return io.BufferedReader(Reading(self.client, lambda link: self._volume(link, name)), READ_AT_ONCE)

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return self.client.call(lambda link: self._find(link, name)) is not None

    def taken(self) -> dict[str, int]:
        """The files, each with the bytes that it takes of the host's disk."""

        def look(link: Link) -> dict[str, int]:
            pool = _pool(link, self.pool)
            if pool is None:
                return {}
            pool.refresh(0)
            return {each.name(): int(each.info()[2]) for each in pool.listAllVolumes(0)}

        return self.client.call(look)

    def now(self) -> datetime:
        """The time on the host, by a file that is made there for it."""
        self.write(CLOCK, b"")
        described = self.client.call(lambda link: self._volume(link, CLOCK).XMLDesc())
        self.discard(CLOCK)
        return datetime.fromtimestamp(float(tree(described).findtext("target/timestamps/ctime", "0")), UTC)

    def discard(self, name: str) -> None:
        """Remove a file; absent is success."""

        def remove(link: Link) -> None:
            if volume := self._find(link, name):
                with domains.despite(Code.NO_STORAGE_VOL):
                    volume.delete(0)

        self.client.call(remove)

    def remove(self) -> None:
        """Remove the folder with all that is in it; absent is success."""

        def remove(link: Link) -> None:
            if (pool := _pool(link, self.pool)) is None:
                return
            pool.refresh(0)
            for volume in pool.listAllVolumes(0):
                with domains.despite(Code.NO_STORAGE_VOL):
                    volume.delete(0)
            pool.destroy()
            with suppress(libvirt.libvirtError):  # the folder is gone, or somebody else has put something there
                pool.delete(0)
            pool.undefine()

        self.client.call(remove)

    def _bring(self, name: str, size: int, content: Callable[[], Iterable[Piece]]) -> None:
        def bring(link: Link) -> str:
            pool = self._made(link)
            if old := self._find(link, name):
                old.delete(0)
            volume = pool.createXML(_volume(name, size), 0)
            sent = hashlib.sha256()
            try:
                upload(link, volume, _summed(content(), sent))
            except BaseException:
                with suppress(libvirt.libvirtError):
                    volume.delete(0)
                raise
            return sent.hexdigest()

        sent = self.client.call(bring)
        with self.open(name) as found:
            came = hashlib.sha256()
            while piece := found.read(READ_AT_ONCE):
                came.update(piece)
        if came.hexdigest() != sent:
            self.discard(name)
            raise HostFault(f"{self.path / name} is not what was sent there", hint="check the host's disk and memory")

    def _made(self, link: Link) -> Pool:
        pool = _pool(link, self.pool)
        if pool is None:
            pool = link.storagePoolDefineXML(_described(self.pool, self.path), 0)
        if not pool.isActive():
            pool.build(0)
            pool.create(0)
        pool.setAutostart(1)
        return pool

    def _find(self, link: Link, name: str) -> Volume | None:
        pool = _pool(link, self.pool)
        if pool is None or not pool.isActive():
            return None
        for look in (lambda: None, partial(pool.refresh, 0)):  # what has come beside libvirt is looked for
            look()
            with domains.despite(Code.NO_STORAGE_VOL):
                return pool.storageVolLookupByName(name)
        return None

    def _volume(self, link: Link, name: str) -> Volume:
        volume = self._find(link, name)
        if volume is None:
            raise HostFault(f"{self.path / name} is not there any more")
        return volume


def pools(client: Client, prefix: str) -> tuple[str, ...]:
    """The names of all pools that begin so."""
    return client.call(
        lambda link: tuple(name for each in link.listAllStoragePools(0) if (name := each.name()).startswith(prefix))
    )


def _pool(link: Link, name: str) -> Pool | None:
    try:
        return link.storagePoolLookupByName(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() != Code.NO_STORAGE_POOL:
            raise
        return None


def _described(name: str, path: Path) -> str:
    """A pool; who runs guests may pass its folder, and each file says who may read it."""
    pool = ET.Element("pool", type="dir")
    ET.SubElement(pool, "name").text = name
    target = ET.SubElement(pool, "target")
    ET.SubElement(target, "path").text = str(path)
    ET.SubElement(ET.SubElement(target, "permissions"), "mode").text = "0711"
    return ET.tostring(pool, encoding="unicode")


def _volume(name: str, size: int) -> str:
    """A plain file, which takes nothing yet."""
    volume = ET.Element("volume")
    ET.SubElement(volume, "name").text = name
    ET.SubElement(volume, "capacity", unit="bytes").text = str(size)
    ET.SubElement(volume, "allocation", unit="bytes").text = "0"
    target = ET.SubElement(volume, "target")
    ET.SubElement(target, "format", type="raw")
    ET.SubElement(ET.SubElement(target, "permissions"), "mode").text = "0600"
    return ET.tostring(volume, encoding="unicode")


def _summed(content: Iterable[Piece], found: hashlib._Hash) -> Iterator[Piece]:
    """The same, while its sum is worked out."""
    for piece in content:
        if isinstance(piece, int):
            whole, rest = divmod(piece, len(ZEROS))
            for _ in range(whole):
                found.update(ZEROS)
            found.update(memoryview(ZEROS)[:rest])
        else:
            found.update(piece)
        yield piece


def read(client: Client, prefix: str, path: Path) -> IO[bytes]:
    """Open a file that is on the host anyway, by a pool that is there only meanwhile, and whose name begins so.

    Raises:
        FileNotFoundError: if it is not there.
        IsADirectoryError: if it is a folder.
        HostFault: if the host cannot do it.
    """
    name = f"{prefix}{hashlib.sha256(bytes(path.parent)).hexdigest()[:16]}"
    find = partial(_elsewhere, name, path)
    try:
        return io.BufferedReader(_Lent(client, find, lambda: client.call(partial(_unlend, name))), READ_AT_ONCE)
    except (FileNotFoundError, IsADirectoryError):
        client.call(partial(_unlend, name))
        raise
    except LibvirtFault as fault:
        if "No such file or directory" in fault.brief or "Not a directory" in fault.brief:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from fault
        raise


class _Lent(Reading):
    """Gives back, at its end, what it was read by."""

    def __init__(self, client: Client, find: Callable[[Link], Volume], give_back: Callable[[], None]) -> None:
        self._give_back = give_back
        super().__init__(client, find)

    def _asked(self, link: Link, ask: Callable[[Volume], T]) -> T:
        """Where several look into one folder, one's pool may come or go while another looks."""
        for _ in range(TRIES - 1):
            with domains.despite(*CROWDED):
                return super()._asked(link, ask)
        return super()._asked(link, ask)

    def close(self) -> None:
        if not self.closed:
            super().close()
            with suppress(HostFault):
                self._give_back()


def _elsewhere(name: str, path: Path, link: Link) -> Volume:
    def by_path() -> Volume:
        return link.storageVolLookupByPath(str(path))

    def lent() -> Volume:
        pool = _pool(link, name) or _of(link, path.parent)
        if pool is None:
            pool = link.storagePoolCreateXML(_described(name, path.parent), 0)
        return pool.storageVolLookupByName(path.name)

    for look in (by_path, lent):
        with domains.despite(Code.NO_STORAGE_VOL):
            volume = look()
            if int(volume.info()[0]) == libvirt.VIR_STORAGE_VOL_DIR:
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            return volume
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def _of(link: Link, folder: Path) -> Pool | None:
    """The pool that somebody else has of a folder, with what has come beside it: libvirt takes no second one."""
    try:
        pool = link.storagePoolLookupByTargetPath(str(folder))
    except libvirt.libvirtError as error:
        if error.get_error_code() != Code.NO_STORAGE_POOL:
            raise
        return None
    pool.refresh(0)
    return pool


def _unlend(name: str, link: Link) -> None:
    if pool := _pool(link, name):
        with domains.despite(*CROWDED):
            pool.destroy()
