"""A user's image is looked at by our own reader: it is what it is stated to be, and stands alone."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import stat
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qemu import qemu_img
from vmf.disks import images
from vmf.errors import HoldCode, JobFault
from vmf.files import sparse
from vmf.model import Disk, DiskFormat, File, Image, Slice

FUZZ = settings(database=None)
BZIMAGE = bytes(0x1FE) + b"\x55\xaa" + b"\0\0HdrS" + bytes(600)
FIELDS = {  # offset and width of what the tests change, from QEMU's docs/interop/qcow2.txt
    "version": (4, 4),
    "backing_offset": (8, 8),
    "backing_size": (16, 4),
    "cluster_bits": (20, 4),
    "size": (24, 8),
    "crypt_method": (32, 4),
    "l1_size": (36, 4),
    "l1_offset": (40, 8),
    "refcount_offset": (48, 8),
    "refcount_clusters": (56, 4),
    "snapshots": (60, 4),
    "incompatible": (72, 8),
    "refcount_order": (96, 4),
    "length": (100, 4),
}


def qcow2(file):
    return Disk(file=File(path=Path(file)), format=DiskFormat.QCOW2)


def raw(file, **fields):
    return Disk(file=File(path=Path(file)), format=DiskFormat.RAW, **fields)


def changed(data, **fields):
    """A qcow2 file with some fields of its header changed."""
    data = bytearray(data)
    for field, value in fields.items():
        offset, width = FIELDS[field]
        data[offset : offset + width] = value.to_bytes(width, "big")
    return bytes(data)


def fault(disk, code=HoldCode.IMAGE_INVALID):
    """The sentence with which a disk, or an image, is held; with a hint that says what to do."""
    with pytest.raises(JobFault) as caught:
        (images.inspect if isinstance(disk, Disk) else images.inspect_image)(disk)
    assert caught.value.code is code
    assert caught.value.hint
    return str(caught.value)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A qcow2 image of 10 MiB as QEMU makes it."""
    path = tmp_path_factory.mktemp("good") / "good.qcow2"
    qemu_img("create", "-f", "qcow2", path, "10M")
    return path.read_bytes()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "disk"


@pytest.mark.parametrize(
    "options",
    ["compat=1.1", "compat=0.10", "cluster_size=2M,refcount_bits=64", "cluster_size=512", "extended_l2=on"],
)
def test_what_qemu_makes_is_taken(path, options):
    qemu_img("create", "-f", "qcow2", "-o", options, path, "100M")
    images.inspect(qcow2(path))


def test_internal_snapshots_are_taken(path):
    qemu_img("create", "-f", "qcow2", path, "10M")
    qemu_img("snapshot", "-c", "before", path)
    images.inspect(qcow2(path))


def test_a_backing_file_is_named(path, tmp_path):
    qemu_img("create", "-f", "raw", tmp_path / "base.raw", "1M")
    qemu_img("create", "-f", "qcow2", "-b", tmp_path / "base.raw", "-F", "raw", path)
    said = fault(qcow2(path))
    assert f"{tmp_path}/base.raw" in said
    assert "qemu-img convert -O qcow2" in said


def test_a_json_name_is_refused_wherever_it_stands(path, good):
    name = b'json:{"driver":"nbd","host":"\x1b[2Jevil"}'
    path.write_bytes(changed(good, backing_offset=512, backing_size=len(name))[:512] + name)
    assert r'json:{"driver":"nbd","host":"\x1b[2Jevil"}' in fault(qcow2(path))
    assert "not absolute" in fault(raw('json:{"driver":"nbd"}'))


@pytest.mark.parametrize(
    "lure",
    [
        ("-b", "{secret}", "-F", "raw"),
        ("-b", 'json:{{"driver":"raw","file":{{"driver":"file","filename":"{secret}"}}}}', "-F", "raw"),
        ("-o", "data_file={secret},data_file_raw=on"),
    ],
    ids=["a backing file", "a json name", "an external data file"],
)
def test_what_would_have_qemu_read_a_file_of_the_host_is_refused(tmp_path, path, lure):
    secret, stolen = tmp_path / "secret", tmp_path / "stolen"
    secret.write_bytes(b"root:x:0:0".ljust(65536, b"\0"))
    qemu_img("create", "-f", "qcow2", *(each.format(secret=secret) for each in lure), path, "64K")
    secret.write_bytes(b"root:x:0:0".ljust(65536, b"\0"))  # again: a data file was emptied
    qemu_img("convert", "-f", "qcow2", "-O", "raw", path, stolen)
    assert stolen.read_bytes() == secret.read_bytes()  # QEMU falls for it
    assert "another file" in fault(qcow2(path))


