"""`vmf checkpoint`: keep memory and disks of guests, and look after what is kept."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from vmf import checkpoints
from vmf.checkpoints import Manifest, Unusable
from vmf.cli.ask import ON_ITS_WAY, Asking, add_jobs, ask
from vmf.cli.each import Each
from vmf.cli.history import clock
from vmf.cli.printed import show, table
from vmf.cli.session import Session
from vmf.cli.telling import telling
from vmf.errors import Exit, UsageError
from vmf.hookspecs import Report
from vmf.model import Kept, Why
from vmf.state import MEANING, CheckpointAsked, Checkpointed, CheckpointFailed
from vmf.store import Record, try_to_own
from vmf.units import format_count, format_duration, format_size

ASKING = Asking(wish=CheckpointAsked, participle="checkpointed", done=(Checkpointed,), failed=(CheckpointFailed,))
COLUMNS = ("ID", "JOB", "NUMBER", "AT", "SIZE", "STOOD STILL")
LIST = "ls"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf checkpoint`."""
    parser.usage = "%(prog)s [-h] [-v] [--format {text,json}] [ls | rm | verify] JOB [JOB ...]"
    parser.description = (
        "Keep memory and disks of guests, which go on. After the word `ls`, list what is kept of these jobs, or of all"
        " if none is named; after `rm`, remove it; after `verify`, look whether it is as it was. A job that is called"
        " by one of these words is named by its id."
    )
    add_jobs(parser)


def act(options: argparse.Namespace) -> int:
    """Take a checkpoint of each job, or do what the first word says."""
    word, *jobs = options.jobs
    if word not in WORDS:
        return ask(options, ASKING, _wish)
    if not jobs and word != LIST:
        raise UsageError(
            f"`vmf checkpoint {word}` has to be told of which jobs",
            hint=f"`vmf checkpoint {LIST}` lists those that have some; a job called {word!r} is named by its id",
        )
    session = Session(options)
    records = [session.store.find(each) for each in jobs] or session.store.records()
    return WORDS[word](session, records, options)


def _wish(record: Record) -> CheckpointAsked:
    """The wish, if the job is made for it.

    Raises:
        UsageError: if not.
    """
    if record.job.checkpoint is None:
        raise UsageError(
            f"{record.job.name} (job {record.id}) was not made to be kept",
            hint="a job that is says `checkpoint: {on_eviction: true}`, or a period",
        )
    return CheckpointAsked(why=Why.OWNER)


def _list(_: Session, records: Sequence[Record], options: argparse.Namespace) -> int:
    found = [each for each in records if each.kept]
    if options.format == "json":
        told = [{"job": each.job.name, "id": each.id, "kept": each.kept} for each in found]
        print(msgspec.json.encode(told).decode())
        return 0
    show("\n".join(table(COLUMNS, [_row(record, kept) for record in found for kept in record.kept])))
    return 0


def _row(record: Record, kept: Kept) -> tuple[str, ...]:
    size, stopped = format_size(kept.size), format_duration(kept.stopped)
    return str(record.id), record.job.name, str(kept.number), clock(kept.at), size, stopped


def _remove(session: Session, records: Sequence[Record], options: argparse.Namespace) -> int:
    each = Each()
    for record in records:
        with each.one():
            removed = _removed(session, record)
            _tell(record, f"{format_count(removed, 'checkpoint')} removed", options, removed=removed)
    return each.exit_code


def _removed(session: Session, record: Record) -> int:
    """Remove what is kept of a job; how many there were.

    Raises:
        UsageError: if somebody needs it.
    """
    name = record.job.name
    ownership = try_to_own(session.home, record.id)
    if ownership is None:
        raise UsageError(
            f"{name} (job {record.id}) is carried by an engine, which needs what is kept",
            hint=f"`vmf hold {name}` first, or `vmf rm {name}` to be rid of it all",
        )
    try:
        now = session.store.get(record.id) or record
        if now.state in ON_ITS_WAY:
            raise UsageError(
                f"{name} (job {record.id}) is {now.state}: {MEANING[now.state]}",
                hint=f"`vmf wait {name}` carries it on; `vmf hold {name}` has it wait",
            )
        session.store.update(replace(now, kept=()))
        shutil.rmtree(session.home.checkpoints(record.id), ignore_errors=True)
    finally:
        ownership.release()
    return len(now.kept)


def _verify(session: Session, records: Sequence[Record], options: argparse.Namespace) -> int:
    """Look at all of them, whatever the first ones are like."""
    spoilt = 0
    for record in records:
        if not record.kept:
            _tell(record, "nothing is kept", options, number=None, reason="")
        for kept in record.kept:
            reason = _fault(session, record, kept)
            if reason and not _is_kept(session, record, kept):
                continue
            spoilt += bool(reason)
            found = f"is spoilt: {reason}" if reason else "is as it was kept"
            _tell(record, f"checkpoint {kept.number} {found}", options, number=kept.number, reason=reason)
    return Exit.RESULTS if spoilt else 0


def _is_kept(session: Session, record: Record, kept: Kept) -> bool:
    """Whether the job still needs it: while it was looked at, its engine may have removed it."""
    now = session.store.get(record.id)
    return now is not None and kept in now.kept


def _fault(session: Session, record: Record, kept: Kept) -> str:
    """What is wrong with a checkpoint; empty if nothing is."""
    place = session.home.checkpoints(record.id) / str(kept.number)
    try:
        manifest = checkpoints.read(place, kept.sha256)
        with telling(f"{record.job.name}: checkpoint {kept.number}") as report:
            checkpoints.verify(place, manifest, _whole(manifest, report))
    except Unusable as unusable:
        return str(unusable)
    return ""


def _whole(manifest: Manifest, report: Report) -> Callable[[str], Report]:
    """What tells of each file as of a stretch of all of them."""
    sizes = [part.size for part in manifest.parts.values()]
    starts = dict(zip(manifest.parts, accumulate(sizes, initial=0), strict=False))
    return lambda name: lambda done, _: report(starts[name] + done, manifest.size)


def _tell(record: Record, words: str, options: argparse.Namespace, **facts: object) -> None:
    if options.format == "json":
        print(msgspec.json.encode({"job": record.job.name, "id": record.id, **facts}).decode())
    else:
        show(f"{record.job.name}: {words}")


Verb: TypeAlias = Callable[[Session, Sequence[Record], argparse.Namespace], int]
WORDS: Mapping[str, Verb] = MappingProxyType({LIST: _list, "rm": _remove, "verify": _verify})
