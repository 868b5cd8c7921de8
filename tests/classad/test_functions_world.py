"""Functions that read the world take it from the caller: time, chance, users, and where `debug` writes."""

from __future__ import annotations

import time

import pytest

from classad import ours, reference
from vmf import classad
from vmf.classad import ERROR, UNDEFINED, AbsTime, RelTime, World

KOLKATA = World(now=1_072_940_696, zone=lambda _moment: 19_800)
USERS = World(home={"ann": "/home/ann"}.get, user_map=lambda name, user: f"a, B,{user}" if name == "groups" else None)


def worth(text, world):
    return ours.plain(classad.evaluate(classad.parse(text), world=world), reference.DEEPEST)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("time()", 1_072_940_696),
        ("currentTime()", AbsTime(1_072_940_696, 19_800)),
        ("absTime()", AbsTime(1_072_940_696, 19_800)),
        ("absTime(0)", AbsTime(0, 19_800)),
        ('absTime("2004-01-01T12:34:56")', AbsTime(1_072_940_696, 19_800)),
        ("timeZoneOffset()", RelTime(19_800.0)),
        ("dayTime()", RelTime(45_296.0)),
        ("formatTime()", "Thu Jan  1 12:34:56 2004"),
        ("formatTime(0)", "Thu Jan  1 05:30:00 1970"),
        ("getHours(absTime(0, 0))", 5),
        ("splitTime(absTime(0, 0)).Hours", 0),
        ("splitTime(0).Hours", 5),
    ],
)
def test_time_and_zone_are_the_world_s(text, answer):
    assert worth(text, KOLKATA) == answer


@pytest.fixture
def new_york(monkeypatch):
    """A zone with summer time, for the reference, and the same for us."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "EST5EDT,M3.2.0,M11.1.0")
        time.tzset()
        yield World(zone=lambda moment: time.localtime(moment).tm_gmtoff)
    time.tzset()


@pytest.mark.parametrize(
    "text",
    [
        *(
            'absTime("2024-07-01T12:34:56")',
            'absTime("2024-01-01T12:34:56")',
            "absTime(1720000000)",
            "absTime(1700000000.5)",
        ),
        *("formatTime(1720000000)", "splitTime(1720000000)", "splitTime(1700000000)", "string(absTime(relTime(5)))"),
        *(
            "getHours(absTime(1720000000, 0))",
            "getDayOfYear(absTime(0, 0))",
            'getHours(absTime("2024-07-01T00:00:00Z"))',
        ),
    ],
)
def test_the_local_zone_has_its_summer_time(text, new_york):
    reference.ad.cache_clear()  # a text of a time is folded, with the zone, when it is read
    assert reference.same(worth(text, new_york), reference.evaluate(text))


def test_chance_is_the_world_s_and_can_be_repeated():
    once, again = (worth("{random(), random(10), random(2.5)}", World()) for _ in range(2))
    assert once == again
    assert worth("{random(8), random(8.0), random()}", World(random=lambda: 0.75)) == [6, 6.0, 0.75]


@pytest.mark.parametrize(
    "text", ["random(0)", "isError(random(0))", "random(-1.5)", 'random("a")', "random(true)", "random(1, 2)"]
)
def test_chance_refuses_what_the_reference_refuses(text):
    assert ours.agree(worth(text, World()), reference.evaluate(text))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('userHome("ann")', "/home/ann"),
        ('userHome("ann", "/none")', "/home/ann"),
        ('userHome("bob", "/none")', "/none"),
        ('userHome("bob", "")', UNDEFINED),
        ('userHome("bob")', UNDEFINED),
        ('userMap("groups", "ann")', "a, B,ann"),
        ('userMap("groups", "ann", "b")', "B"),
        ('userMap("groups", "ann", "c")', "a"),
        ('userMap("groups", "ann", undefined)', "a"),
        ('userMap("groups", "ann", "ANN", "d")', "ann"),
        ('userMap("none", "ann", "b")', UNDEFINED),
        ('userMap("none", "ann", "b", "d")', "d"),
    ],
)
def test_users_are_the_world_s(text, answer):
    assert worth(text, USERS) == answer


def test_a_map_that_says_nothing_has_no_first_item():
    assert worth('userMap("m", "u", "p", 7)', World(user_map=lambda _name, _user: " , ")) == 7


@pytest.mark.parametrize(
    "text",
    [
        *(
            "userHome()",
            "userHome(1, 2, 3)",
            "userHome(undefined)",
            'userHome(undefined, "/x")',
            "userHome(5)",
            'userHome(5, "/x")',
        ),
        *(
            'userMap("m", error, "p", 7)',
            'userMap(5, "u", "p", 7)',
            'userMap(5, "u")',
            'userMap("m", "u", error)',
            'userMap("m")',
        ),
    ],
)
def test_users_that_make_no_sense_are_answered_as_in_the_reference(text):
    assert ours.agree(worth(text, World()), reference.evaluate(text))


def test_debug_tells_the_world_what_was_worth_what():
    told = []
    assert worth("debug(1 + 1) + 1", World(debug=told.append)) == 3
    assert told == ["1 + 1 --> 2"]
    assert worth("debug(1, 2)", World(debug=told.append)) is ERROR
    assert len(told) == 1


@pytest.mark.parametrize("text", ["time(1)", "currentTime(1)", "dayTime(1)", "timeZoneOffset(1)", "absTime(1, 2, 3)"])
def test_a_clock_takes_no_more_arguments_than_it_has(text):
    assert worth(text, World()) is reference.evaluate(text) is ERROR
