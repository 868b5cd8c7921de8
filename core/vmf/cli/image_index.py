"""`vmf image index`: the golden images for others, who read them by a web server."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from vmf.cli.printed import show
from vmf.cli.say import say
from vmf.cli.session import Session, prepare
from vmf.cli.shelves import short, warehouse
from vmf.cli.telling import telling
from vmf.units import format_count


def arguments(_: argparse.ArgumentParser) -> None:
    """`vmf image index` takes no words."""


def act(options: argparse.Namespace) -> int:
    """Make the index, which follows from then on; say what is not offered, and why."""
    session = Session(options)
    prepare(session.home)
    shelf = warehouse(session)
    with ExitStack() as stack:
        left = shelf.offer(lambda name: stack.enter_context(telling(f"summing {name}")))
    for id_, why in left.items():
        say(f"vmf: golden image {short(id_)} is not offered: {why}")
    count = format_count(len(shelf.ids()) - len(left), "golden image")
    show(f"{count} offered: have {session.home.images} served, and name its address in VMF_REMOTE elsewhere")
    return 0
