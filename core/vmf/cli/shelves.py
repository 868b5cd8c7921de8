"""What commands of `vmf image` share: the warehouse as this user sees it, and how much of it is used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from vmf.blocks.places import Place
from vmf.blocks.shelf import Blocks
from vmf.cli.say import say
from vmf.cli.session import Session, check_warehouse
from vmf.files.sparse import BLOCK
from vmf.model import File
from vmf.state import State
from vmf.store import Record
from vmf.warehouse.shelf import Warehouse

SHORT = 12
"""Digits of an id that are shown where all of them would be too much."""
_DESCRIPTION = "*.image.yaml"


class Named(Struct, frozen=True, kw_only=True):
    """An image that jobs call by its name: a folder of the warehouse."""

    name: str
    folder: Path
    size: int
    """Bytes that its files take on the disk."""
    made: float
    """Seconds since 1970."""


def warehouse(session: Session) -> Warehouse:
    """The golden images of the warehouse.

    Raises:
        SetupError: if it is one that is not there.
    """
    check_warehouse(session.home)
    return Warehouse(session.home.images, tell=lambda line: say(f"vmf: {line}"))


def named(images: Path) -> Iterator[Named]:
    """The images that have names."""
    folders = sorted(each for each in images.iterdir() if each.is_dir()) if images.is_dir() else []
    for folder in folders:
        if not folder.name.startswith(".") and any(folder.glob(_DESCRIPTION)):
            stats = [each.lstat() for each in folder.iterdir()]
            size = sum(each.st_blocks for each in stats) * BLOCK
            yield Named(name=folder.name, folder=folder, size=size, made=max(each.st_mtime for each in stats))


def short(id_: str) -> str:
    """An id as it is shown in tables."""
    return id_[:SHORT]


def jobs_on(session: Session, shelf: Warehouse) -> Mapping[str, tuple[str, ...]]:
    """By the id of a golden image: the names of this user's jobs that need it, now or to go on."""
    found: dict[str, tuple[str, ...]] = {}
    for record in _needing(session):
        for id_ in shelf.owners(_files(record)):
            found[id_] = (*found.get(id_, ()), record.job.name)
    return found


def unneeded(session: Session) -> tuple[Place, ...]:
    """What has come of files of remote warehouses that no job of this user needs, now or to go on."""
    blocks = Blocks(session.home.remote)
    needed = {place.sha256 for record in _needing(session) for place in blocks.of(_files(record))}
    return tuple(place for place in blocks.every() if place.sha256 not in needed)


def _needing(session: Session) -> Iterator[Record]:
    for record in session.store.records() if session.home.store.exists() else ():
        if not record.ended or record.state is State.HELD or record.kept:
            yield record


def _files(record: Record) -> tuple[File, ...]:
    placed = record.placement.job.vetted_files if record.placement else ()
    return (*record.golden_files, *placed)
