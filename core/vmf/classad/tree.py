"""Expressions as trees: frozen nodes, and plain values for literals.

Names of attributes and functions keep their spelling; whoever looks one up ignores the case of ASCII letters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from msgspec import Struct

from vmf.classad.values import Scalar, Undefined


class Reference(Struct, frozen=True):
    """An attribute's name by itself, `a`; `.a` is looked up from the outermost record."""

    name: str
    absolute: bool = False


class Selection(Struct, frozen=True):
    """An attribute of what another expression yields: `of.name`."""

    of: Node
    name: str


class Subscript(Struct, frozen=True):
    """An element of what another expression yields: `of[index]`."""

    of: Node
    index: Node


class Unary(Struct, frozen=True):
    """One of `- + ! ~` before an operand."""

    operator: str
    operand: Node


class Binary(Struct, frozen=True):
    """An operator between two operands; `?:` (Elvis) among them. `is` and `isnt` are written `=?=` and `=!=`."""

    operator: str
    left: Node
    right: Node


class Conditional(Struct, frozen=True):
    """`test ? then : otherwise`."""

    test: Node
    then: Node
    otherwise: Node


class Parentheses(Struct, frozen=True):
    """`(inner)`: kept, because unparsing shows them."""

    inner: Node


class Call(Struct, frozen=True):
    """A function and the expressions it is given."""

    function: str
    arguments: tuple[Node, ...]


class ListOf(Struct, frozen=True):
    """`{a, b}`: its elements stay expressions until they are asked for."""

    items: tuple[Node, ...]


class Record(Struct, frozen=True):
    """`[a = 1; b = 2]`, as pairs in their order; of a name given twice only the last is here."""

    fields: tuple[tuple[str, Node], ...]


Node: TypeAlias = (
    Scalar | Reference | Selection | Subscript | Unary | Binary | Conditional | Parentheses | Call | ListOf | Record
)


def children(node: Node) -> tuple[Node, ...]:
    """The expressions that a node is made of."""
    parts = _PARTS.get(type(node))
    return parts(node) if parts else ()


def is_literal(node: Node) -> bool:
    """Whether nothing has to be evaluated: numbers, texts, truth values, undefined, and lists and records of those."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, _LITERAL):
            return False
        waiting += children(each)
    return True


def height(node: Node) -> int:
    """How many nodes stand above one another; without recursion, for a chain of operators is as high as it is long."""
    highest = 0
    waiting = [(node, 1)]
    while waiting:
        node, level = waiting.pop()
        highest = max(highest, level)
        waiting += [(child, level + 1) for child in children(node)]
    return highest


_LITERAL: Final = (bool, int, float, str, Undefined, ListOf, Record)
_PARTS: Final[Mapping[type, Callable[[Any], tuple[Node, ...]]]] = MappingProxyType({
    Selection: lambda node: (node.of,),
    Subscript: lambda node: (node.of, node.index),
    Unary: lambda node: (node.operand,),
    Binary: lambda node: (node.left, node.right),
    Conditional: lambda node: (node.test, node.then, node.otherwise),
    Parentheses: lambda node: (node.inner,),
    Call: lambda node: node.arguments,
    ListOf: lambda node: node.items,
    Record: lambda node: tuple(value for _, value in node.fields),
})  # fmt: skip
