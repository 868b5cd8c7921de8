"""What vmf answers, in the shape of the reference's answers."""

from __future__ import annotations

import functools

from classad import reference
from vmf import classad
from vmf.classad import ListValue, RecordValue, Value

tree = functools.lru_cache(maxsize=4096)(classad.parse)
ad = functools.lru_cache(maxsize=4096)(classad.parse_ad)


def evaluate(text: str, my: str = "[]", target: str | None = None) -> reference.Answer:
    """What an expression is worth for the ad `my`, matched with the ad `target`."""
    return plain(classad.evaluate(tree(text), ad(my), None if target is None else ad(target)), reference.DEEPEST)


def plain(value: Value, depth: int) -> reference.Answer:
    """A value with the values of its elements, as deep as the reference is asked for them."""
    if isinstance(value, ListValue):
        return [_element(value.value(index), depth) for index in range(len(value.items))]
    if isinstance(value, RecordValue):
        return {name: _element(value.value(name), depth) for name in value.scope.record}
    return value


def _element(value: Value, depth: int) -> reference.Answer:
    return plain(value, depth - 1) if depth else classad.UNDEFINED


def agree(ours: reference.Answer, theirs: reference.Answer) -> bool:
    """Whether two answers are one; where the reference gives up, ours is ERROR."""
    return ours is classad.ERROR if theirs is reference.FAILED else reference.same(ours, theirs)
