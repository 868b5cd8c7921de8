"""An appliance from a stranger: its disks are found where they lie, or it is refused by name."""

from __future__ import annotations

import gzip
import io
import tarfile
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qemu import qemu_img
from vmf.disks import images, ova
from vmf.errors import HoldCode, JobFault
from vmf.model import Bus, DiskFormat, Image

FUZZ = settings(database=None)
OVF = """\
<?xml version="1.0" encoding="UTF-8"?>
<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
  xmlns:rasd="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData">
  <References>
    <File ovf:href="box-disk1.vmdk" ovf:id="file1" ovf:size="1"/>
    <File ovf:href="box%20disk2.vmdk" ovf:id="file2"/>
  </References>
  <DiskSection><Info>Disks</Info>
    <Disk ovf:diskId="first" ovf:fileRef="file1" ovf:capacity="10" ovf:format="{FORMAT}"/>
    <Disk ovf:diskId="second" ovf:fileRef="file2" ovf:capacity="10" ovf:format="{FORMAT}"/>
  </DiskSection>
  <VirtualSystem ovf:id="box"><Info>A machine</Info>
    <VirtualHardwareSection><Info>Its hardware</Info>
      <System><InstanceID>0</InstanceID></System>
      <Item><rasd:InstanceID>1</rasd:InstanceID><rasd:ResourceType>3</rasd:ResourceType></Item>
      <Item><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceType>5</rasd:ResourceType></Item>
      <Item><rasd:InstanceID>4</rasd:InstanceID><rasd:ResourceSubType>AHCI</rasd:ResourceSubType>
        <rasd:ResourceType>20</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>0</rasd:AddressOnParent><rasd:HostResource>ovf:/disk/second</rasd:HostResource>
        <rasd:InstanceID>8</rasd:InstanceID><rasd:Parent>4</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
      <Item><rasd:AddressOnParent>1</rasd:AddressOnParent><rasd:HostResource>/disk/first</rasd:HostResource>
        <rasd:InstanceID>9</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
    </VirtualHardwareSection>
  </VirtualSystem>
</Envelope>
""".replace("{FORMAT}", "http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized")


@pytest.fixture(scope="module")
def vmdk(tmp_path_factory):
    path = tmp_path_factory.mktemp("vmdk") / "disk.vmdk"
    qemu_img("create", "-f", "vmdk", "-o", "subformat=streamOptimized", path, "10M")
    return path.read_bytes()


@pytest.fixture
def pack(tmp_path, vmdk):
    """Makes an appliance of a description and more files."""

    def pack(text=OVF, *, name="box.ovf", files=None, form=tarfile.USTAR_FORMAT):
        disks = {"box-disk1.vmdk": vmdk, "box disk2.vmdk": vmdk} if files is None else files
        with tarfile.open(tmp_path / "box.ova", "w", format=form) as archive:
            for each, data in {name: text, **disks}.items():
                content = data if isinstance(data, bytes) else data.encode()
                member = tarfile.TarInfo(each)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return tmp_path / "box.ova"

    return pack


def refusal(path):
    with pytest.raises(JobFault) as caught:
        ova.disks(path)
    assert caught.value.code is HoldCode.IMAGE_INVALID
    assert caught.value.hint
    return str(caught.value)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_disks_come_in_the_order_of_the_hardware_with_their_buses_and_lie_where_they_are(pack, vmdk, form):
    path = pack(form=form)
    disks = ova.disks(path)
    assert [(disk.bus, disk.format) for disk in disks] == [(Bus.IDE, DiskFormat.VMDK), (Bus.SATA, DiskFormat.VMDK)]
    with tarfile.open(path) as archive:
        places = [archive.getmember(name).offset_data for name in ("box-disk1.vmdk", "box disk2.vmdk")]
    assert [disk.file.part.offset for disk in disks] == places
    for disk in disks:
        data = path.read_bytes()[disk.file.part.offset :][: disk.file.part.size]
        assert data == vmdk
    images.inspect_image(Image(name="box", disks=disks))


@pytest.mark.parametrize("prefix", ["ovf:/file/", "/file/"])
def test_a_disk_may_be_named_by_its_file_whose_suffix_tells_its_format(pack, prefix):
    path = pack(OVF.replace("/disk/first<", f"{prefix}file1<"))
    assert ova.disks(path) == ova.disks(pack())


def test_an_appliance_that_is_compressed_is_called_so(pack):
    path = pack()
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert "it is compressed with gzip" in refusal(path)


def test_qemu_reads_a_disk_where_it_lies(pack):
    disk, _ = ova.disks(path := pack())
    where = {"driver": "file", "filename": str(path)}
    part = {"driver": "raw", "offset": disk.file.part.offset, "size": disk.file.part.size, "file": where}
    name = "json:" + str({"driver": "vmdk", "file": part}).replace("'", '"')
    assert "virtual size: 10 MiB" in qemu_img("info", name)


