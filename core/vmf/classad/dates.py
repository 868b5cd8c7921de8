"""What a calendar and a clock show, and how a format writes it: C's `strftime`, in the C locale.

Python's own dates end with the year 9999 and its `strftime` speaks the language of the process; neither will do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Final

from msgspec import Struct

DAY: Final = 86_400
LONGEST: Final = 1022
"""Bytes of a formatted time; the reference has no room for more."""
_CYCLE_YEARS: Final = 400
_CYCLE_DAYS: Final = 146_097
_EPOCH: Final = date(1970, 1, 1).toordinal()
_NOON: Final = 12
_FEBRUARY: Final = 2
_WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class Shown(Struct, frozen=True, kw_only=True):
    """A calendar and a clock; any number may stand anywhere, even a 45th of March."""

    year: int = 1900
    #: From 1.
    month: int = 1
    #: Of the month, from 1.
    day: int = 0
    hours: int = 0
    minutes: int = 0
    seconds: int = 0

    @property
    def weekday(self) -> int:
        """From 0, a Sunday; below 0 before the year 1."""
        ordinal = _ordinal(self.year, self.month, self.day)
        return ordinal - 7 * quotient(ordinal, 7)

    @property
    def day_of_year(self) -> int:
        """From 0."""
        return _ordinal(self.year, self.month, self.day) - _ordinal(self.year, 1, 1)


def shown_at(seconds: int) -> Shown:
    """What is shown where the zone is 0, at a moment in seconds since 1970."""
    days, rest = divmod(seconds, DAY)
    cycles, days = divmod(days + _EPOCH - 1, _CYCLE_DAYS)
    day = date.fromordinal(days + 1)
    return Shown(
        year=day.year + _CYCLE_YEARS * cycles,
        month=day.month,
        day=day.day,
        hours=rest // 3600,
        minutes=rest // 60 % 60,
        seconds=rest % 60,
    )


def quotient(number: int, divisor: int) -> int:
    """A number by one above 0, towards 0: as C divides."""
    return number // divisor if number >= 0 else -(-number // divisor)


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % _CYCLE_YEARS == 0)


def _ordinal(year: int, month: int, day: int) -> int:
    """The day's number, the first of January of the year 1 being 1. It is the reference's, also where that is odd."""
    before = year - 1
    leap_days = quotient(before, 4) - quotient(before, 100) + quotient(before, _CYCLE_YEARS)
    short_february = 0 if month <= _FEBRUARY else 1 if _is_leap(year) else 2
    return 365 * before + leap_days + quotient(367 * month - 362, 12) - short_february + day


def _iso_week(shown: Shown) -> tuple[int, int]:
    """The year that a week belongs to, and its number, by ISO 8601."""
    year = shown.year
    day = _days_since_week_1(shown.day_of_year, shown.weekday)
    if day < 0:
        year -= 1
        day = _days_since_week_1(shown.day_of_year + 365 + _is_leap(year), shown.weekday)
    else:
        into_next = _days_since_week_1(shown.day_of_year - 365 - _is_leap(year), shown.weekday)
        if into_next >= 0:
            year, day = year + 1, into_next
    return year, quotient(day, 7) + 1


def _days_since_week_1(day_of_year: int, weekday: int) -> int:
    """Counted from the Monday of the week that has the first Thursday."""
    return day_of_year - (day_of_year - weekday + 4) % 7 + 3


_NUMBERS: Final[Mapping[str, tuple[int, str, Callable[[Shown], int]]]] = MappingProxyType(
    {
        "C": (1, "0", lambda shown: shown.year // 100),
        "d": (2, "0", lambda shown: shown.day),
        "e": (2, "_", lambda shown: shown.day),
        "g": (2, "0", lambda shown: _iso_week(shown)[0] % 100),
        "G": (1, "0", lambda shown: _iso_week(shown)[0]),
        "H": (2, "0", lambda shown: shown.hours),
        "I": (2, "0", lambda shown: _half_day(shown.hours)),
        "j": (3, "0", lambda shown: shown.day_of_year + 1),
        "k": (2, "_", lambda shown: shown.hours),
        "l": (2, "_", lambda shown: _half_day(shown.hours)),
        "m": (2, "0", lambda shown: shown.month),
        "M": (2, "0", lambda shown: shown.minutes),
        "S": (2, "0", lambda shown: shown.seconds),
        "u": (1, "0", lambda shown: (shown.weekday - 1) % 7 + 1),
        "U": (2, "0", lambda shown: quotient(shown.day_of_year - shown.weekday + 7, 7)),
        "V": (2, "0", lambda shown: _iso_week(shown)[1]),
        "w": (1, "0", lambda shown: shown.weekday),
        "W": (2, "0", lambda shown: quotient(shown.day_of_year - (shown.weekday - 1) % 7 + 7, 7)),
        "y": (2, "0", lambda shown: shown.year % 100),
        "Y": (1, "0", lambda shown: shown.year),
    }
)
"""Letter: digits at least, what fills up (`_` is a space), and the number."""

_TEXTS: Final[Mapping[str, Callable[[Shown], str]]] = MappingProxyType(
    {
        "a": lambda shown: _named(_WEEKDAYS, shown.weekday)[:3],
        "A": lambda shown: _named(_WEEKDAYS, shown.weekday),
        "b": lambda shown: _named(_MONTHS, shown.month - 1)[:3],
        "B": lambda shown: _named(_MONTHS, shown.month - 1),
        "h": lambda shown: _named(_MONTHS, shown.month - 1)[:3],
        "p": lambda shown: "PM" if shown.hours >= _NOON else "AM",
        "P": lambda shown: "pm" if shown.hours >= _NOON else "am",
        "n": lambda _shown: "\n",
        "t": lambda _shown: "\t",
        "%": lambda _shown: "%",
    }
)
_COMPOSITES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "c": "%a %b %e %H:%M:%S %Y",
        "D": "%m/%d/%y",
        "F": "%Y-%m-%d",
        "r": "%I:%M:%S %p",
        "R": "%H:%M",
        "T": "%H:%M:%S",
        "x": "%m/%d/%y",
        "X": "%H:%M:%S",
    }
)
_ZONED: Final = frozenset("sZz")
_MODIFIED: Final = frozenset({f"E{letter}" for letter in "cCxXyY"} | {f"O{letter}" for letter in "deHImMSuUVwWy"})
_ALTERNATIVE: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    dict.fromkeys("aAbBh", str.upper) | {"p": str.lower}
)
_CONVERSION: Final = re.compile(r"%([_\-0^#]*)([0-9]*)([EO]?)(.?)", re.DOTALL)


def formatted(shown: Shown, template: str) -> str | None:
    """A time written by a format of `strftime(3)`.

    Returns:
        None: the text would be too long, or is to name a zone, which nothing here knows.
    """
    parts, end = list[str](), 0
    for found in _CONVERSION.finditer(template):
        part = _converted(shown, found)
        if part is None or len(parts) > 2 * LONGEST:  # each conversion makes a byte at least
            return None
        parts += [template[end : found.start()], part]
        end = found.end()
    text = "".join([*parts, template[end:]])
    return text if len(text.encode("utf-8", "surrogateescape")) <= LONGEST else None


def _converted(shown: Shown, found: re.Match[str]) -> str | None:
    flags, digits, modifier, letter = found.groups()
    width = int(digits.lstrip("0")[: len(str(LONGEST)) + 1] or 0)  # Python refuses to read very many digits
    if letter in _ZONED or width > LONGEST:
        return None
    fill = next((flag for flag in reversed(flags) if flag in "_-0"), "")
    if modifier and modifier + letter not in _MODIFIED:
        return found[0]
    if letter in _NUMBERS:
        least, usual, number = _NUMBERS[letter]
        return _padded(str(number(shown)), max(width, least), fill or usual)
    if letter in _TEXTS:
        text = _TEXTS[letter](shown)
        text = _ALTERNATIVE.get(letter, str)(text) if "#" in flags else text
    elif letter in _COMPOSITES:
        text = formatted(shown, _COMPOSITES[letter]) or ""
    else:
        text = found[0]
    return _padded(text.upper() if "^" in flags else text, width, "0" if fill == "0" else "_")


def _padded(text: str, width: int, fill: str) -> str:
    if fill == "-":
        return text
    return text.rjust(width) if fill == "_" else text.zfill(width)


def _half_day(hours: int) -> int:
    """An hour by a clock of twelve."""
    return hours - _NOON if hours > _NOON else hours or _NOON


def _named(names: tuple[str, ...], index: int) -> str:
    return names[index] if 0 <= index < len(names) else "?"
