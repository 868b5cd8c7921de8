"""`vmf wait`: until jobs have ended, whoever carries them; orphans are carried on here."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from msgspec.structs import replace

from vmf.cli.carry import Carrier, carrying
from vmf.cli.orphaned import take
from vmf.cli.session import Session, add_format
from vmf.model import Outcome
from vmf.result import verdict
from vmf.run import Advanced
from vmf.state import State
from vmf.store import Record, own, try_to_own


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf wait`."""
    parser.add_argument("jobs", metavar="JOB", nargs="+", help="names or ids of jobs")
    add_format(parser)
    parser.add_argument("--console", action="store_true", help="stream the consoles of adopted guests")


def act(options: argparse.Namespace) -> int:
    """Wait; the exit code is what `vmf run` of these jobs would have given."""
    session = Session(options)
    records = tuple({found.id: found for found in map(session.store.find, options.jobs)}.values())
    with carrying(session, options, console=options.console) as carrier:
        last = await_all(session, carrier, records)
        return carrier.exit_code(last)


def await_all(session: Session, carrier: Carrier, records: Sequence[Record]) -> tuple[Record, ...]:
    """Carry on the orphans among these jobs together, and wait for the others; the last records, in order."""
    carrier.responsible = True
    orphaned = [owned for record in records if (owned := take(session.store, record.id, try_to_own))]
    last = {record.id: record for record in carrier.carry(orphaned)} if orphaned else {}
    carrier.responsible = False
    for record in records:
        if record.id not in last and not carrier.over and (owned := take(session.store, record.id, own)):
            last[record.id] = carrier.carry([owned])[0]
        elif record.id not in last:
            last[record.id] = session.store.get(record.id) or _removed(record)
            _tell_end(session, carrier, last[record.id])
    return tuple(last[record.id] for record in records)


def _removed(record: Record) -> Record:
    """What is to be said of a job that was removed, and forgotten, while it was waited for."""
    return replace(record, state=State.REMOVED, verdict=verdict(Outcome.STOPPED))


def _tell_end(session: Session, carrier: Carrier, record: Record) -> None:
    """Show an end that another engine brought about."""
    if record.ended and (moments := session.store.history(record.id)):
        carrier.tell(Advanced(record=record, event=moments[-1].event))
