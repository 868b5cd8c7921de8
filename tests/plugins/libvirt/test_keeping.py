"""Where a guest's memory is, whatever happens: the guest is never lost, and never goes on twice from one memory."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

import one_guest
from one_guest import FORGOTTEN, NAME, PAUSED, POWERED_OFF, RUNNING, SAVED, state
from vmf.errors import HostFault, JobFault, Refused
from vmf.hookspecs import unreported
from vmf.model import Ending, MachineState, Power
from vmf_libvirt import keeping
from vmf_libvirt.errors import LibvirtFault
from vmf_libvirt.states import DomainState, ShutoffReason

IS_SAVING = (DomainState.PAUSED, 4)
UNBOUNDED = 2
"""libvirt's type of a job that a domain is in the middle of."""


def save(world):
    keeping.save(world.site(), NAME)


def wake(world):
    keeping.wake(world.site(), NAME)


def take(world, number=1):
    return keeping.take(world.site(), NAME, number, unreported)


def fold(world):
    keeping.fold(world.site(), NAME)


def memories(world):
    return {name for name in world.files if name.startswith(("saved", "memory"))}


def test_a_guest_is_saved_and_goes_on(world):
    save(world)
    assert (state(world).power, memories(world)) == (Power.SAVED, {"saved"})
    wake(world)
    assert (state(world).power, memories(world), world.lived) == (Power.RUNNING, set(), 2)


def test_a_guest_that_stands_still_is_saved_too(world):
    world.standing = PAUSED
    save(world)
    assert state(world).power is Power.SAVED


def test_one_that_is_saved_is_not_saved_again(world):
    save(world)
    before = dict(world.files)
    save(world)
    assert world.files == before


def test_a_saved_guest_is_one_whatever_libvirt_has_forgotten(world):
    save(world)
    world.forget()
    assert state(world).power is Power.SAVED
    wake(world)
    assert state(world).power is Power.RUNNING


@pytest.mark.parametrize("forgets", [False, True])
def test_a_guest_whose_saving_is_killed_runs_or_is_saved(killed, forgets):
    for world in killed(save, forgets=forgets):
        found = state(world).power
        assert (found, memories(world)) in ((Power.RUNNING, set()), (Power.SAVED, {"saved"}))
        if found is Power.SAVED:
            wake(world)
        assert world.standing == RUNNING


@pytest.mark.parametrize("forgets", [False, True])
def test_a_guest_whose_waking_is_killed_is_saved_or_runs(killed, forgets):
    for world in killed(wake, prepare=save, forgets=forgets):
        found = state(world).power
        if found is Power.SAVED:
            wake(world)
        elif found is Power.OFF:  # it may have gone on, and libvirt does not know
            assert world.notes.read(NAME).waking
            continue
        assert state(world).power is Power.RUNNING
        assert world.lived == 2


def test_a_guest_that_has_gone_on_and_ended_is_not_woken_again(killed):
    for world in killed(wake, prepare=save, forgets=False):
        if world.lived > 1:
            world.standing = FORGOTTEN
            assert state(world).power is Power.OFF


@pytest.mark.parametrize("forgets", [False, True])
def test_a_guest_whose_snapshot_is_killed_goes_on_by_itself(killed, forgets):
    for world in killed(take, forgets=forgets):
        found = state(world)
        assert found.power is (Power.OFF if world.notes.read(NAME).waking and forgets else Power.RUNNING)
        if found.power is Power.RUNNING:
            assert world.standing == RUNNING
            assert not world.notes.read(NAME).memory
            take(world, 2)
            fold(world)
            assert memories(world) == set()


def test_a_snapshot_has_the_memory_and_what_lies_below_the_new_layers(world):
    taken = take(world)
    assert (taken.memory, taken.results, taken.said) == ("memory-1", "volume-1", 7)
    assert taken.platform == one_guest.PLATFORM
    assert world.notes.read(NAME).chains["results"] == ("results", "results-1")
    assert world.standing == RUNNING
    assert state(world).power is Power.RUNNING
    assert "memory-1" in world.files


