"""Parts of an expression that are worth the same whatever the ads say."""

from __future__ import annotations

from typing import Final

from vmf.classad import ListValue, Node, RecordValue, Scalar, evaluate, fold
from vmf.classad.conversions import EAGER as CONVERSIONS
from vmf.classad.lists import EAGER as LISTS
from vmf.classad.numbers import EAGER as NUMBERS
from vmf.classad.scope import VALUES
from vmf.classad.stringlists import EAGER as STRING_LISTS
from vmf.classad.strings import EAGER as STRINGS
from vmf.classad.tree import Binary, Call, Conditional, ListOf, Parentheses, Unary, children
from vmf.classad.versions import EAGER as VERSIONS

NODES: Final = 64
"""So many nodes a constant may have; nobody writes a longer one."""
_STEADY: Final = frozenset({*CONVERSIONS, *LISTS, *NUMBERS, *STRING_LISTS, *STRINGS, *VERSIONS, "ifthenelse"}) - {
    "random"
}
"""Functions that look at their arguments alone, and take no longer than these are long."""


def constant(node: Node) -> Scalar | None:
    """What a tree is worth everywhere; None if that depends, or the tree is large, or worth a list or a record."""
    if isinstance(node, VALUES):
        return node
    if not _is_steady(node):
        return None
    value = evaluate(node)
    return None if isinstance(value, ListValue | RecordValue) else value


def _is_steady(node: Node) -> bool:
    """Whether a tree is small, and made of nothing but literals, operators and steady functions."""
    waiting, seen = [node], 0
    while waiting:
        node = waiting.pop()
        seen += 1
        match node:
            case Unary() | Binary() | Conditional() | Parentheses() | ListOf():
                pass
            case Call(function=function):
                if fold(function) not in _STEADY:
                    return False
            case _ if not isinstance(node, VALUES):
                return False
        if seen > NODES:
            return False
        waiting += children(node)
    return True
