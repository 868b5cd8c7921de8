"""The examples of the slides and manuals that the project began with, typed in: they convert and can be read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from htcondor.desk import Desk
from vmf import spec
from vmf.ads import Need, needs
from vmf.htcondor import Import
from vmf.lint import inline
from vmf.lint.hosts import HOST_LACKING, UNDRIVEN
from vmf.lint.judge import findings
from vmf.model import Cdrom, File, Job
from vmf.plugins import Plugins

SLIDES = """\
universe = vm
executable = WindowsXP
vm_type = vmware
vm_memory = 256
vm_checkpoint = TRUE
vm_networking = TRUE
vm_networking_type = dhcp
"""
SHARED = f"""{SLIDES}
vmware_dir = /shared/windows_vm
vmware_should_transfer_files = FALSE
vmware_snapshot_disk = TRUE
initialdir = result1
Queue
initialdir = result2
Queue
"""
NOT_SHARED = f"""{SLIDES}
vmware_dir = windows_vm
vmware_should_transfer_files = TRUE
initialdir = result1
vmware_snapshot_disk = TRUE
Queue
initialdir = result2
vmware_snapshot_disk = FALSE
Queue
"""
CDROM = f"""{SLIDES}
vmware_dir = /windows_vm
vmware_should_transfer_files = FALSE
vmware_snapshot_disk = TRUE
initialdir = result1
vmware_cdrom_files = a.iso
Queue
initialdir = result2
vmware_cdrom_files = a.txt, b.txt
Queue
"""
CONDOR_WEEK = """\
universe = vm
executable = MyJob1
vm_type = {type}
vm_memory = 256
vm_networking = True
vm_networking_type = nat
vm_no_output_vm = True
vm_cdrom_files = a.txt, b.txt
vm_should_transfer_cdrom_files = True
{own}
queue
"""
XEN = """\
xen_disk = file1.img:xvda:w, \\
 file2.img:xvdb:r
xen_cdrom_device = hdc
xen_transfer_files = file1.img, file2.img
"""
XEN_KERNEL = (
    f"{XEN}xen_kernel = /boot/vmlinuz\nxen_kernel_params = quiet\nxen_root = /dev/xvda1\nxen_initrd = /boot/initrd"
)
KVM = """\
kvm_disk = file1.img:vda:w, \\
 file2.img:vdb:r
kvm_cdrom_device = hdc
kvm_transfer_files = file1.img, file2.img
"""
VMWARE = "vmware_dir = windows_vm\nvmware_should_transfer_files = True\nvmware_snapshot_disk = True"
MANUAL = """\
universe                     = vm
executable                   = vmware_sample_job
log                          = simple.vm.log.txt
vm_type                      = vmware
vm_memory                    = 64
vmware_dir                   = windows_vm
vmware_should_transfer_files = True
queue
"""
MANUAL_KVM = """\
universe = vm
executable = kvm_sample
vm_type = kvm
vm_memory = 512
vm_disk = disk.img:hda:w:raw
vm_networking = true
vm_checkpoint = true
when_to_transfer_output = ON_EXIT_OR_EVICT
should_transfer_files = YES
transfer_input_files = disk.img
vm_macaddr = 52:54:00:12:34:56
queue
"""
JOBS = {
    "shared": SHARED,
    "not-shared": NOT_SHARED,
    "cdrom": CDROM,
    "xen-included": CONDOR_WEEK.format(type="xen", own=f"{XEN}xen_kernel = included"),
    "xen-kernel": CONDOR_WEEK.format(type="xen", own=XEN_KERNEL),
    "kvm": CONDOR_WEEK.format(type="kvm", own=KVM),
    "vmware": CONDOR_WEEK.format(type="vmware", own=VMWARE),
    "manual": MANUAL,
    "manual-kvm": MANUAL_KVM,
}
HOSTS = {
    "condor-in-a-vm-host": """\
VMP_VM_LIST = vm1.bar.edu, vm2.bar.edu
HOSTALLOW_WRITE = $(HOSTALLOW_WRITE), \\
 $(VMP_VM_LIST)
""",
    "condor-in-a-vm-guest": """\
VMP_HOST_MACHINE = foo.bar.edu
START = (KeyboardIdle > 150) && \\
 (HOST_KeyboardIdle > 150)
""",
    "xen-host": """\
