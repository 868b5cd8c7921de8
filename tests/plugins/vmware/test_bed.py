"""The vSphere API that other tests log in to: its machines are what they would be on a real host."""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import time
from http.client import HTTPSConnection
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim, vmodl

import vcsim
from vcsim import sectors

SECONDS = 30
"""For what a guest of one sector does."""
Devices = vim.vm.device
Backing = Devices.VirtualDisk.FlatVer2BackingInfo


@pytest.fixture
def root(vsphere):
    """What one sees who has logged in."""
    context = ssl.create_default_context(cafile=vsphere.ca)
    instance = SmartConnect(
        host=vsphere.address, port=vsphere.port, user=vsphere.user, pwd=vsphere.password, sslContext=context
    )
    datacenter = instance.content.rootFolder.childEntity[0]
    pool = datacenter.hostFolder.childEntity[0].resourcePool
    yield SimpleNamespace(
        content=instance.content, datacenter=datacenter, machines=datacenter.vmFolder, pool=pool, stub=instance._stub
    )
    vsphere.faults_clear()
    Disconnect(instance)
    instance._stub.DropConnections()


@pytest.fixture
def machine(root, vsphere):
    """Makes a machine whose disk boots a guest of one sector; all are gone at the end."""
    made = []

    def machine(code, name="one", mode="persistent"):
        disk = Backing(fileName=f"[store1] {name}/disk0.vmdk", diskMode=mode)
        console = Devices.VirtualSerialPort.FileBackingInfo(fileName=f"[store1] {name}/console.log")
        devices = (
            (Devices.ParaVirtualSCSIController(key=-1, busNumber=0, sharedBus="noSharing"), None),
            (Devices.VirtualDisk(key=-2, controllerKey=-1, capacityInKB=sectors.SIZE // 1024, backing=disk), "create"),
            (Devices.VirtualSerialPort(key=-3, backing=console, yieldOnPoll=True), None),
        )
        spec = vim.vm.ConfigSpec(
            name=name, memoryMB=16, numCPUs=1, files=vim.vm.FileInfo(vmPathName=f"[store1] {name}/{name}.vmx"),
            extraConfig=[vim.option.OptionValue(key="vmf.owner", value="me")],
            deviceChange=[
                Devices.VirtualDeviceSpec(operation="add", device=device, fileOperation=how) for device, how in devices
            ],
        )  # fmt: skip
        one = done(root.machines.CreateVM_Task(config=spec, pool=root.pool))
        made.append(one)
        (vsphere.datastore / name / "disk0-flat.vmdk").write_bytes(sectors.disk(code))
        return one

    yield machine
    for each in root.machines.childEntity:
        if each.runtime.powerState == "poweredOn":
            done(each.PowerOff())
        done(each.Destroy_Task())
    for each in vsphere.datastore.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()


def done(task):
    """What a task comes to.

    Raises:
        vmodl.MethodFault: as it failed.
    """
    until(lambda: task.info.state in {"success", "error"})
    if task.info.error:
        raise task.info.error
    return task.info.result


def until(condition):
    """Return what a condition says when it is true."""
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "it does not come to be"
        time.sleep(0.005)
    return found


@pytest.fixture
def said(vsphere):
    """What a machine has written to its serial port."""

    def said(name="one"):
        path = vsphere.datastore / name / "console.log"
        return path.read_bytes() if path.exists() else b""

    return said


def events(root, machine):
    """The names of what happened to a machine, with who did it, in order."""
    of = vim.event.EventFilterSpec.ByEntity(entity=machine, recursion="self")
    found = root.content.eventManager.QueryEvents(vim.event.EventFilterSpec(entity=of, maxCount=100))
    in_order = sorted(found, key=lambda each: each.key)
    return [(type(each).__name__.rpartition(".")[2], each.userName) for each in in_order]


def qemus(vsphere):
    """The processes of a host's machines."""
    children = Path(f"/proc/{vsphere.pid}/task").glob("*/children")
    return [int(word) for path in children for word in path.read_text().split()]


def top(machine):
    """The name of the file that a machine's disk is written to."""
    (disk,) = (each for each in machine.config.hardware.device if isinstance(each, Devices.VirtualDisk))
    return disk.backing.fileName


def test_a_machine_is_a_process_while_it_is_on(root, vsphere, machine, said):
    one = machine(sectors.COUNTS)
    assert (one.runtime.powerState, qemus(vsphere)) == ("poweredOff", [])
    done(one.PowerOn())
    assert (one.runtime.powerState, len(qemus(vsphere))) == ("poweredOn", 1)
    until(lambda: said().startswith(b"ABC"))
    with pytest.raises(vim.fault.InvalidPowerState):
        done(one.PowerOn())
    done(one.PowerOff())
    assert (one.runtime.powerState, qemus(vsphere)) == ("poweredOff", [])
    kept = (vsphere.datastore / "one/disk0-flat.vmdk").read_bytes()
    assert kept[sectors.SECTOR] >= ord("C")
    me = vsphere.user
    assert events(root, one)[-4:] == [
        ("VmStartingEvent", me), ("VmPoweredOnEvent", me), ("VmStoppingEvent", me), ("VmPoweredOffEvent", me)
    ]  # fmt: skip


def test_a_guest_powers_itself_off(root, machine):
    one = machine(sectors.POWERS_OFF)
    heard = watch(root, one, "runtime.powerState")
    done(one.PowerOn())
    assert until_heard(heard, "poweredOff")
    until(lambda: events(root, one)[-1] == ("VmPoweredOffEvent", ""))
    assert one.runtime.bootTime is None


def watch(root, machine, *properties):
    """A collector that hears of them."""
    collector = root.content.propertyCollector.CreatePropertyCollector()
    query = vmodl.query.PropertyCollector
    collector.CreateFilter(
        query.FilterSpec(
            objectSet=[query.ObjectSpec(obj=machine)],
            propSet=[query.PropertySpec(type=vim.VirtualMachine, pathSet=list(properties))],
        ),
        partialUpdates=False,
    )
    return collector


def until_heard(collector, value):
    version, deadline = "", time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        heard = collector.WaitForUpdatesEx(version, vmodl.query.PropertyCollector.WaitOptions(maxWaitSeconds=1))
        if heard is None:
            continue
        version = heard.version
        changes = (change for each in heard.filterSet for one in each.objectSet for change in one.changeSet)
        if version and any(change.val == value for change in changes):
            return True
    return False


def test_a_guest_resets_itself_and_goes_on(root, machine, said):
    one = machine(sectors.RESETS)
    done(one.PowerOn())
    until(lambda: said().count(b".") >= 2)
    assert ("VmGuestRebootEvent", "") in events(root, one)
    assert one.runtime.powerState == "poweredOn"
    assert ("VmPoweredOffEvent", "") not in events(root, one)


def test_a_killed_process_is_no_power_off_of_the_guest(root, vsphere, machine):
    one = machine(sectors.COUNTS)
    done(one.PowerOn())
    (pid,) = qemus(vsphere)
    os.kill(pid, signal.SIGKILL)
    until(lambda: one.runtime.powerState == "poweredOff")
    until(lambda: events(root, one)[-1] == ("EventEx", ""))


def test_a_suspended_machine_goes_on_where_it_was(root, vsphere, machine, said):
    one = machine(sectors.COUNTS)
    done(one.PowerOn())
    until(lambda: said().startswith(b"ABC"))
    done(one.Suspend())
    assert (one.runtime.powerState, qemus(vsphere)) == ("suspended", [])
    before = said()
    kept = {each.type: each.name for each in one.layoutEx.file}
    assert kept["suspend"].endswith(".vmss")
    assert kept["suspendMemory"].endswith(".vmem")
    one.UnregisterVM()
    one = done(root.machines.RegisterVM_Task(path="[store1] one/one.vmx", asTemplate=False, pool=root.pool))
    assert one.runtime.powerState == "suspended"
    done(one.PowerOn())
    until(lambda: len(said()) > len(before) + 2)
    assert said() == bytes(range(ord("A"), ord("A") + len(said())))
    assert "suspend" not in {each.type for each in one.layoutEx.file}
    assert not list(vsphere.datastore.glob("one/*.vmss"))


def test_a_snapshot_brings_memory_and_disk_back(root, vsphere, machine, said):
    one = machine(sectors.COUNTS)
    done(one.PowerOn())
    until(lambda: said().startswith(b"ABC"))
    snapshot = done(one.CreateSnapshot_Task(name="then", memory=True, quiesce=False))
    assert (one.runtime.powerState, one.snapshot.currentSnapshot) == ("poweredOn", snapshot)
    assert (top(one), one.snapshot.rootSnapshotList[0].state) == ("[store1] one/disk0-000001.vmdk", "poweredOn")
    assert (vsphere.datastore / "one/one-Snapshot1.vmem").exists()
    then = disk(root, vsphere, "[store1] one/disk0.vmdk")[sectors.SECTOR]
    until(lambda: len(said()) > then - ord("A") + 4)
    done(snapshot.RevertToSnapshot_Task())
    assert one.snapshot.currentSnapshot == snapshot
    until(lambda: said().count(bytes([then + 2])) == 2)
    assert said().count(bytes([then - 1])) == 1, "it has started anew"
    done(one.PowerOff())
    assert disk(root, vsphere, top(one))[sectors.SECTOR] >= then + 1


def disk(root, vsphere, name):
    """A disk's bytes, flattened by the host."""
    manager = root.content.virtualDiskManager
    copied = "[store1] copy.vmdk"
    done(manager.CopyVirtualDisk_Task(name, root.datacenter, copied, root.datacenter, force=True))
    data = (vsphere.datastore / "copy-flat.vmdk").read_bytes()
    done(manager.DeleteVirtualDisk_Task(copied, root.datacenter))
    return data


def test_reverting_forgets_what_was_written_since(root, vsphere, machine, said):
    one = machine(sectors.COUNTS)
    snapshot = done(one.CreateSnapshot_Task(name="blank", memory=False, quiesce=False))
    done(one.PowerOn())
    until(lambda: said().startswith(b"ABC"))
    done(one.PowerOff())
    assert disk(root, vsphere, top(one))[sectors.SECTOR] >= ord("C")
    done(snapshot.RevertToSnapshot_Task())
    assert one.runtime.powerState == "poweredOff"
    assert disk(root, vsphere, top(one))[sectors.SECTOR] == 0


@pytest.mark.parametrize("powered", ["on", "off"])
def test_a_snapshot_that_is_removed_leaves_what_was_written_since(root, vsphere, machine, said, powered):
    one = machine(sectors.COUNTS)
    done(one.PowerOn())
    done(one.CreateSnapshot_Task(name="first", memory=False, quiesce=False))
    done(one.CreateSnapshot_Task(name="second", memory=False, quiesce=False))
    until(lambda: b"F" in said())
    if powered == "off":
        done(one.PowerOff())
    done(one.RemoveAllSnapshots())
    assert (top(one), one.snapshot) == ("[store1] one/disk0.vmdk", None)
    assert not list(vsphere.datastore.glob("one/*-0000*"))
    if powered == "on":
        before = len(said())
        until(lambda: len(said()) > before + 1)
        done(one.PowerOff())
    assert disk(root, vsphere, top(one))[sectors.SECTOR] >= ord("F")


def test_the_memory_of_a_machine_with_an_independent_disk_is_refused(machine):
    one = machine(sectors.COUNTS, mode="independent_persistent")
    done(one.PowerOn())
    with pytest.raises(vim.fault.GenericVmConfigFault, match="independent"):
        done(one.CreateSnapshot_Task(name="then", memory=True, quiesce=False))


def test_snapshots_are_known_again_from_their_files(root, machine, said):
    one = machine(sectors.COUNTS)
    done(one.PowerOn())
    until(lambda: said().startswith(b"ABC"))
    done(one.CreateSnapshot_Task(name="then", memory=True, quiesce=False))
    done(one.PowerOff())
    one.UnregisterVM()
    one = done(root.machines.RegisterVM_Task(path="[store1] one/one.vmx", asTemplate=False, pool=root.pool))
    assert [each.name for each in one.snapshot.rootSnapshotList] == ["then"]
    before = len(said())
    done(one.RevertToCurrentSnapshot_Task())
    assert one.runtime.powerState == "poweredOn"
    until(lambda: len(said()) > before)
    assert said()[before] > ord("A"), "it has started anew"


def test_a_linked_clone_is_based_on_the_snapshot(root, vsphere, machine, said):
    one = machine(sectors.COUNTS)
    snapshot = done(one.CreateSnapshot_Task(name="then", memory=False, quiesce=False))
    where = vim.vm.RelocateSpec(pool=root.pool, diskMoveType="createNewChildDiskBacking")
    spec = vim.vm.CloneSpec(location=where, powerOn=False, template=False, snapshot=snapshot)
    two = done(one.CloneVM_Task(folder=root.machines, name="two", spec=spec))
    assert (vsphere.datastore / "two/two-delta.vmdk").stat().st_size < sectors.SIZE
    done(two.PowerOn())
    until(lambda: said().startswith(b"ABC"))  # its serial port is what the first one's is
    done(two.PowerOff())
    assert disk(root, vsphere, "[store1] one/disk0.vmdk")[sectors.SECTOR] == 0
    assert disk(root, vsphere, top(two))[sectors.SECTOR] >= ord("C")


def test_a_machine_is_what_its_vmx_says(root, vsphere, machine, said):
    one = machine(sectors.COUNTS)
    one.UnregisterVM()
    vmx = vsphere.datastore / "one/one.vmx"
    vmx.write_text(vmx.read_text().replace('memSize = "16"', 'memsize = "32"') + 'vmf.machine = "m|22q"\n')
    two = done(root.machines.RegisterVM_Task(path="[store1] one/one.vmx", name="two", asTemplate=False, pool=root.pool))
    assert (two.name, two.config.hardware.memoryMB) == ("two", 32)
    assert {each.key: each.value for each in two.config.extraConfig} == {"vmf.owner": "me", "vmf.machine": 'm"q'}
    done(two.PowerOn())
    until(lambda: said().startswith(b"AB"))
    with pytest.raises(vim.fault.AlreadyExists):
        done(root.machines.RegisterVM_Task(path="[store1] one/one.vmx", asTemplate=False, pool=root.pool))


def test_an_option_that_is_set_again_is_replaced(machine):
    one = machine(sectors.COUNTS)
    for value in ("a", "b", ""):
        option = vim.option.OptionValue(key="vmf.owner", value=value)
        done(one.ReconfigVM_Task(vim.vm.ConfigSpec(extraConfig=[option])))
        assert [each.value for each in one.config.extraConfig if each.key == "vmf.owner"] == ([value] if value else [])


def test_a_network_that_is_not_there_is_refused(machine):
    card = Devices.VirtualVmxnet3(key=-1, backing=Devices.VirtualEthernetCard.NetworkBackingInfo(deviceName="moon"))
    change = Devices.VirtualDeviceSpec(operation="add", device=card)
    with pytest.raises(vim.fault.InvalidDeviceBacking):
        done(machine(sectors.COUNTS).ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[change])))


