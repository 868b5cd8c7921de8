"""A disk of several files is read as the guest sees it, and only if each of them is what vmf keeps."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from layering import layer, layered, written
from qemu import qemu_img, qemu_io
from vmf.disks import images, whole
from vmf.disks.flatten import Base, QemuImg, flatten
from vmf.errors import HoldCode, JobFault
from vmf.files import sparse
from vmf.model import Access, Disk, DiskFormat, File, Image, Slice

SIZE = 2**21
CONTENT = os.urandom(2**20) + b"base" * 2**18
LAYERS = ({0: b"1", 3: b"1", 16: b"1"}, {3: b"2", 31: b"2"})
EXPECTED = written(CONTENT, *LAYERS)
FORMS = {
    "raw": (DiskFormat.RAW, ("-O", "raw")),
    "qcow2": (DiskFormat.QCOW2, ("-O", "qcow2")),
    "compressed": (DiskFormat.QCOW2, ("-c", "-O", "qcow2")),
    "clusters": (DiskFormat.QCOW2, ("-O", "qcow2", "-o", "cluster_size=512")),
    "compat": (DiskFormat.QCOW2, ("-c", "-O", "qcow2", "-o", "compat=0.10,cluster_size=2M")),
}


def sum_of(stream, file):
    return sparse.sha256(stream, file.part, check=lambda *_: None)


def made(tmp_path, form):
    """The disk in a form, without layers."""
    layout, options = FORMS[form]
    (tmp_path / "raw").write_bytes(CONTENT)
    qemu_img("convert", "-f", "raw", *options, tmp_path / "raw", tmp_path / "base")
    return Disk(file=File(path=tmp_path / "base"), format=layout)


@pytest.fixture
def disk(tmp_path):
    return layered(made(tmp_path, "raw"), *LAYERS, size=SIZE)


def content(disk):
    with whole.opened(disk) as stream:
        return stream.read()


@pytest.mark.parametrize("form", FORMS)
def test_a_disk_is_read_through_its_layers(tmp_path, form):
    disk = layered(made(tmp_path, form), *LAYERS, size=SIZE)
    images.inspect(disk)
    assert content(disk) == EXPECTED
    with whole.opened(disk) as stream:
        for start, size in ((2**16 - 1, 2), (3 * 2**16, 2**17), (SIZE - 5, 100), (SIZE, 1)):
            stream.seek(start)
            assert stream.read(size) == EXPECTED[start : start + size]


def test_a_stretch_of_a_file_may_be_beneath(tmp_path):
    path = tmp_path / "archive"
    path.write_bytes(b"x" * 512 + CONTENT + b"x" * 512)
    base = Disk(file=File(path=path, part=Slice(offset=512, size=SIZE)), format=DiskFormat.RAW)
    assert content(layered(base, *LAYERS, size=SIZE)) == EXPECTED


@pytest.mark.parametrize("words", [("vmdk",), ("qcow2", "-c", "-o", "compression_type=zstd")])
def test_what_vmf_cannot_read_whole_is_told(tmp_path, words):
    (tmp_path / "raw").write_bytes(CONTENT)
    form, *options = words
    qemu_img("convert", "-f", "raw", "-O", form, *options, tmp_path / "raw", tmp_path / "base")
    disk = layered(Disk(file=File(path=tmp_path / "base"), format=DiskFormat(form)), *LAYERS, size=SIZE)
    with pytest.raises(JobFault, match="convert it"):
        content(disk)


def test_a_spoilt_part_of_a_compressed_disk_is_told(tmp_path):
    disk = layered(made(tmp_path, "compressed"), {}, size=SIZE)
    data = bytearray(disk.file.path.read_bytes())
    data[len(data) // 2 :] = b"\xff" * (len(data) - len(data) // 2)
    disk.file.path.write_bytes(data)
    with pytest.raises(JobFault) as found:
        content(disk)
    assert found.value.code is HoldCode.IMAGE_INVALID


def grown(disk):
    return replace(disk, layers=(*disk.layers, layer(disk.file.path.with_name("big"), {}, size=2 * SIZE)))


def leading_away(disk):
    return replace(disk, layers=(layer(disk.file.path.with_name("away"), {}, size=SIZE, name="/etc/passwd"),))


def standing_alone(disk):
    path = disk.file.path.with_name("alone")
    qemu_img("create", "-q", "-f", "qcow2", path, SIZE)
    return replace(disk, layers=(replace(disk.layers[0], file=File(path=path)),))


def gone(disk):
    disk.layers[0].file.path.unlink()
    return disk


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (grown, "its disk has 4194304 bytes, and what it lies on 2097152"),
        (leading_away, "it names another file, /etc/passwd"),
        (standing_alone, "it is no overlay"),
        (gone, "there is no such file"),
        (lambda disk: replace(disk, access=Access.IN_PLACE), "cannot be written in place"),
    ],
)
def test_a_layer_that_is_none_of_vmfs_is_refused(disk, change, words):
    images.inspect(disk)
    with pytest.raises(JobFault, match=words):
        images.inspect(change(disk))


def test_every_layer_has_its_sum(disk):
    image = Image(name="i", disks=(replace(disk, sha256=hashlib.sha256(CONTENT).hexdigest()),))
    images.verify_image(image, checksum=sum_of)
    with disk.layers[0].file.path.open("ab") as out:
        out.write(b"x")
    with pytest.raises(JobFault, match="SHA-256"):
        images.verify_image(image, checksum=sum_of)


@pytest.mark.parametrize("form", ["raw", "qcow2"])
@pytest.mark.parametrize("part", [False, True])
def test_qemu_makes_the_same_of_it_whatever_headers_say(tmp_path, form, part):
    disk = layered(made(tmp_path, form), *LAYERS, size=SIZE)
    top = tmp_path / "disk0.qcow2"
    qemu_img("create", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", "/nowhere", top, SIZE)
    qemu_io_unbacked(top)
    path, stretch = disk.file.path, None
    if part:
        size = path.stat().st_size
        path.write_bytes(b"x" * 512 + path.read_bytes())
        stretch = Slice(offset=512, size=size)
    files = [each.path.open("rb") for each in disk.files]
    tool = QemuImg(program="qemu-img", scratch=tempfile.TemporaryFile)
    base = Base(file=files[0], format=disk.layout, part=stretch, layers=tuple(files[1:]))
    with top.open("rb") as overlay, (tmp_path / "out").open("w+b") as out:
        flatten(tool, overlay, base, new=out, layout=DiskFormat.RAW)
    for each in files:
        each.close()
    assert (tmp_path / "out").read_bytes() == written(EXPECTED, {5: b"\x07"})


def qemu_io_unbacked(path: Path) -> None:
    """Write to an overlay whose backing file is not there."""
    nowhere = path.with_name("nowhere")
    nowhere.write_bytes(bytes(SIZE))
    qemu_img("rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", nowhere, path)
    qemu_io(path, f"write -P 7 {5 * 2**16} 64k")
    nowhere.unlink()
