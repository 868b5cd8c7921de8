"""The fake keeps to the states in which `vmf.hookspecs.LEGAL` says that verbs are legal."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace

from guests.fake import GUESTS
from vmf.errors import HostFault, JobFault
from vmf.hookspecs import LEGAL, OPTIONAL
from vmf.model import Handle, MachineCdrom, Power, Stop, Suspend

VERBS = {
    "put": lambda host, handle, file: host.put(handle.machine, "word", file),
    "change_media": lambda host, handle, _: host.change_media(handle, 1, ""),
    "open_console": lambda host, handle, _: host.open_console(handle).close(),
    "copy_in": lambda host, handle, _: host.copy_in(handle, io.BytesIO(b"word"), "/word"),
    "copy_out": lambda host, handle, _: host.copy_out(handle, "/word").close(),
    "execute": lambda host, handle, _: host.execute(handle, ("sh", "-c", "exit 0")).poll(),
    "set_clock": lambda host, handle, _: host.set_clock(handle),
    "checkpoint": lambda host, handle, _: host.checkpoint(handle, 1),
    "fold": lambda host, handle, _: host.fold(handle),
    "fetch": lambda host, handle, _: host.fetch(handle, "results").close(),
    "state": lambda host, handle, _: host.state(handle),
    "examine": lambda host, handle, _: host.examine(handle),
    "console": lambda host, handle, _: host.console(handle, 0),
    "facts": lambda host, handle, _: host.facts(handle),
}
"""Calls that leave a machine as it was."""
INTO = {
    Power.RUNNING: lambda _host, _handle: None,
    Power.PAUSED: lambda host, handle: host.suspend(handle, Suspend.SOFT),
    Power.SAVED: lambda host, handle: host.suspend(handle, Suspend.HARD),
    Power.OFF: lambda host, handle: host.shut_down(handle, Stop.FORCE),
    Power.ABSENT: lambda host, handle: host.destroy(handle),
}


@pytest.fixture(params=INTO, ids=str)
def machine(request, bench):
    """A machine in each state."""
    handle = bench.run(
        GUESTS.discs, amend=lambda planned: replace(planned, agent=True, cdroms=(*planned.cdroms, MachineCdrom()))
    )
    bench.hypervisor.copy_in(handle, io.BytesIO(b"word"), "/word")
    INTO[request.param](bench.hypervisor, handle)
    return handle


def test_a_verb_is_legal_where_it_is_said_to_be(bench, machine: Handle, tmp_path):
    (tmp_path / "word").touch()
    before = bench.hypervisor.state(machine)
    for verb, call in VERBS.items():
        if before.power in LEGAL.get(verb, Power):
            call(bench.hypervisor, machine, tmp_path / "word")
        else:
            with pytest.raises((JobFault, HostFault)):
                call(bench.hypervisor, machine, tmp_path / "word")
        assert bench.hypervisor.state(machine) == before


@pytest.mark.parametrize("power", INTO, ids=str)
def test_a_template_is_imprinted_where_that_is_said_to_be_legal(bench, power):
    handle = bench.template()
    into = {**INTO, Power.OFF: lambda host, handle: host.imprint(handle)}
    into[power](bench.hypervisor, handle)
    assert bench.hypervisor.state(handle).power is power
    if power in LEGAL["imprint"]:
        bench.hypervisor.imprint(handle)
        assert bench.hypervisor.state(handle).power is Power.OFF
    else:
        with pytest.raises((JobFault, HostFault)):
            bench.hypervisor.imprint(handle)
        assert bench.hypervisor.state(handle).power is power


def test_every_verb_that_is_not_always_legal_is_tried():
    assert set(LEGAL) <= {*VERBS, "imprint"}
    assert set(OPTIONAL) - set(VERBS) == {"suspend", "resume", "imprint"}
