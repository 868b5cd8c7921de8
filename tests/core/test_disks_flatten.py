"""A disk is made whole with the chain that is stated, whatever headers and names say."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from qemu import qemu_img
from vmf.disks import qcow2
from vmf.disks.flatten import Base, QemuImg, Unmade, convert, flatten
from vmf.disks.reading import Unfit
from vmf.model import DiskFormat, Slice


def content(base):
    original = base.read_bytes()
    return original[: 3 * 2**20] + b"\7" * 5 * 2**20 + original[8 * 2**20 :]


def made_whole(changed, base, out, layout=DiskFormat.RAW, program="qemu-img"):
    """What is made of an overlay and its base."""
    before = changed.read_bytes()
    with changed.open("rb") as top, out.open("w+b") as new:
        tool = QemuImg(program=str(program), scratch=tempfile.TemporaryFile, process={"cwd": "/"})
        flatten(tool, top, base, new=new, layout=layout)
    assert changed.read_bytes() == before
    return out


FORMS = {
    "raw": (DiskFormat.RAW, ()),
    "qcow2": (DiskFormat.QCOW2, ()),
    "vmdk": (DiskFormat.VMDK, ("-o", "subformat=streamOptimized")),
}


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_an_overlay_is_made_whole_over_every_kind_of_base(base, changed, tmp_path, form, part):
    """The name in its header leads nowhere any more, and is not looked at."""
    expected = content(base)
    format_, options = FORMS[form]
    lies = tmp_path / 'a,b"c:d {} é.img'
    qemu_img("convert", "-O", form, *options, base, lies)
    base.unlink()
    size = lies.stat().st_size
    stretch = Slice(offset=1536, size=size) if part else None
    if part:
        lies.write_bytes(b"x" * 1536 + lies.read_bytes() + b"x" * 1024)
    with lies.open("rb") as file:
        whole = made_whole(changed, Base(file=file, format=format_, part=stretch), tmp_path / 'w,"x:y')
    assert whole.read_bytes() == expected


def test_a_whole_qcow2_needs_no_other_file(base, changed, tmp_path):
    with base.open("rb") as file:
        whole = made_whole(changed, Base(file=file, format=DiskFormat.RAW), tmp_path / "whole", DiskFormat.QCOW2)
    expected = content(base)
    base.unlink()
    with whole.open("rb") as file:
        qcow2.check(file)
    qemu_img("convert", "-O", "raw", whole, tmp_path / "raw")
    assert (tmp_path / "raw").read_bytes() == expected


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.parametrize(
    ("option", "words"),
    [("backing_file=base.raw,backing_fmt=raw", "an overlay"), ("data_file=data", "in another")],
)
def test_a_base_that_names_another_file_is_refused_before_qemu_sees_it(changed, monkeypatch, option, words, part):
    """It was looked at before its guest was started, and may have changed since."""
    hostile, whole = changed.with_name("hostile.qcow2"), changed.with_name("whole")
    monkeypatch.chdir(changed.parent)
    qemu_img("create", "-q", "-f", "qcow2", "-o", option, hostile, "32M")
    stretch = Slice(offset=0, size=hostile.stat().st_size) if part else None
    with hostile.open("rb") as file:
        below = Base(file=file, format=DiskFormat.QCOW2, part=stretch)
        with pytest.raises(Unfit, match=f"what it lies on: .*{words}"):
            made_whole(changed, below, whole, program="/none")


def test_an_overlay_that_leads_elsewhere_is_refused_before_qemu_sees_it(base, changed, tmp_path):
    with changed.open("r+b") as file:
        file.seek(79)
        file.write(b"\4")  # its data is in another file
    with base.open("rb") as file, pytest.raises(Unfit, match="in another file"):
        made_whole(changed, Base(file=file, format=DiskFormat.RAW), tmp_path / "whole", program="/none")


@pytest.mark.parametrize("part", [False, True])
def test_qemu_img_is_told_that_nothing_lies_beneath_the_base(base, changed, tmp_path, part):
    """So that it does not look for itself, whatever the base says by then."""
    lies, said = tmp_path / "base.qcow2", tmp_path / "said"
    qemu_img("convert", "-O", "qcow2", base, lies)
    spy = tmp_path / "spy"
    spy.write_text(f'#!/bin/sh\nprintf %s "$4" >{said}\n')
    spy.chmod(0o755)
    stretch = Slice(offset=0, size=lies.stat().st_size) if part else None
    with lies.open("rb") as file:
        made_whole(changed, Base(file=file, format=DiskFormat.QCOW2, part=stretch), tmp_path / "whole", program=spy)
    chain = json.loads(said.read_text().removeprefix("json:"))
    assert (chain["backing"]["driver"], chain["backing"]["backing"]) == ("qcow2", None)


def test_what_qemu_img_objects_to_is_told(base, changed, tmp_path):
    broken = tmp_path / "broken.qcow2"
    qemu_img("convert", "-O", "qcow2", base, broken)
    with broken.open("r+b") as file:
        file.seek(40)
        file.seek(int.from_bytes(file.read(8)) + 6)
        file.write(b"\2")  # its second table begins in the middle of a cluster
    with broken.open("rb") as file, pytest.raises(Unmade, match="error while reading"):
        made_whole(changed, Base(file=file, format=DiskFormat.QCOW2), tmp_path / "whole")


def test_the_making_can_be_broken_off(base, changed, tmp_path):
    """qemu-img has ended before this one goes on."""
    pid = tmp_path / "pid"
    endless = tmp_path / "endless"
    endless.write_text(f"#!/bin/sh\necho $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 1000\n")
    endless.chmod(0o755)

    def stop(_done, _total):
        if pid.exists():
            raise ZeroDivisionError

    with base.open("rb") as file, changed.open("rb") as top, tempfile.TemporaryFile() as new:
        tool = QemuImg(program=str(endless), scratch=tempfile.TemporaryFile)
        with pytest.raises(ZeroDivisionError):
            flatten(tool, top, Base(file=file, format=DiskFormat.RAW), new=new, report=stop)
    assert not Path("/proc", pid.read_text().strip()).exists()


def test_one_that_is_killed_is_told(base, changed, tmp_path):
    killed = tmp_path / "killed"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    with base.open("rb") as file, pytest.raises(Unmade, match="code -9"):
        made_whole(changed, Base(file=file, format=DiskFormat.RAW), tmp_path / "whole", program=killed)


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_an_image_becomes_one_of_another_format(base, tmp_path, form, part):
    format_, options = FORMS[form]
    image, new = tmp_path / "image", tmp_path / "new"
    qemu_img("convert", "-O", form, *options, base, image)
    stretch = Slice(offset=1536, size=image.stat().st_size) if part else None
    if part:
        image.write_bytes(b"x" * 1536 + image.read_bytes())
    tool = QemuImg(program="qemu-img", scratch=tempfile.TemporaryFile)
    with image.open("rb") as file, new.open("w+b") as out:
        convert(tool, Base(file=file, format=format_, part=stretch), new=out, layout=DiskFormat.RAW)
    assert new.read_bytes() == base.read_bytes()


def test_an_image_that_leads_to_another_file_becomes_nothing(changed, tmp_path):
    tool = QemuImg(program="qemu-img", scratch=tempfile.TemporaryFile)
    with changed.open("rb") as file, (tmp_path / "new").open("w+b") as out:
        image = Base(file=file, format=DiskFormat.QCOW2)
        with pytest.raises(Unfit):
            convert(tool, image, new=out, layout=DiskFormat.RAW)
