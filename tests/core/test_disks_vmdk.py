"""A vmdk is looked at by our own reader: it is one sparse file that leads QEMU nowhere else."""

from __future__ import annotations

import io
import os
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qemu import qemu_img
from vmf.disks import images, vmdk
from vmf.disks.reading import Unfit
from vmf.errors import HoldCode, JobFault
from vmf.model import Disk, DiskFormat, File

FUZZ = settings(database=None)
SECTOR = 512
END = 2**64 - 1
FIELDS = {  # offset and width, from VMware's "Virtual Disk Format 5.0"
    "version": (4, 4),
    "flags": (8, 4),
    "size": (12, 8),
    "grain": (20, 8),
    "descriptor": (28, 8),
    "descriptor_size": (36, 8),
    "entries": (44, 4),
    "spare_tables": (48, 8),
    "tables": (56, 8),
    "data": (64, 8),
    "newlines": (73, 4),
    "compression": (77, 2),
}
TEXT = """\
# Disk DescriptorFile
version=1
CID=b7d3a8cb
parentCID=ffffffff
createType="monolithicSparse"

# Extent description
RW 20480 SPARSE "disk.vmdk"

ddb.virtualHWVersion = "4"
ddb.adapterType = "ide"
"""


def disk(file):
    return Disk(file=File(path=Path(file)), format=DiskFormat.VMDK)


def refusal(data):
    """The sentence with which these bytes are refused; with a hint that says what to do."""
    with pytest.raises(Unfit) as caught:
        vmdk.check(io.BytesIO(data))
    assert caught.value.hint
    return str(caught.value)


def changed(data, /, **fields):
    """A file with some fields of its header changed."""
    data = bytearray(data)
    for field, value in fields.items():
        offset, width = FIELDS[field]
        data[offset : offset + width] = value.to_bytes(width, "little")
    return bytes(data)


def described(data, text, *, sectors=20):
    """A file with another descriptor."""
    return data[:SECTOR] + text.encode().ljust(sectors * SECTOR, b"\0") + data[(1 + sectors) * SECTOR :]


def streamed(data, /, **fields):
    """A file as it is written from first to last: the header leads to a footer, which knows where the tables are."""
    footer = b"KDMV" + changed(data, **fields)[4:SECTOR]
    marker = struct.pack("<QII", 1, 0, 3).ljust(SECTOR, b"\0")
    return changed(data, tables=END) + marker + footer + bytes(SECTOR)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("vmdk")


@pytest.fixture(scope="module")
def good(folder):
    """A sparse file of 10 MiB as QEMU makes it."""
    qemu_img("create", "-f", "vmdk", folder / "good.vmdk", "10M")
    return (folder / "good.vmdk").read_bytes()


@pytest.mark.parametrize("form", ["monolithicSparse", "streamOptimized"])
def test_what_qemu_makes_as_one_sparse_file_is_taken(tmp_path, form):
    qemu_img("create", "-f", "vmdk", "-o", f"subformat={form}", tmp_path / "empty.vmdk", "1G")
    images.inspect(disk(tmp_path / "empty.vmdk"))
    (tmp_path / "full.raw").write_bytes(os.urandom(300_000).ljust(2**20, b"\0"))
    qemu_img("convert", "-O", "vmdk", "-o", f"subformat={form}", tmp_path / "full.raw", tmp_path / "full.vmdk")
    images.inspect(disk(tmp_path / "full.vmdk"))


@pytest.mark.parametrize(
    ("form", "pieces"),
    [
        ("monolithicFlat", "*-flat.vmdk"),
        ("twoGbMaxExtentFlat", "*-f001.vmdk"),
        ("twoGbMaxExtentSparse", "*-s001.vmdk"),
    ],
)
def test_what_qemu_makes_of_several_files_is_refused(tmp_path, form, pieces):
    qemu_img("create", "-f", "vmdk", "-o", f"subformat={form}", tmp_path / "disk.vmdk", "1M")
    for file in (tmp_path / "disk.vmdk", *tmp_path.glob(pieces)):
        with pytest.raises(JobFault) as caught:
            images.inspect(disk(file))
        assert caught.value.code is HoldCode.IMAGE_INVALID
        assert "qemu-img convert" in caught.value.hint or "state the format" in caught.value.hint


