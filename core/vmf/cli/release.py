"""`vmf release`: let jobs that are held be run, by engines in the background."""

from __future__ import annotations

import argparse

from vmf.cli.ask import able, add_jobs, given_up
from vmf.cli.detach import detach
from vmf.cli.each import Each
from vmf.cli.session import Session
from vmf.state import Released
from vmf.store import Owned, Record, own


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf release`."""
    add_jobs(parser)


def act(options: argparse.Namespace) -> int:
    """Release the jobs."""
    session, each = Session(options), Each()
    for word in options.jobs:
        with each.one():
            detach(session, [_released(session, session.store.find(word))], form=options.format)
    return each.exit_code


def _released(session: Session, record: Record) -> Owned:
    able(record, Released, "released")
    ownership = own(session.home, record.id)
    with given_up(ownership):
        now = able(session.store.find(str(record.id)), Released, "released")
        return session.store.apply(now, Released()), ownership
