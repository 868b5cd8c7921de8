"""`vmf vacate`: have jobs leave their hosts, to go on elsewhere from what is kept of them."""

from __future__ import annotations

import argparse

from vmf.cli.ask import Asking, add_jobs, ask
from vmf.state import CheckpointFailed, VacateAsked, Vacated

ASKING = Asking(wish=VacateAsked, participle="vacated", done=(Vacated,), failed=(CheckpointFailed,))


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf vacate`."""
    parser.description = (
        "Have jobs leave their hosts. A checkpoint is taken of a job that says `on_eviction: true`, its machine is"
        " removed, and it goes on from there on another host, or on the same one if there is no other. Any other job"
        " goes on from its last checkpoint; one that has none begins anew."
    )
    add_jobs(parser)


def act(options: argparse.Namespace) -> int:
    """Have the jobs leave; one without checkpoints begins anew."""
    return ask(options, ASKING, lambda _: VacateAsked())
