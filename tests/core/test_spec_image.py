from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from shell import unprivileged
from vmf.errors import Fault, HoldCode, JobFault, SpecError
from vmf.model import Bus, Disk, DiskFormat, File, Hardware, Image, Slice
from vmf.spec import load_image
from vmf.spec.faults import Place, Source
from vmf.spec.given import Given
from vmf.spec.image import Shelves, read_image
from vmf.spec.nodes import scalar
from vmf.steps.graph import of_image

HEAD = "apiVersion: vmf/v1\nkind: Image\nmetadata: {name: tiny}\n"
FULL = f"""{HEAD}spec:
  kernel: vmlinuz
  initrd: boot/initrd
  kernel_parameters: console=ttyS0 quiet
  disks:
    - {{file: root.qcow2, format: qcow2, sha256: {"0a" * 32}}}
    - {{file: ../data.raw, format: raw}}
"""


@pytest.fixture
def beside(tmp_path):
    folder = tmp_path / "specs"
    folder.mkdir()
    return folder


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


@pytest.fixture
def load(beside, images):
    return lambda reference: load_image(str(reference), beside=beside, images=images)


@pytest.fixture
def faults_of(load):
    def faults_of(reference: object) -> tuple[Fault, ...]:
        with pytest.raises(SpecError) as caught:
            load(reference)
        return caught.value.faults

    return faults_of


@pytest.fixture
def fault_of(faults_of):
    def fault_of(reference: object) -> Fault:
        (fault,) = faults_of(reference)
        return fault

    return fault_of


def image_of(reference: str, shelves: Shelves) -> Image:
    node = scalar(reference, Place(source=Source(where="")), plain=False)
    return read_image(shelves, Given(keys=("image",), node=node))


def make(folder: Path, text: str = FULL, *, name: str = "tiny.image.yaml") -> Path:
    """An image's description with the files that it names."""
    (folder / "boot").mkdir(parents=True, exist_ok=True)
    for file in ("vmlinuz", "boot/initrd", "root.qcow2", "../data.raw"):
        (folder / file).touch()
    (folder / name).write_text(text)
    return folder / name


def test_a_folder_is_read_by_its_only_description(load, beside):
    folder = make(beside / "tiny").parent
    assert load("tiny") == Image(
        name="tiny",
        kernel=File(path=folder / "vmlinuz"),
        initrd=File(path=folder / "boot/initrd"),
        kernel_parameters="console=ttyS0 quiet",
        disks=(
            Disk(file=File(path=folder / "root.qcow2"), format=DiskFormat.QCOW2, sha256="0a" * 32),
            Disk(file=File(path=folder / "../data.raw"), format=DiskFormat.RAW),
        ),
    )


def test_a_description_may_be_named_itself_and_absolutely(load, beside):
    path = make(beside / "tiny")
    assert load("tiny/tiny.image.yaml") == load(path) == load("tiny")


def test_a_name_is_looked_up_beside_the_spec_and_then_in_the_warehouse(load, beside, images):
    make(images / "tiny")
    assert load("tiny").kernel == File(path=images / "tiny" / "vmlinuz")
    make(beside / "tiny")
    assert load("tiny").kernel == File(path=beside / "tiny" / "vmlinuz")


def test_paths_are_absolute_even_if_the_specs_folder_is_not(tmp_path, monkeypatch):
    make(tmp_path / "tiny")
    monkeypatch.chdir(tmp_path)
    for reference in ("tiny", "tiny/root.qcow2"):
        image = load_image(reference, beside=Path(), images=Path("nowhere"))
        assert image.disks[0].file == File(path=tmp_path / "tiny" / "root.qcow2")


@pytest.mark.parametrize(
    ("file", "name", "layout"),
    [
        ("debian-12.qcow2", "debian-12", DiskFormat.QCOW2),
        ("a.raw", "a", DiskFormat.RAW),
        ("a.img", "a", DiskFormat.RAW),
        ("A.QCOW2", "A", DiskFormat.QCOW2),
        ("a.vmdk", "a", DiskFormat.VMDK),
        ("-my disk<1>.img", "my-disk-1-", DiskFormat.RAW),
        ("ü.img", "disk", DiskFormat.RAW),
        ("x" * 200 + ".img", "x" * 63, DiskFormat.RAW),
    ],
)
def test_a_single_disk_tells_its_format_by_its_suffix(load, beside, file, name, layout):
    (beside / file).touch()
    assert load(file) == Image(name=name, disks=(Disk(file=File(path=beside / file), format=layout),))


