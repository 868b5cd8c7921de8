"""Functions of time: now, the parts of moments and spans, and how they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from vmf.classad.ad import Ad
from vmf.classad.arity import takes
from vmf.classad.conversions import as_integer, short
from vmf.classad.dates import DAY, Shown, formatted, shown_at
from vmf.classad.literals import read_moment, read_span
from vmf.classad.scope import Function, RecordValue, Scope, Value
from vmf.classad.tree import Reference
from vmf.classad.values import ERROR, UNDEFINED, AbsTime, Error, RelTime, Scalar, Undefined

_HOUR: Final = 3600
_MINUTE: Final = 60


def _local(scope: Scope, seconds: int) -> AbsTime:
    """A moment, told in the local zone."""
    return AbsTime(seconds=seconds, offset=scope.world.zone(seconds))


@takes(0, 0)
def _time(scope: Scope) -> Value:
    return scope.world.now


@takes(0, 0)
def _current_time(scope: Scope) -> Value:
    return _local(scope, scope.world.now)


@takes(0, 0)
def _time_zone_offset(scope: Scope) -> Value:
    return RelTime(float(scope.world.zone(scope.world.now)))


@takes(0, 0)
def _day_time(scope: Scope) -> Value:
    """What the local clock shows now, as a span since midnight."""
    now = _local(scope, scope.world.now)
    return RelTime(float((now.seconds + now.offset) % DAY))


@takes(0, 2)
def _abs_time(scope: Scope, value: Value | None = None, zone: Value | None = None) -> Value:
    """A moment, of what counts seconds since 1970 or is the text of one; told in the zone given, or else its own."""
    if value is None:
        return _local(scope, scope.world.now)
    offset = None if zone is None else _count(zone)
    if isinstance(offset, Undefined | Error):
        return ERROR
    if isinstance(value, AbsTime):
        return value
    if isinstance(value, str):
        return _read(scope, value)
    seconds = _count(value)
    return seconds if isinstance(seconds, Undefined | Error) else _told(scope, seconds, offset)


def _told(scope: Scope, seconds: int, offset: int | None) -> AbsTime:
    return _local(scope, seconds) if offset is None else AbsTime(seconds=seconds, offset=offset)


def _count(value: Value) -> int | Undefined | Error:
    """A number or a span in whole seconds."""
    match value:
        case RelTime():
            return short(value.seconds)
        case int() | float() if not isinstance(value, bool):
            return short(value)
        case _:
            return UNDEFINED if isinstance(value, Undefined) else ERROR


def _read(scope: Scope, text: str) -> Value:
    """The moment of a text; where it names no zone, the local one is meant."""
    found = read_moment(text)
    if found is None:
        return ERROR
    shown, offset = found
    east = scope.world.zone(shown - scope.world.zone(shown)) if offset is None else offset
    return AbsTime(seconds=shown - east, offset=east)


@takes(1, 1)
def _rel_time(_scope: Scope, value: Value) -> Value:
    match value:
        case str():
            span = read_span(value)
            return ERROR if span is None else RelTime(span)
        case float():
            return RelTime(value)
        case RelTime():
            return value
        case AbsTime():
            return RelTime(float(value.seconds))
        case _:
            seconds = _count(value)
            return RelTime(float(seconds)) if isinstance(seconds, int) else seconds


def _part(of_moment: Callable[[Shown], int] | None, of_span: Callable[[int], int] | None) -> Function:
    """A part of a moment as the local clock shows it, or of a span without its sign."""

    @takes(1, 1)
    def function(scope: Scope, value: Value) -> Value:
        if isinstance(value, AbsTime) and of_moment:
            return of_moment(shown_at(value.seconds + scope.world.zone(value.seconds)))
        seconds = short(value.seconds) if isinstance(value, RelTime) and of_span else ERROR
        if isinstance(seconds, Error) or of_span is None:
            return ERROR
        return of_span(seconds) if seconds >= 0 else -of_span(-seconds)

    return function


def _record(scope: Scope, fields: Mapping[str, Scalar]) -> RecordValue:
    return RecordValue(Scope(Ad(fields), scope.evaluation))


@takes(1, 1)
def _split_time(scope: Scope, value: Value) -> Value:
    """A record of a moment's or a span's parts."""
    if isinstance(value, Undefined):
        return UNDEFINED
    if isinstance(value, RelTime):
        return _split_span(scope, value.seconds)
    moment = _moment(scope, value)
    if moment is None:
        return ERROR
    shown = shown_at(moment.seconds + moment.offset)
    if isinstance(short(shown.year), Error):
        return ERROR
    return _record(scope, {
        "Type": "AbsoluteTime",
        "Year": shown.year,
        "Month": shown.month,
        "Day": shown.day,
        "Hours": shown.hours,
        "Minutes": shown.minutes,
        "Seconds": shown.seconds,
        "Offset": moment.offset,
    })  # fmt: skip


def _moment(scope: Scope, value: Value) -> AbsTime | None:
    """The moment that a number of seconds since 1970 or a moment is."""
    if isinstance(value, AbsTime):
        return value
    seconds = value if type(value) is int else short(value) if isinstance(value, float) else ERROR
    return _local(scope, seconds) if isinstance(seconds, int) else None


def _split_span(scope: Scope, seconds: float) -> Value:
    """Only the first part that is not 0 has the span's sign."""
    whole = short(abs(seconds))
    if isinstance(whole, Error):
        return ERROR
    parts: dict[str, int | float] = {
        "Days": whole // DAY,
        "Hours": whole // _HOUR % 24,
        "Minutes": whole // _MINUTE % 60,
        "Seconds": whole % 60 + (abs(seconds) - whole),
    }
    if seconds < 0:
        first = next(name for name, part in parts.items() if part)
        parts[first] = -parts[first]
    return _record(scope, {"Type": "RelativeTime", **parts})


