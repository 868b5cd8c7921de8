"""Where an expression is evaluated: its record, the records around it, the other ad, and what may still be spent.

A list's and a record's elements stay expressions and remember the scope they were written in; that is why values that
hold elements live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

from msgspec import Struct

from vmf.classad.ad import NOTHING, Fields, fold
from vmf.classad.tree import ListOf, Node, Record
from vmf.classad.values import ERROR, UNDEFINED, AbsTime, Error, RelTime, Scalar, Undefined
from vmf.classad.world import World

DEPTH: Final = 400
"""How deep operators, calls and references may nest, those of the attributes that are referred to included."""
STEPS: Final = 10_000_000
"""How many nodes of trees one evaluation may look at. Both limits are the reference's."""
CHARACTERS: Final = 256
"""So many characters are compared in the time of a step."""
PLACES: Final = 8
"""What it costs, in steps, to look at an element of a list in another place than its own."""
PROGRAMS: Final = 100_000
"""How many compiled trees, and records within a record, are kept: `eval` makes new ones without end."""


class Failed(Exception):
    """The evaluation as a whole is ERROR, whatever stands around: a budget is spent, or a function cannot be run."""


class Program(Struct, frozen=True, eq=False):
    """A tree that is ready to run: how, how deep it nests, how many nodes it has, and the tree itself."""

    run: Closure
    depth: int
    steps: int
    node: Node


class Evaluation:
    """What all scopes of one evaluation share: the world, the trees that were compiled, and the budget that is left.

    Attributes:
        depth: how many nodes may still be nested.
        steps: how many nodes may still be looked at.
    """

    __slots__ = ("_compile", "_programs", "depth", "steps", "world")

    depth: int
    steps: int

    def __init__(self, world: World, compile_node: Callable[[Node], Program]) -> None:
        self.world = world
        self.renew()
        self._compile = compile_node
        self._programs: dict[int, Program] = {}

    def renew(self) -> None:
        """Give the whole budget anew: another expression is evaluated."""
        self.depth = DEPTH
        self.steps = STEPS

    def program(self, node: Node) -> Program:
        """The tree, compiled when it is first wanted. Trees are known by identity, and kept so that this is theirs."""
        program = self._programs.get(id(node))
        if program is None:
            if len(self._programs) >= PROGRAMS:
                self._programs.clear()
            program = self._programs[id(node)] = self._compile(node)
        return program

    def afford(self, node: Node, depth: int) -> Program:
        """A tree to be run that is nested so many nodes deeper than what wants it, paid for.

        Raises:
            Failed: it nests too deep, or nothing is left.
        """
        program = self.program(node)
        self.steps -= program.steps
        if self.steps < 0 or self.depth - depth < program.depth:
            raise Failed
        return program


class Scope:
    """A record in its place: what its attributes' expressions see.

    Attributes:
        record: the record's expressions by name.
        fields: the same by folded name.
        parent: the record around it, or None for the outermost.
        root: the outermost record, which `.name` means.
        other: where an unscoped name is looked up that is found in none of these: the other ad of a match.
        running: the names of attributes that are being evaluated; whoever comes to one of them again sees UNDEFINED.
    """

    __slots__ = ("_inner", "evaluation", "fields", "other", "parent", "record", "root", "running")

    def __init__(
        self,
        record: Fields[Element],
        evaluation: Evaluation,
        *,
        parent: Scope | None = None,
        root: Scope | None = None,
    ) -> None:
        self.record = record
        self.fields = record.fields
        self.evaluation = evaluation
        self.parent = parent
        self.root: Scope = root or self
        self.other: Scope | None = None
        self.running: set[str] = set()
        self._inner: dict[int, tuple[Node, Scope]] = {}

    @property
    def world(self) -> World:
        """What functions may know of the world."""
        return self.evaluation.world

    def evaluate(self, element: Element) -> Value:
        """The value of an expression in this scope; what is a value already is its own.

        Raises:
            Failed: the whole evaluation is ERROR; let it pass.
        """
        if isinstance(element, VALUES):
            return element
        evaluation = self.evaluation
        program = evaluation.afford(element, 1)
        evaluation.depth -= 1
        try:
            return program.run(self)
        finally:
            evaluation.depth += 1

    def spend(self, steps: int) -> None:
        """Pay for work that grows with what an expression says, such as a string's length.

        Raises:
            Failed: nothing is left.
        """
        self.evaluation.steps -= steps
        if self.evaluation.steps < 0:
            raise Failed

    def become(self, record: Fields[Element]) -> None:
        """Take another record's place, with the same surroundings."""
        self.record = record
        self.fields = record.fields
        self._inner.clear()

    def within(self, node: Node, record: Fields[Element]) -> Scope:
        """The scope of a record that is written in this one as a node: the same scope each time it is asked for."""
        known = self._inner.get(id(node))
        if known is None:
            if len(self._inner) >= PROGRAMS:
                self._inner.clear()
            known = self._inner[id(node)] = node, Scope(record, self.evaluation, parent=self, root=self.root)
        return known[1]


class ListValue(Struct, frozen=True, eq=False):
    """A list: expressions (or values already), and the scope they were written in."""

    items: tuple[Element, ...]
    scope: Scope

    def value(self, index: int) -> Value:
        """What `list[index]` is: evaluated in the list's scope, and ERROR by itself if the evaluation fails."""
        try:
            return self.scope.evaluate(self.items[index])
        except Failed:
            return ERROR

    def values(self, caller: Scope) -> Iterator[Value]:
        """The elements as functions see them, one after the other: names in them are looked up where the call stands.

        So the reference does it; lists and records among the elements keep the scope they were written in. Strings are
        paid for, like those that functions are given.

        Raises:
            Failed: an element's evaluation failed, or nothing is left.
        """
        caller.spend(len(self.items))
        for item in self.items:
            value = (self.scope if isinstance(item, ListOf | Record) else caller).evaluate(item)
            if isinstance(value, str):
                caller.spend(len(value))
            yield value


class RecordValue(Struct, frozen=True, eq=False):
    """A record, as the scope that its own attributes see; `scope.record` has its expressions."""

    scope: Scope

    def value(self, name: str) -> Value:
        """What `record.name` is: UNDEFINED if this very record has no such attribute, and ERROR if it fails."""
        element = self.scope.fields.get(fold(name))
        try:
            return UNDEFINED if element is None else self.scope.evaluate(element)
        except Failed:
            return ERROR


def nowhere(root: Scope) -> Scope:
    """A scope in which names mean nothing, but for the root's."""
    return Scope(NOTHING, root.evaluation, root=root)


def detached(value: Value, root: Scope) -> Value:
    """A list or a record that has left its place: names in it that are not its own mean nothing, but for the root's."""
    if isinstance(value, RecordValue):
        return RecordValue(Scope(value.scope.record, root.evaluation, root=root))
    if isinstance(value, ListValue):
        return ListValue(value.items, nowhere(root))
    return value


Value: TypeAlias = Scalar | ListValue | RecordValue
Element: TypeAlias = Node | ListValue | RecordValue
Closure: TypeAlias = Callable[[Scope], Value]
Function: TypeAlias = Callable[[Scope, tuple[Value, ...]], Value]
"""A function of the language whose arguments are values."""
LazyFunction: TypeAlias = Callable[[Scope, tuple[Node, ...]], Value]
"""A function of the language that decides itself which of its arguments it evaluates, with `scope.evaluate`."""

VALUES: Final = (Undefined, Error, bool, int, float, str, AbsTime, RelTime, ListValue, RecordValue)
"""The types of values; anything else is an expression."""
