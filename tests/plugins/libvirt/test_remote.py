"""The verbs on a host that libvirt alone reaches: whoever is killed, a machine is made once, and nothing stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from msgspec.structs import replace

import one_guest
from one_guest import DESTROYED, FORGOTTEN, MACHINE, NAME, PLATFORM, POWERED_OFF, RUNNING, SIZE, Killed, World
from vmf.disks import qcow2
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.hookspecs import unreported
from vmf.model import Power, Restored, Stop, Suspend
from vmf_libvirt.errors import Failing, LibvirtFault, Sentence
from vmf_libvirt.notes import Note

RESTORED = replace(MACHINE, disks=(), restored=Restored(platform=PLATFORM, memory="memory", layers={}))
NEW = replace(MACHINE, disks=())


@pytest.fixture(params=[False, True], ids=["at once", "once its console is read"])
def pauses(request):
    """How a guest goes on."""
    return request.param


@pytest.fixture
def empty(tmp_path, pauses):
    """Makes a host without machines, but with the files of one that is to be."""

    def empty(name="w", *, memory=False):
        world = World(tmp_path / name / "machines", pauses=pauses)
        world.notes.forget(NAME)
        world.standing, world.lived = None, 0
        if memory:
            world.lived = 1
            world.files["memory"] = one_guest.header("what another host said of it", one_guest.ROOM) + b"1"
        return world

    return empty


@pytest.fixture
def world(empty):
    return empty()


def test_a_machine_is_made_and_runs(world):
    world.remote().create(NEW)
    assert (world.standing, world.lived) == (RUNNING, 1)
    assert world.notes.read(NAME).started
    assert world.remote().machines() == (NAME,)


def test_it_is_made_once(world):
    world.remote().create(NEW)
    world.remote().create(NEW)
    assert world.lived == 1


@pytest.mark.parametrize("end", [POWERED_OFF, DESTROYED, FORGOTTEN])
def test_one_that_has_ended_is_not_made_again(world, end):
    world.remote().create(NEW)
    world.standing = end
    world.remote().create(NEW)
    assert (world.standing, world.lived) == (end, 1)


@pytest.mark.parametrize(("machine", "memory", "lived"), [(NEW, False, 1), (RESTORED, True, 2)])
def test_whoever_is_killed_while_it_is_made_it_is_made_once(empty, machine, memory, lived):
    for number in count(1):
        world = empty(str(number), memory=memory)
        world.left = number
        try:
            world.remote().create(machine)
        except Killed:
            world.left = -1
            world.remote().create(machine)
            assert world.remote().state(NAME).power is Power.RUNNING
            assert (world.standing, world.lived) == (RUNNING, lived)
            continue
        break
    assert number > 10


def test_whoever_is_killed_while_it_is_removed_nothing_of_it_stays(empty):
    for number in count(1):
        world = empty(str(number))
        world.remote().create(NEW)
        world.left = number
        try:
            world.remote().destroy(NAME)
        except Killed:
            world.left = -1
            world.remote().destroy(NAME)
            assert (world.standing, world.files, world.notes.names()) == (None, {}, frozenset())
            continue
        break
    assert number > 5


def test_to_remove_what_is_not_there_succeeds(world):
    assert world.remote().destroy("none").power is Power.ABSENT


def test_a_machine_that_goes_on_has_the_memory_and_is_described_anew(empty):
    world = empty(memory=True)
    world.remote().create(RESTORED)
    assert (world.standing, world.lived) == (RUNNING, 2)
    assert "memory" not in world.files


def test_where_the_memory_does_not_fit_nothing_is_made(empty):
    def check(_client, _machine, kept):
        assert kept == PLATFORM
        raise HostFault("it was made by Xen 9, this is 4.17")

    world = empty(memory=True)
    world.dialect = replace(world.dialect, check=check)
    before = dict(world.files)
    with pytest.raises(HostFault, match="Xen 9"):
        world.remote().create(RESTORED)
    assert (world.standing, world.files) == (None, before)


def test_a_network_that_cannot_be_had_is_told_before_anything_is_made(world):
    def connect(_client, _machine):
        raise HostFault("dnsmasq is not installed", ability="network-nat")

    world.dialect = replace(world.dialect, connect=connect)
    with pytest.raises(HostFault, match="dnsmasq"):
        world.remote().create(NEW)
    assert world.standing is None


def test_whose_fault_it_is_that_it_does_not_start_is_told(world):
    world.dialect = replace(
        world.dialect,
        sentences=lambda _: (
            Sentence(words="Invalid kernel", code=HoldCode.IMAGE_INVALID, hint="name a Linux kernel"),
        ),
        failings=lambda _: (Failing(words="vif-bridge failed", ability="network-bridge"),),
    )
    world.faults["start"] = LibvirtFault("xc: Invalid kernel")
    with pytest.raises(JobFault, match="Invalid kernel"):
        world.remote().create(NEW)
    world.faults["start"] = LibvirtFault("libxl: vif-bridge failed")
    with pytest.raises(HostFault) as caught:
        world.remote().create(NEW)
    assert caught.value.ability == "network-bridge"
    world.remote().create(NEW)
    assert world.lived == 1


class Ever(dict):
    """Faults that stay."""

    pop = dict.__getitem__


def test_a_hypervisor_that_stumbles_is_asked_again(world):
    """Two times: then it is the host's fault."""
    stumble = LibvirtFault("libxl: unable to detach\nlibxl: cannot build")
    world.dialect = replace(world.dialect, stumbles=("unable to detach",))
    world.faults = Ever(start=stumble)
    with pytest.raises(HostFault, match="cannot build"):
        world.remote().create(NEW)
    world.faults = {"define": stumble, "start": stumble}
    world.remote().create(NEW)
    assert (world.standing, world.lived, world.faults) == (RUNNING, 1, {})
    world.remote().destroy(NAME)
    world.faults = {"define": stumble, "start": LibvirtFault("no room")}
    with pytest.raises(HostFault, match="no room"):
        world.remote().create(NEW)
    assert world.lived == 1


