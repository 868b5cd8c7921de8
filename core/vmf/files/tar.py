"""A forward-only reader of tar streams from strangers.

Python's tarfile believes headers: it reads an extended header of any claimed size into memory and keeps every member
that it has seen. The grammar that guests' tars speak (ustar, GNU long names, pax path, size and mtime) is small, so
it is read here, with every length bounded before it is used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import IO

from msgspec import Struct

from vmf.errors import VmfError
from vmf.files.console import one_line

BLOCK = 512
CHUNK = 2**20
EXTENSION_MAX = 64 * 1024
EXTENSIONS_MAX = 64
SIZE_MAX = 2**63
FILE = "a file"
FOLDER = "a folder"
SPARSE = "a sparse file"

_KINDS: Mapping[bytes, str] = MappingProxyType({
    b"0": FILE,
    b"\0": FILE,
    b"7": FILE,
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"5": FOLDER,
    b"6": "a named pipe",
    b"S": SPARSE,
})  # fmt: skip
_WITHOUT_CONTENT = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})
_OCTAL = re.compile(rb" *([0-7]*) *")
_BINARY = 0x80
_PAX_RECORD = re.compile(rb"([0-9]{1,6}) ([^=]+)=")
_PAX_KEYS = frozenset({b"path", b"size", b"mtime", b"GNU.sparse.name"})
_PAX_SIZE = re.compile(rb"[0-9]{1,19}")
_PAX_TIME = re.compile(rb"-?[0-9]{1,19}(\.[0-9]{0,30})?")


class Broken(VmfError):
    """From here on the stream cannot be read as tar; `name` is where, as text that is safe to show."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name = name
        self.reason = reason


class Member(Struct, frozen=True, kw_only=True):
    """One entry of the stream, as its header claims."""

    name: bytes
    kind: str
    """`FILE`, `FOLDER`, or what else it is, for people."""
    size: int
    """Bytes of content that follow."""
    executable: bool
    mtime: float
    """Seconds since 1970; may be any number."""

    @property
    def shown(self) -> str:
        """The name as text that is safe to show."""
        return one_line(self.name)


class Tar:
    """The members of a stream, one after the other, each with its content.

    Ends at the first block of zeros, or where the stream ends between two members.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._ahead = b""
        self._at = 0
        self._what = ""
        self._left = 0
        self._padding = 0

    def peek(self) -> bytes:
        """The stream's first block, less where there is no more; it is still to be read."""
        while len(self._ahead) < BLOCK and (piece := self._stream.read(BLOCK - len(self._ahead))):
            self._ahead += piece
        return self._ahead

    def __iter__(self) -> Iterator[Member]:
        """Each member; what was not read of its content is skipped.

        Raises:
            Broken: if the stream is no tar, or ends within a member.
        """
        while (member := self._next()) is not None:
            yield member

    @property
    def at(self) -> int:
        """How many bytes of the stream have been read or passed over: where the current member's content goes on."""
        return self._at

    def content(self) -> Iterator[bytes]:
        """The content of the current member in pieces, once.

        Raises:
            Broken: if the stream ends first.
        """
        while self._left:
            piece = self._read(min(self._left, CHUNK))
            if not piece:
                raise Broken(self._what, "the stream ends in the middle of it")
            self._left -= len(piece)
            yield piece

    def _next(self) -> Member | None:
        extensions: dict[bytes, bytes] = {}
        for _ in range(EXTENSIONS_MAX):
            if (block := self._header()) is None:
                return None
            try:
                member = _member(block, extensions)
                if (extend := _EXTENSIONS.get(block[156:157])) is None:
                    return self._begin(member, more=block[482] if member.kind is SPARSE else 0)
                extensions |= extend(self._extension(member.size))
            except ValueError as error:
                raise Broken(self._what, str(error)) from error
        raise Broken(self._what, f"it has more than {EXTENSIONS_MAX} extended headers")

    def _header(self) -> bytes | None:
        """The next header; None at the end."""
        self._pass_over()
        self._block(self._padding)
        self._padding = 0
        self._what = f"byte {self._at}"
        block = self._block(BLOCK)
        return None if block in {b"", bytes(BLOCK)} else block

    def _pass_over(self) -> None:
        for _ in self.content():
            pass

    def _begin(self, member: Member, *, more: int) -> Member:
        self._what = member.shown
        while more:  # an old GNU sparse file's map goes on in blocks of its own
            more = (self._block(BLOCK) or bytes(BLOCK))[504]
        self._left, self._padding = member.size, -member.size % BLOCK
        return member

    def _extension(self, size: int) -> bytes:
        if size > EXTENSION_MAX:
            raise ValueError("its extended header is larger than 64 KiB")
        self._left, self._padding = size, -size % BLOCK
        return b"".join(self.content())

    def _block(self, size: int) -> bytes:
        """Exactly `size` bytes, or none where the stream has ended."""
        block = self._read(size)
        while 0 < len(block) < size:
            if not (piece := self._read(size - len(block))):
                raise Broken(self._what, "the stream ends in the middle of it")
            block += piece
        return block

    def _read(self, size: int) -> bytes:
        piece, self._ahead = self._ahead[:size], self._ahead[size:]
        piece = piece or self._stream.read(size)
        self._at += len(piece)
        return piece


