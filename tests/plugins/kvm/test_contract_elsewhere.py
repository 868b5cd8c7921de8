from __future__ import annotations

import pytest

from vmf.model import Transport
from vmf.spec.image import load_image
from vmf.testing.contract_shell import ShellContract

pytestmark = pytest.mark.real


class TestKvmElsewhere(ShellContract):
    # These take many guests, and show nothing of a host elsewhere that others do not.
    test_a_guest_that_is_forced_was_killed = None
    test_a_guest_that_is_saved_is_taken_so = None
    test_a_guest_that_was_saved_works_to_its_end = None
    test_a_machine_that_may_reboot_is_still_there_after_it = None
    test_a_reboot_ends_a_machine_that_may_not_reboot = None
    test_destroying_a_guest_that_stands_still_leaves_nothing = None
    test_destroying_leaves_nothing = None
    test_who_stands_still_cannot_be_asked_to_power_off = None

    @pytest.fixture(scope="class")
    @classmethod
    def host(cls, remote_host):
        return remote_host(Transport.TCP)

    @pytest.fixture(scope="class")
    @classmethod
    def image(cls, tiny):
        return load_image(str(tiny), beside=tiny, images=tiny)
