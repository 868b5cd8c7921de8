from __future__ import annotations

from pathlib import Path

import pytest

from vmf.classad import World
from vmf.disks import images
from vmf.errors import Refused, SpecError
from vmf.match import match
from vmf.model import Connection, Facts, Host, ImageRoot, Offer, Transport
from vmf.spec import load_hosts
from vmf_vmware.settings import TYPE, VmwareHost

HOST = "apiVersion: vmf/v1\nkind: Host\nmetadata: {name: h}\nspec: {type: vmware, vmware: %s}\n"
PIN = ":".join(["5A"] * 32)


@pytest.fixture
def host(tmp_path):
    def host(block):
        (tmp_path / "h.yaml").write_text(HOST % block)
        (host,) = load_hosts([tmp_path / "h.yaml"], settings={"vmware": VmwareHost}, remark=pytest.fail)
        return host.settings["vmware"]

    return host


def test_a_folder_travels_or_is_on_the_host(read, machine):
    block = read("type: vmware", "vmware: {folder: win, snapshot: false}").settings["vmware"]
    here = {"path": str(machine), "on_host": False, "part": None, "served": False}
    assert block == {"folder": here, "snapshot": False, "vmx": {}}
    block = read("type: vmware", "vmware: {folder: {on_host: /vmfs/volumes/a/win}}").settings["vmware"]
    there = here | {"path": "/vmfs/volumes/a/win", "on_host": True}
    assert block == {"folder": there, "snapshot": True, "vmx": {}}


def test_a_folder_that_is_not_there(read):
    with pytest.raises(SpecError, match=r"spec\.vmware\.folder: .*/gone': no such file"):
        read("type: vmware", "vmware: {folder: gone}")


def test_more_lines(read):
    block = read("type: vmware", "vmware: {vmx: {scsi0:0.fileName: 'a b', .encoding: UTF-8}}").settings["vmware"]
    assert block["vmx"] == {"scsi0:0.fileName": "a b", ".encoding": "UTF-8"}


@pytest.mark.parametrize("vmx", ["{'a b': c}", "{'a = b': c}", "{'': c}", r'{a: "b\nc = d"}', r'{"a\n": b}'])
def test_no_line_makes_two(read, vmx):
    with pytest.raises(SpecError, match="is not allowed here"):
        read("type: vmware", f"vmware: {{vmx: {vmx}}}")


def test_a_host_s_block(host, tmp_path):
    block = host(
        "{datacenter: DC0, cluster: C0, resource_pool: lab, folder: jobs, datastore: LocalDS_0,"
        f" networks: {{nat: VM Network}}, pin: '{PIN}', vmx_file: more.vmx}}"
    )
    assert block == {
        "datacenter": "DC0",
        "cluster": "C0",
        "resource_pool": "lab",
        "folder": "jobs",
        "datastore": "LocalDS_0",
        "networks": {"nat": "VM Network", "bridge": None},
        "pin": PIN,
        "vmx_file": str(tmp_path / "more.vmx"),
    }


@pytest.mark.parametrize("key", ["user", "password", "token"])
def test_credentials_have_no_word(host, key):
    with pytest.raises(SpecError, match=f"unknown key '{key}'"):
        host(f"{{{key}: x}}")


@pytest.mark.parametrize("pin", ["5A", PIN + ":5A", PIN.replace("A", "G"), PIN + "\\n"])
def test_a_fingerprint_is_whole(host, pin):
    with pytest.raises(SpecError, match="is not allowed here"):
        host(f'{{pin: "{pin}"}}')


@pytest.mark.parametrize(
    ("root", "is_granted"), [("/vmfs/volumes/store1/own", True), ("/vmfs/volumes/store1/pub", False)]
)
def test_a_host_has_a_say_in_the_machine_s_folder_too(read, root, is_granted):
    job = read("type: vmware", "vmware: {folder: {on_host: /vmfs/volumes/store1/own}}")
    far = Connection(transport=Transport.API, address="a")
    host = Host(name="h", type=TYPE, images=(ImageRoot(path=Path(root)),), connection=far)
    facts = Facts(identity="", memory=2**34, cpus=4, arch="x86_64", accelerator="tcg")
    matched = match(job, [Offer(host=host, facts=facts)], world=World())
    assert bool(matched.fitting) is is_granted
    if is_granted:
        images.check_roots(job.vetted_files, host)
    else:
        assert "/own" in matched.rejected[0].reason
        with pytest.raises(Refused, match="own of the host: it lies at"):
            images.check_roots(job.vetted_files, host)


def test_and_in_one_of_this_computer_if_it_is_the_host(read, machine):
    job = read("type: vmware", "vmware: {folder: win}")
    with pytest.raises(Refused, match=f"{machine}: it lies at"):
        images.check_roots(job.vetted_files, Host(name="h", type=TYPE, images=()))
