"""The golden images of a warehouse: kept, found, used, removed, by any number of processes, users and computers."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Self

import msgspec

from vmf.errors import SetupError, UsageError
from vmf.files.beside import naming, sync_folder
from vmf.files.sparse import BLOCK
from vmf.hookspecs import Report, unreported
from vmf.model import Draft, File, Golden, Image, Warm
from vmf.steps.golden import Request
from vmf.steps.graph import Node
from vmf.warehouse import booting, checking
from vmf.warehouse.adopting import Adopting
from vmf.warehouse.checking import MANIFEST, Damaged, Sum, Unusable, identity
from vmf.warehouse.collecting import Stocked
from vmf.warehouse.folders import Absent, Folders, InUse
from vmf.warehouse.keeping import READABLE, Keeping
from vmf.warehouse.listing import Listing
from vmf.warehouse.offering import Offering

NAMED_MOST = 8
"""So many are listed of those that could be meant."""
LOOK_SECONDS = 0.1
"""How often one who waits for another's image looks whether it is there."""


class Taken:
    """A golden image that stays for as long as this is not closed, with all that it lies on."""

    def __init__(self, golden: Golden, held: ExitStack) -> None:
        self.golden = golden
        self._held = held

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let it go."""
        self._held.close()


class Warehouse:
    """The golden images below a folder.

    Raises:
        SetupError: from every method, if the folder cannot be used.
    """

    def __init__(self, images: Path, *, tell: Callable[[str], None] = lambda _: None) -> None:
        """`tell` is told, in a line each, what is found damaged."""
        self.folders = Folders(images=images.resolve())  # whatever links lead there, its files have one name
        self._listing = Listing(self.folders)
        self._offering = Offering(self.folders)
        self._tell = tell

    def ids(self) -> tuple[str, ...]:
        """The ids of all images."""
        return self.folders.ids()

    def named(self, word: str) -> str:
        """The id of the image that is meant by a word: its id, or the beginning of that, or its name.

        A name means the image rather than that of its memory.

        Raises:
            UsageError: if there is none, or more than one.
        """
        found = [each for each in self.ids() if each.startswith(word)] if word else []
        if not found:
            same = [each for each in self.every() if each.name == word]
            found = [each.id for each in same if not each.memory] or [each.id for each in same]
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(found[:NAMED_MOST])
            what, hint = f"{word} may be {len(found)} golden images: {several}", "write the id of the one that is meant"
            raise UsageError(what, hint=hint)
        raise UsageError(f"there is no image {word}", hint="`vmf image ls` lists those there are")

    def golden(self, id_: str) -> Golden:
        """What an image says of itself.

        Raises:
            Absent: if there is none.
            Damaged: if it is damaged so much; it is still there then.
            Unusable: if another version of vmf made it.
        """
        return checking.read(self.folders, id_)

    def every(self) -> Iterator[Golden]:
        """All images that can be read."""
        return checking.readable(self.folders)

    def stocked(self) -> tuple[Stocked, ...]:
        """The same, with what they take and when they were used."""
        return tuple(
            Stocked(golden=each, size=_taken(self.folders.whole / each.id), used=self.folders.used(each.id))
            for each in self.every()
        )

    def image(self, golden: Golden) -> Image:
        """What a machine boots from that goes on where an image's steps ended; the files stay while it is taken."""
        return booting.image(self.folders, golden)

    def warm(self, golden: Golden, cold: Image) -> Warm | None:
        """What a guest wakes from of an image, if that has memory; `cold` is what it boots from otherwise."""
        return booting.warm(self.folders, golden, cold.disks)

    def owners(self, files: Iterable[File]) -> frozenset[str]:
        """The ids of the images whose files are among these."""
        return frozenset(found for file in files if (found := self.folders.owner(file.path)))

    def take(self, id_: str, *, sum_of: Sum) -> Taken:
        """Have an image, checked, and keep it from being removed.

        Args:
            id_: which.
            sum_of: the sums of its files; `run.Checksums` knows those of files that have not changed since.

        Raises:
            Absent: if there is none.
            Damaged: if it is damaged; it has been set aside then.
            Unusable: if it needs what is not here.
        """
        taken = self._held(id_, sum_of)
        for each in (id_, *taken.golden.parents):
            self.folders.touch(each)
        return taken

    def find(
        self, request: Request, seconds: Mapping[str, float], *, sum_of: Sum
    ) -> tuple[Taken, tuple[Node, ...]] | None:
        """The best image that serves a request, taken, and what is left to do; None: there is none.

        `seconds` are how long steps take, by their digests; the rest is as for `take`. What is found damaged is set
        aside, and the next best one looked at.
        """
        passed = set[str]()
        while found := self._listing.best(request, seconds, passed):
            best, rest = found
            try:
                return self.take(best.id, sum_of=sum_of), rest
            except (Absent, Damaged):  # of damage it was told when it was set aside
                passed.add(best.id)
            except (Unusable, SetupError) as fault:
                self._tell(f"golden image {best.id} is passed over: {fault.brief}")
                passed.add(best.id)
        return None

    def keeps_start(self, memory: int) -> bool:
        """Whether there may be an image with so many bytes of a guest's memory upon which no step was performed."""
        return self._listing.keeps_start(memory)

    def publish(
        self,
        draft: Draft,
        files: Mapping[str, IO[bytes]],
        *,
        sum_of: Sum,
        report: Callable[[str], Report] = lambda _: unreported,
    ) -> Golden:
        """Keep an image: it is there as a whole, or not at all. One of the same id that is there already is success.

        Args:
            draft: what it is.
            files: by the names that hosts know: `disk0`, the overlay of the first disk over what its machine was
                booted from, or `whole0`, all that is on it as a qcow2; a disk without either is as it was. And `memory`
                and `state`, where the draft has a platform.
            sum_of: as for `take`; of the disks beneath.
            report: gives, for a file's name, what is told how far it is; what that raises breaks the work off.

        Raises:
            Unkept: if something of it cannot or must not be kept.
            Absent: if an image is gone that it lies on.
        """
        keeping, id_ = Keeping(self.folders, draft, files, sum_of=sum_of, report=report), identity(draft)
        with ExitStack() as held:
            for parent in sorted(keeping.parents):
                held.callback(os.close, self.folders.hold(parent))
            begun = self._begun(id_, report(id_))
            if begun is None:
                return self.golden(id_)
            held.callback(os.close, begun)
            return self._kept(keeping.keep, id_)

    def adopt(self, golden: Golden, files: Mapping[str, Path]) -> Golden:
        """Keep an image of another warehouse, as `publish` does; `files` are those that it is made of, by their sums.

        They stay, though they may be other names of what is kept.
        """
        adopting, id_ = Adopting(self.folders, golden, files), golden.id
        with ExitStack() as held:
            begun = self._begun(id_, unreported)
            if begun is None:
                return self.golden(id_)
            held.callback(os.close, begun)
            return self._kept(adopting.keep, id_)

    def offer(self, report: Callable[[str], Report] = lambda _: unreported) -> Mapping[str, str]:
        """Have an index by which others find the images by a web server; see `Offering.make`.

        It follows from then on, whoever changes which images there are.
        """
        return self._offering.make(report)

    def remove(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Remove images, in this order; those that stay, each with the reason. Absent is success."""
        stay, gone = dict[str, str](), list[Path]()
        with self._changing():
            above = self._above()
            for id_ in ids:
                if above.get(id_):
                    stay[id_] = f"{', '.join(sorted(above[id_]))} lies on it"
                    continue
                try:
                    gone += self._seized_away(id_)
                except InUse:
                    stay[id_] = "it is used now"
                    continue
                for others in above.values():
                    others.discard(id_)
        for place in gone:
            shutil.rmtree(place, ignore_errors=True)
        return stay

    def clean(self) -> int:
        """Remove what was set aside and what killed processes have left; the bytes that it took."""
        with self.folders.gate():
            self.folders.sweep()
            places = list(self.folders.aside.iterdir())
        size = sum(map(_taken, places))
        for place in places:
            shutil.rmtree(place, ignore_errors=True)
        return size

    def verify(self, id_: str, report: Callable[[str], Report]) -> Golden:
        """Read all that an image is made of, and compare it with what was kept; `report` is as for `publish`.

        Raises:
            Damaged: if it is another; it has been set aside then.
            Absent, Unusable: as for `take`.
        """
        with self._held(id_, checking.summing(report)) as taken:
            return taken.golden

    def _held(self, id_: str, sum_of: Sum) -> Taken:
        """What `take` has, without it counting as a use."""
        with ExitStack() as held:
            try:
                golden = self.golden(id_)
                checking.check_sizes(self.folders, golden)
                held.callback(os.close, self.folders.hold(id_))
                for parent in sorted(golden.parents):
                    held.callback(os.close, self._parent(golden, parent))
                checking.check(self.folders, golden, sum_of)
            except Damaged as damage:
                held.close()
                self._put_aside(damage)
                raise
            return Taken(golden, held.pop_all())

    def _above(self) -> dict[str, set[str]]:
        """By the id of an image: those of all that may lie on it, also of such as this vmf cannot use."""
        found: dict[str, set[str]] = {}
        for id_ in self.ids():
            for parent in checking.parents(self.folders, id_):
                found.setdefault(parent, set()).add(id_)
        return found

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Change which images there are, alone."""
        with self.folders.gate():
            self._listing.catch_up()
            yield
        if self._offering.is_made:
            try:
                self._offering.make()
            except SetupError as fault:
                self._tell(f"what is offered to others is not what there is: {fault.brief}")

    def _parent(self, golden: Golden, parent: str) -> int:
        try:
            return self.folders.hold(parent)
        except Absent as gone:
            raise Damaged(f"golden image {golden.id} lies on {parent}, which is gone", golden.id) from gone

    def _kept(self, keep: Callable[[Path], Golden], id_: str) -> Golden:
        """Make the image in the folder that was begun, and put it to the others."""
        folder = self.folders.making / id_
        try:
            with self.folders.blaming():
                golden = keep(folder)
                _write(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(golden)) + b"\n")
                sync_folder(folder)
            with self._changing():
                self.folders.put_aside(id_)
                self.folders.settle(id_)
                self._listing.add(golden)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return golden

    def _begun(self, id_: str, report: Report) -> int | None:
        """The lock of the folder in which an image is to be made; None: it has been made meanwhile."""
        while True:
            with suppress(Absent, Damaged, Unusable):
                checking.check_sizes(self.folders, self.golden(id_))
                return None
            try:
                return self.folders.begin(id_)
            except InUse:
                report(0, 0)
                time.sleep(LOOK_SECONDS)

    def _put_aside(self, damage: Damaged) -> None:
        """Take damaged images away, so that nobody finds them; where this user may not, they are only passed over."""
        try:
            with self._changing():
                for id_ in damage.images:
                    if place := self._away(id_):
                        self._tell(f"golden image {id_} is set aside, in {place}: {damage.brief}")
        except SetupError:
            self._tell(f"golden image {damage.images[0]} is passed over: {damage.brief}")

    def _seized_away(self, id_: str) -> tuple[Path, ...]:
        """Take an image out that nobody uses, nor can until it has gone; where it is now, nowhere if it was gone.

        Raises:
            InUse: if somebody uses it.
        """
        with ExitStack() as held:
            with suppress(FileNotFoundError):
                held.callback(os.close, self.folders.seize(self.folders.whole / id_))
            place = self._away(id_)
        return (place,) if place else ()

    def _away(self, id_: str) -> Path | None:
        """Take an image out, with the gate held; where it is now."""
        place = self.folders.put_aside(id_)
        self._listing.remove(id_)
        return place


def _taken(place: Path) -> int:
    """The bytes that the files of a folder take of the disk."""
    with suppress(OSError), os.scandir(place) as found:
        return sum(each.stat(follow_symlinks=False).st_blocks * BLOCK for each in found)
    return 0


def _write(path: Path, content: bytes) -> None:
    with naming(path), path.open("xb") as out:
        out.write(content)
        out.flush()
        os.fchmod(out.fileno(), READABLE)
        os.fsync(out.fileno())
