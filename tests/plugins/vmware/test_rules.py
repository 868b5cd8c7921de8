from __future__ import annotations

import pytest

from vmf_vmware import rules

FOLDER = ("vmware", "folder")
WHOLE = "vmware: {folder: win}"


@pytest.fixture
def found(read):
    """What the rules have against a job whose spec has these words: ids, places and sentences."""

    def found(*lines):
        job = read(*lines)
        return [(check.rule.id, each.at, each.what) for check in rules.CHECKS for each in check.judge(job)]

    return found


def test_a_machine_as_it_should_be(found, machine):
    assert found("type: vmware", WHOLE) == []
    assert found("type: vmware", "vmware: {folder: win, snapshot: false}") == []
    assert found("type: vmware", f"vmware: {{folder: {{on_host: {machine.resolve()}}}}}") == []


def test_jobs_without_the_block_are_of_no_concern(found):
    assert found("disks: [{file: win/win-flat.vmdk, format: raw}]") == []


def test_neither_snapshot_nor_transfer(found):
    block = "vmware: {folder: {on_host: /vmfs/volumes/a/win}, snapshot: false}"
    assert [(rule, at) for rule, at, _ in found("type: vmware", block)] == [("VMW201", ("vmware", "snapshot"))]


def test_no_vmx(found, machine):
    (machine / "win.vmx").unlink()
    (machine / "vmx").touch()
    assert found("type: vmware", WHOLE) == [("VMW202", FOLDER, "there is no .vmx file in it")]


def test_a_template(found, machine):
    (machine / "win.vmx").rename(machine / "win.vmtx")
    assert found("type: vmware", WHOLE) == []


def test_two_vmx(found, machine):
    (machine / "A.VMX").touch()
    assert found("type: vmware", WHOLE) == [("VMW202", FOLDER, "there are several .vmx files, such as A.VMX")]


def test_a_file_is_no_folder(found):
    block = "vmware: {folder: win/win.vmx}"
    assert found("type: vmware", block) == [("VMW202", FOLDER, "the folder cannot be looked into: not a directory")]


def test_no_more_is_looked_at_than_a_machine_can_have(found, monkeypatch):
    monkeypatch.setattr(rules, "ENTRIES_MOST", 0)
    assert found("type: vmware", WHOLE) == [("VMW202", FOLDER, "there is no .vmx file in it")]


def test_a_link_inside_the_folder(found, machine):
    (machine / "win-flat.vmdk").unlink()
    (machine / "win-flat.vmdk").symlink_to("/var/lib/win-flat.vmdk")
    assert found("type: vmware", WHOLE) == [
        ("VMW203", FOLDER, "inside the folder, win-flat.vmdk is a symbolic link"),
    ]  # fmt: skip


def test_a_link_on_the_way_to_a_folder_that_does_not_travel(found, tmp_path):
    link = tmp_path.resolve() / "link"
    link.symlink_to(tmp_path)
    block = f"vmware: {{folder: {{on_host: {link / 'win'}}}}}"
    assert found("type: vmware", block) == [("VMW203", FOLDER, f"on this computer, {link} is a symbolic link")]
    without = block.replace("}}", "}, snapshot: false}")
    assert [rule for rule, *_ in found("type: vmware", without)] == ["VMW201"]


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("memsize", "memory"),
        ("MemSize", "memory"),
        ("numvcpus", "cpus"),
        ("displayName", "metadata.name"),
        ("ethernet0.present", "network"),
        ("ethernet10.networkName", "network"),
    ],
)
def test_a_line_that_vmf_writes(read, key, field):
    job = read("type: vmware", f"vmware: {{folder: win, vmx: {{{key}: x}}}}")
    (objection,) = (each for check in rules.CHECKS for each in check.judge(job))
    assert (objection.at, objection.hint) == (("vmware", "vmx", key), f"use `{field}`")


LENT = [
    "guestinfo.memsize",
    "guestinfo.a.file",
    "cpuid.1.eax",
    "cpuid.coresPerSocket",
    "hypervisor.cpuid.v0",
    "monitor_control.restrict_backdoor",
    "time.synchronize.resume.disk",
    "svga.vramSize",
    "disk.EnableUUID",
    "tools.syncTime",
]
LEADING = [
    "scsi0:0.fileName", "serial1.fileName", "sched.swap.dir", "RemoteDisplay.vnc.port", "log.fileName", "vmf.owner",
    "nvram", "checkpoint.vmState", "sharedFolder0.hostPath", "pciPassthru0.id", "svga.fileName", "bios440.filename",
    "isolation.device.connectable.disable", "workingDir", "memory.maxsize", "memsizes", "ethernet",
    "monitor.debug", "mks.enableVNC", "smbios.reflectHost", "ulm.disableMitigations", "keyboard.log",
]  # fmt: skip


@pytest.mark.parametrize("key", LENT)
def test_other_lines_are_the_user_s(found, key):
    assert found("type: vmware", f"vmware: {{folder: win, vmx: {{{key}: x}}}}") == []


@pytest.mark.parametrize("key", LEADING)
def test_a_line_that_may_lead_to_what_is_not_the_jobs(read, key):
    job = read("type: vmware", f"vmware: {{folder: win, vmx: {{{key}: x}}}}")
    (objection,) = (each for check in rules.CHECKS for each in check.judge(job))
    assert objection.at == ("vmware", "vmx", key)
    assert "files or devices" in objection.what


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("disks: [{file: {on_host: /vmfs/volumes/a/b.vmdk}}]", "-flat.vmdk"),
        ("disks: [{file: {on_host: /a-flat.vmdk}, format: raw}]", "no path of a datastore"),
        ("disks: [{file: win/win-flat.vmdk, format: raw, access: read}]", "can be written"),
        ("disks: [{file: win/win-flat.vmdk, format: raw, bus: virtio}]", "virtio"),
        ("disks: [{file: win/win-flat.vmdk, format: raw}]\n  vnc: true", "screen"),
    ],
)
def test_a_machine_that_vmware_cannot_make(found, words, told):
    ((rule, _, what),) = found("type: vmware", words)
    assert rule == "VMW207"
    assert told in what
    assert "VMW207" not in {rule for rule, *_ in found("type: [kvm, vmware]", words)}


@pytest.mark.parametrize("file", ["{file: win/win-flat.vmdk, format: raw}", "{file: win/win.vmdk, format: vmdk}"])
def test_disks_that_travel_may_lie_anywhere(found, file):
    assert found("type: vmware", f"disks: [{file}, {file}]") == []


@pytest.mark.parametrize("lines", [["type: kvm", WHOLE], ["type: [kvm, vmware]", WHOLE]])
def test_a_machine_that_only_vmware_can_boot(found, lines):
    assert [(rule, at) for rule, at, _ in found(*lines)] == [("VMW205", FOLDER)]


def test_a_machine_that_others_can_boot_as_well(found):
    assert found(WHOLE, "disks: [{file: win/win-flat.vmdk, format: raw}]") == []
