"""The file that describes a machine to VMware, as a mapping of its keys to their values. Pure.

Each line is `key = "value"`. A quote, a bar and what cannot be seen are written as a bar with two hexadecimal digits.
The case of a key does not count: a mapping that was read has small letters only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vmf.errors import VmfError

MOST = 2**20
"""Bytes of such a file that are looked at; those that VMware writes have a few thousand."""
KEY = re.compile(r"[A-Za-z.][A-Za-z0-9_.:-]{0,127}")
_LINE = re.compile(r"\s*([A-Za-z.][A-Za-z0-9_.:-]{0,127})\s*=\s*(?:\"([^\"]*)\"|([^\s\"#]*))\s*(?:#.*)?")
_ESCAPED = re.compile(r"\|([0-9A-Fa-f]{2})")
_HIDDEN = re.compile(r"[\x00-\x1f\x7f\"|]")


class Unreadable(Exception):
    """A text that is none of VMware's; the exception's own says why."""


def read(text: bytes) -> dict[str, str]:
    """What a file says, by its keys in small letters; of a key that is there twice, the last line counts.

    Raises:
        Unreadable: if it is none, or too long.
    """
    if len(text) > MOST:
        raise Unreadable(f"it has more than {MOST} bytes")
    found: dict[str, str] = {}
    for number, line in enumerate(text.decode(errors="replace").lstrip("\ufeff").splitlines(), 1):
        if not line.strip() or line.lstrip().startswith(("#", "!")):
            continue
        matched = _LINE.fullmatch(line)
        if not matched:
            raise Unreadable(f'line {number} is not `key = "value"`')
        key, quoted, plain = matched.groups()
        found[key.lower()] = _ESCAPED.sub(_plain, quoted if quoted is not None else plain)
    return found


def write(lines: Mapping[str, str]) -> bytes:
    """A file that says this, in the mapping's order.

    Raises:
        VmfError: if a key is none.
    """
    for key in lines:
        if not KEY.fullmatch(key):
            raise VmfError(f"{key!r} is no key of a .vmx file", hint="please report this")
    return "".join(f'{key} = "{_HIDDEN.sub(_escaped, value)}"\n' for key, value in lines.items()).encode()


def _plain(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


def _escaped(found: re.Match[str]) -> str:
    return f"|{ord(found[0]):02X}"
