from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, HostFault, JobFault
from vmf.model import Access, DiskFormat, Forward, Machine, MachineCdrom, MachineDisk, MachineNic, NetworkType
from vmf_kvm.abilities import ABILITIES
from vmf_kvm.disks import in_place
from vmf_kvm.domain import xml
from vmf_kvm.faults import FAILINGS, described, failings, ports, sentences
from vmf_kvm.place import Place
from vmf_libvirt.errors import Code, LibvirtFault, blaming_job, unopened

MACHINE = Machine(
    name="m1",
    memory=2**20,
    cpus=1,
    accelerator="tcg",
    kernel="/boot/vmlinuz",
    initrd="/boot/initrd",
    disks=(MachineDisk(file="/images/big.raw", format=DiskFormat.RAW),),
    cdroms=(MachineCdrom(file="/images/seed.iso"),),
    results=MachineDisk(file="results", format=DiskFormat.RAW, access=Access.IN_PLACE),
)


def raised(line):
    """What comes of a start that fails so."""
    with pytest.raises((JobFault, HostFault)) as caught, blaming_job(sentences(in_place(MACHINE))):
        raise LibvirtFault(f"internal error: process exited while connecting to monitor\n{line}\nqemu: the end")
    return caught.value


@pytest.mark.parametrize("file", in_place(MACHINE))
@pytest.mark.parametrize(
    ("words", "code"),
    [("Permission denied", HoldCode.IMAGE_UNREADABLE), ("No such file or directory", HoldCode.IMAGE_MISSING)],
)
def test_a_file_of_the_jobs_that_cannot_be_opened_holds_it(file, words, code):
    found = raised(f"qemu: could not open kernel file '{file}': {words}")
    assert isinstance(found, JobFault)
    assert (found.code, bool(found.hint)) == (code, True)


def test_a_disk_that_another_machine_uses_is_named():
    found = raised('Failed to get "write" lock\nIs another process using the image [/images/big.raw]?')
    assert (found.brief, found.code) == ("/images/big.raw is used by another machine", HoldCode.DISK_IN_USE)


def test_a_lock_on_a_file_of_the_hosts_is_its_own():
    found = raised("Is another process using the image [/host/machines/m1/disk0]?")
    assert isinstance(found, LibvirtFault)


@pytest.mark.parametrize("words", ["Permission denied", "No such file or directory"])
@pytest.mark.parametrize(
    "file",
    [
        "/host/cache/libvirt/qemu/log/m1.log",
        "/usr/bin/qemu-system-x86_64",
        "/host/machines/m1/disk0",
        "/host/machines/m1/results",
        "/images/big.raw.lock",
    ],
)
def test_a_file_of_the_hosts_that_cannot_be_opened_sends_the_job_elsewhere(file, words):
    assert isinstance(raised(f"unable to open '{file}': {words}"), LibvirtFault)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOENT, HoldCode.IMAGE_MISSING),
        (errno.EACCES, HoldCode.IMAGE_UNREADABLE),
        (errno.EISDIR, HoldCode.IMAGE_INVALID),
        (errno.EIO, None),
        (errno.ESTALE, None),
        (errno.EMFILE, None),
    ],
)
def test_why_a_file_of_the_jobs_cannot_be_opened_decides_whose_fault_it_is(number, code):
    found = unopened(Path("/images/big.raw"), OSError(number, os.strerror(number)))
    assert "/images/big.raw: " in found.brief
    assert isinstance(found, HostFault if code is None else JobFault)
    assert getattr(found, "code", None) == code
    assert found.hint


QEMU = "qemu-system-x86_64: "
UNFIT = "operation failed: Unable to find 'efi' firmware that is compatible with the current configuration"
UNSHARED = "cannot initialize fsdev 'fsdev-fs0': failed to open '/srv/x': No such file or directory"
FOUND = {
    "operation failed: Unable to find any firmware to satisfy 'efi'": "firmware-uefi",
    UNFIT: "firmware-uefi",
    f"{QEMU}-netdev user: Could not set up host forwarding rule 'tcp:127.0.0.1:0-:22'": "port-forwards",
    f"{QEMU}-netdev user,id=n: network backend 'user' is not compiled into this binary": "network-user",
    f"{QEMU}-fsdev local: {UNSHARED}": "shares",
    f"{QEMU}-device virtio-9p-pci: 'virtio-9p-pci' is not a valid device model name": "shares",
    f"{QEMU}-blockdev driver=vmdk: Unknown driver 'vmdk'": "disk-vmdk",
    f"{QEMU}-device rtl8139,netdev=n: 'rtl8139' is not a valid device model name": "nic-rtl8139",
}
"""What libvirt 7 to 10 and QEMU 6 to 9 say, and what of the host has failed."""
ON_BRIDGES = (
    "Requested operation is not valid: network 'vmf' is not active",
    "Network not found: no network with matching name 'vmf'",
    "Network filter not found: no nwfilter with matching name 'vmf-apart'",
    "internal error: Failed to apply firewall rules /usr/sbin/ebtables --concurrent -t nat -L: Permission denied",
    "Cannot get interface MTU on 'br0': No such device",
    "Unable to add bridge br0 port vnet0: No such device",
    "Unable to open /dev/net/tun, is tun module loaded?: No such file or directory",
)