def test_a_backing_file_is_refused_wherever_its_name_lies(path, good):
    path.write_bytes(changed(good, backing_offset=2**63, backing_size=2**32 - 1))
    assert "without a name" in fault(qcow2(path))


def test_an_external_data_file_is_refused_by_feature_and_by_name(path, tmp_path, good):
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={tmp_path}/data.raw", path, "1M")
    assert "its data is in another file" in fault(qcow2(path))
    extension = struct.pack(">II", 0x44415441, 11) + b"/etc/passwd".ljust(16, b"\0")
    path.write_bytes(good[:0x70] + extension + good[0x70 + len(extension) :])
    assert "names an external data file" in fault(qcow2(path))
    filler = struct.pack(">II", 0x12345678, 40_001) + bytes(40_008)
    path.write_bytes((good[:0x70] + filler + extension).ljust(len(good), b"\0"))
    assert "names an external data file" in fault(qcow2(path))
    path.write_bytes((good[:0x70] + bytes(8) + extension).ljust(len(good), b"\0"))
    images.inspect(qcow2(path))  # what follows the last extension is none


def test_an_encrypted_image_is_refused_whatever_its_method_says(path, good):
    extension = struct.pack(">IIQQ", 0x0537BE77, 16, 65536, 4096)
    path.write_bytes(good[:0x70] + extension + good[0x70 + len(extension) :])
    assert "encrypted" in fault(qcow2(path))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"version": 1}, "version"),
        ({"version": 4}, "version"),
        ({"cluster_bits": 8}, "clusters"),
        ({"cluster_bits": 2**32 - 1}, "clusters"),
        ({"size": 0}, "size"),
        ({"size": 2**64 - 1}, "size"),
        ({"size": 2**50}, "table has an impossible size"),
        ({"size": 2**29, "incompatible": 1 << 4}, "table has an impossible size"),
        ({"crypt_method": 1}, "encrypted"),
        ({"crypt_method": 2}, "encrypted"),
        ({"l1_size": 0}, "table has an impossible size"),
        ({"l1_size": 2**32 - 1}, "table has an impossible size"),
        ({"l1_offset": 1}, "table lies outside"),
        ({"l1_offset": 2**40}, "table lies outside"),
        ({"refcount_offset": 0}, "counts lie outside"),
        ({"refcount_offset": 2**63}, "counts lie outside"),
        ({"refcount_clusters": 0}, "counts have an odd size"),
        ({"refcount_clusters": 2**32 - 1}, "counts have an odd size"),
        ({"snapshots": 2**32 - 1}, "snapshots"),
        ({"incompatible": 1 << 1}, "corrupt"),
        ({"incompatible": 1 << 2}, "another file"),
        ({"incompatible": 1 << 5}, "features"),
        ({"incompatible": 1 << 63}, "features"),
        ({"refcount_order": 7}, "width"),
        ({"length": 8}, "length"),
        ({"length": 2**32 - 1}, "length"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(path, good, fields, reason):
    path.write_bytes(changed(good, **fields))
    assert reason in fault(qcow2(path))


@pytest.mark.parametrize("size", [4, 71, 103])
def test_a_header_that_is_too_short_is_refused(path, good, size):
    path.write_bytes(good[:size])
    assert "ends within its header" in fault(qcow2(path))


def test_an_extension_that_leaves_the_header_is_refused(path, good):
    path.write_bytes(good[:0x70] + struct.pack(">II", 0x6803F857, 2**32 - 1) + good[0x78:])
    assert "has no end" in fault(qcow2(path))


@FUZZ
@given(
    changes=st.dictionaries(st.sampled_from(sorted(FIELDS)), st.integers(0, 2**32 - 1), max_size=6), tail=st.binary()
)
def test_any_header_is_taken_or_refused(tmp_path_factory, good, changes, tail):
    file = tmp_path_factory.getbasetemp() / "any.qcow2"
    file.write_bytes(changed(good[:0x70] + tail, **changes))
    with suppress(JobFault):  # any other exception would be the fault of the reader
        images.inspect(qcow2(file))


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (b"QFI\xfb", "state `format: qcow2`"),
        (b"KDMV", "VMDK"),
        (b'# Disk DescriptorFile\nversion=1\nRW 8 FLAT "/etc/shadow" 0\n', "names other files"),
        (b"vhdxfile", "VHDX"),
        (bytes(64) + b"\x7f\x10\xda\xbe", "VDI"),
        (b"LUKS\xba\xbe", "LUKS"),
        (b"QED\0", "QED"),
    ],
)
def test_a_raw_disk_that_is_something_else_is_refused(path, start, reason):
    path.write_bytes(start.ljust(1024, b"\0"))
    assert reason in fault(raw(path))
    if not start.startswith(b"QFI"):
        assert "is stated to be qcow2 and is" in fault(qcow2(path))


