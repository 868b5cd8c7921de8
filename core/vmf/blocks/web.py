"""Files below one address, read in parts by HTTP.

Connections stay open from one part to the next, which urllib's do not; proxies count as they do there. No server may
point elsewhere: what is read is read from the address that its user has named.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from types import MappingProxyType
from urllib.parse import SplitResult, quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from msgspec import Struct

from vmf import __version__

SILENT_SECONDS = 30.0
"""How long a server may say nothing."""
LONGEST_SECONDS = 120.0
"""How long one answer may take."""
_PIECE = 2**18
_OK, _PARTIAL, _UNCHANGED, _MOVED = 200, 206, 304, range(300, 400)
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What a server says that may be otherwise soon."""
_KINDS: Mapping[str, Callable[..., HTTPConnection]] = MappingProxyType({
    "http": HTTPConnection, "https": HTTPSConnection
})  # fmt: skip


class Unreached(Exception):
    """A server does not answer as it should; it may soon."""


class Denied(Exception):
    """A server has no such file, or does not give it as it is asked for."""


class Answer(Struct, frozen=True, kw_only=True):
    """A whole file, and by what its server tells it from later ones."""

    content: bytes
    tag: str


class Web:
    """The files below an address; any thread may ask.

    Raises:
        ValueError: if it is no address of http or https.
    """

    def __init__(self, address: str, *, silent: float = SILENT_SECONDS, longest: float = LONGEST_SECONDS) -> None:
        """A user and a password may be in the address; they are told to its server, and to nobody else."""
        split = urlsplit(address)
        if split.scheme not in _KINDS or not split.hostname or split.query or split.fragment:
            raise ValueError("an address begins with http:// or https://, and has neither ? nor #")
        _ = split.port  # which is looked at when it is first asked for
        self._split = split
        self._path = f"{split.path.rstrip('/')}/"
        self.shown = f"{split.scheme}://{split.netloc.rpartition('@')[2]}{self._path}"
        """The address without what is secret."""
        self._silent, self._longest = silent, longest
        self._idle: list[HTTPConnection] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connections that nobody uses now; whoever asks again makes another one."""
        with self._lock:
            idle, self._idle = self._idle, []
        for each in idle:
            each.close()

    def part(self, path: str, start: int, size: int) -> bytes:
        """A part of a file: `size` bytes from byte `start` on.

        Raises:
            Unreached, Denied: if it cannot be had.
        """
        with self._asked(path, {"Range": f"bytes={start}-{start + size - 1}"}) as answer:
            if answer.status != _PARTIAL or not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                raise Denied(f"{self.shown}{path}: the server does not give parts of it")
            found = self._read(answer, size)
        if len(found) < size:
            raise Unreached(f"{self.shown}{path}: the answer ended too soon")
        return found

    def whole(self, path: str, most: int, *, tag: str = "") -> Answer | None:
        """All of a file, which has `most` bytes at the most; None: it is still the one that has this tag.

        Raises:
            Unreached, Denied: if it cannot be had.
        """
        with self._asked(path, {"If-None-Match": tag} if tag else {}) as answer:
            if answer.status == _UNCHANGED and tag:
                return None
            if answer.status != _OK:
                raise Denied(f"{self.shown}{path}: the server says {answer.status} {answer.reason}")
            found, announced = self._read(answer, most + 1), answer.headers.get("Content-Length", "")
        if len(found) > most:
            raise Denied(f"{self.shown}{path} has more than the {most} bytes that are read at the most")
        if announced.isdecimal() and len(found) < int(announced):
            raise Unreached(f"{self.shown}{path}: the answer ended too soon")
        return Answer(content=found, tag=answer.headers.get("ETag", ""))

    @contextmanager
    def _asked(self, path: str, headers: Mapping[str, str]) -> Iterator[HTTPResponse]:
        """The answer to a question; its connection is kept if all of the answer was read.

        Raises:
            Unreached, Denied: also of what goes wrong while it is read.
        """
        try:
            connection, answer = self._put(quote(path), headers)
            try:
                self._judge(path, answer)
                yield answer
            except BaseException:
                connection.close()
                raise
            if answer.length or answer.will_close:
                connection.close()
                return
            answer.close()
            with self._lock:
                self._idle.append(connection)
        except (HTTPException, OSError) as error:
            raise Unreached(f"{self.shown}{path}: {str(error) or type(error).__name__}") from error

    def _put(self, path: str, headers: Mapping[str, str]) -> tuple[HTTPConnection, HTTPResponse]:
        """Ask on a connection that was kept, unless its server has closed it meanwhile; else on a new one."""
        with self._lock:
            kept = self._idle.pop() if self._idle else None
        if kept is not None:
            try:
                return kept, self._answer(kept, path, headers)
            except (HTTPException, OSError):
                kept.close()
        connection = self._connection()
        return connection, self._answer(connection, path, headers)

    def _answer(self, connection: HTTPConnection, path: str, headers: Mapping[str, str]) -> HTTPResponse:
        own = {"User-Agent": f"vmf/{__version__}", "Accept-Encoding": "identity", **_secret(self._split)}
        target = f"{self._path}{path}"
        if self._split.scheme == "http" and _proxy(self._split):
            target = f"{self.shown}{path}"
        connection.request("GET", target, headers={**own, **headers})
        return connection.getresponse()

    def _connection(self) -> HTTPConnection:
        split, proxy = self._split, _proxy(self._split)
        first = proxy or split
        connection = _KINDS[split.scheme](first.hostname, first.port, timeout=self._silent)
        if proxy and split.scheme == "https":
            connection.set_tunnel(split.hostname or "", split.port, dict(_secret(proxy, "Proxy-Authorization")))
        return connection

    def _judge(self, path: str, answer: HTTPResponse) -> None:
        told = f"{self.shown}{path}: the server says {answer.status} {answer.reason}"
        if answer.status in _PASSING:
            raise Unreached(told)
        if answer.status in _MOVED and answer.status != _UNCHANGED:
            raise Denied(f"{told}, and leads to {answer.headers.get('Location', 'nowhere')}: name that in VMF_REMOTE")
        if answer.status >= _MOVED.stop:
            raise Denied(told)

    def _read(self, answer: HTTPResponse, most: int) -> bytes:
        """No more than `most` bytes of an answer."""
        found, began = bytearray(), time.monotonic()
        while len(found) < most and (piece := answer.read1(min(_PIECE, most - len(found)))):
            found += piece
            if time.monotonic() - began > self._longest:
                raise Unreached(f"{self.shown}: the server is too slow")
        return bytes(found)


def _secret(split: SplitResult, header: str = "Authorization") -> Mapping[str, str]:
    """The header that tells who asks, if the address says it."""
    if not split.username:
        return {}
    words = f"{unquote(split.username)}:{unquote(split.password or '')}"
    return {header: f"Basic {base64.b64encode(words.encode()).decode()}"}


def _proxy(split: SplitResult) -> SplitResult | None:
    """Through whom a server is asked, by `http_proxy`, `https_proxy` and `no_proxy`."""
    named = None if proxy_bypass(split.hostname or "") else getproxies().get(split.scheme)
    return urlsplit(named if "//" in named else f"//{named}") if named else None