VM_TYPE = xen
VM_MEMORY = 256
VM_MAX_NUMBER = 2
VM_NETWORKING = TRUE
VM_NETWORKING_TYPE = nat, bridge
VM_NETWORKING_DEFAULT_TYPE = nat
VM_SOFT_SUSPEND = True
LIBVIRT_XML_SCRIPT = \\
 $(LIBEXEC)/libvirt_simple_script.awk
VM_BRIDGE_SCRIPT = \\
 vif-bridge bridge=xenbr0
XEN_BOOTLOADER = /usr/bin/pygrub
""",
    "vmware-host": """\
VM_TYPE = vmware
VM_GAHP_SERVER = $(SBIN)/condor_vm-gahp.exe
VM_GAHP_LOG = $(LOG)/VMGahpLog
VM_VERSION = server1.0.4
VMWARE_PERL = perl
VMWARE_SCRIPT = $(SBIN)/condor_vm_vmware.pl
VMWARE_LOCAL_SETTINGS_FILE = \\
 /path/to/file
""",
    "xen-manual": """\
VM_TYPE = xen
XEN_SCRIPT = $(SBIN)/condor_vm_xen.sh
XEN_DEFAULT_KERNEL = /boot/vmlinuz-2.6.18-1.2798.fc6xen
XEN_DEFAULT_INITRD = /boot/initrd-2.6.18-1.2798.fc6xen.img
""",
}

CDROM_SPEC = """\
# Made of job.sub by vmf import.
apiVersion: vmf/v1
kind: Job
metadata:
  name: WindowsXP
spec:
  type: vmware
  memory: 256MiB
  network:
    # It was dhcp: how the guest gets its address is between it and the network, so this is the host's default.
    type: default
  checkpoint:
    # Once HTCondor was to make checkpoints from time to time, too; `period: 1h` does.
    on_eviction: true
    # Consent: a machine that goes on from a checkpoint may find its open connections lost and its address given away.
    # HTCondor of today asks for it by when_to_transfer_output = ON_EXIT_OR_EVICT; remove the line to be asked here.
    lose_connections: true
  vmware:
    folder: {on_host: /windows_vm}
    snapshot: true
  # HTCondor put them right into the folder; here they have one of their own in it, which must be new.
  queue:
    - {cdrom.iso: result1/a.iso, results.folder: result1/WindowsXP-0.results}
    - {cdrom.files: [result2/a.txt, result2/b.txt], results.folder: result2/WindowsXP-1.results}
"""
XEN_SPEC = """\
# Made of job.sub by vmf import.
apiVersion: vmf/v1
kind: Job
metadata:
  name: MyJob1
spec:
  type: xen
  memory: 256MiB
  disks:
    - file: file1.img
    - file: file2.img
      access: read
  boot:
    kernel: {on_host: /boot/vmlinuz}
    initrd: {on_host: /boot/initrd}
    root: /dev/xvda1
    parameters: quiet
  cdrom:
    files: [a.txt, b.txt]
  network:
    type: nat
  results:
    disks: none
