"""The memory of a guest in one file: VMware has it in two, what its devices hold and the memory itself. Pure.

The file is a tar archive of both.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, TYPE_CHECKING

from vmf.disks.reading import SliceReader, Unfit
from vmf.files import tar
from vmf.model import Slice

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_HINT = "the checkpoint is spoilt: release the job to go on from another one"


def pack(members: Mapping[str, IO[bytes]]) -> IO[bytes]:
    """One stream of several files, by their names; each can be sought, and is closed with the stream."""
    return io.BufferedReader(_Chain(_packed(members), members.values()))


def unpack(file: IO[bytes], names: Iterable[str]) -> dict[str, IO[bytes]]:
    """The members of such a file that are called so, as far as they are there; the file stays open.

    Raises:
        Unfit: if it is no such file.
    """
    wanted, found = {*names}, {}
    archive = tar.TarFile(file)
    try:
        for member in archive:
            name = member.name.decode(errors="replace")
            if name in wanted and member.kind == tar.FILE and member.size:
                found[name] = Slice(offset=archive.at, size=member.size)
    except tar.Broken as error:
        raise Unfit(f"it holds no guest's memory: {error.brief}", _HINT) from error
    return {name: io.BufferedReader(SliceReader(file, part)) for name, part in found.items()}


def _packed(members: Mapping[str, IO[bytes]]) -> Iterator[IO[bytes]]:
    for name, file in members.items():
        info = tarfile.TarInfo(name)
        info.size = file.seek(0, os.SEEK_END)
        file.seek(0)
        yield io.BytesIO(info.tobuf(tarfile.GNU_FORMAT))
        yield file
        yield io.BytesIO(bytes(-info.size % tar.BLOCK))
    yield io.BytesIO(bytes(2 * tar.BLOCK))


class _Chain(io.RawIOBase):
    """Streams one after another."""

    def __init__(self, streams: Iterator[IO[bytes]], owned: Iterable[IO[bytes]]) -> None:
        super().__init__()
        self._streams = streams
        self._owned = tuple(owned)
        self._here: IO[bytes] | None = next(streams, None)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        while self._here is not None:
            if piece := self._here.read(len(view)):
                view[: len(piece)] = piece
                return len(piece)
            self._here = next(self._streams, None)
        return 0

    def close(self) -> None:
        super().close()
        for each in self._owned:
            each.close()
