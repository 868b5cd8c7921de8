"""One warehouse that is read by a web server: what it offers, as it last said.

    REMOTE/at/KEY/index.jsonl  its index
    REMOTE/at/KEY/tag          by what its server tells that from later ones
    REMOTE/at/KEY/index.db     the same images, as `Catalogue` has them

What a server says is input: an image is checked as one of a shared folder is, and no byte of a file counts before its
block has the sum that the index knows it by.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import msgspec

from vmf.blocks.web import Answer, Web
from vmf.errors import SetupError
from vmf.files.beside import naming, replacing
from vmf.steps.golden import Candidate, Request
from vmf.steps.graph import Node
from vmf.steps.search import Unsound
from vmf.warehouse import offering
from vmf.warehouse.catalogue import Catalogue
from vmf.warehouse.checking import identity
from vmf.warehouse.listing import candidate
from vmf.warehouse.offering import Offered, Unoffered

INDEX_MOST = 2**28
"""Bytes of an index."""
ASK_SECONDS = 10.0
"""How long a warehouse may be silent that is asked what it has."""


class Remote:
    """One warehouse that is elsewhere."""

    def __init__(self, address: str, folder: Path) -> None:
        """It is kept in `folder` what it last said.

        Raises:
            SetupError: if it is no address.
        """
        try:
            self.web = Web(address, silent=ASK_SECONDS)
        except ValueError as error:
            told = address.rpartition("@")[2]
            raise SetupError(f"VMF_REMOTE: {told}: {error}", hint="name the address of a warehouse's folder") from error
        self.address = address
        self._folder = folder / hashlib.sha256(address.encode()).hexdigest()[:16]
        self._catalogue = Catalogue(self._folder / "index.db")

    @property
    def shown(self) -> str:
        """Its address, as it may be told."""
        return self.web.shown

    def ask(self) -> None:
        """Have here what it offers now.

        Raises:
            Unreached, Denied: if it does not say; what it said before stays.
            SetupError: if that cannot be kept.
        """
        with self._changing(), closing(self.web):
            tag = self._path("tag").read_text() if self._path("tag").exists() else ""
            answer = self.web.whole(offering.INDEX, INDEX_MOST, tag=tag)
            if answer is not None:
                self._take(answer)

    def every(self) -> Iterator[Offered]:
        """All that it offers, as far as that can be used."""
        with suppress(OSError), self._path("index.jsonl").open("rb") as lines:
            for line in lines:
                with suppress(Unoffered, msgspec.MsgspecError, RecursionError):
                    yield _read(line)

    def best(
        self, request: Request, seconds: Mapping[str, float], passed: Collection[str]
    ) -> tuple[Candidate, tuple[Node, ...]] | None:
        """The best of its images beside those that were passed over, and what is left to do."""
        if not self._path("index.jsonl").exists():
            return None
        try:
            return self._catalogue.search(request, seconds, passed)
        except Unsound:
            self._rebuild()
            return self._catalogue.search(request, seconds, passed)

    def offered(self, id_: str) -> Offered | None:
        """An image of it."""
        with suppress(OSError), self._path("index.jsonl").open("rb") as lines:
            for line in lines:
                if id_.encode() in line:
                    with suppress(Unoffered, msgspec.MsgspecError, RecursionError):
                        found = _read(line)
                        if found.golden.id == id_:
                            return found
        return None

    def _take(self, answer: Answer) -> None:
        path = self._path("index.jsonl")
        if not path.exists() or path.read_bytes() != answer.content:
            self._path("tag").unlink(missing_ok=True)
            with naming(path), replacing(path) as file:
                file.write(answer.content)
            self._rebuild()
        self._path("tag").write_text(answer.tag)

    def _rebuild(self) -> None:
        self._catalogue.rebuild(candidate(each.golden) for each in self.every())

    def _path(self, name: str) -> Path:
        return self._folder / name

    @contextmanager
    def _changing(self) -> Iterator[None]:
        try:
            for folder in (self._folder.parent, self._folder):
                folder.mkdir(mode=0o700, exist_ok=True)
            with self._path("lock").open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            what = f"what a remote warehouse offers cannot be kept in {self._folder}: {error.strerror}"
            raise SetupError(what, hint="check its permissions and the space") from error


def _read(line: bytes) -> Offered:
    """An image that somebody offers.

    Raises:
        Unoffered, MsgspecError: if it cannot be used.
    """
    offered = msgspec.json.decode(line, type=Offered)
    golden = offered.golden
    if identity(golden) != golden.id:
        raise Unoffered("it is another image")
    if not all(disk.base or disk.layers for disk in golden.disks):
        raise Unoffered("a disk is made of nothing")
    offering.check(offered)
    return offered
