"""Disks that are fetched once, and kept in the warehouse by their sums.

IMAGES/.downloads/SHA256.qcow2   a disk, whole and with that sum
IMAGES/.downloads/SHA256.part    one that is on its way, locked by whoever fetches it, or as far as that one came
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from vmf import __version__
from vmf.errors import HoldCode, JobFault, SetupError
from vmf.files import sparse
from vmf.files.access import open_file
from vmf.files.beside import naming, sync_folder
from vmf.hookspecs import Report, unreported
from vmf.model import FORMATS, Download, File
from vmf.units import format_size
from vmf.warehouse.checking import Sum
from vmf.warehouse.folders import Folders

MOST = 2**40
"""Bytes that are fetched at the most."""
SILENT_SECONDS = 30.0
"""How long a server may say nothing."""
SLOW_SECONDS = 60.0
SLOW_BYTES = 2**14
"""Less than these in that time is as good as nothing."""
TRIES = 4
"""How often in a row a connection may break without a byte having come."""
LOOK_SECONDS = 0.1
_SCHEMES = frozenset({"http", "https"})
_RANGE = re.compile(r"bytes (?:(\d{1,18})-\d{1,18}|\*)/(\d{1,18}|\*)")
_OK, _PARTIAL, _NO_RANGE = 200, 206, 416
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What a server says that may be otherwise soon."""
_CLOSED = frozenset({401, 403, 407})


class _Broken(Exception):
    """The connection broke, or the server asks to be asked later: what has come stays."""


