"""`vmf wait` and `vmf rm` beside an engine of another process."""

from __future__ import annotations

import json
import shutil
import signal

import pytest

from shell import Shell, until, waits_for_lock


@pytest.fixture
def running(shell: Shell):
    """A job that another process runs."""
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        yield process
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 77), (signal.SIGTERM, 80)])
def test_a_wait_for_anothers_job_can_be_broken_off_and_the_job_goes_on(shell: Shell, running, number, code) -> None:
    with shell.start("wait", "j") as waiting:
        until(lambda: waits_for_lock(waiting.pid), "it waits")
        waiting.send_signal(number)
        waiting.communicate(timeout=10)
    assert waiting.returncode == code
    assert running.poll() is None
    assert [each.state for each in shell.records("j")] == ["running"]


def test_a_wait_sees_the_end_that_another_engine_brings(shell: Shell) -> None:
    shell.job("sleep 1\nexit 9")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        done = shell.vmf("wait", "j", "--format", "json")
        process.communicate(timeout=30)
    assert done.returncode == 9
    assert json.loads(done.stdout)["state"] == "completed"


def test_rm_by_name_means_the_live_job_and_never_the_history(shell: Shell) -> None:
    shell.job("exit 0")
    shell.vmf("run", "j.yaml")
    by_name = shell.vmf("rm", "j")
    assert by_name.returncode == 78
    assert "no live job is called 'j'" in by_name.stderr
    assert "`vmf rm 1` forgets" in by_name.stderr
    assert len(shell.records("j")) == 1
    assert shell.vmf("rm", "1").returncode == 0
    assert shell.records("j") == []
    assert (shell.folder / "j.results/result.json").exists()


def test_detaching_and_removing_speak_json(shell: Shell) -> None:
    shell.job("hang")
    said = json.loads(shell.vmf("run", "--detach", "--format", "json", "j.yaml").stdout)
    assert said == {"job": "j", "id": 1, "detached": True}
    shell.reaches("j", "running")
    assert json.loads(shell.vmf("rm", "--format", "json", "j").stdout.splitlines()[-1])["removed"] is True
    until(lambda: shell.left_behind() == [], "all is clean")


@pytest.mark.parametrize("command", [["plugins"], ["ps"], ["doctor"]])
def test_every_command_shows_an_orphan_and_what_to_type(shell: Shell, running, command) -> None:
    running.kill()
    running.wait()
    said = shell.vmf(*command).stderr
    assert "j (job 1) is orphaned, running" in said
    assert "`vmf wait j` carries it on, `vmf rm j` removes it" in said
    shell.vmf("rm", "j")


def test_a_removal_that_was_killed_on_its_way_can_be_typed_again(shell: Shell) -> None:
    shell.job("exit 0")
    shell.vmf("run", "j.yaml")
    shutil.rmtree(shell.home / "jobs/1")
    assert shell.vmf("rm", "1").returncode == 0
    assert shell.records() == []
    assert list((shell.home / "jobs").iterdir()) == []
