from __future__ import annotations

import pytest
from msgspec.structs import replace

from guests import boot_sector
from vmf.model import MEBIBYTE, DiskFormat, Ending, MachineDisk, MachineNic, Networks, NetworkType, Power
from vmf.result import Said
from vmf.testing.abilities import tries
from vmf.testing.contract_shell import GUESTS, TINY_LACKS, ShellContract

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SECONDS = 400
"""A guest takes ten times as long as alone, where other tests run beside it."""
BRIDGE, SCRIPT = "xenbr0", "/etc/xen/scripts/vif-vmf"
CARD = MachineNic(type=NetworkType.BRIDGE, bridge=BRIDGE, mac="52:54:00:c0:00:03")


class TestXen(ShellContract):
    @pytest.fixture(scope="class")
    @classmethod
    def host(cls, dom0_host):
        networks = Networks(together=True, bridge=BRIDGE)
        return replace(dom0_host, networks=networks, settings={"xen": {"bridge_script": SCRIPT}})

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls, dom0_image):
        return dom0_image

    @pytest.fixture(scope="class")
    @classmethod
    def guests(cls):
        return replace(GUESTS, lacks=TINY_LACKS, device="xvda", memory=96 * MEBIBYTE, seconds=SECONDS)

    @tries("mode-pvh")
    def test_a_guest_of_mode_pvh_lives(self, bench, tmp_path):
        """It may reboot: the emulated processor trips over a kernel that measures its clock, now and then."""
        handle = bench.start(
            GUESTS.ends, amend=lambda machine: replace(machine, settings={"mode": "pvh"}, reboots=True)
        )
        assert ended(bench, handle) is Ending.SHUTDOWN
        assert bench.read(handle, tmp_path).said is Said.ALL
        bench.hypervisor.destroy(handle)

    @tries("mode-hvm")
    def test_a_guest_of_mode_hvm_lives(self, bench, tmp_path):
        sector = tmp_path / "sector"
        sector.write_bytes(boot_sector.disk())
        disk = MachineDisk(file=str(sector), format=DiskFormat.RAW)

        def computer(machine):
            bare = replace(machine, kernel=None, initrd=None, results=None, cdroms=())
            return replace(bare, disks=(disk,), settings={"mode": "hvm"}, reboots=True)  # as above

        handle = bench.start(GUESTS.ends, amend=computer)
        assert ended(bench, handle) is Ending.SHUTDOWN
        assert boot_sector.SAYS in bench.console(handle)
        bench.hypervisor.destroy(handle)

    @tries("bridge-script")
    def test_a_script_joins_a_guest_to_a_bridge(self, bench, dom0):
        handle = bench.start(GUESTS.hangs, amend=lambda machine: replace(machine, nic=CARD))
        assert "online vif" in dom0.run("cat /var/log/vif-vmf")
        bench.hypervisor.destroy(handle)


def ended(bench, handle):
    """How a machine comes to its end, which is waited for."""
    return bench.until(lambda: bench.hypervisor.state(handle), lambda state: state.power is Power.OFF).ending
