"""The smallest of programs: it has the kernel's random numbers begin anew, from all that has been mixed in by now.

No shell can ask for that, and busybox has no program that does: so here is one for x86-64, as the kernel runs it.
"""

from __future__ import annotations

import struct

ADDRESS = 0x400000
"""Where it is in its own memory."""
HEADER, SEGMENT = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
CODE = bytes.fromhex(
    "b810000000"  # mov eax, 16      ioctl(
    "31ff"  # xor edi, edi           0: standard input, which is /dev/urandom,
    "be07520000"  # mov esi, 0x5207  RNDRESEEDCRNG,
    "31d2"  # xor edx, edx           0)
    "0f05"  # syscall
    "f7d8"  # neg eax
    "89c7"  # mov edi, eax
    "b83c000000"  # mov eax, 60      exit(the error's number)
    "0f05"  # syscall
)


def _program() -> bytes:
    start, size = HEADER.size + SEGMENT.size, HEADER.size + SEGMENT.size + len(CODE)
    header = HEADER.pack(
        b"\x7fELF\x02\x01\x01", 2, 62, 1, ADDRESS + start, HEADER.size, 0, 0, HEADER.size, SEGMENT.size, 1, 0, 0, 0
    )
    return header + SEGMENT.pack(1, 5, 0, ADDRESS, ADDRESS, size, size, 4096) + CODE


RESEED = _program()
"""An ELF file."""
