"""Who gets which place: what hosts have room for, and the order in which a job wants them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vmf.classad import Ad, ListValue, Node, Value, World, evaluate, fold
from vmf.classad.tree import Reference
from vmf.match.columns import Columns
from vmf.match.vectors import Mask

_WINDOW: Final = 64
"""How many hosts are looked at together for one with room; twice as many each time that none has."""
_MOST_MACHINES: Final = 1 << 40

Hosts: TypeAlias = NDArray[np.intp]


class Resource(Struct, frozen=True, kw_only=True):
    """Something that a host has a number of, and that machines take a number of: memory, CPUs, places.

    Reals count as integers, rounded to the job's disadvantage; what is no number, or below 0, counts as 0.
    """

    name: str
    """What people call it."""
    want: str | int
    """The job's attribute that says how much it takes, or how much every job takes."""
    room: str
    """The host's attribute that says how much there is."""


class Exclusive(Struct, frozen=True, kw_only=True):
    """Something that no two machines on a host may have, such as a MAC address: strings, whose case does not count."""

    name: str
    """What people call it."""
    want: str
    """The job's attribute that lists what it brings: a list of strings, or one."""
    taken: str
    """The host's attribute that lists what is there."""


class Wish(Struct, frozen=True, eq=False):
    """What one job takes: an amount of each resource, and what it brings that must be its own."""

    amounts: tuple[int, ...]
    names: frozenset[tuple[str, str]]


class Room:
    """What hosts have left, and how full they are."""

    def __init__(
        self, columns: Columns, resources: Sequence[Resource | Exclusive], cost: str | None, world: World
    ) -> None:
        self._world = world
        self._countable = [each for each in resources if isinstance(each, Resource)]
        self._exclusive = [each for each in resources if isinstance(each, Exclusive)]
        size = len(columns.hosts)
        self._left = [_amounts(columns, each.room, world) for each in self._countable]
        self._holders = defaultdict[tuple[str, str], list[int]](list)
        for each in self._exclusive:
            for host, ad in enumerate(columns.hosts):
                for name in _strings(ad, each.taken, world):
                    self._holders[each.name, name].append(host)
        machines = np.zeros(size, np.int64) if cost is None else _amounts(columns, cost, world)
        self.preference = np.minimum(machines, _MOST_MACHINES) * size + np.arange(size)
        """Smaller for hosts that jobs of equal rank prefer: those with fewer machines, then those that come first."""

    def wish(self, job: Ad) -> Wish:
        """What a job takes."""
        wants = (
            each.want if isinstance(each.want, int) else _amount(job, each.want, math.ceil, self._world)
            for each in self._countable
        )
        names = {(each.name, name) for each in self._exclusive for name in _strings(job, each.want, self._world)}
        return Wish(tuple(wants), frozenset(names))

    def fits(self, hosts: Hosts, wish: Wish) -> Mask:
        """Which of these hosts have room; shape as `hosts`."""
        fits = np.ones(hosts.shape, np.bool_)
        for left, amount in zip(self._left, wish.amounts, strict=True):
            fits &= left[hosts] >= amount
        for name in wish.names:
            fits &= ~np.isin(hosts, self._holders.get(name, []))
        return fits

    def has(self, host: int, wish: Wish) -> bool:
        """Whether this host has room: the same, without the cost of an array."""
        return all(
            left.item(host) >= amount for left, amount in zip(self._left, wish.amounts, strict=True)
        ) and not any(host in self._holders.get(name, ()) for name in wish.names)

    def take(self, host: int, wish: Wish) -> None:
        """Put a machine on a host that has room for it."""
        for left, amount in zip(self._left, wish.amounts, strict=True):
            left[host] -= amount
        self.preference[host] += len(self.preference)
        for name in wish.names:
            self._holders[name].append(host)


class Queue:
    """The hosts that one kind of job fits on, the ones it ranks highest first.

    Room only shrinks: a host that is found full once is never looked at again.
    """

    def __init__(self, room: Room, wish: Wish, hosts: Hosts, ranks: NDArray[np.float64]) -> None:
        self._room = room
        self._wish = wish
        order = np.argsort(-ranks)
        self._hosts = hosts[order]
        self._ranks = -ranks[order]
        self._next = 0
        self._best = self._hosts[:0]

    def place(self) -> int:
        """Take a place on the best host that has room, and say which it is; -1 if none has."""
        while self._best.size or self._advance():
            host = int(self._best[self._room.preference[self._best].argmin()])
            if self._room.has(host, self._wish):
                self._room.take(host, self._wish)
                return host
            self._best = self._best[self._room.fits(self._best, self._wish)]
        return -1

    def _advance(self) -> bool:
        """Go on to the next hosts of one rank of which some have room, if there are any."""
        window = _WINDOW
        while self._next < len(self._hosts):
            fits = self._room.fits(self._hosts[self._next : self._next + window], self._wish)
            first = int(fits.argmax())
            if fits[first]:
                start = self._next + first
                self._next = int(self._ranks.searchsorted(self._ranks[start], side="right"))
                self._best = self._hosts[start : self._next]
                return True
            self._next += window
            window *= 2
        return False


def _amounts(columns: Columns, name: str, world: World) -> NDArray[np.int64]:
    """How much of something each host says it has."""
    column = columns[fold(name)]
    kinds = columns.apart if column.expressions else column.kinds
    amounts = [_amount(columns.hosts[host], name, math.floor, world) for host in kinds.first.tolist()]
    return np.array(amounts, np.int64)[kinds.codes]


def _amount(ad: Ad, name: str, whole: Callable[[float], int], world: World) -> int:
    value = _alone(ad, name, world)
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return 0
    return min(max(whole(value), 0), np.iinfo(np.int64).max)


def _strings(ad: Ad, name: str, world: World) -> list[str]:
    value = _alone(ad, name, world)
    values = [value.value(index) for index in range(len(value.items))] if isinstance(value, ListValue) else [value]
    return [value.casefold() for value in values if isinstance(value, str)]


def _alone(ad: Ad, name: str, world: World) -> Value:
    node: Node = Reference(name=name)
    return evaluate(node, ad, world=world)
