"""A process of vmf that is forked, not started anew: a run takes a tenth of the time, and nothing else is different."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from crash.steps import Befall, Steps
from vmf.cli import program

DEADLINE = 40
"""Seconds; a process that takes longer tells where its threads are, and ends."""
HUNG = "Timeout (0:00:"
"""How Python begins to tell where the threads are, then."""


class Done(Struct, frozen=True, kw_only=True):
    """What became of a process."""

    code: int
    """Its exit code, or the negative number of the signal that killed it."""
    steps: tuple[str, ...]
    """All that it has taken."""
    said: str

    @property
    def hung(self) -> bool:
        """Whether it had not ended at the deadline."""
        return HUNG in self.said


def vmf(words: tuple[str, ...], *, befall: Befall, folder: Path, prepare: Callable[[Steps], None]) -> Done:
    """Have a process of vmf run these words in a folder.

    `prepare` is called in that process, before vmf; `befall` at each of its steps.
    """
    said, trace = folder.parent / "said", folder.parent / "trace"
    with said.open("wb") as out, trace.open("wb") as steps:
        if not (child := os.fork()):
            _become(words, Steps(steps.fileno(), befall), out.fileno(), folder, prepare)
        _, status = os.waitpid(child, 0)
    return Done(
        code=os.waitstatus_to_exitcode(status),
        steps=tuple(trace.read_text().splitlines()),
        said=said.read_text(errors="replace"),
    )


def _become(words: tuple[str, ...], steps: Steps, out: int, folder: Path, prepare: Callable[[Steps], None]) -> None:
    """Be the process; it never returns."""
    try:
        gc.freeze()
        os.setsid()
        for each in (1, 2):
            os.dup2(out, each)
        sys.stdout, sys.stderr = (os.fdopen(each, "w", buffering=1) for each in (1, 2))
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        faulthandler.dump_traceback_later(DEADLINE, exit=True, file=2)
        os.chdir(folder)
        steps.watch()
        prepare(steps)
        sys.argv = ["vmf", *words]
        program()
    finally:
        os._exit(70)
