"""An ad: named expressions, frozen."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Generic, TypeVar

from vmf.classad.tree import Node

T_co = TypeVar("T_co", covariant=True)

LONGEST_SHARED: Final = 256
"""Characters of a name: of longer ones, which nobody writes twice, nothing is kept."""

_LOWER = {ord(upper): ord(upper) + 32 for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def fold(name: str) -> str:
    """A name as it is looked up: the case of ASCII letters does not count."""
    return _folded(name) if len(name) <= LONGEST_SHARED else name.translate(_LOWER)


@functools.lru_cache(maxsize=4096)
def _folded(name: str) -> str:
    return name.lower() if name.isascii() else name.translate(_LOWER)


class Fields(Mapping[str, T_co], Generic[T_co]):
    """Whatever has names, in the order in which it was written; the case of names' ASCII letters does not count.

    Of a name given twice the first spelling and the last of what it names count.

    Attributes:
        fields: what is named, by folded name.
    """

    __slots__ = ("_names", "fields")

    def __init__(self, pairs: Mapping[str, T_co] | Iterable[tuple[str, T_co]] = ()) -> None:
        given = list(pairs.items() if isinstance(pairs, Mapping) else pairs)
        folded, self._names = _spelt(tuple([name for name, _ in given]))
        self.fields: Mapping[str, T_co] = dict(zip(folded, [value for _, value in given], strict=True))

    def __getitem__(self, name: str) -> T_co:
        return self.fields[fold(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"


class Ad(Fields[Node]):
    """Expressions by name."""

    __slots__ = ()


@functools.lru_cache(maxsize=256)
def _spelt(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names folded, and each name once as first spelt: shared, for there are many ads and few sets of names."""
    folded = tuple(map(fold, names))
    spelling = dict(zip(reversed(folded), reversed(names), strict=True))
    return folded, tuple(spelling[name] for name in dict.fromkeys(folded))


NOTHING: Final = Ad()
"""The ad that has no attribute."""
