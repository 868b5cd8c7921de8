"""Who asks least of very many hosts: brokers, each of which gathers the bids of a few and passes only the best up.

Of hosts that one job ranks alike, the one with the most free memory bids least. A bid never gets better, for room only
shrinks while places are given away. So what a broker has heard is a bound, and whoever is about to win is asked again:
no other one is. However many hosts there are, each broker, the one at the top included, compares `FEW` bids.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np

from vmf.match.placing import Hosts, Room, Wish

FEW: Final = 16
"""So many others pass their best up to one broker."""
MOST: Final = 2048
"""As many hosts bid without a broker: numpy finds the best of so many in 2 µs, which is what a broker takes."""
NOBODY: Final = (-1, -1)
"""The bid of hosts that all are full."""

Best: TypeAlias = tuple[int, int]
"""A host's free memory, and the host; `NOBODY` comes after all others."""


class Group:
    """Hosts that bid to one broker, the first of several that are alike before the others."""

    def __init__(self, hosts: Hosts, room: Room, wish: Wish) -> None:
        self._hosts = hosts
        self._room = room
        self._wish = wish

    def best(self) -> Best:
        """The best bid as it is now; a host that is found full once is never looked at again."""
        while self._hosts.size:
            free = self._room.free[self._hosts]
            place = free.argmax()
            host = self._hosts.item(place)
            if self._room.has(host, self._wish):
                return free.item(place), host
            self._hosts = self._hosts[self._room.fits(self._hosts, self._wish)]
        return NOBODY


class Broker:
    """Gathers the bids of groups, or of other brokers; groups are stretches of the hosts in their order."""

    def __init__(self, hosts: Hosts, room: Room, wish: Wish) -> None:
        self._room = room
        self._wish = wish
        self._below: dict[int, Group | Broker] = {}
        step = -(-len(hosts) // FEW)
        self._parts = [hosts[start : start + step] for start in range(0, len(hosts), step)]
        self.heard = np.maximum.reduceat(room.free[hosts], np.arange(0, len(hosts), step))
        """The best that each part has passed up, or could have at the beginning."""

    def best(self) -> Best:
        """The best bid as it is now."""
        while True:
            part = int(self.heard.argmax())
            found = self._asked(part).best()
            if found[0] == self.heard[part]:
                return found
            self.heard[part] = found[0]

    def _asked(self, part: int) -> Group | Broker:
        below = self._below.get(part)
        if below is None:
            below = self._below[part] = gathered(self._parts[part], self._room, self._wish)
        return below


def gathered(hosts: Hosts, room: Room, wish: Wish) -> Group | Broker:
    """Whoever passes up the best of these hosts."""
    return (Group if len(hosts) <= MOST else Broker)(hosts, room, wish)
