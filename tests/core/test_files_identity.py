from __future__ import annotations

import shlex

import pytest
from msgspec.structs import replace

from vmf.files import cdrom
from vmf.files.identity import HOST_MOST, host_name, identity
from vmf.model import Clock, Job, Machine, MachineNic, NetworkType

MACHINE = Machine(name="m", memory=2**28, cpus=1, accelerator="tcg")
CARD = MachineNic(type=NetworkType.USER, mac="02:00:00:00:00:01")


def read(machine, name="job"):
    """What a shell reads of it."""
    return dict(word.split("=", 1) for word in shlex.split(identity(machine, name).decode()))


def test_no_two_are_alike():
    first, second = read(MACHINE), read(MACHINE)
    assert first["vmf_machine"] != second["vmf_machine"]
    assert first["vmf_seed"] != second["vmf_seed"]


def test_a_machine_s_number_is_what_systemd_takes():
    number = read(MACHINE)["vmf_machine"]
    assert len(number) == 32
    assert int(number, 16)


@pytest.mark.parametrize(("clock", "word"), [(Clock.UTC, "-u"), (Clock.LOCAL, "-l")])
def test_the_guest_is_told_what_its_clock_shows(clock, word):
    assert read(replace(MACHINE, clock=clock))["vmf_clock"] == word


def test_the_guest_is_told_of_its_card():
    assert read(MACHINE)["vmf_mac"] == ""
    assert read(replace(MACHINE, nic=CARD))["vmf_mac"] == CARD.mac


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("hello", "hello"),
        ("Fit.Model_3", "fit-model-3"),
        ("--x--", "x"),
        ("...", "vmf"),
        ("a" * 62 + ".b", "a" * 62),
        ("$(reboot)'\n", "reboot"),
    ],
)
def test_a_host_is_called_by_what_a_host_may_be_called(name, host):
    assert host_name(name) == host
    assert len(host) <= HOST_MOST


def test_only_a_guest_that_wakes_is_told_who_it_is():
    job = Job(name="job", memory=2**28, run="")
    assert "identity" not in cdrom.contents(job, bytes(512))
    assert cdrom.contents(job, bytes(512), identity=b"x=1\n")["identity"] == b"x=1\n"
