from __future__ import annotations

from types import SimpleNamespace

import pytest

from vmf.errors import HostFault
from vmf.model import Connection, NetworkType
from vmf_vmware import inventory
from vmf_vmware.data import Ref
from vmf_vmware.settings import VmwareHost, VmwareNetworks
from vmf_vmware.tls import server
from vmf_vmware.wire import Wire


def test_without_a_word_the_only_one_is_meant(session):
    found = inventory.find(session, VmwareHost())
    assert found.datacenter_path == "dc1"
    assert found.datastore_name == "store1"
    assert found.compute.kind == "ClusterComputeResource"
    assert found.host is None
    assert set(found.lacking) == {"nat", "bridge"}


def test_names_are_those_of_the_inventory(session):
    words = VmwareHost(datacenter="dc1", cluster="cluster1", datastore="store1", resource_pool="Resources")
    named = inventory.find(session, VmwareHost(datacenter="dc1", cluster="cluster1", datastore="store1"))
    assert named == inventory.find(session, VmwareHost())
    with pytest.raises(HostFault, match="there is no resource pool Resources"):
        inventory.find(session, words)


def test_a_host_of_a_cluster_may_be_named_in_its_place(session):
    found = inventory.find(session, VmwareHost(cluster="esx1"))
    assert found.compute.kind == "ClusterComputeResource"
    assert session.read(found.host, "name")["name"] == "esx1"


@pytest.mark.parametrize(
    ("field", "what", "there"),
    [
        ("datacenter", "no datacenter nope", "there are: dc1;"),
        ("cluster", "no cluster or host nope", "there are: cluster1, esx1;"),
        ("datastore", "no datastore nope", "store1"),
        ("folder", "no folder nope", ""),
        ("resource_pool", "no resource pool nope", ""),
    ],
)
def test_what_is_not_there_is_told_with_what_is(session, field, what, there):
    with pytest.raises(HostFault, match=what) as caught:
        inventory.find(session, VmwareHost(**{field: "nope"}))
    assert there in caught.value.hint


def test_of_several_one_has_to_be_named():
    names = {Ref("Datastore", str(number)): f"store{number}" for number in range(30)}
    with pytest.raises(HostFault, match="there is more than one datastore") as caught:
        inventory._choose("datastore", "datastore", None, names)
    assert "store0, store1, store10" in caught.value.hint
    assert "…; write the one that is meant as `vmware.datastore`" in caught.value.hint
    assert inventory._choose("datastore", "datastore", "store7", names) == Ref("Datastore", "7")


def test_two_of_a_name_are_told_apart_by_nobody():
    names = {Ref("Network", "1"): "lan", Ref("Network", "2"): "lan"}
    with pytest.raises(HostFault, match="there is more than one network lan"):
        inventory._choose("network", "networks.nat", "lan", names)


def test_a_name_with_a_slash_is_written_as_people_do():
    names = {Ref("Network", "1"): "10.0.0.0%2f24", Ref("Network", "2"): "50%25"}
    assert inventory._choose("network", "networks.nat", "10.0.0.0/24", names) == Ref("Network", "1")
    assert inventory._choose("network", "networks.nat", "50%", names) == Ref("Network", "2")


def test_a_folder_is_found_by_its_name_or_by_its_way(session):
    top = session.inventory.folder
    outer = session.call(top, "CreateFolder", name="outer")
    inner = session.call(outer, "CreateFolder", name="inner")
    session.call(top, "CreateFolder", name="other")
    assert inventory.find(session, VmwareHost(folder="outer")).folder == outer
    assert inventory.find(session, VmwareHost(folder="inner")).folder == inner
    assert inventory.find(session, VmwareHost(folder="outer/inner")).folder == inner


def test_a_network_of_a_type_has_what_a_card_is_connected_by(session):
    found = inventory.find(session, VmwareHost(networks=VmwareNetworks(nat="nat", bridge="gone")))
    nat = found.network(NetworkType.NAT)
    assert nat.name == "nat"
    assert nat.backing.type == "VirtualEthernetCardNetworkBackingInfo"
    assert nat.backing["deviceName"] == "nat"
    with pytest.raises(HostFault, match=r"there is no network gone; there are: .*bridge.*nat") as caught:
        found.network(NetworkType.BRIDGE)
    assert caught.value.ability == "network-bridge"


def test_a_card_is_connected_to_a_distributed_switch_by_port_group_and_switch():
    """The simulator has no such switch that its hosts are on."""
    group, switch = Ref("DistributedVirtualPortgroup", "dvportgroup-7"), Ref("VmwareDistributedVirtualSwitch", "dvs-1")
    properties = {group: {"key": "dvportgroup-7", "config.distributedVirtualSwitch": switch}, switch: {"uuid": "50 0a"}}
    session = SimpleNamespace(read=lambda ref, *_: properties[ref])
    backing = inventory._backing(session, group, "lab net")
    assert backing.type == "VirtualEthernetCardDistributedVirtualPortBackingInfo"
    assert backing["port"].fields == {"portgroupKey": "dvportgroup-7", "switchUuid": "50 0a"}
    assert str(Wire(server(Connection(address="nobody"), None))._theirs(backing).port.switchUuid) == "50 0a"


def test_what_has_gone_from_it_is_looked_for_anew(session):
    first = session.inventory
    assert session.inventory is first
    with pytest.raises(HostFault):
        session.call(Ref("Datastore", "datastore-gone"), "RefreshDatastore")
    assert session.inventory is not first
