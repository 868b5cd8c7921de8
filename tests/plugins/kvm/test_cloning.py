"""Guests that wake, whoever is killed meanwhile; that they wake and work is the contract's."""

from __future__ import annotations

import socket

import pytest
from msgspec.structs import replace

from vmf.blueprint import template
from vmf.errors import HoldCode, HostFault, JobFault
from vmf.files import sparse
from vmf.hookspecs import unreported
from vmf.model import Forward, MachineNic, MachineState, NetworkType, Power, Suspend, Wakes
from vmf_kvm import cloning
from vmf_kvm.folder import Folder
from vmf_kvm.place import ASLEEP, DEVICES, GOLDEN, ROUSED
from vmf_libvirt.client import Client

pytestmark = pytest.mark.real

SCRIPT = "echo woken\nwhile :; do sleep 1; done\n"
RUNNING, PAUSED, ABSENT = (MachineState(power=each) for each in (Power.RUNNING, Power.PAUSED, Power.ABSENT))
STEPS = (
    (Folder, "touch"),
    (Client, "begin"),
    (cloning, "_load"),
    (Client, "plug"),
    (Folder, "rename"),
    (Client, "resume"),
    (Folder, "discard"),
)
"""What waking consists of, in this order."""


class Killed(BaseException):
    """vmf is gone."""


def die(monkeypatch, owner, name, *, after, befall=lambda: None):
    """Have whoever calls a function be killed, before it or after it."""
    function = getattr(owner, name)

    def dying(*words, **named):
        monkeypatch.undo()
        if after:
            function(*words, **named)
        befall()
        raise Killed

    monkeypatch.setattr(owner, name, dying)


@pytest.fixture
def ready(connection, host, put):
    """A template whose guest is ready."""
    planned, _ = put(connection, "")
    made = template(planned, planned.name)
    connection.create(made)
    host.until(lambda: connection.console(made.name, 0), lambda console: b"vmf: ready" in console)
    return made


