"""What the index of golden images knows, and that it knows what is there: their folders say it, the index follows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import TypeVar

from vmf.errors import SetupError
from vmf.model import Golden
from vmf.steps.golden import Candidate, Request
from vmf.steps.graph import Node
from vmf.steps.search import Unsound
from vmf.warehouse.catalogue import Catalogue
from vmf.warehouse.checking import Damaged, Unusable, read, readable
from vmf.warehouse.folders import Absent, Folders

T = TypeVar("T")
INDEX, LISTED = "index.db", "listed"
FOLLOWED_MOST = 100
"""Images that the index may have missed before it is made anew."""


class Listing:
    """The index, and a stamp of the folders that it has followed."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._catalogue = Catalogue(folders.golden / INDEX)

    def catch_up(self) -> None:
        """Have the index say what the folders do, if they have changed by other hands, or those of a killed process.

        The gate is held; so it is before every change, which is noted as if nothing else had changed.
        """
        if self._listed() != self._stamp():
            self._index(self._follow)

    def add(self, golden: Golden) -> None:
        """Take in an image that has come; the gate is held."""
        self._index(lambda: self._catalogue.add(candidate(golden)))

    def remove(self, id_: str) -> None:
        """Forget an image that has gone; the gate is held."""
        self._index(lambda: self._catalogue.remove(id_))

    def best(
        self, request: Request, seconds: Mapping[str, float], passed: Collection[str]
    ) -> tuple[Candidate, tuple[Node, ...]] | None:
        """The best image beside those that were passed over, and what is left to do."""
        return self._asked(lambda: self._catalogue.search(request, seconds, passed))

    def keeps_start(self, memory: int) -> bool:
        """Whether there may be an image with so many bytes of a guest's memory upon which no step was performed."""
        return bool(self._asked(lambda: self._catalogue.keeps_start(memory)))

    def _asked(self, ask: Callable[[], T]) -> T | None:
        """What the index answers, once it knows what there is; None: there is nothing."""
        if not self._folders.whole.is_dir():
            return None
        with suppress(SetupError):  # whoever may only read takes the index as it is
            if self._listed() != self._stamp():
                with self._folders.gate():
                    self.catch_up()
        try:
            return ask()
        except Unsound:
            with self._folders.gate():
                self._rebuild()
            return ask()

    def _follow(self) -> None:
        known, here = self._catalogue.ids(), set(self._folders.ids())
        if len(known ^ here) > FOLLOWED_MOST:
            raise Unsound("it has fallen behind")
        for id_ in known - here:
            self._catalogue.remove(id_)
        for id_ in here - known:
            with suppress(Absent, Damaged, Unusable):
                self._catalogue.add(candidate(read(self._folders, id_)))

    def _index(self, change: Callable[[], None]) -> None:
        """Change the index, and note which images it knows; the gate is held."""
        try:
            change()
        except Unsound:
            self._rebuild()
        with suppress(OSError):  # then it is gone through once more
            path = self._folders.golden / LISTED
            path.write_text(self._stamp())
            path.chmod(self._folders.mode)

    def _rebuild(self) -> None:
        self._catalogue.rebuild(candidate(each) for each in readable(self._folders))

    def _listed(self) -> str:
        """The stamp of the folders when the index was last brought up to them."""
        with suppress(OSError, UnicodeDecodeError):
            return (self._folders.golden / LISTED).read_text()
        return ""

    def _stamp(self) -> str:
        """What is another when an image has come or gone."""
        return str(self._folders.whole.stat().st_mtime_ns)


def candidate(golden: Golden) -> Candidate:
    """An image as whoever looks for one sees it."""
    return Candidate(
        id=golden.id,
        start=golden.start,
        performed=tuple(each.digest for each in golden.performed),
        types=golden.hardware.types,
        memory=golden.hardware.memory,
        cpus=golden.hardware.cpus,
    )
