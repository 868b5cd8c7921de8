"""`vmf suspend`: have guests stand still where they are."""

from __future__ import annotations

import argparse

from vmf.cli.ask import Asking, add_jobs, ask
from vmf.errors import UsageError
from vmf.hookspecs import SUSPENDS
from vmf.model import Suspend
from vmf.state import Saved, SuspendAsked, Suspended, SuspendFailed
from vmf.store import Record

ASKING = Asking(
    wish=SuspendAsked, participle="suspended", done=(SuspendAsked, Suspended, Saved), failed=(SuspendFailed,)
)


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf suspend`."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--soft", action="store_const", const=Suspend.SOFT, dest="how", help="keep the memory where it is")
    how.add_argument(
        "--hard",
        action="store_const",
        const=Suspend.HARD,
        dest="how",
        help="put the memory into a file, and give the host its room back",
    )
    add_jobs(parser)


def act(options: argparse.Namespace) -> int:
    """Suspend the guests."""
    return ask(options, ASKING, lambda record: SuspendAsked(how=_how(record, options.how)))


def _how(record: Record, wish: Suspend | None) -> Suspend:
    """How this job is to be suspended, if its host can.

    Raises:
        UsageError: if it cannot, or its owner wants it otherwise.
    """
    placement = record.placement
    if placement is None:
        raise AssertionError(f"job {record.id} is {record.state} without a place")
    how = placement.suspend(wish)
    if wish not in {how, None}:
        raise UsageError(
            f"host {placement.host.name} suspends machines {how} only, as its owner says", hint=f"ask for --{how}"
        )
    if SUSPENDS[how] not in placement.capabilities:
        raise UsageError(f"host {placement.host.name} cannot suspend machines {how}: it lacks {SUSPENDS[how]}")
    return how
