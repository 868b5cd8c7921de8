"""What jobs with steps are begun upon: looked for in the warehouse, and held there for as long as it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from vmf.errors import HoldCode, JobFault, SetupError
from vmf.hookspecs import Report
from vmf.model import Disk, File, Golden, Ground, Image, Job, ResultDisks
from vmf.run.checksums import Checksums
from vmf.run.sums import sums
from vmf.steps import grounding
from vmf.steps.golden import Refused, Request, effort, explain, left, rank
from vmf.steps.graph import Node, to_do
from vmf.steps.phases import boot, boot_of
from vmf.store import Store
from vmf.warehouse.blanks import blank
from vmf.warehouse.checking import Damaged, Unusable, without_memory
from vmf.warehouse.downloads import Downloads
from vmf.warehouse.folders import Absent
from vmf.warehouse.listing import candidate
from vmf.warehouse.remotes import Fetching, Found, Remotes
from vmf.warehouse.shelf import Taken, Warehouse


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
        self._tell = tell
        self._warehouse = Warehouse(self._images, tell=tell)
        self._remotes = Remotes(store.home, tell=tell)
        self._downloads = Downloads(self._images)
        self._checksums = Checksums(store)
        self._sum_of = partial(self._checksums.of, check=lambda: None)

    def stand(self, job: Job, held: ExitStack) -> tuple[Job, Ground | None]:
        """The job that is run in place of one whose image is to be made or fetched, or may wake, or that has steps.

        It is begun upon the golden image that leaves the least to do, which stays until `held` is closed. Any other
        job is run as it is.

        Raises:
            JobFault: if a file cannot be read or fetched that an image begins with, or that a step puts into the guest;
                or if its machine would have to boot several times.
            SetupError: if the warehouse cannot be used.
        """
        image = job.image
        is_made = bool(to_do(job) or (image and (image.download or image.blank)))
        if is_made:
            return self._stood(job, held)
        try:
            if image and self._warehouse.keeps_start(job.memory):
                ready, ground = self._stood(job, held)
                return (ready, ground) if ground.warm else (job, None)
        except (JobFault, SetupError) as fault:  # it needs no warehouse
            self._tell(f"{job.name}: whether it can wake cannot be known: {fault.brief}")
        return job, None

    def template(self, job: Job, held: ExitStack) -> tuple[Job, Ground]:
        """The job whose machine is imprinted to keep the memory of a job's image, all of whose steps are done.

        If there is such memory already, the ground has it. Errors are those of `stand`.
        """
        return grounding.template(*self._stood(job, held))

    def _stood(self, job: Job, held: ExitStack) -> tuple[Job, Ground]:
        begun, known = self._summed(job)
        wanted = grounding.request(begun, known)
        seconds = self._store.step_seconds(wanted.graph.digests)
        find = partial(self._found, wanted, seconds, held)
        found = find()
        there = self._elsewhere(job, wanted, seconds, found[1] if found else None, held)
        if there is None and found is None and self._fetches(job.image):  # images that lie on it can be used now
            found = find()
        if there is None and found is not None:
            ready, ground = self._upon(begun, found[0].golden, known, held)
        else:
            if found is not None:
                found[0].close()
            ready, ground = grounding.upon(begun, there, known)
        is_built_first = ready.keep_image and self._fetching is None  # what is run is built by now
        _check_boots(ready, script=ready.run is not None and not is_built_first)
        return ready, replace(ground, asked=job)

    def _found(
        self, wanted: Request, seconds: Mapping[str, float], held: ExitStack
    ) -> tuple[Taken, tuple[Node, ...]] | None:
        """The best image of the warehouse, which stays, and what is left to do upon it."""
        found = self._warehouse.find(wanted, seconds, sum_of=self._sum_of)
        return (held.enter_context(found[0]), found[1]) if found else None

    def _upon(self, job: Job, golden: Golden, known: Mapping[File, str], held: ExitStack) -> tuple[Job, Ground]:
        """The job upon a golden image; if that has memory, upon the one without, beside what its guest wakes from."""
        cold = self._cold(golden, held) if golden.memory else golden
        upon = (cold, self._warehouse.image(cold)) if cold else None
        ready, ground = grounding.upon(job, upon, known)
        if ready.image is None or boot_of(ready).before:  # what its host makes of the disks, no memory goes with
            return ready, ground
        return ready, replace(ground, warm=self._warehouse.warm(golden, ready.image))

    def _cold(self, golden: Golden, held: ExitStack) -> Golden | None:
        """The same image without memory, which stays; None: it has no steps, and is what it begins with.

        If that has gone, it is the image itself: its disks are as if the power had failed.
        """
        if not golden.performed:
            return None
        try:
            return held.enter_context(self._warehouse.take(without_memory(golden), sum_of=self._sum_of)).golden
        except (Absent, Damaged, Unusable):
            return golden

    def choices(self, job: Job) -> tuple[Request, tuple[Judged, ...]]:
        """What a job asks of the warehouse, and all golden images: those that serve first, the best at the top.

        Raises:
            JobFault: if a file cannot be read that an image begins with, or that a step puts into the guest.
        """
        wanted = grounding.request(*self._summed(job))
        self._remotes.ask()
        here = {each.id: each for each in self._warehouse.every()}
        there = {each.golden.id: each.golden for remote in self._remotes for each in remote.every()}
        seconds = self._store.step_seconds(wanted.graph.digests)
        found = [_judged(wanted, golden) for golden in {**there, **here}.values()]
        found.sort(key=lambda each: (each.refused is not None, rank(wanted, candidate(each.golden), seconds)))
        return wanted, tuple(found)

    def _elsewhere(
        self,
        job: Job,
        wanted: Request,
        seconds: Mapping[str, float],
        rest: tuple[Node, ...] | None,
        held: ExitStack,
    ) -> tuple[Golden, Image] | None:
        """An image of a remote warehouse that leaves less to do than `rest`, which None has nobody do; and its machine.

        It is read on demand by a job of which nothing comes back that lies on it, and on whose disks no program of the
        host works; for any other one it is fetched.
        """
        if rest == ():
            return None
        if self._fetching is not None:
            self._remotes.ask()
        passed = set[str]()
        while found := self._remotes.best(wanted, seconds, passed):
            if rest is not None and effort(wanted.graph, found.rest, seconds) >= effort(wanted.graph, rest, seconds):
                return None
            if self._fetching is None:
                return found.golden, self._remotes.image(found)
            try:
                return self._begun_there(job, found, self._fetching, held)
            except (SetupError, Absent, Damaged, Unusable) as fault:
                self._tell(f"golden image {found.golden.id} of {found.remote.shown} is passed over: {fault.brief}")
                passed.add(found.golden.id)
        return None

    def _begun_there(self, job: Job, found: Found, fetching: Fetching, held: ExitStack) -> tuple[Golden, Image]:
        has_actions = any(step.on_host for step in to_do(job))
        lies_on_it = bool(job.checkpoint) or has_actions or job.result_disks is not ResultDisks.NONE
        if lies_on_it or self._remotes.is_whole(found):
            try:
                return self._adopted(found, fetching, held)
            except SetupError:  # who may only read the warehouse has it served, though it is all here
                if lies_on_it:
                    raise
        self._remotes.begin(found, held, fetching)
        return found.golden, self._remotes.image(found)

    def _adopted(self, found: Found, fetching: Fetching, held: ExitStack) -> tuple[Golden, Image]:
        """An image that is put to those here, all of it, and its machine."""
        golden = self._warehouse.adopt(found.golden, self._remotes.bring(found, fetching))
        taken = held.enter_context(self._warehouse.take(golden.id, sum_of=self._sum_of))
        self._remotes.forget(found)
        return taken.golden, self._warehouse.image(taken.golden)

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


def _check_boots(job: Job, *, script: bool) -> None:
    """See that what is left to do of a job's steps is done around one life of its machine; `script`: which has one run.

    Raises:
        JobFault: if it is not.
    """
    late = boot(to_do(job), script=script).late
    if late is None:
        return
    if late.on_host is None:
        what = f"step {late.name} of the guest comes after a step of the host that has to wait for the guest to be off"
        hint = "build an image of the steps up to there, and begin with that by `from:`"
    else:
        what = f"step {late.name} of the host comes after a step of the guest, whose script is still to be run"
        hint = "with `keep_image: true` an image is built first that has all steps done"
    raise JobFault(f"{job.name}: {what}", code=HoldCode.MACHINE_INVALID, hint=hint)


def _judged(wanted: Request, golden: Golden) -> Judged:
    seen = candidate(golden)
    refused = explain(wanted, seen, {each.digest: each.name for each in golden.performed})
    rest = () if refused else tuple(node.name for node in left(wanted, seen))
    return Judged(golden=golden, refused=refused, left=rest)
