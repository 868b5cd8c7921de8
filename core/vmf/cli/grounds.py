"""Jobs with steps, as commands take them up: begun upon the best golden image that is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vmf.cli.say import say
from vmf.cli.session import Session
from vmf.cli.shelves import SHORT
from vmf.cli.telling import telling
from vmf.model import Ground, Image, Job
from vmf.steps.graph import to_do
from vmf.warehouse.folders import Folders

if TYPE_CHECKING:
    from vmf.run.grounds import Grounds


@contextmanager
def grounded(
    session: Session, jobs: Iterable[Job], *, fetch: bool
) -> Iterator[tuple[tuple[Job, ...], Mapping[str, Ground]]]:
    """The jobs that are run in place of these, and what those with steps are begun upon, by their names.

    The golden images that were found stay until the end of the block. Disks that an image begins with are fetched if
    that is wanted, else it is only said where they will be.
    """
    every = tuple(jobs)
    if not any(_is_made(session, job) for job in every):
        yield every, {}
        return
    with ExitStack() as held:
        warehouse = grounds(session, fetch=fetch)
        found = [warehouse.stand(job, held) for job in every]
        yield tuple(job for job, _ in found), {job.name: ground for job, ground in found if ground}


def seen(jobs: Iterable[Job], upon: Mapping[str, Ground]) -> tuple[Job, ...]:
    """Such jobs as expressions see them when they are first placed: with what steps have published that are done."""
    from vmf.published import believable, joined  # noqa: PLC0415  # the language is slow to import

    every = ((job, upon.get(job.name)) for job in jobs)
    return tuple(joined(job, believable(job, ground.attributes)) if ground else job for job, ground in every)


def _is_made(session: Session, job: Job) -> bool:
    """Whether the warehouse has, or may have, something to do with a job: it is slow to import."""
    image = job.image
    return bool(to_do(job) or (image and (image.download or image.blank or not folders(session).is_empty)))


def folders(session: Session) -> Folders:
    """Where golden images lie."""
    return Folders(images=session.home.images)


def told(ground: Ground) -> str:
    """What a job with steps is begun upon, in words."""
    if not (ground.done or ground.left):
        return (
            f"golden image {ground.warm.golden[:SHORT]} has memory for it" if ground.warm else "its image has no steps"
        )
    if not ground.golden:
        return "no golden image has any of its steps done"
    done = ", ".join(each.name for each in ground.done)
    return f"begun upon golden image {ground.golden[:SHORT]}, which has {done or 'no step'} done"


def described_image(session: Session, reference: str) -> Image:
    """The image of a description, or of a name in the warehouse.

    Raises:
        SpecError: with all that is wrong with it.
    """
    from vmf import spec  # noqa: PLC0415  # YAML is slow to import

    return spec.load_image(reference, beside=Path.cwd(), images=session.home.images)


def grounds(session: Session, *, fetch: bool) -> Grounds:
    """The warehouse as jobs with steps see it; see `grounded`."""
    from vmf.run.grounds import Grounds  # noqa: PLC0415  # few jobs have steps

    return Grounds(session.store, tell=lambda line: say(f"vmf: {line}"), fetching=telling if fetch else None)
