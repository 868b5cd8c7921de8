from __future__ import annotations

import pytest
from msgspec.structs import replace

from guests.wide_contract import WideContract
from vmf.model import MEBIBYTE, Bus, DiskFormat, File, MachineDisk, Networks
from vmf.spec.image import load_image
from vmf.testing.abilities import tied
from vmf.testing.contract_shell import GUESTS, TINY_LACKS, ShellContract

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

TOOLS = 'vcsim.tools = "TRUE"\n'
"""Has the test bed treat a guest as one with VMware Tools: it is asked to power off by its power button."""
NOWHERE = "the networks of the test bed lead nowhere, and its guests tell no address"


class OnVsphere:
    @pytest.fixture(scope="class")
    @classmethod
    def host(cls, vsphere, vsphere_host, tmp_path_factory):
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("VMF_VMWARE_PASSWORD", vsphere.password)
            lines = tmp_path_factory.mktemp("site") / "lines.vmx"
            lines.write_text(TOOLS)
            networks = {"nat": "nat", "bridge": "bridge"}
            yield replace(
                vsphere_host({"networks": networks, "vmx_file": str(lines)}), networks=Networks(together=True)
            )


class TestTiny(OnVsphere, ShellContract):
    @pytest.fixture(scope="class")
    @classmethod
    def image(cls, tiny):
        return load_image(str(tiny), beside=tiny, images=tiny)

    @pytest.fixture(scope="class")
    @classmethod
    def guests(cls):
        return replace(GUESTS, lacks=TINY_LACKS, device="sda")


def only_of(abilities):
    """Leave the tests of a class that try one of these abilities."""

    def narrowed(contract):
        tests = [name for name in dir(contract) if name.startswith("test_")]
        for name in tests:
            if not abilities & {*tied(getattr(contract, name))}:
                setattr(contract, name, None)
        return contract

    return narrowed


@only_of(TINY_LACKS.keys())
class TestWide(OnVsphere, WideContract):
    """What the tiny guest has no drivers for."""

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory):
        return tmp_path_factory.mktemp("host")

    @pytest.fixture(scope="class")
    @classmethod
    def on_host(cls, tmp_path_factory):
        return tmp_path_factory.mktemp("on-host")

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls, wide):
        found = load_image(str(wide), beside=wide, images=wide)
        return replace(found, kernel=File(path=wide / "bzImage"))

    @pytest.fixture(scope="class")
    @classmethod
    def bootable(cls, wide):
        """On SATA: unlike VMware's firmware, the one of the test bed has no driver for paravirtual SCSI."""
        return (MachineDisk(file=str(wide / "boot.raw"), format=DiskFormat.RAW, bus=Bus.SATA),)

    @pytest.fixture(scope="class")
    @classmethod
    def guests(cls):
        return replace(GUESTS, lacks={"network-nat": NOWHERE}, device="sda", memory=384 * MEBIBYTE)
