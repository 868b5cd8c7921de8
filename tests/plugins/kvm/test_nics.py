from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from vmf.errors import HoldCode, JobFault
from vmf.model import Address, Forward, MachineNic, NetworkType, NicModel, Protocol
from vmf_kvm import network, nics
from vmf_kvm.nics import NAMESPACE
from vmf_kvm.pci import PC, Q35

MAC = "52:54:00:12:34:56"
USERNET = """\
Hub -1 (vmf):
  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
  TCP[HOST_FORWARD]   9       127.0.0.1 33795       10.0.2.15    22     0     0
  TCP[ESTABLISHED]   12       127.0.0.1 33795       10.0.2.15    22     0     0
  UDP[HOST_FORWARD]   8       127.0.0.1 34368       10.0.2.15    53     0     0
"""
ARP = f"""\
IP address       HW type     Flags       HW address            Mask     Device
10.99.0.11       0x1         0x2         {MAC}     *        br0
10.99.0.12       0x1         0x0         {MAC}     *        br0
10.99.0.13       0x1         0x2         52:54:00:12:34:57     *        br0
"""


def card(**given):
    return ET.tostring(nics.card(ET.Element("devices"), MachineNic(mac=MAC, **given)), encoding="unicode")


def words(*, board=Q35, **given):
    domain = ET.Element("domain")
    nics.command_line(domain, MachineNic(type=NetworkType.USER, mac=MAC, **given), board)
    parsed = ET.fromstring(ET.tostring(domain))  # noqa: S314  # our own
    return [each.get("value") for each in parsed.iterfind(f"{{{NAMESPACE}}}commandline/{{{NAMESPACE}}}arg")]


def test_a_card_on_nat_is_apart_from_others_and_sends_as_itself_only():
    assert card(type=NetworkType.NAT) == (
        f'<interface type="network"><mac address="{MAC}" /><source network="vmf" /><model type="virtio" />'
        '<filterref filter="vmf-apart" /><port isolated="yes" /><rom enabled="no" /></interface>'
    )


def test_a_card_on_a_bridge_of_machines_that_may_meet_still_sends_as_itself_only():
    assert card(type=NetworkType.BRIDGE, bridge="br0", model=NicModel.E1000, together=True) == (
        f'<interface type="bridge"><mac address="{MAC}" /><source bridge="br0" /><model type="e1000" />'
        '<filterref filter="vmf-own-mac" /><rom enabled="no" /></interface>'
    )


def test_a_card_on_a_user_network_reaches_nobody_and_forwards_from_the_loopback():
    forwards = (Forward(port=22), Forward(port=53, host_port=5353, protocol=Protocol.UDP))
    assert words(forwards=forwards) == [
        "-netdev",
        "user,id=vmf,ipv6=off,restrict=on,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=udp:127.0.0.1:5353-:53",
        "-device",
        f"virtio-net-pci,netdev=vmf,mac={MAC},romfile=,bus=pcie.0,addr=0x1e",
    ]
    assert words(model=NicModel.RTL8139, board=PC)[-1] == f"rtl8139,netdev=vmf,mac={MAC},romfile=,bus=pci.0,addr=0x1f"


@pytest.mark.parametrize("nic", [None, *(MachineNic(type=each, mac=MAC) for each in NetworkType)])
def test_a_card_is_described_in_one_of_the_two_ways(nic):
    domain = ET.Element("domain")
    element = nics.card(ET.SubElement(domain, "devices"), nic)
    nics.command_line(domain, nic, Q35)
    connected = nic is not None and nic.type not in {NetworkType.NONE, NetworkType.DEFAULT}
    assert (element is not None) + (len(domain) - 1) == connected


@pytest.mark.parametrize("type_", [NetworkType.NAT, NetworkType.BRIDGE])
def test_a_port_of_the_host_is_forwarded_on_a_user_network_only(type_):
    assert card(type=type_, forwards=(Forward(port=22),)) == card(type=type_)
    with pytest.raises(JobFault, match=f"network of type {type_}") as caught:
        card(type=type_, forwards=(Forward(port=22, host_port=2222),))
    assert caught.value.code is HoldCode.MACHINE_INVALID


def test_qemus_forwards_are_those_that_listen():
    assert list(nics.forwards(USERNET)) == [
        Address(port=22, protocol=Protocol.TCP, host="127.0.0.1", host_port=33795),
        Address(port=53, protocol=Protocol.UDP, host="127.0.0.1", host_port=34368),
    ]
    assert list(nics.forwards("")) == []


def test_neighbours_that_answered_are_known_by_their_mac_address():
    assert network.neighbours(ARP, MAC) == ("10.99.0.11",)
    assert network.neighbours("", MAC) == ()


def test_the_network_is_the_same_on_every_host():
    described = ET.fromstring(network.network())  # noqa: S314  # our own
    assert described.find("mac").get("address") == "52:54:00:76:6d:66"
    assert described.find("ip").attrib == {"address": "10.118.0.1", "netmask": "255.255.0.0"}
    assert described.find("bridge").attrib == {"name": "vmf0", "stp": "off", "delay": "0"}
