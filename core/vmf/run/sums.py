"""What the files of steps and images are known by: what is in them, not where they lie."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping

from vmf.files import gathering
from vmf.files.access import open_disk, open_file
from vmf.files.faults import changed, unread
from vmf.files.source import Content
from vmf.model import File, Ground, Job
from vmf.run.checksums import Checksums
from vmf.steps.graph import digest, to_do


def sums(
    files: Iterable[File], checksums: Checksums, *, check: Callable[[], None] = lambda: None
) -> Mapping[File, str]:
    """The SHA-256, in hexadecimal, of each file; of a folder, that of all that is in it; of a program, another one.

    A file of a host has one that nothing else has: nobody here knows what is in it. `check` is called often meanwhile;
    what it raises breaks the work off.

    Raises:
        JobFault: if one cannot be read, or a folder holds what cannot be given to a guest.
    """
    return {file: _sum(file, checksums, check) for file in dict.fromkeys(files)}


def check_steps(job: Job, ground: Ground, checksums: Checksums, *, check: Callable[[], None]) -> None:
    """See that a job's steps do what they did when they were known by it: their files may have changed meanwhile.

    `check` is as for `sums`. Nobody can tell of files that are on the host.

    Raises:
        JobFault: if one has.
    """
    for step, known in zip(to_do(job), ground.left, strict=True):
        files = step.files.values()
        if not any(file.on_host for file in files) and digest(step, sums(files, checksums, check=check)) != known:
            raise changed(f"what step {step.name} puts into the guest")


def _sum(file: File, checksums: Checksums, check: Callable[[], None]) -> str:
    if file.on_host:
        return uuid.uuid4().hex
    if not file.path.is_dir():
        return _plain(file, checksums, check)
    found = hashlib.sha256()
    for line in _lines(gathering.collect(file, open_file), file, checksums, check):
        found.update(line.encode(errors="surrogateescape"))
    return found.hexdigest()


def _lines(
    contents: Mapping[str, Content], top: File, checksums: Checksums, check: Callable[[], None]
) -> Iterator[str]:
    """What tells a folder from others: the names in it, with what each is."""
    for name in sorted(contents):
        below = name.removeprefix(top.path.name)
        path = top.path / below.lstrip("/")
        yield f"{below}\0{'' if contents[name] is None else _plain(File(path=path), checksums, check)}\0"


def _plain(file: File, checksums: Checksums, check: Callable[[], None]) -> str:
    try:
        with open_disk(file.path) as stream:
            found = checksums.of(stream, file, check=check)
            is_program = os.fstat(stream.fileno()).st_mode & 0o111
    except OSError as error:
        raise unread("file", file, error) from error
    return hashlib.sha256(b"x" + found.encode()).hexdigest() if is_program else found
