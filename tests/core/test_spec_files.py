"""Files that travel from this computer, and files that are already on the host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vmf.errors import Fault, HoldCode, JobFault, SpecError
from vmf.model import DiskFormat, File, Job
from vmf.spec import JobWords, load_jobs
from vmf.spec.files import absence

JOB = """\
apiVersion: vmf/v1
kind: Job
metadata: {name: j}
spec:
  memory: 256MiB
  run: exit 0
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The spec's folder; the caller stands elsewhere."""
    made = tmp_path / "specs"
    made.mkdir()
    for name in ("box.raw", "vmlinuz", "key", "a.iso"):
        (made / name).touch()
    monkeypatch.chdir(tmp_path)
    return made


@pytest.fixture
def load(folder):
    def load(*lines: str, inspect=lambda _: None) -> Job:
        (folder / "j.yaml").write_text(JOB + "".join(f"  {line}\n" for line in lines))
        words = JobWords(images=folder / "images", inspect=inspect)
        (job,) = load_jobs([Path("specs/j.yaml")], words, remark=pytest.fail)
        return job

    return load


@pytest.fixture
def fault_of(load):
    def fault_of(*lines: str, **more) -> Fault:
        with pytest.raises(SpecError) as caught:
            load(*lines, **more)
        (fault,) = caught.value.faults
        return fault

    return fault_of


def test_a_text_is_a_file_of_this_computer_beside_the_spec(load, folder):
    job = load(
        "disks: [{file: box.raw}]",
        "boot: {kernel: vmlinuz, initrd: ../specs/vmlinuz}",
        "secrets: {KEY: key}",
        "cdrom: {files: [key, .]}",
    )
    assert job.disks[0].file == File(path=folder / "box.raw")
    assert job.boot.kernel == File(path=folder / "vmlinuz")
    assert job.boot.initrd.path.samefile(folder / "vmlinuz")
    assert job.secrets == {"KEY": File(path=folder / "key")}
    assert [file.path for file in job.cdrom.files] == [folder / "key", folder]


def test_a_file_of_this_computer_may_be_named_from_the_root(load, folder):
    assert load(f"disks: [{{file: {folder}/box.raw}}]").disks[0].file == File(path=folder / "box.raw")


def test_a_file_on_the_host_is_not_looked_for_here(load):
    job = load("disks: [{file: {on_host: /no/such/disk.raw}}]", "boot: {kernel: {on_host: /no/such/kernel}}")
    assert job.disks[0].file == File(path=Path("/no/such/disk.raw"), on_host=True)
    assert job.boot.kernel == File(path=Path("/no/such/kernel"), on_host=True)
    assert str(job.disks[0].file) == "/no/such/disk.raw of the host"


@pytest.mark.parametrize("path", ["disk.raw", "./disk.raw", "../disk.raw", "~/disk.raw", "''"])
def test_a_file_on_the_host_needs_a_full_path(fault_of, path):
    fault = fault_of(f"disks: [{{file: {{on_host: {path}}}}}]")
    assert fault.what.endswith("is no full path")
    assert fault.what.startswith("spec.disks, item 1.file.on_host: ")
    assert (fault.rule, fault.line, fault.column) == ("VMF119", 7, 28)
    assert fault.hint.startswith("write the path from / on")


@pytest.mark.parametrize(
    ("file", "rule", "what"),
    [
        ("no.raw", "VMF401", "': no such file or directory"),
        ("box.raw/below", "VMF401", "': not a directory"),
        ("pipe", "VMF401", "': neither a file nor a folder"),
        ("/dev/zero", "VMF401", "': neither a file nor a folder"),
        ("''", "VMF113", "a path is wanted, this is empty"),
        ("[box.raw]", "VMF112", "a path is wanted, this is a list"),
        ("{}", "VMF111", "the key on_host is missing"),
        ("{onhost: /a}", "VMF109", "unknown key 'onhost'"),
        ("{on_host: [/a]}", "VMF112", "a full path is wanted, this is a list"),
    ],
)
def test_what_names_no_file_is_told(folder, load, file, rule, what):
    os.mkfifo(folder / "pipe")
    with pytest.raises(SpecError) as caught:
        load("image: box.raw", f"secrets: {{KEY: {file}}}")
    fault = next(each for each in caught.value.faults if each.rule == rule)
    assert fault.what.startswith("spec.secrets.KEY")
    assert what in fault.what
    assert fault.line == 8
    assert fault.hint


