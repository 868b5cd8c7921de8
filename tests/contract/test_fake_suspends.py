"""The fake's guests stand still, whoever is killed meanwhile; the contract suite has what every hypervisor does."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from functools import partial

import pytest
from msgspec.structs import replace

from vmf.errors import HostFault
from vmf.hookspecs import GAP
from vmf.model import Ending, Forward, MachineNic, NetworkType, Power, Stop, Suspend
from vmf.result import Said, Word

NIC = MachineNic(mac="52:54:00:c0:00:01", type=NetworkType.USER, forwards=(Forward(port=7000),))
MANY_SECONDS = 200
ASKED = [("vmf.testing.world:_alive", number) for number in range(2)]
TAKEN_BACK = [("pathlib:Path.unlink", number) for number in range(3)]
STARTED = [("vmf.testing.world:_bury", 0), ("vmf.testing.world:_start", 0), ("subprocess:Popen.communicate", 0)]
HARD = [
    *(("suspend", Suspend.HARD, *step) for step in ASKED),
    *(("resume", Suspend.HARD, *step) for step in (*TAKEN_BACK, *STARTED)),
]
SOFT = [
    *(("suspend", Suspend.SOFT, *step) for step in ASKED),
    *(("resume", Suspend.SOFT, *step) for step in TAKEN_BACK),
]


def counts_on(bench, handle):
    far = bench.counted(handle) + 3
    bench.until(partial(bench.counted, handle), lambda number: number >= far)


@pytest.mark.parametrize(
    ("console", "heard"),
    [(b"count 1\r\ncount 2\ncou", 2), (b"count 1\ncount 2" + GAP + b"\ncount 25\ncount 26\n", 26), (GAP, 0)],
)
def test_who_counts_may_be_unheard_for_a_while(monkeypatch, bench, console, heard):
    monkeypatch.setattr(bench, "console", lambda _handle: console)
    assert bench.counted(None) == heard


@pytest.mark.parametrize(
    "console",
    [b"count 2\n", b"count 1\ncount 3\n", b"count 1\n" + GAP + b"count 1\n", GAP + b"count 5\ncount 7\n"],
)
def test_who_counts_leaves_out_nothing_and_says_nothing_twice(monkeypatch, bench, console):
    monkeypatch.setattr(bench, "console", lambda _handle: console)
    with pytest.raises(AssertionError, match="no way to count"):
        bench.counted(None)


@pytest.fixture
def killed(bench, dies):
    """Have a guest that counts suspended or resumed by somebody who is killed on the way."""

    def kill(verb, how, place, number):
        handle = bench.run("echo vmf-ready\ncount")
        words = (verb, handle.machine, how)
        if verb == "resume":
            bench.hypervisor.suspend(handle, how)
            words = words[:2]
        dies((place, number), *words)
        return handle

    return kill


@pytest.mark.parametrize(("verb", "how", "place", "number"), [*SOFT, *HARD])
def test_a_guest_goes_on_and_can_be_suspended_whoever_was_killed(bench, killed, verb, how, place, number):
    handle = killed(verb, how, place, number)
    assert bench.hypervisor.state(handle).power in {Power.RUNNING, Power.PAUSED, Power.SAVED}
    assert bench.hypervisor.resume(handle).power is Power.RUNNING
    counts_on(bench, handle)
    assert bench.hypervisor.state(handle).power is Power.RUNNING
    assert bench.hypervisor.suspend(handle, Suspend.HARD).power is Power.SAVED
    assert bench.hypervisor.resume(handle).power is Power.RUNNING
    counts_on(bench, handle)


@pytest.mark.parametrize(("verb", "how", "place", "number"), HARD)
def test_a_guest_is_forced_off_whoever_was_killed(bench, killed, verb, how, place, number):
    handle = killed(verb, how, place, number)
    assert bench.hypervisor.shut_down(handle, Stop.FORCE).ending is Ending.KILLED
    assert bench.hypervisor.resume(handle).ending is Ending.KILLED


def test_a_guest_remembers_what_it_has_done(bench, tmp_path):
    handle = bench.run("echo vmf-ready\nwrite made made\ndeaf\nhear\nhear\nexit 7")
    for line in ("one", "two"):
        bench.hypervisor.suspend(handle, Suspend.HARD)
        bench.hypervisor.resume(handle)
        bench.hypervisor.shut_down(handle, Stop.ASK)
        with closing(bench.hypervisor.open_console(handle)) as terminal:
            terminal.write(f"{line}\n".encode())
        bench.told(handle, f"heard {line}")
    bench.until(partial(bench.hypervisor.state, handle), lambda state: state.power is Power.OFF)
    assert bench.read(handle, tmp_path) == Word(said=Said.ALL, exit_code=7, files=("made",))
    assert bench.console(handle) == b"vmf-ready\ndeaf\nheard one\nheard two\n"


def test_a_sleep_goes_on_where_it_was(bench, machine):
    handle = bench.run(f"echo vmf-ready\nsleep {MANY_SECONDS}")

    def left():
        bench.hypervisor.suspend(handle, Suspend.HARD)
        seconds = json.loads((machine(handle) / "memory").read_text())["left"]
        bench.hypervisor.resume(handle)
        return seconds

    before = bench.until(left, lambda seconds: seconds < MANY_SECONDS)
    assert 0 < left() <= before


def call(port):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        return connection.recv(100)


def test_a_guest_keeps_its_ports(bench):
    handle = bench.run("echo vmf-ready\nserve", amend=lambda planned: replace(planned, nic=NIC))
    (forward,) = bench.hypervisor.facts(handle).forwards
    assert call(forward.host_port) == b"served\n"
    bench.hypervisor.suspend(handle, Suspend.HARD)
    bench.hypervisor.resume(handle)
    assert bench.hypervisor.facts(handle).forwards == (forward,)
    assert call(forward.host_port) == b"served\n"
    assert bench.console(handle).count(b"card") == 1


def test_a_guest_whose_port_is_taken_stays_saved(bench):
    handle = bench.run("echo vmf-ready\nserve", amend=lambda planned: replace(planned, nic=NIC))
    (forward,) = bench.hypervisor.facts(handle).forwards
    bench.hypervisor.suspend(handle, Suspend.HARD)
    with socket.create_server(("127.0.0.1", forward.host_port)):
        with pytest.raises(HostFault):
            bench.hypervisor.resume(handle)
        assert bench.hypervisor.state(handle).power is Power.SAVED
    assert bench.hypervisor.resume(handle).power is Power.RUNNING


def test_a_guest_that_is_forced_off_leaves_no_memory(bench, machine):
    handle = bench.run("echo vmf-ready\nhang")
    bench.hypervisor.suspend(handle, Suspend.HARD)
    assert (machine(handle) / "memory").exists()
    bench.hypervisor.shut_down(handle, Stop.FORCE)
    assert not (machine(handle) / "memory").exists()
