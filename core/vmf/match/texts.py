"""Texts as numbers that compare as the texts do, so that a column of them is compared at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vmf.classad import UNDEFINED, Node, Value
from vmf.classad.operators import folded
from vmf.classad.values import Error, Undefined
from vmf.match.vectors import Vector, constant, packed

_EXACT: Final = frozenset({"=?=", "=!="})
COMPARISONS: Final = frozenset({"<", "<=", ">", ">=", "==", "!="}) | _EXACT
"""Those that compare texts."""


class Texts(Struct, frozen=True, eq=False):
    """A column of texts as an operator sees them.

    Attributes:
        key: what the operator sees of a text: the text, or what is left of it without its case.
        order: the column's keys, sorted.
        vector: the column as numbers: that of the key at place p of the order is 2p + 1.
    """

    key: Callable[[str], Any]
    order: Sequence[Any]
    vector: Vector

    def number(self, value: Value) -> Vector | None:
        """What a value is among these numbers: an even one, if it is a text between theirs; None for other types."""
        if not isinstance(value, str):
            return constant(value) if isinstance(value, Undefined | Error) else None
        text = self.key(value)
        place = bisect_left(self.order, text)
        return constant(2 * place + (self.order[place : place + 1] == [text]))


def texts(nodes: Sequence[Node | None], places: NDArray[np.intp] | int, operator: str) -> Texts | None:
    """Each host's text as an operator sees it; None if there are none, or values that are neither text nor missing.

    Args:
        nodes: distinct literals; None is UNDEFINED.
        places: which of them each host has, or all have.
        operator: one of `COMPARISONS`.
    """
    values = [UNDEFINED if node is None else node for node in nodes if isinstance(node, str | Undefined | Error | None)]
    if len(values) < len(nodes):
        return None
    key: Callable[[Any], Any] = str if operator in _EXACT else folded
    order = sorted({key(value) for value in values if isinstance(value, str)})
    numbers = {text: 2 * place + 1 for place, text in enumerate(order)}
    vector = packed(numbers[key(value)] if isinstance(value, str) else value for value in values)
    return None if vector is None else Texts(key=key, order=order, vector=vector.at(places))
