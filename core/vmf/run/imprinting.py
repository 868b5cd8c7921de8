"""A job whose machine is a template: its guest's memory is kept once that is ready, and nothing is done in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from math import inf
from typing import IO

from vmf.errors import HoldCode, HostFault, HostLost, JobFault
from vmf.files.identity import READY
from vmf.model import Imprint, Machine, Outcome, Stop, Verdict
from vmf.result import verdict
from vmf.run.attempt import Attempt
from vmf.run.bases import Bases
from vmf.run.building import Builder
from vmf.run.progress import Progress
from vmf.run.results import Parcel
from vmf.store import Record
from vmf.warehouse.keeping import MEMORY, STATE, Unkept

LOOK_SECONDS = 0.2
"""How often a template's console is looked at."""


def is_template(record: Record) -> bool:
    """Whether a job's machine is a template."""
    building = record.ground.building if record.ground else None
    return building is not None and building.memory


class Imprinting:
    """The work with a template; `record` gives the job's record as it is now, `machine` what its machine is."""

    def __init__(
        self,
        record: Callable[[], Record],
        *,
        attempt: Attempt,
        bases: Bases,
        builder: Builder,
        machine: Callable[[], Machine],
        remark: Callable[[str], None],
    ) -> None:
        self._record = record
        self._attempt = attempt
        self._bases = bases
        self._builder = builder
        self._machine = machine
        self._remark = remark

    @property
    def due(self) -> float:
        """Seconds until it is to be looked at again."""
        return LOOK_SECONDS if is_template(self._record()) else inf

    def look(self) -> None:
        """End a template whose guest is ready; what it leaves is collected like that of any machine that has ended.

        Raises:
            HostLost: if the host cannot be asked.
        """
        if not is_template(self._record()) or READY not in self._attempt.console.contents():
            return
        hypervisor, handle = self._attempt.hypervisor, self._attempt.handle
        try:
            hypervisor.imprint(handle)
        except HostLost:
            raise
        except (JobFault, HostFault) as fault:
            self._remark(f"nothing can be kept of its memory: {fault.brief}")
            hypervisor.shut_down(handle, Stop.FORCE)

    def collect(self, parcel: Parcel, progress: Progress) -> Verdict | None:
        """Keep what a template has left, as a golden image; None: it has left nothing.

        Raises:
            HostFault: if the host cannot hand it over.
        """
        hypervisor, handle = self._attempt.hypervisor, self._attempt.handle
        try:
            left = hypervisor.imprint(handle)
        except JobFault:
            return None
        parcel.unpack_disks(hypervisor, handle, self._bases, progress=progress, remark=self._remark)
        try:
            with ExitStack() as opened:
                files = self._files(parcel, left, opened)
                golden = self._builder.imprint(self._record(), left, self._machine().equipment, files, progress)
        except Unkept as fault:
            return verdict(Outcome.JOB_FAULT, reason=str(fault), code=HoldCode.IMAGE_INVALID)
        parcel.drop_disks()
        self._remark(f"its memory is kept as golden image {golden.id}")
        return verdict(Outcome.COMPLETED)

    def _files(self, parcel: Parcel, left: Imprint, opened: ExitStack) -> dict[str, IO[bytes]]:
        """What the warehouse is to keep, by the names that it knows; the memory is not brought here first."""
        fetch, handle = self._attempt.hypervisor.fetch, self._attempt.handle
        memory = ((name, fetch(handle, file)) for name, file in ((MEMORY, left.memory), (STATE, left.state)))
        disks = ((name, path.open("rb")) for name, path in parcel.disks.items())
        return {name: opened.enter_context(stream) for name, stream in (*memory, *disks)}
