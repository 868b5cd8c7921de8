"""Doing something to several jobs, whatever becomes of one of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from vmf.cli.say import say
from vmf.errors import VmfError


class Each:
    """What cannot be done is told of, and the rest goes on."""

    def __init__(self) -> None:
        self.exit_code = 0
        """The worst that there was."""

    @contextmanager
    def one(self) -> Iterator[None]:
        """Do something of which the others know nothing."""
        try:
            yield
        except VmfError as error:
            say(f"vmf: {error}")
            self.exit_code = max(self.exit_code, error.exit)
