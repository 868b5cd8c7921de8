from __future__ import annotations

import pytest
from msgspec.structs import replace

from vmf.spec.image import load_image
from vmf.testing.contract_shell import GUESTS, TINY_LACKS, ShellContract

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

TOOLS = 'vcsim.tools = "TRUE"\n'
"""Has the test bed treat a guest as one with VMware Tools: it is asked to power off by its power button."""


class TestVmware(ShellContract):
    @pytest.fixture(scope="class")
    @classmethod
    def host(cls, vsphere, vsphere_host, tmp_path_factory):
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("VMF_VMWARE_USER", vsphere.user)
            environment.setenv("VMF_VMWARE_PASSWORD", vsphere.password)
            lines = tmp_path_factory.mktemp("site") / "lines.vmx"
            lines.write_text(TOOLS)
            yield vsphere_host({"networks": {"nat": "nat", "bridge": "bridge"}, "vmx_file": str(lines)})

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls, tiny):
        return load_image(str(tiny), beside=tiny, images=tiny)

    @pytest.fixture(scope="class")
    @classmethod
    def guests(cls):
        return replace(GUESTS, lacks=TINY_LACKS, device="sda")
