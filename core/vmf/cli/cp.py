"""`vmf cp`: files into a guest that runs, and out of it, by the agent in it."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from msgspec import Struct

from vmf.cli.guest import Guest, reached
from vmf.cli.session import Session
from vmf.errors import UsageError
from vmf.files.beside import naming, replacing

PIECE = 2**20
STDOUT = "-"
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
        with _talking(session, to.job) as guest:
            for source in sources:
                _copy_in(guest, Path(source), to.path, several=len(sources) > 1)
        return 0
    if len(sources) == 1 and len(there) == 1:
        with (
            _talking(session, there[0].job) as guest,
            closing(guest.hypervisor.copy_out(guest.handle, there[0].path)) as stream,
        ):
            _copy_out(stream, last, PurePosixPath(there[0].path).name)
        return 0
    raise UsageError(
        "one of the first and the last has to be JOB:PATH",
        hint="`vmf cp FILE… JOB:PATH` or `vmf cp JOB:PATH FILE`; a file with a colon in its name is written ./a:b",
    )


@contextmanager
def _talking(session: Session, word: str) -> Iterator[Guest]:
    """The guest of a job, if it is one that an agent runs in."""
    with reached(session, word) as guest:
        name = guest.record.job.name
        if not guest.record.job.agent:
            raise UsageError(
                f"{name} has no agent in its guest: its job does not say `agent: true`",
                hint=f"`vmf media {name} --insert FILE` hands files in on a disc, and results bring them out",
            )
        yield guest


def _remote(word: str) -> Remote | None:
    found = _REMOTE.fullmatch(word)
    if found is None:
        return None
    try:
        found["path"].encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"the path {word!r} is not UTF-8", hint="rename the file in the guest: its agent knows no other names"
        ) from None
    return Remote(job=found["job"], path=found["path"])


def _copy_in(guest: Guest, source: Path, path: str, *, several: bool) -> None:
    if several or path.endswith("/"):
        path = str(PurePosixPath(path) / source.name)
    if source.is_dir():
        raise UsageError(f"{source} is a folder", hint="copy its files, or an archive of it")
    with source.open("rb") as stream:
        guest.hypervisor.copy_in(guest.handle, stream, path)


def _copy_out(stream: IO[bytes], to: str, name: str) -> None:
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