@pytest.mark.parametrize("format_", ["vmdk", "vhdx", "vdi", "qed", "vpc"])
def test_what_qemu_makes_in_another_format_is_refused(path, format_):
    qemu_img("create", "-f", format_, path, "1M")
    assert "stated to be raw" in fault(raw(path))


def test_a_raw_disk_is_whole_sectors(path):
    path.write_bytes(bytes(1024))
    images.inspect(raw(path))
    path.write_bytes(bytes(1000))
    assert "no multiple of 512" in fault(raw(path))
    path.write_bytes(b"")
    assert "empty" in fault(raw(path))
    path.write_bytes(bytes(1024))
    assert "no qcow2 image" in fault(qcow2(path))


def checksum(file, source):
    assert source.part is None
    return hashlib.sha256(file.read()).hexdigest()


def test_a_checksum_is_compared_and_both_are_told(path):
    path.write_bytes(bytes(1024))
    right, wrong = hashlib.sha256(bytes(1024)).hexdigest(), "0" * 64
    images.verify_image(Image(name="i", disks=(raw(path), raw(path, sha256=right))), checksum=checksum)
    with pytest.raises(JobFault, match=f"{right} and should be {wrong}") as caught:
        images.verify_image(Image(name="i", disks=(raw(path, sha256=wrong),)), checksum=checksum)
    assert caught.value.code is HoldCode.IMAGE_INVALID


@pytest.mark.parametrize("name", ["none", "none/below", "file/below", "nul\0", "half\ud800", "x" * 300, "loop"])
def test_a_file_that_is_not_there_is_missing(tmp_path, name):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "loop").symlink_to("loop")
    assert "no such file" in fault(raw(tmp_path / name), HoldCode.IMAGE_MISSING)


def test_what_is_no_file_is_refused_without_being_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        said = [fault(raw(each)) for each in (tmp_path, tmp_path / "pipe", tmp_path / "socket", "/dev/zero")]
    for found, kind in zip(said, ("a folder", "a named pipe", "a socket", "a character device"), strict=True):
        assert kind in found


def test_a_link_to_an_image_is_followed_and_what_it_leads_to_is_looked_at(tmp_path, path, good):
    (tmp_path / "link.qcow2").symlink_to("other")
    (tmp_path / "other").symlink_to(path)
    assert f"it is a link to {path}, and there is no such file" in fault(
        qcow2(tmp_path / "link.qcow2"), HoldCode.IMAGE_MISSING
    )
    path.write_bytes(good)
    images.inspect(qcow2(tmp_path / "link.qcow2"))
    path.write_bytes(changed(good, backing_offset=512, backing_size=9))
    assert "overlay over another file" in fault(qcow2(tmp_path / "link.qcow2"))


def test_a_partition_is_a_raw_disk_of_its_own(path, monkeypatch):
    path.write_bytes(bytes(2048))
    found = list(path.stat())
    found[0] = stat.S_IFBLK | 0o600
    monkeypatch.setattr(Path, "stat", lambda _path, **_how: os.stat_result(found))  # not all computers have one
    images.inspect(raw(path))
    assert "a block device" in fault(Image(name="i", kernel=File(path=path)))


class TestStretch:
    """A disk that is a part of a file."""

    @pytest.fixture
    def within(self, path):
        def within(data, format_=DiskFormat.QCOW2, *, offset=1536, size=None, **fields):
            path.write_bytes(b"\xff" * offset + data + b"\xff" * 4096)
            part = Slice(offset=offset, size=len(data) if size is None else size)
            return Disk(file=File(path=path, part=part), format=format_, **fields)

        return within

    def test_it_is_looked_at_as_if_it_were_a_file(self, within, good):
        images.inspect(within(good))
        images.inspect(within(bytes(1024), DiskFormat.RAW))
        assert "no qcow2 image" in fault(within(bytes(512)))
        assert "no multiple of 512" in fault(within(bytes(1000), DiskFormat.RAW))
        assert "stated to be raw and is a qcow2 image" in fault(within(good, DiskFormat.RAW))

    def test_nothing_beyond_it_is_seen(self, within, good):
        name = b"json:{}"
        end = len(good)
        said = fault(within(changed(good, backing_offset=end, backing_size=len(name)) + name, size=end))
        assert "without a name" in said
        assert "table lies outside" in fault(within(changed(good, l1_offset=end).ljust(2 * end, b"\0"), size=end))
        assert "ends within its header" in fault(within(good, size=80))

    def test_its_checksum_is_its_own(self, within, good):
        def checksum(file, source):
            return sparse.sha256(file, source.part, check=lambda _done, _size: None)

        right = hashlib.sha256(good).hexdigest()
        images.verify_image(Image(name="i", disks=(within(good, sha256=right),)), checksum=checksum)
        with pytest.raises(JobFault, match=right):
            images.verify_image(Image(name="i", disks=(within(good, sha256="0" * 64),)), checksum=checksum)

    def test_it_lies_within_its_file(self, within, good):
        assert "ends before the stretch" in fault(within(good, size=len(good) + 4097))
        assert "ends before the stretch" in fault(within(good, size=2**62))


