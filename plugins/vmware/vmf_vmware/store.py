"""Files of a host's datastores: brought and read by HTTPS, listed, copied and removed by the host itself."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Final

from vmf.errors import HostFault
from vmf.hookspecs import Report, unreported
from vmf.units import format_size
from vmf_vmware.data import Value, data
from vmf_vmware.faults import Dropped, VimFault
from vmf_vmware.paths import DatastorePath
from vmf_vmware.reading import Reading
from vmf_vmware.transfer import Transfer

if TYPE_CHECKING:
    from vmf_vmware.session import Session

TRIES: Final = 3
"""So often a file is begun anew that does not arrive as it is."""
SETTLING: Final = (0.05, 0.2, 1.0)
"""Seconds in which the host notices that nothing more comes."""
READ_AT_ONCE: Final = 2**20
CAPACITY, FREE = "summary.capacity", "summary.freeSpace"
GONE: Final = "FileNotFound"
THERE: Final = "FileAlreadyExists"


class Store:
    """Files of the datastores of a host's datacenter.

    Everything raises `HostFault` if the host cannot do it, and `HostLost` if it cannot be asked.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._files = Transfer(session)

    def at(self, *steps: str) -> DatastorePath:
        """A path on the host's own datastore; raises `JobFault` if it cannot be one."""
        return DatastorePath(self._session.inventory.datastore_name, "/".join(steps))

    def write(self, path: DatastorePath, content: bytes) -> None:
        """Have a file with this content, in the place of what was there; its folder is made."""
        self.store(path, io.BytesIO(content), unreported)

    def store(self, path: DatastorePath, file: IO[bytes], report: Report) -> None:
        """Bring what is in a file of this computer that can be sought; likewise.

        What does not arrive whole is removed and begun anew; whatever else goes wrong, nothing is left.
        """
        self._check_room(path, file.seek(0, os.SEEK_END))
        self.make(path.folder)
        broken: Dropped | None = None
        for _ in range(TRIES):
            try:
                return self._files.send(path, file, report)
            except Dropped as fault:
                self._abandon(path)
                broken = fault
            except BaseException:
                self._abandon(path)
                raise
        self._session.renew()  # a host that answers to that is not lost
        raise HostFault(f"{path} does not arrive: {broken and broken.brief}") from broken

    def open(self, path: DatastorePath) -> IO[bytes]:
        """Open a file for reading; it can be sought. If the connection breaks it goes on where it was.

        Raises:
            FileNotFoundError: if it is not there.
        """
        size = self._files.size(path)
        if size is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        rest = partial(self._files.rest, path)
        return io.BufferedReader(Reading(self._session.server, rest, size=size), READ_AT_ONCE)

    def read(self, path: DatastorePath, offset: int, length: int) -> bytes:
        """At most so many bytes from one on; empty if there are no more.

        Raises:
            FileNotFoundError: if it is not there.
        """
        return self._files.read(path, offset, length)

    def size(self, path: DatastorePath) -> int | None:
        """The bytes of a file; None if it is not there."""
        return self._files.size(path)

    def list(self, folder: DatastorePath) -> dict[str, int]:
        """The files in a folder, each with its bytes; none if there is no such folder."""
        spec = data("HostDatastoreBrowserSearchSpec", details=_DETAILS, matchPattern=["*"])
        return {
            each["path"]: int(each.get("fileSize", 0)) for each in self._search(folder, spec) if not _is_folder(each)
        }

    def folders(self, prefix: str) -> frozenset[str]:
        """The folders at the root of the host's datastore whose names begin so."""
        kind = data("FolderFileQuery")
        spec = data("HostDatastoreBrowserSearchSpec", query=[kind], details=_DETAILS, matchPattern=[f"{prefix}*"])
        return frozenset(each["path"] for each in self._search(self.at(), spec) if _is_folder(each))

    def make(self, folder: DatastorePath) -> None:
        """Have a folder there."""
        with _despite(THERE):
            self._manage("MakeDirectory", name=str(folder), datacenter=self._center, createParentDirectories=True)

    def remove(self, path: DatastorePath) -> None:
        """Remove a file, or a folder with all that is in it; absent is success."""
        with _despite(GONE):
            self._run("fileManager", "DeleteDatastoreFile_Task", name=str(path), datacenter=self._center)

    def copy_disk(self, source: DatastorePath, target: DatastorePath, report: Report = unreported) -> None:
        """Have the host copy a disk by its descriptor, with all that it lies on, into one flat file."""
        names = {
            "sourceName": str(source),
            "sourceDatacenter": self._center,
            "destName": str(target),
            "destDatacenter": self._center,
        }
        self._run("virtualDiskManager", "CopyVirtualDisk_Task", report, **names, force=True)

    def free(self) -> tuple[int, int]:
        """The bytes of the host's datastore, and how many of them are free."""
        datastore = self._session.inventory.datastore
        with suppress(HostFault):  # else it is told as it was a while ago
            self._session.call(datastore, "RefreshDatastore")
        found = self._session.read(datastore, CAPACITY, FREE)
        return int(found[CAPACITY]), int(found[FREE])

    @property
    def _center(self) -> Value:
        return self._session.inventory.datacenter

    def _manage(self, method: str, **arguments: Value) -> None:
        self._session.call(self._session.content["fileManager"], method, **arguments)

    def _run(self, manager: str, method: str, report: Report = unreported, **arguments: Value) -> None:
        self._session.run(self._session.content[manager], method, report, **arguments)

    def _search(self, folder: DatastorePath, spec: Value) -> Iterator[Value]:
        session = self._session
        browser = session.read(session.inventory.datastore, "browser")["browser"]
        with _despite(GONE):
            found = session.run(browser, "SearchDatastore_Task", datastorePath=str(folder), searchSpec=spec)
            yield from found.get("file", ())

    def _check_room(self, path: DatastorePath, size: int) -> None:
        """See that so many bytes have room: a server that has none hangs up, as one that is gone does."""
        inventory = self._session.inventory
        if path.datastore == inventory.datastore_name:
            free = int(self._session.read(inventory.datastore, FREE)[FREE])
            if free < size:
                what = f"{format_size(size)} of {path.name} do not fit: {format_size(free)} are free"
                raise HostFault(f"the datastore {path.datastore} is full: {what}", hint="make room on it")

    def _abandon(self, path: DatastorePath) -> None:
        """Remove what has come of a file; what was on its way then may come a moment later."""
        with suppress(HostFault):  # the machine's folder is removed at the latest
            for seconds in SETTLING:
                self.remove(path)
                self._session.pause(seconds)
                if self.size(path) is None:
                    return


_DETAILS: Final = data("FileQueryFlags", fileType=True, fileSize=True, modification=False, fileOwner=False)


@contextmanager
def _despite(name: str) -> Iterator[None]:
    """Take a fault for success."""
    try:
        yield
    except VimFault as fault:
        if not fault.is_(name):
            raise


def _is_folder(found: Value) -> bool:
    return bool(found.type == "FolderFileInfo")
