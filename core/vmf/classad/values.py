"""What an expression can be worth.

A value is a plain Python value wherever Python has one (bool, int, float, str), and one of the types here where it
has none. A literal in a tree is its value itself.
"""

from __future__ import annotations

from typing import Final, NoReturn, TypeAlias

from msgspec import Struct


class Undefined:
    """The type of `UNDEFINED`: nothing is known of what was asked for."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise TypeError("UNDEFINED is neither true nor false: compare with `is UNDEFINED`")

    def __repr__(self) -> str:
        return "UNDEFINED"


class Error:
    """The type of `ERROR`: what was asked for makes no sense."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise TypeError("ERROR is neither true nor false: compare with `is ERROR`")

    def __repr__(self) -> str:
        return "ERROR"


UNDEFINED: Final = Undefined()
ERROR: Final = Error()


class AbsTime(Struct, frozen=True):
    """A moment: seconds since 1970 in UTC, and the zone it is told in, seconds east of UTC."""

    seconds: int
    offset: int


class RelTime(Struct, frozen=True):
    """A span of time in seconds."""

    seconds: float


Scalar: TypeAlias = Undefined | Error | bool | int | float | str | AbsTime | RelTime
