"""`vmf logs`: what a guest wrote to its console, from the host while it lives, from its results afterwards."""

from __future__ import annotations

import argparse
import sys
import time
from bisect import bisect_left
from collections.abc import Callable
from functools import partial
from math import inf

from vmf.checkpoints import said
from vmf.cli.guest import add_job, guest
from vmf.cli.printed import refuse_terminal
from vmf.cli.session import Session
from vmf.errors import UsageError
from vmf.files.console import Escaper, rest
from vmf.store import Record

LOOK_SECONDS = 0.1
LONGEST = 2**43
"""Bytes of a console: no file system that one lies on takes more of a file."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf logs`."""
    add_job(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the job has ended")
    parser.add_argument("--raw", action="store_true", help="byte for byte; not to a terminal")


def act(options: argparse.Namespace) -> int:
    """Print the console of the job; of a name, that of the latest job."""
    if options.raw:
        refuse_terminal(hint="leave out --raw, or write to a file or a pipe")
    session = Session(options)
    record = session.store.find(options.job)
    escaper = Escaper()
    write = _write_raw if options.raw else lambda data: _write(escaper.feed(data))
    try:
        follow(session, record, write, on=options.follow)
        _write(escaper.close())
    finally:
        session.hosts.close()
    return 0


def follow(session: Session, record: Record, write: Callable[[bytes], None], *, on: bool) -> None:
    """Write what the guest of a job wrote; `on`: until the job has ended, or is forgotten.

    Raises:
        UsageError: if the job has ended and left no results.
        OSError: if these cannot be read.
        HostFault: if the host cannot say.
    """
    seen: Record | None = None
    written = before = 0  # bytes of all that the guest has said, and of what it had said before it was where it is
    now: Record | None = record
    while now is not None and not now.ended:
        if now.placement is not None and now.handle is not None:
            here = guest(session, now, now.placement)
            if seen is None or seen.machine != now.machine:
                earlier = said(session.home, now.id)
                before = len(earlier)
                write(rest(earlier, _known(seen, now, written, before)))
                written = before
            seen = now
            read = partial(here.hypervisor.console, here.handle)
            end = inf if on else _end(read)  # a guest that goes on and on has no last word
            while written - before < end and (data := read(written - before)):
                written += len(data)
                write(data.strip(b"\0"))  # zeros stand for what the host no longer keeps
        now = session.store.get(record.id)
        if now is not None and not now.ended:
            if not on:
                return
            time.sleep(LOOK_SECONDS)
    if now is not None:
        write(rest(_kept(now), _known(seen, now, written, len(said(session.home, now.id)))))


def _known(seen: Record | None, now: Record, written: int, before: int) -> int:
    """How much of what the guest says is written already: another guest of the job begins anew, one that moved has not.

    Of one that went back to a checkpoint `before` bytes are known at most: what followed it says once more.
    """
    if seen is None or seen.born != now.born:
        return 0
    return written if seen.machine == now.machine else min(written, before)


def _end(read: Callable[[int], bytes]) -> int:
    """Where a console ends now; found by halving, since no verb tells it."""
    return bisect_left(range(LONGEST), True, key=lambda offset: not read(offset))  # noqa: FBT003  # what is looked for


def _kept(record: Record) -> bytes:
    if record.results is None:
        name = record.job.name
        raise UsageError(f"{name} (job {record.id}) has left no console: it has no results", hint=f"`vmf show {name}`")
    return (record.results / "console.log").read_bytes()


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _write_raw(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