def test_a_guest_that_stood_still_does_so_after_its_snapshot(world):
    world.standing = PAUSED
    take(world)
    assert world.standing == PAUSED


def test_a_guest_that_is_saved_has_been_taken(world):
    save(world)
    taken = take(world)
    assert (taken.memory, taken.results, taken.stopped) == ("saved", "results", 0.0)
    assert state(world).power is Power.SAVED


def test_what_snapshots_leave_goes_and_what_the_guest_is_on_stays(world):
    take(world, 1)
    take(world, 2)
    world.files["results-7"] = b"of one that was killed"
    fold(world)
    assert world.files.keys() == {"results", "results-1", "results-2"}


def test_a_snapshot_that_cannot_be_taken_leaves_the_guest_running(world):
    world.faults["put_away"] = LibvirtFault("no space left on device")
    with pytest.raises(LibvirtFault, match="no space"):
        take(world)
    assert (state(world).power, memories(world), world.lived) == (Power.RUNNING, set(), 1)


def test_a_guest_whose_layers_cannot_be_made_goes_on_without_them(world):
    world.faults["write"] = HostFault("no space left on device")
    with pytest.raises(HostFault, match="no space"):
        take(world)
    assert state(world).power is Power.RUNNING
    assert world.notes.read(NAME).chains["results"] == ("results",)


def test_a_guest_that_cannot_be_saved_stands_still_as_it_did(world):
    world.standing = PAUSED
    world.faults["put_away"] = LibvirtFault("no space left on device")
    with pytest.raises(LibvirtFault):
        save(world)
    assert world.standing == PAUSED
    assert state(world).power is Power.PAUSED


def test_a_guest_that_cannot_go_on_is_still_saved(world):
    save(world)
    world.faults["bring_back"] = LibvirtFault("not enough memory")
    with pytest.raises(LibvirtFault):
        wake(world)
    world.forget()
    assert state(world).power is Power.SAVED
    wake(world)
    assert state(world).power is Power.RUNNING


def test_what_breaks_a_snapshot_off_at_its_beginning_changes_nothing(world):
    def stop(_done, _total):
        raise Refused("enough")

    with pytest.raises(Refused):
        keeping.take(world.site(), NAME, 1, stop)
    assert (world.standing, memories(world)) == (RUNNING, set())


def test_a_machine_that_is_off_has_nothing_to_take(world):
    world.standing = POWERED_OFF
    with pytest.raises(JobFault, match="nothing of it can be taken"):
        take(world)


def test_a_machine_on_its_hosts_own_processor_is_not_taken(world):
    world.notes.keep(NAME, replace(world.notes.read(NAME), platform=None))
    with pytest.raises(JobFault, match="no other host has"):
        take(world)
    assert (world.standing, memories(world)) == (RUNNING, set())


def test_of_a_machine_of_which_nothing_is_known_nothing_is_taken(world):
    world.notes.forget(NAME)
    with pytest.raises(HostFault, match="nothing is known here"):
        take(world)


def test_a_file_that_is_no_memory_is_the_jobs_fault(world):
    save(world)
    world.files["saved"] = b"#!/bin/sh"
    with pytest.raises(JobFault, match="/srv/m/saved: it is not a guest's memory"):
        wake(world)


def test_a_file_that_is_gone_is_the_hosts_fault(world):
    save(world)
    del world.files["saved"]
    with pytest.raises(HostFault, match="has no file saved"):
        wake(world)


LONG = ("results", "a layer with a name that is longer than the room that libvirt has left before the memory")


def lengthen(world):
    """Save the guest, whose description needs more room then."""
    save(world)
    world.notes.keep(NAME, replace(world.notes.read(NAME), chains={"results": LONG}))


def test_a_description_that_needs_more_room_has_it(world):
    lengthen(world)
    wake(world)
    assert (state(world).power, memories(world), world.lived) == (Power.RUNNING, set(), 2)


def test_memory_that_moves_for_a_longer_description_is_not_lost_on_the_way(killed):
    for world in killed(wake, prepare=lengthen, forgets=False):
        if state(world).power is Power.SAVED:
            wake(world)
        assert (state(world).power, world.lived) == (Power.RUNNING, 2)


