"""Reaching the guest of a job that runs; the engine that carries the job goes on and need not know."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from msgspec import Struct

from vmf.cli.say import say
from vmf.cli.session import Session
from vmf.errors import HostFault, HostLost, JobFault, UsageError, VmfError
from vmf.model import Handle, MachineFacts, Placement, Power
from vmf.plugins import Hypervisor
from vmf.state import MEANING, STANDS_STILL, State
from vmf.store import Record

if TYPE_CHECKING:
    from vmf.run.ways import Way

RUNNING = frozenset({State.RUNNING, State.STOPPING})
"""While these last, the guest may answer."""
STILL = frozenset({Power.PAUSED, Power.SAVED})


class Guest(Struct, frozen=True, kw_only=True):
    """A machine that should be running, and how it is reached."""

    record: Record
    placement: Placement
    hypervisor: Hypervisor
    handle: Handle


def add_job(parser: argparse.ArgumentParser) -> None:
    """The argument that names a job."""
    parser.add_argument("job", metavar="JOB", help="name or id of a job")


@contextmanager
def reached(session: Session, word: str) -> Iterator[Guest]:
    """The guest of the job with this name or id.

    Raises:
        UsageError: if there is no such job, its guest does not run, or cannot do what is asked in the block.
        HostFault: if the host fails; `HostLost` if it cannot be asked.
    """
    record, placement = running(session, word)
    with closing(session.hosts), _holding_nothing():
        here = guest(session, record, placement)
        with _blaming_the_standstill(here):
            yield here


@contextmanager
def occupied(session: Session, guest: Guest) -> Iterator[None]:
    """Hand things to a guest, or take them out of it, alone: another command that does waits, and says so."""
    from vmf.run.exchange import alone  # noqa: PLC0415  # slow to import, and only who hands things in wants it

    words = f"vmf: waiting for another `vmf cp` or `vmf media` of {guest.record.job.name}; Ctrl-C gives up"
    with alone(session.home.exchange(guest.record.id), lambda: say(words)):
        yield


def way(session: Session, guest: Guest, *, hint: str) -> Way:
    """The way into a guest.

    Raises:
        UsageError: if there is none; `hint` says what to do.
    """
    from vmf.run import ways  # noqa: PLC0415  # slow to import, and only who hands things in wants it

    record, folder = guest.record, session.home.exchange(guest.record.id)
    found = ways.way(guest.hypervisor, guest.handle, record, guest.placement, folder=folder, say=say)
    if found is None:
        words = f"{record.job.name} has no agent in its guest, and no drive by which the guest could be asked"
        raise UsageError(words, hint=hint)
    return found


@contextmanager
def _holding_nothing() -> Iterator[None]:
    """What a plugin finds wrong with the job while a command asks something of its guest holds no job."""
    try:
        yield
    except JobFault as fault:
        raise UsageError(fault.brief, hint=fault.hint) from fault


@contextmanager
def _blaming_the_standstill(guest: Guest) -> Iterator[None]:
    """What fails while the guest has come to stand still is not its fault."""
    try:
        yield
    except HostLost:
        raise
    except VmfError as fault:
        if not _stands_still(guest):
            raise
        name = guest.record.job.name
        raise UsageError(f"the guest of {name} stands still", hint=_remedy(name)) from fault


def _stands_still(guest: Guest) -> bool:
    with suppress(HostFault):
        return guest.hypervisor.state(guest.handle).power in STILL
    return False


def _remedy(name: str) -> str:
    return f"`vmf resume {name}` has it go on"


def running(session: Session, word: str) -> tuple[Record, Placement]:
    """The job with this name or id, whose guest runs, and its place.

    Raises:
        UsageError: if there is no such job, or its guest does not run.
    """
    record = session.store.find(word)
    if record.state not in RUNNING or record.placement is None:
        name = record.job.name
        hint = _remedy(name) if record.state in STANDS_STILL else "`vmf ps` lists all jobs that live"
        raise UsageError(
            f"{name} (job {record.id}) is {record.state}: {MEANING[record.state]}",
            hint=f"only a guest that runs can be reached; {hint}",
        )
    return record, record.placement


def ask_facts(session: Session, record: Record, placement: Placement, *, seconds: float) -> MachineFacts:
    """What the host of a job knows of its machine; the session's hosts are let go of as soon as it has said so.

    Raises:
        HostLost: if it does not say so in time; the question then stands, on a thread that ends with this process.
        Exception: whatever else is in the way.
    """
    hosts, answer = session.hosts, Future[MachineFacts]()

    def ask() -> None:
        try:
            with closing(hosts), _holding_nothing():
                here = guest(session, record, placement)
                known = here.hypervisor.facts(here.handle)
            answer.set_result(known)
        except Exception as error:  # noqa: BLE001  # it is raised again, where it can be told
            answer.set_exception(error)

    asking = threading.Thread(target=ask, name="facts", daemon=True)
    asking.start()
    asking.join(seconds)
    if not answer.done():
        raise HostLost(f"host {placement.host.name} has not answered for {seconds:g} s", hint="try again later")
    return answer.result()


def guest(session: Session, record: Record, placement: Placement) -> Guest:
    """The machine of a job that has a place.

    Raises:
        HostLost: if the host does not answer.
    """
    handle = record.handle or Handle(host=placement.host.name, machine=record.machine)
    hypervisor = session.hosts.hypervisor(placement.host)
    return Guest(record=record, placement=placement, hypervisor=hypervisor, handle=handle)