def failed(message, nic=None, code=0):
    """What comes of a start that fails so."""
    with pytest.raises((JobFault, HostFault)) as caught, blaming_job(sentences(in_place(MACHINE)), failings(nic)):
        raise LibvirtFault(message, code=code)
    return caught.value


def carded(type_):
    return MachineNic(type=type_, mac="02:00:00:00:00:02")


@pytest.mark.parametrize(("message", "ability"), FOUND.items())
def test_what_a_host_cannot_do_for_anybody_is_told_from_a_bad_job(message, ability):
    found = failed(f"internal error: process exited\n{message}\nqemu: the end", code=Code.CONFIG_UNSUPPORTED)
    assert isinstance(found, HostFault)
    assert (found.ability, found.brief) == (ability, message)


@pytest.mark.parametrize("message", ON_BRIDGES)
def test_a_network_that_a_machine_cannot_be_connected_to_is_the_hosts(message):
    for type_ in (NetworkType.NAT, NetworkType.BRIDGE):
        assert failed(message, carded(type_)).ability == f"network-{type_}"
    assert failed(message, carded(NetworkType.USER)).ability == ""
    assert failed(message).ability == ""


def test_a_fault_of_a_file_is_not_taken_for_one_of_the_network():
    found = failed("could not open '/images/big.raw': Permission denied", carded(NetworkType.NAT))
    assert found.code is HoldCode.IMAGE_UNREADABLE


def test_what_fails_is_something_that_the_plugin_can():
    kinds = [each.ability for type_ in (NetworkType.NAT, NetworkType.BRIDGE) for each in failings(carded(type_))]
    assert set(kinds) <= ABILITIES.keys()
    assert {each.ability for each in FAILINGS} <= set(kinds)


def test_files_are_looked_for_where_the_job_has_them():
    assert in_place(MACHINE) == ("/boot/vmlinuz", "/boot/initrd", "/images/big.raw", "/images/seed.iso")


@pytest.mark.parametrize(("port", "held"), [(18080, True), (1808, False), (0, False)])
def test_a_port_that_is_taken_blames_the_job_that_names_it(port, held):
    forwards = (Forward(port=22), Forward(port=80, host_port=18080))
    nic = MachineNic(type=NetworkType.USER, mac="02:00:00:00:00:02", forwards=forwards)
    with pytest.raises(JobFault if held else HostFault) as caught, blaming_job(tuple(ports(nic.forwards))):
        raise LibvirtFault(f"qemu: -netdev user: Could not set up host forwarding rule 'tcp:127.0.0.1:{port}-:80'")
    if held:
        found = caught.value.brief, caught.value.code
        assert found == ("tcp port 18080 of this computer is taken", HoldCode.PORT_IN_USE)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Could not set up host forwarding rule 'tcp:127.0.0.1:18080-:80'", HoldCode.PORT_IN_USE),
        ("Could not open '/images/big.raw': No such file or directory", HoldCode.IMAGE_MISSING),
        ("could not open kernel file '/boot/vmlinuz': Permission denied", HoldCode.IMAGE_UNREADABLE),
        ("Could not open '/host/m1/disk0': No such file or directory", None),
        ("Could not set up host forwarding rule 'tcp:127.0.0.1:0-:22'", None),
    ],
)
def test_what_blames_the_job_is_read_off_a_machine_that_there_is(line, code):
    nic = MachineNic(
        type=NetworkType.USER,
        mac="02:00:00:00:00:02",
        forwards=(Forward(port=22), Forward(port=80, host_port=18080)),
    )
    place = Place(folder=Path("/host/m1"), sockets=Path("/run"))
    sentences = described(xml(replace(MACHINE, nic=nic), place), place.folder)
    with pytest.raises(JobFault if code else HostFault) as caught, blaming_job(sentences):
        raise LibvirtFault(line)
    assert getattr(caught.value, "code", None) == (code or 0)
