from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import msgspec
import pytest

from guests.fake import GUESTS
from made_up import loaded
from vmf.errors import HostFault, HostLost, JobFault
from vmf.model import DiskFormat, Ending, Handle, Host, Image, Machine, MachineDisk, Power, Stop
from vmf.result import Said
from vmf.testing import fake, world
from vmf.testing.abilities import lacking, requires, tried, tries
from vmf.testing.contract import CAPABILITIES, HypervisorContract

MAKER = """
import os, signal, sys
from pathlib import Path
import msgspec
from vmf.model import Host, Machine
from vmf.testing import fake

machine = msgspec.json.decode(sys.stdin.buffer.read(), type=Machine)
fake.create(fake.connect(Path(sys.argv[1])), Host(name="made-up", type="fake"), machine)
os.kill(os.getpid(), signal.SIGKILL)
"""


class TestFake(HypervisorContract):
    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def far_away(cls):
        """Local time is not UTC here."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TZ", "AEST-10")
            time.tzset()
            yield
        time.tzset()

    @pytest.fixture(scope="class")
    @classmethod
    def plugins(cls):
        return loaded()

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
        return GUESTS


@pytest.mark.parametrize(
    ("script", "ending", "said"),
    [
        ("exit 0", Ending.SHUTDOWN, Said.ALL),
        ("a line that is no word of its language", Ending.SHUTDOWN, Said.ALL),
        ("cut", Ending.SHUTDOWN, Said.PART),
        ("silent", Ending.SHUTDOWN, Said.NOTHING),
        ("crash", Ending.CRASHED, Said.NOTHING),
        ("reboot", Ending.REBOOTED, Said.NOTHING),
        ("panic", Ending.PANICKED, Said.NOTHING),
    ],
)
def test_a_guest_ends_as_its_script_says(bench, tmp_path, script, ending, said):
    handle = bench.run(f"echo vmf-ready\n{script}")
    state = bench.until(lambda: bench.hypervisor.state(handle), lambda state: state.power is Power.OFF)
    assert state.ending is ending
    (tmp_path / "unpacked").mkdir()
    assert bench.read(handle, tmp_path / "unpacked").said is said


def test_what_it_does_not_know_goes_to_the_console(bench):
    handle = bench.run("echo vmf-ready\nmake me a sandwich\nhang")
    bench.until(lambda: bench.console(handle), lambda console: b"make me a sandwich\n" in console)


def test_files_that_nobody_asked_for_stay(bench, tmp_path):
    handle = bench.run("write made yes\nwrite other no\necho vmf-ready\nexit 3")
    bench.until(lambda: bench.hypervisor.state(handle), lambda state: state.power is Power.OFF)
    assert bench.read(handle, tmp_path).files == ("made",)


def test_a_guest_that_is_killed_was_killed(bench, tmp_path):
    handle = bench.run(GUESTS.hangs)
    pid = int((tmp_path / "world" / "machines" / handle.machine / "pid").read_text())
    os.kill(pid, signal.SIGKILL)
    state = bench.until(lambda: bench.hypervisor.state(handle), lambda state: state.power is Power.OFF)
    assert state.ending is Ending.KILLED


def test_a_guest_does_not_outlive_its_machine(bench, tmp_path):
    handle = bench.run(GUESTS.hangs)
    guest = os.pidfd_open(int((tmp_path / "world" / "machines" / handle.machine / "pid").read_text()))
    try:
        bench.hypervisor.destroy(handle)
        ended, _, _ = select.select([guest], [], [], GUESTS.seconds)
    finally:
        os.close(guest)
    assert ended


def test_a_machine_outlives_whoever_made_it(bench, tmp_path):
    name = bench.new_name()
    bench.put(name, GUESTS.hangs)
    maker = subprocess.run(
        (sys.executable, "-c", MAKER, tmp_path / "world"),
        input=msgspec.json.encode(bench.machine(name, GUESTS.hangs)),
        check=False,
    )
    assert maker.returncode == -signal.SIGKILL
    handle = Handle(host="made-up", machine=name)
    assert bench.hypervisor.state(handle).power is Power.RUNNING
    bench.hypervisor.shut_down(handle, Stop.ASK)
    state = bench.until(lambda: bench.hypervisor.state(handle), lambda state: state.power is Power.OFF)
    assert state.ending is Ending.SHUTDOWN


def test_a_machine_that_was_defined_and_not_started_is_started_once(bench, tmp_path):
    name = bench.new_name()
    bench.put(name, GUESTS.hangs)
    machine = bench.machine(name, GUESTS.hangs)
    world._define(tmp_path / "world" / "machines" / name, machine)  # and whoever did it was killed
    handle = Handle(host="made-up", machine=name)
    assert bench.hypervisor.state(handle).ending is Ending.UNKNOWN
    bench.hypervisor.create(machine)
    assert bench.hypervisor.state(handle).power is Power.RUNNING


def test_several_who_create_it_at_once_get_one_machine(bench):
    name = bench.new_name()
    bench.put(name, GUESTS.hangs)
    machine = bench.machine(name, GUESTS.hangs)
    with ThreadPoolExecutor(max_workers=8) as pool:
        handle, *_ = pool.map(bench.hypervisor.create, [machine] * 8)
    assert bench.hypervisor.state(handle).power is Power.RUNNING
    bench.until(lambda: bench.console(handle), lambda console: console == b"vmf-ready\n")


def test_adopting_a_machine_leaves_its_disks_as_they_are(bench, tmp_path):
    disk = MachineDisk(file="/images/root.raw", format=DiskFormat.RAW)
    machine = Machine(name="m", memory=2**28, cpus=1, accelerator="fake", disks=(disk,))
    handle = bench.hypervisor.create(machine)
    with bench.hypervisor.fetch(handle, "disk0") as overlay:
        assert overlay.read() == b"overlay over /images/root.raw\n"
    (tmp_path / "world" / "machines" / "m" / "files" / "disk0").write_bytes(b"changed")
    bench.hypervisor.create(machine)
    with bench.hypervisor.fetch(handle, "disk0") as overlay:
        assert overlay.read() == b"changed"


def test_a_file_that_is_not_there_is_named(bench):
    handle = Handle(host="made-up", machine=bench.new_name())
    with pytest.raises(HostFault, match=f"machine {handle.machine} has no file results"):
        bench.hypervisor.fetch(handle, "results")


@pytest.mark.parametrize(("kind", "error"), [("job", JobFault), ("host", HostFault), ("lost", HostLost)])
def test_a_fault_comes_as_often_as_it_was_told_to(bench, tmp_path, kind, error):
    fault = {"kind": kind, "brief": "the moon is full", "times": 2}
    (tmp_path / "world" / "faults.json").write_bytes(msgspec.json.encode({"state": fault}))
    handle = Handle(host="made-up", machine=bench.new_name())
    for _ in range(2):
        with pytest.raises(error, match="the moon is full"):
            bench.hypervisor.state(handle)
    assert bench.hypervisor.state(handle).power is Power.ABSENT
    assert bench.hypervisor.machines() == ()


def test_a_disc_that_is_none_is_the_fault_of_the_job(bench, tmp_path):
    name = bench.new_name()
    (tmp_path / "cdrom").write_text("no ISO at all")
    bench.hypervisor.put(name, "cdrom", tmp_path / "cdrom")
    with pytest.raises(JobFault, match="the CD cdrom cannot be read"):
        bench.hypervisor.create(bench.machine(name, "hang"))


def test_an_ability_that_no_test_tries_cannot_be_declared():
    said = msgspec.structs.replace(fake.hypervisor(), capabilities={**fake.ABILITIES, "levitation": "it floats"})
    plugins = SimpleNamespace(types={"fake": said})
    with pytest.raises(AssertionError):
        TestFake().test_every_capability_is_tried(plugins, Host(name="made-up", type="fake"))


class Magic(TestFake):
    __test__ = False

    @tries("levitation", "invisibility")
    def test_of_magic(self): ...

    @requires("saw", "rabbit")
    @tries("hat", "rabbit")
    def test_of_tricks(self): ...


def test_a_test_says_which_abilities_it_tries():
    added = dict(tried(Magic).items() - CAPABILITIES.items())
    magic, tricks = ("levitation", "invisibility"), ("hat", "saw", "rabbit")
    assert added == {**dict.fromkeys(magic, "test_of_magic"), **dict.fromkeys(tricks, "test_of_tricks")}


@pytest.mark.parametrize(
    ("test", "able", "reasons"),
    [
        (Magic.test_of_magic, {"invisibility"}, ()),
        (Magic.test_of_magic, {"saw"}, ("levitation", "invisibility")),
        (Magic.test_of_tricks, {"saw", "rabbit"}, ()),
        (Magic.test_of_tricks, {"saw", "hat"}, ("rabbit",)),
        (Magic.test_of_tricks, set(), ("hat", "rabbit", "saw")),
        (Magic.test_facts_of_a_machine, set(), ()),
    ],
)
def test_a_test_is_run_where_a_host_has_what_it_is_tied_to(test, able, reasons):
    assert lacking(test, able) == reasons