def test_a_change_of_another_disk_is_refused(tmp_path):
    qemu_img("create", "-f", "vmdk", tmp_path / "base.vmdk", "1M")
    qemu_img("create", "-f", "vmdk", "-b", tmp_path / "base.vmdk", "-F", "vmdk", tmp_path / "change.vmdk")
    with pytest.raises(JobFault, match="names a parent"):
        images.inspect(disk(tmp_path / "change.vmdk"))


def test_a_descriptor_that_would_have_a_file_of_the_host_opened_is_refused(tmp_path, good):
    secret = tmp_path / "secret"
    secret.write_bytes(b"root:x:0:0".ljust(SECTOR, b"\0"))
    text = TEXT.replace("monolithicSparse", "monolithicFlat").replace(
        'RW 20480 SPARSE "disk.vmdk"', f'RW 1 FLAT "{secret}" 0'
    )
    (tmp_path / "lure.vmdk").write_text(text)
    qemu_img("convert", "-f", "vmdk", "-O", "raw", tmp_path / "lure.vmdk", tmp_path / "stolen")
    assert (tmp_path / "stolen").read_bytes() == secret.read_bytes()  # QEMU falls for it
    assert "its data is in other files" in refusal((tmp_path / "lure.vmdk").read_bytes())
    inside = described(changed(good, size=0), text)
    (tmp_path / "inside.vmdk").write_bytes(inside)
    qemu_img("convert", "-f", "vmdk", "-O", "raw", tmp_path / "inside.vmdk", tmp_path / "stolen")
    assert (tmp_path / "stolen").read_bytes() == secret.read_bytes()  # here, too
    assert "no size" in refusal(inside)


def test_a_parent_is_seen_where_qemu_looks_for_it(tmp_path, good):
    (tmp_path / "secret.vmdk").write_bytes(good)
    hint = f'parentFileNameHint="{tmp_path}/secret.vmdk"\n'
    elsewhere = described(good, TEXT + hint) + TEXT.encode().ljust(20 * SECTOR, b"\0")
    lure = changed(elsewhere, descriptor=len(good) // SECTOR)
    (tmp_path / "lure.vmdk").write_bytes(lure)
    told = qemu_img("info", tmp_path / "lure.vmdk")
    assert f"backing file: {tmp_path}/secret.vmdk" in told  # not in the descriptor, and yet
    assert "odd place" in refusal(lure)
    behind = described(good, TEXT, sectors=2)
    behind = behind[: 5 * SECTOR] + hint.encode().ljust(SECTOR, b"\0") + behind[6 * SECTOR :]
    assert "names a parent" in refusal(changed(behind, descriptor_size=2))
    assert "names a parent" in refusal(described(good, TEXT + "# " + hint))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("# Disk DescriptorFile", "# Disk", "its descriptor is none"),
        ("monolithicSparse", "vmfsSparse", "it is of type vmfsSparse"),
        ('createType="monolithicSparse"\n', "", "it is of type none"),
        ("version=1", 'createType="streamOptimized"', "a line that may lead to other files"),
        ("parentCID=ffffffff", "parentCID=0000beef", "a change of another disk"),
        ("parentCID=ffffffff\n", "", "a change of another disk"),
        ("version=1", 'changeTrackPath="disk-ctk.vmdk"', "may lead to other files: changeTrackPath"),
        ("version=1", "something else", "may lead to other files: something else"),
        ("ddb.adapterType", "ddb.sidecars", "may lead to other files: ddb.sidecars"),
        ("ddb.adapterType", "ddb.nativeParentHINT", "may lead to other files"),
        ("RW 20480 SPARSE", "RW 20480 FLAT", "of type FLAT"),
        ("RW 20480 SPARSE", "RW 20480 VMFSRDM", "of type VMFSRDM"),
        ('RW 20480 SPARSE "disk.vmdk"', "RW", "of type none"),
        ('RW 20480 SPARSE "disk.vmdk"\n', "", "0 extents"),
        ("# Extent", 'RW 8 FLAT "/etc/shadow" 0\n# Extent', "2 extents"),
        ('"disk.vmdk"', '"/etc/shadow"', "a file elsewhere"),
        ('"disk.vmdk"', '"..\\\\disk.vmdk"', "a file elsewhere"),
    ],
)
def test_a_descriptor_that_says_anything_else_is_refused(good, old, new, reason):
    vmdk.check(io.BytesIO(described(good, TEXT)))
    vmdk.check(io.BytesIO(described(good, TEXT.replace("\n", "\r\n"))))
    assert old in TEXT
    assert reason in refusal(described(good, TEXT.replace(old, new, 1)))


