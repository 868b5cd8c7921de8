"""The rules about files that a spec names, beyond their being there: what they are, and what becomes of them."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import suppress
from os.path import normpath
from types import MappingProxyType
from typing import Any

from vmf.errors import JobFault
from vmf.files import iso9660, secret
from vmf.files.access import open_file
from vmf.files.gathering import collect
from vmf.files.source import Read, find
from vmf.model import Access, File, Job
from vmf.rules import Check, Objection, Rule, Severity
from vmf.spec.contradiction_rules import IN_PLACE_TWICE
from vmf.spec.faults import shown

FOLDER = Rule(
    id="VMF406",
    title="a folder where a file is wanted",
    why="Only a CD-ROM is made of folders; an ISO, a part of a seed or a secret is one file.",
    mend="Name the file inside it.",
)
SAME_NAME = Rule(
    id="VMF407",
    title="two files of one name on a CD-ROM",
    why="They would lie at the same place, and one would hide the other.",
    mend="Rename one of them, or put them into folders.",
)
OPEN_SECRET = Rule(
    id="VMF408",
    title="a secret that others can read",
    why="Everybody on this computer can read the file.",
    mend="Take the others' permission away: `chmod go-rwx FILE`.",
    severity=Severity.WARNING,
)
EMPTY_SEED = Rule(
    id="VMF409",
    title="a cloud-init seed without user data",
    why="vmf makes an empty one, for cloud-init ignores a seed that has none; it configures nothing in the guest.",
    mend="Add `user_data:`, if something is to be.",
    severity=Severity.NOTE,
)
UNFIT = Rule(
    id="VMF410",
    title="a file that a guest cannot be given",
    why="A disc cannot hold every name nor every kind of file, an ISO has to be one, a secret has to fit a variable.",
    mend="Do what the finding says; what cannot lie on a CD-ROM can in an archive.",
)


def identity(file: File) -> Hashable:
    """What all names of one file have in common; of what is on a host, or not there, only the path is known."""
    with suppress(OSError, ValueError):
        if not file.on_host:
            found = file.path.stat()
            return found.st_dev, found.st_ino, file.part
    return file.on_host, normpath(file.path), file.part


def _linked_in_place(job: Job) -> Iterator[Objection]:
    """As `vmf.spec.job_checks` says of one name that is given twice."""
    disks = job.bundle.disks
    known = [identity(disk.file) for disk in disks]
    before = len(disks) - len(job.disks)
    for number, disk in enumerate(job.disks):
        same = [each for each, other in zip(disks, known, strict=True) if other == known[before + number]]
        names = [each.file.path.name for each in same if each.file != disk.file]
        if names and Access.IN_PLACE in {each.access for each in same}:
            what = f"another disk of the job is the same file by another name, {shown(names[0])}"
            yield Objection(at=("disks", number, "file"), what=what, hint="give each disk a file of its own")


def _single_files(job: Job) -> Iterator[tuple[tuple[str | int, ...], File]]:
    """Every file that can be no folder, with its place, but for disks and kernels, into which their reader looks."""
    for name, block in {"cdrom": job.cdrom, "cloud_init": job.cloud_init}.items():
        for field in block.__struct_fields__ if block else ():
            if isinstance(found := getattr(block, field), File):
                yield (name, field), found
    yield from ((("secrets", name), file) for name, file in job.secrets.items())


def _folders(job: Job) -> Iterator[Objection]:
    for at, file in _single_files(job):
        if not file.on_host and file.path.is_dir():
            yield Objection(at=at, what=f"{file.path.name} is a folder", hint="name the file inside it")


def _same_names(job: Job) -> Iterator[Objection]:
    seen: dict[str, File] = {}
    for number, file in enumerate(job.cdrom.files if job.cdrom else ()):
        name = file.path.name
        if name in seen:
            what = f"{name} is on the CD-ROM already"
            hint = "leave it out" if file == seen[name] else "rename one of the two, or put it into a folder"
            yield Objection(at=("cdrom", "files", number), what=what, hint=hint)
        seen.setdefault(name, file)


def _unfit(job: Job) -> Iterator[Objection]:
    for at, file, look in _given(job):
        try:
            look(file, open_file)
        except JobFault as fault:
            yield Objection(at=at, what=fault.brief, hint=fault.hint)


def _given(job: Job) -> Iterator[tuple[tuple[str | int, ...], File, Callable[[File, Read], object]]]:
    """Every file of this computer that a guest is given, with its place, and who finds out whether that can be done."""
    for number, file in enumerate(job.cdrom.files if job.cdrom else ()):
        if not file.on_host:
            yield ("cdrom", "files", number), file, collect
    for at, file in _single_files(job):
        if not file.on_host and not file.path.is_dir():
            yield at, file, _LOOKS[at[0]]


def _inspect_iso(file: File, read: Read) -> None:
    iso9660.inspect(find(file, read))


_LOOKS: Mapping[str | int, Callable[[File, Read], object]] = MappingProxyType({
    "cdrom": _inspect_iso,
    "cloud_init": find,
    "secrets": secret.read_one,
})  # fmt: skip


def _open_secrets(job: Job) -> Iterator[Objection]:
    for name, file in job.secrets.items():
        if _open_to_others(file):
            what = f"others may read {file.path.name}"
            yield Objection(at=("secrets", name), what=what, hint=f"chmod go-rwx {file.path.name}")
    seed = job.cloud_init.user_data if job.cloud_init else None
    if seed and _open_to_others(seed) and _SECRET.search(_start(seed)):
        what = f"others may read {seed.path.name}, which holds a key or a password"
        yield Objection(at=("cloud_init", "user_data"), what=what, hint=f"chmod go-rwx {seed.path.name}")


_SECRET = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----|^[ \t-]*(?:plain_text_passwd|password):[ \t]*\S", re.MULTILINE
)
"""What user data calls a secret, see the modules `ssh`, `set_passwords` and `users_groups` of cloud-init."""
_SEED_MOST = 64 * 1024
"""Bytes of a seed that are looked at."""


def _open_to_others(file: File) -> bool:
    """Whether it is a file of this computer that not only its owner can read."""
    try:
        mode = 0 if file.on_host else file.path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & (stat.S_IRWXG | stat.S_IRWXO))


def _start(file: File) -> bytes:
    """As much of a seed as is looked at."""
    try:
        with file.path.open("rb") as stream:
            return stream.read(_SEED_MOST)
    except OSError:
        return b""


def _empty_seed(job: Job) -> Iterator[Objection]:
    if job.cloud_init and not job.cloud_init.user_data and not job.contract:
        yield Objection(at=("cloud_init",), what="the seed has no user data", hint="add `user_data:`")


CHECKS: tuple[Check[Any], ...] = (
    Check(rule=IN_PLACE_TWICE, kind=Job, judge=_linked_in_place),
    Check(rule=FOLDER, kind=Job, judge=_folders),
    Check(rule=SAME_NAME, kind=Job, judge=_same_names),
    Check(rule=OPEN_SECRET, kind=Job, judge=_open_secrets),
    Check(rule=EMPTY_SEED, kind=Job, judge=_empty_seed),
    Check(rule=UNFIT, kind=Job, judge=_unfit),
)
ERRORS = tuple(check for check in CHECKS if check.rule.severity is Severity.ERROR)
"""Those that nobody can run with."""
