"""Bytes of files of datastores on their way there and from there, by HTTPS: the host's own door to its files."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from http.client import HTTPResponse, HTTPSConnection
from typing import IO, TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from vmf.errors import HostFault
from vmf.hookspecs import Report
from vmf_vmware.faults import Dropped
from vmf_vmware.paths import DatastorePath

if TYPE_CHECKING:
    from vmf_vmware.session import Session

PIECE: Final = 2**18
_LOGIN, _ABSENT, _BEYOND = 401, 404, 416
_WHOLE, _PART = 200, 206
_MADE: Final = frozenset({200, 201, 204})
_TOLD: Final = 200
"""So much of what a server says of a failure is told."""


class Transfer:
    """Reads and writes files.

    Everything raises `HostFault` if the host cannot do it, `Dropped` if the connection breaks, and `HostLost` if the
    host cannot be asked.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def size(self, path: DatastorePath) -> int | None:
        """The bytes of a file; None if it is not there."""
        try:
            with self._answer("HEAD", path, {}, expected={_WHOLE}) as answer:
                return int(answer.headers["Content-Length"])
        except FileNotFoundError:
            return None

    def read(self, path: DatastorePath, offset: int, length: int) -> bytes:
        """At most so many bytes from one on; empty if there are no more.

        Raises:
            FileNotFoundError: if it is not there.
        """
        ranged = {"Range": f"bytes={offset}-{offset + length - 1}"}
        with self._answer("GET", path, ranged, expected={_PART, _WHOLE, _BEYOND}) as answer:
            if answer.status == _BEYOND:
                return b""
            with self._session.server.telling():
                if answer.status == _WHOLE:
                    _skip(answer, offset)
                return answer.read(length)

    def rest(self, path: DatastorePath, start: int) -> IO[bytes]:
        """All of a file from a byte on, as a stream.

        Raises:
            FileNotFoundError: if it is not there.
        """
        answer = self._answer("GET", path, {"Range": f"bytes={start}-"} if start else {}, expected={_PART, _WHOLE})
        if start and answer.status == _WHOLE:
            with self._session.server.telling():
                _skip(answer, start)
        return answer

    def send(self, path: DatastorePath, file: IO[bytes], report: Report) -> None:
        """Bring all of a file of this computer, in the place of what was there; see that it has arrived."""
        self._session.renew()  # that the session has expired it could not say before the end of the file
        size = file.seek(0, os.SEEK_END)
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        with closing(self._session.server.connection()) as connection, self._session.server.telling():
            connection.connect()
            with suppress(OSError):  # whoever wants no more of it may have said why before hanging up
                self._ask(connection, "PUT", path, headers, _pieces(file, size, report))
            answer = connection.getresponse()
            told = answer.read(_TOLD)
        if answer.status not in _MADE:
            raise _refused(path, answer, told)
        if (arrived := self.size(path)) != size:
            raise Dropped(f"of {size} bytes of {path}, {arrived or 0} have arrived")

    def _answer(
        self, method: str, path: DatastorePath, headers: Mapping[str, str], *, expected: set[int]
    ) -> HTTPResponse:
        """What comes back, to be read; over a connection that breaks, or without a login, it is asked twice.

        Raises:
            FileNotFoundError: if the file is not there.
        """
        for is_last in (False, True):
            connection = self._session.server.connection()
            try:
                with self._session.server.telling():
                    self._ask(connection, method, path, headers, None)
                    answer = connection.getresponse()
            except Dropped:
                connection.close()
                if is_last:
                    raise
                continue
            if answer.status in expected:
                return answer  # it has the connection, and closes it
            with closing(answer):
                if answer.status == _ABSENT:
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
                if answer.status != _LOGIN or is_last:
                    raise _refused(path, answer, answer.read(_TOLD))
            self._session.renew()
        raise AssertionError("the last try ends one way or another")

    def _ask(
        self,
        connection: HTTPSConnection,
        method: str,
        path: DatastorePath,
        headers: Mapping[str, str],
        body: Iterator[bytes] | None,
    ) -> None:
        place = {"dcPath": self._session.inventory.datacenter_path, "dsName": path.datastore}
        url = f"/folder/{quote(path.path)}?{urlencode(place, quote_via=quote)}"
        connection.request(method, url, body, {"Cookie": self._session.cookie, "Connection": "close", **headers})


def _pieces(file: IO[bytes], size: int, report: Report) -> Iterator[bytes]:
    file.seek(0)
    report(0, size)
    for start in range(0, size, PIECE):
        try:
            piece = file.read(min(PIECE, size - start))
        except OSError as error:  # it is not the connection's
            raise HostFault(f"{file.name}: {error.strerror}", hint="check the disk that it lies on") from error
        yield piece
        report(start + len(piece), size)


def _skip(answer: IO[bytes], count: int) -> None:
    """Read over the start of a file that was not asked for, of a server that knows no ranges."""
    while count and (piece := answer.read(min(count, PIECE))):
        count -= len(piece)


def _refused(path: DatastorePath, answer: HTTPResponse, told: bytes) -> HostFault:
    said = told.decode(errors="replace").partition("\n")[0].strip()
    return HostFault(f"{path}: the host answers {answer.status} {answer.reason}{said and f': {said}'}")
