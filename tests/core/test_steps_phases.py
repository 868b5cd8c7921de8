"""Steps in turns of host and guest, compared with all orders that there are."""

from __future__ import annotations

from itertools import groupby, pairwise, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from vmf.model import Image, Job, Step
from vmf.steps.graph import to_do
from vmf.steps.grounding import upon
from vmf.steps.phases import boot, boot_of, phases


def steps(words: str) -> tuple[Step, ...]:
    """Steps such as `a B:a`: those in capital letters are the host's, and come after those behind the colon."""
    found = []
    for word in words.split():
        name, _, after = word.partition(":")
        side = {"on_host": "x", "arguments": (name,)} if name.isupper() else {"run": f"echo {name}"}
        found.append(Step(name=name, after=tuple(after), **side))
    return tuple(found)


def turns(words: str) -> str:
    return " ".join("".join(step.name for step in turn.steps) for turn in phases(steps(words)))


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", ""),
        ("a b", "ab"),
        ("a B", "B a"),
        ("a B:a", "a B"),
        ("A b:A C:b", "A b C"),
        ("A b:A C:b d", "A bd C"),
        ("A b:A C:b d:C E:d", "A b C d E"),
        ("a B:a c:B D:a e", "ae BD c"),
    ],
)
def test_each_turn_has_all_that_can_be_done_in_it(words, found):
    assert turns(words) == found


@some.composite
def graphs(draw):
    names = [each.upper() if draw(some.booleans()) else each for each in "abcdef"[: draw(some.integers(0, 6))]]
    after = {
        name: draw(some.sets(some.sampled_from(names[:place]))) if place else () for place, name in enumerate(names)
    }
    words = [f"{name}:{''.join(sorted(after[name]))}" for name in draw(some.permutations(names))]
    return steps(" ".join(words))


def allowed(order):
    seen = set()
    for step in order:
        if not seen.issuperset(step.after):
            return False
        seen.add(step.name)
    return True


def guests(order):
    """How often an order comes to the guest."""
    return sum(not on_host for on_host, _ in groupby(order, key=lambda step: step.on_host is not None))


@settings(max_examples=150)
@given(graphs())
def test_turns_are_an_order_of_the_graph_that_boots_as_seldom_as_any(wanted):
    found = phases(wanted)
    order = [step for turn in found for step in turn.steps]
    assert sorted(order, key=str) == sorted(wanted, key=str)
    assert allowed(order)
    assert all((step.on_host is not None) is turn.on_host for turn in found for step in turn.steps)
    assert all(one.on_host is not two.on_host for one, two in pairwise(found))
    assert guests(order) == min(map(guests, filter(allowed, permutations(wanted))))


@settings(max_examples=100)
@given(graphs())
def test_a_job_keeps_its_turns_once_its_order_is_settled(wanted):
    """What is run has its steps one after the other; that adds no boot, and loses no step."""
    job, ground = upon(Job(name="j", image=Image(name="i"), memory=2**28, steps=wanted), None, {})
    before, after = phases(wanted), phases(to_do(job))
    assert [{step.name for step in turn.steps} for turn in before] == [
        {step.name for step in turn.steps} for turn in after
    ]
    assert len(ground.left) == len(wanted)
    assert [step.name for step in to_do(job)] == [step.name for turn in after for step in turn.steps]


@pytest.mark.parametrize(
    ("words", "script", "late"),
    [
        ("A b:A C:b", False, None),
        ("A b:A", True, None),
        ("a B:a", True, "B"),
        ("a B:a c:B", False, "c"),
        ("A", True, None),
        ("A", False, None),
    ],
)
def test_what_needs_another_boot_is_told(words, script, late):
    found = boot(steps(words), script=script).late
    assert (found and found.name) == late


def test_what_is_done_around_a_job_s_machine():
    image = Image(name="i", steps=steps("A b:A"))
    job = Job(name="j", image=image, memory=2**28, steps=steps("c D:c"))
    found = boot_of(job)
    assert [[step.name for step in each] for each in (found.before, found.guest, found.after)] == [
        ["A"],
        ["b", "c"],
        ["D"],
    ]
