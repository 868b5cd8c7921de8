"""What bids are made of: the sizes of files, how long steps took, and what plugins say."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vmf.blocks.places import Place
from vmf.errors import Refused
from vmf.files.sparse import BLOCK
from vmf.match.bidding import Known, Toil
from vmf.model import CLONE, Bid, File, Ground, Job, Offer, Placement, Work
from vmf.plan import Ask
from vmf.store import Store


def size_of(file: File) -> int:
    """The bytes that travel of a file of this computer, holes left out; 0 if it cannot be looked at.

    Of one that is served, these are all of its bytes.
    """
    if file.served:
        origin = Place(folder=file.path.parent, sha256=file.path.stem).noted
        return origin.size if origin else 0
    try:
        found = file.path.stat()
    except (OSError, ValueError):
        return 0
    return min(found.st_blocks * BLOCK, file.part.size if file.part else found.st_size)


def known(grounds: Mapping[str, Ground], store: Store, size: Callable[[File], int]) -> Known:
    """What bids are made of for jobs that are begun upon these grounds, by the names of the jobs."""
    toils = {name: _toil(ground, store) for name, ground in grounds.items()}
    warm = {name for name, ground in grounds.items() if ground.warm}

    def beginning(job: Job, offer: Offer) -> Work:
        return Work.WAKE if job.name in warm and CLONE in offer.capabilities else Work.BOOT

    return Known(size=size, toil=lambda job: toils.get(job.name, Toil()), beginning=beginning)


def _toil(ground: Ground, store: Store) -> Toil:
    """The steps that are left to do upon a ground, as long as they took here before."""
    seconds = store.step_seconds(ground.left)
    return Toil(measured=len(seconds), seconds=sum(seconds.values()), unmeasured=len(ground.left) - len(seconds))


def remembered(ask: Ask) -> Ask:
    """The same, asked once of each host; what was raised then is raised again."""
    said: dict[str, Bid | Refused | None] = {}

    def again(placement: Placement) -> Bid | None:
        host = placement.host.name
        if host not in said:
            try:
                said[host] = ask(placement)
            except Refused as refusal:
                said[host] = refusal
        found = said[host]
        if isinstance(found, Refused):
            raise found
        return found

    return again
