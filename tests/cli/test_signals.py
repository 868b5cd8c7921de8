"""Ctrl-C stops jobs, a second one at once; SIGTERM and SIGHUP leave them to be adopted."""

from __future__ import annotations

import signal

import pytest

from shell import DEADLINE, WITH_GRACE, Shell, until

INTERRUPTED = """\
import os, signal, sys
from vmf.cli import main
from vmf.cli.carry import Carrier

carry = Carrier.carry
def interrupted(*words):
    os.kill(os.getpid(), signal.SIGINT)
    return carry(*words)
Carrier.carry = interrupted
sys.exit(main(sys.argv[1:]))
"""
"""`vmf`, interrupted when jobs are its own already and nobody carries them yet."""


def test_ctrl_c_asks_the_guest_and_cleans_up(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert "stopping; Ctrl-C again forces" in err
    assert "forcing the machine off" not in out
    assert "stopped, exit code 77 (vmf)" in out
    assert shell.left_behind() == []


def test_a_second_ctrl_c_forces_a_deaf_guest_at_once(shell: Shell) -> None:
    shell.program = (WITH_GRACE, "1000")
    shell.job("deaf\nhang")
    with shell.start("run", "--console", "j.yaml") as process:
        until(lambda: "deaf" in process.stdout.readline(), "the guest is deaf")
        process.send_signal(signal.SIGINT)
        shell.reaches("j", "stopping")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert "vmf: forcing" in err
    assert "forcing the machine off" in out
    assert shell.left_behind() == []


def test_ctrl_c_in_the_moment_of_an_adoption_stops_what_is_adopted(shell: Shell) -> None:
    shell.orphan("hang")
    shell.program = ("-c", INTERRUPTED)
    done = shell.vmf("wait", "j")
    assert done.returncode == 77
    assert "vmf: stopping" in done.stderr
    assert [each.state for each in shell.records()] == ["removed"]
    assert shell.left_behind() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_sigterm_leaves_the_machine_to_be_adopted(shell: Shell, number: signal.Signals) -> None:
    shell.job("write out.txt kept\nhear\nexit 6")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        process.send_signal(number)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 80
    assert len(shell.machines()) == 1
    assert "orphaned" in shell.row("j")
    shell.tell("j")
    assert shell.vmf("wait", "j").returncode == 6
    assert (shell.folder / "j.results/out.txt").read_text() == "kept\n"
    assert shell.left_behind() == []


def test_a_job_that_is_being_stopped_can_be_left_and_carried_on(shell: Shell) -> None:
    shell.program = (WITH_GRACE, "1000")
    shell.job("deaf\nhear\nexit 6")
    with shell.start("run", "--console", "j.yaml") as process:
        until(lambda: "deaf" in process.stdout.readline(), "the guest is deaf")
        process.send_signal(signal.SIGINT)
        shell.reaches("j", "stopping")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 80
    assert "stopping, orphaned" in shell.row("j")
    shell.tell("j")
    assert shell.vmf("wait", "j").returncode == 6
    assert shell.left_behind() == []


def test_under_nohup_a_run_outlives_its_terminal(shell: Shell) -> None:
    shell.within = ("env", "--ignore-signal=HUP")
    shell.job("hear\nexit 6")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        process.send_signal(signal.SIGHUP)
        shell.tell("j")
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 6


@pytest.fixture(params=["2>&-", "2>/dev/full", ">/dev/full 2>/dev/full"])
def mute(shell: Shell, request: pytest.FixtureRequest) -> None:
    """What `vmf` has to say goes nowhere."""
    shell.within = ("sh", "-c", f'exec "$@" {request.param}', "sh")


@pytest.mark.usefixtures("mute")
def test_ctrl_c_stops_a_run_that_cannot_speak(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 77
    assert [each.state for each in shell.records()] == ["removed"]
    assert shell.left_behind() == []


@pytest.mark.usefixtures("mute")
def test_an_orphan_is_carried_on_by_a_run_that_cannot_speak(shell: Shell) -> None:
    shell.orphan("hear\nexit 6")
    shell.tell("j")
    shell.job("exit 0", "other")
    assert shell.vmf("run", "other.yaml").returncode == 0
    assert [each.state for each in shell.records()] == ["completed", "completed"]
