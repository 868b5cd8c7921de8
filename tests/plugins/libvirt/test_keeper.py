"""The keeper of things that open and close as a test lets them."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from vmf.errors import HostLost
from vmf_libvirt import keeper
from vmf_libvirt.keeper import Keeper

SECONDS = 10


class World:
    """Opens what, and when, it is given; an exception is raised. Remembers what was let go of."""

    def __init__(self):
        self.asked, self.given, self.gone = queue.Queue(), queue.Queue(), queue.Queue()
        self.keeper = Keeper(self.open, self.gone.put)

    def open(self):
        self.asked.put("asked")
        given = self.given.get()
        if isinstance(given, Exception):
            raise given
        return given


@pytest.fixture
def world():
    return World()


def test_all_who_wait_share_one_opening(world):
    with ThreadPoolExecutor() as threads:
        waiting = [threads.submit(world.keeper.get) for _ in range(3)]
        world.asked.get(timeout=SECONDS)
        world.given.put("one")
        assert [each.result(SECONDS) for each in waiting] == ["one"] * 3
    assert world.asked.empty()


def test_what_is_broken_is_opened_anew_once_and_let_go_of(world):
    world.given.put("one")
    world.given.put("two")
    one = world.keeper.get()
    assert [world.keeper.get(broken=one) for _ in range(2)] == ["two", "two"]
    assert world.gone.get(timeout=SECONDS) == "one"


def test_an_opening_that_fails_is_tried_again_by_the_next(world):
    world.given.put(HostLost("nobody there"))
    world.given.put("one")
    with pytest.raises(HostLost, match="nobody there"):
        world.keeper.get()
    assert world.keeper.get() == "one"


def test_an_opening_that_hangs_is_waited_for_by_each_in_vain_and_serves_when_it_ends(world, monkeypatch):
    monkeypatch.setattr(keeper, "OPEN_SECONDS", 0.01)
    for _ in range(2):
        with pytest.raises(HostLost, match="hangs"):
            world.keeper.get()
    monkeypatch.undo()
    world.given.put("one")
    assert world.keeper.get() == "one"
    assert world.asked.qsize() == 1


def test_what_opens_after_the_close_is_let_go_of(world, monkeypatch):
    monkeypatch.setattr(keeper, "OPEN_SECONDS", 0.01)
    with pytest.raises(HostLost):
        world.keeper.get()
    world.keeper.close()
    world.given.put("late")
    assert world.gone.get(timeout=SECONDS) == "late"


def test_a_close_has_let_go_when_it_returns_unless_that_hangs(monkeypatch):
    goes, let_go = threading.Event(), []

    def hang(kept):
        goes.wait(SECONDS)
        let_go.append(kept)

    hanging, well = Keeper(lambda: "one", hang), Keeper(lambda: "two", let_go.append)
    assert (hanging.get(), well.get()) == ("one", "two")
    monkeypatch.setattr(keeper, "CLOSE_SECONDS", 30.0)
    well.close()
    assert let_go == ["two"]
    monkeypatch.setattr(keeper, "CLOSE_SECONDS", 0.01)
    hanging.close()
    assert let_go == ["two"]
    goes.set()
