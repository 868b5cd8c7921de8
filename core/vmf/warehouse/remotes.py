"""Warehouses that are read by a web server: their images found, and what they are made of read on demand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from pathlib import Path
from typing import TypeAlias

from msgspec import Struct

from vmf.blocks.places import Origin, Place
from vmf.blocks.shelf import TRY_SECONDS, Blocks
from vmf.blocks.sums import DIGEST, count
from vmf.blocks.web import Denied, Unreached
from vmf.errors import SetupError
from vmf.hookspecs import Report
from vmf.model import Disk, DiskFormat, File, Golden, GoldenDisk, Home, Image, Layer, Shelved
from vmf.steps.golden import Request, rank
from vmf.steps.graph import Node
from vmf.steps.search import Unsound
from vmf.warehouse import offering
from vmf.warehouse.listing import candidate
from vmf.warehouse.offering import Offered
from vmf.warehouse.remote import Remote

Fetching: TypeAlias = Callable[[str], AbstractContextManager[Report]]
"""Lends, for what is fetched, in words, what is told how much of it has come."""


class Found(Struct, frozen=True, kw_only=True):
    """An image that a remote warehouse has."""

    remote: Remote
    offered: Offered
    rest: tuple[Node, ...]
    """What is left to do upon it."""

    @property
    def golden(self) -> Golden:
        """What it is."""
        return self.offered.golden


class Remotes:
    """All remote warehouses of a user."""

    def __init__(self, home: Home, *, tell: Callable[[str], None]) -> None:
        """`tell` is told, in a line each, who does not answer.

        Raises:
            SetupError: if one has no address that can be read.
        """
        self.blocks = Blocks(home.remote)
        self._tell = tell
        self._every = tuple(Remote(each, home.remote / "at") for each in home.remotes)
        self._unasked = self._every

    def __iter__(self) -> Iterator[Remote]:
        return iter(self._every)

    def ask(self) -> None:
        """Have here what they offer now, each asked once; of one that does not answer counts what it offered last."""
        unasked, self._unasked = self._unasked, ()
        for remote in unasked:
            try:
                self.blocks.make()
                remote.ask()
            except (Unreached, Denied) as fault:
                self._tell(f"remote warehouse {remote.shown} does not answer, what is known of it counts: {fault}")
            except SetupError as fault:
                self._tell(f"remote warehouse {remote.shown} is passed over: {fault}")

    def best(self, request: Request, seconds: Mapping[str, float], passed: Collection[str]) -> Found | None:
        """The best image that one of them has, beside those that were passed over."""
        found = list[Found]()
        for remote in self._every:
            with suppress(Unsound, SetupError):
                best = remote.best(request, seconds, passed)
                offered = remote.offered(best[0].id) if best else None
                if best and offered:
                    found.append(Found(remote=remote, offered=offered, rest=best[1]))
        return min(found, key=lambda each: rank(request, candidate(each.golden), seconds), default=None)

    def image(self, found: Found) -> Image:
        """What a machine boots from that begins with an image: disks that are served, and files that are brought."""
        golden = found.golden
        return Image(
            name=golden.name,
            kernel=File(path=self._place(golden.kernel).whole) if golden.kernel else None,
            initrd=File(path=self._place(golden.initrd).whole) if golden.initrd else None,
            kernel_parameters=golden.kernel_parameters,
            disks=tuple(map(self._disk, golden.disks)),
        )

    def begin(self, found: Found, held: ExitStack, fetching: Fetching) -> None:
        """Have an image's kernel here and its disks served, until `held` is closed.

        Raises:
            SetupError: if they cannot be had now.
        """
        places = self._places(found)
        held.enter_context(self.blocks.hold(places))
        self._try(places, found)
        for file in (found.golden.kernel, found.golden.initrd):
            if file:
                self._complete(self._place(file), file.name, fetching)
        served = self._served(found)
        self.blocks.serve(served)
        for place in served:  # which nobody else can have noted otherwise since
            if not _origin(place, found).is_like(place.noted):
                raise _other(place, found)

    def is_whole(self, found: Found) -> bool:
        """Whether all of an image is here."""
        return all(place.whole.exists() for place in self._places(found))

    def bring(self, found: Found, fetching: Fetching) -> Mapping[str, Path]:
        """Have all of an image here; the files that it is made of, by their sums.

        Raises:
            SetupError: if it cannot be had now.
        """
        with self.blocks.hold(self._places(found)):
            self._try([place for place in self._places(found) if not place.whole.exists()], found)
            parts = {each.sha256: each.path.rpartition("/")[2] for each in found.offered.parts}
            return {place.sha256: self._complete(place, parts[place.sha256], fetching) for place in self._places(found)}

    def _complete(self, place: Place, name: str, fetching: Fetching) -> Path:
        with fetching(f"fetching {name}") as report:
            return self.blocks.complete(place, report)

    def forget(self, found: Found) -> None:
        """Remove what is here of an image that is kept in the warehouse now, but what somebody else needs."""
        for place in self._places(found):
            place.remove()

    def _try(self, places: Sequence[Place], found: Found) -> None:
        """Have here where files come from and the first block of each, by which their server is seen to give them."""
        for place in places:
            self._note(place, found)
        wanted = [place for place in places if not place.whole.exists()]
        self.blocks.serve(wanted)
        for place in wanted:
            try:
                self.blocks.attempt(place)
            except OSError as error:
                what = f"{found.remote.shown}: {found.offered.part(place.sha256).path} cannot be had: {_why(error)}"
                raise SetupError(what, hint=f"{self.blocks.log} says more") from error

    def _note(self, place: Place, found: Found) -> None:
        """Have here by what each block of a file is told, and where it comes from now."""
        origin = _origin(place, found)
        if place.noted == origin:
            return
        self.blocks.make()
        if not place.keep(origin, self._listed(place, found)):
            raise _other(place, found)

    def _listed(self, place: Place, found: Found) -> bytes:
        """The sums of a file's blocks, as its warehouse has them."""
        part = found.offered.part(place.sha256)
        size = count(part.size) * DIGEST
        try:
            with closing(found.remote.web) as web:
                answer = web.whole(f"{offering.BLOCKS}/{part.sha256}", size)
        except (Unreached, Denied) as fault:
            raise SetupError(str(fault), hint="try again later, or name another warehouse in VMF_REMOTE") from fault
        listed = answer.content if answer else b""
        if hashlib.sha256(listed).hexdigest() != part.blocks or len(listed) != size:
            what = f"{found.remote.shown}: the sums of the blocks of {part.path} are not those of its index"
            raise SetupError(what, hint="have its owner make the index anew: `vmf image index`")
        return listed

    def _places(self, found: Found) -> tuple[Place, ...]:
        """Those of all files of an image."""
        golden = found.golden
        sums = (*(each.sha256 for each in golden.shelved), *(disk.base.sha256 for disk in golden.disks if disk.base))
        return tuple(self.blocks.place(each) for each in dict.fromkeys(sums))

    def _served(self, found: Found) -> tuple[Place, ...]:
        return self.blocks.of(file for disk in self.image(found).disks for file in disk.files)

    def _place(self, file: Shelved) -> Place:
        return self.blocks.place(file.sha256)

    def _disk(self, disk: GoldenDisk) -> Disk:
        sums = [layer.sha256 for layer in disk.layers]
        if disk.base:
            sums.insert(0, disk.base.sha256)
        lowest, *layers = [
            Layer(file=File(path=self.blocks.place(each).socket, served=True), sha256=each) for each in sums
        ]
        return Disk(
            file=lowest.file,
            format=disk.base.format if disk.base else DiskFormat.QCOW2,
            sha256=lowest.sha256,
            layers=tuple(layers),
            bus=disk.bus,
            device=disk.device,
        )


def _origin(place: Place, found: Found) -> Origin:
    part = found.offered.part(place.sha256)
    return Origin(address=found.remote.address, path=part.path, size=part.size, sha256=part.blocks)


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing of it has come within {TRY_SECONDS:.0f} s"
    return "the server gives no parts of it, or others than the index says"


def _other(place: Place, found: Found) -> SetupError:
    path = found.offered.part(place.sha256).path
    what = f"{found.remote.shown}: {path} has other blocks than what is here of that file"
    return SetupError(what, hint="try again once no guest reads that; if it goes on, ask the warehouse's owner")
