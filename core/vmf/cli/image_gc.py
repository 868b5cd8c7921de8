"""`vmf image gc`: room in the warehouse."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence

from vmf.cli.history import clock
from vmf.cli.printed import show, table
from vmf.cli.session import Session, prepare
from vmf.cli.shelves import jobs_on, short, unneeded, warehouse
from vmf.errors import UsageError
from vmf.units import format_count, format_size, parse_duration, parse_size
from vmf.warehouse.collecting import Stocked, chosen


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf image gc`."""
    parser.add_argument("--older", metavar="DURATION", help="remove golden images not used for so long, such as 30d")
    parser.add_argument(
        "--size", metavar="SIZE", help="remove golden images until all take no more, the least recently used first"
    )
    parser.add_argument("--dry-run", action="store_true", help="remove nothing, and show what would go")


def act(options: argparse.Namespace) -> int:
    """Remove what is chosen, but what is used, what jobs need, and what those lie on."""
    session = Session(options)
    prepare(session.home)
    older, size = _read(options.older, parse_duration, "--older"), _read(options.size, parse_size, "--size")
    shelf = warehouse(session)
    stocked = shelf.stocked()
    keep = {*jobs_on(session, shelf), *(id_ for id_ in shelf.ids() if shelf.folders.is_held(id_))}
    before = None if older is None else time.time() - older
    going = chosen(stocked, keep, before=before, size=size)
    if options.dry_run:
        _tell(stocked, going, {}, "would go", 0)
        return 0
    stay = shelf.remove([each.golden.id for each in going])
    _tell(stocked, going, stay, "removed", shelf.clean() + sum(place.remove() for place in unneeded(session)))
    return 0


def _read(text: str | None, parse: Callable[[str], int], option: str) -> int | None:
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}") from error


def _tell(stocked: Sequence[Stocked], going: Sequence[Stocked], stay: Mapping[str, str], done: str, more: int) -> None:
    rows = [
        (
            each.golden.name,
            short(each.golden.id),
            format_size(each.size),
            clock(each.used),
            f"stays: {stay[each.golden.id]}" if each.golden.id in stay else done,
        )
        for each in going
    ]
    if rows:
        show("\n".join(table(("NAME", "ID", "SIZE", "USED", ""), rows)))
    gone = [each for each in going if each.golden.id not in stay]
    freed = sum(each.size for each in gone)
    left = sum(each.size for each in stocked) - freed
    litter = f", and {format_size(more)} of what was left or set aside" if more else ""
    images = format_count(len(gone), "golden image")
    show(f"{images} {done}: {format_size(freed)}{litter}; {format_size(left)} stay")
