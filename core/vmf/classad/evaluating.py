"""Trees become closures, and closures yield values: how each kind of node is evaluated.

A tree is compiled once and run many times. How deep it nests is known when it is compiled, so that running it counts
nothing except where one tree leads to another: at references, calls and elements of lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from vmf.classad.ad import Ad, fold
from vmf.classad.names import BESIDE, attribute, lookup
from vmf.classad.operators import BINARY, truth, unary, unlike
from vmf.classad.scope import (
    CHARACTERS,
    DEPTH,
    PLACES,
    VALUES,
    Closure,
    Evaluation,
    Failed,
    ListValue,
    Program,
    RecordValue,
    Scope,
    Value,
    detached,
    nowhere,
)
from vmf.classad.tree import (
    Binary,
    Call,
    Conditional,
    ListOf,
    Node,
    Parentheses,
    Record,
    Reference,
    Selection,
    Subscript,
    Unary,
    children,
)
from vmf.classad.values import ERROR, UNDEFINED
from vmf.classad.world import World

_PLAIN: Final = frozenset(VALUES)
_FREE: Final = (*VALUES, ListOf, Record)


def evaluation(world: World) -> Evaluation:
    """What scopes share that see each other, with nothing spent yet."""
    return Evaluation(world, compiled)


def answer(node: Node, scope: Scope) -> Value:
    """What an expression is worth in a scope, with the whole budget to spend; ERROR if the evaluation fails."""
    scope.evaluation.renew()
    try:
        return scope.evaluation.afford(node, 0).run(scope)
    except (Failed, RecursionError):  # a caller far down the stack leaves less of it than `DEPTH` may take
        return ERROR


def compiled(node: Node) -> Program:
    """A tree, ready to run; one that nests deeper than any budget fails when it is run."""
    depth, steps = _measured(node)
    return Program(run=_closure(node, 1) if depth <= DEPTH else _fail, depth=depth, steps=steps, node=node)


def _measured(node: Node) -> tuple[int, int]:
    """How deep a tree nests and how many nodes it has. What is there already, literals, lists and records, is free."""
    deepest = steps = 0
    waiting = [(node, 1)]
    while waiting:
        node, depth = waiting.pop()
        if not isinstance(node, _FREE):
            deepest, steps = max(deepest, depth), steps + 1
            waiting += [(child, depth + 1) for child in children(node)]
    return deepest, steps


def _fail(_scope: Scope) -> Value:
    raise Failed


def _closure(node: Node, depth: int) -> Closure:
    return _COMPILERS[type(node)](node, depth)


def _literal(node: Any, _depth: int) -> Closure:  # noqa: ANN401  # any scalar
    return lambda _scope: node


def _reference(node: Reference, depth: int) -> Closure:
    name = fold(node.name)

    def run(scope: Scope) -> Value:
        element = scope.fields.get(name)
        if type(element) in _PLAIN:
            return element  # type: ignore[return-value]  # it is one of VALUES
        found = lookup(scope, name)
        if found is None and scope.other is not None:
            found = lookup(scope.other, name)
        return attribute(found, name, depth)

    def run_absolute(scope: Scope) -> Value:
        return attribute(lookup(scope.root, name), name, depth)

    return run_absolute if node.absolute else run


def _selection(node: Selection, depth: int) -> Closure:
    of, name = _closure(node.of, depth + 1), fold(node.name)

    def run(scope: Scope) -> Value:
        return _selected(of(scope), name, scope, depth)

    if not isinstance(node.of, Reference) or node.of.absolute or fold(node.of.name) not in BESIDE:
        return run
    beside_name = fold(node.of.name)
    beside = BESIDE[beside_name]

    def run_beside(scope: Scope) -> Value:
        """The plain case, `MY.Memory` and `TARGET.Memory` being literals, without the detour over records."""
        there = beside(scope)
        if there is not None and beside_name not in scope.fields:
            element = there.fields.get(name)
            if type(element) in _PLAIN:
                return element  # type: ignore[return-value]  # it is one of VALUES
        return run(scope)

    return run_beside


def _selected(value: Value, name: str, scope: Scope, depth: int) -> Value:
    if isinstance(value, RecordValue):
        return attribute(lookup(value.scope, name), name, depth)
    if isinstance(value, ListValue):
        return _projected(value, name, scope, depth)
    return UNDEFINED if value is UNDEFINED else ERROR


def _projected(items: ListValue, name: str, scope: Scope, depth: int) -> ListValue:
    """An attribute of each element of a list."""
    scope.spend(PLACES * len(items.items))
    found = [detached(_selected(item, name, scope, depth), scope.root) for item in items.values(scope)]
    return ListValue(tuple(found), nowhere(scope.root))


def _subscript(node: Subscript, depth: int) -> Closure:
    of, index = _closure(node.of, depth + 1), _closure(node.index, depth + 1)

    def run(scope: Scope) -> Value:
        whole, which = of(scope), index(scope)
        evaluation = scope.evaluation
        evaluation.depth -= depth
        try:
            return _element(whole, which, scope.root)
        finally:
            evaluation.depth += depth

    return run


def _element(whole: Value, which: Value, root: Scope) -> Value:
    if type(whole) is ListValue and type(which) is int:
        return whole.value(which) if 0 <= which < len(whole.items) else ERROR
    if type(whole) is RecordValue and type(which) is str:
        return detached(whole.value(which), root)
    return unlike(whole, which)


def _unary(node: Unary, depth: int) -> Closure:
    operand, operation = _closure(node.operand, depth + 1), unary(node.operator)
    return lambda scope: operation(operand(scope))


def _binary(node: Binary, depth: int) -> Closure:
    left, right = _closure(node.left, depth + 1), _closure(node.right, depth + 1)
    if node.operator in _LAZY_OPERATORS:
        return _LAZY_OPERATORS[node.operator](left, right)
    operation = BINARY[node.operator]

    def run(scope: Scope) -> Value:
        first, second = left(scope), right(scope)
        if type(first) is str and type(second) is str:
            scope.spend((len(first) + len(second)) // CHARACTERS)
        return operation(first, second)

    return run


def _logical(*, deciding: bool) -> Callable[[Closure, Closure], Closure]:
    """`&&` and `||`: the one value that decides on the left ends it, and on the right beats UNDEFINED, not ERROR."""

    def operator(left: Closure, right: Closure) -> Closure:
        def run(scope: Scope) -> Value:
            first = truth(left(scope))
            if first is deciding or first is ERROR:
                return first
            second = truth(right(scope))
            return UNDEFINED if first is UNDEFINED and second is not ERROR and second is not deciding else second

        return run

    return operator


def _elvis(left: Closure, right: Closure) -> Closure:
    def run(scope: Scope) -> Value:
        value = left(scope)
        return right(scope) if value is UNDEFINED else value

    return run


_LAZY_OPERATORS: Final = {"&&": _logical(deciding=False), "||": _logical(deciding=True), "?:": _elvis}


def _conditional(node: Conditional, depth: int) -> Closure:
    test, then = _closure(node.test, depth + 1), _closure(node.then, depth + 1)
    otherwise = _closure(node.otherwise, depth + 1)

    def run(scope: Scope) -> Value:
        holds = truth(test(scope))
        if holds is True:
            return then(scope)
        return otherwise(scope) if holds is False else holds

    return run


def _parentheses(node: Parentheses, depth: int) -> Closure:
    return _closure(node.inner, depth + 1)


def _call(node: Call, depth: int) -> Closure:
    name = fold(node.function)
    from vmf.classad.functions import EAGER, LAZY  # noqa: PLC0415  # slow to import, and most expressions call none

    if name in LAZY:
        return lambda scope: _called(LAZY[name], scope, node.arguments, depth)
    if name not in EAGER:
        return lambda _scope: ERROR
    arguments = [_closure(argument, depth + 1) for argument in node.arguments]
    return lambda scope: _called(EAGER[name], scope, tuple([argument(scope) for argument in arguments]), depth)


def _called(function: Callable[..., Value], scope: Scope, arguments: tuple[Any, ...], depth: int) -> Value:
    """A function's answer. Strings have to be paid for, going in and coming out: they can double with each call."""
    evaluation = scope.evaluation
    evaluation.depth -= depth
    try:
        value = function(scope, arguments)
    finally:
        evaluation.depth += depth
    scope.spend(1 + sum([len(each) for each in (value, *arguments) if type(each) is str]))
    return value


def _list(node: ListOf, _depth: int) -> Closure:
    return lambda scope: ListValue(node.items, scope)


def _record(node: Record, _depth: int) -> Closure:
    record = Ad(node.fields)
    return lambda scope: RecordValue(scope.within(node, record))


_COMPILERS: Final[Mapping[type, Callable[[Any, int], Closure]]] = {
    **dict.fromkeys(VALUES, _literal),
    Reference: _reference,
    Selection: _selection,
    Subscript: _subscript,
    Unary: _unary,
    Binary: _binary,
    Conditional: _conditional,
    Parentheses: _parentheses,
    Call: _call,
    ListOf: _list,
    Record: _record,
}
