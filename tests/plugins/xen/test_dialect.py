from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from vmf.errors import HoldCode, HostFault, JobFault
from vmf.model import Ending, Machine, Platform, Power
from vmf_libvirt.errors import LibvirtFault, blaming_job
from vmf_libvirt.place import Place
from vmf_libvirt.states import DomainState, ShutoffReason
from vmf_xen.dialect import dialect, judge
from vmf_xen.settings import XenHost

MACHINE = Machine(name="m", memory=2**28, cpus=1, accelerator="xen", kernel="kernel", settings={"mode": "pvh"})
CLIENT = SimpleNamespace(
    versions=lambda: {"xen": 4_017_002, "libvirt": 9_000_000},
    capabilities=lambda: "<capabilities><host><cpu><vendor>AMD</vendor></cpu></host></capabilities>",
)
XEN = dialect(XenHost())

MEANINGS = {
    "it has shut down": (DomainState.SHUTOFF, ShutoffReason.SHUTDOWN, False, Power.OFF, Ending.SHUTDOWN),
    "it is kept as it was when it rebooted": (
        DomainState.SHUTOFF, ShutoffReason.SHUTDOWN, True, Power.OFF, Ending.REBOOTED,
    ),
    "its kernel has panicked": (DomainState.SHUTOFF, ShutoffReason.CRASHED, False, Power.OFF, Ending.PANICKED),
    "it was destroyed": (DomainState.SHUTOFF, ShutoffReason.DESTROYED, False, Power.OFF, Ending.KILLED),
    "it runs": (DomainState.RUNNING, 1, True, Power.RUNNING, None),
    "it stands still": (DomainState.PAUSED, 1, True, Power.PAUSED, None),
    "it was saved": (DomainState.SHUTOFF, ShutoffReason.SAVED, False, Power.SAVED, None),
}  # fmt: skip


@pytest.mark.parametrize("name", MEANINGS)
def test_how_a_guest_ended_is_told_apart(name):
    state, reason, active, power, ending = MEANINGS[name]
    found = judge(state, reason, active)
    assert (found.power, found.ending) == (power, ending)


def test_a_machine_is_described_with_what_its_hosts_block_says():
    words = XenHost(loader=Path("/opt/pvgrub"))
    described = dialect(words).describe(replace(MACHINE, kernel=None), Place(folder=Path("/srv/m"), prefix="ab-"))
    assert "<bootloader>/opt/pvgrub</bootloader>" in described
    assert "<name>ab-m</name>" in described


KEPT = XEN.platform(CLIENT, MACHINE)


def test_what_memory_is_made_on_is_told_and_goes_on_there():
    assert Platform(type="xen", accelerator="xen", version="4.17.2", machine="pvh", cpu="xen", vendor="AMD") == KEPT
    XEN.check(CLIENT, MACHINE, KEPT)
    XEN.check(CLIENT, MACHINE, replace(KEPT, version="4.9.10"))


UNFIT = {
    "it was made by type kvm": {"type": "kvm"},
    "it was made on processors by Intel, these are AMD": {"vendor": "Intel"},
    "it was made by Xen 4.17.10, this is 4.17.2": {"version": "4.17.10"},
}


@pytest.mark.parametrize("reason", UNFIT)
def test_memory_that_does_not_fit_is_the_hosts_fault(reason):
    with pytest.raises(HostFault, match=reason):
        XEN.check(CLIENT, MACHINE, replace(KEPT, **UNFIT[reason]))


@pytest.mark.parametrize("words", ["xc: error: panic: Invalid kernel", "xc: error: kernel is not a bzImage"])
def test_a_kernel_that_is_none_is_the_jobs_fault(words):
    with pytest.raises(JobFault) as caught, blaming_job(XEN.sentences(MACHINE), XEN.failings(MACHINE)):
        raise LibvirtFault(words)
    assert (caught.value.code, caught.value.hint) == (HoldCode.IMAGE_INVALID, "name a Linux kernel")
