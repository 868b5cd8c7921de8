"""The computer's own libvirt daemon, vmf's nat network and a bridge; `test_networks.py` runs this in `tests/netbed`."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

import libvirt
import pytest
from msgspec.structs import replace

from guests.wide_contract import GUESTS, SERVES, WideContract
from vmf.errors import HostFault, JobFault
from vmf.model import Forward, Host, MachineFacts, MachineNic, Networks, NetworkType, NicModel, Power
from vmf.plugins import Plugins
from vmf.testing.bench import Bench
from vmf_kvm.connection import ROTATED, Connection
from vmf_kvm.network import APART, UUIDS
from vmf_kvm.settings import DaemonKind
from vmf_kvm.system import URI

LAN = "lan0"
GATEWAY, GATEWAY_MAC = "10.118.0.1", "52:54:00:76:6d:66"
ROUTER, SERVER, CALLER = "10.99.0.1", "10.99.0.11", "10.99.0.12"
ON_LAN = {"type": NetworkType.BRIDGE, "bridge": LAN, "together": True}
ADDRESSED = "ip addr add {}/24 dev eth0; ping -c 1 {} >/dev/null\n"
SETTLED = "until ip -4 addr show eth0 | grep -q inet; do sleep 0.1; done\n"
BY_GATEWAY = f"""{SETTLED}
ip route add {GATEWAY} dev eth0
for half in 10.118.0.0/17 10.118.128.0/17; do ip route add $half via {GATEWAY}; done
"""
"""Of a server that would answer its neighbours by way of the router."""
CALLS = f"""echo vmf-ready
{SETTLED}
call() {{ nc -w 2 THERE 7000 </dev/null | grep -q served && echo "$1 answers" || echo "$1 is silent"; }}
ping -c 1 -W 5 ROUTER >/dev/null && echo router answers
echo "router $(ip neigh show ROUTER | grep -o '..:..:..:..:..:..')"
call neighbour
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
    nic = MachineNic(mac=f"52:54:00:00:00:{number:02x}", **given)
    return lambda machine: replace(machine, nic=nic)


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
def bench(system, home, wide_image, tmp_path_factory):
    link = libvirt.open(URI)
    link.nwfilterDefineXML(f"<filter name='{APART}'><uuid>{UUIDS[APART]}</uuid></filter>")  # it lets all through
    link.close()
    hypervisor = Plugins.load().connect(system, home)
    bench = Bench(hypervisor, image=wide_image, guests=GUESTS, folder=tmp_path_factory.mktemp("bench"))
    yield bench
    bench.close()


@pytest.fixture(scope="module")
def callers(bench):
    """Two machines, on nat and on the bridge, each of which calls another one there.

    Those on nat are apart. Those on the bridge may reach each other; their addresses are of their own making.
    """
    servers = {
        GATEWAY: bench.start(BY_GATEWAY + SERVES, amend=carded(1, type=NetworkType.NAT)),
        ROUTER: bench.start(ADDRESSED.format(SERVER, ROUTER) + SERVES, amend=carded(2, **ON_LAN)),
    }
    there = {router: bench.until(partial(address, bench, handle), bool) for router, handle in servers.items()}
    assert there[GATEWAY].startswith("10.118.")
    assert there[ROUTER] == SERVER
    on_lan = ADDRESSED.format(CALLER, ROUTER) + calling(SERVER, ROUTER)
    return {
        GATEWAY: bench.start(calling(there[GATEWAY], GATEWAY), amend=carded(3, type=NetworkType.NAT)),
        ROUTER: bench.start(on_lan, amend=carded(4, **ON_LAN, model=NicModel.E1000)),
    }


def address(bench, handle):
    return next(iter(bench.hypervisor.facts(handle).addresses), "")


def test_it_has_both_networks(bench):
    assert bench.facts.missing == {}


def test_machines_on_nat_reach_their_gateway_and_not_each_other(bench, callers):
    for words in (
        "router answers", f"router {GATEWAY_MAC}", "neighbour is silent", "resolved 0", "routed is silent",
    ):  # fmt: skip
        bench.told(callers[GATEWAY], words)


def test_a_guest_with_a_made_up_mac_address_is_not_heard(bench, callers):
    bench.told(callers[GATEWAY], "stranger is silent")


def test_machines_on_a_bridge_reach_each_other_where_the_host_allows_it(bench, callers):
    bench.told(callers[ROUTER], "neighbour answers")


def test_a_port_of_the_host_is_not_forwarded_to_nat(bench):
    forward = Forward(port=22, host_port=2222)
    with pytest.raises(JobFault, match="is not forwarded to a machine"):
        bench.start(SERVES, amend=carded(5, type=NetworkType.NAT, forwards=(forward,)))


def test_qemu_runs_as_its_own_user_and_nothing_is_given_away(callers, wide_image, home):
    connection = Connection(home, DaemonKind.SYSTEM)
    process = Path(f"/run/libvirt/qemu/{connection.daemon.prefix}{callers[GATEWAY].machine}.pid")
    uid = connection.daemon.account.uid
    connection.close()
    assert Path("/proc", process.read_text()).stat().st_uid == uid != 0
    assert wide_image.disks[0].file.path.stat().st_uid == 0


def test_a_console_that_was_cut_is_not_told_as_if_it_were_whole(bench, callers, home):
    rotated = home / "machines" / callers[GATEWAY].machine / ROTATED
    rotated.touch()
    with pytest.raises(HostFault, match="virtlogd has cut the console"):
        bench.hypervisor.console(callers[GATEWAY], 0)
    rotated.unlink()


def test_a_host_sees_its_own_machines_only(bench, callers, new_home):
    machine = callers[GATEWAY].machine
    other = Connection(new_home(), DaemonKind.SYSTEM)
    assert other.machines() == ()
    assert other.facts(machine) == MachineFacts()
    assert other.destroy(machine).power is Power.ABSENT
    other.close()
    assert bench.hypervisor.state(callers[GATEWAY]).power is Power.RUNNING


def test_nothing_is_left_of_a_machine_but_the_network(bench, callers, home):
    machine = callers[GATEWAY].machine
    bench.hypervisor.destroy(callers[GATEWAY])
    left = [*Path("/var/log/libvirt/qemu").iterdir(), *home.joinpath("run", "console").iterdir()]
    assert not [each for each in left if machine in each.name]
    assert machine not in bench.names()
    subprocess.run(("ip", "link", "show", "vmf0"), check=True, capture_output=True)


class TestSystem(WideContract):
    @pytest.fixture(scope="class")
    @classmethod
    def host(cls, system):
        return system
