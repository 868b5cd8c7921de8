"""The order in which a job wants hosts, and who gets the next place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vmf.match.brokers import Broker, Group, gathered
from vmf.match.placing import Hosts, Room, Wish

_WINDOW: Final = 64
"""How many hosts are looked at together for one with room; twice as many each time that none has."""

Price: TypeAlias = tuple[float, float]
"""The cost and the seconds of a host's bid."""


class Queue:
    """The hosts that one kind of job fits on, the ones it ranks highest first.

    Room only shrinks: a host that is found full once is never looked at again.
    """

    def __init__(
        self, room: Room, wish: Wish, hosts: Hosts, *, ranks: NDArray[np.float64], waits: NDArray[np.float64] | None
    ) -> None:
        """`waits` are seconds, which decide between hosts that else are alike; None: nobody knows any."""
        self._room = room
        self._wish = wish
        order = np.argsort(-ranks)
        self._hosts = hosts[order]
        self._ranks = -ranks[order]
        self._waits = waits
        self._next = 0
        self._best: Group | Broker = gathered(self._hosts[:0], room, wish)

    def place(self) -> int:
        """Take a place on the best host that has room, and say which it is; -1 if none has."""
        while True:
            _, host = self._best.best()
            if host >= 0:
                self._room.take(host, self._wish)
                return host
            if not self._advance():
                return -1

    def auction(self, bid: Callable[[int], Price | None]) -> int:
        """The same, where hosts are asked for their bids: those with room, of the highest rank of which one bids."""
        start = 0
        while start < len(self._hosts):
            alike = self._hosts[start : self._end(start)]
            start += len(alike)
            bidders: list[int] = alike[self._room.fits(alike, self._wish)].tolist()
            if bids := [(*price, host) for host in bidders if (price := bid(host))]:
                _, _, best = min(bids)
                self._room.take(best, self._wish)
                return best
        return -1

    def _advance(self) -> bool:
        """Go on to the next hosts of one rank of which some have room, if there are any."""
        window = _WINDOW
        while self._next < len(self._hosts):
            fits = self._room.fits(self._hosts[self._next : self._next + window], self._wish)
            first = int(fits.argmax())
            if fits[first]:
                start = self._next + first
                self._next = self._end(start)
                self._best = gathered(self._ordered(self._hosts[start : self._next]), self._room, self._wish)
                return True
            self._next += window
            window *= 2
        return False

    def _end(self, start: int) -> int:
        """Where the hosts of one rank end."""
        return int(self._ranks.searchsorted(self._ranks[start], side="right"))

    def _ordered(self, hosts: Hosts) -> Hosts:
        """Hosts with the same cost as they come: those with less to do first, then those that are first."""
        return np.sort(hosts) if self._waits is None else hosts[np.lexsort((hosts, self._waits[hosts]))]
