from __future__ import annotations

import pytest

from vmf.errors import HoldCode, HostFault, HostLost, JobFault
from vmf_vmware import session as sessions
from vmf_vmware.data import Ref, data
from vmf_vmware.faults import VimFault, blaming_job
from vmf_vmware.machines import OFF, ON, SUSPENDED
from vmf_vmware.session import opened

GUEST = {"guestId": "otherGuest64", "memoryMB": 64, "numCPUs": 1}


def config(machines, store, name, **more):
    files = data("VirtualMachineFileInfo", vmPathName=str(store.at(machines.called(name), "m.vmx")))
    words = {"name": machines.called(name), "files": files, "extraConfig": machines.mark(name), **GUEST, **more}
    return data("VirtualMachineConfigSpec", **words)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """What may pass by itself is tried again at once."""
    monkeypatch.setattr(sessions, "PAUSES", (0.0, 0.05, 0.1))


@pytest.fixture
def machines(session, destroy):
    """This user's machines; none is left."""
    yield session.machines
    for name in session.machines.names():
        destroy(session, name)


@pytest.fixture
def make(session, machines):
    """Makes a machine."""

    def make(name="m", **more):
        return machines.create(name, config(machines, session.store, name, **more))

    return make


def test_a_machine_is_found_by_its_mark(machines, make):
    assert machines.find("m") is None
    assert machines.power("m") is None
    made = make()
    assert machines.find("m") == made
    assert machines.names() == ("m",)
    assert machines.power("m") == OFF


def test_to_make_one_twice_is_as_once(machines, make):
    assert make() == make()
    assert machines.names() == ("m",)


def test_one_that_was_made_without_the_answer_coming_back_is_adopted(vsphere, machines, make):
    vsphere.fault("CreateVM_Task", mode="lose")
    with pytest.raises(HostLost):
        make()
    made = make()
    assert machines.find("m") == made


def test_one_that_another_process_makes_at_the_same_moment_is_adopted(machines, make, monkeypatch):
    made, found, looks = make(), machines.find, iter([None])
    monkeypatch.setattr(machines, "find", lambda name: next(looks, found(name)))
    elsewhere = data("VirtualMachineFileInfo", vmPathName="[store1] elsewhere/m.vmx")
    assert make(files=elsewhere) == made


def test_those_of_others_are_not_there_whatever_they_are_called(session, machines, make, vsphere_host, destroy):
    make("mine")
    other = opened(vsphere_host(), "other")
    other.machines.create("theirs", config(other.machines, other.store, "theirs"))
    forged = config(machines, session.store, "forged", extraConfig=[])
    ref = session.run(session.inventory.folder, "CreateVM_Task", config=forged, pool=session.inventory.pool)
    assert machines.names() == ("mine",)
    assert machines.find("forged") is None
    assert other.machines.names() == ("theirs",)
    destroy(other, "theirs")
    other.close()
    session.run(ref, "Destroy_Task")


def test_a_name_that_somebody_elses_machine_has_holds_the_job(session, machines, monkeypatch):
    monkeypatch.setattr("vmf_vmware.machines.APPEARING_SECONDS", 0.3)
    elsewhere = data("VirtualMachineFileInfo", vmPathName="[store1] theirs/m.vmx")
    forged = config(machines, session.store, "m", extraConfig=[], files=elsewhere)
    ref = session.run(session.inventory.folder, "CreateVM_Task", config=forged, pool=session.inventory.pool)
    with pytest.raises(JobFault) as caught, blaming_job():
        machines.create("m", config(machines, session.store, "m"))
    assert caught.value.code is HoldCode.MACHINE_INVALID
    session.run(ref, "Destroy_Task")


def test_a_reference_that_is_stale_is_looked_up_again(machines, make):
    make()
    machines._refs["m"] = Ref("VirtualMachine", "vm-gone")
    assert machines.power("m") == OFF
    machines._refs["m"] = Ref("VirtualMachine", "vm-gone")
    machines.set_power("m", ON)
    assert machines.power("m") == ON


def test_one_that_was_registered_anew_is_found(session, machines, make):
    before = make()
    machines.unregister("m")
    assert machines.power("m") is None
    after = machines.register("m", session.store.at(machines.called("m"), "m.vmx"))
    assert before != after
    assert machines.find("m") == after


