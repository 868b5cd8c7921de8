"""What functions of the language read of the world: given by the caller, so that an evaluation can be repeated."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from msgspec import Struct, field


def _seeded() -> Callable[[], float]:
    return Random(0).random  # noqa: S311  # a language's `random()`, and repeatable is the point


class World(Struct, frozen=True, kw_only=True):
    """A world that stands still unless the caller says otherwise: it is 1970 in UTC and nobody lives there.

    Nothing here reads a clock or a file by itself; two evaluations in fresh default worlds give the same answers.
    """

    #: What `time()` answers, in whole seconds since 1970.
    now: int = 0
    #: How far the local zone is east of UTC, in seconds, at a moment in seconds since 1970.
    zone: Callable[[int], int] = lambda _moment: 0
    #: The next random number, at least 0 and below 1.
    random: Callable[[], float] = field(default_factory=_seeded)
    #: A user's home folder, or None for a user that is not known.
    home: Callable[[str], str | None] = lambda _user: None
    #: What a named map says of a user, or None: arguments are the map's name and the user.
    user_map: Callable[[str, str], str | None] = lambda _map, _user: None
    #: Where `debug()` writes, a line at a time.
    debug: Callable[[str], None] = lambda _line: None
