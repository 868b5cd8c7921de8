"""What names mean: the record in which each is found, and what its attribute is worth there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from vmf.classad.scope import VALUES, Element, RecordValue, Scope, Value
from vmf.classad.tree import Call
from vmf.classad.values import UNDEFINED

_NOW: Final = Call(function="time", arguments=())

_SPECIAL: Final[Mapping[str, Callable[[Scope], Element | None]]] = {
    "self": RecordValue,
    "my": RecordValue,
    "parent": lambda scope: None if scope.parent is None else RecordValue(scope.parent),
    "root": lambda scope: RecordValue(scope.root),
    "toplevel": lambda scope: RecordValue(scope.root),
    "currenttime": lambda _: _NOW,
}
"""What names mean that no attribute has: seen from each record in turn, on the way outwards."""

BESIDE: Final[Mapping[str, Callable[[Scope], Scope | None]]] = {
    "self": lambda scope: scope,
    "my": lambda scope: scope,
    "target": lambda scope: scope.other,
    "other": lambda scope: scope.other,
}
"""The records that the common scope names lead to, if no attribute has the name."""


def lookup(scope: Scope, name: str) -> tuple[Element, Scope] | None:
    """What a folded name means in a scope and the records around it, and in which of them."""
    special = _SPECIAL.get(name)
    here: Scope | None = scope
    while here is not None:
        element = here.fields.get(name)
        if element is None and special is not None:
            element = special(here)
        if element is not None:
            return element, here
        here = here.parent
    return None


def attribute(found: tuple[Element, Scope] | None, name: str, depth: int) -> Value:
    """What an attribute is worth in its own record; UNDEFINED if there is none or it is being evaluated already."""
    if found is None:
        return UNDEFINED
    element, home = found
    if isinstance(element, VALUES):
        return element
    if name in home.running:
        return UNDEFINED
    evaluation = home.evaluation
    program = evaluation.afford(element, depth)
    evaluation.depth -= depth
    home.running.add(name)
    try:
        return program.run(home)
    finally:
        home.running.discard(name)
        evaluation.depth += depth
