from __future__ import annotations

import pytest

from vmf.model import Host, Job
from vmf.spec import JobWords, load_hosts, load_jobs
from vmf_kvm.rules import CHECKS
from vmf_kvm.settings import KvmHost

HEAD = "apiVersion: vmf/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  memory: 1GiB\n"


@pytest.fixture
def found(tmp_path):
    """What the rules have against a job whose spec has these words: ids, places, sentences."""
    for name in ("a.raw", "b.vmdk", "c.iso"):
        (tmp_path / name).write_bytes(b"KDMV")

    def found(*lines):
        (tmp_path / "j.yaml").write_text(HEAD + "".join(f"  {line}\n" for line in lines))
        (job,) = load_jobs([tmp_path / "j.yaml"], JobWords(images=tmp_path, settings={}), remark=pytest.fail)
        return [
            (check.rule.id, each.at, each.what) for check in CHECKS if check.kind is Job for each in check.judge(job)
        ]

    return found


@pytest.mark.parametrize(
    ("disk", "words"),
    [
        ("file: a.raw, device: sda1", "whole disks"),
        ("file: a.raw, device: xvda", "no such bus"),
        ("file: a.raw, device: vdaaa", "none of its bus"),
        ("file: a.raw, device: hda, bus: ide, access: read", "cannot be one that is only read"),
        ("file: a.raw, bus: xen", "no such bus"),
        ("file: b.vmdk, access: in-place", "vmdk cannot be written in place"),
    ],
)
def test_a_drive_that_kvm_does_not_have(found, disk, words):
    first = "{file: {on_host: /first.raw}}"
    ((rule, at, what),) = found("type: kvm", f"disks: [{first}, {{{disk}}}]")
    assert (rule, at) == ("KVM201", ("disks", 1))
    assert words in what


def test_a_cd_rom_that_kvm_does_not_have(found):
    ((rule, at, what),) = found("type: kvm", "cdrom: {iso: c.iso, device: vdb}", "disks: [{file: a.raw}]")
    assert (rule, at) == ("KVM201", ("cdrom",))
    assert what.startswith("cdrom: its `device` is none of its bus")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("disks: [" + 5 * "{file: a.raw, bus: ide}," + "]",), "IDE has four places"),
        (("disks: [" + 3 * "{file: a.raw, bus: ide}," + "]", "run: true"), "IDE has four places"),
        (("disks: [{file: a.raw, device: hde}]",), "IDE has four places"),
        (("disks: [{file: a.raw, device: hda}," + 2 * "{file: a.raw, bus: ide}," + "]", "run: true"), "four places"),
        (("disks: [" + 29 * "{file: a.raw}," + "]", "network: {type: nat}"), "more devices than its bus has slots"),
        (("disks: [" + 30 * "{file: a.raw}," + "]",), "more devices than its bus has slots"),
    ],
)
def test_more_drives_than_a_machine_has_places_for(found, given, words):
    ((rule, at, what),) = found("type: kvm", *given)
    assert (rule, at) == ("KVM201", ("disks",))
    assert words in what


def test_as_many_drives_as_there_are_places(found):
    assert found("type: kvm", "disks: [" + 64 * "{file: a.raw, bus: scsi}," + "]", "run: true") == []


@pytest.mark.parametrize("network", ["default", "user"])
def test_a_card_that_takes_no_disks_place_is_not_counted(found, network):
    assert found("type: kvm", "disks: [" + 29 * "{file: a.raw}," + "]", f"network: {{type: {network}}}") == []


def test_a_cd_rom_may_be_on_another_bus_than_the_disks(found):
    assert found("type: kvm", "disks: [{file: a.raw, bus: ide}]", "cdrom: {iso: c.iso, device: sda}") == []


@pytest.mark.parametrize("type_", ["type: [kvm, xen]", "type: xen", "cpus: 1"])
def test_what_another_hypervisor_may_have_is_left_to_it(found, type_):
    assert found(type_, "disks: [{file: a.raw, device: xvda1}]") == []


@pytest.mark.parametrize("disk", ["device: sda", "device: hdb", "device: vda, access: read", "bus: sata"])
def test_drives_that_kvm_has(found, disk):
    assert found("type: kvm", f"disks: [{{file: a.raw, {disk}}}]") == []


@pytest.mark.parametrize(
    ("given", "number", "words"),
    [
        (("disks: [{file: a.raw}, {file: a.raw, device: vdd}]",), 1, "calls this disk vdb"),
        (
            ("disks: [{file: a.raw, device: vdd}, {file: a.raw, device: vdaa}, {file: a.raw}]",),
            0,
            "calls this disk vdb",
        ),
        (("disks: [{file: a.raw, device: sdb}]",), 0, "calls this disk sda"),
    ],
)
def test_a_name_that_the_guest_will_not_use(found, given, number, words):
    rule, at, what = found("type: kvm", *given)[0]
    assert (rule, at) == ("KVM202", ("disks", number, "device"))
    assert words in what


@pytest.mark.parametrize(
    "disks",
    [
        "{file: a.raw, device: vdb}, {file: a.raw}",
        "{file: a.raw}, {file: a.raw, device: vdb}, {file: a.raw, device: sda}",
        "{file: a.raw, bus: ide, device: hdc}",
    ],
)
def test_names_without_gaps(found, disks):
    assert found("type: kvm", "run: true", f"disks: [{disks}]") == []


def test_the_results_volume_may_fill_a_gap(found):
    assert found("type: kvm", "run: true", "disks: [{file: a.raw}, {file: a.raw, device: vdc}]") == []
    assert found("type: kvm", "run: true", "disks: [{file: a.raw, device: sdb}]") == []


def test_a_port_on_which_qemu_cannot_listen(found):
    forwards = "{forwards: [{port: 80}, {port: 80, host_port: 81}, {port: 81, host_port: 1024}]}"
    disk = "disks: [{file: a.raw}]"
    ((rule, at, what),) = found("type: kvm", disk, f"network: {forwards}")
    assert (rule, at) == ("KVM203", ("network", "forwards", 1, "host_port"))
    assert "port 81 of the host" in what
    assert found("type: [kvm, xen]", disk, f"network: {forwards}") == []


@pytest.mark.parametrize(
    ("connection", "block", "word"),
    [
        ("{transport: tls, address: h}", "{daemon: private}", "daemon"),
        ("{transport: local}", "{folder: /srv/vmf}", "folder"),
        ("{transport: tls, address: h}", "{folder: /srv/vmf}", ""),
        ("{transport: local}", "{daemon: private}", ""),
    ],
)
def test_a_word_that_means_nothing_where_the_host_is(tmp_path, connection, block, word):
    path = tmp_path / "h.yaml"
    path.write_text(
        "apiVersion: vmf/v1\nkind: Host\nmetadata: {name: h}\n"
        f"spec: {{type: kvm, connection: {connection}, kvm: {block}}}\n"
    )
    (host,) = load_hosts([path], settings={"kvm": KvmHost}, remark=pytest.fail)
    (judge,) = (each.judge for each in CHECKS if each.kind is Host)
    assert [each.at for each in judge(host)] == ([("kvm", word)] if word else [])