class TarFile(Tar):
    """The same of a file, in which content can be passed over without being read, however large it is."""

    def __init__(self, file: IO[bytes]) -> None:
        self._end = file.seek(0, os.SEEK_END)
        file.seek(0)
        super().__init__(file)

    def _pass_over(self) -> None:
        if self._left > self._end - self._at:
            raise Broken(self._what, "the file ends in the middle of it")
        self._at = self._stream.seek(self._at + self._left)
        self._left = 0


def _member(block: bytes, extensions: Mapping[bytes, bytes]) -> Member:
    """The member that a header announces, with what the extended headers before it say.

    Raises:
        ValueError: if it is no header.
    """
    if _number(block[148:156]) != sum(block) - sum(block[148:156]) + 8 * ord(" "):
        raise ValueError("no tar header is here")
    flag = block[156:157]
    name = extensions.get(b"GNU.sparse.name") or extensions.get(b"path") or _ustar_name(block)
    kind = SPARSE if b"sparse" in extensions else _KINDS.get(flag, "something unknown")
    if flag == b"\0" and name.endswith(b"/"):  # how tars older than ustar tell a folder
        kind, flag = FOLDER, b"5"
    return Member(
        name=name,
        kind=kind,
        size=0 if flag in _WITHOUT_CONTENT else _size(block, extensions),
        executable=bool(_number(block[100:108]) & 0o100),
        mtime=float(extensions[b"mtime"]) if b"mtime" in extensions else _number(block[136:148]),
    )


def _size(block: bytes, extensions: Mapping[bytes, bytes]) -> int:
    size = int(extensions[b"size"]) if b"size" in extensions else _number(block[124:136])
    if size >= SIZE_MAX:
        raise ValueError("its size is no size")
    return size


def _ustar_name(block: bytes) -> bytes:
    name, prefix = (field.split(b"\0")[0] for field in (block[:100], block[345:500]))
    # The same bytes hold other things where the magic is GNU's.
    return prefix + b"/" + name if prefix and block[257:263] == b"ustar\0" else name


def _number(field: bytes) -> int:
    """A number of a header: octal digits, or GNU's big-endian binary; a negative one is read as a huge one."""
    if field[0] & _BINARY:
        return int.from_bytes(field, "big") - (_BINARY << 8 * (len(field) - 1))
    digits = _OCTAL.fullmatch(field.split(b"\0")[0])
    if digits is None:
        raise ValueError("its header has a number that is none")
    return int(digits[1] or b"0", 8)


def _pax(payload: bytes) -> dict[bytes, bytes]:
    """The records of an extended header that matter here; `sparse` if there is any about sparse files."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(payload):
        record = _PAX_RECORD.match(payload, at)
        end = at + int(record[1]) if record else 0
        if record is None or end <= record.end() or payload[end - 1 : end] != b"\n":
            raise ValueError("its extended header is malformed")
        if record[2] in _PAX_KEYS:
            found[record[2]] = payload[record.end() : end - 1]
        if record[2].startswith(b"GNU.sparse."):
            found[b"sparse"] = b""
        at = end
    for key, form in ((b"size", _PAX_SIZE), (b"mtime", _PAX_TIME)):
        if key in found and not form.fullmatch(found[key]):
            raise ValueError(f"its extended header has a {key.decode()} that is none")
    return found


def _long_name(payload: bytes) -> dict[bytes, bytes]:
    return {b"path": payload.rstrip(b"\0")}


def _nothing(_payload: bytes) -> dict[bytes, bytes]:
    return {}


_EXTENSIONS: Mapping[bytes, Callable[[bytes], dict[bytes, bytes]]] = MappingProxyType({
    b"L": _long_name,
    b"K": _nothing,  # where a link leads does not matter: links are refused
    b"g": _nothing,  # what holds for all members is nothing that is read here
    b"x": _pax,
})  # fmt: skip
