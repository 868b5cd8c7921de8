"""A guest that reboots where its hypervisor keeps it as it was then: vmf has it go on, once, if it may."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

import one_guest
from one_guest import NAME, POWERED_OFF, RUNNING, state
from vmf.errors import HostFault
from vmf.model import Ending, MachineState, Power
from vmf_libvirt.errors import LibvirtFault
from vmf_libvirt.states import DomainState, machine_state

REBOOTED = MachineState(power=Power.OFF, ending=Ending.REBOOTED)


def rebooted(world, *, reboots=True):
    """Its guest has rebooted, and is kept as it was."""

    def judge(found, reason, active):
        return REBOOTED if active and found == DomainState.SHUTOFF else machine_state(found, reason)

    note = world.notes.read(NAME)
    world.notes.keep(NAME, replace(note, machine=replace(note.machine, reboots=reboots)))
    world.dialect = replace(world.dialect, judge=judge)
    world.standing, world.kept = POWERED_OFF, True


def test_a_guest_that_reboots_and_may_is_started_again(world):
    rebooted(world)
    assert state(world).power is Power.RUNNING
    assert (world.standing, world.lived, world.kept) == (RUNNING, 2, False)
    assert state(world).power is Power.RUNNING
    assert world.lived == 2


def test_one_that_has_powered_off_and_is_just_being_removed_is_not(world, monkeypatch):
    rebooted(world)

    def removed(_client, _machine):
        world.kept = False

    monkeypatch.setattr(one_guest._Client, "force_off", removed)
    assert [state(world).ending, state(world).ending] == [Ending.SHUTDOWN, Ending.SHUTDOWN]
    assert world.lived == 1


def test_one_that_may_not_has_ended(world):
    rebooted(world, reboots=False)
    assert [state(world), state(world)] == [REBOOTED, REBOOTED]
    assert world.lived == 1


def test_one_that_cannot_be_started_now_is_later(world):
    rebooted(world)
    world.faults["start"] = LibvirtFault("no room")
    with pytest.raises(HostFault, match="no room"):
        state(world)
    assert state(world).power is Power.RUNNING
    assert (world.standing, world.lived) == (RUNNING, 2)


def test_a_guest_goes_on_whoever_is_killed_while_it_is_started_again(killed):
    for world in killed(state, forgets=False, prepare=rebooted):
        assert state(world).power is Power.RUNNING
        assert (world.standing, world.lived) == (RUNNING, 2)
        assert not world.notes.read(NAME).reboots
