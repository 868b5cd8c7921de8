"""Whether a condition can be true at all, and whether it can be anything else.

A condition is true, false, undefined or an error by its *tests*, the parts between `&&`, `||`, `!` and their like. What
the tests of one attribute against constants answer, such as `Memory > 512`, is tried out with samples of the attribute;
any other test is taken to answer whatever would prove the verdict wrong. Hence what is told here is so, and what is not
told may be so, too.

That an attribute is worth the same wherever a condition reads it is taken for granted, though one that another ad makes
of `random()` is not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import Final, TypeAlias

from msgspec import Struct

from vmf.classad import ERROR, UNDEFINED, Ad, Match, Node, Scalar, Value, fold
from vmf.classad.ad import NOTHING
from vmf.classad.conversions import EAGER as CONVERSIONS
from vmf.classad.operators import truth
from vmf.classad.tree import Binary, Call, Conditional, Parentheses, Reference, Unary, height
from vmf.classad.values import Undefined
from vmf.lint.constants import constant
from vmf.lint.samples import is_told_apart, samples
from vmf.lint.spots import Spot
from vmf.lint.vocabulary import ALWAYS, COMPARISONS, LOGIC, Vocabulary, bare
from vmf.match.reading import scoped

EFFORT: Final = 40_000
"""So many tests are evaluated for one text; a question that takes more is not answered."""
HIGHEST: Final = 150
"""So many nodes of a clause may stand above one another; of a higher one nothing is told."""

_Attribute: TypeAlias = tuple[str, str]
"""Whose it is, and its folded name."""
_Answers: TypeAlias = tuple[Scalar, ...]
_YES: Final[_Answers] = (True,)
"""What may make a clause true that is nothing but a test."""
_ANY: Final[_Answers] = (True, False, UNDEFINED)
"""What may in a clause of several: an error never does, for it spoils all that it is part of."""
_SUBJECT: Final = Reference(name="subject")
_ASKS_TYPE: Final = frozenset(name for name in CONVERSIONS if name.startswith("is"))


class Clause(Struct, frozen=True, eq=False):
    """A part of a condition that has to be true."""

    spot: Spot
    node: Node
    """The same, with a name in place of each test."""
    tests: Mapping[str, _Attribute | None]
    """What each test looks at; None: at something else than one attribute."""


class Condition:
    """A condition, taken apart into the clauses that all have to be true."""

    def __init__(self, root: Spot, words: Vocabulary) -> None:
        self._words = words
        self._effort = EFFORT
        self._match = Match(NOTHING, NOTHING)
        self._trials: dict[_Attribute, dict[str, Node]] = defaultdict(dict)
        self._constants: dict[_Attribute, list[Scalar]] = defaultdict(list)
        self._hopes: dict[str, _Answers] = {}
        self._clauses = [self._clause(each) for each in _conjuncts(root)]
        self._answers = {each: self._tried(each) for each in self._trials}

    def contradiction(self) -> tuple[Spot, ...]:
        """A clause, or the few, that are never true together; empty if none is known."""
        about: dict[_Attribute, dict[Clause, None]] = defaultdict(dict)
        for clause in self._clauses:
            if not self._can_be([clause]):
                return (clause.spot,)
            for attribute in filter(None, clause.tests.values()):
                about[attribute][clause] = None
        for group in map(list, about.values()):
            if len(group) > 1 and not self._can_be(group):
                return tuple(clause.spot for clause in self._needed(group))
        return ()

    def is_always_true(self) -> bool:
        """Whether nothing can make it anything else than true."""
        return all(self._must_be(clause) for clause in self._clauses)

    def _needed(self, group: list[Clause]) -> list[Clause]:
        """Clauses that are never true together, without those that have no part in it."""
        needed = group
        for each in group:
            others = [other for other in needed if other is not each]
            if not self._can_be(others):
                needed = others
        return needed

    def _can_be(self, group: Sequence[Clause]) -> bool:
        cases = self._cases(group, self._hopes)
        return cases is None or any(all(self._holds(clause, case) for clause in group) for case in cases)

    def _must_be(self, clause: Clause) -> bool:
        cases = self._cases([clause], dict.fromkeys(self._hopes, (ERROR,)))
        return cases is not None and all(self._holds(clause, case) for case in cases)

    def _holds(self, clause: Clause, case: Ad) -> bool:
        self._match.replace_right(case)
        return _answer(self._match.evaluate_right(clause.node)) is True

    def _cases(self, group: Sequence[Clause], others: Mapping[str, _Answers]) -> Iterator[Ad] | None:
        """All that the tests of some clauses can answer together, as attributes; None if that is too much to look at.

        Args:
            group: the clauses.
            others: what to try for the tests whose answers are not known.
        """
        asked: dict[_Attribute, list[str]] = defaultdict(list)
        names: list[str] = []
        choices: list[Sequence[_Answers]] = []
        for name, attribute in ((name, each) for clause in group for name, each in clause.tests.items()):
            if attribute is None or not self._answers[attribute]:
                names.append(name)
                choices.append([(answer,) for answer in others[name]])
            else:
                asked[attribute].append(name)
        for attribute, tests in asked.items():
            names += tests
            choices.append(list({tuple(answers[name] for name in tests): None for answers in self._answers[attribute]}))
        if not self._afford(prod(map(len, choices)) * max(len(names), 1)):
            return None
        return (
            Ad(zip(names, (each for answers in case for each in answers), strict=True)) for case in product(*choices)
        )

    def _tried(self, attribute: _Attribute) -> list[dict[str, Scalar]]:
        """What the tests of an attribute answer, for each of its samples; nothing if that is too much to try."""
        trials = self._trials[attribute]
        values = list(self._values(attribute))
        found: list[dict[str, Scalar]] = []
        if self._afford(len(values) * len(trials)):
            for value in values:
                self._match.replace_right(Ad({_SUBJECT.name: value}))
                found.append({name: _answer(self._match.evaluate_right(node)) for name, node in trials.items()})
        return found

    def _values(self, attribute: _Attribute) -> Iterator[Node]:
        """Samples of what an attribute can be worth."""
        value = self._words.value(*attribute)
        if value is not None:
            yield value
            return
        kind = self._words.type_of_attribute(*attribute)
        if kind and attribute[1] not in ALWAYS:
            yield UNDEFINED
        yield from samples(kind, self._constants[attribute])

    def _afford(self, effort: int) -> bool:
        if effort > self._effort:
            return False
        self._effort -= effort
        return True

    def _clause(self, spot: Spot) -> Clause:
        tests: dict[str, _Attribute | None] = {}
        if height(spot.node) > HIGHEST:
            return Clause(spot=spot, node=self._unknown(tests, _YES), tests=tests)
        return Clause(spot=spot, node=self._logic(spot.node, tests, _YES), tests=tests)

    def _logic(self, node: Node, tests: dict[str, _Attribute | None], hope: _Answers) -> Node:
        """A tree with a name in place of each test; `hope` is which answers of a test may make its clause true."""
        match node:
            case Parentheses(inner=inner):
                return self._logic(inner, tests, hope)
            case Unary(operator="!", operand=inner):
                return Unary("!", self._logic(inner, tests, _ANY))
            case Binary(operator=operator, left=left, right=right) if operator in {*LOGIC, "?:"}:
                return Binary(operator, self._logic(left, tests, _ANY), self._logic(right, tests, _ANY))
            case Conditional(test=test, then=then, otherwise=otherwise):
                parts = [self._logic(part, tests, _ANY) for part in (test, then, otherwise)]
                return Conditional(*parts)
        value = constant(node)
        return self._test(node, tests, hope) if value is None else value

    def _test(self, node: Node, tests: dict[str, _Attribute | None], hope: _Answers) -> Node:
        for subject, trial, compared in self._readings(node):
            attribute = self._attribute(subject)
            if attribute and is_told_apart(compared):
                name = self._unknown(tests, hope)
                tests[name.name] = attribute
                self._trials[attribute][name.name] = trial
                self._constants[attribute].append(compared)
                return name
        return self._unknown(tests, hope)

    def _readings(self, node: Node) -> Iterator[tuple[Node, Node, Scalar]]:
        """What a test may be about, the test as one of `_SUBJECT`, and the constant that it is compared with."""
        match node:
            case Binary(operator=operator, left=left, right=right) if operator in COMPARISONS:
                if (value := constant(right)) is not None:
                    yield left, Binary(operator, _SUBJECT, value), value
                elif (value := constant(left)) is not None:
                    yield right, Binary(operator, value, _SUBJECT), value
            case Call(function=function, arguments=(subject,)) if fold(function) in _ASKS_TYPE:
                yield subject, Call(function, (_SUBJECT,)), UNDEFINED
            case _:
                yield node, _SUBJECT, UNDEFINED

    def _attribute(self, node: Node) -> _Attribute | None:
        found = scoped(bare(node))
        return (self._words.home(*found), found[1]) if found else None

    def _unknown(self, tests: dict[str, _Attribute | None], hope: _Answers) -> Reference:
        """A name for a test of which nothing is known."""
        name = f"test{len(self._hopes)}"
        self._hopes[name] = hope
        tests[name] = None
        return Reference(name)


def _answer(value: Value) -> Scalar:
    """What a test with this value answers."""
    holds = truth(value)
    return holds if isinstance(holds, bool | Undefined) else ERROR


def _conjuncts(root: Spot) -> Iterator[Spot]:
    """The parts that are joined by `&&`, in their order."""
    waiting = [root]
    while waiting:
        spot = waiting.pop()
        if isinstance(spot.node, Parentheses) or (isinstance(spot.node, Binary) and spot.node.operator == "&&"):
            waiting += reversed(spot.parts)
        else:
            yield spot
