"""What a job's overlays lie on: told with its checksum, which is worked out while the guest runs.

A checksum is that of what the guest had beneath its overlay, or it is not told: an original that changes meanwhile has
none, whatever it holds in the end.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from msgspec.structs import replace

from vmf.errors import VmfError
from vmf.model import Disk, File, Job, ResultDisks
from vmf.result import Base, BaseLayer, ReturnedDisk
from vmf.run import stamps
from vmf.run.checksums import Checksums
from vmf.run.orders import Interrupted, Orders
from vmf.store import Record

REMARK_SECONDS = 1.0
"""A sum that is worked out within this is no news."""
NICENESS = 19
"""The guest goes first, and so does everything else."""

log = logging.getLogger(__name__)


def stated(disk: Disk) -> Base:
    """What an overlay lies on, as the job has it: a sum that it states has been verified before the start."""
    file = disk.file
    layers = tuple(BaseLayer(file=str(each.file.path), sha256=each.sha256) for each in disk.layers)
    return Base(
        file=str(file.path),
        on_host=file.on_host,
        format=disk.layout,
        part=file.part,
        sha256=disk.sha256,
        layers=layers,
    )


class Bases:
    """The originals of one job's disks."""

    def __init__(
        self,
        record: Callable[[], Record],
        *,
        checksums: Checksums,
        read: Callable[[Path], IO[bytes]],
        orders: Orders,
        remark: Callable[[str], None],
    ) -> None:
        """`record` gives the job's record as it is now; `read` opens a file of the job's host."""
        self._record = record
        self._checksums = checksums
        self._read = read
        self._orders = orders
        self._remark = remark
        self._closed = threading.Event()
        self._ahead: threading.Thread | None = None

    def stamps(self) -> Mapping[str, str]:
        """What changes when an original is written to, for `Record.originals`; nothing of one that does not say."""
        comes_back = self._job.checkpoint is not None or self._job.result_disks is not ResultDisks.NONE
        wanted = self._job.overlaid.values() if comes_back else ()
        return stamps.stamps(wanted, self._read)

    def begin(self) -> None:
        """Begin to work out the sums that will be wanted, unless that has begun."""
        if self._ahead is None and self._job.result_disks is ResultDisks.CHANGED:
            self._ahead = threading.Thread(target=self._sum_ahead, name="checksums", daemon=True)
            self._ahead.start()

    def close(self) -> None:
        """Break off what is under way."""
        self._closed.set()

    def compare(self, disk: Disk, returned: ReturnedDisk, *, base: Base | None = None) -> ReturnedDisk:
        """Tell of a disk that came back whether its original has changed since the stamps were taken.

        It lies on `base`, or is whole.
        """
        changed = stamps.changed((disk,), self._record().originals, self._read)
        if changed is None or not self._stamp(changed):
            return replace(returned, base=base)
        self._remark(f"{changed} changed while the job ran: {returned.file} may be worthless")
        return replace(returned, base=base and replace(base, sha256=None), original_changed=True)

    def describe(self, disk: Disk, returned: ReturnedDisk) -> ReturnedDisk:
        """Tell what an overlay lies on; without a sum if that cannot be had, or its owner does not wait for it.

        Raises:
            Interrupted: if the job is to be left meanwhile.
        """
        known = stated(disk)
        base = known if known.sha256 else replace(known, sha256=self._sum_at_last(disk))
        return self.compare(disk, returned, base=base)

    @property
    def _job(self) -> Job:
        return self._record().job

    def _stamp(self, file: File) -> str:
        return stamps.stamp(file, self._read)

    def _sum_ahead(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
        for disk in self._job.overlaid.values():
            if not disk.sha256:
                try:
                    self._sum(disk, self._check_open)
                except Interrupted:
                    return
                except (OSError, VmfError) as error:  # told at the end, if it is still so
                    log.info("no checksum of %s yet: %s", disk.file, error)

    def _sum_at_last(self, disk: Disk) -> str | None:
        try:
            return self._sum(disk, self._patience(disk))
        except Interrupted:
            if not self._orders.force:
                raise
            self._remark(f"{disk.file}: its checksum is given up")
        except (OSError, VmfError) as error:
            self._remark(f"{disk.file}: its checksum cannot be told: {error}")
        return None

    def _sum(self, disk: Disk, check: Callable[[], None]) -> str:
        with stamps.opened(disk.file, self._read) as file:
            return self._checksums.of(file, disk.file, check=check)

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise Interrupted

    def _patience(self, disk: Disk) -> Callable[[], None]:
        """Wait until the job is to be left, or forced to its end; say once what is waited for."""
        news = time.monotonic() + REMARK_SECONDS

        def check() -> None:
            nonlocal news
            if self._orders.leave or self._orders.force:
                raise Interrupted
            if time.monotonic() > news:
                news = float("inf")
                self._remark(f"{disk.file}: its checksum is still being worked out")

        return check
