"""Hosts for many jobs: which a job fits on, how it ranks them, and who goes where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vmf.classad import Ad, World, fold
from vmf.match.clusters import clusters
from vmf.match.columns import Columns
from vmf.match.placing import Exclusive, Queue, Resource, Room
from vmf.match.sweep import Sweep
from vmf.match.vectors import Mask


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
        self, jobs: Sequence[Ad], resources: Sequence[Resource | Exclusive], *, cost: str | None = None
    ) -> NDArray[np.int32]:
        """The host of each job, or -1; shape (jobs,).

        Jobs choose in their order, and take their share of what is left. Each goes where it ranks highest; of several
        such hosts to the one with the fewest machines, of several such to the first. Expressions see the hosts as they
        are before the first job is placed.

        Args:
            jobs: in the order in which they choose.
            resources: what hosts may run out of.
            cost: the hosts' attribute that says how many machines they have; without it they begin with none.
        """
        room = Room(self._columns, resources, cost, self._world)
        alike = clusters(jobs, self._columns, [fold(each.want) for each in resources if isinstance(each.want, str)])
        remaining = np.bincount(alike.codes, minlength=alike.count).tolist()
        queues = dict[int, Queue]()
        places = np.full(len(jobs), -1, np.int32)
        for job, cluster in enumerate(alike.codes.tolist()):
            queue = queues.pop(cluster, None) or self._queue(jobs[job], room)
            places[job] = queue.place()
            remaining[cluster] -= 1
            if remaining[cluster]:
                queues[cluster] = queue  # only as long as there are jobs for it: it holds the cluster's hosts
        return places

    def _queue(self, job: Ad, room: Room) -> Queue:
        sweep = Sweep(self._columns, job, self._world)
        wish = room.wish(job)
        hosts = np.flatnonzero(sweep.fits())
        hosts = hosts[room.fits(hosts, wish)]
        where = np.zeros(len(self._columns.hosts), np.bool_)
        where[hosts] = True
        return Queue(room, wish, hosts, sweep.ranks(where)[hosts])
