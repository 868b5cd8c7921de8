"""Reaching the guest of a job that runs; the engine that carries the job goes on and need not know."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from vmf.cli.session import Session
from vmf.errors import JobFault, UsageError
from vmf.model import Handle, Placement
from vmf.plugins import Hypervisor
from vmf.state import MEANING, State
from vmf.store import Record

RUNNING = frozenset({State.RUNNING, State.STOPPING})
"""While these last, the guest may answer."""


class Guest(Struct, frozen=True, kw_only=True):
    """A machine that should be running, and how it is reached."""

    record: Record
    hypervisor: Hypervisor
    handle: Handle


def add_job(parser: argparse.ArgumentParser) -> None:
    """The argument that names a job."""
    parser.add_argument("job", metavar="JOB", help="name or id of a job")


@contextmanager
def reached(session: Session, word: str) -> Iterator[Guest]:
    """The guest of the job with this name or id.

    What a plugin finds wrong with the job while a command asks something of its guest holds no job.

    Raises:
        UsageError: if there is no such job, its guest does not run, or cannot do what is asked in the block.
        HostFault: if the host fails; `HostLost` if it cannot be asked.
    """
    record = session.store.find(word)
    if record.state not in RUNNING or record.placement is None:
        raise UsageError(
            f"{record.job.name} (job {record.id}) is {record.state}: {MEANING[record.state]}",
            hint="only a guest that runs can be reached; `vmf ps` lists all jobs that live",
        )
    try:
        yield guest(session, record, record.placement)
    except JobFault as fault:
        raise UsageError(fault.brief, hint=fault.hint) from fault
    finally:
        session.hosts.close()


def guest(session: Session, record: Record, placement: Placement) -> Guest:
    """The machine of a job that has a place.

    Raises:
        HostLost: if the host does not answer.
    """
    handle = record.handle or Handle(host=placement.host.name, machine=record.machine)
    return Guest(record=record, hypervisor=session.hosts.hypervisor(placement.host), handle=handle)
