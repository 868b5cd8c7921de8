from __future__ import annotations

import json
from contextlib import closing

import pytest

from shell import Shell
from vmf.model import Home, Pace, Work
from vmf.store import Store

HOSTS = ("--hosts", "hosts")


@pytest.fixture(autouse=True)
def hosts(shell: Shell) -> None:
    shell.host("barn", more=", memory: 1GiB, attributes: {Rack: 1}")
    shell.host("farm", more=", memory: 2GiB, attributes: {Rack: 2}")
    shell.job("exit 0")


def estimate(shell: Shell, *words: str, code: int = 0) -> str:
    done = shell.vmf("estimate", "j.yaml", *words, *HOSTS)
    assert (done.returncode, done.stderr) == (code, "")
    return done.stdout


def test_each_hosts_bid_is_told_with_its_parts_best_first(shell: Shell) -> None:
    shell.host("shed", more=", memory: 128MiB")
    shell.fault("probe", "host", "out of order", host="dead")
    shell.host("dead")
    assert [line.strip() for line in estimate(shell).splitlines()] == [
        "j: 2 bids of 4 hosts",
        "RANK  COST   SECONDS  HOST  MADE OF",
        "0     0.125  0.0      farm  memory 256 MiB of 2 GiB that no guest has; nobody knows how fast a guest boots",
        "0     0.25   0.0      barn  memory 256 MiB of 1 GiB that no guest has; nobody knows how fast a guest boots",
        "no bid:",
        "dead: out of order",
        "shed: memory 256 MiB wanted, 128 MiB in all",
    ]


def test_the_jobs_rank_counts_before_any_bid(shell: Shell) -> None:
    lines = estimate(shell, "--set", "rank=-TARGET.Rack").splitlines()
    assert [line.split()[3] for line in lines[2:]] == ["barn", "farm"]


def test_as_json_a_bid_has_its_numbers_and_what_they_are_made_of(shell: Shell) -> None:
    shell.host("shed", more=", memory: 128MiB")
    estimate(shell)  # the probes are over
    with closing(Store(Home(root=shell.home))) as store:
        store.keep_pace("barn", Work.BOOT, Pace(amount=2, seconds=5))
    told = json.loads(estimate(shell, "--format", "json"))["j"]
    assert [each["host"] for each in told["bids"]] == ["farm", "barn"]
    assert told["bids"][1] == {
        "host": "barn",
        "rank": 0.0,
        "bid": {
            "cost": 0.25,
            "cost_of": ["memory 256 MiB of 1 GiB that no guest has"],
            "seconds": 2.5,
            "seconds_of": ["a guest boots in 2.5s"],
        },
    }
    assert [(each["host"], each["clause"]) for each in told["rejected"]] == [("shed", "memory")]


def test_a_run_is_remembered(shell: Shell) -> None:
    shell.job("echo hello\nexit 0", "k")
    assert shell.vmf("run", "k.yaml", *HOSTS).returncode == 0
    assert "a guest boots in " in estimate(shell)


def test_a_job_that_fits_nowhere_has_no_bids(shell: Shell) -> None:
    told = estimate(shell, "--set", "memory=64GiB", code=72)
    assert told.splitlines()[:2] == ["j: 0 bids of 2 hosts", "    no bid:"]


def test_without_a_host_that_can_be_used_it_says_what_is_wrong(shell: Shell) -> None:
    for name in ("barn", "farm"):
        shell.fault("probe", "host", f"{name} is out of order", host=name, times=9)
    done = shell.vmf("estimate", "j.yaml", *HOSTS)
    assert done.returncode == 71
    assert "barn is out of order" in done.stderr