class _Redirects(request.HTTPRedirectHandler):
    """Goes where the server points to, if that is by HTTP."""

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:  # noqa: ANN401  # urllib's own
        """As urllib has it, for nothing but HTTP.

        Raises:
            JobFault: if it points elsewhere.
        """
        if urlsplit(newurl).scheme not in _SCHEMES:
            fp.close()
            what = f"{req.full_url} leads to {newurl}, which is not fetched"
            raise JobFault(what, code=HoldCode.IMAGE_INVALID, hint="name what it leads to by https or http")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class Downloads:
    """The disks that were fetched into a warehouse."""

    def __init__(self, images: Path, *, most: int = MOST, silent: float = SILENT_SECONDS, pause: float = 1.0) -> None:
        """See `MOST` and `SILENT_SECONDS`; `pause` are the seconds before a broken connection is made anew."""
        self._folders = Folders(images=images)
        self._folder = images / ".downloads"
        self._most = most
        self._silent = silent
        self._pause = pause
        self._opener = request.OpenerDirector()
        for handler in (
            request.ProxyHandler(),
            request.HTTPHandler(),
            request.HTTPSHandler(),
            request.HTTPDefaultErrorHandler(),
            request.HTTPErrorProcessor(),
            _Redirects(),
        ):
            self._opener.add_handler(handler)

    def path(self, download: Download) -> Path:
        """Where a disk is, once it is there."""
        suffix = PurePosixPath(urlsplit(download.url).path).suffix.lower()
        return self._folder / f"{download.sha256}{suffix if suffix in FORMATS else ''}"

    def fetch(self, download: Download, *, sum_of: Sum, report: Report = unreported) -> Path:
        """Have a disk there; where it is. Of those who want the same at once, one fetches it, and the others wait.

        Args:
            download: what it is.
            sum_of: as for `Warehouse.take`; a disk that was damaged since is fetched anew.
            report: is told how far it is; what it raises breaks it off. The next one goes on from there.

        Raises:
            JobFault: if there is no such file, or it is another one.
            SetupError: if it cannot be fetched now, or not be kept.
        """
        path = self.path(download)
        part = self._folder / f"{download.sha256}.part"
        with self._folders.blaming():
            self._folders.make()
            self._folders.make_folder(self._folder)
            while not _is_whole(path, download.sha256, sum_of):
                with self._alone(part, report) as file:
                    if file and not path.exists():
                        try:
                            self._filled(file, download, report)
                        except JobFault:
                            part.unlink()
                            raise
                        with naming(path):
                            os.fchmod(file.fileno(), 0o644)
                            os.fsync(file.fileno())
                            part.rename(path)
                            sync_folder(self._folder)
                        return path
        return path

    @contextmanager
    def _alone(self, part: Path, report: Report) -> Iterator[IO[bytes] | None]:
        """What has come of a disk, for one process at a time; None: it has come whole meanwhile."""
        number = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, self._folders.mode)
        with os.fdopen(number, "r+b") as file:
            while not _is_locked(number):
                report(0, 0)
                time.sleep(LOOK_SECONDS)
            try:
                has_name = os.path.samestat(os.fstat(number), part.lstat())
            except FileNotFoundError:
                has_name = False
            yield file if has_name else None

    def _filled(self, file: IO[bytes], download: Download, report: Report) -> None:
        """Fetch what is missing; once more from the beginning, if what somebody left was of another file."""
        is_begun = file.seek(0, os.SEEK_END) > 0
        found = self._summed(file, download, report)
        if found != download.sha256 and is_begun:
            file.truncate(0)
            found = self._summed(file, download, report)
        if found == download.sha256:
            return
        raise JobFault(
            f"{download.url}: its SHA-256 is {found} and should be {download.sha256}",
            code=HoldCode.IMAGE_INVALID,
            hint="correct `sha256`, or name another file",
        )

    def _summed(self, file: IO[bytes], download: Download, report: Report) -> str:
        self._fill(file, download.url, report)
        file.flush()
        return sparse.sha256(file, check=report)

    def _fill(self, file: IO[bytes], url: str, report: Report) -> None:
        tries = 0
        while True:
            before = file.seek(0, os.SEEK_END)
            try:
                self._get(file, url, before, report)
            except _Broken as broken:
                tries = 0 if file.seek(0, os.SEEK_END) > before else tries + 1
                if tries >= TRIES:
                    what = f"{url} cannot be fetched: {broken}"
                    raise SetupError(
                        what, hint="try again later: what has come is kept, and the rest is fetched then"
                    ) from broken
                report(file.seek(0, os.SEEK_END), 0)
                time.sleep(self._pause * tries)
            else:
                return

    def _get(self, file: IO[bytes], url: str, start: int, report: Report) -> None:
        """Ask once, and write what comes behind what is there."""
        headers = {"User-Agent": f"vmf/{__version__}", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        asked = request.Request(url, headers=headers)  # noqa: S310  # the opener knows nothing but HTTP
        with _telling(url):
            try:
                answer: HTTPResponse = self._opener.open(asked, timeout=self._silent)
            except HTTPError as error:
                if error.code == _NO_RANGE and start:
                    with error:
                        _settle_range(file, error.headers.get("Content-Range", ""), start)
                    return
                raise
            with answer:
                self._write(file, url, answer, start, report)

    def _write(self, file: IO[bytes], url: str, answer: HTTPResponse, start: int, report: Report) -> None:
        found = _RANGE.match(answer.headers.get("Content-Range", "")) if answer.status == _PARTIAL else None
        begins = int(found[1] or -1) if found else 0
        if begins not in {0, start}:
            raise _Broken("the server sends another part than it was asked for")
        done = file.seek(file.truncate(begins))
        length = answer.headers.get("Content-Length", "")
        total = done + int(length) if length.isdecimal() else 0
        since, then = time.monotonic(), done
        self._check_size(url, max(done, total))
        while piece := answer.read1(sparse.STREAMED):
            done += file.write(piece)
            report(done, total)
            self._check_size(url, done)
            if (now := time.monotonic()) - since > SLOW_SECONDS:
                if done - then < SLOW_BYTES:
                    raise _Broken(f"the server sends less than {format_size(SLOW_BYTES)} in {SLOW_SECONDS:.0f} s")
                since, then = now, done
        file.flush()
        if done < total:
            raise _Broken(f"the connection ended after {format_size(done)} of {format_size(total)}")

    def _check_size(self, url: str, size: int) -> None:
        if size > self._most:
            what = f"{url} has more than the {format_size(self._most)} that are fetched at the most"
            raise JobFault(what, code=HoldCode.IMAGE_INVALID, hint="name a smaller file, or fetch it yourself")


def _is_whole(path: Path, sha256: str, sum_of: Sum) -> bool:
    """Whether a disk is there; one that is damaged goes."""
    try:
        with open_file(path) as file:
            if sum_of(file, File(path=path)) == sha256:
                return True
    except FileNotFoundError:
        return False
    path.unlink(missing_ok=True)
    return False


def _is_locked(number: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _settle_range(file: IO[bytes], said: str, start: int) -> None:
    """What there is to do if there is nothing from `start` on: nothing if that is the end, else begin anew."""
    found = _RANGE.match(said)
    if found is None or found[2] != str(start):
        file.truncate(0)
        raise _Broken("what had come was not of this file")


@contextmanager
def _telling(url: str) -> Iterator[None]:
    """Tell what an error means: for the job, or only for now.

    Raises:
        JobFault: if the server has no such file, or does not give it.
        SetupError: if the server is not who it should be.
        _Broken: if it may be otherwise soon.
    """
    try:
        yield
    except HTTPError as error:
        with error:
            if error.code in _PASSING:
                raise _Broken(f"the server says {error.code} {error.reason}") from error
            code = HoldCode.IMAGE_UNREADABLE if error.code in _CLOSED else HoldCode.IMAGE_MISSING
            what = f"{url}: the server says {error.code} {error.reason}"
            raise JobFault(what, code=code, hint="check the address in `download`") from error
    except URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            hint = "install the certificate of who has signed it, or name another server"
            raise SetupError(f"{url}: the server is not known: {error.reason.verify_message}", hint=hint) from error
        raise _Broken(str(error.reason)) from error
    except (HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
        raise _Broken(str(error) or type(error).__name__) from error
    except OSError as error:
        if error.errno in {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}:
            raise _Broken(str(error.strerror)) from error
        raise
