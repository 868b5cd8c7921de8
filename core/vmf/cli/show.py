"""`vmf show`: the whole story of a job."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from vmf.cli import facts, grounds, history, screen
from vmf.cli.guest import RUNNING, add_job, ask_facts
from vmf.cli.printed import safe, show, table
from vmf.cli.session import Session, add_format
from vmf.errors import VmfError
from vmf.files.sshkey import PRIVATE
from vmf.model import Beginning, Gap, Kept, MachineFacts, NetworkType, Verdict
from vmf.published import values
from vmf.state import MEANING, State
from vmf.steps.graph import to_do
from vmf.store import Moment, Record, owned
from vmf.units import format_count, format_duration, format_size

ANSWER_SECONDS = 3.0
"""How long a host may take to say what it knows: the rest of the story is worth as much."""


class Story(Struct, frozen=True, kw_only=True):
    """What is told of a job; as JSON, these are the fields."""

    id: int
    name: str
    state: State
    orphaned: bool
    image: str
    memory: int
    cpus: int
    network: NetworkType
    host: str
    type: str
    reasons: tuple[str, ...]
    """Why it was placed there."""
    attempt: int
    faults: tuple[str, ...]
    """What was wrong with the hosts that failed it."""
    machine: str
    facts: MachineFacts | None
    """What its host knows now; None if its machine does not run, or the host cannot say."""
    key: str
    """The private key to its guest; empty if there is none."""
    unknown: str
    """Why the host cannot say."""
    folder: str
    """Where the results go, or are."""
    verdict: Verdict | None
    published: Mapping[str, Any]
    """What its guests have published: name to value."""
    kept: tuple[Kept, ...]
    """The checkpoints that it can go on from, the newest last."""
    gaps: tuple[Gap, ...]
    """What its guest has missed."""
    golden: str
    """The id of the golden image that it was begun upon; empty if there was none."""
    done: tuple[str, ...]
    """The steps that were performed there."""
    beginning: Beginning | None
    """How its guest begins, where there is memory that it could wake from."""
    steps: tuple[str, ...]
    """Those that its guest has to do, or had."""
    events: tuple[Moment, ...]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf show`."""
    add_job(parser)
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """Tell the story of the job; of a name, that of the latest job."""
    session = Session(options)
    record = session.store.find(options.job)
    told = _story(session, record)
    if options.format == "json":
        print(msgspec.json.encode(told).decode())
        return 0
    show(
        "\n".join(
            [*table(("job", f"{told.name}, number {told.id}"), _lines(told, record)), "", *history.lines(told.events)]
        )
    )
    return 0


def _story(session: Session, record: Record) -> Story:
    job, placement = record.job, record.placement
    known, unknown = _ask(session, record)
    key = session.home.keys(record.id) / PRIVATE
    return Story(
        id=record.id,
        name=job.name,
        state=record.state,
        orphaned=not record.ended and not owned(session.home, record.id),
        image=job.image.name if job.image else "",
        memory=job.memory,
        cpus=job.cpus,
        network=job.network.type,
        host=placement.host.name if placement else "",
        type=placement.host.type if placement else "",
        reasons=placement.reasons if placement else (),
        attempt=record.attempt,
        faults=record.faults,
        machine=record.machine if placement else "",
        facts=known,
        key=str(key) if key.exists() else "",
        unknown=unknown,
        folder=str(record.results or record.folder),
        verdict=record.verdict,
        published=values(record.published),
        kept=record.kept,
        gaps=record.gaps,
        golden=record.ground.golden if record.ground else "",
        done=tuple(each.name for each in record.ground.done) if record.ground else (),
        beginning=record.beginning,
        steps=tuple(step.name for step in to_do(record.job)),
        events=session.store.history(record.id),
    )


def _ask(session: Session, record: Record) -> tuple[MachineFacts | None, str]:
    """What the host knows of the job's machine, if it runs; or why the host does not say, soon."""
    if record.placement is None or record.state not in RUNNING:
        return None, ""
    try:
        return ask_facts(session, record, record.placement, seconds=ANSWER_SECONDS), ""
    except VmfError as error:
        return None, error.brief
    except Exception as error:  # noqa: BLE001  # the rest of the story is known
        return None, safe(screen.fault(error))


def _begun(told: Story, record: Record) -> Iterator[tuple[str, str]]:
    if record.ground:
        yield "warehouse", grounds.told(record.ground)
        yield "steps", ", ".join(told.steps) or "none is left to do"
    if record.beginning:
        yield "begins", str(record.beginning)


def _lines(told: Story, record: Record) -> Iterator[tuple[str, str]]:
    orphaned = ", orphaned: its engine is gone" if told.orphaned else ""
    yield "state", f"{told.state}{orphaned}: {MEANING[told.state]}"
    yield "image", told.image or "none"
    yield from _begun(told, record)
    yield "size", f"{format_size(told.memory)}, {format_count(told.cpus, 'cpu')}"
    yield "network", told.network
    if told.host:
        yield "host", f"{told.host}, of type {told.type}: {'; '.join(told.reasons)}"
        yield "machine", f"{told.machine}, attempt {told.attempt}"
    for fault in told.faults:
        yield "failed", history.flat(fault)
    if told.facts:
        yield from facts.lines(told.facts)
    if told.key:
        yield "key", told.key
    if told.unknown:
        yield "facts", told.unknown
    for name, text in record.published.items():
        yield "published", f"{name} = {text}"
    for kept in told.kept:
        yield "kept", f"checkpoint {kept.number}, {format_size(kept.size)}, of {history.clock(kept.at)}"
    if told.gaps:
        yield "missed", f"{format_duration(sum(gap.seconds for gap in told.gaps))}, while its guest did not run"
    if record.ended:
        yield "end", screen.ending(record)
    else:
        yield "results", f"go to {told.folder}"
