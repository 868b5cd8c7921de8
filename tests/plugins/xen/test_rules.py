from __future__ import annotations

import gzip

import pytest

from vmf.spec import JobWords, load_jobs
from vmf.warehouse import cpio
from vmf_xen.rules import CHECKS
from vmf_xen.settings import XenJob

HEAD = "apiVersion: vmf/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  memory: 1GiB\n"


@pytest.fixture
def objections(tmp_path):
    """What the rules have against a job whose spec has these words, each with its rule."""
    for name in ("vmlinuz", "vmx", "initrd"):
        (tmp_path / name).touch()

    def objections(*lines):
        (tmp_path / "j.yaml").write_text(HEAD + "".join(f"  {line}\n" for line in lines))
        words = JobWords(images=tmp_path, settings={"xen": XenJob})
        (job,) = load_jobs([tmp_path / "j.yaml"], words, remark=pytest.fail)
        return [(check.rule, each) for check in CHECKS for each in check.judge(job)]

    return objections


@pytest.fixture
def found(objections):
    """The same: ids and places."""
    return lambda *lines: [(rule.id, each.at) for rule, each in objections(*lines)]


KERNEL = ("boot", "kernel")


@pytest.mark.parametrize("meant", ["type: xen", "type: [kvm, xen]", "xen: {mode: pvh}"])
def test_a_kernel_s_file_without_a_root_device(found, meant):
    assert found(meant, "boot: {kernel: vmlinuz}") == [("XEN201", KERNEL)]
    assert found(meant, "boot: {kernel: vmlinuz, initrd: initrd, parameters: nfsroot=a}") == [("XEN201", KERNEL)]
    assert found(meant, "boot: {kernel: {on_host: /boot/vmlinuz}}") == [("XEN201", KERNEL)]


@pytest.mark.parametrize(
    "boot",
    [
        "boot: {kernel: vmlinuz, root: /dev/xvda1}",
        "boot: {kernel: vmlinuz, parameters: quiet root=/dev/xvda1}",
        "boot: {kernel: included}\n  disks: [{file: {on_host: /box.raw}}]",
        "disks: [{file: {on_host: /box.raw}}]",
    ],
)
def test_a_root_device_or_no_kernel_s_file(found, boot):
    assert found("type: xen", boot) == []


@pytest.fixture
def initrd(tmp_path):
    """Makes the initial RAM disk of the jobs, with these modules in it."""

    def initrd(*names):
        entries = [cpio.file("init", b"#!"), *(cpio.file(f"lib/modules/{name}.ko", b"") for name in names)]
        (tmp_path / "initrd").write_bytes(gzip.compress(cpio.archive(entries)))

    return initrd


BOOT = "boot: {kernel: vmlinuz, initrd: initrd, root: /dev/xvda1}"
NAT = "network: {type: nat}"


@pytest.mark.parametrize(
    ("names", "more", "lacking"),
    [
        (["ext4"], (), ["xen_blkfront"]),
        (["ext4", "xen-blkfront"], (), []),
        (["ext4", "xen-blkfront"], (NAT,), ["xen_netfront"]),
        (["ext4"], (NAT,), ["xen_blkfront", "xen_netfront"]),
        (["xen_blkfront", "xen_netfront"], (NAT,), []),
        ([], (NAT,), []),
        (["ext4"], ("xen: {mode: hvm}",), []),
        (["ext4"], ("xen: {mode: pvh}",), ["xen_blkfront"]),
    ],
)
def test_an_initial_ram_disk_without_xen_s_drivers(objections, initrd, names, more, lacking):
    initrd(*names)
    told = [each for rule, each in objections("type: xen", BOOT, *more) if rule.id == "XEN204"]
    assert [each.at for each in told] == [("boot", "initrd")] * bool(lacking)
    assert [each.what for each in told] == [f"initrd carries modules, but not {' and '.join(lacking)}"] * bool(lacking)


