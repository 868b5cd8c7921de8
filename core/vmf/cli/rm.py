"""`vmf rm`: end jobs wherever they run, and forget them. Their results stay."""

from __future__ import annotations

import argparse
import shutil

import msgspec

from vmf.cli.ask import order
from vmf.cli.carry import Carrier, carrying
from vmf.cli.each import Each
from vmf.cli.session import Session, add_format
from vmf.control import StopJobs
from vmf.errors import HostLost, UsageError
from vmf.store import Record, own


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf rm`."""
    parser.add_argument("jobs", metavar="JOB", nargs="+", help="names or ids of jobs")
    parser.add_argument("-f", "--force", action="store_true", help="do not ask the guest first")
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """Remove the jobs."""
    session, each, meant, removed = Session(options), Each(), list[Record](), list[Record]()
    for word in options.jobs:
        with each.one():
            meant.append(_meant(session, word))
    with carrying(session, options) as carrier:
        for record in meant:
            with each.one():
                _remove(session, carrier, record, force=options.force)
                removed.append(record)
    for record in removed:  # after all are: that nobody reads this keeps nobody from that
        done = {"job": record.job.name, "id": record.id, "removed": True}
        print(msgspec.json.encode(done).decode() if options.format == "json" else f"{record.job.name}: removed")
    return each.exit_code


def _meant(session: Session, word: str) -> Record:
    """The job that a word means; an ended one only by its id, as a name may mean several of those."""
    record = session.store.find(word)
    if record.ended and word != str(record.id):
        raise UsageError(
            f"no live job is called {word!r}", hint=f"`vmf rm {record.id}` forgets the latest that has ended"
        )
    return record


def _remove(session: Session, carrier: Carrier, record: Record, *, force: bool) -> None:
    stop = StopJobs(jobs=(record.id,), force=force)
    ownership = order(session, record, stop) or own(session.home, record.id)
    now = session.store.get(record.id)
    if now is None or now.ended:
        ownership.release()
    else:
        carrier.engine.stop(force=force or now.job.at_end is None)  # whoever is asked in the end is not cut off
        now = carrier.carry([(now, ownership)])[0]
        if not now.ended:
            name = record.job.name
            raise HostLost(f"{name} could not be removed yet", hint=f"`vmf rm {name}` tries again")
    # in this order, a removal that is killed in between can be typed again
    shutil.rmtree(session.home.job(record.id), ignore_errors=True)
    session.store.forget(record)