@takes(0, 2)
def _format_time(scope: Scope, value: Value | None = None, template: Value = "%c") -> Value:
    """A time as C's `strftime` writes it, from seconds since 1970, a moment, or a record as `splitTime` makes it."""
    moment = _moment(scope, scope.world.now if value is None else value)
    if isinstance(value, RecordValue):
        shown = _recorded(value)
    else:
        shown = None if moment is None else shown_at(moment.seconds + moment.offset)
    if shown is None or isinstance(short(shown.year), Error) or not isinstance(template, str):
        return ERROR
    text = formatted(shown, template)
    return ERROR if text is None else text


_FIELDS: Final = ("year", "month", "day", "hours", "minutes", "seconds")


def _recorded(record: RecordValue) -> Shown | None:
    """What a record shows; what is not a whole number there is not there."""
    values = {name: record.scope.evaluate(Reference(name)) for name in _FIELDS if name in record.scope.fields}
    numbers = {name: value for name, value in values.items() if type(value) is int}
    fits = all(isinstance(short(number), int) for number in numbers.values())
    return Shown(**numbers) if fits else None


@takes(1, 1)
def _interval(_scope: Scope, value: Value) -> Value:
    """A number of seconds as days, hours, minutes and seconds, from the first that is not 0."""
    number = as_integer(value)
    seconds = short(number) if isinstance(number, int) else ERROR
    if isinstance(seconds, Error):
        return ERROR
    total, sign = abs(seconds), "-" if seconds < 0 else ""
    days, hours, minutes = total // DAY, total // _HOUR % 24, total // _MINUTE % 60
    if days:
        return f"{sign}{days}+{hours:02}:{minutes:02}:{total % 60:02}"
    if hours:
        return f"{sign}{hours}:{minutes:02}:{total % 60:02}"
    return f"{sign}{minutes}:{total % 60:02}" if minutes else f"{sign}{total}"


EAGER: Final[Mapping[str, Function]] = MappingProxyType(
    {
        "time": _time,
        "currenttime": _current_time,
        "timezoneoffset": _time_zone_offset,
        "daytime": _day_time,
        "abstime": _abs_time,
        "reltime": _rel_time,
        "getyear": _part(lambda shown: shown.year, None),
        "getmonth": _part(lambda shown: shown.month, None),
        "getdayofyear": _part(lambda shown: shown.day_of_year, None),
        "getdayofmonth": _part(lambda shown: shown.day, None),
        "getdayofweek": _part(lambda shown: shown.weekday, None),
        "getdays": _part(None, lambda seconds: seconds // DAY),
        "gethours": _part(lambda shown: shown.hours, lambda seconds: seconds // _HOUR % 24),
        "getminutes": _part(lambda shown: shown.minutes, lambda seconds: seconds // _MINUTE % 60),
        "getseconds": _part(lambda shown: shown.seconds, lambda seconds: seconds % 60),
        "splittime": _split_time,
        "formattime": _format_time,
        "interval": _interval,
    }
)
