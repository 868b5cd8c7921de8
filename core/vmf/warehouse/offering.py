"""What a warehouse offers to whoever reads it by a web server: an index that is fetched whole, and the sums of blocks.

    IMAGES/.golden/index.jsonl    a line for each image that is offered: what it is, and the files that it is made of
    IMAGES/.golden/blocks/SHA256  the sums of the blocks of each of these, by the SHA-256 of the file

There is an index once its owner has made one; whoever changes which images there are then has it follow.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from vmf.blocks import sums
from vmf.blocks.places import SIZE_MOST
from vmf.errors import SetupError
from vmf.files.access import open_file
from vmf.files.beside import naming, replacing
from vmf.hookspecs import Report, unreported
from vmf.model import DiskFormat, Golden, Original
from vmf.model.golden import INSIDE, Sha256
from vmf.warehouse.checking import Damaged, Unusable, check_sizes, path_of, read
from vmf.warehouse.folders import Absent, Folders

INDEX = ".golden/index.jsonl"
BLOCKS = ".golden/blocks"
"""Below the warehouse's folder, and below its address."""
READABLE = 0o644


class Part(Struct, frozen=True, kw_only=True):
    """A file that an offered image is made of."""

    path: Annotated[str, Meta(pattern=INSIDE)]
    """Below the warehouse's folder, and below its address."""
    size: Annotated[int, Meta(ge=1, le=SIZE_MOST)]
    sha256: Sha256
    blocks: Sha256
    """The SHA-256 of the list of the sums of its blocks."""


class Offered(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A golden image that others may begin with."""

    version: Literal[1] = 1
    golden: Golden
    parts: Annotated[tuple[Part, ...], Meta(max_length=4096)]

    def part(self, sha256: str) -> Part:
        """The file of this sum.

        Raises:
            KeyError: if it is none of its files.
        """
        return next((each for each in self.parts if each.sha256 == sha256), None) or _missing(sha256)


class Unoffered(Exception):
    """An image that cannot be read from elsewhere; the text says why."""


def check(offered: Offered) -> None:
    """See that an image can be read from elsewhere, by what is said of it.

    Raises:
        Unoffered: if it cannot.
    """
    golden = offered.golden
    if golden.memory:
        raise Unoffered("it has a guest's memory, which fits few computers")
    for disk in golden.disks:
        if disk.base and not _is_below(disk.base):
            raise Unoffered(f"it lies on {disk.base.path}, which is not all of a file in the warehouse")
    stated = {each.sha256: each.size for each in offered.parts}
    wanted = {each.sha256: each.size for each in golden.shelved}
    if any(stated.get(sha256) != size for sha256, size in wanted.items()):
        raise Unoffered("the sums of a file's blocks are missing")
    if any(disk.base and disk.base.sha256 not in stated for disk in golden.disks):
        raise Unoffered("the sums of the blocks of a disk are missing")


class Offering:
    """The index of a warehouse."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._index = folders.images / INDEX

    @property
    def is_made(self) -> bool:
        """Whether there is one."""
        return self._index.exists()

    def make(self, report: Callable[[str], Report] = lambda _: unreported) -> Mapping[str, str]:
        """Make the index of what there is now; what of that is not offered, each with the reason.

        Args:
            report: gives, for a file's name, what is told how much of it has been summed; each file is summed once.

        Raises:
            SetupError: if it cannot be written.
        """
        with ExitStack() as held, self._folders.blaming():
            self._folders.make()
            self._folders.make_folder(self._folders.images / BLOCKS)
            lock = held.enter_context(self._index.with_suffix(".lock").open("ab"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            known, left, lines = dict(self._known()), dict[str, str](), list[bytes]()
            for id_ in self._folders.ids():
                try:
                    lines.append(known.get(id_) or msgspec.json.encode(self._offered(id_, report)))
                except Absent:
                    continue
                except (Damaged, Unusable, Unoffered, SetupError) as fault:
                    left[id_] = str(fault)
            with naming(self._index), replacing(self._index) as file:
                file.writelines(b"%s\n" % line for line in lines)
                os.fchmod(file.fileno(), READABLE)
        return left

    def _known(self) -> Iterator[tuple[str, bytes]]:
        """The lines of the index that there is, by the ids of images."""
        with suppress(OSError):
            for line in self._index.read_bytes().splitlines():
                with suppress(msgspec.MsgspecError):
                    yield msgspec.json.decode(line, type=Offered).golden.id, line

    def _offered(self, id_: str, report: Callable[[str], Report]) -> Offered:
        golden = read(self._folders, id_)
        check_sizes(self._folders, golden)
        files = {each.sha256: path_of(self._folders, golden, each) for each in golden.shelved}
        for disk in golden.disks:
            if disk.base and _is_below(disk.base):
                files[disk.base.sha256] = self._folders.images / disk.base.path
        parts = tuple(self._part(path, sha256, report(path.name)) for sha256, path in files.items())
        offered = Offered(golden=golden, parts=parts)
        check(offered)
        return offered

    def _part(self, path: Path, sha256: str, report: Report) -> Part:
        """A file, with the sums of its blocks beside the others."""
        listed = self._folders.images / BLOCKS / sha256
        with naming(path), open_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            found = listed.read_bytes() if listed.exists() else b""
            if len(found) != sums.count(size) * sums.DIGEST:
                found, whole = sums.listed(file, size, report)
                if whole != sha256:
                    raise Unoffered(f"{path} is not what was kept")
                with naming(listed), replacing(listed) as out:
                    out.write(found)
                    os.fchmod(out.fileno(), READABLE)
        inside = path.relative_to(self._folders.images)
        return Part(path=str(inside), size=size, sha256=sha256, blocks=hashlib.sha256(found).hexdigest())


def _is_below(base: Original) -> bool:
    """Whether what a disk began with is all of a file in the warehouse's folder."""
    return not (base.part or base.path.startswith("/") or base.format is DiskFormat.VMDK)


def _missing(sha256: str) -> Part:
    raise KeyError(sha256)
