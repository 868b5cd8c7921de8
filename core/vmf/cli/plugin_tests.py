"""The process that runs the tests of `vmf plugin check`: pytest, and what it tells meanwhile."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from vmf.cli.plugin_report import Begun, Collected, Told, Tried, Went
from vmf.cli.say import say
from vmf.errors import SetupError, UsageError
from vmf.units import format_duration

SILENCE_SECONDS = 600.0
"""The longest that a test may take: it waits for a few guests, each for a minute at most."""
CLEARING_SECONDS = 60.0
"""The longest that tests which were told to end may take to remove their machines."""
PIECE = 2**16
TAIL = 2000
"""Characters of what pytest said that are shown if it told nothing else."""
UNFINISHED = f"it was not over after {format_duration(SILENCE_SECONDS)}, or ended the process; its machines may be left"


class NotRun(SetupError):
    """The tests came to no end; what was said of that is kept."""


def run(type_: str, words: Sequence[str], place: Path) -> tuple[tuple[str, ...], tuple[Tried, ...]]:
    """Run tests, saying how far they are; all abilities that the suite knows, and how each test went.

    Args:
        type_: whose plugin is tried.
        words: which tests, for pytest.
        place: a folder for what is made on the way; `pytest.log` there is all that was said.

    Raises:
        UsageError: if there is no test of the contract suite among them.
        NotRun: if pytest ended before the tests did.
    """
    progress = _Progress()
    reading, writing = os.pipe()
    command = (
        sys.executable, "-m", "pytest", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "vmf.testing.contract_report",
        "--basetemp", str(place / "t"), "--vmf-tell", str(writing), "--vmf-type", type_, *words,
    )  # fmt: skip
    with (place / "pytest.log").open("wb") as log, closing(os.fdopen(reading, "rb", buffering=0)) as told:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[writing], start_new_session=True
        )
        os.close(writing)
        with _terminable(), _ended(process):
            for each in _told(told.fileno()):
                progress.hear(each)
    if progress.begun is not None:
        progress.hear(Tried(test=progress.begun.test, outcome=Went.FAILED, seconds=0, why=UNFINISHED))
    elif progress.collected is None or len(progress.tried) < progress.collected.tests:
        said = (place / "pytest.log").read_text(errors="replace")[-TAIL:]
        raise NotRun(f"the tests could not be run:\n{said}", hint=f"{place}/pytest.log has all that was said")
    if progress.collected is None or not progress.collected.contract:
        raise UsageError(
            "none of these tests is of the contract suite", hint="subclass `vmf.testing.contract.HypervisorContract`"
        )
    return progress.collected.abilities, tuple(progress.tried)


class _Progress:
    """What has been told by now."""

    def __init__(self) -> None:
        self.collected: Collected | None = None
        self.begun: Begun | None = None
        self.tried: list[Tried] = []

    def hear(self, told: Told) -> None:
        """Take in one thing, and say how far the tests are."""
        if isinstance(told, Collected):
            self.collected = told
        elif isinstance(told, Begun):
            self.begun = told
        else:
            self.begun = None
            self.tried.append(told)
            if told.outcome is not Went.SKIPPED:
                of = f"{len(self.tried)}/{self.collected.tests}" if self.collected else len(self.tried)
                say(f"{of} {told.outcome} in {format_duration(told.seconds)}: {told.test}")


def _told(descriptor: int) -> Iterator[Told]:
    """What the tests tell, until there is nobody left to tell it, or they are silent for too long."""
    rest = b""
    while select.select([descriptor], [], [], SILENCE_SECONDS)[0] and (piece := os.read(descriptor, PIECE)):
        *lines, rest = (rest + piece).split(b"\n")
        yield from (msgspec.json.decode(line, type=Told) for line in lines)


@contextmanager
def _terminable() -> Iterator[None]:
    """Take what ends a program for Ctrl-C: the tests have machines that run."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = {each: signal.signal(each, end) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Wait for the process's end, and bring it about if need be: at once if this one is to end."""
    try:
        yield
    except BaseException:
        process.send_signal(signal.SIGINT)
        raise
    finally:
        for how in (signal.SIGINT, signal.SIGKILL):
            try:
                process.wait(CLEARING_SECONDS)
            except subprocess.TimeoutExpired:
                process.send_signal(how)
        process.wait()
