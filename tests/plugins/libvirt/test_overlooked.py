"""Guests that ended while nobody looked, of which libvirt has to be asked twice."""

from __future__ import annotations

import pytest

from one_guest import NAME, PAUSED, POWERED_OFF, RUNNING, World
from vmf.model import Power
from vmf_libvirt import keeping, overlooked
from vmf_libvirt.errors import LibvirtFault
from vmf_libvirt.states import FOUND_RUNNING


@pytest.fixture
def world(tmp_path, monkeypatch):
    """One whose libvirt was started while the guest was there, which takes no time any more."""
    monkeypatch.setattr(overlooked, "LOOK_SECONDS", 0.0)
    world = World(tmp_path)
    world.standing, world.idle = FOUND_RUNNING, True
    return world


@pytest.fixture
def site(world):
    return world.site()


def test_libvirt_is_had_look_again_at_a_guest_that_stands_still_once(world, site):
    assert [keeping.state(site, NAME).power for _ in range(3)] == [Power.RUNNING] * 3
    assert world.roused == [NAME]


def test_it_is_again_when_another_libvirt_may_be_there(world, site):
    keeping.state(site, NAME)
    for told, times in ((NAME, 1), ("", 2)):
        world.watchers[0](told)
        keeping.state(site, NAME)
        assert len(world.roused) == times


def test_a_guest_that_does_something_is_left_alone(world, site):
    world.idle = False
    keeping.state(site, NAME)
    world.idle = True  # it has been looked at since this libvirt was there, which tells its end from now on
    keeping.state(site, NAME)
    assert world.roused == []


@pytest.mark.parametrize("standing", [RUNNING, PAUSED, POWERED_OFF])
def test_so_is_one_that_libvirt_has_seen_come(world, site, standing):
    world.standing = standing
    keeping.state(site, NAME)
    assert world.roused == []


def test_a_host_that_cannot_do_it_says_what_it_knows(world, site):
    world.faults["rouse"] = LibvirtFault("not enough memory")
    assert keeping.state(site, NAME).power is Power.RUNNING
