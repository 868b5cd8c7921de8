"""Keeping memory and disks of a job's machine, so that it can go on from there, and leaving its host."""

from __future__ import annotations

import io
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import count, takewhile
from pathlib import Path

from msgspec.structs import replace

from vmf import checkpoints, plan
from vmf.checkpoints import CONSOLE, MEMORY, NVRAM, VOLUME, Making, Manifest, Part, Unusable
from vmf.errors import HostFault, HostLost, VmfError
from vmf.hookspecs import CHECKPOINT, SUSPENDS, unreported
from vmf.model import Home, Kept, Power, Snapshot, Suspend, Why
from vmf.run.attempt import Attempt
from vmf.run.notices import Notice
from vmf.run.orders import Interrupted, Orders
from vmf.run.progress import Progress
from vmf.state import CheckpointAsked, Checkpointed, CheckpointFailed, Event, Forgone, State, Vacated
from vmf.store import Record

LAYERS_MOST = 8
"""Files that a disk of a checkpoint is made of; then all that its host has are copied again, if those are fewer."""
_LASTING = frozenset({plan.CDROM, plan.FILES, plan.SEED})
"""Discs that stay as they are once they have been made."""
_FRESH = frozenset({MEMORY, VOLUME, NVRAM, CONSOLE})
"""Files that each checkpoint has of its own."""
UNDER_WAY = frozenset({State.CHECKPOINTING, State.VACATING})

log = logging.getLogger(__name__)


