"""`vmf checkpoint`: keep memory and disks of guests, and look after what is kept."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from vmf import checkpoints
from vmf.cli.ask import Asking, add_jobs, ask
from vmf.cli.printed import show, table
from vmf.cli.session import Session
from vmf.errors import UsageError
from vmf.hookspecs import CHECKPOINT, unreported
from vmf.model import Why
from vmf.state import CheckpointAsked, Checkpointed, CheckpointFailed
from vmf.store import Record, try_to_own
from vmf.units import format_duration, format_size

ASKING = Asking(wish=CheckpointAsked, participle="checkpointed", done=(Checkpointed,), failed=(CheckpointFailed,))
COLUMNS = ("JOB", "NUMBER", "AT", "SIZE", "STOPPED")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf checkpoint`."""
    parser.description = (
        "Keep memory and disks of guests, which go on. With the word `ls`, `rm` or `verify` before the jobs: list"
        " what is kept of them, remove it, or look whether it is as it was."
    )
    add_jobs(parser)


def act(options: argparse.Namespace) -> int:
    """Take a checkpoint of each job, or do what the first word says."""
    word, *jobs = options.jobs
    if word not in WORDS or not jobs:
        return ask(options, ASKING, _wish)
    session = Session(options)
    WORDS[word](session, [session.store.find(each) for each in jobs], options)
    return 0


def _wish(record: Record) -> CheckpointAsked:
    """The wish, if the job and its host are made for it.

    Raises:
        UsageError: if not.
    """
    name, placement = record.job.name, record.placement
    if record.job.checkpoint is None:
        raise UsageError(
            f"{name} (job {record.id}) has no checkpoints", hint="a job that is to have some says `checkpoint:`"
        )
    if placement is not None and CHECKPOINT not in placement.capabilities:
        raise UsageError(f"host {placement.host.name} cannot take checkpoints")
    return CheckpointAsked(why=Why.OWNER)


def _list(_: Session, records: Sequence[Record], options: argparse.Namespace) -> None:
    if options.format == "json":
        print(
            msgspec.json.encode([{"job": each.job.name, "id": each.id, "kept": each.kept} for each in records]).decode()
        )
        return
    rows = [
        (each.job.name, str(kept.number), _clock(kept.at), format_size(kept.size), format_duration(kept.stopped))
        for each in records
        for kept in each.kept
    ]
    show("\n".join(table(COLUMNS, rows)))


def _remove(session: Session, records: Sequence[Record], options: argparse.Namespace) -> None:
    for record in records:
        ownership = try_to_own(session.home, record.id)
        if ownership is None:
            raise UsageError(
                f"{record.job.name} (job {record.id}) is carried by an engine, which needs them",
                hint=f"`vmf hold {record.job.name}` first",
            )
        now = session.store.get(record.id) or record
        session.store.update(replace(now, kept=()))
        shutil.rmtree(session.home.checkpoints(record.id), ignore_errors=True)
        _tell(record, f"{len(now.kept)} removed", options)


def _verify(session: Session, records: Sequence[Record], options: argparse.Namespace) -> None:
    for record in records:
        for kept in record.kept:
            place = session.home.checkpoints(record.id) / str(kept.number)
            checkpoints.verify(place, checkpoints.read(place, kept.sha256), lambda _: unreported)
            _tell(record, f"checkpoint {kept.number} is as it was kept", options)


def _tell(record: Record, words: str, options: argparse.Namespace) -> None:
    said = {"job": record.job.name, "id": record.id, "said": words}
    print(msgspec.json.encode(said).decode() if options.format == "json" else f"{record.job.name}: {words}")


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


WORDS: Mapping[str, Callable[[Session, Sequence[Record], argparse.Namespace], None]] = MappingProxyType({
    "ls": _list, "rm": _remove, "verify": _verify,
})  # fmt: skip
