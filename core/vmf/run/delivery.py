"""Delivering what there is to say of an attempt, or giving its results up."""

from __future__ import annotations

from collections.abc import Callable

from vmf.model import Verdict
from vmf.result import Word
from vmf.run.orders import Orders
from vmf.run.results import NO_WORD, Parcel
from vmf.state import Judged
from vmf.store import Record


class Delivery:
    """The end of an attempt, for its owner; `record` gives the job's record as it is now, `console` what it said."""

    def __init__(
        self,
        record: Callable[[], Record],
        *,
        console: Callable[[], bytes],
        orders: Orders,
        remark: Callable[[str], None],
    ) -> None:
        self._record = record
        self._console = console
        self._orders = orders
        self._remark = remark

    def settle(self, found: Verdict) -> Judged:
        """Deliver what there is to say of an attempt that has no machine to read."""
        try:
            with Parcel(self._record()) as parcel:
                return self.deliver(parcel, found, NO_WORD)
        except OSError as error:
            return self.give_up(error, found)

    def deliver(self, parcel: Parcel, found: Verdict, word: Word) -> Judged:
        """Put what was unpacked into its place, with the verdict and the console."""
        try:
            place = parcel.deliver(found, word, self._console())
        except OSError as error:
            return self.give_up(error, found)
        if place != self._record().folder:
            self._remark(f"{self._record().folder} is taken; the results are in {place}")
        return Judged(verdict=found, results=str(place))

    def give_up(self, error: OSError, found: Verdict) -> Judged:
        """End without results, if the owner wants the end by force; else nothing is lost yet.

        Raises:
            OSError: why the results have no place.
        """
        if not self._orders.force:
            raise error
        self._remark(f"the results are given up: {error.strerror}: {error.filename}")
        return Judged(verdict=found)