@pytest.mark.parametrize("path", ["[moon] one/one.vmx", "[store1] ../one.vmx"])
def test_a_datastore_or_path_that_is_not_there_is_refused(root, path):
    spec = vim.vm.ConfigSpec(name="one", files=vim.vm.FileInfo(vmPathName=path))
    with pytest.raises(vim.fault.InvalidDatastorePath):
        done(root.machines.CreateVM_Task(config=spec, pool=root.pool))


@pytest.fixture
def ask(vsphere):
    """Asks for something by HTTPS; the status, and what the answer says."""
    connection = HTTPSConnection(vsphere.address, vsphere.port, context=ssl.create_default_context(cafile=vsphere.ca))

    def ask(verb, path, body=None, **headers):
        connection.request(verb, path, body, headers)
        with connection.getresponse() as answer:
            return answer.status, answer.read()

    yield ask
    connection.close()


def test_files_are_for_those_who_have_logged_in(root, vsphere, ask):
    path = "/folder/file?dcPath=dc1&dsName=store1"
    (vsphere.datastore / "file").write_bytes(b"0123456789")
    assert ask("GET", path)[0] == 401
    cookie = {"Cookie": root.stub.cookie}
    assert ask("GET", path, Range="bytes=2-4", **cookie) == (206, b"234")
    assert ask("PUT", path, b"new", **cookie)[0] == 200
    assert (vsphere.datastore / "file").read_bytes() == b"new"
    assert ask("PUT", path.replace("file", "moon/file"), b"new", **cookie)[0] == 404


