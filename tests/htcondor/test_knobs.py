from __future__ import annotations

import pytest

from htcondor.desk import Desk
from vmf.htcondor import Kind


@pytest.mark.parametrize(
    ("knobs", "wanted"),
    [
        ("VM_TYPE = KVM", "type: kvm"),
        ("VM_TYPE = kvm", "transport: local"),
        ("VM_TYPE = vmware", "transport: api"),
        ("VM_MEMORY = 4096", "memory: 4GiB"),
        ("VM_MAX_NUMBER = 4", "machines: 4"),
        ("VM_MEMORY = 2048 * 2", "memory: 4GiB"),
        ("NUM_CPUS = 8", "cpus: 8"),
        ("VM_NETWORKING = False", "types: []"),
        ("VM_NETWORKING = True\nVM_NETWORKING_TYPE = nat bridge", "types: [nat]"),
        ("VM_NETWORKING = True\nVM_NETWORKING_TYPE = bridge\nVM_NETWORKING_BRIDGE_INTERFACE = br0", "bridge: br0"),
        ("VM_NETWORKING = True\nVM_NETWORKING_TYPE = nat,user\nVM_NETWORKING_DEFAULT_TYPE = user", "default: user"),
        ("VM_SOFT_SUSPEND = True", "soft_suspend: true"),
        ('START = JobImage == "a"', """start: 'JobImage == "a"'"""),
        ("SUSPEND = false\nSUSPEND_VM = true", 'suspend: "true"'),
        ("CONTINUE = true", 'continue: "true"'),
        ("PREEMPT = false", 'vacate: "false"'),
        ("STARTD_ATTRS = Rack, Row\nRack = 3\nRow = $(Rack) + 1", 'Row: "3 + 1"'),
        ("VM_VERSION = server1", """VM_Version: '"server1"'"""),
        ("VM_TYPE = xen\nXEN_DEFAULT_KERNEL = /k", "kernel: {on_host: /k}"),
        ("VM_TYPE = xen\nLIBVIRT_XML_SCRIPT = /s\nLIBVIRT_XML_SCRIPT_ARGS = a b", "xml_script: [/s, a, b]"),
        ("VM_TYPE = vmware\nVMWARE_LOCAL_SETTINGS_FILE = /f", "vmx_file: /f"),
        ("VMP_HOST_MACHINE = foo.bar.edu", "guest_of: foo.bar.edu"),
    ],
)  # fmt: skip
def test_a_knob_has_its_field(desk: Desk, knobs: str, wanted: str) -> None:
    text = desk.make(knobs, Kind.HOST, "desk.conf").text
    assert wanted in [line.strip() for line in text.splitlines()]


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ("VM_GAHP_LOG = /l", "There is no GAHP"),
        ("VM_MEMORY = $(DETECTED_MEMORY)", "it names what another file defines"),
        ("LIBVIRT_XML_SCRIPT = $(LIBEXEC)/libvirt_simple_script.awk", "HTCondor's own script"),
        ("VM_TYPE = xen\nXEN_BOOTLOADER = pygrub", "no full path on the host"),
        ("STARTD_ATTRS = Rack", "'Rack' is defined in another file"),
        ("SUSPEND_VM = true\nSUSPEND = false", "SUSPEND: it means nothing beside"),
        ("VM_TYPE = vmware\nVM_BRIDGE_SCRIPT = /s", "VM_BRIDGE_SCRIPT: it means nothing beside"),
        ("VM_TYPE = vmware\nLIBVIRT_XML_SCRIPT = /s", "LIBVIRT_XML_SCRIPT: it means nothing beside"),
        ("VM_TYPE = vmware\nXEN_BOOTLOADER = /s", "XEN_BOOTLOADER: it means nothing beside"),
        ("VM_TYPE = kvm\nXEN_BOOTLOADER = /s", "XEN_BOOTLOADER: it means nothing beside"),
        ("VM_TYPE = kvm\nXEN_DEFAULT_KERNEL = /s", "XEN_DEFAULT_KERNEL: it means nothing beside"),
        ("VM_TYPE = xen\nVMWARE_LOCAL_SETTINGS_FILE = /s", "VMWARE_LOCAL_SETTINGS_FILE: it means nothing beside"),
        ("use ROLE : Execute", "what a `use` stands for is not read"),
    ],
)
def test_what_has_no_field_is_listed(desk: Desk, knobs: str, told: str) -> None:
    (lost,) = desk.make(knobs, Kind.HOST, "desk.conf").lost
    assert told in lost.what


def test_what_is_about_no_machine_is_counted(desk: Desk) -> None:
    made = desk.make("VM_TYPE = kvm\nCOLLECTOR_HOST = a\nDAEMON_LIST = MASTER", Kind.HOST)
    assert "# 2 other names of the file: about no machine, and left out." in made.text
    assert not made.lost


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ("VM_TYPE = qemu", "desk.conf:1:11: VM_TYPE: 'qemu' is no hypervisor"),
        ("VM_NETWORKING = maybe", "'maybe' is no boolean"),
        ("VM_NETWORKING = true\nVM_NETWORKING_TYPE = dhcp", "'dhcp' is no type of network"),
        ("VM_MAX_NUMBER = none", "is no number from 0"),
        ("START = (", "is no expression"),
        ("queue", "a queue statement in a configuration"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(desk: Desk, knobs: str, told: str) -> None:
    assert told in desk.wrong(knobs, Kind.HOST, "desk.conf")


def test_a_policy_about_what_only_htcondor_knows_says_so(desk: Desk) -> None:
    made = desk.make("START = KeyboardIdle > 150", Kind.HOST)
    (change,) = made.by_hand
    assert "KeyboardIdle of HTCondor's ads: undefined here" in change.what
    assert '\n  # start: "KeyboardIdle > 150"\n' in made.text
    assert "ignore" not in made.text


def test_a_policy_about_owners_says_who_they_are(desk: Desk) -> None:
    (change,) = desk.make('START = Owner == "bob" || TARGET.Owner =?= "ada"', Kind.HOST).by_hand
    assert change.what.endswith("`users: [bob, ada]` lets them in")


def test_no_number_of_machines_is_no_limit(desk: Desk) -> None:
    made = desk.make("VM_MAX_NUMBER = 0", Kind.HOST)
    assert "machines:" not in made.text
    assert not made.lost


def test_a_bridge_that_has_no_field_is_not_said_to_have_one(desk: Desk) -> None:
    made = desk.make("VM_TYPE = kvm\nVM_BRIDGE_SCRIPT = /s bridge=br0", Kind.HOST)
    assert "kept" not in made.text


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("vm_type = kvm\nuniverse = vm", "Job"),
        ("VM_TYPE = kvm\nqueue", "Job"),
        ("VM_TYPE = kvm\nVM_MAX_NUMBER = 2", "Host"),
    ],
)
def test_what_a_file_describes_is_told_by_what_it_says(desk: Desk, text: str, kind: str) -> None:
    wrong = kind == "Job"
    told = desk.wrong(text) if wrong else desk.make(text).text
    assert ("missing" in told or "no process" in told) if wrong else f"kind: {kind}" in told


@pytest.mark.parametrize("text", ["VM_TYPE = kvm", "universe = vm\nVM_MAX_NUMBER = 2", ""])
def test_where_it_cannot_be_told_it_is_asked(desk: Desk, text: str) -> None:
    assert "say --kind job or --kind host" in desk.wrong(text)
