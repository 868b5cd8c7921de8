from __future__ import annotations

import libvirt
import pytest

from vmf.model import Ending, Power
from vmf_libvirt.states import DomainState, ShutoffReason, machine_state


@pytest.mark.parametrize(("ours", "prefix"), [(DomainState, "VIR_DOMAIN_"), (ShutoffReason, "VIR_DOMAIN_SHUTOFF_")])
def test_numbers_are_libvirts(ours, prefix):
    assert {each.name: getattr(libvirt, prefix + each.name) for each in ours} == {each.name: each for each in ours}


@pytest.mark.parametrize(
    ("reason", "ending"),
    [
        (libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN, Ending.SHUTDOWN),
        (libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED, Ending.KILLED),
        (libvirt.VIR_DOMAIN_SHUTOFF_CRASHED, Ending.CRASHED),
        (libvirt.VIR_DOMAIN_SHUTOFF_FAILED, Ending.CRASHED),
        (libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN, Ending.UNKNOWN),
        (libvirt.VIR_DOMAIN_SHUTOFF_DAEMON, Ending.UNKNOWN),
        (99, Ending.UNKNOWN),
    ],
)
def test_how_a_machine_ended_is_told_apart(reason, ending):
    state = machine_state(libvirt.VIR_DOMAIN_SHUTOFF, reason)
    assert (state.power, state.ending) == (Power.OFF, ending)
    assert state.detail


@pytest.mark.parametrize(
    ("state", "power", "ending"),
    [
        (libvirt.VIR_DOMAIN_RUNNING, Power.RUNNING, None),
        (libvirt.VIR_DOMAIN_BLOCKED, Power.RUNNING, None),
        (libvirt.VIR_DOMAIN_SHUTDOWN, Power.RUNNING, None),
        (libvirt.VIR_DOMAIN_PAUSED, Power.PAUSED, None),
        (libvirt.VIR_DOMAIN_PMSUSPENDED, Power.PAUSED, None),
        (libvirt.VIR_DOMAIN_CRASHED, Power.OFF, Ending.CRASHED),
        (libvirt.VIR_DOMAIN_NOSTATE, Power.UNKNOWN, None),
        (99, Power.UNKNOWN, None),
    ],
)
def test_every_state_has_a_power(state, power, ending):
    found = machine_state(state, 0)
    assert (found.power, found.ending) == (power, ending)


def test_a_full_disk_is_told():
    state = machine_state(libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_IOERROR)
    assert "out of space" in state.detail
