"""What hosts would still have to do for many jobs: the seconds of `vmf.match.bidding`, over columns of hosts.

A job's steps are not among them: they take as long on each host, as far as anybody knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vmf.match.bidding import Known, kind, work
from vmf.match.columns import kinds
from vmf.model import Job, Offer, Work

Amounts: TypeAlias = tuple[tuple[float, ...], ...]
"""How much of each kind of work each kind of host has to do."""


class Waits:
    """The seconds that each job would wait for each host; jobs for which hosts have the same to do are alike."""

    def __init__(self, jobs: Sequence[Job], offers: Sequence[Offer], known: Known) -> None:
        alike = kinds(map(kind, offers))
        firsts = [offers[first] for first in alike.first.tolist()]
        self.amounts: list[Amounts] = [tuple(tuple(work(job, each, known).values()) for each in firsts) for job in jobs]
        """Of each job."""
        self._codes = alike.codes
        self._each = [np.array([_each(offer, work) for offer in offers], np.float64) for work in Work]

    def seconds(self, job: int) -> NDArray[np.float64]:
        """What each host would have to do for the job of this place; shape (hosts,)."""
        seconds = np.zeros(len(self._codes), np.float64)
        for amounts, each in zip(zip(*self.amounts[job], strict=True), self._each, strict=True):
            seconds += np.array(amounts)[self._codes] * each
        return seconds


def seen(offers: Sequence[Offer]) -> bool:
    """Whether any host was ever seen to work."""
    return any(offer.paces for offer in offers)


def _each(offer: Offer, work: Work) -> float:
    pace = offer.paces.get(work)
    return pace.each if pace else 0.0
