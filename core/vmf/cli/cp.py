"""`vmf cp`: files into a guest that runs, and out of it."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from msgspec import Struct

from vmf.cli.exchange import PIECE, STDOUT, Exchange, exchanging
from vmf.cli.guest import Guest, reached
from vmf.cli.session import Session
from vmf.errors import Exit, UsageError
from vmf.files.beside import naming, replacing
from vmf.plan import spare_drive

_REMOTE = re.compile(r"(?P<job>[A-Za-z0-9][A-Za-z0-9._-]*):(?P<path>.+)", re.DOTALL)


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
        with _way(session, to.job) as way:
            way.copy_in([Path(source) for source in sources], to.path)
        return 0
    if len(sources) == 1 and len(there) == 1:
        with _way(session, there[0].job) as way:
            whole = way.copy_out(there[0].path, last)
        return 0 if whole else Exit.RESULTS
    raise UsageError(
        "one of the first and the last has to be JOB:PATH",
        hint="`vmf cp FILE… JOB:PATH` or `vmf cp JOB:PATH FILE`; a file with a colon in its name is written ./a:b",
    )


@contextmanager
def _way(session: Session, word: str) -> Iterator[ByAgent | Exchange]:
    """The way into the guest of a job: its agent if it has one, else requests on discs."""
    with reached(session, word) as guest:
        record, name = guest.record, guest.record.job.name
        drive = spare_drive(record.placement) if record.placement else None
        if record.job.agent:
            yield ByAgent(guest)
        elif drive is not None:
            with exchanging(guest, drive, session.home.exchange(record.id)) as exchange:
                yield exchange
        else:
            raise UsageError(
                f"{name} has no agent in its guest, and no drive by which the guest could be asked",
                hint=f"`vmf media {name} --insert FILE` hands files in on a disc, and results bring them out",
            )


class ByAgent:
    """By the agent in the guest: files only."""

    def __init__(self, guest: Guest) -> None:
        self._guest = guest

    def copy_in(self, sources: Sequence[Path], path: str) -> None:
        """Copy files in, one after the other."""
        within = len(sources) > 1 or path.endswith("/")
        for source in sources:
            if source.is_dir():
                raise UsageError(f"{source} is a folder", hint="copy its files, or an archive of it")
            with source.open("rb") as stream:
                to = str(PurePosixPath(path) / source.name) if within else path
                self._guest.hypervisor.copy_in(self._guest.handle, stream, to)

    def copy_out(self, path: str, to: str) -> bool:
        """Copy a file out, complete or not at all; returns True."""
        with closing(self._guest.hypervisor.copy_out(self._guest.handle, path)) as stream:
            _write(stream, to, PurePosixPath(path).name)
        return True


def _remote(word: str) -> Remote | None:
    found = _REMOTE.fullmatch(word)
    if found is None:
        return None
    try:
        found["path"].encode()
    except UnicodeEncodeError:
        raise UsageError(f"the path {word!r} is not UTF-8", hint="rename the file in the guest") from None
    return Remote(job=found["job"], path=found["path"])


def _write(stream: IO[bytes], to: str, name: str) -> None:
    """Write all of it, complete or not at all; to standard output as it comes."""
    if to == STDOUT:
        shutil.copyfileobj(stream, sys.stdout.buffer, PIECE)
        sys.stdout.flush()
        return
    path = Path(to) / name if Path(to).is_dir() else Path(to)
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no plain file", hint="name a file, a folder, or - for standard output")
    with naming(path), replacing(path) as out:
        shutil.copyfileobj(stream, out, PIECE)
