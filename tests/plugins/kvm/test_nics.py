from __future__ import annotations

from contextlib import nullcontext
from xml.etree import ElementTree as ET

import pytest

from vmf.errors import HoldCode, JobFault
from vmf.model import (
    Address,
    Facts,
    Forward,
    Host,
    Job,
    Machine,
    MachineNic,
    NetworkType,
    NicModel,
    Placement,
    Protocol,
)
from vmf_kvm import network, nics, plugin
from vmf_kvm.nics import NAMESPACE
from vmf_kvm.pci import PC, Q35

MAC = "52:54:00:12:34:56"
FACTS = Facts(identity="i", memory=2**32, cpus=4, arch="x86_64", accelerator="tcg")
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


@pytest.mark.parametrize(
    ("type_", "port", "words"),
    [
        (NetworkType.NAT, 2222, "network of type nat"),
        (NetworkType.BRIDGE, 2222, "network of type bridge"),
        (NetworkType.USER, 1023, "QEMU runs without privileges"),
    ],
)
def test_a_port_of_the_host_that_cannot_lead_to_the_machine_is_refused(type_, port, words):
    nic = MachineNic(type=type_, mac=MAC, forwards=(Forward(port=22), Forward(port=22, host_port=port)))
    with pytest.raises(JobFault, match=f"port {port} of the host .*{words}") as caught:
        nics.check(nic)
    assert (caught.value.code, bool(caught.value.hint)) == (HoldCode.MACHINE_INVALID, True)


@pytest.mark.parametrize(("type_", "refused"), [("kvm", True), ("xen", False)])
def test_the_plugin_refuses_ports_of_its_own_hosts_before_anything_is_made(type_, refused):
    job = Job(name="j", memory=2**28)
    place = Placement(job=job, host=Host(name="h", type=type_), facts=FACTS, reasons=())
    nic = MachineNic(type=NetworkType.USER, mac=MAC, forwards=(Forward(port=22, host_port=22),))
    machine = Machine(name="m", memory=2**28, cpus=1, accelerator="tcg", nic=nic)
    with pytest.raises(JobFault) if refused else nullcontext():
        plugin.review(place, machine)


def test_other_ports_are_not_refused():
    nics.check(None)
    nics.check(MachineNic(type=NetworkType.NAT, mac=MAC, forwards=(Forward(port=22),)))
    nics.check(MachineNic(type=NetworkType.USER, mac=MAC, forwards=(Forward(port=22, host_port=nics.UNPRIVILEGED),)))


def test_qemus_forwards_are_those_that_listen():
    assert list(nics.forwards(USERNET)) == [
        Address(port=22, protocol=Protocol.TCP, host="127.0.0.1", host_port=33795),
        Address(port=53, protocol=Protocol.UDP, host="127.0.0.1", host_port=34368),
    ]
    assert list(nics.forwards("")) == []


def test_neighbours_that_answered_are_known_by_their_mac_address():
    assert network.neighbours(ARP, MAC) == ("10.99.0.11",)
    assert network.neighbours("", MAC) == ()