@pytest.mark.parametrize("file", ["disk.vdi", "disk", "job.yaml", "disk.iso"])
def test_any_other_file_is_to_be_described(fault_of, beside, file):
    (beside / file).touch()
    fault = fault_of(file)
    assert fault.what == f"image: the format of '{file}' cannot be told by its name"
    assert "NAME.image.yaml" in fault.hint
    assert ".qcow2" in fault.hint
    assert ".ova" in fault.hint


def test_an_appliance_gives_its_disks_and_its_name(beside, images):
    asked = []
    disk = Disk(file=File(path=Path("/a"), part=Slice(offset=512, size=512)), format=DiskFormat.VMDK, bus=Bus.IDE)

    def appliance(path):
        asked.append(path)
        return (disk,)

    for name in ("box.ova", "BOX.OVA"):
        (beside / name).touch()
        found = image_of(name, Shelves(beside=beside, images=images, appliance=appliance))
        assert found == Image(name=name[:3], disks=(disk,))
        assert asked.pop() == beside / name


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        (HoldCode.IMAGE_MISSING, "VMF402"),
        (HoldCode.IMAGE_INVALID, "VMF404"),
        (HoldCode.IMAGE_UNREADABLE, "VMF405"),
    ],
)
def test_what_an_appliance_is_refused_for_is_told_where_it_is_named(beside, images, code, rule):
    def appliance(_path):
        raise JobFault("it is no tar archive", code=code, hint="get a good copy")

    (beside / "box.ova").touch()
    with pytest.raises(SpecError) as caught:
        image_of("box.ova", Shelves(beside=beside, images=images, appliance=appliance))
    (fault,) = caught.value.faults
    assert (fault.what, fault.hint, fault.rule) == ("image: it is no tar archive", "get a good copy", rule)


def test_an_image_that_is_not_there_tells_every_place_and_what_may_be_meant(fault_of, beside, images):
    make(images / "debian")
    fault = fault_of("debain")
    assert fault.what == "image: there is no image 'debain'"
    assert f"'{beside}/debain' (no such file or directory)" in fault.hint
    assert f"'{images}/debain' (no such file or directory)" in fault.hint
    assert "did you mean debian?" in fault.hint
    assert fault.hint.endswith("is found by its description: name that, as debain.image.yaml")


def test_a_path_is_not_looked_up_in_the_warehouse(fault_of, images):
    make(images / "tiny")
    assert str(images) not in fault_of("../tiny").hint
    assert str(images) not in fault_of("x/tiny").hint


@pytest.mark.parametrize("reference", ["", "a\nb", "x" * 300, "<&>'\"", "/" * 5000 + "x", "../.." * 2000])
def test_a_hostile_reference_gives_a_readable_message(fault_of, reference):
    fault = fault_of(reference)
    assert fault.what.isprintable()
    assert fault.hint.isprintable()
    assert len(fault.what) < 150
    assert len(fault.hint) < 3000


@pytest.mark.parametrize("reference", ["a\0b", "a\udcffb"])
def test_a_reference_that_can_be_no_path_is_told(fault_of, reference):
    assert "no field can take" in fault_of(reference).what


def test_what_is_neither_a_file_nor_a_folder_is_told(fault_of, beside):
    os.mkfifo(beside / "pipe.img")
    assert "neither a file nor a folder" in fault_of("pipe.img").hint


def test_a_folder_without_a_description_is_told(fault_of, beside):
    (beside / "tiny").mkdir()
    fault = fault_of("tiny")
    assert "holds 0 descriptions" in fault.what
    assert "NAME.image.yaml" in fault.hint


