from __future__ import annotations

import os
from functools import partial
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, HostFault, HostLost, JobFault, SetupError
from vmf.files import programs
from vmf.model import CLONE, File, Host, Image, Networks
from vmf_kvm import platforms
from vmf_kvm import probe as probing
from vmf_kvm.probe import UNPROVED, closed, networkless
from vmf_libvirt import account
from vmf_libvirt.account import Account

KVM_OFFERED = "<guest><arch name='x86_64'><domain type='qemu'/><domain type='kvm'/></arch></guest>"
HOST = Host(name="h", type="kvm")
SYSTEM = replace(HOST, networks=Networks(bridge="lan0"), settings={"kvm": {"daemon": "system"}})
NAT, BRIDGE = "network-nat", "network-bridge"
UEFI_OFFERED = "<enum name='firmware'><value>efi</value></enum>"
STRANGER = Account(name="libvirt-qemu", uid=4242, gid=4242, groups=(4242, 4343))


probe = partial(probing.probe, host=HOST)


@pytest.fixture
def kvm(tmp_path):
    """A device that the daemon's user may open."""
    device = tmp_path / "kvm"
    device.touch()
    device.chmod(0o666)
    return device


@pytest.fixture
def proof(tmp_path):
    kernel = tmp_path / "vmlinuz"
    kernel.touch()
    return Image(name="tiny", kernel=File(path=kernel))


def connection(capabilities=KVM_OFFERED, versions=None, machine=UEFI_OFFERED):
    client = SimpleNamespace(
        versions=lambda: versions or {"qemu": 7002022, "libvirt": 9000000},
        capabilities=lambda: capabilities,
        machine_capabilities=lambda: machine,
    )
    return SimpleNamespace(client=client, daemon=SimpleNamespace(account=account.find()))


def works(_image):
    return ""


def hangs(_image):
    return "hangs: a tiny guest had not ended after 20 s"


def never(_image):
    raise AssertionError("nothing is to be booted here")


def test_kvm_that_is_proved_is_used(kvm, proof):
    facts = probe(connection(), None, proof, prove=works, kvm=kvm)
    assert (facts.accelerator, facts.note) == ("kvm", "")
    assert (facts.version, facts.vendor) == ("7.2.22", platforms.vendor())


def test_kvm_that_opens_and_hangs_is_not_used(kvm, proof):
    facts = probe(connection(), None, proof, prove=hangs, kvm=kvm)
    assert (facts.accelerator, facts.note) == ("tcg", "kvm hangs: a tiny guest had not ended after 20 s")


@pytest.mark.parametrize(
    "fault", [HostFault("the disk is full"), JobFault("no such kernel", code=HoldCode.IMAGE_MISSING)]
)
def test_a_proof_that_could_not_be_made_is_tried_again(kvm, proof, fault):
    def fails(_image):
        raise fault

    facts = probe(connection(), None, proof, prove=fails, kvm=kvm)
    assert (facts.accelerator, facts.note) == ("tcg", f"kvm is unproved: {fault.brief}")
    assert probe(connection(), facts, proof, prove=works, kvm=kvm).accelerator == "kvm"


@pytest.mark.parametrize("fault", [HostLost("nobody answers"), SetupError("libvirt is not installed")])
def test_a_host_that_is_lost_or_not_set_up_is_not_a_host_without_kvm(kvm, proof, fault):
    def fails(_image):
        raise fault

    with pytest.raises(type(fault), match=fault.brief):
        probe(connection(), None, proof, prove=fails, kvm=kvm)


def test_kvm_that_nothing_proves_is_not_used_and_the_note_says_how_to(kvm):
    facts = probe(connection(), None, None, prove=never, kvm=kvm)
    assert (facts.accelerator, facts.note) == ("tcg", UNPROVED)
    assert "vmf image build tiny" in facts.note


def test_a_qemu_without_kvm_is_not_tried(kvm, proof):
    facts = probe(connection("<domain type='qemu'/>"), None, proof, prove=never, kvm=kvm)
    assert facts.accelerator == "tcg"
    assert "finds no kvm" in facts.note


def test_a_host_without_kvm_says_so(tmp_path, proof):
    facts = probe(connection(), None, proof, prove=never, kvm=tmp_path / "none")
    assert facts.accelerator == "tcg"
    assert "there is none" in facts.note


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "note"),
    [
        (0o666, 0, 0, ""),
        (0o600, 4242, 0, ""),
        (0o660, 0, 4343, ""),
        (0o660, 0, 107, "add it to the group with id 107"),
        (0o600, 0, 0, "its mode is 0600"),
        (0o644, 0, 0, "its mode is 0644"),
        (0o606, 0, 4343, "its mode is 0606"),
    ],
)
def test_rights_decide_who_may_open_the_device(mode, uid, gid, note):
    found = os.stat_result((mode, 1, 1, 1, uid, gid, 0, 0, 0, 0))
    told = closed(SimpleNamespace(stat=lambda: found), STRANGER)
    assert note in told
    assert bool(told) == bool(note)
    assert ("libvirt-qemu" in told) == bool(note)