def test_an_appliance_is_no_disk(fault_of, folder):
    (folder / "box.ova").touch()
    for disk in ("{file: box.ova}", "{file: box.OVA, format: vmdk}", "{file: {on_host: /a.ova}, format: raw}"):
        (folder / "box.OVA").touch()
        fault = fault_of(f"disks: [{disk}]")
        assert fault.what.startswith("spec.disks, item 1.file: ")
        assert "an appliance" in fault.what
        assert (fault.rule, fault.hint) == ("VMF404", "name it with `image:`")


def test_a_full_path_that_is_not_here_may_have_been_meant_for_the_host(fault_of):
    fault = fault_of("disks: [{file: /no/such/disk.raw}]")
    assert fault.hint == "a file that is on the host does not travel: write {on_host: /no/such/disk.raw}"


def test_a_relative_path_that_is_not_here_is_told_the_folder_in_full(fault_of, folder):
    assert fault_of("disks: [{file: no.raw}]").hint == f"paths are relative to '{folder}'"


@pytest.mark.parametrize("path", ['"/\\e[2J"', '"\\e[2J.raw"', '{on_host: "\\e[2J.raw"}'])
def test_no_path_can_control_the_terminal(fault_of, path):
    fault = fault_of("image: box.raw", f"secrets: {{KEY: {path}}}")
    assert fault.what.isprintable()
    assert fault.hint.isprintable()


@pytest.mark.parametrize(
    ("file", "layout"),
    [
        ("a.raw", DiskFormat.RAW),
        ("a.img", DiskFormat.RAW),
        ("a.QCOW2", DiskFormat.QCOW2),
        ("a.b.vmdk", DiskFormat.VMDK),
    ],
)
def test_a_disks_format_is_what_its_suffix_says(load, folder, file, layout):
    (folder / file).touch()
    assert load(f"disks: [{{file: {file}}}]").disks[0].format is layout
    assert load(f"disks: [{{file: {{on_host: /x/{file}}}}}]").disks[0].format is layout


def test_what_the_spec_says_of_a_disks_format_wins_over_the_suffix(load):
    assert load("disks: [{file: box.raw, format: qcow2}]").disks[0].format is DiskFormat.QCOW2


@pytest.mark.parametrize("file", ["vmlinuz", "a.iso", "{on_host: /dev/vg/disk}", "."])
def test_a_format_that_nobody_states_is_never_guessed(fault_of, file):
    fault = fault_of(f"disks: [{{file: {file}}}]")
    assert fault.what.endswith("cannot be told by its name")
    assert fault.hint == "add `format: raw`, `qcow2` or `vmdk`"
    assert (fault.rule, fault.line) == ("VMF120", 7)


def test_a_kernel_may_be_in_the_image(load):
    assert load("image: box.raw", "boot: {kernel: included}").boot.kernel == "included"


def test_only_what_is_here_is_looked_into(load):
    seen = []
    load(
        "disks: [{file: box.raw}, {file: {on_host: /b.raw}}]",
        "boot: {kernel: vmlinuz, initrd: {on_host: /i}}",
        inspect=seen.append,
    )
    files = (file for each in seen for file in (each.kernel, each.initrd, *(disk.file for disk in each.disks)))
    assert sorted(file.path.name for file in files if file) == ["box.raw", "vmlinuz"]


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        (HoldCode.IMAGE_MISSING, "VMF402"),
        (HoldCode.IMAGE_INVALID, "VMF404"),
        (HoldCode.IMAGE_UNREADABLE, "VMF405"),
    ],
)
def test_what_a_look_into_a_file_finds_is_told_where_it_is_named(fault_of, code, rule):
    def look(image):
        if image.kernel:
            raise JobFault("no kernel at all", code=code, hint="take another")

    fault = fault_of("disks: [{file: box.raw}]", "boot: {kernel: vmlinuz}", inspect=look)
    assert (fault.what, fault.hint, fault.rule) == ("spec.boot.kernel: no kernel at all", "take another", rule)
    assert fault.line == 8


def test_files_folders_and_block_devices_are_there_and_nothing_else(folder, monkeypatch):
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "link").symlink_to("box.raw")
    (folder / "dangling").symlink_to("nothing")
    assert absence(folder / "dangling") == f"a link to '{folder}/nothing': no such file or directory"
    assert [absence(folder / name) for name in ("box.raw", ".", "link")] == ["", "", ""]
    assert absence(folder / "pipe") == "neither a file nor a folder"
    assert "symbolic links" in absence(folder / "loop")
    device = os.stat_result((0o060600, *[0] * 9))
    monkeypatch.setattr(Path, "stat", lambda _: device)
    assert absence(folder / "disk") == ""