"""


PLUGINS = Plugins.load()
JOB_WORDS = {name: each.job_settings for name, each in PLUGINS.types.items()}
HOST_WORDS = {name: each.settings for name, each in PLUGINS.types.items()}


MISSING = {
    "shared": {"checkpoint"},
    "not-shared": {"checkpoint"},
    "cdrom": {"cdroms", "checkpoint"},
    "xen-included": {"cdroms", "disk-read", "kernel-included"},
    "xen-kernel": {"cdroms", "disk-read"},
    "kvm": {"cdroms", "disk-read"},
    "vmware": {"cdroms"},
    "manual": set(),
    "manual-kvm": {"checkpoint", "device", "static-mac"},
    "condor-in-a-vm-host": {"guest-of"},
    "condor-in-a-vm-guest": {"guest-of"},
    "xen-host": {"network-bridge", "network-nat", "soft-suspend"},
    "vmware-host": {"transport-api"},
    "xen-manual": {"default-kernel"},
}
"""The abilities that each needs and the plugins may not have yet."""


def loaded(desk: Desk, made: Import) -> tuple[Job, ...]:
    words = spec.JobWords(images=desk.folder, settings=JOB_WORDS)
    return spec.load_jobs([desk.put(made.text, "job.yaml")], words, remark=pytest.fail)


def lacking(type_: str, wanted: Iterable[Need]) -> set[str]:
    return {need.ability for need in wanted} - set(PLUGINS.types[type_].capabilities)


def found(desk: Desk, made: Import) -> list[str]:
    """What lint has against a spec, beside what the plugins cannot do yet, which `MISSING` tells."""
    files = [desk.put(made.text, "made.yaml")]
    every = inline.heed(findings(files, plugins=PLUGINS, hosts=[], images=desk.folder), files)
    return [str(each.fault) for each in every if each.rule not in {HOST_LACKING, UNDRIVEN}]


@pytest.fixture(autouse=True)
def files(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk.folder)
    for name in ("file1.img", "file2.img", "disk.img", "windows_vm/machine.vmdk"):
        desk.put("\0" * 2**20, name)
    desk.put("\0" * 32769 + "CD001" + "\0" * 2**20, "result1/a.iso")
    for name in ("a.txt", "b.txt", "result2/a.txt", "result2/b.txt"):
        desk.put("", name)
    desk.put('scsi0:0.fileName = "machine.vmdk"\n', "windows_vm/machine.vmx")


@pytest.mark.parametrize("name", JOBS)
def test_the_jobs_lint_clean(desk: Desk, name: str) -> None:
    made = desk.make(JOBS[name])
    assert found(desk, made) == []
    for job in loaded(desk, made):
        assert lacking(job.types[0], needs(job)) <= MISSING[name]
    assert [each.what for each in made.lost if not each.what.startswith(("log:", "should_transfer_files:"))] == []


def test_the_cdroms_of_two_runs(desk: Desk) -> None:
    made = desk.make(CDROM)
    assert made.text == CDROM_SPEC
    first, second = loaded(desk, made)
    assert (first.name, second.name) == ("WindowsXP-0", "WindowsXP-1")
    assert first.cdrom == Cdrom(iso=File(path=desk.folder / "result1/a.iso"))
    texts = (File(path=desk.folder / "result2" / name) for name in ("a.txt", "b.txt"))
    assert second.cdrom == Cdrom(files=tuple(texts))
    assert second.results.folder == desk.folder / "result2/WindowsXP-1.results"


def test_a_kernel_of_its_own(desk: Desk) -> None:
    assert desk.make(JOBS["xen-kernel"]).text == XEN_SPEC


def test_a_snapshot_for_one_run_only(desk: Desk) -> None:
    jobs = loaded(desk, desk.make(NOT_SHARED))
    assert [job.settings["vmware"]["snapshot"] for job in jobs] == [True, False]


@pytest.mark.parametrize("name", HOSTS)
def test_the_hosts_lint_clean(desk: Desk, name: str) -> None:
    made = desk.make(HOSTS[name], name="desk.conf")
    assert found(desk, made) == []
    (host,) = spec.load_hosts([desk.put(made.text, "desk.yaml")], settings=HOST_WORDS, remark=pytest.fail)
    assert host.name == "desk"
    assert lacking(host.type, PLUGINS.needs(host)) <= MISSING[name]


def test_a_host_of_guests_and_a_guest_of_a_host(desk: Desk) -> None:
    outer = desk.make(HOSTS["condor-in-a-vm-host"], name="outer.conf").text
    inner = desk.make(HOSTS["condor-in-a-vm-guest"], name="inner.conf").text
    assert "guests: [vm1.bar.edu, vm2.bar.edu]" in outer
    assert "guest_of: foo.bar.edu" in inner
    assert '  # start: "(KeyboardIdle > 150) && (HOST_KeyboardIdle > 150)"' in inner


def test_what_vmf_does_by_itself_and_what_is_elsewhere_is_listed(desk: Desk) -> None:
    made = desk.make(HOSTS["xen-host"])
    assert [each.what for each in made.lost] == [
        "VM_BRIDGE_SCRIPT: it is no full path on the host",
        "LIBVIRT_XML_SCRIPT: HTCondor's own script writes what vmf describes by itself",
    ]
    assert "bridge: xenbr0" in made.text


def test_every_file_is_where_the_spec_says(desk: Desk) -> None:
    for name, text in JOBS.items():
        for job in loaded(desk, desk.make(text)):
            here = [disk.file for disk in job.disks] + list(job.cdrom.files if job.cdrom else ())
            assert all(Path(file.path).exists() for file in here if not file.on_host), name
