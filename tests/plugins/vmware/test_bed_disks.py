"""The vSphere API that other tests log in to: its disks and snapshots keep what they would on a real host."""

from __future__ import annotations

import shutil

import pytest
from pyVmomi import vim

from vcsim import sectors
from vcsim.visitor import Backing, Devices, Visitor, disk_of, done, reconfigure, top, until


@pytest.fixture
def visitor(vsphere):
    visitor = Visitor(vsphere)
    yield visitor
    visitor.leave()


@pytest.fixture
def counting(visitor):
    """A machine that counts, and has come to C at least."""
    one = visitor.make(sectors.COUNTS)
    done(one.PowerOn())
    visitor.until_said(b"ABC")
    return one


def keep(machine, *, memory=False):
    """A snapshot of it."""
    return done(machine.CreateSnapshot_Task(name="then", memory=memory, quiesce=False))


def test_a_snapshot_brings_memory_and_disk_back(visitor, counting):
    snapshot = keep(counting, memory=True)
    assert (counting.runtime.powerState, counting.snapshot.currentSnapshot) == ("poweredOn", snapshot)
    assert (top(counting), counting.snapshot.rootSnapshotList[0].state) == (
        "[store1] one/disk0-000001.vmdk",
        "poweredOn",
    )
    then = visitor.written("[store1] one/disk0.vmdk")
    visitor.until_said(bytes([then + 4]))
    done(snapshot.RevertToSnapshot_Task())
    assert counting.snapshot.currentSnapshot == snapshot
    until(lambda: visitor.said().count(bytes([then + 2])) == 2)
    assert visitor.said().count(bytes([then - 1])) == 1, "it has started anew"
    done(counting.PowerOff())
    assert visitor.written(top(counting)) in range(then + 1, then + 4)


def test_reverting_forgets_what_was_written_since(visitor):
    one = visitor.make(sectors.COUNTS)
    snapshot = keep(one)
    done(one.PowerOn())
    visitor.until_said(b"ABC")
    done(one.PowerOff())
    assert visitor.written(top(one)) >= ord("C")
    done(snapshot.RevertToSnapshot_Task())
    assert one.runtime.powerState == "poweredOff"
    assert visitor.written(top(one)) == 0


@pytest.mark.parametrize("powered", ["on", "off"])
def test_a_snapshot_that_is_removed_leaves_what_was_written_since(visitor, counting, powered):
    keep(counting)
    keep(counting)
    visitor.until_said(b"F")
    if powered == "off":
        done(counting.PowerOff())
    done(counting.RemoveAllSnapshots())
    assert (top(counting), counting.snapshot) == ("[store1] one/disk0.vmdk", None)
    assert not list(visitor.bed.datastore.glob("one/*-0000*"))
    if powered == "on":
        before = len(visitor.said())
        until(lambda: len(visitor.said()) > before + 1)
        done(counting.PowerOff())
    assert visitor.written(top(counting)) >= ord("F")


def test_the_memory_of_a_machine_with_an_independent_disk_is_refused(visitor):
    one = visitor.make(sectors.COUNTS, mode="independent_persistent")
    done(one.PowerOn())
    with pytest.raises(vim.fault.GenericVmConfigFault, match="independent"):
        keep(one, memory=True)


def test_an_independent_disk_is_left_out_of_snapshots(visitor):
    one = visitor.make(sectors.COUNTS, mode="independent_persistent")
    snapshot = keep(one)
    done(one.PowerOn())
    visitor.until_said(b"ABC")
    done(one.PowerOff())
    done(snapshot.RevertToSnapshot_Task())
    assert (top(one), visitor.written(top(one)) >= ord("C")) == ("[store1] one/disk0.vmdk", True)


