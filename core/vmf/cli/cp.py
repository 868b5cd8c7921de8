"""`vmf cp`: files into a guest that runs, and out of it, by one set of rules whichever way they go."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from msgspec import Struct

from vmf.cli.guest import occupied, reached, way
from vmf.cli.printed import refuse_terminal
from vmf.cli.say import say
from vmf.cli.session import Session
from vmf.cli.telling import telling
from vmf.errors import Exit, UsageError
from vmf.files.beside import filling, naming, sync_folder
from vmf.files.faults import shown
from vmf.files.sparse import PIECE
from vmf.run.ways import Way

STDOUT = "-"
_REMOTE = re.compile(r"(?P<job>[A-Za-z0-9][A-Za-z0-9._-]*):(?P<path>.*)", re.DOTALL)


class Remote(Struct, frozen=True, kw_only=True):
    """A path in the guest of a job."""

    job: str
    path: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `vmf cp`."""
    parser.add_argument(
        "words",
        metavar="FILE",
        nargs="+",
        help="files, then JOB:PATH; or JOB:PATH, then a file, a folder, or - for standard output",
    )


def act(options: argparse.Namespace) -> int:
    """Copy, in the direction that the words say."""
    *sources, last = options.words
    there = [found for word in options.words if (found := _remote(word))]
    session = Session(options)
    if sources and len(there) == 1 and (to := _remote(last)):
        _copy_in(session, _targets([Path(source) for source in sources], to.path), to)
        return 0
    if len(sources) == 1 and len(there) == 1:
        return 0 if _copy_out(session, there[0], last) else Exit.RESULTS
    raise UsageError(
        "one of the first and the last has to be JOB:PATH",
        hint="`vmf cp FILE… JOB:PATH` or `vmf cp JOB:PATH FILE`; a file with a colon in its name is written ./a:b",
    )


def _remote(word: str) -> Remote | None:
    found = _REMOTE.fullmatch(word)
    if found is None:
        return None
    try:
        found["path"].encode()
    except UnicodeEncodeError:
        raise UsageError(f"the path {word!r} is not UTF-8", hint="rename the file in the guest") from None
    if not found["path"]:
        raise UsageError(f"{word} lacks the path in the guest", hint=f"name one, such as {word}/root/")
    return Remote(job=found["job"], path=found["path"])


class Targets(Struct, frozen=True, kw_only=True):
    """Where in the guest files are to be."""

    folder: str
    files: Mapping[str, Path]
    """By their names in it."""


def _targets(sources: Sequence[Path], path: str) -> Targets:
    """Several go into a folder under their own names, and so does one if the path can only be that of a folder."""
    to = PurePosixPath(path)
    within = len(sources) > 1 or path.endswith("/") or to.name in {"", ".."}
    files: dict[str, Path] = {}
    for source in sources:
        if not (source.is_file() or source.is_dir()):
            what = "is neither a file nor a folder" if os.path.lexists(source) else "is not there"
            raise UsageError(f"{shown(source)} {what}", hint="check the path; nothing has been copied")
        name = Path(os.path.abspath(source)).name if within else to.name  # noqa: PTH100  # `..` has a name, a link its own
        if name in files:
            hint = "rename one of the two, or copy them one after the other; nothing has been copied"
            raise UsageError(f"{shown(source)} and {shown(files[name])} have the same name", hint=hint)
        files[name] = source
    return Targets(folder=str(to if within else to.parent), files=files)


def _copy_in(session: Session, targets: Targets, to: Remote) -> None:
    with _way(session, to.job) as into, telling(f"copying to {to.job}") as report:
        into.copy_in(targets.files, targets.folder, report)


def _copy_out(session: Session, source: Remote, to: str) -> bool:
    """Copy out, complete or not at all; False if something of it is not taken: all else is."""
    name = PurePosixPath(source.path).name
    if name in {"", ".."}:
        raise UsageError(f"{source.path!r} names no file or folder", hint="name one by its own name")
    if to == STDOUT:
        refuse_terminal(hint="name a file, or write to a pipe")
    folder = session.home.exchange(session.store.find(source.job).id)
    place = folder / "out" if to == STDOUT else _place(Path(to), name)
    with _way(session, source.job) as out, naming(place), filling(place) as part:
        with telling(f"copying from {source.job}") as report:
            found, refused = out.copy_out(source.path, part, report)
        for each in refused:
            say(f"vmf: not taken: {each.name}: {each.reason}")
        if to == STDOUT:
            _print(found)
        else:
            _move(found, place)
    return not refused


def _place(to: Path, name: str) -> Path:
    """Where a copy goes: to a path, or under its own name into a folder."""
    place = to / name if to.is_dir() else to
    if not place.parent.is_dir():
        raise UsageError(f"{place.parent} is no folder that is there", hint="make it first, or check the path")
    if place.exists() and not place.is_file():
        raise UsageError(f"{place} is no plain file", hint="name a file, a folder to put it into, or -")
    return place


@contextmanager
def _way(session: Session, word: str) -> Iterator[Way]:
    """The way into the guest of a job, for nobody else meanwhile."""
    with reached(session, word) as guest, occupied(session, guest):
        name = guest.record.job.name
        yield way(
            session,
            guest,
            hint=f"`vmf media {name} --insert FILE` hands files in on a disc, and results bring them out",
        )


def _print(found: Path) -> None:
    if not found.is_file():
        raise UsageError("that is a folder in the guest, and only a file can be printed", hint="name a folder for it")
    with found.open("rb") as stream:
        shutil.copyfileobj(stream, sys.stdout.buffer, PIECE)
    sys.stdout.flush()


def _move(found: Path, place: Path) -> None:
    """Put a file or folder that is synced into its place, beside which it lies."""
    if found.is_dir() and place.exists():
        raise UsageError(f"{place} is there, and that is a folder in the guest", hint="name a place that is free")
    found.replace(place)
    sync_folder(place.parent)
