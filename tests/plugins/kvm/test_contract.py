from __future__ import annotations

import pytest

from guests.wide_contract import WideContract
from vmf.model import Host

pytestmark = pytest.mark.real


class TestKvm(WideContract):
    @pytest.fixture(scope="class")
    @classmethod
    def host(cls):
        return Host(name="local", type="kvm")
