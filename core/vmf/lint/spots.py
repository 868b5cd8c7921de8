"""Where in its text each part of an expression stands.

Trees carry no places and tokens do: the tree is gone through in the order of the text, and takes its tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Any, Final

from msgspec import Struct

from vmf.classad import AbsTime, Node, RelTime
from vmf.classad.lexer import NEW, fit
from vmf.classad.tree import (
    Binary,
    Call,
    Conditional,
    ListOf,
    Parentheses,
    Record,
    Reference,
    Selection,
    Subscript,
    Unary,
)


class Spot(Struct, frozen=True):
    """A part of an expression, and where it stands."""

    node: Node
    at: int
    """The character, from 0, with which its own token begins: an operator, a name, a bracket."""
    token: str
    """The token as it is written."""
    parts: tuple[Spot, ...] = ()
    """Its own parts, in the order of `tree.children`; a record's are not told, for its names are its own matter."""


def spotted(text: str, tree: Node) -> Spot:
    """The parts of a text, of which `tree` was made."""
    return _Tokens(fit(text, "")).spot(tree)


def every(root: Spot) -> Iterator[Spot]:
    """A part and all that it is made of."""
    waiting = [root]
    while waiting:
        spot = waiting.pop()
        yield spot
        waiting += reversed(spot.parts)


class _Piece(Enum):
    """What stands between the parts of a node."""

    OWN = auto()
    """The token that the node is told apart by."""
    OTHER = auto()
    REST = auto()
    """All that is left of a record."""


class _Tokens:
    """Goes over the tokens of a text, as its parts take them."""

    def __init__(self, text: str) -> None:
        self._tokens = [(found.start(1), found[1]) for found in NEW.token.finditer(text)]
        self._next = 0

    def spot(self, node: Node) -> Spot:
        """The place of a node; no more than one frame of the stack for each level of the tree."""
        own, parts = (0, ""), []
        for piece in _LAYOUTS.get(type(node), _plain)(node):
            if piece is _Piece.OWN:
                own = self._minus() if isinstance(node, Binary) and node.operator == "-" else self._take()
            elif piece is _Piece.OTHER:
                self._take()
            elif piece is _Piece.REST:
                self._close()
            else:
                parts.append(self.spot(piece))
        return Spot(node, *own, tuple(parts))

    def _take(self) -> tuple[int, str]:
        self._next += 1
        return self._tokens[self._next - 1]

    def _minus(self) -> tuple[int, str]:
        """An operator; in `a -1` it is one token with the number, which is left for what comes next."""
        at, token = self._take()
        if len(token) > 1:
            self._next -= 1
            self._tokens[self._next] = (at + 1, token[1:])
        return at, "-"

    def _close(self) -> None:
        """Pass the bracket that closes the one before, and all in front of it."""
        level = 1
        while level:
            _, token = self._take()
            level += {"[": 1, "]": -1}.get(token, 0)


def _plain(_node: Node) -> tuple[_Piece, ...]:
    return (_Piece.OWN,)


def _items(items: tuple[Node, ...]) -> tuple[Node | _Piece, ...]:
    """Expressions, each with the comma or the bracket behind it."""
    return tuple(piece for each in items for piece in (each, _Piece.OTHER)) or (_Piece.OTHER,)


_LAYOUTS: Final[Mapping[type, Callable[[Any], tuple[Node | _Piece, ...]]]] = MappingProxyType({
    Reference: lambda node: (_Piece.OTHER, _Piece.OWN) if node.absolute else (_Piece.OWN,),
    Selection: lambda node: (node.of, _Piece.OTHER, _Piece.OWN),
    Subscript: lambda node: (node.of, _Piece.OWN, node.index, _Piece.OTHER),
    Unary: lambda node: (_Piece.OWN, node.operand),
    Binary: lambda node: (node.left, _Piece.OWN, node.right),
    Conditional: lambda node: (node.test, _Piece.OWN, node.then, _Piece.OTHER, node.otherwise),
    Parentheses: lambda node: (_Piece.OWN, node.inner, _Piece.OTHER),
    Call: lambda node: (_Piece.OWN, _Piece.OTHER, *_items(node.arguments)),
    ListOf: lambda node: (_Piece.OWN, *_items(node.items)),
    Record: lambda _node: (_Piece.OWN, _Piece.REST),
    AbsTime: lambda _node: (_Piece.OWN, _Piece.OTHER, _Piece.OTHER, _Piece.OTHER),
    RelTime: lambda _node: (_Piece.OWN, _Piece.OTHER, _Piece.OTHER, _Piece.OTHER),
})  # fmt: skip
"""How nodes are written: their parts and the tokens between them, in the order of the text."""
