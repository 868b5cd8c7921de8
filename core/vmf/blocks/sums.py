"""The sums of a file's blocks: so each part of a file can be trusted, or not, before the rest of it is there.

A list of them is a file: the SHA-256 of each block in its order, 32 bytes each, with nothing before or between them.
"""

from __future__ import annotations

import hashlib
from typing import IO

from vmf.hookspecs import Report, unreported

BLOCK = 2**18
"""Bytes of a block; the last one of a file may have fewer."""
DIGEST = 32


def count(size: int) -> int:
    """How many blocks a file of `size` bytes has."""
    return -(-size // BLOCK)


def listed(file: IO[bytes], size: int, report: Report = unreported) -> tuple[bytes, str]:
    """The list for an open file of `size` bytes, and the SHA-256 of the file in hexadecimal."""
    whole, found = hashlib.sha256(), bytearray()
    file.seek(0)
    for done in range(0, size, BLOCK):
        block = file.read(min(BLOCK, size - done))
        whole.update(block)
        found += hashlib.sha256(block).digest()
        report(done, size)
    return bytes(found), whole.hexdigest()


class Sums:
    """The list for a file of `size` bytes.

    Raises:
        ValueError: if it is that of a file of another size.
    """

    def __init__(self, listed: bytes, size: int) -> None:
        if len(listed) != count(size) * DIGEST:
            raise ValueError(f"{len(listed)} bytes are no list of the sums of {count(size)} blocks")
        self._listed = listed
        self.size = size
        self.count = count(size)

    def length(self, number: int) -> int:
        """The bytes of a block."""
        return min(BLOCK, self.size - number * BLOCK)

    def holds(self, number: int, block: bytes) -> bool:
        """Whether this is the block of that number."""
        at = number * DIGEST
        return hashlib.sha256(block).digest() == self._listed[at : at + DIGEST]
