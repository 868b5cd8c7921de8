"""Discs: ISO 9660 with Rock Ridge for every name that Linux allows, and Joliet for those that it can hold.

The names of plain ISO 9660 are numbers, since little else fits eight capital letters. A disc is read back and compared
with what it was made of before it counts.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from types import MappingProxyType
from typing import IO, BinaryIO, TypeAlias, cast

from pycdlib import PyCdlib
from pycdlib.dr import DirectoryRecord
from pycdlib.pycdlibexception import PyCdlibException

from vmf.errors import VmfError
from vmf.files.beside import appearing
from vmf.files.console import one_line
from vmf.files.faults import changed
from vmf.files.iso9660 import LEVELS, SECTOR, objection
from vmf.files.source import Content, Source
from vmf.hookspecs import Report, unreported

PIECE = 2**20
_PADDING = 150 * SECTOR
"""Beyond its end, as mkisofs has it: systems read ahead, and busybox tells no disc by its label that is too short."""
_JOLIET_MOST = 64
"""UTF-8 bytes of a name: pycdlib counts these, Joliet two-byte units."""
_NOT_JOLIET = frozenset("*/:;?\\")
_Place: TypeAlias = tuple[int, int]
"""The sector in which a file begins, and its bytes; zeros for a folder."""

_MOVED = b"RR_MOVED"
"""In ISO 9660, the folder at the root that holds the folders which lie too deep for it."""

_NAMES: Mapping[str, Callable[[DirectoryRecord], str]] = MappingProxyType({
    "rr_path": lambda record: record.rock_ridge.name().decode() if record.rock_ridge else "",
    "joliet_path": lambda record: record.file_identifier().decode("utf-16-be"),
})  # fmt: skip
_HINT = "the disk may be failing; if it is not, please report this"


def write(path: Path, contents: Mapping[str, Content], *, label: str, report: Report = unreported) -> None:
    """Write a disc, complete or not at all, and read it back; it is on its way to a host, and not synced.

    Args:
        path: the disc's file; it is the owner's alone.
        contents: by paths on the disc, with slashes and none at the start; folders on the way need no entry.
        label: at most 32 capital letters, digits and underscores, or `cidata`.
        report: is told how many bytes are written, and of how many; what it raises breaks the work off.

    Raises:
        JobFault: if a source changed meanwhile, or cannot be read any more.
        VmfError: if the disc cannot be made or does not hold what was given; `path` is then as it was.
        OSError: if it cannot be written.
    """
    try:
        with appearing(path) as file:
            disc = _Disc(contents, label)
            disc.write(file, report)
            file.flush()
            disc.compare(file, report)
            file.truncate(file.seek(0, os.SEEK_END) + _PADDING)
    except (PyCdlibException, AttributeError) as error:  # its reader stumbles over what it did not expect
        raise VmfError(f"{path}: the disc could not be made: {error}", hint="please report this") from error


class _Disc:
    """A disc under construction."""

    def __init__(self, contents: Mapping[str, Content], label: str) -> None:
        self._contents = contents
        self._folders: dict[str, tuple[str, str | None]] = {"": ("", "")}
        """Their paths in ISO 9660 and in Joliet, where they are in it, by their own."""
        self._joliet: set[str] = set()
        self._names: set[str] = set()
        self._iso = PyCdlib()
        self._iso.new(interchange_level=3, vol_ident=label, joliet=3, rock_ridge="1.09")
        if any(name.count("/") >= LEVELS - 1 for name in contents):
            taken = {name.split("/")[0] for name in contents}
            free = (name for number in range(len(taken) + 1) if (name := f"rr_moved{number or ''}") not in taken)
            self._iso.set_relocated_name(_MOVED.decode(), next(free))
        for name in sorted(contents):  # so that the disc does not depend on the mapping's order
            self._add(name, contents[name])

    def write(self, file: BinaryIO, report: Report) -> None:
        """Write it; `report` as for the function `write`."""
        self._iso.write_fp(file, blocksize=PIECE, progress_cb=lambda done, total, _: report(done, total))
        self._iso.close()

    def compare(self, file: BinaryIO, report: Report) -> None:
        """See that a file holds it: the names in both trees, and every byte."""
        back = PyCdlib()
        back.open_fp(file)
        rock_ridge, joliet = _layout(back, "rr_path"), _layout(back, "joliet_path")
        back.close()
        if rock_ridge.keys() != self._names or joliet != {name: rock_ridge[name] for name in self._joliet}:
            raise VmfError("the disc does not hold the files that were written to it", hint=_HINT)
        size = file.seek(0, os.SEEK_END)
        for name, (start, length) in rock_ridge.items():
            content = self._contents.get(name)
            report(size, size)
            if content is not None:
                file.seek(start * SECTOR)
                _compare(file, length, content, name)

    def _add(self, name: str, content: Content) -> None:
        if reason := objection(name):
            raise VmfError(f"{one_line(name.encode(errors='replace'))} cannot be on a disc: {reason}")
        above, _, own = name.rpartition("/")
        self._enter(above)
        if content is None:
            self._enter(name)
            return
        if name in self._names:
            raise VmfError(f"{one_line(name.encode())} is a file and a folder")
        size = len(content) if isinstance(content, bytes) else content.size
        executable = isinstance(content, Source) and content.executable
        stream = BytesIO(content) if isinstance(content, bytes) else cast(BinaryIO, _Stream(content))
        self._iso.add_fp(
            stream,
            size,
            iso_path=f"{self._folders[above][0]}/A{self._number:07}.;1",
            rr_name=own,
            joliet_path=self._in_joliet(above, own),
            file_mode=stat.S_IFREG | (0o555 if executable else 0o444),
        )
        self._names.add(name)

    def _enter(self, name: str) -> None:
        """Make a folder, unless it is there, and those above it."""
        if name in self._folders:
            return
        above, _, own = name.rpartition("/")
        self._enter(above)
        if name in self._names:
            raise VmfError(f"{one_line(name.encode())} is a file and a folder")
        self._folders[name] = f"{self._folders[above][0]}/D{self._number:07}", self._in_joliet(above, own)
        iso_path, joliet_path = self._folders[name]
        self._iso.add_directory(iso_path, rr_name=own, joliet_path=joliet_path, file_mode=stat.S_IFDIR | 0o555)
        self._names.add(name)

    @property
    def _number(self) -> int:
        return len(self._names)

    def _in_joliet(self, above: str, name: str) -> str | None:
        """The path in Joliet; None if Joliet cannot hold the name, or not the folder's."""
        folder = self._folders[above][1]
        if folder is None or not _fits_joliet(name):
            return None
        self._joliet.add(f"{above}/{name}" if above else name)
        return f"{folder}/{name}"


