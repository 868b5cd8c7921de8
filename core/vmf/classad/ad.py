"""An ad: named expressions, frozen."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping

from vmf.classad.tree import Node

_LOWER = {ord(upper): ord(upper) + 32 for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


@functools.lru_cache(maxsize=4096)
def fold(name: str) -> str:
    """A name as it is looked up: the case of ASCII letters does not count."""
    return name.lower() if name.isascii() else name.translate(_LOWER)


class Ad(Mapping[str, Node]):
    """Expressions by name, in the order in which they were written; the case of names' ASCII letters does not count.

    Of a name given twice the first spelling and the last expression count.

    Attributes:
        fields: the expressions by folded name.
    """

    __slots__ = ("_names", "fields")

    def __init__(self, pairs: Mapping[str, Node] | Iterable[tuple[str, Node]] = ()) -> None:
        given = list(pairs.items() if isinstance(pairs, Mapping) else pairs)
        fields = {fold(name): node for name, node in given}
        spelt = {fold(name): name for name, _ in reversed(given)}
        self.fields: Mapping[str, Node] = fields
        self._names = _shared(tuple([spelt[folded] for folded in fields]))

    def __getitem__(self, name: str) -> Node:
        return self.fields[fold(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Ad({dict(self)!r})"


@functools.lru_cache(maxsize=4096)
def _shared(names: tuple[str, ...]) -> tuple[str, ...]:
    """One tuple for all ads with the same names: there are many ads and few sets of names."""
    return names
