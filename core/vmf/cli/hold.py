"""`vmf hold`: end the machines of jobs, which wait for their owner then."""

from __future__ import annotations

import argparse

from vmf.cli.ask import Asking, add_jobs, ask
from vmf.state import Held, HoldAsked

ASKING = Asking(wish=HoldAsked, participle="held", done=(Held,))


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf hold`."""
    add_jobs(parser)


def act(options: argparse.Namespace) -> int:
    """Hold the jobs."""
    return ask(options, ASKING, lambda _: HoldAsked())
