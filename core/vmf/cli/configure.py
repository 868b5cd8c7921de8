"""`vmf configure`: steps on a machine that runs, by its guest and by its host."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from vmf.cli.ask import order
from vmf.cli.guest import Guest, add_job, occupied, reached, way
from vmf.cli.printed import safe
from vmf.cli.say import say
from vmf.cli.session import Session
from vmf.cli.telling import telling
from vmf.control import AskJob
from vmf.errors import Exit
from vmf.model import Performed, Step, Then
from vmf.result import StepReport, undone
from vmf.run.actions import Performance, Scene, surroundings
from vmf.run.building import performed
from vmf.run.checksums import Checksums
from vmf.run.configuring import configure
from vmf.run.sums import sums
from vmf.state import TRANSITIONS, Configured
from vmf.steps.graph import digest
from vmf.steps.phases import Phase, phases
from vmf.store import Record

MESSAGE_MOST = 32 * 1024
"""Bytes of what is told of steps at once."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf configure`."""
    add_job(parser)
    parser.add_argument("steps", metavar="FILE", type=Path, help="a file of kind Steps")


def act(options: argparse.Namespace) -> int:
    """Have the steps done, tell how they went, and have the job's record keep it."""
    from vmf import spec  # noqa: PLC0415  # YAML is slow to import

    session, wanted = Session(options), spec.load_steps(options.steps).steps
    done: list[_Done] = []
    with reached(session, options.job) as guest:
        folder = session.home.exchange(guest.record.id)
        try:
            with occupied(session, guest), tempfile.TemporaryDirectory(dir=folder, prefix="configure-") as logs:
                for each in _done(session, guest, wanted, Path(logs)):
                    done.append(each)  # noqa: PERF402  # one by one: some are done, whatever ends this
        finally:
            _keep(session, guest.record, [each.kept for each in done])
    named = {each.kept.name for each in done}
    if failed := undone([step for step in wanted if step.name in named], [each.report for each in done]):
        say(f"vmf: {guest.record.job.name}: {failed}")
        return Exit.STEP
    return 0


class _Done(Struct, frozen=True, kw_only=True):
    report: StepReport
    kept: Performed


def _done(session: Session, guest: Guest, wanted: Sequence[Step], logs: Path) -> Iterator[_Done]:
    """Do steps, turn by turn, until one fails for good."""
    job, named = guest.record.job, {step.name: step for step in wanted}
    known = sums((file for step in wanted for file in step.files.values()), Checksums(session.store))
    for turn in phases(wanted):
        reports = _by_host(guest, turn, logs) if turn.on_host else _by_guest(session, guest, turn, logs)
        for report in reports:
            step = named[report.name]
            yield _Done(report=report, kept=performed(job, step, digest(step, known), report, logs))
        if len(reports) < len(turn.steps) or any(_is_fatal(named[each.name], each) for each in reports):
            return


def _is_fatal(step: Step, report: StepReport) -> bool:
    return bool(report.exit_code) and step.on_error.then is Then.FAIL


def _by_host(guest: Guest, turn: Phase, logs: Path) -> tuple[StepReport, ...]:
    host = guest.placement.host
    scene = Scene(host=host.name, actions=host.actions, logs=logs, variables=surroundings(guest.record))
    performance = Performance(scene, check=lambda: None, say=lambda line: _tell(guest, line), hear=lambda _: None)
    return performance.perform(turn.steps)


def _by_guest(session: Session, guest: Guest, turn: Phase, logs: Path) -> tuple[StepReport, ...]:
    hint = (
        "its job needs `agent: true`; or `run:` or steps, and a host that can change discs and read results meanwhile"
    )
    into = way(session, guest, hint=hint)
    with telling(f"steps in the guest of {guest.record.job.name}") as report:
        found = configure(into, turn.steps, logs, read=guest.hypervisor.read, report=report, check=lambda: None)
    for each in found:
        _tell(guest, f"step {each.name}: {f'failed with exit code {each.exit_code}' if each.exit_code else 'done'}")
    return found


def _tell(guest: Guest, line: str) -> None:
    print(safe(f"{guest.record.job.name}: {line}"), flush=True)


def _keep(session: Session, record: Record, done: Sequence[Performed]) -> None:
    """Have the job's record say what was done: by its engine, or if it has none, by us."""
    for steps in _batches(done):
        wanted = Configured(steps=steps)
        ownership = order(session, record, AskJob(job=record.id, wish=wanted))
        if ownership is None:
            continue
        try:
            now = session.store.find(str(record.id))
            said = {name: text for step in steps for name, text in step.attributes.items()}
            if (now.state, Configured) in TRANSITIONS:
                session.store.apply(replace(now, published={**now.published, **said}), wanted)
        finally:
            ownership.release()


def _batches(done: Iterable[Performed]) -> Iterator[tuple[Performed, ...]]:
    """As many at once as there is room for in a message."""
    batch, size = list[Performed](), 0
    for each in done:
        more = len(msgspec.json.encode(each))
        if batch and size + more > MESSAGE_MOST:
            yield tuple(batch)
            batch, size = [], 0
        batch, size = [*batch, each], size + more
    if batch:
        yield tuple(batch)
