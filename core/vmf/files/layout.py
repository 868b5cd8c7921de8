"""What a disc holds, as its own records tell: where each file begins, and how long it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias, cast

from pycdlib import PyCdlib
from pycdlib.dr import DirectoryRecord

Place: TypeAlias = tuple[int, int]
"""The sector in which a file begins, and its bytes; zeros for a folder."""

MOVED = b"RR_MOVED"
"""In ISO 9660, the folder at the root that holds the folders which lie too deep for it."""

_NAMES: Mapping[str, Callable[[DirectoryRecord], str]] = MappingProxyType({
    "rr_path": lambda record: record.rock_ridge.name().decode() if record.rock_ridge else "",
    "joliet_path": lambda record: record.file_identifier().decode("utf-16-be"),
})  # fmt: skip


def layout(disc: PyCdlib, tree: str) -> dict[str, Place]:
    """Every file and folder of one of a disc's trees, `rr_path` or `joliet_path`, by its path; one pass."""
    name, found = _NAMES[tree], dict[str, Place]()
    todo = [("", cast(DirectoryRecord, disc.get_record(**{tree: "/"})))]
    while todo:
        above, folder = todo.pop()
        for record in folder.children:
            if record.is_dot() or record.is_dotdot() or (not above and record.file_identifier() == MOVED):
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
