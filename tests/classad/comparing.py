"""Assertions on what a text is worth here and in the reference."""

from __future__ import annotations

from classad import ours, reference


def lines(block: str) -> list[str]:
    """The texts of a block, one in each line."""
    return [line.strip() for line in block.strip().splitlines()]


def agrees(text: str, my: str = "[]", target: str | None = None) -> None:
    """Both answer the same."""
    mine, theirs = ours.evaluate(text, my, target), reference.evaluate(text, my, target)
    assert ours.agree(mine, theirs), f"{text} is {mine!r}, the reference says {theirs!r}"


def departs(text: str, answer: reference.Answer) -> None:
    """Ours is this one, and the reference has another."""
    mine, theirs = ours.evaluate(text), reference.evaluate(text)
    assert reference.same(mine, answer), f"{text} is {mine!r}"
    assert not ours.agree(mine, theirs), f"{text}: the reference agrees"