@pytest.fixture
def listening():
    """A port of this computer that somebody listens at."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


@pytest.fixture(scope="module")
def kept():
    """What the first template of this module has left; the others would leave the same."""
    return {}


@pytest.fixture
def waking(connection, host, put, kept, request):
    """A machine that is to wake."""
    if not kept:
        made = request.getfixturevalue("ready")
        left = connection.imprint(made.name)
        for name in (left.memory, left.state):
            kept[name] = host.home.with_name(name)
            with connection.fetch(made.name, name) as stream, kept[name].open("wb") as writing:
                sparse.copy(stream, writing, unreported)
            kept[name].chmod(0o666)
        kept["wakes"] = Wakes(
            platform=left.platform, equipment=made.equipment, memory=str(kept[GOLDEN]), state=str(kept[DEVICES])
        )
    return put(connection, SCRIPT, wakes=kept["wakes"])[0]


def woke_once(host, connection, machine):
    host.until(lambda: connection.console(machine.name, 0), lambda console: b"woken" in console)
    assert connection.state(machine.name) == RUNNING
    assert connection.console(machine.name, 0).count(b"woken") == 1
    assert not {ASLEEP, ROUSED} & {each.name for each in connection.folder(machine.name).path.iterdir()}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=[name for _, name in STEPS])
def test_whoever_is_killed_a_guest_wakes_once(connection, host, waking, monkeypatch, step, after):
    die(monkeypatch, *step, after=after)
    with pytest.raises(Killed):
        connection.create(waking)
    for _ in range(2):
        connection.create(waking)
    woke_once(host, connection, waking)


@pytest.mark.parametrize("step", [(Client, "begin"), (cloning, "_load"), (Client, "resume")], ids=lambda each: each[1])
def test_a_guest_wakes_once_although_the_daemon_dies(connection, host, waking, monkeypatch, step):
    die(monkeypatch, *step, after=True, befall=lambda: host.kill(host.daemon_pid()))
    with pytest.raises(Killed):
        connection.create(waking)
    connection.create(waking)
    woke_once(host, connection, waking)


def test_a_machine_that_is_asleep_is_removed_whole(connection, host, waking, monkeypatch):
    before = host.files()
    die(monkeypatch, Client, "resume", after=False)
    with pytest.raises(Killed):
        connection.create(waking)
    assert connection.state(waking.name) == PAUSED
    assert connection.destroy(waking.name) == connection.state(waking.name) == ABSENT
    assert {each for each in host.files() if each.name.startswith(waking.name)} <= before


def test_a_guest_that_was_suspended_since_stays_so(connection, host, waking, monkeypatch):
    """Although whoever let it go on could not note that it has run."""
    die(monkeypatch, Client, "resume", after=True)
    with pytest.raises(Killed):
        connection.create(waking)
    host.until(lambda: connection.console(waking.name, 0), lambda console: b"woken" in console)
    assert connection.suspend(waking.name, Suspend.SOFT) == PAUSED
    connection.create(waking)
    assert connection.state(waking.name) == PAUSED


@pytest.mark.parametrize(
    ("name", "after"), [("suspend", True), ("_tell", False), ("_tell", True), ("force_off", False)]
)
def test_whoever_is_killed_a_template_is_imprinted(connection, ready, monkeypatch, name, after):
    die(monkeypatch, cloning if name == "_tell" else Client, name, after=after)
    with pytest.raises(Killed):
        connection.imprint(ready.name)
    left = connection.imprint(ready.name)
    assert connection.state(ready.name).power is Power.OFF
    with connection.fetch(ready.name, left.memory) as memory, connection.fetch(ready.name, left.state) as state:
        assert memory.seek(0, 2) == ready.memory
        assert state.read(4) == b"QEVM"


def test_a_guest_that_woke_may_reboot(connection, host, waking):
    """It boots then, and is nobody's template."""
    connection.create(replace(waking, reboots=True))
    host.until(lambda: connection.console(waking.name, 0), lambda console: b"woken" in console)
    connection.client.monitor(waking.name, "system_reset")
    host.until(lambda: connection.console(waking.name, 0).count(b"woken"), lambda times: times > 1)
    assert b"vmf: ready" not in connection.console(waking.name, 0)


def test_a_port_that_is_taken_is_told_and_the_guest_wakes_when_it_is_free(connection, host, waking, listening):
    forward = Forward(port=80, host_port=listening.getsockname()[1])
    machine = replace(waking, nic=MachineNic(type=NetworkType.USER, mac="52:54:00:00:00:32", forwards=(forward,)))
    with pytest.raises(JobFault) as caught:
        connection.create(machine)
    assert caught.value.code is HoldCode.PORT_IN_USE
    listening.close()
    connection.create(machine)
    woke_once(host, connection, machine)
    assert [each.host_port for each in connection.facts(machine.name).forwards] == [forward.host_port]


def test_memory_that_only_its_owner_may_use_is_lent(connection, host, waking, kept):
    """To root's guests, who run as somebody else; QEMU opens it to write as well, although it writes nothing."""
    kept[GOLDEN].chmod(0o600)
    connection.create(waking)
    woke_once(host, connection, waking)
    assert kept[GOLDEN].stat().st_uid == connection.daemon.account.uid


def test_what_was_made_on_something_else_is_the_hosts_fault(connection, waking):
    newer = replace(waking.wakes, platform=replace(waking.wakes.platform, version="99.0"))
    with pytest.raises(HostFault, match=r"QEMU 99\.0"):
        connection.create(replace(waking, wakes=newer))


def test_a_part_of_what_the_devices_did_is_the_jobs_fault(connection, waking, kept):
    half = kept[DEVICES].with_name("half")
    half.write_bytes(kept[DEVICES].read_bytes()[:100_000])
    with pytest.raises(JobFault, match="error while loading state") as caught:
        connection.create(replace(waking, wakes=replace(waking.wakes, state=str(half))))
    assert caught.value.code is HoldCode.IMAGE_INVALID
    connection.create(waking)
    assert connection.state(waking.name) == RUNNING
