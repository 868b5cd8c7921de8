"""Reading what is compressed, piece by piece; whoever reads decides how much that may be."""

from __future__ import annotations

import bz2
import lzma
import os
import subprocess
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping
from types import MappingProxyType
from typing import BinaryIO

from vmf.files import programs

PIECE = 2**20
"""The most bytes of a piece."""
MEMORY = 2**28
"""The most bytes that unpacking may take: what was packed says how much it needs."""


class Damaged(Exception):
    """What was read is not what its first bytes say, or nothing here can unpack it."""


def pieces(source: BinaryIO) -> Generator[bytes, None, None]:
    """Unpack what begins here in a file; at the end the file is where the rest begins.

    Raises:
        Damaged: if that cannot be done.
    """
    start = source.tell()
    head = source.read(max(map(len, _FORMS)))
    source.seek(start)
    unpack = next((form for magic, form in _FORMS.items() if head.startswith(magic)), None)
    if unpack is None:
        raise Damaged("it is compressed in a way that is not known here, or not at all")
    try:
        yield from unpack(source)
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise Damaged(str(error)) from error


def _gzip(source: BinaryIO) -> Iterator[bytes]:
    engine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # 16: with gzip's header
    while not engine.eof:
        yield engine.decompress(engine.unconsumed_tail or _more(source), PIECE)
    source.seek(-len(engine.unused_data), os.SEEK_CUR)


def _other(engine: lzma.LZMADecompressor | bz2.BZ2Decompressor, source: BinaryIO) -> Iterator[bytes]:
    while not engine.eof:
        yield engine.decompress(_more(source) if engine.needs_input else b"", PIECE)
    source.seek(-len(engine.unused_data), os.SEEK_CUR)


def _more(source: BinaryIO) -> bytes:
    data = source.read(PIECE)
    if not data:
        raise EOFError("it ends too soon")
    return data


def _lzma(source: BinaryIO) -> Iterator[bytes]:
    return _other(lzma.LZMADecompressor(memlimit=MEMORY), source)


def _bzip2(source: BinaryIO) -> Iterator[bytes]:
    return _other(bz2.BZ2Decompressor(), source)


def _zstd(source: BinaryIO) -> Iterator[bytes]:
    return _by_program(source, "zstd", "-dcq", f"--memory={MEMORY}")


def _lz4(source: BinaryIO) -> Iterator[bytes]:
    return _by_program(source, "lz4", "-dcq")  # a block is 8 MiB at most


def _by_program(source: BinaryIO, name: str, *words: str) -> Iterator[bytes]:
    """Unpack what Python's library cannot."""
    program = programs.find(name)
    if program is None:
        raise Damaged(f"there is no {name} here, which unpacks it")
    os.lseek(source.fileno(), source.tell(), os.SEEK_SET)  # the program reads from where the kernel is, not Python
    command, gave = (program, *words), False
    with subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            while process.stdout and (piece := process.stdout.read(PIECE)):
                gave = True
                yield piece
            if process.wait() and not gave:  # it also objects to zeros behind, of which the kernel takes no notice
                raise Damaged(f"{name} cannot unpack it")
        finally:  # it may be that nobody asks for the rest
            process.kill()
    source.seek(0, os.SEEK_END)  # how far the program has read is not known; it unpacks all that follows one another


_FORMS: Mapping[bytes, Callable[[BinaryIO], Iterator[bytes]]] = MappingProxyType({
    b"\x1f\x8b": _gzip,
    b"\xfd7zXZ\0": _lzma,
    b"\x5d\0\0": _lzma,
    b"BZh": _bzip2,
    b"\x28\xb5\x2f\xfd": _zstd,
    b"\x02\x21\x4c\x18": _lz4,
})  # fmt: skip
"""By the first bytes of what is packed; of lz4 kernels know the older form only. They know lzo, too."""
