"""The vSphere API that other tests log in to: its machines live as they would on a real host."""

from __future__ import annotations

import os
import signal
import ssl
import time
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from pyVmomi import vim, vmodl

import vcsim
from vcsim import sectors
from vcsim.visitor import SECONDS, Devices, Visitor, done, reconfigure, until


@pytest.fixture
def visitor(vsphere):
    visitor = Visitor(vsphere)
    yield visitor
    visitor.leave()


@pytest.fixture
def ask(vsphere):
    """Asks for something by HTTPS; the status, and what the answer says."""
    connection = HTTPSConnection(vsphere.address, vsphere.port, context=ssl.create_default_context(cafile=vsphere.ca))

    def ask(verb, path, body=None, **headers):
        connection.request(verb, f"/folder/{path}?dcPath=dc1&dsName=store1", body, headers)
        with connection.getresponse() as answer:
            return answer.status, answer.read()

    yield ask
    connection.close()


def test_a_machine_is_a_process_while_it_is_on(visitor):
    one = visitor.make(sectors.COUNTS)
    assert (one.runtime.powerState, visitor.bed.qemus()) == ("poweredOff", [])
    done(one.PowerOn())
    assert (one.runtime.powerState, len(visitor.bed.qemus())) == ("poweredOn", 1)
    visitor.until_said(b"ABC")
    with pytest.raises(vim.fault.InvalidPowerState):
        done(one.PowerOn())
    done(one.PowerOff())
    assert (one.runtime.powerState, visitor.bed.qemus()) == ("poweredOff", [])
    me = visitor.bed.user
    assert visitor.events(one)[-4:] == [
        ("VmStartingEvent", me), ("VmPoweredOnEvent", me), ("VmStoppingEvent", me), ("VmPoweredOffEvent", me)
    ]  # fmt: skip


def test_a_guest_powers_itself_off(visitor):
    one = visitor.make(sectors.POWERS_OFF)
    collector = visitor.content.propertyCollector.CreatePropertyCollector()
    query = vmodl.query.PropertyCollector
    wanted = [query.PropertySpec(type=vim.VirtualMachine, pathSet=["runtime.powerState"])]
    collector.CreateFilter(
        query.FilterSpec(objectSet=[query.ObjectSpec(obj=one)], propSet=wanted), partialUpdates=False
    )
    version = collector.WaitForUpdatesEx("").version
    done(one.PowerOn())
    heard = []
    deadline = time.monotonic() + SECONDS
    while heard[-1:] != ["poweredOff"]:
        assert time.monotonic() < deadline
        news = collector.WaitForUpdatesEx(version, query.WaitOptions(maxWaitSeconds=1))
        if news:
            version = news.version
            updates = (one for each in news.filterSet for one in each.objectSet)
            heard += [change.val for each in updates for change in each.changeSet]
    assert heard == ["poweredOn", "poweredOff"]
    until(lambda: visitor.events(one)[-1] == ("VmPoweredOffEvent", ""))


def test_a_guest_resets_itself_and_goes_on(visitor):
    one = visitor.make(sectors.RESETS)
    done(one.PowerOn())
    visitor.until_said(b"..")
    until(lambda: ("VmGuestRebootEvent", "") in visitor.events(one))
    assert one.runtime.powerState == "poweredOn"


def test_a_killed_process_is_no_power_off_of_the_guest(visitor):
    one = visitor.make(sectors.COUNTS)
    done(one.PowerOn())
    (pid,) = visitor.bed.qemus()
    os.kill(pid, signal.SIGKILL)
    until(lambda: one.runtime.powerState == "poweredOff")
    until(lambda: visitor.events(one)[-2:] == [("EventEx", ""), ("VmPoweredOffEvent", "")])


def test_a_suspended_machine_goes_on_where_it_was(visitor):
    one = visitor.make(sectors.COUNTS)
    done(one.PowerOn())
    visitor.until_said(b"ABC")
    done(one.Suspend())
    assert (one.runtime.powerState, visitor.bed.qemus()) == ("suspended", [])
    before = visitor.said()
    kept = {each.type: each.name for each in one.layoutEx.file}
    assert (kept["suspend"][-5:], kept["suspendMemory"][-5:]) == (".vmss", ".vmem")
    one.UnregisterVM()
    one = visitor.register("[store1] one/one.vmx")
    assert one.runtime.powerState == "suspended"
    done(one.PowerOn())
    until(lambda: len(visitor.said()) > len(before) + 2)
    assert visitor.said() == bytes(range(ord("A"), ord("A") + len(visitor.said())))
    assert not list(visitor.bed.datastore.glob("one/*.vm[es][ms]"))


def test_a_suspended_machine_that_is_powered_off_starts_anew(visitor):
    one = visitor.make(sectors.COUNTS)
    done(one.PowerOn())
    visitor.until_said(b"ABC")
    done(one.Suspend())
    before = len(visitor.said())
    done(one.PowerOff())
    assert not list(visitor.bed.datastore.glob("one/*.vm[es][ms]"))
    done(one.PowerOn())
    until(lambda: visitor.said()[before : before + 3] == b"ABC")


def test_a_machine_is_what_its_vmx_says(visitor):
    visitor.make(sectors.COUNTS).UnregisterVM()
    vmx = visitor.bed.datastore / "one/one.vmx"
    vmx.write_text(vmx.read_text().replace('memSize = "16"', 'memsize = "32"') + 'vmf.machine = "m|22q"\n')
    two = visitor.register("[store1] one/one.vmx", "two")
    assert (two.name, two.config.hardware.memoryMB) == ("two", 32)
    assert {each.key: each.value for each in two.config.extraConfig} == {"vmf.owner": "me", "vmf.machine": 'm"q'}
    done(two.PowerOn())
    visitor.until_said(b"AB")
    with pytest.raises(vim.fault.AlreadyExists):
        visitor.register("[store1] one/one.vmx", "three")


