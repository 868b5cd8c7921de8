"""Somebody who logs in by pyVmomi, and makes machines that boot guests of one sector."""

from __future__ import annotations

import shutil
import ssl
import time

from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim

from vcsim import sectors

SECONDS = 30
"""For what a guest of one sector does, and for a task."""
Devices = vim.vm.device
Backing = Devices.VirtualDisk.FlatVer2BackingInfo
CARD = Devices.VirtualVmxnet3(key=-4, backing=Devices.VirtualEthernetCard.NetworkBackingInfo(deviceName="nat"))
CONTROLLER = Devices.ParaVirtualSCSIController(key=-1, busNumber=0, sharedBus="noSharing")


class Visitor:
    """One with a session.

    Attributes:
        bed: where it is logged in.
        stub: what sends its calls.
        content: the managers of the API.
        datacenter, folder, pool: where machines are.
    """

    def __init__(self, bed):
        self.bed = bed
        context = ssl.create_default_context(cafile=bed.ca)
        self._instance = SmartConnect(
            host=bed.address, port=bed.port, user=bed.user, pwd=bed.password, sslContext=context
        )
        self.stub, self.content = self._instance._stub, self._instance.content
        self.datacenter = self.content.rootFolder.childEntity[0]
        self.folder = self.datacenter.vmFolder
        self.pool = self.datacenter.hostFolder.childEntity[0].resourcePool

    def leave(self):
        """Log out; nothing is left of any machine, and nothing goes wrong any more."""
        self.bed.faults_clear()
        for machine in self.folder.childEntity:
            if machine.runtime.powerState == "poweredOn":
                at_last(machine.PowerOff)
            at_last(machine.Destroy_Task)
        for path in self.bed.datastore.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        Disconnect(self._instance)
        self.break_off()

    def break_off(self):
        """Close the connections, and stay logged in."""
        self.stub.DropConnections()

    def make(self, code, name="one", *, mode="persistent"):
        """A machine whose one disk boots a guest."""
        console = Devices.VirtualSerialPort.FileBackingInfo(fileName=f"[store1] {name}/console.log")
        backing = Backing(fileName=f"[store1] {name}/disk0.vmdk", diskMode=mode)
        disk = Devices.VirtualDisk(key=-2, controllerKey=-1, capacityInKB=sectors.SIZE // 1024, backing=backing)
        spec = vim.vm.ConfigSpec(
            name=name, memoryMB=16, numCPUs=1, files=vim.vm.FileInfo(vmPathName=f"[store1] {name}/{name}.vmx"),
            extraConfig=[vim.option.OptionValue(key="vmf.owner", value="me")],
            deviceChange=[
                Devices.VirtualDeviceSpec(operation="add", device=CARD),
                Devices.VirtualDeviceSpec(operation="add", device=CONTROLLER),
                Devices.VirtualDeviceSpec(operation="add", device=disk, fileOperation="create"),
                Devices.VirtualDeviceSpec(
                    operation="add", device=Devices.VirtualSerialPort(key=-3, backing=console, yieldOnPoll=True)
                ),
            ],
        )  # fmt: skip
        machine = done(self.folder.CreateVM_Task(config=spec, pool=self.pool))
        (self.bed.datastore / name / "disk0-flat.vmdk").write_bytes(sectors.disk(code))
        return machine

    def register(self, path, name=None):
        """The machine of a .vmx."""
        return done(self.folder.RegisterVM_Task(path=path, name=name, asTemplate=False, pool=self.pool))

    def said(self, name="one"):
        """What a machine has written to its serial port."""
        path = self.bed.datastore / name / "console.log"
        return path.read_bytes() if path.exists() else b""

    def until_said(self, words, name="one"):
        """Wait until a machine has written it."""
        until(lambda: words in self.said(name))

    def written(self, disk):
        """What a guest that counts has written to a disk."""
        manager = self.content.virtualDiskManager
        copied = "[store1] copy.vmdk"
        done(manager.CopyVirtualDisk_Task(disk, self.datacenter, copied, self.datacenter, force=True))
        data = (self.bed.datastore / "copy-flat.vmdk").read_bytes()
        done(manager.DeleteVirtualDisk_Task(copied, self.datacenter))
        return data[sectors.SECTOR]

    def events(self, machine):
        """The names of what happened to a machine, with who did it, in order."""
        of = vim.event.EventFilterSpec.ByEntity(entity=machine, recursion="self")
        found = self.content.eventManager.QueryEvents(vim.event.EventFilterSpec(entity=of, maxCount=100))
        in_order = sorted(found, key=lambda each: each.key)
        return [(type(each).__name__.rpartition(".")[2], each.userName) for each in in_order]


def done(task):
    """What a task comes to.

    Raises:
        vmodl.MethodFault: as it failed.
    """
    until(lambda: task.info.state in {"success", "error"})
    if task.info.error:
        raise task.info.error
    return task.info.result


def at_last(begin):
    """What a task comes to that waits for another one of the machine."""
    while True:
        try:
            return done(begin())
        except vim.fault.TaskInProgress as busy:
            until(lambda task=busy.task: task.info.completeTime)


def until(condition):
    """Wait until it is so."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it does not come to be"
        time.sleep(0.005)


def disk_of(machine):
    """Its one disk."""
    (disk,) = (each for each in machine.config.hardware.device if isinstance(each, Devices.VirtualDisk))
    return disk


def top(machine):
    """The name of the file that its disk is written to."""
    return disk_of(machine).backing.fileName


def reconfigure(machine, *, options=None, devices=(), **settings):
    """Change a machine, with options of its .vmx."""
    extra = [vim.option.OptionValue(key=key, value=value) for key, value in (options or {}).items()]
    changes = [Devices.VirtualDeviceSpec(**each) for each in devices]
    done(machine.ReconfigVM_Task(vim.vm.ConfigSpec(extraConfig=extra, deviceChange=changes, **settings)))
