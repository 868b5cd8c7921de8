from __future__ import annotations

import time

import pytest

from shell import DEADLINE, Shell
from vmf import classad

LS = ("host", "ls", "--hosts", "hosts")


@pytest.fixture(autouse=True)
def hosts(shell: Shell) -> None:
    shell.host("barn", more=", memory: 2GiB, cpus: 3, machines: 2")
    shell.host("dead")
    shell.fault("probe", "host", "out \x1b[31mof order", host="dead", times=9)


def test_hosts_are_listed_with_what_is_free_and_those_that_cannot_be_used_with_the_reason(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "j.yaml", "--set", 'requirements=TARGET.Name == "barn"') as process:
        shell.reaches("j", "running")
        done = shell.vmf(*LS)
        assert shell.vmf("rm", "j").returncode == 0
        process.communicate(timeout=DEADLINE)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "NAME  TYPE  ACCELERATOR  FREE MEMORY       FREE CPUS  RUNNING  MORE  NETWORK",
        "barn  fake  fake         1.8 GiB of 2 GiB  2 of 3     1        1     user",
        "farm  fake  fake         4 GiB of 4 GiB    4 of 4     0        any   user",
        r"dead cannot be used: out \x1b[31mof order",
    ]


@pytest.mark.parametrize("words", [("-l",), ("--format", "json"), ("-l", "--format", "json")])
def test_the_hosts_ads_can_be_had_and_read_again(shell: Shell, words: tuple[str, ...]) -> None:
    shell.host("farm", more=', attributes: {Rack: 2 + 2, Site: "\\"caf\u00e9\\""}')
    done = shell.vmf(*LS, *words)
    assert done.returncode == 0
    barn, dead, farm = classad.read(done.stdout)
    assert (barn["Name"], barn["Memory"], barn["VM_AvailNum"]) == ("barn", 2048, 2)
    assert (classad.unparse(farm["Rack"]), farm["Site"]) == ("2 + 2", "caf\u00e9")
    assert (dead["Name"], dead["HasVM"]) == ("dead", False)
    assert "of order" in str(dead["Unusable"])
    assert "\x1b" not in done.stdout
    assert done.stdout.isascii() is ("json" in words)


def test_what_is_set_aside_is_told_with_the_reason_and_since_when(shell: Shell) -> None:
    shell.job("exit 0")
    shell.fault("create", "host", "no \x1b[31mscreen is left", ability="vnc")
    words = ("j.yaml", "--set", "vnc=true", "--hosts", "hosts/farm.yaml")
    done = shell.vmf("run", *words)
    assert done.returncode == 71
    said = shell.vmf(*LS).stdout
    assert r"farm lacks vnc for now: no \x1b[31mscreen is left; set aside since " in said
    _, dead, farm = classad.read(shell.vmf(*LS, "-l").stdout)
    assert "screen is left" in str(farm["VMOfflineReason"])
    assert "of order" in str(dead["VMOfflineReason"])
    for ad in (farm, dead):
        assert 0 <= time.time() - int(str(ad["VMOfflineTime"])) < DEADLINE
    waits = shell.vmf("match", *words)
    assert waits.returncode == 0
    assert "it waits until" in waits.stdout
    assert "screen is left" in waits.stdout


def test_where_no_host_can_be_used_each_is_told(shell: Shell) -> None:
    for name in ("barn", "farm"):
        shell.fault("probe", "host", f"{name} is out of order", host=name)
    done = shell.vmf(*LS)
    assert done.returncode == 0
    assert [line.split(" ", 1) for line in done.stdout.splitlines()][0::2] == [
        ["barn", "cannot be used: barn is out of order"],
        ["farm", "cannot be used: farm is out of order"],
    ]


def test_what_this_computer_lacks_is_told_of_the_host(shell: Shell) -> None:
    done = shell.vmf("host", "ls")
    assert done.returncode == 0
    assert done.stdout.startswith("local cannot be used: ")
    assert "the path is too long for the sockets in it" in done.stdout
    assert done.stdout.endswith("; set VMF_HOME to a folder with a shorter path\n")
