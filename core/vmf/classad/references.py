"""Which attributes an expression refers to, as far as its text tells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from vmf.classad.ad import fold
from vmf.classad.tree import Node, Reference, Selection, children

OURS: Final = frozenset({"my", "self"})
"""Scopes of an expression's own ad."""
THEIRS: Final = frozenset({"target", "other"})
"""Scopes of the ad it is matched with."""


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
        mine=frozenset(name for scope, name in found if scope not in THEIRS),
        theirs=frozenset(name for scope, name in found if scope not in OURS),
    )


def attribute(node: Node) -> tuple[str, str] | None:
    """The folded scope, empty where the text gives none, and the folded name, which may be empty; None for others."""
    match node:
        case Reference(name=name):
            return "", fold(name)
        case Selection(of=Reference(name=scope, absolute=False), name=name) if fold(scope) in OURS | THEIRS:
            return fold(scope), fold(name)
    return None


def _walk(node: Node) -> Iterator[tuple[str, str]]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        found = attribute(node)
        if found is None:
            waiting.extend(children(node))
        else:
            yield found
