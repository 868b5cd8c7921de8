"""Telling the engine of a job what the job's owner wants, and seeing it done."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Collection
from pathlib import Path

import msgspec
from msgspec import Struct

from vmf.cli.session import Session, add_format
from vmf.control import AskJob, Message, Unreachable, send
from vmf.errors import HostFault, UsageError
from vmf.state import MEANING, CheckpointFailed, Event, SuspendFailed, Wish, legal
from vmf.store import Ownership, Record, owned, try_to_own

PATIENCE_SECONDS = 5.0
"""How long an owner without a socket may be one that is just starting or ending."""
LOOK_SECONDS = 0.05


class Asking(Struct, frozen=True, kw_only=True):
    """One kind of wish, and how it is spoken of."""

    wish: type[Wish]
    participle: str
    """What a job is when it has been done: `suspended`, say."""
    done: Collection[type[Event]]
    """What then happens to it."""
    failed: tuple[type[SuspendFailed | CheckpointFailed], ...] = ()
    """What happens to one that it cannot be done to."""


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """The arguments of a command that asks something of jobs."""
    parser.add_argument("jobs", metavar="JOB", nargs="+", help="names or ids of jobs")
    add_format(parser)


def ask(options: argparse.Namespace, asking: Asking, wish: Callable[[Record], Wish]) -> int:
    """Have each of the jobs do it, one after the other, and say so.

    Raises:
        UsageError: at the first that cannot, as it is.
        HostFault: at the first whose host failed it.
    """
    session = Session(options)
    records = [able(session.store.find(word), asking.wish, asking.participle) for word in options.jobs]
    for record in records:
        seen = len(session.store.history(record.id))
        if ownership := order(session, record, AskJob(job=record.id, wish=wish(record))):
            ownership.release()
            raise _orphaned(record)
        now = _followed(session, record, asking, seen)
        answer = {"job": now.job.name, "id": now.id, "state": now.state}
        print(msgspec.json.encode(answer).decode() if options.format == "json" else f"{now.job.name}: {now.state}")
    return 0


def order(session: Session, record: Record, message: Message) -> Ownership | None:
    """Give an order to the engine of the job; None once that has it. Of a job without an engine, we are the owner."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        if ownership := try_to_own(session.home, record.id):
            return ownership
        now = session.store.get(record.id) or record
        try:
            send(Path(now.engine), message)
        except Unreachable:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_SECONDS)
        else:
            return None


def able(record: Record, event: type[Event], participle: str) -> Record:
    """The job, if this can happen to it in its state.

    Raises:
        UsageError: if it cannot, with the states in which it could.
    """
    states = legal(event)
    if record.state not in states:
        raise UsageError(
            f"{record.job.name} (job {record.id}) is {record.state}: {MEANING[record.state]}",
            hint=f"a job can be {participle} while it is {' or '.join(states)}",
        )
    return record


def _followed(session: Session, record: Record, asking: Asking, seen: int) -> Record:
    """The job once it has been done."""
    name = f"{record.job.name} (job {record.id})"
    while True:
        has_engine, history = owned(session.home, record.id), session.store.history(record.id)[seen:]
        for moment in history:
            if type(moment.event) in asking.done:
                return session.store.get(record.id) or record
            if isinstance(moment.event, asking.failed):
                raise HostFault(f"{name} could not be {asking.participle}: {moment.event.reason}")
        now = session.store.get(record.id)
        if now is None or now.ended:
            raise UsageError(f"{name} ended before it was {asking.participle}")
        if not has_engine:
            raise _orphaned(record)
        time.sleep(LOOK_SECONDS)


def _orphaned(record: Record) -> UsageError:
    name = record.job.name
    return UsageError(
        f"{name} (job {record.id}) is orphaned, {record.state}: its engine is gone",
        hint=f"`vmf wait {name}` carries it on, and then it can be asked",
    )
