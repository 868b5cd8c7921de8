"""What hosts have room for, and what of that they have left."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vmf.classad import Ad, ListValue, Node, Value, World, evaluate, fold
from vmf.classad.tree import Reference
from vmf.match.columns import Columns
from vmf.match.vectors import Mask

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
    """What hosts have left; `cost` is the name of the resource of which hosts that bid less have more."""

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
        priced = (left for each, left in zip(self._countable, self._left, strict=True) if each.name == cost)
        self.free = next(priced, np.zeros(size, np.int64))
        """What is left of that resource; of several hosts that a job ranks alike, it goes to the one with the most."""

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
        for name in wish.names:
            self._holders[name].append(host)


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
