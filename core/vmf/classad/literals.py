"""How values are written: strings, reals and times, from text and to text.

Texts of times are told byte by byte, as in the reference, which takes much that is not ISO 8601.
"""

from __future__ import annotations

import datetime as dt
import math
import re

from vmf.classad.values import AbsTime, RelTime

LONGEST_SPAN = 2**31
"""Seconds; a span this long or longer has no text: the reference wraps there."""

_MINUTE = 60
_HOUR = 3600
_DAY = 86_400
_ERA_YEARS = 400
_ERA_DAYS = 146_097
_ERA_START = dt.date(2000, 1, 1).toordinal() - dt.date(1970, 1, 1).toordinal()

_ZONE = re.compile(r"([+-])(\d\d):?(\d\d)\Z", re.ASCII)
_PAIR = re.compile(r"\d.", re.ASCII | re.DOTALL)
_DIGITS = re.compile(r"\d+", re.ASCII)
_SPAN_BACKWARDS = (  # compiled by whoever reads the first
    r"\s*+(?:[sS]\s*+(?P<seconds>\d*+\.?\d*+)|(?P<bare>\d++\.?\d*+))?\s*+(?:[mM:]\s*+(?P<minutes>\d*+))?"
    r"\s*+(?:[hH:]\s*+(?P<hours>\d*+))?\s*+(?:[dD+]\s*+(?P<days>\d*+))?\s*+(?P<sign>-?)\s*+"
)
_ESCAPE = re.compile(rb"\\([0-3][0-7]{0,2}|[4-7][0-7]?|.)", re.DOTALL)
_CONTROLS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_ESCAPED = {value[0]: f"\\{letter.decode()}" for letter, value in _CONTROLS.items()} | {ord("\\"): "\\\\"}
_PRINTABLE = frozenset(map(chr, range(ord(" "), ord("~") + 1)))
_PRINTED = {byte: _ESCAPED.get(byte, chr(byte) if chr(byte) in _PRINTABLE else f"\\{byte:03o}") for byte in range(256)}
_QUOTING = {quote: _PRINTED | {ord(quote): f"\\{quote}"} for quote in "\"'"}


def read_string(raw: str) -> str | None:
    r"""The string that a literal's inside stands for; None if it has a NUL, written `\0`."""
    if "\\" not in raw:
        return raw
    value = _ESCAPE.sub(_unescaped, _bytes(raw))
    return None if b"\0" in value else value.decode("utf-8", "surrogateescape")


def show_string(value: str, quote: str = '"') -> str:
    """A string between quotes; whatever is not printable ASCII is written in octal, byte by byte."""
    table = _QUOTING[quote]
    return f"{quote}{''.join([table[byte] for byte in _bytes(value)])}{quote}"


def show_real(value: float) -> str:
    """A real as the reference shows it, in 16 digits."""
    if not math.isfinite(value):
        return 'real("NaN")' if math.isnan(value) else f'real("{"-" * (value < 0)}INF")'
    return f"{value:.15E}" if value else f"{value:.1f}"


def show_exact(value: float) -> str:
    """A real in a text that is read as this very real; infinity is a literal too large, which is how it is read."""
    if not math.isfinite(value):
        return show_real(value) if math.isnan(value) else f"{'-' * (value < 0)}1E+400"
    text = f"{value:.16G}" if float(f"{value:.16G}") == value else f"{value:.17G}"
    return text if set(".E") & set(text) else f"{text}.0"


def read_moment(text: str) -> tuple[int, int | None] | None:
    """A moment's text: seconds since 1970 by the clock it names, and that clock's seconds east of UTC if it says so.

    The year comes first, in four digits; what is missing after it is zero. None: it is no moment.
    """
    text, offset = _zoned(_bytes(text).decode("latin-1"))
    year = next(iter(_DIGITS.finditer(text)), None)
    if year is None or year.start() > len(text) - 4:
        return None
    rest = text[year.start() + 4 :]
    fields = [_leading(pair) for pair in _PAIR.findall(rest)]
    if len(fields) > len(("month", "day", "hour", "minute", "second")) or _DIGITS.search(_PAIR.sub("", rest)):
        return None
    seconds = _seconds(_leading(text[year.start() : year.start() + 4]), *fields)
    return None if seconds == -1 else (seconds, offset)


