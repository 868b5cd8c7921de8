from __future__ import annotations

import io
import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, HostFault, JobFault
from vmf.model import (
    MEBIBYTE,
    Connection,
    Facts,
    File,
    Handle,
    Host,
    Image,
    Job,
    Machine,
    Networks,
    Placement,
    Transport,
)
from vmf_kvm import plugin
from vmf_kvm.abilities import ABILITIES
from vmf_kvm.elsewhere import MISSING, probe
from vmf_libvirt.errors import Code, LibvirtFault

HOST = Host(
    name="far",
    type="kvm",
    connection=Connection(transport=Transport.TLS, address="far.example.org"),
    networks=Networks(bridge="br0"),
)
OFFERED = "<capabilities><host><cpu><vendor>AMD</vendor></cpu></host><domain type='kvm'/></capabilities>"
PAGE = Path(__file__).parents[3] / "docs/hosts.md"
HANDLE = Handle(host="far", machine="m")


class Link:
    """A daemon that lacks some drivers."""

    def __init__(self, lacking):
        self.listAllNetworks = partial(self._list, "networks" in lacking)
        self.listAllNWFilters = partial(self._list, "filters" in lacking)
        self.listAllStoragePools = partial(self._list, "storage" in lacking)

    def getInfo(self):  # noqa: N802  # libvirt's word
        return ["x86_64", 4096, 8, 2000, 1, 1, 4, 2]

    def _list(self, lacks):
        if lacks:
            raise LibvirtFault("this function is not supported by the connection driver", code=Code.NO_SUPPORT)
        return []


@pytest.fixture
def proof(tmp_path):
    kernel = tmp_path / "vmlinuz"
    kernel.touch()
    return Image(name="tiny", kernel=File(path=kernel))


def remote(*lacking, capabilities=OFFERED, libvirt=9000000):
    client = SimpleNamespace(
        versions=lambda: {"qemu": 7002022, "libvirt": libvirt},
        capabilities=lambda: capabilities,
        call=lambda ask: ask(Link(lacking)),
    )
    return SimpleNamespace(client=client)


def works(_image):
    return ""


def never(_image):
    raise AssertionError("nothing is to be booted here")


def test_a_host_elsewhere_is_what_its_libvirt_says(proof):
    facts = probe(remote(), None, proof, host=HOST, prove=works)
    assert (facts.memory, facts.cpus, facts.arch, facts.vendor) == (4096 * MEBIBYTE, 8, "x86_64", "AuthenticAMD")
    assert (facts.accelerator, facts.note, facts.version) == ("kvm", "", "7.2.22")
    assert facts.missing == MISSING


def test_kvm_is_used_elsewhere_only_where_a_guest_has_proved_it(proof):
    plain = probe(remote(capabilities="<capabilities/>"), None, proof, host=HOST, prove=never)
    assert (plain.accelerator, plain.note) == ("tcg", "libvirt finds no kvm in this QEMU")
    unproved = probe(remote(), None, None, host=HOST, prove=never)
    assert (unproved.accelerator, unproved.note[:15]) == ("tcg", "kvm is unproved")
    hangs = probe(remote(), None, proof, host=HOST, prove=lambda _: "hangs")
    assert (hangs.accelerator, hangs.note) == ("tcg", "kvm hangs")


def test_what_is_known_holds_until_something_changes(proof):
    known = replace(probe(remote(), None, proof, host=HOST, prove=works), note="as it was")
    assert probe(remote(), known, proof, host=HOST, prove=never) is known
    assert probe(remote(libvirt=9001000), known, proof, host=HOST, prove=works) != known
    moved = replace(HOST, connection=replace(HOST.connection, address="new.example.org"))
    assert probe(remote(), known, proof, host=moved, prove=works) != known


def test_a_proof_that_could_not_be_made_is_made_the_next_time(proof):
    def fails(_image):
        raise HostFault("the disk is full")

    facts = probe(remote(), None, proof, host=HOST, prove=fails)
    assert (facts.accelerator, facts.note) == ("tcg", "kvm is unproved: the disk is full")
    assert probe(remote(), facts, proof, host=HOST, prove=works).accelerator == "kvm"


@pytest.mark.parametrize(
    ("lacking", "bridge", "missing"),
    [
        (("networks",), "br0", {"network-nat"}),
        (("filters",), "br0", {"network-nat", "network-bridge"}),
        ((), None, {"network-bridge"}),
    ],
)
def test_a_host_has_the_networks_that_its_daemon_has_drivers_for(proof, lacking, bridge, missing):
    host = replace(HOST, networks=Networks(bridge=bridge))
    facts = probe(remote(*lacking), None, proof, host=host, prove=works)
    assert facts.missing.keys() - MISSING.keys() == missing


def test_a_host_whose_libvirt_keeps_no_files_is_not_used(proof):
    with pytest.raises(HostFault, match="no driver for storage") as caught:
        probe(remote("storage"), None, proof, host=HOST, prove=never)
    assert "libvirt-daemon-driver-storage" in caught.value.hint


def test_what_hosts_elsewhere_lack_is_what_kvm_can_and_is_on_the_page():
    assert MISSING.keys() <= ABILITIES.keys()
    (listed,) = re.findall(r"gives the reasons: ([^.]*)\.", PAGE.read_text())
    assert set(re.findall(r"`(\S+)`", listed)) == MISSING.keys()


@pytest.mark.parametrize(
    "verb",
    [
        lambda there: plugin.change_media(there, HANDLE, 0, ""),
        lambda there: plugin.copy_in(there, HANDLE, io.BytesIO(), "/a"),
        lambda there: plugin.copy_out(there, HANDLE, "/a"),
        lambda there: plugin.execute(there, HANDLE, ("true",)),
        lambda there: plugin.examine(there, HANDLE),
        lambda there: plugin.set_clock(there, HANDLE),
        lambda there: plugin.imprint(there, HANDLE),
    ],
)
def test_what_is_not_done_elsewhere_is_refused(verb):
    with pytest.raises(JobFault, match="cannot be done on another computer") as caught:
        verb(remote())
    assert caught.value.code is HoldCode.REFUSED


def test_a_machine_with_a_screen_is_forbidden_elsewhere_before_anything_is_made_of_it():
    job, machine = (
        Job(name="j", memory=MEBIBYTE),
        Machine(name="m", memory=MEBIBYTE, cpus=1, accelerator="tcg", vnc=True),
    )
    facts = Facts(identity="there", memory=2**30, cpus=1, arch="x86_64", accelerator="tcg")
    placement = Placement(job=job, host=HOST, facts=facts, reasons=())
    with pytest.raises(JobFault, match="a screen is a socket"):
        plugin.review(placement, machine)
    plugin.review(replace(placement, host=replace(HOST, connection=Connection())), machine)
