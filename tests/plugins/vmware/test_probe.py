from __future__ import annotations

import pytest
from msgspec.structs import replace

import vcsim
from vmf.errors import HostFault
from vmf_vmware import probe as probing
from vmf_vmware.probe import probe
from vmf_vmware.session import opened


@pytest.fixture
def sized(vsphere_program, tmp_path, vsphere_host, monkeypatch):
    """Opens a session with a vCenter of other sizes."""
    with vcsim.running(vsphere_program, tmp_path, memory=24 * 2**30, cpus=6, capacity=2**30) as own:
        monkeypatch.setenv("VMF_VMWARE_PASSWORD", own.password)
        session = opened(vsphere_host(port=own.port, ca=own.ca), "abcd")
        yield session
        session.close()


def test_a_host_is_as_large_as_it_says(sized):
    facts = probe(sized, None)
    assert (facts.memory, facts.cpus, facts.arch, facts.accelerator) == (24 * 2**30, 6, "x86_64", "vmware")
    assert facts.vendor == "GenuineIntel"
    assert facts.version == facts.versions["vcenter"]
    assert set(facts.versions) == {"vcenter", "esxi", "api", "vmf-vmware"}
    assert facts.missing == {}


def test_what_is_known_holds_while_nothing_has_changed(session):
    facts = replace(probe(session, None), note="known")
    assert probe(session, facts) is facts
    assert probe(session, replace(facts, identity="else")).note == ""


def test_a_network_that_is_not_there_is_missing_with_the_reason(vsphere_host, password):
    del password
    session = opened(vsphere_host({"networks": {"nat": "gone"}}), "abcd")
    missing = probe(session, None).missing
    assert set(missing) == {"network-nat", "network-bridge"}
    assert "there is no network gone; there are: " in missing["network-nat"]
    assert "names no network" in missing["network-bridge"]
    session.close()


def test_machines_have_a_network_only_where_they_may_meet(session):
    missing = probe(session, None, together=False).missing
    assert {name: "together: true" in reason for name, reason in missing.items()} == {
        "network-nat": True, "network-bridge": True,
    }  # fmt: skip


def test_a_licence_that_forbids_writes_is_said_to(vsphere, session):
    vsphere.fault("MakeDirectory", "RestrictedVersion", mode="soap")
    with pytest.raises(HostFault, match="this licence forbids writes"):
        probe(session, None)


def test_a_free_esxi_is_known_by_its_licence(session, monkeypatch):
    licences = [{"editionKey": "esxBasic", "name": "VMware vSphere 7 Hypervisor"}]
    monkeypatch.setattr(type(session), "is_vcenter", False)
    monkeypatch.setattr(session, "read", lambda *_: {"licenses": licences})
    with pytest.raises(HostFault, match="its licence, VMware vSphere 7 Hypervisor, forbids writes"):
        probe(session, None)


def test_a_user_who_may_write_nothing_is_told_which_privilege_it_takes(vsphere, session):
    vsphere.fault("MakeDirectory", "NoPermission", mode="soap")
    with pytest.raises(HostFault, match="NoPermission"):
        probe(session, None)


def test_a_datastore_without_room_makes_no_machine(session, monkeypatch):
    monkeypatch.setattr(session.store, "free", lambda: (2**30, 2**20))
    with pytest.raises(HostFault, match="the datastore store1 is full: 1 MiB are free"):
        probe(session, None)


def test_nothing_is_left_of_the_trial(session):
    probe(session, None)
    assert session.store.folders("vmf-probe-") == frozenset()


def test_a_trial_that_fails_leaves_nothing_and_says_where_and_what_to_do(vsphere, session):
    vsphere.fault("PUT", mode="http", status=503, count=0)
    with pytest.raises(HostFault, match="the host answers 503") as caught:
        probe(session, None)
    assert f"store1 of {vsphere.address}:{vsphere.port}" in caught.value.brief
    assert "may write there" in caught.value.hint
    assert session.store.folders("vmf-probe-") == frozenset()


@pytest.mark.parametrize(
    ("state", "maintained", "told"), [("disconnected", False, "is connected"), ("connected", True, "in maintenance")]
)
def test_hosts_that_run_nothing_do_not_count(session, monkeypatch, state, maintained, told):
    every = session.read_all

    def read_all(refs, *paths):
        changed = {"runtime.connectionState": state, "runtime.inMaintenanceMode": maintained}
        return {ref: each | changed for ref, each in every(refs, *paths).items()}

    monkeypatch.setattr(session, "read_all", read_all)
    with pytest.raises(HostFault, match=told):
        probe(session, None)


def test_processors_of_several_makers_are_nobodys():
    one, other = {"hardware.cpuPkg": [{"vendor": "intel"}]}, {"hardware.cpuPkg": [{"vendor": "amd"}]}
    assert probing.vendor([one, one]) == "GenuineIntel"
    assert probing.vendor([one, other]) == ""
