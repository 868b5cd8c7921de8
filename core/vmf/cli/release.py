"""`vmf release`: let jobs that are held be run, by engines in the background."""

from __future__ import annotations

import argparse

from vmf.cli.ask import able, add_jobs
from vmf.cli.detach import detach
from vmf.cli.session import Session
from vmf.state import Released
from vmf.store import Owned, Record, own


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf release`."""
    add_jobs(parser)


def act(options: argparse.Namespace) -> int:
    """Release the jobs."""
    session = Session(options)
    records = [able(session.store.find(word), Released, "released") for word in options.jobs]
    for record in records:
        detach(session, [_released(session, record)], form=options.format)
    return 0


def _released(session: Session, record: Record) -> Owned:
    ownership = own(session.home, record.id)  # what is refused from here on ends this process, and with it this
    now = able(session.store.find(str(record.id)), Released, "released")
    return session.store.apply(now, Released()), ownership
