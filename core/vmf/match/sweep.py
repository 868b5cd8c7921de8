"""One job's expressions, and the hosts' about it, evaluated for all hosts at once.

Whatever refers to no host's attribute is evaluated once. Operators work on vectors. Everything else is evaluated by the
tree, once for each kind of host that it can tell apart; if no text tells what it may read, for each host.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from vmf.classad import ERROR, UNDEFINED, Ad, ListValue, Match, Node, Value, World
from vmf.classad.operators import truth
from vmf.classad.scope import STEPS, VALUES
from vmf.classad.tree import Binary, Conditional, ListOf, Parentheses, Reference, Selection, Unary
from vmf.match import vectors
from vmf.match.columns import Column, Columns, Kinds
from vmf.match.dependencies import Dependencies, Opaque, Side
from vmf.match.reading import scoped
from vmf.match.texts import COMPARISONS
from vmf.match.vectors import EVERYWHERE, Array, Mask, Vector

_FEW: Final = 8
"""As many evaluations by the tree, or expressions of one attribute, take about as long as one step for all hosts."""
_PRICE: Final = 1_000
"""What it takes of the language's budget to look at a node for all hosts: what could spend it is not taken apart.

Attributes that refer to each other twice double the work each time.
"""


class Sense(Struct, frozen=True, eq=False):
    """What is wanted of a value: for one, and for a vector of them."""

    value: Callable[[Value], Value]
    vector: Callable[[Vector], Vector]


class Sweep:
    """One job against all hosts."""

    def __init__(self, columns: Columns, job: Ad, world: World) -> None:
        self._columns = columns
        self._job = job
        self._match = Match(job, Ad(), world)
        here = self._match.evaluate(ListOf(items=()))
        assert isinstance(here, ListValue)  # noqa: S101  # that knows its scope, and so what evaluations take
        self._evaluation = here.scope.evaluation
        self._depends = Dependencies(columns, job)

    def fits(self) -> Mask:
        """Where the job's requirements and the host's are both exactly true; who has none does not object."""
        fits = np.ones(len(self._columns.hosts), np.bool_)
        if "requirements" in self._job.fields:
            fits &= self._attribute("requirements", Side.JOB, FITS, fits)
        fits &= self._attribute("requirements", Side.HOST, FITS, fits) | self._columns.without("requirements")
        return fits

    def ranks(self, where: Mask) -> NDArray[np.float64]:
        """The job's rank of each host, right where it is wanted; 0 where it is no number."""
        ranks = self._attribute("rank", Side.JOB, RANK, where)
        return np.broadcast_to(ranks, where.shape).astype(np.float64)

    def _attribute(self, name: str, side: Side, sense: Sense, where: Mask) -> Array:
        if not where.any():
            return np.zeros_like(where)
        node = Selection(of=Reference(name="MY"), name=name)
        self._left, self._dearest = STEPS, 0
        try:
            self._depends.on(node, side)  # all of it, lest a part be taken that is not the tree's
            with np.errstate(all="ignore"):  # what overflows or is divided by 0 has its place in the answer
                vector = self._vector(node, side, sense, where)
        except Opaque:
            vector = self._spread(node, side, sense, where, self._columns.apart)
        assert vector is not None  # noqa: S101  # these senses make one type of all values
        return vector.data

    def _vector(self, node: Node, side: Side, sense: Sense, where: Mask) -> Vector | None:
        """An expression's value for each host, right where it is wanted; None if the values have no one type.

        Raises:
            Opaque: it has to be evaluated for each host.
        """
        self._pay(_PRICE)
        while isinstance(node, Parentheses):
            node = node.inner
        if isinstance(node, VALUES):
            return vectors.constant(sense.value(node))
        found = self._lazy(node, side, sense, where) or self._strict(node, side, sense, where)
        if found is not None:
            return found
        names = self._depends.on(node, side).names
        if not names:
            return vectors.constant(sense.value(self._common(node, side)))
        found = self._spread(node, side, sense, where, self._columns.kinds(names))
        self._pay(self._dearest)
        return found

    def _lazy(self, node: Node, side: Side, sense: Sense, where: Mask) -> Vector | None:
        """What operators yield that do not always look at all their operands."""
        match node:
            case Binary(operator="&&" | "||"):
                return sense.vector(self._logical(node, side, where))
            case Binary(operator="?:"):
                found = self._elvis(node, side, where)
                return found and sense.vector(found)
            case Conditional():
                return self._conditional(node, side, sense, where)
        return None

    def _logical(self, node: Binary, side: Side, where: Mask) -> Vector:
        left = self._truth(node.left, side, where)
        where = where & vectors.undecided(left, deciding=node.operator == "||")
        return vectors.logical(node.operator, left, self._truth(node.right, side, where)) if where.any() else left

    def _truth(self, node: Node, side: Side, where: Mask) -> Vector:
        vector = self._vector(node, side, TRUTH, where)
        assert vector is not None  # noqa: S101  # this sense makes one type of all values
        return vector

    def _elvis(self, node: Binary, side: Side, where: Mask) -> Vector | None:
        left = self._vector(node.left, side, PLAIN, where)
        if left is None:
            return None
        where = where & vectors.undefined(left)
        if not where.any():
            return left
        right = self._vector(node.right, side, PLAIN, where)
        return right and vectors.chosen([(vectors.undefined(left), right), (EVERYWHERE, left)])

    def _conditional(self, node: Conditional, side: Side, sense: Sense, where: Mask) -> Vector | None:
        test = self._truth(node.test, side, where)
        parts = list[tuple[Mask, Vector | None]]()
        for branch, mask in ((node.then, vectors.holds(test)), (node.otherwise, vectors.fails(test))):
            here = where & mask
            if here.any():
                parts.append((mask, self._vector(branch, side, sense, here)))
        parts.append((vectors.undefined(test), vectors.constant(sense.value(UNDEFINED))))
        parts.append((EVERYWHERE, vectors.constant(sense.value(ERROR))))
        return vectors.chosen(parts)

    def _strict(self, node: Node, side: Side, sense: Sense, where: Mask) -> Vector | None:
        """What operators and attributes yield that have a form for vectors."""
        match node:
            case Reference() | Selection():
                return self._reference(node, side, sense, where)
            case Binary(operator=symbol) if symbol in vectors.BINARY:
                first, second = self._texts(node, side) or self._numbers(node, side, where)
                found = first and second and vectors.BINARY[symbol](first, second)
            case Unary(operator=symbol, operand=operand) if symbol in vectors.UNARY:
                vector = self._vector(operand, side, PLAIN, where)
                found = vector and vectors.UNARY[symbol](vector)
            case _:
                return None
        return found and sense.vector(found)

    def _numbers(self, node: Binary, side: Side, where: Mask) -> tuple[Vector | None, Vector | None]:
        left = self._vector(node.left, side, PLAIN, where)
        return left, left and self._vector(node.right, side, PLAIN, where)

    def _texts(self, node: Binary, side: Side) -> tuple[Vector, Vector] | None:
        """A comparison's operands as numbers, if one is a column of texts, and the other the same for all hosts."""
        if node.operator not in COMPARISONS:
            return None
        for column, other in ((node.left, node.right), (node.right, node.left)):
            home, name = self._home(column, side)
            found = self._columns.texts(name, node.operator) if home is Side.HOST else None
            if found is not None and not self._depends.on(other, side).names:
                number = found.number(self._common(other, side))
                if number is not None:
                    return (found.vector, number) if column is node.left else (number, found.vector)
        return None

    def _reference(self, node: Node, side: Side, sense: Sense, where: Mask) -> Vector | None:
        """An attribute's value."""
        home, name = self._home(node, side)
        if home is Side.HOST:
            return self._column(self._columns[name], sense, where)
        return None if home is None else self._vector(self._job.fields.get(name, UNDEFINED), home, sense, where)

    def _home(self, node: Node, side: Side) -> tuple[Side | None, str]:
        """Where an attribute is found: without a scope in the expression's own ad, or else in the other ad.

        It is None if the node is no attribute, or one that only some hosts have, and for the others the job.
        """
        found = scoped(node)
        if found is None:
            return None, ""
        scope, name = found
        if scope:
            return (side.other if scope == "target" else side), name
        ours = name in self._job.fields
        if side is Side.JOB:
            return (Side.JOB if ours else Side.HOST), name
        some_lack_it = None in self._columns[name].nodes
        return (None if ours and some_lack_it else Side.HOST), name

    def _column(self, column: Column, sense: Sense, where: Mask) -> Vector | None:
        if column.vector is not None:
            return sense.vector(column.vector)
        if not column.expressions or len(column.nodes) > _FEW:
            return None
        if column.kinds.count == 1:
            return self._vector(column.expressions[0], Side.HOST, sense, where)
        parts = list[tuple[Mask, Vector | None]]()
        for code, node in enumerate(column.nodes):
            here = column.kinds.codes == code
            expression = UNDEFINED if node is None else node
            parts.append((here, self._vector(expression, Side.HOST, sense, where & here)))
        return vectors.chosen(parts)

    def _spread(self, node: Node, side: Side, sense: Sense, where: Mask, kinds: Kinds) -> Vector | None:
        """An expression's value by the tree, evaluated for one host of each kind that is wanted."""
        wanted = np.ones(kinds.count, np.bool_)
        if kinds.count > _FEW:
            wanted = np.bincount(kinds.codes[where], minlength=kinds.count).astype(np.bool_)
        vector = vectors.packed(
            sense.value(self._evaluated(node, side, host)) if want else None
            for host, want in zip(kinds.first.tolist(), wanted.tolist(), strict=True)
        )
        return vector and vector.at(kinds.places)

    def _common(self, node: Node, side: Side) -> Value:
        """What an expression is worth that is the same for all hosts."""
        value = self._evaluated(node, side, 0)
        self._pay(self._dearest)
        return value

    def _evaluated(self, node: Node, side: Side, host: int) -> Value:
        if isinstance(node, VALUES):
            return node
        self._match.replace_right(self._columns.hosts[host])
        value = self._match.evaluate(node) if side is Side.JOB else self._match.evaluate_right(node)
        self._dearest = max(self._dearest, STEPS - self._evaluation.steps)
        return value

    def _pay(self, steps: int) -> None:
        """Take what a part of an evaluation spends off its budget.

        Raises:
            Opaque: it might not suffice.
        """
        self._left, self._dearest = self._left - steps, 0
        if self._left < 0:
            raise Opaque


def _number(value: Value) -> float:
    number = float(value) if isinstance(value, bool | int | float) else 0.0
    return 0.0 if math.isnan(number) else number


PLAIN: Final = Sense(value=lambda value: value, vector=lambda vector: vector)
TRUTH: Final = Sense(value=truth, vector=vectors.truth)
FITS: Final = Sense(value=lambda value: value is True, vector=vectors.exactly_true)
RANK: Final = Sense(value=_number, vector=vectors.numbers)
