"""Networks of a real Xen: what a user's guests have of them, and where they have none."""

from __future__ import annotations

import re

import pytest

from dom0_shell import await_

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

NAT, BRIDGE = "52:54:00:c0:00:01", "52:54:00:c0:00:02"
ADDRESS = re.compile(r"10\.118\.[0-9]+\.[0-9]+")
ASKS = r"""\
cat >lease <<'END'
#!/bin/sh
[ "$1" = bound ] && ip addr replace "$ip/${mask:-24}" dev "$interface"
END
chmod +x lease
ip link set eth0 up
udhcpc -i eth0 -s ./lease -T 1 -t 60 -q -n
cat /sys/class/net/eth0/address >out.txt
ip -4 -o addr show eth0 | awk '{ print $4 }' >>out.txt
until ping -c 1 -W 20 10.118.0.1 >heard; do sleep 1; done
cat heard >>out.txt
echo asked
read -r go </dev/console
"""
"""A guest that has its address by DHCP, and calls its gateway."""
JOINS = """\
ip link set eth0 up
ip addr add 192.168.77.9/24 dev eth0
cat /sys/class/net/eth0/address >out.txt
until ping -c 1 -W 20 192.168.77.1 >heard; do sleep 1; done
cat heard >>out.txt
"""
"""A guest on the bed's bridge, which nobody serves."""


def test_a_guest_has_its_card_on_a_nat_network_or_on_the_bridge_that_a_script_joins_it_to(shell, dom0):
    shell.reach(
        dom0,
        networks={"types": ["nat", "bridge"], "together": True, "bridge": "xenbr0"},
        xen={"bridge_script": "/etc/xen/scripts/vif-vmf"},
    )
    shell.write(ASKS, "nat", network={"type": "nat", "mac": NAT})
    shell.write(JOINS, "bridged", network={"type": "bridge", "mac": BRIDGE})
    with shell.start("run", "nat.yaml", "bridged.yaml") as engine:
        shell.says("nat", "asked")
        told = await_(lambda: ADDRESS.search(shell.vmf("facts", "nat").stdout), "its lease is known")
        shell.tell("nat", "go")
        out, err = engine.communicate(timeout=300)
    assert engine.returncode == 0, out + err
    mac, address, *pinged = (shell.folder / "nat.results/out.txt").read_text().splitlines()
    assert mac == NAT
    assert address == f"{told[0]}/16"
    assert "1 packets received" in "".join(pinged)
    mac, *pinged = (shell.folder / "bridged.results/out.txt").read_text().splitlines()
    assert mac == BRIDGE
    assert "1 packets received" in "".join(pinged)
    assert re.search(r"^online vif[0-9]+\.0$", dom0.run("cat /var/log/vif-vmf"), re.MULTILINE)
    assert shell.left() == []


@pytest.mark.parametrize("type_", ["nat", "bridge"])
def test_a_host_that_keeps_machines_apart_has_no_network_for_them(shell, dom0, type_):
    shell.reach(dom0, networks={"types": ["nat", "bridge"], "bridge": "xenbr0"})
    shell.write("exit 0", network={"type": type_})
    done = shell.vmf("plan", "j.yaml")
    assert "none fits" in done.stdout
    assert "Xen does not keep machines on a network apart" in done.stdout
    assert "`networks: {together: true}` lets them reach each other" in done.stdout


def test_the_script_of_a_bridge_may_keep_machines_apart(shell, dom0):
    shell.reach(
        dom0,
        networks={"types": ["nat", "bridge"], "bridge": "xenbr0"},
        xen={"bridge_script": "/etc/xen/scripts/vif-vmf"},
    )
    shell.write("exit 0", network={"type": "bridge"})
    done = shell.vmf("plan", "j.yaml")
    assert (done.returncode, "none fits" in done.stdout) == (0, False)


def test_a_bridge_that_is_not_there_is_the_hosts_fault(shell, dom0):
    shell.reach(dom0, networks={"types": ["nat", "bridge"], "together": True, "bridge": "none0"})
    shell.write("exit 0", network={"type": "bridge"})
    done = shell.vmf("run", "j.yaml")
    assert done.returncode == 71
    assert "Could not find bridge device none0" in done.stdout
    assert shell.left() == []
