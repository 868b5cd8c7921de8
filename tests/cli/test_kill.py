"""Commands that are killed are typed again, and the job ends right and leaves nothing.

Every step of a life is killed at in `tests/crash`; these go through processes and the command line as a user does.
"""

from __future__ import annotations

import dataclasses
import signal
from pathlib import Path

import pytest

from shell import DEADLINE, Shell, until

KILL_AT = str(Path(__file__).parents[1] / "kill_at.py")
VERB = "vmf.plugins:Hypervisor."


def killed(shell: Shell, point: tuple[str, int], *words: str) -> None:
    """Type words of which the process is killed just before a call; it must have come that far."""
    place, number = point
    done = dataclasses.replace(shell, program=(KILL_AT, place, str(number))).vmf(*words)
    assert done.returncode == -signal.SIGKILL, done


def ended_well(shell: Shell) -> None:
    assert (shell.folder / "j.results/out.txt").read_text() == "made\n"
    assert len(list(shell.folder.glob("j.results*"))) == 1
    assert [each.state for each in shell.records()] == ["completed"]
    until(lambda: shell.left_behind() == [], "all is clean")


@pytest.fixture(autouse=True)
def job(shell: Shell) -> None:
    shell.job("write out.txt made\nexit 5")


def test_a_run_that_is_killed_is_typed_again(shell: Shell) -> None:
    killed(shell, (f"{VERB}create", 0), "run", "j.yaml")
    assert shell.vmf("run", "j.yaml").returncode == 5
    ended_well(shell)


def test_an_adoption_that_is_killed_is_typed_again(shell: Shell) -> None:
    killed(shell, (f"{VERB}create", 0), "run", "j.yaml")
    killed(shell, (f"{VERB}fetch", 0), "wait", "j")
    assert shell.vmf("wait", "j").returncode == 5
    ended_well(shell)


def test_whoever_asks_an_engine_that_is_killed_is_told_and_the_guest_goes_on(shell: Shell) -> None:
    shell.job("hear\nwrite out.txt made\nexit 5")
    with dataclasses.replace(shell, program=(KILL_AT, f"{VERB}suspend", "0")).start("run", "j.yaml") as first:
        shell.reaches("j", "running")
        assert "its engine is gone" in shell.vmf("suspend", "--hard", "j").stderr
        assert first.wait(DEADLINE) == -signal.SIGKILL
    with shell.start("wait", "j") as second:
        shell.reaches("j", "saved")
        assert shell.vmf("resume", "j").returncode == 0
        shell.tell("j")
        assert second.wait(DEADLINE) == 5
    ended_well(shell)


@pytest.mark.parametrize("point", [("vmf.checkpoints:Making.finish", 0), ("vmf.run.attempt:Attempt.go_on", 0)])
def test_a_guest_whose_move_is_killed_goes_on(shell: Shell, point: tuple[str, int]) -> None:
    shell.job("echo one\nhear\necho two\nwrite out.txt made\nexit 5")
    shell.host("yard")
    place, number = point
    words = ("run", "j.yaml", "--set", "checkpoint.on_eviction=true")
    with dataclasses.replace(shell, program=(KILL_AT, place, str(number))).start(*words) as first:
        shell.reaches("j", "running")
        shell.vmf("vacate", "j")
        assert first.wait(DEADLINE) == -signal.SIGKILL
    with shell.start("wait", "j") as second:
        shell.reaches("j", "running")
        shell.tell("j")
        second.communicate(timeout=DEADLINE)
    assert second.returncode == 5
    ended_well(shell)
    assert (shell.folder / "j.results/console.log").read_text() == "one\nheard go on\ntwo\n"


@pytest.mark.parametrize("point", [("vmf.cli.detach:subprocess.Popen", 0), ("vmf.cli.detach:_is_taken", 0)])
def test_a_job_whose_detaching_is_killed_is_waited_for(shell: Shell, point: tuple[str, int]) -> None:
    killed(shell, point, "run", "--detach", "j.yaml")
    assert shell.vmf("wait", "j").returncode == 5
    ended_well(shell)


def test_a_removal_that_is_killed_is_typed_again(shell: Shell) -> None:
    shell.job("hang")
    killed(shell, (f"{VERB}state", 1), "run", "j.yaml")
    killed(shell, ("vmf.cli.rm:shutil.rmtree", 3), "rm", "j")
    assert shell.vmf("rm", "1").returncode == 0
    assert shell.records() == []
    assert list((shell.home / "jobs").iterdir()) == []
    assert shell.left_behind() == []
