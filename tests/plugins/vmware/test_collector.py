from __future__ import annotations

import threading
from queue import Queue
from time import monotonic, sleep

import pytest

from vmf.errors import HostFault, HostLost
from vmf.hookspecs import unreported
from vmf_vmware import collector as collectors
from vmf_vmware.data import data
from vmf_vmware.faults import VimFault
from vmf_vmware.machines import OFF, ON
from vmf_vmware.session import opened

SOON = 15.0
"""Seconds in which what is waited for has to happen."""


def config(session, name):
    return data(
        "VirtualMachineConfigSpec",
        name=session.machines.called(name),
        guestId="otherGuest64",
        memoryMB=64,
        numCPUs=1,
        files=data("VirtualMachineFileInfo", vmPathName=str(session.store.at(session.machines.called(name), "m.vmx"))),
        extraConfig=session.machines.mark(name),
    )


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A host is let be silent for a second only, and tried again soon."""
    monkeypatch.setattr(collectors, "WAIT_SECONDS", 1)
    monkeypatch.setattr(collectors, "PAUSES", tuple(each / 5 for each in collectors.PAUSES))


@pytest.fixture
def vm(session, destroy):
    """A machine that is off."""
    session.machines.create("watched", config(session, "watched"))
    yield "watched"
    destroy(session, "watched")


class Heard:
    """What a watcher is told."""

    def __init__(self, session):
        self._told = Queue()
        self.watch = session.collector.watch(self._told.put)

    def wait_for(self, machine):
        deadline = monotonic() + SOON
        while self._told.get(timeout=deadline - monotonic()) != machine:
            pass

    def forget(self):
        while not self._told.empty():
            self._told.get()

    @property
    def is_silent(self):
        return self._told.empty()


@pytest.fixture
def heard(session):
    heard = Heard(session)
    yield heard
    heard.watch.close()


def listening(session):
    """Wait until the host is listened to."""
    with session.collector._changed:
        assert session.collector._changed.wait_for(lambda: session.collector._list, SOON)


def waiting(session):
    """Wait until somebody waits for a task."""
    listening(session)
    deadline = monotonic() + SOON
    while not session.collector._tasks:
        assert monotonic() < deadline
        sleep(0.01)


def test_a_machine_that_changes_is_told_by_its_own_name(session, vm, heard):
    session.machines.set_power(vm, ON)
    heard.wait_for(vm)
    heard.forget()
    session.machines.set_power(vm, OFF)
    heard.wait_for(vm)


def test_machines_of_others_are_not_told(session, vm, heard):
    listening(session)
    other = data(
        "VirtualMachineConfigSpec",
        name="vmf-other-x",
        guestId="otherGuest64",
        files=data("VirtualMachineFileInfo", vmPathName="[store1] vmf-other-x/x.vmx"),
    )
    inventory = session.inventory
    made = session.run(inventory.folder, "CreateVM_Task", config=other, pool=inventory.pool)
    heard.forget()
    session.run(made, "PowerOnVM_Task")
    session.machines.set_power(vm, ON)
    deadline = monotonic() + SOON
    told = set()
    while vm not in told:
        told.add(heard._told.get(timeout=deadline - monotonic()))
    assert not any("other" in name for name in told)
    session.run(made, "PowerOffVM_Task")
    session.run(made, "Destroy_Task")


def test_who_has_gone_is_told_nothing_more(session, vm, heard):
    listening(session)
    heard.watch.close()
    heard.forget()
    later = Heard(session)
    session.machines.set_power(vm, ON)
    later.wait_for(vm)
    later.watch.close()
    assert heard.is_silent


@pytest.mark.parametrize("blow", ["expire", "drop", "fault"])
def test_whoever_watches_goes_on_hearing_after_a_break(vsphere, session, vm, heard, blow):
    listening(session)
    if blow == "expire":
        vsphere.expire_sessions()
    else:
        vsphere.fault("WaitForUpdatesEx", "SystemError", mode="drop" if blow == "drop" else "soap")
    session.machines.set_power(vm, ON)  # ends the waiting that goes on
    heard.wait_for("")  # anything may have happened meanwhile
    heard.forget()
    session.machines.set_power(vm, OFF)
    heard.wait_for(vm)


def test_that_a_host_is_away_is_told_when_it_goes_and_when_it_is_back(session, vm, heard, monkeypatch):
    """Not at every try to listen: whoever waits for it before asking again would not."""
    listening(session)
    call, lost = session.call, ["WaitForUpdatesEx", *["CreatePropertyCollector"] * 4]

    def broken(ref, method, **more):
        if method in lost[:1]:
            raise HostLost(f"no answer to {lost.pop(0)}")
        return call(ref, method, **more)

    monkeypatch.setattr(session, "call", broken)
    heard.wait_for("")
    heard.wait_for("")
    later = [heard._told.get(timeout=SOON)]
    while vm not in later:  # every machine is told of when the host is listened to again
        later.append(heard._told.get(timeout=SOON))
    assert "" not in later


def test_a_task_is_waited_for_and_its_result_returned(session, vm):
    ref = session.machines.find(vm)
    assert session.run(ref, "PowerOnVM_Task") is None
    taken = session.run(ref, "CreateSnapshot_Task", name="s", memory=False, quiesce=False)
    assert taken.kind == "VirtualMachineSnapshot"


def test_a_slow_one_too_which_tells_how_far_it_is(vsphere, session, vm):
    vsphere.fault("PowerOnVM_Task", mode="slow", seconds=3.0)
    told = []
    session.run(session.machines.find(vm), "PowerOnVM_Task", lambda done, of: told.append((done, of)))
    assert session.machines.power(vm) == ON
    assert told
    assert all(0 <= done <= of == 100 for done, of in told)


def test_how_it_fails_is_told(vsphere, session, vm):
    vsphere.fault("PowerOnVM_Task", "InsufficientMemoryResourcesFault")
    with pytest.raises(VimFault) as caught:
        session.run(session.machines.find(vm), "PowerOnVM_Task")
    assert caught.value.is_("InsufficientResourcesFault")
    assert session.machines.power(vm) == OFF


def test_what_another_task_is_in_the_way_of_is_tried_again(vsphere, session, vm):
    vsphere.fault("PowerOnVM_Task", "TaskInProgress", mode="soap", count=2)
    session.run(session.machines.find(vm), "PowerOnVM_Task")
    assert session.machines.power(vm) == ON


def test_what_a_report_raises_breaks_it_off(vsphere, session, vm, monkeypatch):
    class Enough(Exception):
        pass

    def report(_done, _of):
        raise Enough

    call, asked = session.call, []
    monkeypatch.setattr(
        session, "call", lambda ref, method, **more: (asked.append(method), call(ref, method, **more))[1]
    )
    vsphere.fault("PowerOnVM_Task", mode="slow", seconds=60)
    with pytest.raises(Enough):
        session.run(session.machines.find(vm), "PowerOnVM_Task", report)
    assert session.collector._tasks == {}
    assert "CancelTask" in asked


def test_a_task_ends_although_its_session_expires_meanwhile(vsphere, session, vm):
    vsphere.fault("PowerOnVM_Task", mode="slow", seconds=3.0)
    task = session.call(session.machines.find(vm), "PowerOnVM_Task")
    done = Queue()
    thread = threading.Thread(target=lambda: done.put(session.collector.wait(task, unreported)))
    thread.start()
    waiting(session)
    vsphere.expire_sessions()
    assert done.get(timeout=SOON) is None
    thread.join()
    assert session.machines.power(vm) == ON


def test_tasks_are_asked_for_where_nobody_can_listen(vsphere, session, vm):
    vsphere.fault("CreateFilter", "SystemError", mode="soap", count=0)
    vsphere.fault("PowerOnVM_Task", mode="slow", seconds=1.0)
    session.run(session.machines.find(vm), "PowerOnVM_Task")
    assert session.machines.power(vm) == ON


def test_and_watchers_are_told_that_anything_may_have_changed(vsphere, session, vm):
    heard = Heard(session)
    listening(session)
    vsphere.fault("CreatePropertyCollector", "SystemError", mode="soap", count=0)
    vsphere.expire_sessions()
    for _ in range(3):
        heard.wait_for("")
    heard.watch.close()
    assert session.machines.power(vm) == OFF


def test_a_host_without_events_tells_of_machines_all_the_same(vsphere, session, vm):
    vsphere.fault("CreateCollectorForEvents", "NotSupported", mode="soap", count=0)
    heard = Heard(session)
    listening(session)
    session.machines.set_power(vm, ON)
    heard.wait_for(vm)
    heard.watch.close()


def test_one_thread_listens_however_many_wait(vsphere, session, disk_there):
    store, before = session.store, threading.active_count()
    disk = disk_there(store, store.at("many"))
    vsphere.fault("CopyVirtualDisk_Task", mode="slow", seconds=1.0, count=0)
    pairs = [(disk, store.at("many", f"{number}.vmdk")) for number in range(8)]
    threads = [threading.Thread(target=store.copy_disk, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    listening(session)
    assert threading.active_count() <= before + len(threads) + 1
    for thread in threads:
        thread.join()
    assert len(store.list(store.at("many"))) == 18


def test_who_waits_for_a_host_that_goes_is_told_that_it_is_lost(own_session):
    own, session = own_session
    session.machines.create("m", config(session, "m"))
    own.fault("PowerOnVM_Task", mode="slow", seconds=60.0)
    task = session.call(session.machines.find("m"), "PowerOnVM_Task")
    told = Queue()

    def wait():
        try:
            session.collector.wait(task, unreported)
        except HostFault as fault:
            told.put(fault)

    thread = threading.Thread(target=wait)
    thread.start()
    waiting(session)
    own.kill()
    assert isinstance(told.get(timeout=SOON), HostLost)
    thread.join()


def test_who_waits_for_a_connection_that_is_closed_is_told_so(vsphere, vsphere_host, vm, session):
    other = opened(vsphere_host(), "abcd")
    vsphere.fault("PowerOnVM_Task", mode="slow", seconds=60)
    task = other.call(other.machines.find(vm), "PowerOnVM_Task")
    told = Queue()

    def wait():
        try:
            other.collector.wait(task, unreported)
        except HostFault as fault:
            told.put(fault)

    thread = threading.Thread(target=wait)
    thread.start()
    waiting(other)
    other.close()
    assert isinstance(told.get(timeout=SOON), HostLost)
    thread.join()
    assert other.collector._thread is not None
    assert not other.collector._thread.is_alive()
    session.collector.wait(task, unreported)


def test_events_come_as_pages_or_one_by_one():
    one = data("VmPoweredOnEvent", key=1)
    assert collectors._several((one, one)) == (one, one)
    assert collectors._several(one) == (one,)
    assert collectors._several(None) == ()
