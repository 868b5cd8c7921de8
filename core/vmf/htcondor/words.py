"""What is written under a name, with its place, and what it can be read as."""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from vmf.classad import ClassAdSyntaxError, evaluate, parse
from vmf.errors import Fault, SpecError
from vmf.spec.faults import Place, shown

MEBIBYTE = 2**20
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*([KMGT]?)B?", re.IGNORECASE | re.ASCII)
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_RECKONED_MOST = 200
"""Characters of an expression that is a number; each process has its own."""
_SEPARATOR = re.compile(r"[,\n]")


class Word(Struct, frozen=True, kw_only=True):
    """A name with its text; the place is where the text begins."""

    name: str
    text: str
    place: Place

    def fault(self, what: str, hint: str) -> Fault:
        """Say what is wrong with it, in a file that no rule of `vmf lint` is about."""
        return replace(self.place.fault(what, hint=hint), rule="")

    def wrong(self, what: str, hint: str) -> SpecError:
        """Say what is wrong with it, to be raised."""
        return SpecError((self.fault(f"{self.name}: {what}", hint),))

    @property
    def boolean(self) -> bool:
        """A boolean, as condor_submit reads it.

        Raises:
            SpecError: if it is none.
        """
        value = _BOOLEANS.get(self.text.lower())
        if value is None:
            raise self.wrong(f"{shown(self.text)} is no boolean", "write true or false")
        return value

    @property
    def yes(self) -> bool:
        """A boolean of a command that is gone: its first letter counted.

        Raises:
            SpecError: if it is none.
        """
        if self.text[:1].lower() in {"t", "y"}:
            return True
        if self.text[:1].lower() in {"f", "n"}:
            return False
        return self.boolean

    def whole(self, least: int, most: int) -> int:
        """A whole number within bounds.

        Raises:
            SpecError: if it is none.
        """
        text = _reckoned(self.text)
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise self.wrong(f"{shown(self.text)} is no number from {least} to {most}", "write digits only")
        return int(text)

    def size(self, unit: str) -> str:
        """A size as a spec writes it, of a number that counts the given unit (K or M) if it names none itself.

        Raises:
            SpecError: if it is none, or none at all.
        """
        found = _SIZE.fullmatch(_reckoned(self.text))
        count = float(found[1]) * _UNITS[found[2].upper() or unit] if found else 0
        if not 0 < count <= 2**60:
            raise self.wrong(f"{shown(self.text)} is no size", "write a number of MiB, or one with K, M, G or T")
        return written_size(max(-(-int(count) // MEBIBYTE), 1))

    @property
    def items(self) -> tuple[str, ...]:
        """The items of a list; commas or line breaks part them."""
        return tuple(item.strip() for item in _SEPARATOR.split(self.text) if item.strip())


def _reckoned(text: str) -> str:
    """The number that a text comes to as an expression, as HTCondor reckons it; any other text as it is."""
    if len(text) > _RECKONED_MOST:
        return text
    try:
        value = evaluate(parse(text))
    except ClassAdSyntaxError:
        return text
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else text


def written_size(mebibytes: int) -> str:
    """A size as a spec writes it, in the largest unit that keeps it whole."""
    gibibytes, rest = divmod(mebibytes, 1024)
    return f"{mebibytes}MiB" if rest else f"{gibibytes}GiB"


def written_duration(seconds: int) -> str:
    """A duration as a spec writes it, in the largest unit that keeps it whole."""
    for suffix, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if not seconds % length:
            return f"{seconds // length}{suffix}"
    return f"{seconds}s"
