from __future__ import annotations

import pytest

from vmf.model import Host, Image
from vmf.plugins import HYPERVISORS, Plugins
from vmf.testing import fake
from vmf.testing.contract import Guests, HypervisorContract


class TestFake(HypervisorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugins(cls):
        plugins = Plugins()
        plugins.add(HYPERVISORS, "fake", lambda: fake)
        return plugins

    @pytest.fixture(scope="class")
    @classmethod
    def host(cls):
        return Host(name="made-up", type="fake")

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls):
        return Image(name="none")

    @pytest.fixture(scope="class")
    @classmethod
    def guests(cls):
        return Guests(
            ends=f"echo vmf-ready\necho {'long ' * 14_000}\nwrite made made\nexit 7",
            hangs="echo vmf-ready\nhang",
            ignores="deaf\necho vmf-ready\nhang",
            seconds=20,
        )