def test_a_folder_with_two_descriptions_names_them(fault_of, beside):
    make(beside / "tiny")
    make(beside / "tiny", name="other.image.yaml")
    fault = fault_of("tiny")
    assert "holds 2 descriptions" in fault.what
    assert fault.hint == "name one of them: 'other.image.yaml', 'tiny.image.yaml'"


def test_a_folder_that_may_not_be_read_says_so(faults_of):
    # Not below the test's own folder: nobody but its owner may enter that.
    with TemporaryDirectory() as top:
        Path(top).chmod(0o755)
        folder = Path(top) / "tiny"
        folder.mkdir(mode=0)
        with unprivileged():
            (fault,) = faults_of(folder)
        assert fault.what == f"image: the folder '{folder}' cannot be read: permission denied"
        assert "chmod" in fault.hint


def test_a_file_in_a_folder_that_may_not_be_entered_says_so(faults_of, beside):
    folder = make(beside / "tiny").parent
    folder.chmod(0)
    with unprivileged():
        (fault,) = faults_of("tiny/tiny.image.yaml")
    folder.chmod(0o700)
    assert "permission denied" in fault.hint


@pytest.mark.parametrize(
    ("spec", "line", "what"),
    [
        ("{}", 4, "spec: the image has nothing to boot from"),
        ("{disks: []}", 4, "spec: the image has nothing to boot from"),
        ("{kernel: ~}", 4, "spec: the image has nothing to boot from"),
        (
            "\n  disks: [{file: root.qcow2, format: qcow2}]\n  initrd: vmlinuz",
            6,
            "spec.initrd: an initrd needs a kernel",
        ),
        ("\n  kernel: vmlinux", 5, "spec.kernel: '"),
        ("\n  kernel: boot", 5, "spec.kernel: '"),
        ("\n  kernel: vmlinuz\n  initrd: boot", 6, "spec.initrd: '"),
        ("\n  kernel: ''", 5, "spec.kernel: a path is wanted, this is empty"),
        ("\n  kernel: vmlinuz\n  inird: x", 6, "spec: unknown key 'inird'"),
        ('\n  kernel: vmlinuz\n  kernel_parameters: "a\\nb"', 6, "spec.kernel_parameters: 'a\\nb' is not allowed here"),
        (
            "\n  disks:\n    - {file: boot/initrd}",
            6,
            "spec.disks, item 1.file: the format of 'initrd' cannot be told by its name",
        ),
        (
            "\n  disks:\n    - {file: root.qcow2, format: vdi}",
            6,
            "spec.disks, item 1.format: 'vdi' is none of raw, qcow2, vmdk",
        ),
        ("\n  disks:\n    - {file: root.qcow2, format: raw, sha256: AB}", 6, "spec.disks, item 1.sha256: 'AB' is not"),
        ("\n  disks: root.qcow2", 5, "spec.disks: a list is wanted, this is a text"),
    ],
)
def test_faults_of_a_description_have_their_place_there(fault_of, beside, spec, line, what):
    path = make(beside / "tiny", f"{HEAD}spec: {spec}\n")
    fault = fault_of("tiny")
    assert fault.what.startswith(what)
    assert (fault.where, fault.line) == (str(path), line)
    assert fault.source
    assert fault.hint


def test_a_missing_file_of_an_image_tells_its_path(fault_of, beside):
    folder = make(beside / "tiny", f"{HEAD}spec: {{kernel: vmlinux}}\n").parent
    fault = fault_of("tiny")
    assert fault.what == f"spec.kernel: '{folder}/vmlinux': no such file or directory"
    assert fault.hint == f"paths are relative to '{folder}'"


def test_all_faults_of_a_description_come_in_one_go(faults_of, beside):
    make(
        beside / "tiny",
        f"{HEAD}spec: {{initrd: nothing, kernl: x, disks: [{{file: no.raw, format: vdi}}]}}\n---\na: b\n",
    )
    assert [(fault.rule, fault.line) for fault in faults_of("tiny")] == [
        ("VMF401", 4),
        ("VMF109", 4),
        ("VMF401", 4),
        ("VMF113", 4),
        ("VMF108", 6),
    ]


