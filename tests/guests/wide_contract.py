"""The contract suite on the wide guest."""

from __future__ import annotations

import pytest

from vmf.model import DiskFormat, MachineDisk
from vmf.testing.contract import HypervisorContract
from vmf.testing.contract_shell import GUESTS


class WideContract(HypervisorContract):
    """Subclass it, name it `Test…`, and give it the fixture `host`."""

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, new_home):
        return new_home()

    @pytest.fixture(scope="class")
    @classmethod
    def on_host(cls, new_home):
        folder = new_home().with_name("on-host")
        folder.mkdir()
        return folder

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls, wide_image):
        return wide_image

    @pytest.fixture(scope="class")
    @classmethod
    def bootable(cls, wide_image):
        file = wide_image.kernel.path.with_name("boot.raw")
        return (MachineDisk(file=str(file), format=DiskFormat.RAW),)

    @pytest.fixture(scope="class")
    @classmethod
    def guests(cls):
        return GUESTS