def test_what_a_descriptor_says_is_shown_safely(good):
    said = refusal(described(good, TEXT.replace("version=1", "\x1b[2Jevil=" + "x" * 5000)))
    assert r"\x1b[2Jevil" in said
    assert len(said) < 400


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"version": 0}, "version"),
        ({"version": 4}, "version"),
        ({"flags": 1 << 3}, "features"),
        ({"size": 0}, "no size"),
        ({"size": END}, "impossible size"),
        ({"grain": 0}, "grains"),
        ({"grain": 3}, "grains"),
        ({"grain": 2**20}, "grains"),
        ({"entries": 0}, "tables have an impossible size"),
        ({"entries": 513}, "tables have an impossible size"),
        ({"size": 2**50}, "number of tables"),
        ({"tables": 0}, "outside the file"),
        ({"tables": 2**60}, "outside the file"),
        ({"tables": 128}, "outside the file"),
        ({"spare_tables": 0}, "outside the file"),
        ({"size": 2**33}, "outside the file"),
        ({"data": 2**40}, "data lies outside"),
        ({"newlines": 0x0A0A200A}, "as text"),
        ({"compression": 2}, "compressed"),
        ({"descriptor": 0}, "a piece of a disk of several files"),
        ({"descriptor": 2}, "odd place"),
        ({"descriptor_size": 0}, "odd place or size"),
        ({"descriptor_size": 129}, "odd place or size"),
        ({"tables": END}, "its end is cut off"),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(good, fields, reason):
    assert reason in refusal(changed(good, **fields))


def test_a_file_that_was_written_as_a_stream_is_judged_by_its_footer(tmp_path, good):
    (tmp_path / "streamed.vmdk").write_bytes(streamed(good))
    images.inspect(disk(tmp_path / "streamed.vmdk"))
    qemu_img("info", tmp_path / "streamed.vmdk")  # it is one for QEMU
    assert "no size" in refusal(streamed(good, size=0))
    assert "outside the file" in refusal(streamed(good, tables=2**40))
    assert "leads to itself" in refusal(streamed(good, tables=END))
    assert "no size" in refusal(changed(streamed(good), size=0))
    cut = [streamed(good)[:-1], streamed(good)[:-SECTOR], streamed(good) + bytes(SECTOR)]
    assert all("cut off" in refusal(each) for each in cut)
    assert "cut off" in refusal(streamed(good + b"1234567"))  # QEMU would look elsewhere
    assert "no VMDK" in refusal(streamed(good)[: -2 * SECTOR] + bytes(2 * SECTOR))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no VMDK"),
        (b"KDMV", "ends within its header"),
        (b"COWD".ljust(SECTOR, b"\0"), "ESX"),
        (b"QFI\xfb".ljust(SECTOR, b"\0"), "no VMDK"),
    ],
)
def test_what_is_none_is_refused(data, reason):
    assert reason in refusal(data)


@FUZZ
@given(
    fields=st.dictionaries(st.sampled_from(sorted(FIELDS)), st.sampled_from([0, 1, 2, 512, 2**16 - 1]), max_size=5),
    text=st.lists(st.sampled_from([*TEXT.splitlines(), "RW", "=", '"', "\0", "a=b", "\r"]) | st.text(), max_size=12),
    tail=st.binary(max_size=2000),
)
@pytest.mark.usefixtures("good")
def test_any_file_is_taken_or_refused(folder, fields, text, tail):
    good = (folder / "good.vmdk").read_bytes()
    data = described(changed(good, **fields), "\n".join(text)[:5000]) + tail
    with suppress(Unfit):  # any other exception would be the fault of the reader
        vmdk.check(io.BytesIO(data))


def test_little_is_read_of_whatever_size(tmp_path, good):
    """A long descriptor of the worst lines, in a file that seems huge."""
    text = TEXT + 'ddb.a="' + " " * 60_000 + '"x\n'
    path = tmp_path / "huge.vmdk"
    path.write_bytes(described(changed(good, descriptor_size=128), text, sectors=128).ljust(2**20, b"\0"))
    os.truncate(path, 2**42)
    with path.open("rb", buffering=0) as file:
        counting = Counting(file)
        vmdk.check(counting)
    assert counting.read_bytes < 100_000


class Counting(io.RawIOBase):
    def __init__(self, file):
        self.file, self.read_bytes = file, 0

    def seek(self, *place):
        return self.file.seek(*place)

    def read(self, size=-1):
        self.read_bytes += size
        return self.file.read(size)
