"""`vmf show`, `vmf facts` and the addresses in `vmf ps`: what is known of a job and of its machine."""

from __future__ import annotations

import json
import signal
from contextlib import closing

import pytest
from msgspec.structs import replace

from shell import DEADLINE, Shell
from vmf.model import Home
from vmf.store import Store

STRANGE = "\udcff\x1b[2J"
"""No text at all, and no name."""


@pytest.fixture
def running(shell: Shell):
    """A job that another process runs."""
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        yield process
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


@pytest.mark.usefixtures("running")
def test_the_story_of_a_job_that_runs(shell: Shell) -> None:
    told = shell.vmf("show", "j").stdout
    assert "j, number 1" in told
    for words in ("running: its guest runs", "box", "256 MiB, 1 cpu", "farm, of type fake: memory", "vmf-1-1"):
        assert words in told
    assert f"go to {shell.folder / 'j.results'}" in told
    *_, placed, created = told.splitlines()
    assert placed.split()[2:] == ["starting", "placed", "on", "farm"]
    assert created.split()[2:] == ["running", "machine", "vmf-1-1", "is", "in", "being"]


@pytest.mark.usefixtures("running")
def test_the_story_for_programs(shell: Shell) -> None:
    told = json.loads(shell.vmf("show", "1", "--format", "json").stdout)
    assert (told["name"], told["state"], told["host"], told["attempt"], told["orphaned"]) == (
        "j", "running", "farm", 1, False,
    )  # fmt: skip
    assert told["facts"]["memory"] == 2**28
    assert [each["event"]["type"] for each in told["events"]] == ["placed", "created"]
    assert told["verdict"] is None


@pytest.mark.usefixtures("running")
def test_a_host_that_cannot_say_is_part_of_the_story(shell: Shell) -> None:
    shell.fault("facts", "lost", "the host sleeps", times=2)
    assert "the host sleeps" in shell.vmf("show", "j").stdout
    told = json.loads(shell.vmf("show", "j", "--format", "json").stdout)
    assert (told["facts"], told["unknown"]) == (None, "the host sleeps")


def test_the_story_of_a_job_that_has_ended(shell: Shell) -> None:
    shell.job("exit 3")
    shell.vmf("run", "j.yaml")
    told = shell.vmf("show", "j").stdout
    assert "completed, exit code 3 (guest), in" in told
    assert f"results in {shell.folder / 'j.results'}" in told
    assert "judged: completed" in told
    assert "ended: shutdown" in told


@pytest.mark.usefixtures("running")
def test_what_the_hypervisor_knows_now(shell: Shell) -> None:
    known = shell.vmf("facts", "j").stdout
    assert "memory  256 MiB" in known
    assert "disk0" in known
    assert json.loads(shell.vmf("facts", "j", "--format", "json").stdout)["memory"] == 2**28


@pytest.mark.parametrize(
    "words",
    [
        *[("show", job) for job in ("k", "7", "j\n", "' OR 1 --", "-")],
        *[(*command, STRANGE) for command in (("show",), ("logs",), ("console",), ("facts",), ("media", "--eject"))],
    ],
)
def test_a_job_that_nobody_knows(shell: Shell, words) -> None:
    done = shell.vmf(*words)
    assert (done.returncode, done.stdout) == (78, "")
    assert f"no job is called {words[-1]!r}" in done.stderr


def test_of_a_machine_that_does_not_run_there_are_no_facts(shell: Shell) -> None:
    shell.job("exit 0")
    shell.vmf("run", "j.yaml")
    done = shell.vmf("facts", "j")
    assert (done.returncode, done.stdout) == (78, "")
    assert "j (job 1) is completed: has ended by itself" in done.stderr


@pytest.mark.usefixtures("running")
def test_the_list_of_jobs_has_addresses_and_asks_nobody(shell: Shell) -> None:
    with closing(Store(Home(root=shell.home))) as store:
        store.update(replace(store.find("j"), address="192.0.2.1, 127.0.0.1:40022->22/tcp"))
    shell.fault("connect", "lost", "it was asked", times=1)
    assert "  192.0.2.1, 127.0.0.1:40022->22/tcp" in shell.row("j")
    assert json.loads(shell.vmf("ps", "--format", "json").stdout)[0]["address"].startswith("192.0.2.1")
