"""Functions of time: now, its parts, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from vmf.classad.arity import takes
from vmf.classad.calendar import DAY, Calendar, calendar, formatted
from vmf.classad.conversions import as_integer, short, whole
from vmf.classad.scope import Failed, Function, LazyFunction, RecordValue, Scope, Value
from vmf.classad.tree import Node
from vmf.classad.values import ERROR, UNDEFINED, AbsTime, Error, RelTime, Undefined

HOUR: Final = 3600
MINUTE: Final = 60


@takes(0, 0)
def _time(scope: Scope) -> Value:
    return scope.world.now


@takes(0, 0)
def _current_time(scope: Scope) -> Value:
    return _local(scope, scope.world.now)


def _local(scope: Scope, seconds: int) -> AbsTime:
    """A moment, told in the local zone."""
    return AbsTime(seconds=seconds, offset=scope.world.zone(seconds))


@takes(0, 0)
def _time_zone_offset(scope: Scope) -> Value:
    return RelTime(float(scope.world.zone(scope.world.now)))


@takes(0, 0)
def _day_time(scope: Scope) -> Value:
    """What the local clock shows now, as a span since midnight."""
    now = _local(scope, scope.world.now)
    return RelTime(float((now.seconds + now.offset) % DAY))


_OF_MOMENTS: Final[Mapping[str, Callable[[Calendar], int]]] = MappingProxyType({
    "getyear": lambda shown: shown.year,
    "getmonth": lambda shown: shown.month,
    "getdayofyear": lambda shown: shown.day_of_year,
    "getdayofmonth": lambda shown: shown.day,
    "getdayofweek": lambda shown: shown.weekday,
    "gethours": lambda shown: shown.hours,
    "getminutes": lambda shown: shown.minutes,
    "getseconds": lambda shown: shown.seconds,
})
_OF_SPANS: Final[Mapping[str, Callable[[int], int]]] = MappingProxyType({
    "getdays": lambda seconds: seconds // DAY,
    "gethours": lambda seconds: seconds // HOUR % 24,
    "getminutes": lambda seconds: seconds // MINUTE % 60,
    "getseconds": lambda seconds: seconds % 60,
})