class _Stream:
    """A source as pycdlib reads it: open only while it is read, so that a disc can hold any number of files."""

    mode = "rb"  # pycdlib asks for it

    def __init__(self, source: Source) -> None:
        self._source = source
        self._file: IO[bytes] | None = None

    def seek(self, offset: int) -> int:
        """Go to a place; opens the file."""
        if self._file is None:
            self._file = self._source.open()
        return self._file.seek(offset)

    def read(self, size: int) -> bytes:
        """Read on; closes the file at its end, which is also where it is shorter than it was."""
        file = self._file
        if file is None:
            return b""
        data = file.read(size)
        if len(data) < size or file.tell() >= self._source.size:
            file.close()
            self._file = None
        return data


def _fits_joliet(name: str) -> bool:
    return (
        len(name.encode()) <= _JOLIET_MOST
        and _NOT_JOLIET.isdisjoint(name)
        and min(name) >= " "
        and max(name) <= "\uffff"
    )


def _compare(file: BinaryIO, length: int, content: bytes | Source, name: str) -> None:
    """See that the next bytes of a disc are a file's content, of this moment."""
    if isinstance(content, bytes):
        if file.read(length) != content:
            raise VmfError(f"the disc holds {one_line(name.encode())} otherwise than it was written", hint=_HINT)
        return
    with content.open() as source:
        left = length
        while left:
            piece = source.read(min(PIECE, left))
            if not piece or file.read(len(piece)) != piece:
                break
            left -= len(piece)
        if left or length != content.size or source.read(1):
            raise changed(content.name)


def _layout(disc: PyCdlib, tree: str) -> dict[str, _Place]:
    """Every file and folder of one of a disc's trees, `rr_path` or `joliet_path`, by its path; one pass."""
    name, found = _NAMES[tree], dict[str, _Place]()
    todo = [("", cast(DirectoryRecord, disc.get_record(**{tree: "/"})))]
    while todo:
        above, folder = todo.pop()
        for record in folder.children:
            if record.is_dot() or record.is_dotdot() or (not above and record.file_identifier() == _MOVED):
                continue
            path = above + name(record)
            if record.is_dir() or _moved(record):
                found[path] = (0, 0)
                todo.append((f"{path}/", _moved(record) or record))
            else:  # a file of more than 4 GiB has several records, in their order
                start, size = found.get(path, (record.extent_location(), 0))
                found[path] = (start, size + record.get_data_length())
    return found


def _moved(record: DirectoryRecord) -> DirectoryRecord | None:
    """The folder that lies elsewhere and belongs here, if the record stands for one."""
    rock_ridge = record.rock_ridge
    return rock_ridge.cl_to_moved_dr if rock_ridge and rock_ridge.child_link_record_exists() else None