def test_places_on_a_controller_decide_the_order(pack):
    together = OVF.replace("<rasd:Parent>4<", "<rasd:Parent>3<")
    first, second = ova.disks(pack(together))
    assert first.bus is second.bus is Bus.IDE
    assert first.file.part.offset > second.file.part.offset
    swapped = together.replace("AddressOnParent>0<", "AddressOnParent>2<")
    assert [disk.file.part for disk in ova.disks(pack(swapped))] == [second.file.part, first.file.part]


def test_a_scsi_controller_is_one_and_without_a_controller_the_host_chooses(pack):
    assert ova.disks(pack(OVF.replace("ResourceType>5<", "ResourceType>6<")))[0].bus is Bus.SCSI
    free = OVF.replace("<rasd:Parent>3</rasd:Parent>", "").replace("<rasd:Parent>4</rasd:Parent>", "")
    assert [disk.bus for disk in ova.disks(pack(free))] == [None, None]


def test_version_2_and_qcow2_are_understood(pack, tmp_path):
    qemu_img("create", "-f", "qcow2", tmp_path / "d", "1M")
    image = (tmp_path / "d").read_bytes()
    text = OVF.replace("envelope/1", "envelope/2").replace("vmdk.html#streamOptimized", "qcow2")
    items = text.replace("Item>", "StorageItem>")
    disks = ova.disks(pack(items, files={"box-disk1.vmdk": image, "box disk2.vmdk": image}))
    assert [disk.format for disk in disks] == [DiskFormat.QCOW2] * 2
    images.inspect_image(Image(name="box", disks=disks))


