"""Functions that are given expressions, not their values: choose, evaluate elsewhere, show, look into."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from vmf.classad.ad import fold
from vmf.classad.arity import takes
from vmf.classad.conversions import as_text, as_tree
from vmf.classad.names import lookup
from vmf.classad.operators import truth
from vmf.classad.parser import ClassAdSyntaxError, parse_shared
from vmf.classad.regexes import Unmatchable, compiled, matches
from vmf.classad.scope import DEPTH, PLACES, Element, Failed, LazyFunction, ListValue, RecordValue, Scope, Value
from vmf.classad.tree import Node, Reference, Selection, children
from vmf.classad.unparsing import COMPACT, INDENTED, unparse
from vmf.classad.values import ERROR, UNDEFINED, Undefined

_THEIRS: Final = re.compile(r"\Atarget\.", re.IGNORECASE)


@takes(3, 3)
def _if_then_else(scope: Scope, test: Node, then: Node, otherwise: Node) -> Value:
    holds = truth(scope.evaluate(test))
    if isinstance(holds, bool):
        return scope.evaluate(then if holds else otherwise)
    return holds


@takes(1, 1)
def _eval(scope: Scope, node: Node) -> Value:
    """What the expression is worth whose text a value is."""
    text = as_text(scope.evaluate(node))
    if not isinstance(text, str):
        return ERROR
    try:
        tree = parse_shared(text)
    except ClassAdSyntaxError:
        return ERROR
    return scope.evaluate(tree)


@takes(1, 1)
def _debug(scope: Scope, node: Node) -> Value:
    """A value as it is; the world is told what it was of."""
    value = scope.evaluate(node)
    line = f"{unparse(node, COMPACT)} --> {unparse(as_tree(value), COMPACT)}"
    scope.spend(len(line))
    scope.world.debug(line)
    return value


@takes(1, 1)
def _unparse(scope: Scope, node: Node) -> Value:
    """The text of an attribute of this very record; empty, if it has none of the name."""
    if not isinstance(node, Reference | Selection):
        return ERROR
    element = scope.fields.get(fold(unparse(node, COMPACT)))
    return "" if element is None else unparse(as_tree(element), INDENTED)


def _referred(scope: Scope, node: Node) -> tuple[Element, Scope] | None:
    """The expression that an attribute stands for, and its record."""
    match node:
        case Reference(name=name, absolute=True):
            return lookup(scope.root, fold(name))
        case Reference(name=name):
            return lookup(scope, fold(name)) or (None if scope.other is None else lookup(scope.other, fold(name)))
        case Selection(of=of, name=name):
            record = scope.evaluate(of)
            return lookup(record.scope, fold(name)) if isinstance(record, RecordValue) else None
        case _:
            return None


@takes(2, 2)
def _eval_in_each_context(scope: Scope, node: Node, records: Node) -> Value:
    """The list of what an expression, or the one that an attribute stands for, is worth in each of some records."""
    values = scope.evaluate(records)
    if not isinstance(values, ListValue):
        return UNDEFINED if isinstance(values, Undefined) else ERROR
    return ListValue(tuple(_in_each(scope, node, values)), scope)


@takes(2, 2)
def _count_matches(scope: Scope, node: Node, records: Node) -> Value:
    """In how many of some records an expression is true."""
    values = scope.evaluate(records)
    if not isinstance(values, ListValue):
        return 0 if isinstance(values, Undefined) else ERROR
    return sum(truth(value) is True for value in _in_each(scope, node, values))


def _in_each(scope: Scope, node: Node, records: ListValue) -> Iterator[Value]:
    referred = _referred(scope, node)
    element = node if referred is None else referred[0]
    scope.spend(PLACES * len(records.items))
    for record in records.values(scope):
        if isinstance(record, RecordValue):
            yield _within(record.scope, element)
        else:
            yield UNDEFINED if isinstance(record, Undefined) else ERROR


def _within(scope: Scope, element: Element) -> Value:
    """What an expression is worth in a record, which sees the ad that the ad sees in which it is written."""
    seen = scope.other
    scope.other = (scope.parent and scope.parent.other) or seen
    try:
        return scope.evaluate(element)
    except Failed:
        return ERROR
    finally:
        scope.other = seen


@takes(1, 2)
def _unresolved(scope: Scope, node: Node, pattern: Node | None = None) -> Value:
    """The names that an attribute's expression refers to and its ad does not have, or whether one matches a pattern.

    Raises:
        Failed: the pattern is no string.
    """
    if not isinstance(node, Reference | Selection):
        return ERROR
    referred = _referred(scope, node)
    if referred is None:
        return UNDEFINED
    try:
        names = {fold(name): name for name in _external(*referred)}
    except _Untold:
        names = {}
    plain = [_THEIRS.sub("", names[name]) for name in sorted(names)]
    return ",".join(plain) if pattern is None else _any_matches(scope, scope.evaluate(pattern), plain)


def _any_matches(scope: Scope, pattern: Value, names: list[str]) -> Value:
    if not isinstance(pattern, str):
        raise Failed
    try:
        compiled(pattern, "i")
        return any(match.group() for name in names for match in matches(scope, pattern, name, "i"))
    except Unmatchable:
        return ERROR


class _Untold(Exception):
    """A name belongs to what is no record, or attributes refer to each other."""


def _external(element: Element, scope: Scope) -> Iterator[str]:
    """The names that an expression refers to and its ad, or the one that it takes them from, does not have.

    Raises:
        _Untold: there is no telling.
    """
    waiting = [(as_tree(element), scope, 0)]
    while waiting:
        node, home, depth = waiting.pop()
        home.spend(1)
        if depth > DEPTH:
            raise _Untold
        if not isinstance(node, Reference | Selection):
            waiting += [(child, home, depth + 1) for child in children(node)]
            continue
        start = _start(node, home)
        found = None if start is None else lookup(start, fold(node.name))
        if found is not None:
            waiting.append((as_tree(found[0]), found[1], depth + 1))
        elif start is None and isinstance(node, Selection):
            yield f"{unparse(node.of, COMPACT)}.{node.name}"
        else:
            yield node.name


def _start(node: Reference | Selection, home: Scope) -> Scope | None:
    """The record that a name is looked up in; None if that is not there. Raises: _Untold."""
    if isinstance(node, Reference):
        return home.root if node.absolute else home
    record = home.evaluate(node.of)
    if isinstance(record, RecordValue):
        return record.scope
    if isinstance(record, Undefined):
        return None
    raise _Untold


LAZY: Final[Mapping[str, LazyFunction]] = MappingProxyType(
    {
        "ifthenelse": _if_then_else,
        "eval": _eval,
        "debug": _debug,
        "unparse": _unparse,
        "unresolved": _unresolved,
        "evalineachcontext": _eval_in_each_context,
        "countmatches": _count_matches,
    }
)
