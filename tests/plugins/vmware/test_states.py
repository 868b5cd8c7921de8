from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vmf.model import Ending
from vmf_vmware import states
from vmf_vmware.events import DIED, Happened

STARTED = "VmPoweredOnEvent"


def life(*kinds):
    """What has happened to a machine; a kind with a user's name after a slash was asked for by that user."""
    several = (kind.partition("/") for kind in kinds)
    return tuple(
        Happened(kind=kind, user=user, at=datetime(2026, 1, 1, tzinfo=UTC), number=number, message=kind)
        for number, (kind, _, user) in enumerate(several)
    )


@pytest.mark.parametrize(
    ("happened", "ending"),
    [
        ([STARTED, "VmPoweredOffEvent"], Ending.SHUTDOWN),
        ([STARTED, "VmPoweredOffEvent/root"], Ending.KILLED),
        ([STARTED, "VmGuestShutdownEvent/root", "VmPoweredOffEvent"], Ending.SHUTDOWN),
        ([STARTED, "VmGuestShutdownEvent/root", "VmPoweredOffEvent/root"], Ending.KILLED),
        ([STARTED, "esx.problem.vm.crashed", "VmPoweredOffEvent"], Ending.CRASHED),
        ([STARTED, DIED, "VmPoweredOffEvent"], Ending.CRASHED),
        ([STARTED, "VmMessageErrorEvent", "VmPoweredOffEvent"], Ending.CRASHED),
    ],
)
def test_how_a_machine_ended_is_what_its_host_says(happened, ending):
    found = states.ending(life(*happened))
    assert found.ending is ending
    assert found.detail


def test_nothing_is_made_up_before_the_host_has_said_it():
    assert states.ending(life(STARTED)) is None
    assert states.ending(()) is None


@pytest.mark.parametrize(
    ("kind", "expected"), [("VmResettingEvent", True), ("VmGuestRebootEvent", True), (STARTED, False)]
)
def test_a_reboot_is_seen(kind, expected):
    assert states.has_rebooted(life(STARTED, kind)) is expected
