"""Guests of one sector, which any BIOS boots, for tests of what a host does with machines."""

from __future__ import annotations

SECTOR = 512
SIZE = 2**20
"""Of their disks, in bytes."""
_START = "31c0 8ed8 8ec0 8ed0 bc007c 52"  # all segments are 0, the stack is below the code; DL is the booted disk
_SAYS = "baf803 b02e ee"  # it says "." on the serial port

COUNTS = bytes.fromhex(
    _START + "c606007e40"  # a counter in memory, one below "A"
    "fe06007e a0007e baf803 ee"  # it is one more, and goes to the serial port
    "5a 52 30f6 b80103 bb007e b90200 cd13"  # and to the second sector of the disk
    "fb f4 f4 ebe1"  # two ticks of the clock later, again
)
POWERS_OFF = bytes.fromhex(_SAYS + "ba0406 b80020 ef f4 ebfd")  # by ACPI
RESETS = bytes.fromhex(_SAYS + "b90900 fb f4 e2fc b0fe e664 f4 ebfd")  # after half a second


def disk(code):
    """The bytes of a disk that boots one of them."""
    return (code.ljust(SECTOR - 2, b"\0") + b"\x55\xaa").ljust(SIZE, b"\0")
