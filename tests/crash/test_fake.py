"""Killed at any step of a life, or at any two, vmf carries the job to its right end when it is started again.

`steps.json` has the steps of every life, and is written by `PYTHONPATH=tests python -m crash steps`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import dropwhile, zip_longest
from pathlib import Path

import pytest

STEPS: dict[str, list[str]] = json.loads(Path(__file__).with_name("steps.json").read_text())


def own(life: str) -> Iterator[str]:
    """The steps of a life from where it differs from the plain one."""
    pairs = zip_longest(STEPS[life], STEPS["plain"])
    return (step for step, _ in dropwhile(lambda pair: pair[0] == pair[1], pairs) if step)


def settled(steps) -> list[str]:
    """Steps without the looks that are a matter of luck.

    Those are at a guest that was found to run still, of which there may be several, and at one that was asked to power
    off, which may be off when it has been asked.
    """
    looks = ["state running" if step.startswith("state running ") else step for step in steps]
    around = zip(["", *looks], looks, [*looks[1:], ""], strict=False)
    return [step for before, step, later in around if not _is_luck(before, step, later)]


def _is_luck(before: str, step: str, later: str) -> bool:
    return (step == "state running" and later.startswith("state ")) or (before, step) == (
        "after shut_down",
        "state off",
    )


OWN = [(life, step) for life in STEPS if life != "plain" for step in own(life)]


@pytest.mark.parametrize("life", STEPS)
def test_a_life_takes_the_steps_that_are_known(driver, life: str) -> None:
    assert settled(driver.play(life).steps[0]) == settled(STEPS[life])


@pytest.mark.parametrize("step", STEPS["plain"])
def test_a_plain_life_that_is_killed_ends_right(driver, step: str) -> None:
    driver.play("plain", step)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("life", "step"), OWN)
def test_a_life_that_is_killed_ends_right(driver, life: str, step: str) -> None:
    driver.play(life, step)


@pytest.mark.exhaustive
@pytest.mark.parametrize("first", STEPS["plain"][STEPS["plain"].index("before submit") :])
def test_a_plain_life_that_is_killed_and_killed_again_ends_right(driver, first: str) -> None:
    """A kill before the job is submitted leaves nothing of it, so what comes next is a first kill again."""
    for second in driver.play("plain", first).steps[-1]:
        driver.play("plain", first, second)


@pytest.mark.exhaustive
@pytest.mark.parametrize("life", ["moved", "elsewhere", "removed", "built"])
def test_a_life_that_is_killed_again_and_again_ends_right(driver, life: str) -> None:
    """Each of its processes comes one step further than the one before; real guests live other lives like this."""
    driver.wear_out(life)
