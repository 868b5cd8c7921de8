"""What a host asks for a job where no plugin says otherwise: the cost of VMPlants, and the seconds that are to come.

The cost is what the guest takes of the memory that the host's other guests leave, so that jobs spread. The seconds are
what the host still has to do, at the pace that it was seen to work, and the steps that the guest still has to do, as
they were seen to take anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping

from msgspec import Struct

from vmf.ads import capacity
from vmf.blueprint import LAYERS, SERVED, brought, merged
from vmf.model import CLONE, MEBIBYTE, Bid, File, Job, Offer, Work
from vmf.units import format_count, format_duration, format_size


class Toil(Struct, frozen=True, kw_only=True):
    """The steps that a guest has to do before its job's script."""

    measured: int = 0
    """How many of them were done before."""
    seconds: float = 0.0
    """What these take, together."""
    unmeasured: int = 0
    """How many nobody has seen done."""

    @property
    def told(self) -> str:
        """In words; empty if there are none."""
        steps = format_count(self.measured + self.unmeasured, "step")
        if not self.unmeasured:
            return f"{steps}: {format_duration(self.seconds)}" if self.measured else ""
        if not self.measured:
            return f"{steps} that nobody has measured"
        return f"{steps}: {format_duration(self.seconds)}, without {self.unmeasured} that nobody has measured"


class Known(Struct, frozen=True, kw_only=True):
    """What bids are made of beside specs and hosts."""

    size: Callable[[File], int] = lambda _: 0
    """Tells the bytes that a file of this computer takes, 0 if nobody knows."""
    toil: Callable[[Job], Toil] = lambda _: Toil()
    """Tells what the guest of a job, as it is run, has to do of steps."""
    beginning: Callable[[Job, Offer], Work] = lambda *_: Work.BOOT
    """Tells how the machine of a job begins on a host; it may depend on what `kind` tells of the host."""


UNKNOWN = Known()


def own_bid(job: Job, offer: Offer, known: Known) -> Bid:
    """The bid of a host that has room for the job."""
    wanted, free = job.claim.memory, _free(offer)
    amounts, toil = work(job, offer, known), known.toil(job)
    hosts = sum((amounts[each] * pace.each for each in Work if (pace := offer.paces.get(each))), 0.0)
    return Bid(
        cost=wanted / free,
        cost_of=(f"memory {format_size(wanted)} of {format_size(free)} that no guest has",),
        seconds=hosts + toil.seconds,
        seconds_of=tuple(filter(None, (*_told(amounts, offer), toil.told))),
    )


def work(job: Job, offer: Offer, known: Known) -> Mapping[Work, float]:
    """How much a host has to do for a job."""
    host, capabilities = offer.host, offer.capabilities
    several = (file for disk in merged(job, host, capabilities).values() for file in disk.files)
    staged = float(sum(map(known.size, (*brought(job, host).values(), *several))))
    return {Work.STAGE: staged, Work.BOOT: 0.0, Work.WAKE: 0.0, known.beginning(job, offer): 1.0}


def kind(offer: Offer) -> Hashable:
    """What is alike of hosts that have the same `work` to do, whatever the job."""
    return offer.host.elsewhere, offer.host.boot, *(each in offer.capabilities for each in (LAYERS, SERVED, CLONE))


def _free(offer: Offer) -> int:
    """The memory that guests have left, in whole MiB, as ads count it."""
    return (capacity(offer).memory - offer.taken.memory) // MEBIBYTE * MEBIBYTE


def _told(amounts: Mapping[Work, float], offer: Offer) -> Iterator[str]:
    stage = offer.paces.get(Work.STAGE)
    if staged := int(amounts[Work.STAGE]):
        what = f"{format_size(staged)} to bring"
        yield f"{what}: {format_duration(staged * stage.each)}" if stage else f"{what}, nobody knows how fast"
    for begun, verb in _BEGINNINGS.items():
        if amounts[begun]:
            pace = offer.paces.get(begun)
            yield f"a guest {verb} in {format_duration(pace.each)}" if pace else f"nobody knows how fast a guest {verb}"


_BEGINNINGS = {Work.BOOT: "boots", Work.WAKE: "wakes"}
