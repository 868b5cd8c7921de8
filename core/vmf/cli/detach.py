"""Leaving jobs to an engine in the background: a `vmf wait` in a session of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from vmf.cli import screen
from vmf.cli.session import Session
from vmf.errors import SetupError
from vmf.state import State
from vmf.store import Owned, Record, owned, using

DETACH_SECONDS = 30.0
MACHINE_SECONDS = 10.0
"""How long a program waits for the ads of machines that are being made; a job may wait for room much longer."""
LOOK_SECONDS = 0.02
MAKING = frozenset({State.IDLE, State.STARTING})
"""As long as a job is so, its machine is not in being yet."""


def detach(session: Session, jobs: Sequence[Owned], *, form: str) -> int:
    """Hand the jobs to an engine of their own, and say so."""
    start_engine(session, jobs)
    deadline = time.monotonic() + MACHINE_SECONDS
    for record, _ in jobs:
        name = record.job.name
        said = f"{name}: job {record.id} goes on in the background; `vmf wait {name}` waits for it"
        print(_for_programs(_made(session, record, deadline)) if form == "json" else said, flush=True)
    return 0


def _for_programs(record: Record) -> str:
    line = {"job": record.job.name, "id": record.id, "state": record.state, "detached": True}
    return screen.in_json({**line, "ad": screen.ad_of(record)})


def _made(session: Session, record: Record, deadline: float) -> Record:
    """The job once its machine is in being, or it has ended; as it is then, if that takes too long."""
    while record.state in MAKING and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        if (now := session.store.get(record.id)) is None:  # it was removed
            break
        record = now
    return record


def start_engine(session: Session, jobs: Sequence[Owned]) -> None:
    """Hand the jobs to an engine of their own; return when it has them.

    Raises:
        SetupError: if it does not take them.
    """
    for _, ownership in jobs:
        ownership.release()
    numbers = [record.id for record, _ in jobs]
    if not numbers:  # all were orphans, and another engine was faster
        return
    log = session.home.job(numbers[0]) / "engine.log"
    with using(session.home.root), log.open("ab") as out:
        engine = subprocess.Popen(
            [sys.executable, "-P", "-m", "vmf", "wait", *map(str, numbers)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    deadline = time.monotonic() + DETACH_SECONDS
    while not all(_is_taken(session, number) for number in numbers):
        if engine.poll() is not None or time.monotonic() > deadline:
            raise SetupError("the engine in the background did not start", hint=f"its words are in {log}")
        time.sleep(LOOK_SECONDS)


def _is_taken(session: Session, number: int) -> bool:
    record = session.store.get(number)
    return record is None or record.ended or owned(session.home, number)
