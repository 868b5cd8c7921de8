"""Sizes and times as people write them: the one place that knows suffixes."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SIZES = {
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
    "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
}  # fmt: skip
_DURATIONS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_NUMBER = re.compile(r"(?P<whole>[0-9]{1,15})(?:\.(?P<part>[0-9]{1,9}))?\s*(?P<suffix>[A-Za-z]*)", re.ASCII)


def parse_size(text: str) -> int:
    """Read a size such as `256MiB` or `1.5GB`.

    Returns:
        Whole bytes, rounded down. Nothing is 0 whatever the unit.

    Raises:
        ValueError: with a sentence that says what to write instead.
    """
    return _parse(text, _SIZES, "256MiB")


def parse_duration(text: str) -> int:
    """Read a duration such as `90s`, `10m` or `1.5h`.

    Returns:
        Whole seconds, rounded down. Nothing is 0 whatever the unit.

    Raises:
        ValueError: with a sentence that says what to write instead.
    """
    return _parse(text, _DURATIONS, "10m")


def _parse(text: str, units: Mapping[str, int], example: str) -> int:
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"write a number and a unit, such as {example}")
    suffix, digits = found["suffix"], found["whole"] + (found["part"] or "").ljust(9, "0")
    if not suffix and not int(digits):
        return 0
    if suffix not in units:
        fault = f"unknown unit {suffix!r}" if suffix else "the unit is missing"
        raise ValueError(f"{fault}: write it as in {example} (units: {', '.join(units)})")
    return int(digits) * units[suffix] // 10**9


def format_size(size: int) -> str:
    """Write bytes for people: the largest binary unit that leaves at least 1, with at most one decimal."""
    for suffix in ("TiB", "GiB", "MiB", "KiB"):
        if round(size / _SIZES[suffix], 4) >= 1:  # so that nothing is ever 1024 of the next smaller unit
            return f"{size / _SIZES[suffix]:.1f}".removesuffix(".0") + f" {suffix}"
    return f"{size} bytes"


def format_duration(seconds: float) -> str:
    """Write seconds for people: `4.2s`, `3m05s`, `2h10m`."""
    if round(seconds, 1) < 60:  # noqa: PLR2004  # a minute
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def format_count(number: int, noun: str) -> str:
    """Write how many: `1 cpu`, `2 cpus`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
