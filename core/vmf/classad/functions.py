"""The functions of the language by their names, in small letters: those given values, and those given expressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vmf.classad import (
    conversions,
    environments,
    lists,
    numbers,
    regexes,
    stringlists,
    strings,
    users,
    versions,
)
from vmf.classad.scope import Function, LazyFunction

_MODULES: Final = (conversions, environments, lists, numbers, regexes, stringlists, strings, users, versions)

EAGER: Final[Mapping[str, Function]] = {
    name: function for module in _MODULES for name, function in module.EAGER.items()
}
LAZY: Final[Mapping[str, LazyFunction]] = {}
