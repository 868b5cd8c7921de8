"""`vmf image ls`: every image in the warehouse."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from vmf.cli.history import clock
from vmf.cli.printed import show, table
from vmf.cli.say import say
from vmf.cli.session import Session, add_format
from vmf.cli.shelves import Named, named, short, warehouse
from vmf.units import format_count, format_size
from vmf.warehouse.collecting import Stocked
from vmf.warehouse.remotes import Remotes

HEADER = ("NAME", "ID", "STEPS", "MEMORY", "SIZE", "USED", "MADE")


class Listed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An image in a list."""

    name: str
    id: str = ""
    """Of a golden image; empty: one that jobs call by its name."""
    steps: tuple[str, ...] = ()
    """What was done on it, in this order."""
    memory: int | None = None
    """Bytes of the guest whose memory it has, from which others wake."""
    size: int
    """Bytes that its own files take on the disk."""
    used: float | None = None
    """When a golden image was last used, in seconds since 1970."""
    made: float
    where: str = ""
    """The address of the warehouse that has it; empty: it is here."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf image ls`."""
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """List them: those with names, then the golden ones, by name and by when they were made."""
    session = Session(options)
    shelf = warehouse(session)
    goldens = sorted(shelf.stocked(), key=lambda each: (each.golden.name, each.golden.made))
    here = {each.golden.id for each in goldens}
    remote = [each for each in _remote(session) if each.id not in here]
    listed = (*map(_named, named(session.home.images)), *map(_golden, goldens), *remote)
    if options.format == "json":
        print(msgspec.json.encode(listed).decode())
        return 0
    show("\n".join(_lines(listed)) if listed else "there are no images: `vmf image build tiny` builds one")
    if others := len(set(shelf.ids()) - {each.golden.id for each in goldens}):
        say(f"vmf: {format_count(others, 'golden image')} cannot be read: `vmf image verify` says why")
    return 0


def _remote(session: Session) -> Iterator[Listed]:
    """The images of remote warehouses; their sizes are those of all that they are made of."""
    if not session.home.remotes:
        return
    remotes = Remotes(session.home, tell=lambda line: say(f"vmf: {line}"))
    remotes.ask()
    for remote in remotes:
        for each in remote.every():
            golden, size = each.golden, sum(part.size for part in each.parts)
            steps = tuple(step.name for step in golden.performed)
            yield Listed(name=golden.name, id=golden.id, steps=steps, size=size, made=golden.made, where=remote.shown)


def _named(image: Named) -> Listed:
    return Listed(name=image.name, size=image.size, made=image.made)


def _golden(stocked: Stocked) -> Listed:
    golden = stocked.golden
    steps = tuple(each.name for each in golden.performed)
    return Listed(
        name=golden.name,
        id=golden.id,
        steps=steps,
        memory=golden.hardware.memory if golden.memory else None,
        size=stocked.size,
        used=stocked.used,
        made=golden.made,
    )


def _lines(listed: Sequence[Listed]) -> Iterator[str]:
    are_all_here = not any(each.where for each in listed)
    rows = (
        (
            each.name,
            short(each.id),
            str(len(each.steps)) if each.id else "",
            "" if each.memory is None else format_size(each.memory),
            format_size(each.size),
            "" if each.used is None else clock(each.used),
            clock(each.made),
            each.where or "here",
        )
        for each in listed
    )
    if are_all_here:
        return table(HEADER, [row[:-1] for row in rows])
    return table((*HEADER, "WHERE"), rows)
