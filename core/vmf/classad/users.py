"""Functions that ask the world about users: their home folders, and what a map says of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from vmf.classad.arity import takes
from vmf.classad.conversions import decoded, encoded
from vmf.classad.scope import Failed, Function, Scope, Value
from vmf.classad.stringlists import items_of
from vmf.classad.values import ERROR, UNDEFINED, Error, Undefined


def _user_home(scope: Scope, arguments: tuple[Value, ...]) -> Value:
    """A user's home folder; what is given besides, if there is none.

    Raises:
        Failed: for no argument, or more than two.
    """
    match arguments:
        case (user,):
            default: Value = ""
        case (user, default):
            pass
        case _:
            raise Failed
    home = scope.world.home(user) if isinstance(user, str) else None
    if home is not None:
        return home
    if isinstance(default, str) and default:
        return default
    return UNDEFINED if isinstance(user, str | Undefined) else ERROR


@takes(2, 4)
def _user_map(
    scope: Scope, name: Value, user: Value, preferred: Value | None = None, default: Value = UNDEFINED
) -> Value:
    """What a map says of a user: all of it, or of its items the preferred one, else the first."""
    if isinstance(name, Error) or isinstance(user, Error):
        return ERROR
    found = scope.world.user_map(name, user) if isinstance(name, str) and isinstance(user, str) else None
    if found is None or preferred is None:
        return default if found is None else found
    items = items_of(found, ",")
    wanted = encoded(preferred).lower() if isinstance(preferred, str) else None
    chosen = next((item for item in items if item.lower() == wanted), items[0] if items else None)
    return default if chosen is None else decoded(chosen)


EAGER: Final[Mapping[str, Function]] = MappingProxyType({"userhome": _user_home, "usermap": _user_map})
