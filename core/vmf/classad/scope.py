"""Where an expression is evaluated: its record, the records around it, the other ad, and what may still be spent.

A list's and a record's elements stay expressions and remember the scope they were written in; that is why values that
hold elements live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

from vmf.classad.tree import Node
from vmf.classad.values import ERROR, UNDEFINED, Scalar
from vmf.classad.world import World

DEPTH = 400
"""How deep attributes may refer to attributes; the reference's limit."""
STEPS = 10_000_000
"""How much work one evaluation may be, in look-ups, calls and elements; the reference's limit."""


class Failed(Exception):
    """The evaluation as a whole is ERROR, whatever stands around: a budget is spent, or a function cannot be run."""


class Evaluation:
    """What all scopes of one evaluation share: the world, how trees become closures, and the budget that is left."""

    __slots__ = ("compiled", "depth", "steps", "world")

    def __init__(self, world: World, compiled: Callable[[Element], Closure]) -> None:
        self.world = world
        self.compiled = compiled
        self.depth = DEPTH
        self.steps = STEPS


class Scope:
    """A record in its place: what its attributes' expressions see.

    Attributes:
        fields: the record's expressions by lower-case name.
        parent: the record around it, or None for the outermost.
        other: where an unscoped name is looked up that is found in none of them: the other ad of a match.
    """

    __slots__ = ("evaluation", "fields", "other", "parent")

    def __init__(
        self,
        fields: Mapping[str, Element],
        evaluation: Evaluation,
        *,
        parent: Scope | None = None,
        other: Scope | None = None,
    ) -> None:
        self.fields = fields
        self.evaluation = evaluation
        self.parent = parent
        self.other = other

    @property
    def world(self) -> World:
        """What functions may know of the world."""
        return self.evaluation.world

    def evaluate(self, element: Element) -> Value:
        """The value of an expression of this scope; what is a value already is its own.

        Raises:
            Failed: the whole evaluation is ERROR; let it pass.
        """
        return self.evaluation.compiled(element)(self)

    def spend(self, steps: int) -> None:
        """Pay for work that grows with what an expression says.

        Raises:
            Failed: nothing is left.
        """
        self.evaluation.steps -= steps
        if self.evaluation.steps < 0:
            raise Failed


class ListValue(Struct, frozen=True, eq=False):
    """A list: expressions (or values already), and the scope they were written in."""

    items: tuple[Element, ...]
    scope: Scope

    def value(self, index: int) -> Value:
        """The value of one element, evaluated in the list's scope; an element that fails is ERROR by itself."""
        evaluation = self.scope.evaluation
        if evaluation.depth <= 0:
            raise Failed
        self.scope.spend(1)
        evaluation.depth -= 1
        try:
            return self.scope.evaluate(self.items[index])
        except Failed:
            return ERROR
        finally:
            evaluation.depth += 1

    def values(self) -> Iterator[Value]:
        """The elements' values, one after the other, each evaluated when it is asked for."""
        return (self.value(index) for index in range(len(self.items)))


class RecordValue(Struct, frozen=True, eq=False):
    """A record, as the scope that its own attributes see; `scope.fields` are its expressions."""

    scope: Scope

    def value(self, name: str) -> Value:
        """The value of an attribute of this very record, UNDEFINED if it has none; ASCII case does not count."""
        element = self.scope.fields.get(name.lower())
        return UNDEFINED if element is None else self.scope.evaluate(element)


Value: TypeAlias = Scalar | ListValue | RecordValue
Element: TypeAlias = Node | ListValue | RecordValue
Closure: TypeAlias = Callable[[Scope], Value]
Function: TypeAlias = Callable[[Scope, tuple[Value, ...]], Value]
"""A function of the language whose arguments are values."""
LazyFunction: TypeAlias = Callable[[Scope, tuple[Node, ...]], Value]
"""A function of the language that decides itself which of its arguments it evaluates, with `scope.evaluate`."""
