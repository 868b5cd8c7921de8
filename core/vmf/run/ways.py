"""The ways into a guest that runs, and which one is taken: its agent if its job has one, else requests on discs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from vmf.hookspecs import Report
from vmf.model import Handle, Placement
from vmf.plan import spare_drive
from vmf.plugins import Hypervisor
from vmf.result import Refusal
from vmf.run.by_agent import ByAgent
from vmf.run.exchange import Exchange
from vmf.store import Record


class Way(Protocol):
    """A way into a guest, and out of it."""

    def copy_in(self, files: Mapping[str, Path], folder: str, report: Report) -> None:
        """Copy files into a folder of the guest, under these names."""

    def copy_out(self, path: str, into: Path, report: Report) -> tuple[Path, tuple[Refusal, ...]]:
        """Copy something of the guest into an empty folder, synced; the copy, and what of it is not taken."""

    def perform(self, steps: Path, into: Path, report: Report, check: Callable[[], None]) -> Path:
        """Have the guest do the steps of a folder, and bring their report into an empty one; where it is there.

        It is waited for as long as `check`, which is called often, raises nothing; the guest then goes on with what it
        has begun.
        """


def way(
    hypervisor: Hypervisor,
    handle: Handle,
    record: Record,
    placement: Placement,
    *,
    folder: Path,
    say: Callable[[str], None],
) -> Way | None:
    """The way into the guest of a job; None: there is none. `folder` is for what is on its way."""
    if record.job.agent:
        return ByAgent(hypervisor, handle)
    drive = spare_drive(placement)
    return None if drive is None else Exchange(hypervisor, handle, record, drive=drive, folder=folder, say=say)
