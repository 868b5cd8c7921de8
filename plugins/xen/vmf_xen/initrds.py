"""The kernel modules that an initial RAM disk carries: cpio archives one after the other, the later ones compressed.

The first one mostly is the processor's microcode, which the kernel has to find without unpacking anything.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Generator, Iterator
from io import BufferedReader, RawIOBase
from typing import TYPE_CHECKING, Any

from vmf_xen.packed import PIECE, Damaged, pieces

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

UNPACKED = 2**29
"""The most bytes that are looked at, packed and unpacked."""

_MAGICS = (b"070701", b"070702")
"""What an entry of cpio's `newc` form begins with."""
_NUMBERS = struct.Struct(">13I")
"""They follow, in hexadecimal digits; two of them matter."""
_DATA, _NAME = 6, 11
_HEADER = len(_MAGICS[0]) + 2 * _NUMBERS.size
_NAME_MOST = 4096
_ALIGNED = 4
_LIST_MOST = 2**20
_END = b"TRAILER!!!"
_MODULE = re.compile(rb"(?:.*/)?(?:[0-9]+-)?([^/]+?)\.ko(?:\.[a-z0-9]+)?")
"""A module's file, compressed or not; vmf's own guests number theirs."""
_BUILT_IN = re.compile(rb"(?:.*/)?modules\.builtin")
"""The list of what could have been a module and is in the kernel."""


def modules(initrd: BufferedReader) -> Iterator[str]:
    """The names of its modules, with `_` for `-`, and of those that it says to be built into its kernel.

    Raises:
        Damaged: if it is none, cannot be unpacked here, or is larger than 512 MiB.
    """
    left = UNPACKED
    if initrd.seek(0, os.SEEK_END) > left:
        raise Damaged("it is too large")
    initrd.seek(0)
    while _is_more(initrd):
        if _is_plain(initrd):
            yield from _archive(initrd)
            continue
        with _Unpacked(pieces(initrd), left) as raw:
            unpacked = BufferedReader(raw, PIECE)
            while _is_more(unpacked):  # several may be compressed as one
                yield from _archive(unpacked)
            left = raw.left


class _Unpacked(RawIOBase):
    """What comes in pieces, as a file to read."""

    def __init__(self, unpacked: Generator[bytes, None, None], left: int) -> None:
        self.left = left
        """Bytes that may still come."""
        self._unpacked = unpacked
        self._ahead = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._ahead:
            piece = next(self._unpacked, None)
            if piece is None:
                return 0
            self.left -= len(piece)
            if self.left < 0:
                raise Damaged("there is too much in it")
            self._ahead = memoryview(piece)
        into = memoryview(buffer).cast("B")
        size = min(len(into), len(self._ahead))
        into[:size], self._ahead = self._ahead[:size], self._ahead[size:]
        return size

    def close(self) -> None:
        self._unpacked.close()
        super().close()


def _is_more(file: BufferedReader[Any]) -> bool:
    """Whether anything but zeros follows, which have been passed then."""
    while ahead := file.peek():
        rest = ahead.lstrip(b"\0")
        file.read(len(ahead) - len(rest))
        if rest:
            return True
    return False


def _is_plain(file: BufferedReader) -> bool:
    head = file.read(len(_MAGICS[0]))
    file.seek(-len(head), os.SEEK_CUR)
    return head in _MAGICS


def _archive(file: BufferedReader[Any]) -> Iterator[str]:
    """The modules of one archive, up to its end."""
    while True:
        name, size = _entry(file)
        if name == _END:
            return
        if found := _MODULE.fullmatch(name):
            yield _spelt(found[1])
        if _BUILT_IN.fullmatch(name) and size <= _LIST_MOST:
            listed = _exactly(file, size).splitlines()
            yield from (_spelt(found[1]) for line in listed if (found := _MODULE.fullmatch(line)))
            size = -size % _ALIGNED
        else:
            size += -size % _ALIGNED
        while size:
            size -= len(_exactly(file, min(size, PIECE)))


def _entry(file: BufferedReader[Any]) -> tuple[bytes, int]:
    """An entry's name, and the size of its data, which follows."""
    header = _exactly(file, _HEADER)
    magic, digits = header[: len(_MAGICS[0])], header[len(_MAGICS[0]) :]
    try:
        numbers = _NUMBERS.unpack(bytes.fromhex(digits.decode("ascii")))
    except (ValueError, struct.error) as error:
        raise Damaged("it has an entry with no numbers") from error
    if magic not in _MAGICS or not 0 < numbers[_NAME] <= _NAME_MOST:
        raise Damaged("it has something that is no entry")
    length = numbers[_NAME] + -(_HEADER + numbers[_NAME]) % _ALIGNED
    return _exactly(file, length)[: numbers[_NAME] - 1], numbers[_DATA]


def _exactly(file: BufferedReader[Any], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise Damaged("it ends too soon")
    return data


def _spelt(name: bytes) -> str:
    return name.decode(errors="replace").replace("-", "_")
