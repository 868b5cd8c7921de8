"""`vmf image rm`: golden images that nobody needs any more."""

from __future__ import annotations

import argparse

from vmf.cli.each import Each
from vmf.cli.printed import show
from vmf.cli.session import Session, prepare
from vmf.cli.shelves import jobs_on, warehouse
from vmf.errors import UsageError
from vmf.warehouse.checking import without_memory


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf image rm`."""
    parser.add_argument("images", metavar="ID", nargs="+", help="ids of golden images, beginnings of ids, or names")


def act(options: argparse.Namespace) -> int:
    """Remove them, with their memory; those that lie on others of them go first."""
    session, each, meant = Session(options), Each(), list[str]()
    prepare(session.home)
    shelf = warehouse(session)
    for word in options.images:
        with each.one():
            meant.append(shelf.named(word))
    jobs, goldens = jobs_on(session, shelf), tuple(shelf.every())
    meant += [each.id for each in goldens if each.memory and without_memory(each) in meant]
    parents = {golden.id: golden.parents for golden in goldens}
    free = sorted((id_ for id_ in set(meant) - jobs.keys()), key=lambda id_: (-len(parents.get(id_, ())), id_))
    stay = {id_: f"job {', '.join(names)} needs it" for id_, names in jobs.items()} | dict(shelf.remove(free))
    for id_ in dict.fromkeys(meant):
        with each.one():
            if reason := stay.get(id_):
                raise UsageError(f"golden image {id_} stays: {reason}", hint="`vmf image show` says who needs it")
            show(f"{id_}: removed")
    return each.exit_code
