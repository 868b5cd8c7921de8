"""The computer's own libvirt daemon, vmf's nat network and a bridge; `test_networks.py` runs this in `tests/netbed`."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import libvirt
import pytest
from msgspec.structs import replace

from guests.wide_contract import WideContract
from vmf.errors import HostFault, JobFault
from vmf.model import Forward, Host, MachineFacts, MachineNic, Networks, NetworkType, NicModel, Power
from vmf.plugins import Plugins
from vmf.testing.bench import Bench
from vmf.testing.contract_networks import PORT, Carded, answer
from vmf.testing.contract_shell import GUESTS, SERVES
from vmf_kvm.connection import ROTATED, Connection
from vmf_kvm.network import APART, UUIDS
from vmf_kvm.settings import DaemonKind
from vmf_kvm.system import URI

LAN = "lan0"
GATEWAY, GATEWAY_MAC = "10.118.0.1", "52:54:00:76:6d:66"
ROUTER, SERVER, CALLER = "10.99.0.1", "10.99.0.11", "10.99.0.12"
ON_LAN = {"type": NetworkType.BRIDGE, "bridge": LAN, "together": True}
ADDRESSED = "ip addr add {}/24 dev eth0; until ping -c 1 -W 5 {} >/dev/null; do :; done\n"
SETTLED = "until ip -4 addr show eth0 | grep -q inet; do sleep 0.1; done\n"
BY_GATEWAY = f"""{SETTLED}
ip route add {GATEWAY} dev eth0
for half in 10.118.0.0/17 10.118.128.0/17; do ip route add $half via {GATEWAY}; done
"""
"""Of a server that would answer its neighbours by way of the router."""
CALLS = f"""echo vmf-ready
{SETTLED}
call() {{ nc -w 5 THERE 7000 </dev/null | grep -q served && said=answered || said=silent; echo "$1 $said"; }}
for try in 1 2 3 4 5; do ping -c 1 -W 5 ROUTER >/dev/null && echo router answers && break; done
echo "router $(ip neigh show ROUTER | grep -o '..:..:..:..:..:..')"
call neighbour; echo $said
echo "resolved $(ip neigh show THERE | grep -c REACHABLE)"
ip route add THERE via ROUTER
call routed
ip link set eth0 down; ip link set eth0 address 52:54:00:99:99:99; ip link set eth0 up
ping -c 1 -W 1 ROUTER >/dev/null && echo stranger answers || echo stranger is silent
sleep 1000
"""


def calling(there, router):
    return CALLS.replace("THERE", there).replace("ROUTER", router)


def carded(number, **given):
    return MachineNic(mac=f"52:54:00:00:00:{number:02x}", **given)


def start(bed, script, nic):
    return bed.start(script, amend=lambda machine: replace(machine, nic=nic))


@pytest.fixture(scope="module")
def system():
    """The host, and the bridge that its spec names, with this computer on it."""
    for words in (f"link add {LAN} type bridge", f"addr add {ROUTER}/24 dev {LAN}", f"link set {LAN} up"):
        subprocess.run(("ip", *words.split()), check=True)
    networks = Networks(types=(NetworkType.NAT, NetworkType.BRIDGE), bridge=LAN)
    return Host(name="system", type="kvm", networks=networks, settings={"kvm": {"daemon": "system"}})


@pytest.fixture(scope="module")
def home(new_home):
    return new_home()


@pytest.fixture(scope="module")
def bed(system, home, wide_image, tmp_path_factory):
    link = libvirt.open(URI)
    link.nwfilterDefineXML(f"<filter name='{APART}'><uuid>{UUIDS[APART]}</uuid></filter>")  # it lets all through
    link.close()
    hypervisor = Plugins.load().connect(system, home)
    bed = Bench(hypervisor, image=wide_image, guests=GUESTS, folder=tmp_path_factory.mktemp("bench"))
    yield bed
    bed.close()


@pytest.fixture(scope="module")
def servers(bed):
    """Two machines, on nat and on the bridge, which answer calls; the latter's address is of its own making."""
    scripts = {
        carded(1, type=NetworkType.NAT): BY_GATEWAY + SERVES,
        carded(2, **ON_LAN): ADDRESSED.format(SERVER, ROUTER) + SERVES,
    }
    return {nic.type: Carded(handle=start(bed, script, nic), nic=nic) for nic, script in scripts.items()}


