"""How a guest stood still, by events that come in time, late, or not at all."""

from __future__ import annotations

import time

import pytest

from vmf_libvirt.standing import RESUME, STOP, Standing, Stood

SAID = 42


@pytest.fixture
def standing():
    return Standing(lambda: SAID)


def tell(standing, name, at):
    standing.tell(None, None, name, int(at), 0, "{}", None)


def test_a_guest_stood_still_between_two_events(standing):
    now = int(time.time())
    tell(standing, STOP, now)
    tell(standing, RESUME, now + 3600)
    assert standing.result() == Stood(seconds=3600.0, said=SAID)


def test_what_was_on_a_console_when_the_guest_went_on_already_says_nothing(standing):
    tell(standing, STOP, 5)
    tell(standing, RESUME, 7)
    assert standing.result() == Stood(seconds=2.0, said=None)


@pytest.mark.parametrize("heard", [(), (STOP,), (RESUME,)])
def test_nothing_is_known_of_a_guest_of_which_not_all_was_heard(standing, heard):
    for name in heard:
        tell(standing, name, time.time())
    assert standing.result(0.0) == Stood()