def test_the_initial_ram_disk_of_an_image_is_looked_at_too(found, initrd, tmp_path):
    initrd("ext4")
    image = "apiVersion: vmf/v1\nkind: Image\nmetadata: {name: i}\nspec: {kernel: vmlinuz, initrd: initrd}\n"
    (tmp_path / "i.image.yaml").write_text(image)
    assert found("type: xen", "image: i.image.yaml") == [("XEN204", ("image",))]


@pytest.mark.parametrize("content", [b"whatever it is", b"\x89LZO\0\r\n\x1a\n" + bytes(40), b"\x02!L\x18" + bytes(9)])
def test_an_initial_ram_disk_that_cannot_be_looked_into_is_told_as_such(objections, tmp_path, content):
    (tmp_path / "initrd").write_bytes(content)
    ((rule, told),) = objections("type: xen", BOOT)
    assert (rule.id, rule.severity, told.at) == ("XEN206", "note", ("boot", "initrd"))
    assert told.what.startswith("initrd cannot be looked into for Xen's drivers: ")
    assert objections("type: kvm", BOOT) == objections("type: xen", "xen: {mode: hvm}", BOOT) == []


def test_an_initial_ram_disk_that_is_not_here_is_not_judged(found):
    assert found("type: xen", BOOT.replace("initrd: initrd", "initrd: {on_host: /boot/initrd}")) == []


def test_where_xen_is_one_of_several_types_its_drivers_are_wanted(found, initrd):
    initrd("ext4")
    assert found("type: [kvm, xen]", BOOT) == [("XEN204", ("boot", "initrd"))]
    assert found("type: kvm", BOOT) == found(BOOT) == []


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("disks: [{file: {on_host: /a.raw}}, {file: {on_host: /b.vmdk}}]", ("disks", 1)),
        ("disks: [{file: {on_host: /a.raw}, device: vda}]", ("disks", 0)),
        ("disks: [{file: {on_host: /a.raw}}]\n  cdrom: {iso: {on_host: /b.iso}, device: sdb}", ("cdrom",)),
        ("disks: [{file: {on_host: /a.raw}}]\n  vnc: true", ("vnc",)),
        ("disks: [{file: {on_host: /a.raw}}]\n  network: {type: user}", ("network", "type")),
        ("disks: [{file: {on_host: /a.raw}}]\n  network: {type: nat, model: virtio}", ("network", "model")),
        ("disks: [{file: {on_host: /a.raw}}]\n  boot: {firmware: bios}", ("boot", "firmware")),
        ("disks: [{file: {on_host: /a.raw}}]\n  clock: local", ("clock",)),
        ("disks: [{file: {on_host: /a.raw}}]\n  agent: true", ("agent",)),
        ("disks: [{file: {on_host: /a.raw}}]\n  shares: [{name: a}]", ("shares",)),
        ("disks: [{file: {on_host: /a.raw}, device: hda}]", ("disks", 0)),
    ],
)
def test_a_machine_that_xen_cannot_make(found, words, at):
    assert found("type: xen", words) == [("XEN205", at)]
    assert found("type: [kvm, xen]", words) == found(words) == []


@pytest.mark.parametrize(
    "words",
    [
        "disks: [{file: {on_host: /a.raw}, device: hda}]\n  xen: {mode: hvm}",
        "disks: [{file: {on_host: /a.qcow2}, device: xvdb1}]\n  network: {type: bridge}",
        "disks: [{file: {on_host: /a.raw}, access: read}]\n  run: exit",
    ],
)
def test_a_machine_that_xen_makes(found, words):
    assert found("type: xen", words) == []


def test_the_name_vmx(found):
    assert found("type: xen", "boot: {kernel: vmx, root: /dev/xvda1}") == [("XEN203", KERNEL)]
    assert found("type: xen", "boot: {kernel: {on_host: /boot/vmx}, root: /dev/xvda1}") == [("XEN203", KERNEL)]


def test_other_types_are_of_no_concern(found):
    assert found("type: kvm", "boot: {kernel: vmx}") == []
    assert found("boot: {kernel: vmx}") == []
