"""A terminal of a test's own, with a command of vmf in it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
from contextlib import contextmanager, suppress

from shell import DEADLINE, SIGNALS, Shell, until


class Window:
    """A terminal in which `vmf console` runs."""

    def __init__(self, shell: Shell, *words: str) -> None:
        self.ours, theirs = pty.openpty()
        self.modes = termios.tcgetattr(theirs)
        self.process = subprocess.Popen(
            [*SIGNALS, sys.executable, "-P", "-m", "vmf", "console", *words],
            cwd=shell.folder, env=shell.environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        self.theirs = theirs
        self.seen = b""

    def shows(self, words: bytes) -> None:
        while words not in self.seen:
            assert select.select([self.ours], [], [], DEADLINE)[0], f"{words!r} is not in {self.seen!r}"
            self.seen += os.read(self.ours, 4096)

    def joined(self) -> None:
        """Wait until every key goes through to the guest."""
        self.shows(b"Ctrl-] leaves it")
        until(lambda: not self.as_it_was(), "the terminal is joined to the guest's")

    def type(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def ends(self) -> int:
        return self.process.wait(timeout=DEADLINE)

    def as_it_was(self) -> bool:
        return termios.tcgetattr(self.theirs) == self.modes


@contextmanager
def window(shell: Shell, *words: str):
    opened = Window(shell, *words)
    try:
        yield opened
    finally:
        with suppress(ProcessLookupError):
            opened.process.kill()
        opened.process.wait()
        os.close(opened.ours)
        os.close(opened.theirs)
