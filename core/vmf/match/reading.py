"""What an expression may read of the ad that it is written in and of the ad that it is matched with.

More than it does read is no fault, less would be one.
"""

from __future__ import annotations

import functools
from typing import Final

from msgspec import Struct

from vmf.classad import Ad, Node, fold
from vmf.classad.references import OURS, THEIRS, attribute
from vmf.classad.scope import VALUES
from vmf.classad.tree import Call, ListOf, Record, Reference, children

_NOW: Final = "currenttime"
_CONTEXT: Final = frozenset({
    "parent", "root", "toplevel", "ad", "left", "right", "lctx", "rctx",
    "symmetricmatch", "leftmatchesright", "rightmatchesleft", "leftrankvalue", "rightrankvalue",
})  # fmt: skip
"""Names of whole records and of what is around a match: through them everything can be reached."""
SPECIAL: Final = OURS | THEIRS | _CONTEXT | {_NOW}
"""Names that mean something else than an attribute, unless an ad has an attribute of that name."""

_UNTOLD: Final = frozenset({"eval", "evalineachcontext", "countmatches", "unparse", "unresolved", "debug", "random"})
"""Functions that read what no text tells, or whose answer is another one each time."""


class Reading(Struct, frozen=True, kw_only=True):
    """What one tree may read, by folded names; one without a scope is looked up here first and there then."""

    mine: frozenset[str]
    """Attributes of the expression's own ad."""
    theirs: frozenset[str]
    """Attributes of the ad on the other side."""
    opaque: bool
    """Whether it may read everything, or does not answer the same each time it is evaluated."""
    height: int
    """How many nodes stand above one another."""


@functools.lru_cache(maxsize=4096)
def reading(node: Node) -> Reading:
    """What a tree may read. Python takes 1, 1.0 and true for equal, and here they are: literals read nothing."""
    mine, theirs, opaque, highest = set[str](), set[str](), False, 0
    waiting = [(node, 1, False)]
    while waiting:
        node, height, inner = waiting.pop()
        if isinstance(node, VALUES):
            continue
        highest = max(highest, height)
        found = attribute(node)
        if found is None:
            opaque |= isinstance(node, Call) and fold(node.function) in _UNTOLD
            # An element's names may be looked up where the list is used, and a record's anywhere around it.
            inner |= isinstance(node, ListOf | Record)
            waiting += [(child, height + 1, inner) for child in children(node)]
            continue
        scope, name = found
        opaque |= name in SPECIAL and name != _NOW
        if inner or scope not in THEIRS:
            mine.add(name)
        if inner or scope not in OURS:
            theirs.add(name)
    return Reading(mine=frozenset(mine), theirs=frozenset(theirs), opaque=opaque, height=highest)


def has_special(ad: Ad) -> bool:
    """Whether an ad gives another meaning to `MY`, `TARGET` or their like: then no text tells what is read."""
    return not SPECIAL.isdisjoint(ad.fields)


def scoped(node: Node) -> tuple[str, str] | None:
    """The scope (`my`, `target` or empty) and the folded name, if a node is a plain attribute's."""
    found = attribute(node)
    if found is None or found[1] in SPECIAL or (isinstance(node, Reference) and node.absolute):
        return None
    scope, name = found
    return ("my" if scope in OURS else "target" if scope else ""), name