def test_a_machine_goes_through_all_its_states(machines, make):
    make()
    for state in (ON, ON, SUSPENDED, ON, OFF, OFF):
        machines.set_power("m", state)
        assert machines.power("m") == state


@pytest.mark.parametrize("fault", ["InvalidPowerState", "TaskInProgress", "ManagedObjectNotFound"])
def test_what_did_not_fit_what_it_is_is_tried_again(vsphere, machines, make, fault):
    make()
    vsphere.fault("PowerOnVM_Task", fault, mode="soap")
    machines.set_power("m", ON)
    assert machines.power("m") == ON


def test_but_not_for_ever(vsphere, machines, make):
    make()
    vsphere.fault("PowerOnVM_Task", "InvalidPowerState", count=0)
    with pytest.raises(VimFault) as caught:
        machines.set_power("m", ON)
    assert caught.value.is_("InvalidPowerState")


def test_one_that_somebody_else_has_started_meanwhile_is_on(session, machines, make):
    ref = make()
    found = session.read

    def read(ref, *paths):  # it is looked at, and then somebody starts it
        told = found(ref, *paths)
        session.read = found
        session.run(ref, "PowerOnVM_Task")
        return told

    machines.power("m")
    session.read = read
    machines.set_power("m", ON)
    assert found(ref, "runtime.powerState") == {"runtime.powerState": ON}


@pytest.mark.parametrize("fault", ["InsufficientMemoryResourcesFault", "NoPermission", "HostNotConnected"])
def test_what_the_host_cannot_do_is_its_fault(vsphere, machines, make, fault):
    make()
    vsphere.fault("PowerOnVM_Task", fault)
    with pytest.raises(HostFault), blaming_job():
        machines.set_power("m", ON)
    assert machines.power("m") == OFF


def test_a_file_that_is_not_there_holds_the_job(session, machines):
    with pytest.raises(JobFault) as caught, blaming_job():
        machines.register("m", session.store.at("nowhere", "m.vmx"))
    assert caught.value.code is HoldCode.IMAGE_MISSING


def test_what_is_not_there_cannot_be_told_anything(machines):
    with pytest.raises(HostFault, match="machine m is not there"):
        machines.set_power("m", ON)


def test_to_remove_what_is_not_there_is_success(session, machines, make):
    machines.unregister("m")
    make()
    machines.unregister("m")
    machines.unregister("m")
    session.store.remove(session.store.at(machines.called("m")))
    assert machines.names() == ()


def test_a_session_that_has_expired_is_not_noticed(vsphere, machines, make):
    make()
    for state in (ON, OFF):
        vsphere.expire_sessions()
        machines.set_power("m", state)
    vsphere.expire_sessions()
    assert machines.names() == ("m",)


def test_a_guest_without_tools_hears_nothing(machines, make):
    make()
    assert machines.ask_off("m")  # it is off
    machines.set_power("m", ON)
    assert not machines.ask_off("m")
    assert machines.power("m") == ON


def test_a_snapshot_is_taken_and_let_go_of(session, machines, make):
    ref = make()
    taken = machines.snapshot("m", "s", memory=False)
    assert session.read(ref, "snapshot.currentSnapshot") == {"snapshot.currentSnapshot": taken}
    machines.remove_snapshots("m")
    assert session.read(ref, "snapshot.currentSnapshot") == {}


def test_a_machine_is_changed(machines, make):
    make()
    machines.reconfigure("m", data("VirtualMachineConfigSpec", memoryMB=128))
    assert machines.look("m", "config.hardware.memoryMB") == {"config.hardware.memoryMB": 128}


def test_what_has_happened_since_the_start_is_told_in_order(machines, make):
    make()
    assert machines.happened("nobody") == ()
    for state in (ON, OFF, ON):
        machines.set_power("m", state)
    assert "VmPoweredOffEvent" not in [each.kind for each in machines.happened("m")]
    machines.set_power("m", OFF)
    told = machines.happened("m")
    assert [each.kind for each in told][-1] == "VmPoweredOffEvent"
    assert told[-1].user
    assert [each.number for each in told] == sorted(each.number for each in told)
