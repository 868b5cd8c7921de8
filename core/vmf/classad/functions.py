"""The functions of the language by their folded names: those that are given values, and those given expressions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from vmf.classad import (
    conversions,
    environments,
    lists,
    meta,
    numbers,
    regexes,
    stringlists,
    strings,
    times,
    users,
    versions,
)
from vmf.classad.scope import Function, LazyFunction

_MODULES: Final = (
    conversions,
    environments,
    lists,
    numbers,
    regexes,
    stringlists,
    strings,
    times,
    users,
    versions,
)

EAGER: Final[Mapping[str, Function]] = MappingProxyType(
    {name: function for module in _MODULES for name, function in module.EAGER.items()}
)
LAZY: Final[Mapping[str, LazyFunction]] = meta.LAZY