def test_a_machine_whose_files_were_copied_goes_on_elsewhere(visitor, counting):
    keep(counting, memory=True)
    done(counting.PowerOff())
    folder = shutil.copytree(visitor.bed.datastore / "one", visitor.bed.datastore / "two")
    (folder / "disk0.vmdk").rename(folder / "base.vmdk")
    told = folder / "one.vmsd"
    told.write_text(told.read_text().replace("disk0.vmdk", "base.vmdk"))
    done(counting.Destroy_Task())
    two = visitor.register("[store1] two/one.vmx", "two")
    assert [each.name for each in two.snapshot.rootSnapshotList] == ["then"]
    before = len(visitor.said("two"))
    done(two.RevertToCurrentSnapshot_Task())
    assert two.runtime.powerState == "poweredOn"
    until(lambda: len(visitor.said("two")) > before)
    assert visitor.said("two")[before] > ord("A"), "it has started anew"
    assert disk_of(two).backing.parent.fileName == "[store1] two/base.vmdk"


def test_a_linked_clone_is_based_on_the_snapshot(visitor):
    one = visitor.make(sectors.COUNTS)
    where = vim.vm.RelocateSpec(pool=visitor.pool, diskMoveType="createNewChildDiskBacking")
    spec = vim.vm.CloneSpec(location=where, powerOn=False, template=False, snapshot=keep(one))
    two = done(one.CloneVM_Task(folder=visitor.folder, name="two", spec=spec))
    assert (disk_of(two).backing.parent.fileName, top(one)) == (
        "[store1] one/disk0.vmdk",
        "[store1] one/disk0-000001.vmdk",
    )
    done(two.PowerOn())
    visitor.until_said(b"ABC")  # its serial port's file is the first one's
    done(two.PowerOff())
    assert (visitor.written(top(one)), visitor.written(top(two)) >= ord("C")) == (0, True)


def test_a_new_disk_may_be_based_on_one_that_is_there(visitor):
    one, two = visitor.make(sectors.COUNTS), visitor.make(sectors.COUNTS, "two")
    old = disk_of(two)
    backing = Backing(fileName=top(two), diskMode="persistent", parent=Backing(fileName=top(one), diskMode=""))
    new = Devices.VirtualDisk(
        key=-1, controllerKey=old.controllerKey, unitNumber=0, capacityInKB=old.capacityInKB, backing=backing
    )
    drop = {"operation": "remove", "fileOperation": "destroy", "device": old}
    reconfigure(two, devices=[drop, {"operation": "add", "fileOperation": "create", "device": new}])
    done(two.PowerOn())
    visitor.until_said(b"ABC", "two")
    done(two.PowerOff())
    assert visitor.written(top(one)) == 0
    done(one.PowerOn())  # so its disk is written to
    done(one.PowerOff())
    with pytest.raises(vim.fault.GenericVmConfigFault, match="parent virtual disk has been modified"):
        done(two.PowerOn())


def test_a_disk_that_is_written_to_is_locked(visitor, counting):
    manager = visitor.content.virtualDiskManager
    with pytest.raises(vim.fault.FileLocked):
        done(manager.DeleteVirtualDisk_Task(top(counting), visitor.datacenter))
    with pytest.raises(vim.fault.FileLocked):
        visitor.written(top(counting))
    done(counting.PowerOff())
    assert visitor.written(top(counting)) >= ord("C")


def test_a_disk_in_one_file_is_not_run(visitor):
    one = visitor.make(sectors.COUNTS)
    (visitor.bed.datastore / "one/disk0.vmdk").write_bytes(b"KDMV".ljust(2**16, b"\0"))
    with pytest.raises(vim.fault.GenericVmConfigFault, match="Unsupported or invalid disk type"):
        done(one.PowerOn())


def test_the_datastore_has_an_end(visitor):
    spec = vim.VirtualDiskManager.FileBackedVirtualDiskSpec(
        diskType="preallocated", adapterType="lsiLogic", capacityKb=2**31
    )
    manager = visitor.content.virtualDiskManager
    with pytest.raises(vim.fault.NoDiskSpace):
        done(manager.CreateVirtualDisk_Task("[store1] large.vmdk", visitor.datacenter, spec))


def test_what_a_machine_does_not_know_stays_when_it_is_destroyed(visitor):
    one = visitor.make(sectors.COUNTS)
    (visitor.bed.datastore / "one/brought.iso").touch()
    done(one.Destroy_Task())
    assert [each.name for each in (visitor.bed.datastore / "one").iterdir()] == ["brought.iso"]
    assert visitor.folder.childEntity == []
