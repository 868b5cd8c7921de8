"""Worlds of one guest."""

from __future__ import annotations

from itertools import count

import pytest

from one_guest import Killed, World

MOST_STEPS = 100


@pytest.fixture(params=[False, True], ids=["at once", "once its console is read"])
def pauses(request):
    """How a guest goes on."""
    return request.param


@pytest.fixture
def world(tmp_path, pauses):
    return World(tmp_path / "machines", pauses=pauses)


@pytest.fixture
def killed(tmp_path, pauses):
    """Worlds in which something was killed at one of its steps each; `forgets`: libvirt was started anew then."""

    def killed(act, *, forgets, prepare=lambda _world: None):
        for number in count(1):
            world = World(tmp_path / f"{act.__name__}-{number}-{forgets}", pauses=pauses)
            prepare(world)
            world.left = number
            try:
                act(world)
            except Killed:
                world.left = -1
                if forgets:
                    world.forget()
                yield world
                assert number < MOST_STEPS
                continue
            assert number > 1
            return

    return killed
