from __future__ import annotations

import pytest

from vmf.model import Host
from vmf.testing.contract import Guests, HypervisorContract

pytestmark = pytest.mark.real


class TestKvm(HypervisorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def host(cls):
        return Host(name="local", type="kvm")

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, new_home):
        return new_home()

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls, image):
        return image

    @pytest.fixture(scope="class")
    @classmethod
    def guests(cls):
        return Guests(
            ends="echo vmf-ready\nhead -c 70000 /dev/zero | tr '\\0' x\necho\necho made > made\nexit 7\n",
            hangs="echo vmf-ready\nwhile :; do sleep 1; done\n",
            ignores="pkill -f 'head -c 1 /dev/input' || killall head\necho vmf-ready\nwhile :; do sleep 1; done\n",
            reboots="echo vmf-ready\nsleep 0.1\nreboot -f\n",
        )
