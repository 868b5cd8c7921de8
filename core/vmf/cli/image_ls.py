"""`vmf image ls`: every image in the warehouse."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from vmf.cli.history import clock
from vmf.cli.printed import show, table
from vmf.cli.say import say
from vmf.cli.session import Session, add_format
from vmf.cli.shelves import Named, named, short, warehouse
from vmf.units import format_count, format_size
from vmf.warehouse.collecting import Stocked

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


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf image ls`."""
    add_format(parser)


def act(options: argparse.Namespace) -> int:
    """List them: those with names, then the golden ones, by name and by when they were made."""
    session = Session(options)
    shelf = warehouse(session)
    goldens = sorted(shelf.stocked(), key=lambda each: (each.golden.name, each.golden.made))
    listed = (*map(_named, named(session.home.images)), *map(_golden, goldens))
    if options.format == "json":
        print(msgspec.json.encode(listed).decode())
        return 0
    show("\n".join(_lines(listed)) if listed else "there are no images: `vmf image build tiny` builds one")
    if others := len(set(shelf.ids()) - {each.golden.id for each in goldens}):
        say(f"vmf: {format_count(others, 'golden image')} cannot be read: `vmf image verify` says why")
    return 0


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


def _lines(listed: Iterable[Listed]) -> Iterator[str]:
    rows = (
        (
            each.name,
            short(each.id),
            str(len(each.steps)) if each.id else "",
            "" if each.memory is None else format_size(each.memory),
            format_size(each.size),
            "" if each.used is None else clock(each.used),
            clock(each.made),
        )
        for each in listed
    )
    return table(HEADER, rows)