def test_a_second_document_is_refused(fault_of, beside):
    make(beside / "tiny", f"{FULL}---\n{FULL}")
    assert fault_of("tiny").what == "a second document"


def test_a_job_is_no_image(fault_of, beside):
    make(beside / "tiny", "apiVersion: vmf/v1\nkind: Job\n")
    fault = fault_of("tiny")
    assert fault.what == "kind: 'Job' is not read here, only Image"


def test_a_description_that_is_a_disk_is_told(faults_of, beside):
    make(beside / "tiny").write_bytes(b"QFI\xfb\x00\x00")
    (fault,) = faults_of("tiny")
    assert "is not UTF-8 text" in fault.what


def described(beside, name, **spec):
    path = beside / f"{name}.image.yaml"
    path.write_text(json.dumps({"apiVersion": "vmf/v1", "kind": "Image", "metadata": {"name": name}, "spec": spec}))
    return path.name


def step(name, *after):
    return {"name": name, "run": f"echo {name}", "after": after}


def test_an_image_begins_with_another_whose_steps_are_done_before(beside, load):
    (beside / "a.raw").touch()
    (beside / "b.raw").touch()
    described(beside, "base", disks=[{"file": "a.raw"}], kernel="a.raw", steps=[step("one"), step("two")])
    given = {"from": "base.image.yaml"}
    image = load(
        described(beside, "more", **given, disks=[{"file": "b.raw"}], steps=[step("three"), step("four", "three")])
    )
    assert [disk.file.path.name for disk in image.disks] == ["a.raw", "b.raw"]
    assert image.kernel.path.name == "a.raw"
    assert not image.cloud_init
    asked = {each.name: set(each.after) for each in of_image(image)}
    assert asked == {"one": set(), "two": set(), "three": {"one", "two"}, "four": {"three"}}


@pytest.mark.parametrize(("below", "above"), [(True, False), (False, True)])
def test_an_image_uses_cloud_init_if_what_it_begins_with_does(beside, load, below, above):
    (beside / "a.raw").touch()
    described(beside, "base", disks=[{"file": "a.raw"}], cloud_init=below)
    assert load(described(beside, "more", **{"from": "base.image.yaml"}, cloud_init=above)).cloud_init


def test_what_an_image_does_not_say_of_its_hardware_is_as_in_the_one_that_it_begins_with(beside, load):
    (beside / "a.raw").touch()
    described(beside, "base", disks=[{"file": "a.raw"}], hardware={"type": ["kvm"], "memory": "256MiB", "cpus": 2})
    given = {"from": "base.image.yaml"}
    described(beside, "more", **given)
    assert load("more.image.yaml").hardware == Hardware(types=("kvm",), memory=2**28, cpus=2)
    described(beside, "more", **given, hardware={"memory": "512MiB"})  # though that is what it is if nobody says it
    assert load("more.image.yaml").hardware == Hardware(types=("kvm",), memory=2**29, cpus=2)
    described(beside, "most", **{"from": "more.image.yaml"}, hardware={"type": "xen", "cpus": 1})
    assert load("most.image.yaml").hardware == Hardware(types=("xen",), memory=2**29, cpus=1)


def test_a_step_may_come_after_one_of_the_image_that_its_own_begins_with(beside, load, fault_of):
    (beside / "a.raw").touch()
    described(beside, "base", disks=[{"file": "a.raw"}], steps=[step("one")])
    given = {"from": "base.image.yaml"}
    image = load(described(beside, "more", **given, steps=[step("two", "one")]))
    assert [each.name for each in of_image(image)] == ["one", "two"]
    assert "no step three" in fault_of(described(beside, "more", **given, steps=[step("two", "three")])).what


def test_images_that_begin_with_each_other_are_refused(beside, fault_of):
    described(beside, "a", **{"from": "b.image.yaml"})
    fault = fault_of(described(beside, "b", **{"from": "a.image.yaml"}))
    assert "begins with itself" in fault.what


def test_what_an_image_begins_with_has_to_be_there(beside, fault_of):
    assert fault_of(described(beside, "a", **{"from": "none.qcow2"})).what.startswith("spec.from: there is no image")