def test_memory_that_is_thrown_away_is_an_end(world):
    save(world)
    keeping.forget(world.site(), NAME)
    assert state(world) == keeping.THROWN_AWAY
    assert memories(world) == set()


def test_a_guest_that_is_known_nowhere_is_absent(world):
    world.standing = None
    assert state(world).power is Power.ABSENT


def test_how_it_ended_is_what_was_heard_of_it(world):
    world.standing = POWERED_OFF
    assert state(world).ending is Ending.SHUTDOWN
    world.notes.tell(NAME, MachineState(power=Power.OFF, ending=Ending.REBOOTED))
    assert state(world).ending is Ending.REBOOTED


def test_a_guest_that_is_kept_as_it_ended_is_removed_and_its_end_stays_known(world):
    world.standing, world.kept = POWERED_OFF, True
    assert state(world).ending is Ending.SHUTDOWN
    assert (world.kept, world.standing) == (False, one_guest.DESTROYED)
    assert state(world).ending is Ending.SHUTDOWN


def test_a_guest_that_is_just_being_removed_is_judged_when_it_is(world, monkeypatch):
    world.standing, world.kept = POWERED_OFF, True

    def force_off(_client, _machine):
        world.standing, world.kept = (DomainState.SHUTOFF, ShutoffReason.CRASHED), False

    monkeypatch.setattr(one_guest._Client, "force_off", force_off)
    assert state(world).ending is Ending.CRASHED
    assert world.notes.read(NAME).ending is None


@pytest.fixture
def being_written(world):
    """A guest whose memory is written just now, for one who was killed."""
    world.notes.keep(NAME, replace(world.notes.read(NAME), memory="memory-1", goes_on=True))
    world.files["memory-1"] = b"half"
    world.standing, world.job = IS_SAVING, UNBOUNDED
    return world


def test_memory_that_is_written_for_one_who_was_killed_is_waited_for(being_written):
    assert state(being_written) == keeping.RUNS
    assert being_written.notes.read(NAME).memory == "memory-1"
    assert memories(being_written) == {"memory-1"}


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_guest_that_is_just_being_removed_after_its_memory_was_written_is_waited_for(world, goes_on):
    """A host takes its time for that, and makes no second one meanwhile."""
    save(world)
    world.notes.keep(NAME, replace(world.notes.read(NAME), goes_on=goes_on))
    world.kept = True
    assert state(world) == keeping.RUNS
    assert (world.standing, memories(world)) == (SAVED, {"saved"})
    world.kept = False
    assert state(world).power is (Power.RUNNING if goes_on else Power.SAVED)


@pytest.mark.parametrize("act", [save, take])
def test_what_is_asked_of_a_guest_meanwhile_waits(being_written, monkeypatch, act):
    """Or the memory that is just being written would be thrown away with the one that cannot be."""
    world, stages = being_written, iter(((SAVED, True), (SAVED, False)))

    def sleep(_seconds):
        world.job = one_guest.NO_JOB
        world.files["memory-1"] = one_guest.header("libvirt's own", one_guest.ROOM) + b"%d" % world.lived
        world.standing, world.kept = next(stages)

    monkeypatch.setattr(keeping, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))
    act(world)
    assert next(stages, None) is None
    assert (state(world).power, world.lived) == ((Power.SAVED, 2) if act is save else (Power.RUNNING, 3))


def test_memory_of_a_guest_that_was_not_saved_after_all_is_removed(being_written):
    being_written.standing, being_written.job = PAUSED, one_guest.NO_JOB
    assert state(being_written).power is Power.PAUSED
    assert being_written.notes.read(NAME).memory == ""
    assert memories(being_written) == set()


def test_whoever_looks_while_another_is_at_it_changes_nothing(world):
    save(world)
    world.notes.keep(NAME, replace(world.notes.read(NAME), goes_on=True))
    with world.notes.held(NAME):
        assert state(world) == keeping.RUNS
        assert world.standing == SAVED
        world.standing = RUNNING
        assert state(world).power is Power.RUNNING
        assert memories(world) == {"saved"}
    assert (state(world).power, memories(world)) == (Power.RUNNING, set())
