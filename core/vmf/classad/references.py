"""Which attributes an expression refers to, as far as its text tells."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from vmf.classad.ad import fold
from vmf.classad.tree import Node, Reference, Selection, children

__all__ = ["References", "children", "references"]

_OURS = frozenset({"my", "self"})
_THEIRS = frozenset({"target", "other"})


class References(Struct, frozen=True, kw_only=True):
    """Folded names; one without a scope is looked up here first and there then, so it is among both.

    `eval` and its like build names that no text tells: they are not among these.
    """

    mine: frozenset[str]
    """Names that may be attributes of the expression's own ad."""
    theirs: frozenset[str]
    """Names that may be attributes of the ad it is matched with."""


def references(node: Node) -> References:
    """What an expression may refer to."""
    found = tuple(_walk(node))
    return References(
        mine=frozenset(name for scope, name in found if scope not in _THEIRS),
        theirs=frozenset(name for scope, name in found if scope not in _OURS),
    )


def _walk(node: Node) -> Iterator[tuple[str, str]]:
    """Pairs of scope and name; the scope is empty where the text gives none."""
    waiting = [node]
    while waiting:
        match node := waiting.pop():
            case Reference(name=name):
                yield "", fold(name)
            case Selection(of=Reference(name=scope), name=name) if fold(scope) in _OURS | _THEIRS:
                yield fold(scope), fold(name)
            case _:
                waiting.extend(children(node))
