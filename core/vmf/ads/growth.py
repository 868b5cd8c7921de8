"""How what a host lets a machine write is shared out: the results volume has its size, the overlays have the rest.

Each overlay has as much as any other, whatever it takes in the end, so that all together never take more.
"""

from __future__ import annotations

from typing import Final

from vmf.model import MEBIBYTE, Host, Job

LEAST: Final = MEBIBYTE
"""Bytes with less than which an overlay is not begun: its own tables take some."""


def least_growth(job: Job) -> int:
    """The bytes that a job's machine has to be let write: its results volume and the least of each overlay."""
    return _volume(job) + LEAST * len(job.overlaid)


def overlay_share(job: Job, host: Host) -> int | None:
    """The most bytes that each overlay of a job's machine may take by its host's limit; None: no limit, or no overlay.

    A job that fits the host has at least `LEAST`.
    """
    most, overlays = host.limits.disk_growth, len(job.overlaid)
    return max(0, most - _volume(job)) // overlays if most is not None and overlays else None


def _volume(job: Job) -> int:
    return job.results.volume if job.contract else 0
