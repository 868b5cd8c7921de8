"""Telling the engine of a job what the job's owner wants, and seeing it done."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from vmf.cli.detach import start_engine
from vmf.cli.each import Each
from vmf.cli.session import Session, add_format
from vmf.control import AskJob, Message, Unreachable, send
from vmf.errors import HostFault, UsageError
from vmf.state import ENDED, MEANING, PASSING, TRANSITIONS, Event, Failure, State, Wish, legal, prospects
from vmf.store import Moment, Ownership, Record, owned, try_to_own

PATIENCE_SECONDS = 5.0
"""How long an owner without a socket may be one that is just starting or ending."""
LOOK_SECONDS = 0.05
ON_ITS_WAY = PASSING | {State.WAKING, State.CLEANING}
"""While a job that heeds a wish is in one of these, there is more to come of it."""


class Asking(Struct, frozen=True, kw_only=True):
    """One kind of wish, and how it is spoken of."""

    wish: type[Wish]
    participle: str
    """What a job is when it has been done: `suspended`, say."""
    done: Collection[type[Event]]
    """What then happens to it."""
    failed: tuple[type[Failure], ...] = ()
    """What happens to one that it cannot be done to."""


class _Asked(Struct, frozen=True, kw_only=True):
    """What an engine has heard."""

    record: Record
    wanted: Wish
    seen: int
    """How many events there were before."""


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """The arguments of a command that asks something of jobs."""
    parser.add_argument("jobs", metavar="JOB", nargs="+", help="names or ids of jobs")
    add_format(parser)


def ask(options: argparse.Namespace, asking: Asking, wish: Callable[[Record], Wish]) -> int:
    """Have each of the jobs do it, and say so, or what is in the way; the worst exit code."""
    return ask_each(Session(options), options.jobs, asking, wish, form=options.format)


def ask_each(
    session: Session, jobs: Iterable[str], asking: Asking, wish: Callable[[Record], Wish], *, form: str
) -> int:
    """The same for jobs by their names or ids; `form` is `text` or `json`."""
    each, asked = Each(), list[_Asked]()
    for word in jobs:
        with each.one():
            asked.append(_asked(session, session.store.find(word).id, asking, wish))
    for one in asked:
        with each.one():
            name, state = one.record.job.name, _followed(session, one, asking)
            answer = {"job": name, "id": one.record.id, "state": state}
            print(msgspec.json.encode(answer).decode() if form == "json" else f"{name}: {state}")
    return each.exit_code


def _asked(session: Session, job: int, asking: Asking, wish: Callable[[Record], Wish]) -> _Asked:
    """Have an engine hear what is wanted; that of an orphan is started for it, in the background.

    Raises:
        UsageError: if the job cannot, as it is.
    """
    seen = len(session.store.history(job))  # counted first: nothing may happen unseen to what is found
    record = able(session.store.find(str(job)), asking.wish, asking.participle)
    wanted = wish(record)
    while ownership := order(session, record, AskJob(job=record.id, wish=wanted)):
        with given_up(ownership):
            now = able(session.store.find(str(record.id)), asking.wish, asking.participle)
            wanted = wish(now)
            if has_meaning := (now.state, asking.wish) in TRANSITIONS:
                now = session.store.apply(now, wanted)
        start_engine(session, [(now, ownership)])
        if has_meaning:
            break
    return _Asked(record=record, wanted=wanted, seen=seen)


@contextmanager
def given_up(ownership: Ownership) -> Iterator[None]:
    """Give a job up if something is in the way."""
    try:
        yield
    except BaseException:
        ownership.release()
        raise


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
    """The job, if this can happen to it in its state, or in one that comes by itself.

    Raises:
        UsageError: if it cannot, with the states in which it could.
    """
    if not any((state, event) in TRANSITIONS for state in prospects(record.state)):
        raise _refusal(record, record.state, event, participle)
    return record


def _refusal(record: Record, state: State, event: type[Event], participle: str) -> UsageError:
    return UsageError(
        f"{_called(record)} is {state}: {MEANING[state]}",
        hint=f"a job can be {participle} while it is {' or '.join(legal(event))}",
    )


def _followed(session: Session, asked: _Asked, asking: Asking) -> State:
    """The state of the job by which it has been done.

    Raises:
        HostFault: if it cannot be done.
        UsageError: if the job has ended, or is in a state in which it means nothing, or nobody carries it any more.
    """
    record = asked.record
    while True:
        has_engine, history = owned(session.home, record.id), session.store.history(record.id)[asked.seen :]
        if settled := _settled(history, asked, asking):
            return _told(record, settled, asking)
        now = session.store.find(str(record.id))
        if not has_engine:
            raise UsageError(
                f"{_called(record)} is orphaned, {now.state}: its engine is gone",
                hint="ask again, and an engine in the background carries it on",
            )
        time.sleep(LOOK_SECONDS)


def _settled(history: Iterable[Moment], asked: _Asked, asking: Asking) -> Moment | None:
    """Where it was done, or was known not to be."""
    is_heeded = False
    for each in history:
        is_heeded |= each.event == asked.wanted
        if is_heeded and (isinstance(each.event, asking.failed) or each.state not in ON_ITS_WAY):
            return each
        if not is_heeded and each.state not in PASSING and (each.state, asking.wish) not in TRANSITIONS:
            return each
    return None


def _told(record: Record, settled: Moment, asking: Asking) -> State:
    if type(settled.event) in asking.done:
        return settled.state
    if isinstance(settled.event, asking.failed):
        raise HostFault(f"{_called(record)} could not be {asking.participle}: {settled.event.reason}")
    if settled.state in ENDED:
        raise UsageError(f"{_called(record)} ended before it was {asking.participle}")
    raise _refusal(record, settled.state, asking.wish, asking.participle)


def _called(record: Record) -> str:
    return f"{record.job.name} (job {record.id})"
