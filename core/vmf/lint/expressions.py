"""What can be said of the ClassAd expressions of a spec, from their text alone.

Everything here is bounded: nothing is evaluated but tests of one attribute and small constants.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from itertools import islice
from typing import Final

from vmf.classad import ClassAdSyntaxError, fold, parse
from vmf.classad.tree import Call, Record
from vmf.lint.expression_rules import (
    ALWAYS,
    INDIFFERENT,
    NEVER,
    RULES,
    TWO_RANKS,
    UNKNOWN_ATTRIBUTE,
    UNQUOTED,
    Remark,
    remark,
)
from vmf.lint.names import ELSEWHERE, guards, judge_call, judge_name
from vmf.lint.operators import judge_operator
from vmf.lint.spots import Spot, every, spotted
from vmf.lint.verdicts import Condition
from vmf.lint.vocabulary import Vocabulary, bare
from vmf.match.reading import reading, scoped
from vmf.match.words import brief
from vmf.model import Host, Job
from vmf.rules import Severity

__all__ = ["RULES", "Remark", "Use", "Vocabulary", "remarks"]

MOST: Final = 50
"""So many remarks of a text are worth reading."""


class Use(Enum):
    """What an expression is for."""

    CONDITION = auto()
    """It has to be true: a job's requirements, a host's policy."""
    RANK = auto()
    """The more the better."""
    VALUE = auto()
    """An attribute, which may be anything."""


def remarks(text: str, words: Vocabulary, use: Use) -> Iterator[Remark]:
    """What is wrong with an expression, in the order of its text; nothing if it does not parse.

    Args:
        text: the expression.
        words: the names that it can use; one vocabulary serves all expressions of a spec.
        use: what it is for.
    """
    try:
        root = spotted(text, parse(text))
    except ClassAdSyntaxError:
        return
    found = sorted(islice(_local(root, words), MOST), key=lambda each: each.offset)
    unquoted = {each.offset for each in found if each.rule is UNQUOTED}
    told: dict[tuple[str, str], Remark] = {}
    for each in found:
        if each.rule is not UNKNOWN_ATTRIBUTE or each.offset not in unquoted:
            told.setdefault((each.rule.id, each.what), each)
    yield from told.values()
    if use is Use.RANK:
        yield from _judge_rank(root, words)
    elif use is Use.CONDITION and not any(each.rule.severity is Severity.ERROR for each in found):
        yield from _judge_condition(root, words)


def _local(root: Spot, words: Vocabulary) -> Iterator[Remark]:
    """What is wrong with the parts, each by itself."""
    guarded = guards(every(root))
    for spot in every(root):
        yield from judge_operator(spot, words)
        yield from judge_call(spot)
    for spot in _looked_up(root):
        yield from judge_name(spot, words, guarded)


def _looked_up(root: Spot) -> Iterator[Spot]:
    """The parts whose names are looked up in the two ads."""
    waiting = [root]
    while waiting:
        spot = waiting.pop()
        yield spot
        elsewhere = isinstance(spot.node, Call) and fold(spot.node.function) in ELSEWHERE
        waiting += spot.parts[elsewhere:]


def _judge_condition(root: Spot, words: Vocabulary) -> Iterator[Remark]:
    value = bare(root.node)
    if value is True or (value is False and words.kind is Host):
        return  # so one says that one asks nothing, and that a host is closed
    kind = words.type_of(value)
    if words.kind is Host and kind in {int, float}:
        yield remark(NEVER, root, "a number is never true", "compare it: `TARGET.RequestCpus <= 4`")
        return
    condition = Condition(root, words)
    if spots := condition.contradiction():
        clauses = " and ".join(f"`{brief(each.node)}`" for each in spots[:2])
        how = "is never true" if len(spots) == 1 else "are never true together"
        more = f" (and {len(spots) - 2} more)" if len(spots) > 2 else ""  # noqa: PLR2004  # those that are named
        yield remark(NEVER, spots[-1], f"{clauses}{more} {how}", f"no {words.noun} can meet it: change or drop one")
    elif (words.kind is Job or kind is bool) and condition.is_always_true():  # what else may be a number
        what = f"`{brief(root.node)}` is true whatever the {words.noun} is"
        yield Remark(rule=ALWAYS, offset=-1, what=what, hint="drop it, or look for a part that swallows the rest")


def _judge_rank(root: Spot, words: Vocabulary) -> Iterator[Remark]:
    kind = words.type_of(root.node)
    if kind is str:
        what, hint = "a rank that is a text counts as 0 on every host", "write a number, such as TARGET.Memory"
        yield Remark(rule=INDIFFERENT, offset=-1, what=what, hint=hint)
    elif not _looks_across(root, words):
        what, hint = "this rank likes every host the same", "make it of the host's attributes, such as TARGET.Memory"
        yield Remark(rule=INDIFFERENT, offset=-1, what=what, hint=hint)
    elif kind is bool:
        what, hint = "this rank is 1 for some hosts and 0 for others", "if only those will do, write it as requirements"
        yield Remark(rule=TWO_RANKS, offset=-1, what=what, hint=hint)


def _looks_across(root: Spot, words: Vocabulary) -> bool:
    """Whether an expression may depend on the other side, or on what no text tells."""
    if reading(root.node).opaque:
        return True
    return any(
        isinstance(spot.node, Record) or ((found := scoped(spot.node)) and words.home(*found) != "my")
        for spot in every(root)
    )
