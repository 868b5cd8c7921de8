from __future__ import annotations

import subprocess

import pytest

from qemu import qemu_img
from vmf_vmware import descriptor
from vmf_vmware.descriptor import Extent, Unfit

CHILD = b"""\
# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=0a1b2c3d
parentCID=fffffffe
createType="vmfsSparse"
parentFileNameHint="disk.vmdk"
# Extent description
RW 2048 VMFSSPARSE "disk-000001-delta.vmdk"

# The Disk Data Base
ddb.longContentID = "00"
"""


def test_qemu_finds_the_data_of_a_flat_disk(tmp_path):
    content = b"contract\n".ljust(3 * 2**20, b"\0")
    (tmp_path / "disk-flat.vmdk").write_bytes(content)
    (tmp_path / "disk.vmdk").write_bytes(descriptor.flat("disk", len(content)))
    qemu_img("convert", "-f", "vmdk", "-O", "raw", tmp_path / "disk.vmdk", tmp_path / "raw")
    assert (tmp_path / "raw").read_bytes() == content


def test_a_flat_disk_is_read_as_it_was_written():
    found = descriptor.read(descriptor.flat("results", 2**20))
    assert (found.type, found.size, found.flat, found.parent) == ("vmfs", 2**20, "results-flat.vmdk", "")
    assert found.database["adaptertype"] == "lsilogic"


def test_a_change_of_a_disk_names_that():
    found = descriptor.read(CHILD)
    assert found.extents == (Extent(sectors=2048, kind="VMFSSPARSE", file="disk-000001-delta.vmdk"),)
    assert (found.parent, found.flat) == ("disk.vmdk", None)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"disk-000001-delta.vmdk"', b'"/etc/shadow"'),
        (b'"disk-000001-delta.vmdk"', b'"../other/disk-flat.vmdk"'),
        (b'"disk-000001-delta.vmdk"', b'"/vmfs/devices/disks/naa.1"'),
        (b'"disk-000001-delta.vmdk"', b'".."'),
        (b'"disk-000001-delta.vmdk"', b'"[store2] a.vmdk"'),
        (b'"disk-000001-delta.vmdk"', b""),
        (b'parentFileNameHint="disk.vmdk"\n', b""),
        (b"RW 2048 VMFSSPARSE", b"RX 2048 VMFSSPARSE"),
        (b"# Disk DescriptorFile", b"KDMV"),
    ],
)
def test_what_leads_elsewhere_or_nowhere_is_not_read(old, new):
    assert old in CHILD
    with pytest.raises(Unfit):
        descriptor.read(CHILD.replace(old, new))


@pytest.mark.parametrize("size", [512, 2**20, 20 * 2**30, 2**45])
def test_disks_of_any_size_have_a_geometry(size, tmp_path):
    with (tmp_path / "d-flat.vmdk").open("wb") as file:
        file.truncate(min(size, 2**40))
    (tmp_path / "d.vmdk").write_bytes(descriptor.flat("d", min(size, 2**40)))
    subprocess.run(("qemu-img", "info", "-f", "vmdk", tmp_path / "d.vmdk"), check=True, capture_output=True)
    cylinders = int(descriptor.read(descriptor.flat("d", size)).database["geometry.cylinders"])
    assert 1 <= cylinders <= 65535
