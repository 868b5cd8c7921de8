"""A vSphere API for tests, whose machines are real QEMU processes while they are powered on; nothing is installed.

    program = vcsim.build()
    with vcsim.running(program, folder) as one:
        one.address, one.port, one.user, one.password, one.ca   # where to log in, by pyVmomi; see `Vcsim` for the rest

It says what a vCenter says, as far as that is documented; a real ESXi is the judge. It is govmomi's simulator
(sessions, property collector, views, events' history) with objects of our own for all that machines are made of, in
`go/`:

- One of each: datacenter `dc1`, cluster `cluster1`, host `esx1`, resource pool, datastore `store1` (VMFS by its
  looks, a folder of this computer: `Vcsim.datastore`), networks `nat` and `bridge`, which lead nowhere. Folders for
  machines can be made. `summary.freeSpace` is what it was at the last RefreshDatastore.
- Tasks go on after their call has been answered. A machine has one at a time: another one fails with TaskInProgress.
- `https://…/folder/PATH?dcPath=dc1&dsName=store1`: GET with Range, HEAD and PUT, with a session's cookie or basic
  authorization; 401 without, 404 for what is not there, also for a PUT into a folder that is not there, 507 where
  there is no room. What a running machine writes to as a disk is locked: 500; its console is not, nor is a
  disk's descriptor, to be read. A PUT that breaks off leaves what has come.
- FileManager (MakeDirectory, Delete, Copy, Move; a datacenter must be given), HostDatastoreBrowser (flat extents are
  listed as the files that they are), VirtualDiskManager (Create, Copy, which flattens, Move, Extend, Delete,
  QueryVirtualDiskUuid). `..` leads nowhere.
- Machines: CreateVM, RegisterVM (the .vmx is read: what is not understood of it is extraConfig), UnregisterVM,
  Rename, ReconfigVM (while powered on: options, and discs of CD-ROM drives), CloneVM, Destroy, which deletes what
  layoutEx tells of and every disk that is attached, wherever that is, and leaves other files, and so the folder,
  where they are. A .vmx is kept for each. The key `vcsim.tools = TRUE` gives a guest VMware Tools: without,
  ShutdownGuest is ToolsUnavailable.
- Disks are .vmdk descriptors with a flat extent (`vmfs`, also as uploaded) or, of children, a sparse one
  (`vmfsSparse`, in truth a qcow2); a parent that has been written to since does not fit them any more. A disk in one
  file is refused when it is powered on, as by ESXi. `fileOperation: create` with `backing.parent` makes a child.
  Controllers: pvscsi, LSI Logic (a pvscsi in truth), LSI Logic SAS, SATA, IDE; no NVMe. independent_nonpersistent is
  refused. Cards: vmxnet3, e1000, e1000e. A serial port's file is added to, unless the option
  `answer.msg.serial.file.open` is `Replace`.
- Boots by BIOS, or OVMF for `efi`: what bootOptions.bootOrder lists, then disks, then CD-ROM drives.
- SuspendVM writes NAME-HEX.vmss and, with the memory, NAME-HEX.vmem; `checkpoint.vmState` in the .vmx names it, also
  to RegisterVM, and PowerOn goes on from it and deletes it.
- Snapshots are taken while the guest runs, which stands still for a moment: NAME-SnapshotN.vmsn, with memory
  NAME-SnapshotN.vmem, and children NAME-00000N.vmdk; NAME.vmsd tells of them, also to RegisterVM. Independent disks
  have no part in them; with memory, they are refused. Revert, Remove and RemoveAll do what they say to disks, memory
  and configuration. A disk that cannot be merged while its machine runs stays, and `consolidationNeeded` says so.
- Events: of all that users do, in their name. When a guest powers off: VmPoweredOffEvent, when it resets:
  VmGuestRebootEvent, both with an empty user. When a process is killed:
  `esx.problem.vm.kill.unexpected.vmx.fault.failure.2` (EventEx), then a VmPoweredOffEvent without a user.
  QueryEvents answers in no order, as the documentation says: sort by key.
- A collector of one's own (CreatePropertyCollector) hears all; the session's first one is shared with other sessions,
  by a mistake of the simulator. RetrieveProperties of a session that has expired answers with a missingSet, and who
  waits for updates then goes on waiting.

It dies with the thread that started it, and so do its machines."""

from __future__ import annotations

from vcsim.built import build
from vcsim.running import Vcsim, running

__all__ = ["Vcsim", "build", "running"]
