"""Hosts for many jobs: which a job fits on, how it ranks them, and who goes where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vmf.classad import Ad, World, fold
from vmf.match.clusters import clusters
from vmf.match.columns import Columns, kinds
from vmf.match.placing import Exclusive, Resource, Room
from vmf.match.queues import Price, Queue
from vmf.match.sweep import Sweep
from vmf.match.vectors import Mask
from vmf.match.waits import Waits


class Pool:
    """Hosts as they are at one moment; what is said of them is by their places in the given order."""

    def __init__(self, hosts: Sequence[Ad], *, world: World) -> None:
        self._columns = Columns(hosts)
        self._world = world

    def fits(self, job: Ad) -> Mask:
        """Where the job's `Requirements` and the host's are both exactly true; shape (hosts,)."""
        return Sweep(self._columns, job, self._world).fits()

    def ranks(self, job: Ad) -> NDArray[np.float64]:
        """The job's `Rank` of each host, 0 where it is no number or NaN; shape (hosts,)."""
        return Sweep(self._columns, job, self._world).ranks(np.ones(len(self._columns.hosts), np.bool_))

    def place(
        self,
        jobs: Sequence[Ad],
        resources: Sequence[Resource | Exclusive],
        *,
        cost: str | None = None,
        waits: Waits | None = None,
        bid: Callable[[int, int], Price | None] | None = None,
    ) -> Iterator[int]:
        """The host of each job in turn, or -1.

        Jobs choose in their order, and take their share of what is left. Each goes where it ranks highest; of several
        such hosts to the one whose bid costs least, of several such to the one with the least to do, of several such to
        the first. Expressions see the hosts as they are before the first job is placed.

        Args:
            jobs: in the order in which they choose.
            resources: what hosts may run out of.
            cost: the name of the resource of which a host that asks less has more; without it all ask the same.
            waits: what hosts would have to do for the jobs, in seconds; without it nobody knows.
            bid: what a host asks for a job, by their places, in place of all that, as it is when the job's turn comes;
                None: it does not bid.
        """
        room = Room(self._columns, resources, cost, self._world)
        alike = clusters(jobs, self._columns, [fold(each.want) for each in resources if isinstance(each.want, str)])
        codes = alike.codes if waits is None else kinds(zip(alike.codes.tolist(), waits.amounts, strict=True)).codes
        remaining = np.bincount(codes, minlength=1).tolist()
        queues = dict[int, Queue]()
        for job, cluster in enumerate(codes.tolist()):
            queue = queues.pop(cluster, None) or self._queue(jobs[job], room, waits.seconds(job) if waits else None)
            yield queue.place() if bid is None else queue.auction(partial(bid, job))
            remaining[cluster] -= 1
            if remaining[cluster]:
                queues[cluster] = queue  # only as long as there are jobs for it: it holds the cluster's hosts

    def _queue(self, job: Ad, room: Room, waits: NDArray[np.float64] | None) -> Queue:
        sweep = Sweep(self._columns, job, self._world)
        wish = room.wish(job)
        hosts = np.flatnonzero(sweep.fits())
        hosts = hosts[room.fits(hosts, wish)]
        where = np.zeros(len(self._columns.hosts), np.bool_)
        where[hosts] = True
        return Queue(room, wish, hosts, ranks=sweep.ranks(where)[hosts], waits=waits)
