"""`vmf ps`: the jobs, as a table or as JSON."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable

import msgspec

from vmf.cli.printed import show, table
from vmf.cli.session import Session, add_format, add_long
from vmf.store import Record, owned
from vmf.units import format_duration

COLUMNS = ("ID", "NAME", "STATE", "HOST", "ELAPSED", "ADDRESS", "OUTCOME")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf ps`."""
    parser.add_argument("-a", "--all", action="store_true", help="list the jobs that have ended, too")
    add_long(parser, "print the jobs' ads, with how each one ended")
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """List the jobs."""
    session = Session(options)
    records = session.store.records() if options.all else session.store.live()
    if options.long:
        _show_ads(records, "json" if options.format == "json" else "old")
        return 0
    rows = [_row(session, record) for record in records]
    if options.format == "json":
        print(msgspec.json.encode(rows, enc_hook=str).decode())
        return 0
    show("\n".join(table(COLUMNS, map(_cells, rows))))
    return 0


def _show_ads(records: Iterable[Record], form: str) -> None:
    from vmf.ads import job_ad  # noqa: PLC0415  # the language of ads is slow to import, and most want the table
    from vmf.cli.ads import show_ads  # noqa: PLC0415  # as above

    show_ads([job_ad(record.job, verdict=record.verdict) for record in records], form)


def _row(session: Session, record: Record) -> dict[str, object]:
    end = record.entered[record.state] if record.ended else time.time()
    return {
        "id": record.id,
        "name": record.job.name,
        "state": record.state,
        "orphaned": not record.ended and not owned(session.home, record.id),
        "host": record.placement.host.name if record.placement else "",
        "elapsed": end - record.created,
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
