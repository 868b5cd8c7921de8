from __future__ import annotations

import pytest

from vmf.spec import JobWords, load_jobs
from vmf_xen.rules import CHECKS
from vmf_xen.settings import XenJob

HEAD = "apiVersion: vmf/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  memory: 1GiB\n"


@pytest.fixture
def found(tmp_path):
    """What the rules have against a job whose spec has these words: ids and places."""
    for name in ("vmlinuz", "vmx", "initrd"):
        (tmp_path / name).touch()

    def found(*lines):
        (tmp_path / "j.yaml").write_text(HEAD + "".join(f"  {line}\n" for line in lines))
        words = JobWords(images=tmp_path, settings={"xen": XenJob})
        (job,) = load_jobs([tmp_path / "j.yaml"], words, remark=pytest.fail)
        return [(check.rule.id, each.at) for check in CHECKS for each in check.judge(job)]

    return found


KERNEL = ("boot", "kernel")


@pytest.mark.parametrize("meant", ["type: xen", "type: [kvm, xen]", "xen: {hardware: false}"])
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


def test_a_kernel_s_file_for_full_hardware_virtualisation(found):
    root = "boot: {kernel: vmlinuz, root: /dev/xvda1}"
    assert found("xen: {hardware: true}", root) == [("XEN202", KERNEL)]
    assert found("xen: {hardware: false}", root) == []


def test_the_name_vmx(found):
    assert found("type: xen", "boot: {kernel: vmx, root: /dev/xvda1}") == [("XEN203", KERNEL)]
    assert found("type: xen", "boot: {kernel: {on_host: /boot/vmx}, root: /dev/xvda1}") == [("XEN203", KERNEL)]


def test_other_types_are_of_no_concern(found):
    assert found("type: kvm", "boot: {kernel: vmx}") == []
    assert found("boot: {kernel: vmx}") == []
