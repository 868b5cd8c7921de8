"""Leaving jobs to an engine in the background: a `vmf wait` in a session of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

import msgspec

from vmf.cli.session import Session
from vmf.errors import SetupError
from vmf.store import Owned, owned, using

DETACH_SECONDS = 30.0


def detach(session: Session, jobs: Sequence[Owned], *, form: str) -> int:
    """Hand the jobs to an engine of their own, and say so."""
    start_engine(session, jobs)
    for record, _ in jobs:
        name = record.job.name
        said = f"{name}: job {record.id} goes on in the background; `vmf wait {name}` waits for it"
        detached = {"job": name, "id": record.id, "detached": True}
        print(msgspec.json.encode(detached).decode() if form == "json" else said)
    return 0


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
        time.sleep(0.02)


def _is_taken(session: Session, number: int) -> bool:
    record = session.store.get(number)
    return record is None or record.ended or owned(session.home, number)