class Checkpointing:
    """The actions of the states in which a job's machine is kept, and leaves."""

    def __init__(
        self,
        record: Callable[[], Record],
        *,
        home: Home,
        attempt: Attempt,
        orders: Orders,
        tell: Callable[[Notice], None],
        update: Callable[[Record], None],
    ) -> None:
        self._record = record
        self._home = home
        self._attempt = attempt
        self._orders = orders
        self._tell = tell
        self._update = update
        self._lost = False
        """Whether the host was lost while one was taken."""
        self._begun = record().state in UNDER_WAY
        """Whether one was asked for, and maybe begun, of an engine that is gone."""

    @property
    def _folder(self) -> Path:
        return self._home.checkpoints(self._record().id)

    def due(self, watched: float) -> float:
        """Seconds until the next one by the job's own wish; its guest has been seen to run for so many."""
        policy = self._record().job.checkpoint
        return float("inf") if policy is None or policy.period is None else policy.period - watched

    def wanted(self, watched: float) -> CheckpointAsked | None:
        """The next one, if it is due."""
        return CheckpointAsked(why=Why.PERIOD) if self.due(watched) <= 0 else None

    def settle(self) -> None:
        """Merge what snapshots have left of each disk: all of it, if the machine has ended."""
        if self._record().tries and CHECKPOINT in self._attempt.placement.capabilities:
            self._attempt.hypervisor.fold(self._attempt.handle)

    def tidy(self) -> None:
        """Remove what the job does not go on from any more, and let go of what snapshots have left on its host."""
        kept = {str(each.number) for each in self._record().kept}
        for place in checkpoints.places(self._folder):
            if place.name not in kept:
                checkpoints.remove(place)
        try:
            self.settle()
        except HostLost:
            raise
        except HostFault as fault:  # when the machine has ended it has to be; until then its disks are only longer
            log.warning("what snapshots have left stays for now: %s", fault)

    def forget(self) -> None:
        """Remove all that the job could go on from."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def checkpoint(self) -> Event | None:
        """Keep memory and disks; the guest goes on. None if the job is to be left."""
        return self._taken(lambda: None)

    def vacate(self) -> Event | None:
        """Keep what the job goes on from elsewhere, if it is to; None if it is to be left."""
        policy = self._record().job.checkpoint
        if policy is None or not policy.on_eviction:
            return Forgone()
        return self._taken(self._stand_still)

    def leave(self) -> Vacated:
        """Leave nothing of the machine on its host."""
        self._attempt.hypervisor.destroy(self._attempt.handle)
        return Vacated()

    def _stand_still(self) -> None:
        """Have the guest do nothing more here, for it would be done twice; its machine ends, if it can be saved."""
        able = self._attempt.placement.capabilities
        how = next((each for each in (Suspend.HARD, Suspend.SOFT) if SUSPENDS[each] in able), None)
        if how is not None and self._attempt.look().power is not Power.SAVED:
            self._attempt.hypervisor.suspend(self._attempt.handle, how)
            self._attempt.console.finish()

    def _taken(self, prepare: Callable[[], None]) -> Event | None:
        """Keep what there is, once it is prepared; None if the job is to be left."""
        hypervisor, handle = self._attempt.hypervisor, self._attempt.handle
        if self._lost or self._begun:
            hypervisor.fold(handle)
        if self._lost:
            self._lost = False
            return CheckpointFailed(reason="its host could not be reached meanwhile")
        if self._begun:
            self._begun = False
            # No number is used twice; and what a snapshot has frozen that nobody kept is in no layer but the host's.
            self._update(replace(self._record(), tries=self._record().tries + 1, chained=None))
        making = Making(self._folder, self._record().tries, check=self._check_orders)
        try:
            making.begin()
            prepare()
            return Checkpointed(kept=self._keep(making))
        except HostLost:
            self._lost = True
            making.drop()
            raise
        except Interrupted:
            event: Event | None = self._orders.heed(self._record())
        except VmfError as fault:
            event = CheckpointFailed(reason=str(fault))
        except OSError as error:
            event = CheckpointFailed(reason=f"{error.filename or self._folder}: {error.strerror or error}")
        making.drop()
        return event

    def _keep(self, making: Making) -> Kept:
        record, hypervisor, handle = self._record(), self._attempt.hypervisor, self._attempt.handle
        progress = Progress(record, check=self._check, tell=self._tell)
        at = time.time()
        snapshot = hypervisor.checkpoint(handle, record.tries, progress.of(MEMORY))
        lasts = record.state is State.VACATING  # then nothing is done with its files any more, but that they go
        making.bring(CONSOLE, io.BytesIO(self._attempt.console.until(snapshot.said)), unreported, lasts=False)
        for name, source in self._parts(snapshot):
            if isinstance(source, str):
                with hypervisor.fetch(handle, source, progress.of(name)) as stream:
                    making.bring(name, stream, progress.of(name), lasts=lasts)
            else:
                making.link(name, *source)
        manifest, sha256 = making.finish(partial(_manifest, record, snapshot, at))
        return Kept(
            number=record.tries,
            sha256=sha256,
            at=at,
            size=manifest.size,
            stopped=snapshot.stopped,
            platform=snapshot.platform,
        )

    def _check(self) -> None:
        self._attempt.console.follow()
        self._check_orders()

    def _check_orders(self) -> None:
        if self._orders.stop or self._orders.leave:
            raise Interrupted

    def _parts(self, snapshot: Snapshot) -> Iterator[tuple[str, str | tuple[Path, Part]]]:
        """What the checkpoint is made of: names, each with a file of the host's or one of an earlier checkpoint."""
        named = {MEMORY: snapshot.memory, VOLUME: snapshot.results, NVRAM: snapshot.nvram}
        yield from ((name, source) for name, source in named.items() if source)
        earlier = self._earlier()
        ours = {file for file in snapshot.media.values() if "/" not in file}  # else it lies on the host
        for disc in sorted(ours):
            yield disc, earlier.get(disc, disc) if disc in _LASTING else disc
        for disk, frozen in snapshot.layers.items():
            known = _below(disk, earlier, most=max(LAYERS_MOST, len(frozen)))
            yield from known.items()
            fresh = frozen[-1:] if known else frozen  # those below hold no more than the earlier checkpoint's do
            yield from ((checkpoints.layer(disk, len(known) + at), source) for at, source in enumerate(fresh))

    def _earlier(self) -> Mapping[str, tuple[Path, Part]]:
        """The files of the last checkpoint of this attempt, which are below what the guest has changed since.

        None, if they are not what was kept: then all is copied again. Each byte is looked at when the job leaves, for
        the host has the last good copy then.
        """
        record = self._record()
        found = next((each for each in record.kept if each.number == record.chained), None)
        if found is None:
            return {}
        place = self._folder / str(found.number)
        try:
            manifest = checkpoints.read(place, found.sha256)
            shared = replace(manifest, parts={name: manifest.parts[name] for name in manifest.parts.keys() - _FRESH})
            if record.state is State.VACATING:
                checkpoints.verify(place, shared, lambda _: lambda *_: self._check())
            else:
                checkpoints.check_files(place, shared)
        except Unusable as fault:
            log.warning("what was kept before is not built upon: %s", fault)
            return {}
        return {name: (place, part) for name, part in shared.parts.items()}


def _below(disk: int, earlier: Mapping[str, tuple[Path, Part]], *, most: int) -> Mapping[str, tuple[Path, Part]]:
    """The layers of a disk that an earlier checkpoint has; none if there would be more than `most` with another one."""
    names = tuple(takewhile(earlier.__contains__, map(partial(checkpoints.layer, disk), count())))
    return {name: earlier[name] for name in names} if len(names) < most else {}


def _manifest(record: Record, snapshot: Snapshot, at: float, parts: Mapping[str, Part]) -> Manifest:
    return Manifest(
        job=record.job.name,
        id=record.id,
        number=record.tries,
        attempt=record.attempt,
        at=at,
        stopped=snapshot.stopped,
        nonce=record.nonce,
        originals=record.originals,
        platform=snapshot.platform,
        media=snapshot.media,
        parts=parts,
    )