@pytest.fixture(scope="module")
def callers(bed, servers):
    """Two machines that call those; on nat they are apart, on the bridge they may reach each other."""
    there = {type_: bed.until(partial(address, bed, each.handle), bool) for type_, each in servers.items()}
    assert there[NetworkType.NAT].startswith("10.118.")
    assert there[NetworkType.BRIDGE] == SERVER
    for each in there.values():
        bed.until(partial(answer, each, PORT), bool)
    on_lan = ADDRESSED.format(CALLER, ROUTER) + calling(SERVER, ROUTER)
    return {
        GATEWAY: start(bed, calling(there[NetworkType.NAT], GATEWAY), carded(3, type=NetworkType.NAT)),
        ROUTER: start(bed, on_lan, carded(4, **ON_LAN, model=NicModel.E1000)),
    }


def address(bed, handle):
    return next(iter(bed.hypervisor.facts(handle).addresses), "")


def test_it_has_both_networks(bed):
    assert not {"network-nat", "network-bridge"} & bed.facts.missing.keys()


def test_machines_on_nat_reach_their_gateway_and_not_each_other(bed, callers):
    for words in (
        "router answers", f"router {GATEWAY_MAC}", "neighbour silent", "resolved 0", "routed silent",
    ):  # fmt: skip
        bed.told(callers[GATEWAY], words)


def test_a_guest_with_a_made_up_mac_address_is_not_heard(bed, callers):
    bed.told(callers[GATEWAY], "stranger is silent")


def test_machines_on_a_bridge_reach_each_other_where_the_host_allows_it(bed, callers):
    bed.told(callers[ROUTER], "neighbour answered")


def test_a_port_of_the_host_is_not_forwarded_to_nat(bed):
    forward = Forward(port=22, host_port=2222)
    with pytest.raises(JobFault, match="is not forwarded to a machine"):
        start(bed, SERVES, carded(5, type=NetworkType.NAT, forwards=(forward,)))


def test_qemu_runs_as_its_own_user_and_nothing_is_given_away(callers, wide_image, home):
    connection = Connection(home, DaemonKind.SYSTEM)
    process = Path(f"/run/libvirt/qemu/{connection.daemon.prefix}{callers[GATEWAY].machine}.pid")
    uid = connection.daemon.account.uid
    connection.close()
    assert Path("/proc", process.read_text()).stat().st_uid == uid != 0
    assert wide_image.disks[0].file.path.stat().st_uid == 0


def test_a_console_that_was_cut_is_not_told_as_if_it_were_whole(bed, callers, home):
    rotated = home / "machines" / callers[GATEWAY].machine / ROTATED
    rotated.touch()
    with pytest.raises(HostFault, match="virtlogd has cut the console"):
        bed.hypervisor.console(callers[GATEWAY], 0)
    rotated.unlink()


def test_a_host_sees_its_own_machines_only(bed, callers, new_home):
    machine = callers[GATEWAY].machine
    other = Connection(new_home(), DaemonKind.SYSTEM)
    assert other.machines() == ()
    assert other.facts(machine) == MachineFacts()
    assert other.destroy(machine).power is Power.ABSENT
    other.close()
    assert bed.hypervisor.state(callers[GATEWAY]).power is Power.RUNNING


class TestSystem(WideContract):
    """On the machines that there are already, as far as they will do."""

    @pytest.fixture(scope="class")
    @classmethod
    def host(cls, system):
        return system

    @pytest.fixture(scope="class")
    @classmethod
    def bench(cls, bed):
        return bed

    @pytest.fixture(scope="class")
    @classmethod
    def abroad(cls, servers):
        return servers

    @pytest.fixture(scope="class")
    @classmethod
    def neighbour(cls, callers):
        return callers[GATEWAY]


def test_nothing_is_left_of_a_machine_but_the_network(bed, callers, home):
    machine = callers[GATEWAY].machine
    bed.hypervisor.destroy(callers[GATEWAY])
    left = [*Path("/var/log/libvirt/qemu").iterdir(), *home.joinpath("run", "console").iterdir()]
    assert not [each for each in left if machine in each.name]
    assert machine not in bed.names()
    subprocess.run(("ip", "link", "show", "vmf0"), check=True, capture_output=True)
