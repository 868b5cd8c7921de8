"""`vmf ps`: the jobs, as a table or as JSON."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

import msgspec

from vmf.cli.printed import is_terminal, show, table
from vmf.cli.session import Session, add_format, add_long
from vmf.store import Record, owned
from vmf.units import format_duration

WATCH_SECONDS = 0.5
CLEAR = "\x1b[H\x1b[J"
"""Has a terminal begin again at its upper left corner."""
COLUMNS = ("ID", "NAME", "STATE", "HOST", "ELAPSED", "ADDRESS", "OUTCOME")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf ps`."""
    parser.add_argument("-a", "--all", action="store_true", help="list the jobs that have ended, too")
    parser.add_argument("-w", "--watch", action="store_true", help="list them again whenever there is news")
    add_long(parser, "print the jobs' ads, with how each one ended")
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """List the jobs."""
    session = Session(options)
    if not options.watch:
        _show(session, _records(session, options), options)
        return 0
    with suppress(KeyboardInterrupt):
        for records in _changes(session, options):
            _show(session, records, options)
            sys.stdout.flush()
    return 0


def _records(session: Session, options: argparse.Namespace) -> tuple[Record, ...]:
    return session.store.records() if options.all else session.store.live()


def _changes(session: Session, options: argparse.Namespace) -> Iterator[tuple[Record, ...]]:
    """The jobs as they are now, and again whenever there is news; on a terminal all the time, in one place."""
    told: object = None
    clear = CLEAR if options.format == "text" and is_terminal() else ""
    while True:
        records = _records(session, options)
        news = [(record, owned(session.home, record.id)) for record in records]
        if clear or news != told:
            print(clear, end="")
            yield records
        told = news
        time.sleep(WATCH_SECONDS)


def _show(session: Session, records: Sequence[Record], options: argparse.Namespace) -> None:
    if options.long:
        _show_ads(records, "json" if options.format == "json" else "old")
        return
    rows = [_row(session, record) for record in records]
    if options.format == "json":
        print(msgspec.json.encode(rows, enc_hook=str).decode())
    else:
        show("\n".join(table(COLUMNS, map(_cells, rows))))


def _show_ads(records: Iterable[Record], form: str) -> None:
    from vmf.ads import job_ad  # noqa: PLC0415  # the language of ads is slow to import, and most want the table
    from vmf.cli.ads import show_ads  # noqa: PLC0415  # as above

    show_ads([job_ad(record.seen, verdict=record.verdict) for record in records], form)


def _row(session: Session, record: Record) -> dict[str, object]:
    return {
        "id": record.id,
        "name": record.job.name,
        "state": record.state,
        "orphaned": not record.ended and not owned(session.home, record.id),
        "host": record.placement.host.name if record.placement else "",
        "elapsed": record.elapsed(time.time()),
        "address": record.address,
        "outcome": record.verdict.outcome if record.verdict else "",
        "reason": record.verdict.reason if record.verdict else "",
        "exit_code": record.verdict.exit_code if record.verdict else None,
        "results": record.results or record.folder,
    }


def _cells(row: dict[str, object]) -> tuple[str, ...]:
    state = f"{row['state']}, orphaned" if row["orphaned"] else str(row["state"])
    outcome = " ".join(str(part) for part in (row["outcome"], row["exit_code"]) if part not in {"", None})
    elapsed = format_duration(float(str(row["elapsed"])))
    return str(row["id"]), str(row["name"]), state, str(row["host"]), elapsed, str(row["address"]), outcome