def show_moment(moment: AbsTime) -> str:
    """`2004-01-01T12:34:56+05:30`; a zone of zero is written `-00:00`."""
    days, second = divmod(moment.seconds + moment.offset, _DAY)
    era, day = divmod(days - _ERA_START, _ERA_DAYS)
    date = dt.date.fromordinal(dt.date(2000, 1, 1).toordinal() + day)
    clock = f"{second // _HOUR:02}:{second // _MINUTE % 60:02}:{second % 60:02}"
    east = abs(moment.offset)
    zone = f"{'+' if moment.offset > 0 else '-'}{east // _HOUR:02}:{east // _MINUTE % 60:02}"
    return f"{date.year + era * _ERA_YEARS:04}-{date.month:02}-{date.day:02}T{clock}{zone}"


def read_span(text: str) -> float | None:
    """The seconds of a span's text, `1+02:03:04.5` or `1d2h3m4.5s`; None if it is none, or `LONGEST_SPAN` or more."""
    backwards = _bytes(text).decode("latin-1")[::-1]
    found = re.fullmatch(_SPAN_BACKWARDS, backwards, re.ASCII)
    if found is None:
        return None
    days, hours, minutes, seconds = (
        _count(found[name] or found["bare"] if name == "seconds" else found[name])
        for name in ("days", "hours", "minutes", "seconds")
    )
    span = days * _DAY + hours * _HOUR + minutes * _MINUTE + seconds
    return None if span >= LONGEST_SPAN else -span if found["sign"] else span


def show_span(span: RelTime) -> str:
    """`1+02:03:04`, without the parts that are zero at its front."""
    seconds = abs(span.seconds)
    sign = "-" * (span.seconds < 0)
    if not seconds < LONGEST_SPAN:
        return f"{sign}{seconds:g}"
    whole = int(seconds)
    last = f"{whole % 60 + (seconds - whole):02g}" if seconds != whole else f"{whole % 60:02}"
    days, hours, minutes = whole // _DAY, whole // _HOUR % 24, whole // _MINUTE % 60
    front = f"{days}+{hours:02}:{minutes:02}:" if days else f"{hours:02}:{minutes:02}:" if hours else ""
    return f"{sign}{front or (f'{minutes:02}:' if minutes else '')}{last}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _unescaped(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    return bytes([int(code, 8)]) if code[:1] in b"01234567" else _CONTROLS.get(code, code)


def _zoned(text: str) -> tuple[str, int | None]:
    """A moment's text without its zone, and the zone in seconds east."""
    bare = text.rstrip(" \t\n\v\f\r")
    if len(bare) > 1 and bare[-1] in "zZ":
        return bare[:-1], 0
    found = _ZONE.search(text)
    if found is None or found.start() == 0:
        return text, None
    sign, hours, minutes = found.groups()
    east = int(hours) * _HOUR + int(minutes) * _MINUTE
    return text[: found.start()], -east if sign == "-" else east


def _count(backwards: str | None) -> float:
    digits = (backwards or "")[::-1]
    return float(digits) if digits.strip(".") else 0.0


def _leading(field: str) -> int:
    found = _DIGITS.match(field)
    return int(found[0]) if found else 0


def _seconds(year: int, month: int = 1, day: int = 0, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """Seconds since 1970; fields beyond their range carry over, as in C's `mktime`."""
    years, months = divmod(month - 1, 12)
    era, year = divmod(year + years, _ERA_YEARS)
    first = dt.date(2000 + year, months + 1, 1) - dt.date(1970, 1, 1)
    days = first.days + (era - 2000 // _ERA_YEARS) * _ERA_DAYS + day - 1
    return days * _DAY + hour * _HOUR + minute * _MINUTE + second
