"""`vmf wait` and `vmf rm` beside an engine of another process."""

from __future__ import annotations

import json
import signal
from contextlib import closing

import pytest

from shell import DEADLINE, Shell, until, waits_for_lock
from vmf.model import Home
from vmf.store import Store, own


@pytest.fixture
def running(shell: Shell):
    """A job that another process runs."""
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        yield process
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 77), (signal.SIGTERM, 80)])
def test_a_wait_for_anothers_job_can_be_broken_off_and_the_job_goes_on(shell: Shell, running, number, code) -> None:
    with shell.start("wait", "j") as waiting:
        until(lambda: waits_for_lock(waiting.pid), "it waits")
        waiting.send_signal(number)
        waiting.communicate(timeout=DEADLINE)
    assert waiting.returncode == code
    assert running.poll() is None
    assert [each.state for each in shell.records("j")] == ["running"]


def test_a_wait_sees_the_end_that_another_engine_brings(shell: Shell) -> None:
    shell.job("hear\nexit 9")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        with shell.start("wait", "j", "--format", "json") as waiting:
            until(lambda: waits_for_lock(waiting.pid), "it waits")
            shell.tell("j")
            out, _ = waiting.communicate(timeout=DEADLINE)
        process.communicate(timeout=DEADLINE)
    assert waiting.returncode == 9
    assert json.loads(out)["state"] == "completed"


def test_a_job_that_is_named_twice_ends_once(shell: Shell) -> None:
    shell.job("exit 44")
    shell.vmf("run", "j.yaml")
    assert shell.vmf("wait", "j", "1").returncode == 44


def test_detaching_and_removing_speak_json(shell: Shell) -> None:
    shell.job("hang")
    said = json.loads(shell.vmf("run", "--detach", "--format", "json", "j.yaml").stdout)
    assert (said["job"], said["id"], said["detached"]) == ("j", 1, True)
    assert said["ad"]["JobName"] == "j"
    shell.reaches("j", "running")
    assert json.loads(shell.vmf("rm", "--format", "json", "j").stdout.splitlines()[-1])["removed"] is True
    until(lambda: shell.left_behind() == [], "all is clean")


@pytest.mark.parametrize("command", [["plugin", "ls"], ["ps"], ["doctor"]])
def test_every_command_shows_an_orphan_and_what_to_type(shell: Shell, running, command) -> None:
    running.kill()
    running.wait()
    said = shell.vmf(*command).stderr
    assert "j (job 1) is orphaned, running" in said
    assert "`vmf wait j` carries it on, `vmf rm j` removes it" in said
    shell.vmf("rm", "j")


def test_an_engine_that_waits_for_room_takes_over_the_job_that_held_it(shell: Shell) -> None:
    shell.host(more=", machines: 1")
    shell.job("exit 3", "k")
    shell.job("hang")
    with shell.start("run", "j.yaml") as first:
        shell.reaches("j", "running")
        with shell.start("run", "k.yaml") as waiting:
            assert waiting.stdout is not None
            assert waiting.stdout.readline() == "k: waits: farm: machines 1 of at most 1\n"
            first.kill()
            assert waiting.stdout.readline() == "j: was orphaned, running; carrying it on\n"
            assert shell.vmf("rm", "j").returncode == 0
            assert waiting.wait(DEADLINE) == 3
    assert [each.job.name for each in shell.records()] == ["k"]
    assert shell.left_behind() == []


def test_a_job_that_is_removed_while_it_is_waited_for_was_stopped(shell: Shell) -> None:
    shell.orphan("hang")
    home = Home(root=shell.home)
    ownership = own(home, 1)
    with shell.start("wait", "j") as waiting:
        until(lambda: waits_for_lock(waiting.pid), "it waits")
        with closing(Store(home)) as store:
            store.forget(shell.records()[0])
        ownership.release()
        assert waiting.wait(DEADLINE) == 77


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(("number", "states"), [(signal.SIGTERM, ["running"]), (signal.SIGINT, ["removed"])])
def test_an_order_ends_the_wait_for_all_jobs_and_no_other_is_taken_over(
    shell: Shell, number: signal.Signals, states: list[str]
) -> None:
    shell.orphan("hang", "k")
    killed = shell.records("k")[-1].engine
    with shell.start("wait", "k", "j") as waiting:
        until(lambda: shell.records("k")[-1].engine != killed, "k is carried on")
        waiting.send_signal(number)
        waiting.communicate(timeout=DEADLINE)
    assert waiting.returncode == 80
    assert [each.state for each in shell.records("k")] == states
    assert [each.state for each in shell.records("j")] == ["running"]
    shell.vmf("rm", "k")