class TestOnHost:
    """Files that are already on the host are looked at through it."""

    @pytest.fixture
    def there(self, tmp_path):
        """A host whose files lie in a folder, with what it opened."""
        folder, opened = tmp_path / "host", []

        def there(path):
            opened.append(path)
            return (folder / path.relative_to("/")).open("rb")

        there.opened, there.folder = opened, folder
        folder.mkdir()
        return there

    def image(self, **fields):
        where = {name: File(path=Path(f"/{name}"), on_host=True) for name in ("kernel", "initrd")}
        disk = Disk(file=File(path=Path("/disk"), on_host=True), format=DiskFormat.RAW, **fields)
        return Image(name="i", disks=(disk,), **where)

    def said(self, there, code=HoldCode.IMAGE_INVALID):
        with pytest.raises(JobFault) as caught:
            images.inspect_image(self.image(), on_host=there)
        assert caught.value.code is code
        return str(caught.value)

    def test_each_is_opened_there_and_judged_as_any_other(self, there, good):
        for name, data, reason in (
            ("disk", good, "disk /disk of the host: it is stated to be raw"),
            ("kernel", b"#!/bin/sh", "kernel /kernel of the host: it is no Linux kernel"),
            ("initrd", b"", "/initrd of the host: it is empty"),
        ):
            (there.folder / name).write_bytes(data)
            assert reason in self.said(there)
            (there.folder / name).write_bytes(BZIMAGE[:512] if name == "disk" else BZIMAGE)
            there.opened.clear()
            if name != "initrd":
                assert "check the path on the host" in self.said(there, HoldCode.IMAGE_MISSING)
        images.inspect_image(self.image(), on_host=there)
        assert there.opened[:3] == [Path("/disk"), Path("/kernel"), Path("/initrd")]

    def test_what_is_of_this_computer_is_not_asked_of_the_host(self, there, path):
        path.write_bytes(bytes(512))
        images.inspect_image(Image(name="i", disks=(raw(path),)), on_host=there)
        assert not there.opened

    def test_a_checksum_is_compared_there(self, there):
        (there.folder / "disk").write_bytes(bytes(512))
        right = hashlib.sha256(bytes(512)).hexdigest()
        images.verify_image(self.image(sha256=right), checksum=checksum, on_host=there)
        with pytest.raises(JobFault, match="should be 0000"):
            images.verify_image(self.image(sha256="0" * 64), checksum=checksum, on_host=there)

    def test_whom_the_host_stops_is_told_where(self):
        def forbidden(_path):
            raise PermissionError(errno.EACCES, "user guests is stopped at /srv", "/srv")

        said = self.said(forbidden, HoldCode.IMAGE_UNREADABLE)
        assert "it may not be read: user guests is stopped at /srv" in said
        assert "ask the owner of /srv, who decides" in said


def test_a_kernel_and_its_ram_disk_are_looked_at(tmp_path, path):
    kernel, initrd = tmp_path / "vmlinuz", tmp_path / "initrd"
    path.write_bytes(bytes(512))
    image = Image(name="tiny", kernel=File(path=kernel), initrd=File(path=initrd), disks=(raw(path),))
    assert "kernel" in fault(image, HoldCode.IMAGE_MISSING)
    kernel.write_bytes(b"#!/bin/sh\n")
    assert "no Linux kernel" in fault(image)
    for start in (BZIMAGE, b"\x7fELF" + bytes(60), bytes(56) + b"ARM\x64"):
        kernel.write_bytes(start)
        assert "initial RAM disk" in fault(image, HoldCode.IMAGE_MISSING)
    initrd.write_bytes(b"")
    assert "empty" in fault(image)
    initrd.write_bytes(b"070701")
    images.inspect_image(image)
    path.unlink()
    assert "disk" in fault(image, HoldCode.IMAGE_MISSING)


@pytest.mark.parametrize("layout", DiskFormat)
def test_a_disk_is_as_big_as_a_guest_sees_it(tmp_path, layout):
    qemu_img("create", "-f", layout, tmp_path / "disk", 3 * 2**20)
    with (tmp_path / "disk").open("rb") as file:
        file.seek(1)
        assert images.disk_size(file, layout) == 3 * 2**20
