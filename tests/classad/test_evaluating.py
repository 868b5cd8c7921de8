"""Evaluation as a whole: what is evaluated and what not, its limits, its world, and matches."""

from __future__ import annotations

import sys

import pytest

from classad import ours, reference
from vmf import classad
from vmf.classad import ERROR, UNDEFINED, Ad, Match, World, parse, parse_ad


def chain(length, expression):
    """Attributes of which each refers to the one before it."""
    links = (f"a{at} = {expression.format(f'a{at - 1}')}" for at in range(1, length + 1))
    return f"[a0 = 1; {'; '.join(links)}]"


@pytest.mark.parametrize("value", [UNDEFINED, ERROR])
def test_undefined_and_error_refuse_to_be_true_or_false(value):
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(value)


@pytest.mark.parametrize(
    "text",
    [
        "false && random(0)",
        "true || random(0)",
        "1 ?: random(0)",
        "true ? 1 : random(0)",
        "false ? random(0) : 1",
        "ifThenElse(true, 1, random(0))",
        "isError({1, random(0)}[1])",
        "size({random(0)})",
        "isError(random(0))",
        "isError([a = random(0)].a)",
        'isError([a = random(0)]["a"])',
        "true && random(0)",
        "nosuch(1)",
        "nosuch(random(0))",
        "isError(nosuch(1))",
    ],
)
def test_what_is_not_needed_is_not_evaluated_and_what_fails_fails_as_in_the_reference(text):
    assert ours.agree(ours.evaluate(text), reference.evaluate(text))


@pytest.mark.parametrize(
    ("text", "my"),
    [
        *[(f"a{length}", chain(length, "{}")) for length in (398, 399, 400, 450)],
        *[(f"a{length}", chain(length, "{} + 1")) for length in (198, 199, 200, 201)],
        *[(f"a{length}", chain(length, "({} + 1)")) for length in (132, 133, 134)],
        *[(f"a{length}", chain(length, "int({})")) for length in (150, 199)],
        *[(f"a{length}", chain(length, "{{{}}}[0]")) for length in (100, 133)],
        *[("- " * length + "1", "[]") for length in (399, 400, 401)],
        *[("1" + " + 1" * length, "[]") for length in (399, 400, 401)],
        *[("true ? " * length + "1" + ": 2" * length, "[]") for length in (399, 400, 401)],
        *[("a" + ".n" * length + ".x", "[a = [x = 1; n = [y = 1]]]") for length in (397, 398, 399)],
    ],
)
def test_depth_ends_where_it_ends_in_the_reference(text, my):
    assert ours.agree(ours.evaluate(text, my), reference.evaluate(text, my))


def test_steps_are_limited(monkeypatch):
    monkeypatch.setattr("vmf.classad.scope.STEPS", 1000)
    doubling = chain(30, "{0} + {0}")
    assert ours.evaluate("a8", doubling) == 256
    assert ours.evaluate("a30", doubling) is ERROR


@pytest.mark.parametrize("call", ["member(0, l)", "strcmp(s, s)", "toUpper(s)"])
def test_long_lists_and_strings_are_paid_for(monkeypatch, call):
    monkeypatch.setattr("vmf.classad.scope.STEPS", 1000)
    my = f"[l = {{{', '.join('1' * 600)}}}; s = \"'{'x' * 400}'\"]"
    both = f"isError({call}) || isError({call})"
    assert ours.evaluate(call, my) is not ERROR
    assert ours.evaluate(both, my) is ERROR


def test_comparing_long_strings_is_paid_for(monkeypatch):
    monkeypatch.setattr("vmf.classad.scope.STEPS", 1000)
    my = f'[s = "{"x" * 100_000}"]'
    assert ours.evaluate("s == s", my) is True
    assert ours.evaluate("s == s && s == s", my) is ERROR


def test_strings_cannot_grow_without_end(monkeypatch):
    monkeypatch.setattr("vmf.classad.scope.STEPS", 100_000)
    assert ours.evaluate("size(a40)", chain(40, "strcat({0}, {0})")) is ERROR


def test_a_caller_far_down_the_stack_gets_an_answer():
    def call(frames):
        return call(frames - 1) if frames else ours.evaluate("a300", chain(300, "{}"))

    used = 0
    frame = sys._getframe()
    while frame:
        used, frame = used + 1, frame.f_back
    assert call(sys.getrecursionlimit() - used - 150) is ERROR


def test_the_default_world_stands_still():
    text = '{time(), random(1000), userHome("root"), formatTime(0, "%H")}'
    assert ours.evaluate(text) == ours.evaluate(text)
    assert ours.evaluate("time()") == 0


def test_the_world_is_the_caller_s():
    lines = []
    world = World(
        now=86400, zone=lambda _: 3600, random=lambda: 0.5, home=lambda user: f"/home/{user}", debug=lines.append
    )

    def value(text):
        return classad.evaluate(parse(text), world=world)

    assert value("CurrentTime") == 86400
    assert value("getHours(absTime(time(), 0))") == 1
    assert value("random(10)") == 5
    assert value('userHome("ann")') == "/home/ann"
    assert value("debug(1 + 1)") == 2
    assert len(lines) == 1


ADS = (
    "[requirements = true; rank = 1]",
    "[requirements = 1; rank = 2.5]",
    "[requirements = 0; rank = true]",
    '[requirements = 2.5; rank = "high"]',
    '[requirements = "true"; rank = error]',
    "[requirements = error; rank = TARGET.rank]",
    "[requirements = TARGET.memory >= 4; rank = TARGET.memory]",
    "[requirements = memory < 8 && TARGET.rank > 1; memory = 4; rank = MY.memory * 2]",
    "[Requirements = OTHER.missing; memory = 16]",
    "[memory = 16]",
)


@pytest.mark.parametrize("left", ADS)
@pytest.mark.parametrize("right", ADS)
def test_matches_and_ranks_are_the_reference_s(left, right):
    right = f"{right} "  # an ad of its own: the reference matches no ad with itself
    match = Match(parse_ad(left), parse_ad(right))
    assert ours.agree(match.symmetric(), reference.evaluate("symmetricMatch", left, right))
    for rank, name in ((match.left_rank(), "leftRankValue"), (match.right_rank(), "rightRankValue")):
        theirs = reference.evaluate(name, left, right)
        assert rank == (theirs if isinstance(theirs, bool | int | float) else 0)


def test_a_match_goes_on_with_another_right_ad():
    match = Match(parse_ad("[requirements = TARGET.n.m >= 4]"), parse_ad("[n = [m = k]; k = 4; requirements = true]"))
    assert match.symmetric() is True
    match.replace_right(parse_ad("[n = [m = k]; k = 3; requirements = true]"))
    assert match.symmetric() is False


def test_each_side_of_a_match_sees_the_other():
    match = Match(parse_ad("[x = 1]"), parse_ad("[x = 2]"))
    assert match.evaluate(parse("10 * MY.x + TARGET.x")) == 12
    assert match.evaluate_right(parse("10 * MY.x + TARGET.x")) == 21


def test_a_string_is_a_literal_and_not_a_text_to_be_parsed():
    assert classad.evaluate("1 + 1") == "1 + 1"


def test_elements_are_evaluated_when_they_are_asked_for():
    value = classad.evaluate(parse("{1, a + 1, [b = a]}"), Ad({"a": 2}))
    assert isinstance(value, classad.ListValue)
    record = value.value(2)
    assert isinstance(record, classad.RecordValue)
    assert (value.value(1), record.value("B"), record.value("c")) == (3, 2, UNDEFINED)
