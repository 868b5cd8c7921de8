"""A guest of one sector, which any BIOS boots: it speaks on its serial port, writes to its disk, and powers off.

Under emulation of a computer that is emulated itself, it comes and goes in seconds; a Linux takes a minute or more.
"""

from __future__ import annotations

SECTOR = 512
SIZE = 2**20
"""Of its disk, in bytes."""
SAYS = b"a sector speaks\r\n"
_CODE = bytes.fromhex(
    "31c0 8ed8 8ec0 8ed0 bc007c"  # all segments are 0, the stack is below the code
    "52"  # the BIOS says in DL which disk it booted
    "be327c ac 84c0 7406 baf803 ee ebf5"  # each byte of the text goes to the serial port at 0x3f8
    "5a b600 b80103 bb007c b90200 cd13"  # the BIOS writes one sector, this code, to the second sector of that disk
    "ba04b0 b80020 ef"  # the register by which Xen's computers power off
    "f4 ebfd"  # until then, nothing is done
)
_MARK = b"\x55\xaa"
"""The end of a sector that boots."""


def disk():
    """Its disk's bytes."""
    return sector().ljust(SIZE, b"\0")


def sector():
    """What it boots, and what it writes."""
    return (_CODE + SAYS + b"\0").ljust(SECTOR - len(_MARK), b"\0") + _MARK