def test_a_disk_within_may_not_be_an_overlay_either(pack, tmp_path, vmdk):
    qemu_img("create", "-f", "vmdk", tmp_path / "base.vmdk", "1M")
    qemu_img("create", "-f", "vmdk", "-b", tmp_path / "base.vmdk", "-F", "vmdk", tmp_path / "d.vmdk")
    files = {"box-disk1.vmdk": (tmp_path / "d.vmdk").read_bytes(), "box disk2.vmdk": vmdk}
    with pytest.raises(JobFault, match="names a parent"):
        images.inspect_image(Image(name="box", disks=ova.disks(pack(files=files))))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('href="box-disk1.vmdk"', 'href="http://example.net/box.vmdk"', "http://example.net/box.vmdk is not in the"),
        ('href="box-disk1.vmdk"', 'href="/etc/shadow"', "/etc/shadow is not in the archive"),
        ('ovf:href="box-disk1.vmdk"', "", "file1 is not in the archive"),
        ('ovf:id="file1"', 'ovf:id="file1" ovf:compression="gzip"', "box-disk1.vmdk is compressed or cut"),
        ('ovf:id="file1"', 'ovf:id="file1" ovf:chunkSize="1000"', "box-disk1.vmdk is compressed or cut"),
        ('ovf:id="file1"', 'ovf:id="other"', "file1 is not in the archive"),
        ('ovf:fileRef="file1"', "", "first is empty"),
        ('ovf:fileRef="file1"', 'ovf:fileRef="file1" ovf:parentRef="second"', "a change of another"),
        ("vmdk.html#streamOptimized", "vhdx", "a format that vmf does not know"),
        ("/disk/first<", "/file/file3<", "a file without a format: /file/file3"),
        ("vmdk.html", "qcow2.html", "box-disk1.vmdk: it is stated to be qcow2 and is a VMDK image"),
        ("/disk/first<", "/disk/third<", "nowhere described: /disk/third"),
        ("<rasd:ResourceType>17<", "<rasd:ResourceType>15<", "has 0 disks"),
        ("AHCI", "vmware.nvme.controller", "something else than IDE, SCSI or SATA"),
        ("ResourceType>5<", "ResourceType>99<", "something else than IDE, SCSI or SATA"),
        ("<rasd:Parent>3<", "<rasd:Parent>77<", "something else than IDE, SCSI or SATA"),
        ("VirtualSystem", "VirtualSystemCollection", "exactly one machine"),
        ("<VirtualSystem ", "<VirtualSystem/><VirtualSystem ", "exactly one machine"),
        ("<Envelope", '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Envelope', "DOCTYPE"),
        ("<References>", "<References", "no XML"),
        ("<References>", "<References>&a;", "no XML"),
        ("<Info>Disks</Info>", "<a>" * 100 + "</a>" * 100, "levels deep"),
        ("</Envelope>\n", "", "no XML"),
        (OVF, "", "0 bytes"),
        (OVF, " ", "no XML"),
        (OVF, "<a/>", "exactly one machine"),
        ("</Envelope>", "</Envelope>" + " " * 2**20, "bytes, not 1 to 1048576"),
        (OVF, "\xff\xfe<".encode("latin-1"), "no UTF-8"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(pack, old, new, reason):
    assert old in OVF
    text = new if isinstance(new, bytes) else OVF.replace(old, new)
    assert reason in refusal(pack(text))


def test_a_description_in_another_encoding_than_it_says_hides_nothing(pack):
    text = OVF.replace('encoding="UTF-8"', 'encoding="UTF-16"')
    assert len(ova.disks(pack(text))) == 2
    assert "no UTF-8" in refusal(pack(text.encode("utf-16")))


def test_too_many_disks_are_refused(pack):
    start, end = OVF.index("      <Item><rasd:AddressOnParent>1"), OVF.index("    </VirtualHardwareSection>")
    assert "66 disks" in refusal(pack(OVF.replace(OVF[start:end], OVF[start:end] * 65)))


def test_what_is_no_appliance_or_a_damaged_one_is_refused(pack):
    assert "begins with box.mf" in refusal(pack(name="box.mf"))
    path = pack()
    whole = path.read_bytes()
    for data, reason in (
        (b"", "0 bytes"),
        (b"x" * 5000, "no tar archive"),
        (whole[: len(whole) // 2], "the file ends in the middle"),
        (whole[:700], "the file ends in the middle"),
    ):
        path.write_bytes(data)
        assert reason in refusal(path)


def test_too_many_files_and_empty_ones_are_refused(pack, vmdk):
    assert "more than 1000 files" in refusal(pack(files={str(number): b"" for number in range(1000)}))
    assert "box-disk1.vmdk is empty" in refusal(pack(files={"box-disk1.vmdk": b"", "box disk2.vmdk": vmdk}))


def test_files_of_one_name_and_links_are_refused(tmp_path):
    path = tmp_path / "box.ova"
    with tarfile.open(path, "w") as archive:
        for name in ("box.ovf", "a", "a"):
            archive.addfile(tarfile.TarInfo(name))
    assert "holds a twice" in refusal(path)
    description = tarfile.TarInfo("box.ovf")
    description.size = len(OVF)
    for type_, size, kind in (
        (tarfile.SYMTYPE, 0, "a symbolic link"),
        (tarfile.LNKTYPE, 0, "a hard link"),
        (tarfile.GNUTYPE_SPARSE, 512, "a sparse file"),
    ):
        member = tarfile.TarInfo("box-disk1.vmdk")
        member.type, member.size, member.linkname = type_, size, "/etc/shadow"
        with tarfile.open(path, "w") as archive:
            archive.addfile(description, io.BytesIO(OVF.encode()))
            archive.addfile(member, io.BytesIO(bytes(size)))
        assert f"box-disk1.vmdk is {kind}" in refusal(path)


def test_headers_that_announce_headers_for_ever_are_refused(pack):
    header = tarfile.TarInfo("x")
    header.type = tarfile.XGLTYPE
    block = header.tobuf(tarfile.USTAR_FORMAT)
    path = pack()
    path.write_bytes(block * 100 + path.read_bytes())
    assert "more than 64 extended headers" in refusal(path)


def test_a_huge_disk_is_passed_over(pack):
    member = tarfile.TarInfo("box-disk1.vmdk")
    member.size = 2**40
    path = pack(files={})
    end = path.read_bytes().rindex(b"</Envelope>") // 512 * 512 + 512
    with path.open("r+b") as file:
        file.truncate(end)
        file.seek(end)
        file.write(member.tobuf(tarfile.GNU_FORMAT))
        file.truncate(end + 512 + member.size)
    assert "its file box-disk1.vmdk: it is no VMDK image" in refusal(path)


def test_a_missing_appliance_is_missing(tmp_path):
    with pytest.raises(JobFault, match=r"appliance .*: there is no such file") as caught:
        ova.disks(tmp_path / "no.ova")
    assert caught.value.code is HoldCode.IMAGE_MISSING


PARTS = sorted({f"<{each}" for each in OVF.replace("\n", "").split("<")[1:]})


@FUZZ
@given(
    parts=st.lists(st.sampled_from(PARTS) | st.text(max_size=20), max_size=30),
    begin=st.integers(0, len(OVF)),
    size=st.integers(0, 400),
)
def test_any_description_is_taken_or_refused(tmp_path_factory, parts, begin, size):
    text = (OVF[:begin] + "".join(parts) + OVF[begin + size :]).encode(errors="replace")
    path = tmp_path_factory.getbasetemp() / "any.ova"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("any.ovf")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    with suppress(JobFault):  # any other exception would be the fault of the reader
        ova.disks(path)


@FUZZ
@given(data=st.binary(max_size=3000), at=st.integers(0, 1500))
def test_any_archive_is_taken_or_refused(tmp_path_factory, data, at):
    path = tmp_path_factory.getbasetemp() / "damaged.ova"
    header = tarfile.TarInfo("any.ovf")
    header.size = 100
    whole = header.tobuf() + bytes(512) + tarfile.TarInfo("b").tobuf()
    path.write_bytes(whole[:at] + data + whole[at + len(data) :])
    with suppress(JobFault):  # as above
        ova.disks(path)
