"""What jobs with steps are begun upon: looked for in the warehouse, and held there for as long as it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from vmf.hookspecs import Report
from vmf.model import Disk, File, Golden, Ground, Image, Job
from vmf.run.checksums import Checksums
from vmf.run.sums import sums
from vmf.steps import grounding
from vmf.steps.golden import Refused, Request, explain, left, rank
from vmf.steps.graph import to_do
from vmf.store import Store
from vmf.warehouse.blanks import blank
from vmf.warehouse.downloads import Downloads
from vmf.warehouse.listing import candidate
from vmf.warehouse.shelf import Warehouse


class Judged(Struct, frozen=True, kw_only=True):
    """What a golden image is to a job."""

    golden: Golden
    refused: Refused | None
    """Why it does not serve; None: it does."""
    left: tuple[str, ...]
    """The names of the steps that are still to do upon it, if it serves."""


class Grounds:
    """The warehouse as jobs see it."""

    def __init__(
        self,
        store: Store,
        *,
        tell: Callable[[str], None],
        fetching: Callable[[str], AbstractContextManager[Report]] | None,
    ) -> None:
        """`tell` is told, in a line each, what is found damaged.

        `fetching` lends, for the address of a disk, what is told how much of it has come; None: nothing is fetched, and
        a disk is only where it would be.
        """
        self._store = store
        self._fetching = fetching
        self._images = store.home.images
        self._warehouse = Warehouse(self._images, tell=tell)
        self._downloads = Downloads(self._images)
        self._checksums = Checksums(store)
        self._sum_of = partial(self._checksums.of, check=lambda: None)

    def stand(self, job: Job, held: ExitStack) -> tuple[Job, Ground | None]:
        """The job that is run in place of one whose image is to be made or fetched, or that has steps of its own.

        It is begun upon the golden image that leaves the least to do, which stays until `held` is closed. Any other
        job is run as it is.

        Raises:
            JobFault: if a file cannot be read or fetched that an image begins with, or that a step puts into the guest.
            SetupError: if the warehouse cannot be used.
        """
        image = job.image
        if not to_do(job) and not (image and (image.download or image.blank)):
            return job, None
        begun, known = self._summed(job)
        wanted = grounding.request(begun, known)
        seconds = self._store.step_seconds(wanted.graph.digests)
        find = partial(self._warehouse.find, wanted, seconds, sum_of=self._sum_of)
        found = find()
        if found is None and self._fetches(image):  # images that lie on what was not there can be used now
            found = find()
        if found is None:
            ready, ground = grounding.upon(begun, None, known)
        else:
            golden = held.enter_context(found[0]).golden
            ready, ground = grounding.upon(begun, (golden, self._warehouse.image(golden)), known)
        return ready, replace(ground, asked=job)

    def choices(self, job: Job) -> tuple[Request, tuple[Judged, ...]]:
        """What a job asks of the warehouse, and all golden images: those that serve first, the best at the top.

        Raises:
            JobFault: if a file cannot be read that an image begins with, or that a step puts into the guest.
        """
        wanted = grounding.request(*self._summed(job))
        seconds = self._store.step_seconds(wanted.graph.digests)
        found = [_judged(wanted, golden) for golden in self._warehouse.every()]
        found.sort(key=lambda each: (each.refused is not None, rank(wanted, candidate(each.golden), seconds)))
        return wanted, tuple(found)

    def _summed(self, job: Job) -> tuple[Job, Mapping[File, str]]:
        """The job with the disk that its image begins with, and the sums of all that tells images apart."""
        begun = replace(job, image=self._begun(job.image)) if job.image else job
        return begun, sums(grounding.files(begun), self._checksums)

    def _begun(self, image: Image) -> Image:
        """The image with the first disk that it asks for, where that will be."""
        first: list[Disk] = []
        if image.download:
            file = File(path=self._downloads.path(image.download))
            first.append(Disk(file=file, sha256=image.download.sha256))
        elif image.blank:
            first.append(blank(self._images, image.blank))
        return replace(image, download=None, blank=None, disks=(*first, *image.disks))

    def _fetches(self, image: Image | None) -> bool:
        """Have the disk there that an image begins with; whether there is such a one."""
        if image is None or image.download is None or self._fetching is None:
            return False
        with self._fetching(f"fetching {image.download.url}") as report:
            self._downloads.fetch(image.download, sum_of=self._sum_of, report=report)
        return True


def _judged(wanted: Request, golden: Golden) -> Judged:
    seen = candidate(golden)
    refused = explain(wanted, seen, {each.digest: each.name for each in golden.performed})
    rest = () if refused else tuple(node.name for node in left(wanted, seen))
    return Judged(golden=golden, refused=refused, left=rest)
