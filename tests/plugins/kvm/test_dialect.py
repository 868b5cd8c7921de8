from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

import vmf_libvirt.place
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.model import Access, DiskFormat, Ending, Machine, MachineDisk, Platform, Power, Restored
from vmf_kvm.dialect import check, describe, dialect, platform, vendor
from vmf_libvirt.described import disks
from vmf_libvirt.errors import LibvirtFault, blaming_job
from vmf_libvirt.notes import Note
from vmf_libvirt.site import on_top

CAPABILITIES = """\
<capabilities><host><cpu><vendor>{}</vendor></cpu></host><guest><arch name='x86_64'>
  <machine canonical='pc-q35-7.2'>q35</machine><machine canonical='pc-i440fx-7.2'>pc</machine>
  <machine>pc-q35-7.1</machine>
</arch></guest></capabilities>
"""
DISK = MachineDisk(file="image0", format=DiskFormat.RAW)
MACHINE = Machine(name="m", memory=2**28, cpus=1, accelerator="kvm", disks=(DISK,), portable=True)
KEPT = Platform(
    type="kvm", accelerator="kvm", version="7.2.22", machine="pc-q35-7.2", cpu="Nehalem", vendor="AuthenticAMD"
)
PLACE = vmf_libvirt.place.Place(folder=Path("/srv/vmf/0a/m"), prefix="0a-")


@pytest.fixture
def client():
    """A host with processors of AMD's."""
    return SimpleNamespace(versions=lambda: {"qemu": 7002022}, capabilities=lambda: CAPABILITIES.format("AMD"))


def test_a_machine_elsewhere_is_described_without_sockets_and_below_its_hosts_folder():
    domain = ET.fromstring(describe(MACHINE, PLACE))  # noqa: S314  # our own
    assert domain.findtext("name") == "0a-m"
    assert [each.get("type") for each in domain.iterfind("devices/serial")] == ["pty"]
    assert [each.get("file") for each in domain.iterfind("devices/disk//source")] == [
        "/srv/vmf/0a/m/disk0",
        "/srv/vmf/0a/m/image0",
    ]
    assert domain.find("seclabel") is None


def test_what_a_snapshot_has_put_on_a_machine_lies_on_what_was_there():
    results = MachineDisk(file="results", format=DiskFormat.RAW, access=Access.IN_PLACE)
    note = Note(platform=KEPT, chains={"disk0": ("disk0", "disk0-1"), "results": ("results", "results-1")})
    description = describe(on_top(replace(MACHINE, results=results), note), PLACE)
    layers = [[Path(layer.file).name for layer in disk.layers] for disk in disks(description)]
    assert layers == [["disk0-1", "disk0", "image0"], ["results-1", "results"]]


@pytest.mark.parametrize("changes", [{"vnc": True}, {"agent": True}])
def test_a_machine_elsewhere_has_nothing_that_a_socket_leads_to(changes):
    with pytest.raises(JobFault, match="leads to no other computer") as caught:
        describe(replace(MACHINE, **changes), PLACE)
    assert caught.value.code is HoldCode.MACHINE_INVALID


def test_what_a_portable_machine_runs_on_is_told_in_the_hosts_exact_words(client):
    assert platform(client, MACHINE) == KEPT
    assert platform(client, replace(MACHINE, portable=False)) is None


def test_a_machine_that_goes_on_stays_what_it_was(client):
    older = replace(KEPT, machine="pc-q35-7.1", cpu="Westmere")
    restored = replace(MACHINE, restored=Restored(platform=older, memory="memory"))
    assert platform(client, restored) == older


def test_memory_goes_on_upon_the_like_only(client):
    check(client, MACHINE, KEPT)
    with pytest.raises(HostFault, match="made on processors by GenuineIntel, these are AuthenticAMD"):
        check(client, MACHINE, replace(KEPT, vendor="GenuineIntel"))
    with pytest.raises(HostFault, match="made by kvm"):
        check(client, replace(MACHINE, accelerator="tcg"), KEPT)


@pytest.mark.parametrize(
    ("name", "word"), [("Intel", "GenuineIntel"), ("Hygon", "HygonGenuine"), ("Zhaoxin", "Zhaoxin")]
)
def test_who_makes_processors_is_called_as_these_say(client, name, word):
    client.capabilities = lambda: CAPABILITIES.format(name)
    assert vendor(client) == word


def test_a_file_of_the_hosts_that_cannot_be_opened_blames_its_job():
    machine = replace(MACHINE, disks=(replace(DISK, file="/srv/a.raw"),))
    with pytest.raises(JobFault) as caught, blaming_job(dialect().sentences(machine)):
        raise LibvirtFault("Could not open '/srv/a.raw': Permission denied")
    assert caught.value.code is HoldCode.IMAGE_UNREADABLE


def test_memory_that_does_not_fit_is_the_jobs_where_it_has_brought_some():
    fault = LibvirtFault("qemu-system-x86_64: error while loading state for instance 0x0")
    restored = replace(MACHINE, restored=Restored(platform=KEPT, memory="memory"))
    with pytest.raises(JobFault), blaming_job(dialect().sentences(restored)):
        raise fault
    with pytest.raises(LibvirtFault), blaming_job(dialect().sentences(MACHINE)):
        raise fault


def test_a_guest_that_reboots_is_heard():
    heard = dialect().heard("SHUTDOWN", '{"guest": true, "reason": "guest-reset"}')
    assert (heard.power, heard.ending) == (Power.OFF, Ending.REBOOTED)
    assert dialect().heard("SHUTDOWN", '{"guest": true, "reason": "guest-shutdown"}') is None