def test_only_what_the_host_has_written_since_the_start_tells_why_it_failed(world):
    """By the clock of the host, which is not this computer's."""
    clock = datetime(2001, 2, 3, 4, 5, tzinfo=UTC)
    told = []

    def since(_read, time):
        told.append(clock - time)
        return ("xc: Invalid kernel",) if len(told) == 1 else ()

    world.clock = clock
    invalid = Sentence(words="Invalid kernel", code=HoldCode.IMAGE_INVALID, hint="name a Linux kernel")
    world.dialect = replace(world.dialect, told=since, sentences=lambda _: (invalid,))
    world.faults["start"] = LibvirtFault("cannot make it")
    with pytest.raises(JobFault, match="Invalid kernel"):
        world.remote().create(NEW)
    world.faults["start"] = LibvirtFault("cannot make it")
    with pytest.raises(HostFault, match=r"cannot make it$"):
        world.remote().create(NEW)
    assert all(timedelta() < each < timedelta(minutes=1) for each in told)
    world.faults |= {"start": LibvirtFault("cannot make it"), "now": HostFault("no space left on device")}
    with pytest.raises(HostFault, match=r"cannot make it$"):
        world.remote().create(NEW)


def test_it_is_paused_saved_and_goes_on(world):
    remote = world.remote()
    remote.create(NEW)
    assert remote.suspend(NAME, Suspend.SOFT).power is Power.PAUSED
    assert remote.resume(NAME).power is Power.RUNNING
    assert remote.suspend(NAME, Suspend.HARD).power is Power.SAVED
    assert world.remote().resume(NAME).power is Power.RUNNING
    assert world.lived == 2


def test_the_plug_of_one_that_is_saved_is_pulled_too(world):
    remote = world.remote()
    remote.create(NEW)
    remote.suspend(NAME, Suspend.HARD)
    assert remote.shut_down(NAME, Stop.FORCE).power is Power.OFF
    assert "saved" not in world.files


def test_a_snapshot_is_taken_and_its_layers_are_counted(world):
    machine = replace(MACHINE, disks=(replace(MACHINE.disks[0], file="image"),))
    world.files["image"] = bytes(SIZE)
    remote = world.remote()
    remote.create(machine)
    assert remote.checkpoint(NAME, 1, unreported).layers == {0: ("disk0.0",)}
    assert remote.facts(NAME).disks == {"disk0": 2}
    assert remote.fold(NAME).power is Power.RUNNING
    with world.remote().site.volumes(NAME).open("disk0-1") as layer:
        assert qcow2.check_overlay(layer)
    assert world.notes.read(NAME).chains["disk0"] == ("disk0", "disk0-1")


def test_of_a_machine_that_is_off_there_are_no_facts(world):
    world.remote().create(NEW)
    world.standing = POWERED_OFF
    assert world.remote().facts(NAME).memory == 0


def test_what_only_the_notes_know_is_listed_to_be_removed(world):
    world.notes.keep("stray", Note(machine=NEW))
    assert world.remote().machines() == ("stray",)