def test_an_option_that_is_set_again_is_replaced(visitor):
    one = visitor.make(sectors.COUNTS)
    for value in ("a", "b", ""):
        reconfigure(one, options={"vmf.owner": value})
        assert [each.value for each in one.config.extraConfig if each.key == "vmf.owner"] == ([value] if value else [])


def test_a_network_that_is_not_there_is_refused(visitor):
    card = Devices.VirtualVmxnet3(key=-1, backing=Devices.VirtualEthernetCard.NetworkBackingInfo(deviceName="moon"))
    with pytest.raises(vim.fault.InvalidDeviceBacking):
        reconfigure(visitor.make(sectors.COUNTS), devices=[{"operation": "add", "device": card}])


@pytest.mark.parametrize("path", ["[moon] one/one.vmx", "[store1] ../one.vmx"])
def test_a_datastore_or_path_that_is_not_there_is_refused(visitor, path):
    spec = vim.vm.ConfigSpec(name="one", files=vim.vm.FileInfo(vmPathName=path))
    with pytest.raises(vim.fault.InvalidDatastorePath):
        done(visitor.folder.CreateVM_Task(config=spec, pool=visitor.pool))


def test_a_machine_has_one_task_at_a_time(visitor):
    one = visitor.make(sectors.COUNTS)
    visitor.bed.fault("PowerOnVM_Task", mode="slow", seconds=3.0)
    first = one.PowerOn()
    with pytest.raises(vim.fault.TaskInProgress) as caught:
        done(one.PowerOff())
    assert caught.value.task == first
    done(first)


def test_the_host_gives_no_more_memory_than_it_has(visitor):
    one = visitor.make(sectors.COUNTS)
    reconfigure(one, memoryAllocation=vim.ResourceAllocationInfo(reservation=2**20))  # MiB
    with pytest.raises(vim.fault.InsufficientMemoryResourcesFault):
        done(one.PowerOn())


def test_a_guest_without_tools_is_not_asked(visitor):
    one = visitor.make(sectors.COUNTS)
    done(one.PowerOn())
    with pytest.raises(vim.fault.ToolsUnavailable):
        one.ShutdownGuest()
    reconfigure(one, options={"vcsim.tools": "TRUE"})
    assert one.guest.toolsRunningStatus == "guestToolsRunning"
    one.ShutdownGuest()
    until(lambda: visitor.events(one)[-1] == ("VmGuestShutdownEvent", visitor.bed.user))


def test_efi_keeps_its_settings_beside_the_machine(visitor):
    one = visitor.make(sectors.COUNTS)
    reconfigure(one, firmware="efi")
    done(one.PowerOn())
    assert (visitor.bed.datastore / "one/one.nvram").stat().st_size > 0
    assert len(visitor.bed.qemus()) == 1


def test_files_are_for_those_who_have_logged_in(visitor, ask):
    file = visitor.bed.datastore / "file"
    file.write_bytes(b"0123456789")
    assert ask("GET", "file")[0] == 401
    cookie = {"Cookie": visitor.stub.cookie}
    assert ask("GET", "file", Range="bytes=2-4", **cookie) == (206, b"234")
    assert ask("PUT", "file", b"new", **cookie)[0] == 200
    assert file.read_bytes() == b"new"
    assert ask("PUT", "moon/file", b"new", **cookie)[0] == 404


def test_a_file_that_breaks_off_is_there_in_part(visitor, ask):
    visitor.bed.fault("PUT", mode="drop", bytes=2)
    with pytest.raises(OSError, match=r"closed|reset|without response"):
        ask("PUT", "file", b"0123456789", Cookie=visitor.stub.cookie)
    until(lambda: (visitor.bed.datastore / "file").read_bytes() == b"01")


def test_a_call_goes_wrong_as_often_as_is_asked_for(visitor):
    one = visitor.make(sectors.COUNTS)
    visitor.bed.fault("PowerOnVM_Task", "InsufficientMemoryResourcesFault", count=2)
    visitor.bed.fault("PowerOnVM_Task", "NoPermission", mode="soap")
    with pytest.raises(vim.fault.NoPermission):
        one.PowerOn()
    for _ in range(2):
        with pytest.raises(vim.fault.InsufficientMemoryResourcesFault):
            done(one.PowerOn())
    visitor.bed.fault("PowerOnVM_Task", mode="lose")
    with pytest.raises(OSError, match=r"closed|reset|without response"):
        one.PowerOn()
    until(lambda: one.runtime.powerState == "poweredOn")


def test_a_session_that_has_expired_must_log_in_again(visitor):
    one = visitor.make(sectors.COUNTS)
    visitor.bed.expire_sessions()
    with pytest.raises(vim.fault.NotAuthenticated):
        one.PowerOn()
    visitor.content.sessionManager.Login(visitor.bed.user, visitor.bed.password)
    done(one.PowerOn())


def test_nothing_is_left_of_it_when_it_is_killed(vsphere_program, tmp_path):
    with vcsim.running(vsphere_program, tmp_path) as one:
        visitor = Visitor(one)
        done(visitor.make(sectors.COUNTS).PowerOn())
        (pid,) = visitor.bed.qemus()
        visitor.break_off()
        os.kill(one.pid, signal.SIGKILL)
        until(lambda: has_ended(pid))


def has_ended(pid):
    """Whether a process has; whoever started it may not have taken notice."""
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def test_it_ends_by_itself_when_it_has_lived_long_enough(vsphere_program, tmp_path):
    with vcsim.running(vsphere_program, tmp_path, lifetime="10ms") as one:
        until(lambda: has_ended(one.pid))
