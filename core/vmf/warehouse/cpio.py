"""The archive that a Linux kernel unpacks at boot: cpio in its `newc` form, the same bytes for the same entries."""

from __future__ import annotations

import stat
from collections.abc import Iterable

from msgspec import Struct


class Entry(Struct, frozen=True, kw_only=True):
    """One file, folder, link or device; owned by root, dated 1970."""

    name: str
    mode: int
    """Type and permissions, as in `stat.S_IFREG | 0o644`."""
    data: bytes = b""
    """A file's content, or a link's target."""
    device: tuple[int, int] = (0, 0)
    """Major and minor number of a device."""


def folder(name: str) -> Entry:
    """Return an open folder."""
    return Entry(name=name, mode=stat.S_IFDIR | 0o755)


def file(name: str, data: bytes, *, mode: int = 0o644) -> Entry:
    """Return a regular file."""
    return Entry(name=name, mode=stat.S_IFREG | mode, data=data)


def link(name: str, target: str) -> Entry:
    """Return a symbolic link."""
    return Entry(name=name, mode=stat.S_IFLNK | 0o777, data=target.encode())


def device(name: str, major: int, minor: int) -> Entry:
    """Return a character device."""
    return Entry(name=name, mode=stat.S_IFCHR | 0o600, device=(major, minor))


def archive(entries: Iterable[Entry]) -> bytes:
    """Write the entries, in their order, with the trailer that ends an archive."""
    numbered = enumerate((*entries, Entry(name="TRAILER!!!", mode=0)), start=1)
    return b"".join(_record(number, entry) for number, entry in numbered)


def _record(number: int, entry: Entry) -> bytes:
    name = entry.name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, *entry.device, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + name) + _padded(entry.data)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
