"""What a host asks for a job where no plugin says otherwise: the cost of VMPlants, and the seconds that are to come.

The cost is what the guest takes of the memory that the host's other guests leave, so that jobs spread. The seconds are
what the host still has to do, at the pace that it was seen to work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from vmf.ads import capacity
from vmf.blueprint import brought, merged
from vmf.model import MEBIBYTE, Bid, File, Job, Offer, Work
from vmf.units import format_duration, format_size

Size = Callable[[File], int]
"""Tells the bytes that a file of this computer takes, 0 if nobody knows."""


def unknown(_: File) -> int:
    """The size of files that nobody has looked at."""
    return 0


def own_bid(job: Job, offer: Offer, size: Size) -> Bid:
    """The bid of a host that has room for the job."""
    wanted, free = job.claim.memory, _free(offer)
    amounts = work(job, offer, size)
    return Bid(
        cost=wanted / free,
        cost_of=(f"memory {format_size(wanted)} of {format_size(free)} that no guest has",),
        seconds=sum((amounts[each] * pace.each for each in Work if (pace := offer.paces.get(each))), 0.0),
        seconds_of=tuple(_told(amounts, offer)),
    )


def work(job: Job, offer: Offer, size: Size) -> Mapping[Work, float]:
    """How much a host has to do for a job."""
    host, capabilities = offer.host, offer.capabilities
    several = (file for disk in merged(job, host, capabilities).values() for file in disk.files)
    return {Work.STAGE: float(sum(map(size, (*brought(job, host).values(), *several)))), Work.START: 1.0}


def _free(offer: Offer) -> int:
    """The memory that guests have left, in whole MiB, as ads count it."""
    return (capacity(offer).memory - offer.taken.memory) // MEBIBYTE * MEBIBYTE


def _told(amounts: Mapping[Work, float], offer: Offer) -> Iterator[str]:
    stage, start = offer.paces.get(Work.STAGE), offer.paces.get(Work.START)
    if staged := int(amounts[Work.STAGE]):
        what = f"{format_size(staged)} to bring"
        yield f"{what}: {format_duration(staged * stage.each)}" if stage else f"{what}, nobody knows how fast"
    yield f"a guest starts in {format_duration(start.each)}" if start else "nobody knows how fast a guest starts"