def test_an_access_list_may_let_a_user_open_the_device(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: STRANGER.uid)
    for allowed in (True, False):
        monkeypatch.setattr(os, "access", lambda _path, _how, allowed=allowed: allowed)
        assert (closed(SimpleNamespace(stat=lambda: os.stat_result((0o660, *9 * [0]))), STRANGER) == "") == allowed


def test_facts_say_what_the_host_has(kvm, proof):
    facts = probe(connection(), None, proof, prove=works, kvm=kvm)
    assert facts.memory == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert facts.cpus == len(os.sched_getaffinity(0))
    assert facts.versions.keys() == {"qemu", "libvirt", "vmf-kvm"}
    assert (facts.versions["qemu"], facts.versions["libvirt"]) == ("7.2.22", "9.0.0")


def test_what_still_holds_is_not_proved_again(kvm, proof):
    known = replace(probe(connection(), None, proof, prove=works, kvm=kvm), note="as it was")
    assert probe(connection(), known, proof, prove=never, kvm=kvm) is known


@pytest.mark.parametrize("change", ["version", "rights", "proof", "no proof", "no device", "cpus", "memory", "plugin"])
def test_what_no_longer_holds_is_proved_again(kvm, proof, change, monkeypatch):
    known = probe(connection(), None, proof, prove=hangs, kvm=kvm)
    now = connection(versions={"qemu": 8000000, "libvirt": 9000000}) if change == "version" else connection()
    if change == "rights":
        kvm.chmod(0o667)
    if change == "proof":
        os.utime(proof.kernel.path, (1, 1))
    if change == "plugin":
        monkeypatch.setattr("vmf_kvm.probe.version", lambda _name: "99")
    if change == "memory":
        monkeypatch.setattr("vmf_kvm.probe._memory", lambda: 2**50)
    if change == "cpus":
        monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: range(99))
    if change == "no device":
        kvm.unlink()
    fresh = probe(now, known, None if change == "no proof" else proof, prove=works, kvm=kvm)
    assert fresh.identity != known.identity
    assert fresh.note != known.note


@pytest.fixture
def interfaces(tmp_path, monkeypatch):
    """A computer with everything, and a bridge."""
    (tmp_path / "lan0" / "bridge").mkdir(parents=True)
    (tmp_path / "eth0").mkdir()
    monkeypatch.setattr(probing, "INTERFACES", tmp_path)
    monkeypatch.setattr(programs, "find", lambda name: name)


def test_a_daemon_of_vmfs_own_has_neither_nat_nor_bridge(kvm, proof):
    facts = probe(connection(), None, proof, prove=works, kvm=kvm)
    assert facts.missing.keys() == {NAT, BRIDGE}
    assert all("daemon: system" in reason for reason in facts.missing.values())


@pytest.mark.usefixtures("interfaces")
def test_the_computers_own_daemon_has_both(kvm, proof):
    found = probing.probe(connection(), None, proof, host=SYSTEM, prove=works, kvm=kvm)
    assert found.missing.keys() == {CLONE}
    assert "daemon: private" in found.missing[CLONE]


@pytest.mark.usefixtures("interfaces")
@pytest.mark.parametrize(
    ("program", "abilities"), [("dnsmasq", {NAT}), ("iptables", {NAT}), ("ebtables", {NAT, BRIDGE})]
)
def test_a_program_that_a_network_needs_is_named(monkeypatch, program, abilities):
    monkeypatch.setattr(programs, "find", lambda name: None if name == program else name)
    assert networkless(SYSTEM) == dict.fromkeys(abilities, f"{program} is not installed")


@pytest.mark.usefixtures("interfaces")
@pytest.mark.parametrize(
    ("bridge", "reason"), [("eth0", "no bridge eth0"), ("br9", "no bridge br9"), (None, "no bridge:")]
)
def test_a_bridge_has_to_be_named_and_there(bridge, reason):
    missing = networkless(replace(SYSTEM, networks=Networks(bridge=bridge)))
    assert missing.keys() == {BRIDGE}
    assert reason in missing[BRIDGE]


@pytest.mark.usefixtures("interfaces")
def test_a_host_whose_networks_have_changed_is_probed_again(kvm, proof, monkeypatch):
    known = probing.probe(connection(), None, proof, host=SYSTEM, prove=works, kvm=kvm)
    monkeypatch.setattr(programs, "find", lambda _name: None)
    found = probing.probe(connection(), known, proof, host=SYSTEM, prove=works, kvm=kvm)
    assert found.missing.keys() - known.missing.keys() == {NAT, BRIDGE}


def test_uefi_is_missing_until_its_firmware_is_installed(kvm, proof):
    without = probe(connection(machine="<enum name='firmware'/>"), None, proof, prove=works, kvm=kvm)
    assert "install ovmf" in without.missing["firmware-uefi"]
    found = probe(connection(), without, proof, prove=works, kvm=kvm)
    assert "firmware-uefi" not in found.missing