def test_a_call_goes_wrong_as_often_as_is_asked_for(vsphere, machine):
    one = machine(sectors.COUNTS)
    vsphere.fault("PowerOnVM_Task", "InsufficientMemoryResourcesFault", count=2)
    vsphere.fault("PowerOnVM_Task", "NoPermission", mode="soap")
    with pytest.raises(vim.fault.NoPermission):
        one.PowerOn()
    for _ in range(2):
        with pytest.raises(vim.fault.InsufficientMemoryResourcesFault):
            done(one.PowerOn())
    vsphere.fault("PowerOnVM_Task", mode="lose")
    with pytest.raises(OSError, match=r"closed|reset|without response"):
        one.PowerOn()
    until(lambda: one.runtime.powerState == "poweredOn")


def test_a_session_that_has_expired_must_log_in_again(root, vsphere, machine):
    one = machine(sectors.COUNTS)
    vsphere.expire_sessions()
    with pytest.raises(vim.fault.NotAuthenticated):
        one.PowerOn()
    root.content.sessionManager.Login(vsphere.user, vsphere.password)
    done(one.PowerOn())


def test_nothing_is_left_of_it_when_it_is_killed(vsphere_program, tmp_path):
    with vcsim.running(vsphere_program, tmp_path, lifetime="10m") as one:
        context = ssl.create_default_context(cafile=one.ca)
        instance = SmartConnect(host=one.address, port=one.port, user=one.user, pwd=one.password, sslContext=context)
        datacenter = instance.content.rootFolder.childEntity[0]
        pool = datacenter.hostFolder.childEntity[0].resourcePool
        spec = vim.vm.ConfigSpec(name="one", files=vim.vm.FileInfo(vmPathName="[store1]"))
        done(done(datacenter.vmFolder.CreateVM_Task(config=spec, pool=pool)).PowerOn())
        (pid,) = qemus(one)
        instance._stub.DropConnections()
        os.kill(one.pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2])
