"""Ctrl-C, signals, kill -9, adoption, removal."""

from __future__ import annotations

import json
import os
import signal

import pytest

from shell import Shell, until


def killed(shell: Shell, script: str, state: str = "running") -> None:
    """A job whose engine was killed while it was in `state`."""
    shell.job(script)
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", state)
        process.kill()


def test_ctrl_c_asks_the_guest_and_cleans_up(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 77
    assert "stopping; Ctrl-C again forces" in err
    assert "forcing the machine off" not in out
    assert "stopped, exit code 77 (vmf)" in out
    assert shell.left_behind() == []


def test_a_second_ctrl_c_forces_a_deaf_guest_at_once(shell: Shell) -> None:
    shell.job("deaf\nhang")
    with shell.start("run", "--console", "j.yaml") as process:
        until(lambda: "deaf" in process.stdout.readline(), "the guest is deaf")
        process.send_signal(signal.SIGINT)
        shell.reaches("j", "stopping")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=8)
    assert process.returncode == 77
    assert "vmf: forcing" in err
    assert "forcing the machine off" in out
    assert shell.left_behind() == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_sigterm_leaves_the_machine_to_be_adopted(shell: Shell, number: signal.Signals) -> None:
    shell.job("write out.txt kept\nsleep 2\nexit 6")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == 80
    assert len(shell.machines()) == 1
    assert "orphaned" in shell.row("j")
    assert shell.vmf("wait", "j").returncode == 6
    assert (shell.folder / "j.results/out.txt").read_text() == "kept\n"
    assert shell.left_behind() == []


def test_a_killed_engines_job_is_shown_as_orphaned_and_carried_on_by_wait(shell: Shell) -> None:
    killed(shell, "write out.txt kept\nsleep 2\nexit 6")
    shown = shell.vmf("ps")
    assert "running, orphaned" in shown.stdout
    assert "`vmf wait j` carries it on, `vmf rm j` removes it" in shown.stderr
    machines = shell.machines()
    assert shell.vmf("wait", "j").returncode == 6
    assert machines == ["vmf-1-1"]
    assert (shell.folder / "j.results/out.txt").read_text() == "kept\n"
    assert shell.left_behind() == []


def test_the_same_run_typed_again_carries_the_orphan_on(shell: Shell) -> None:
    killed(shell, "sleep 2\nexit 6")
    again = shell.vmf("run", "j.yaml")
    assert again.returncode == 6
    assert "was orphaned, running; carrying it on" in again.stderr
    assert [each.id for each in shell.records("j")] == [1]


def test_another_run_adopts_the_orphan_beside_its_own_job(shell: Shell) -> None:
    killed(shell, "sleep 1\nexit 6")
    shell.job("exit 0", "other")
    assert shell.vmf("run", "other.yaml").returncode == 0
    assert [each.state for each in shell.records("j")] == ["completed"]


def test_rm_removes_an_orphan(shell: Shell) -> None:
    killed(shell, "hang")
    assert shell.vmf("rm", "j").returncode == 0
    assert shell.records("j") == []
    assert shell.machines() == []


def test_rm_ends_a_job_that_another_engine_runs(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        assert shell.vmf("rm", "j").returncode == 0
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 77
    assert "stopped" in out
    assert shell.left_behind() == []


def test_rm_of_a_stranger_says_so(shell: Shell) -> None:
    done = shell.vmf("rm", "nobody")
    assert done.returncode == 78
    assert "no job is called 'nobody'" in done.stderr


def test_a_guest_that_is_killed_is_told_apart(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        os.kill(int((shell.home / "hosts/farm/machines/vmf-1-1/pid").read_text()), signal.SIGKILL)
        process.communicate(timeout=30)
    assert process.returncode == 75
    result = json.loads((shell.folder / "j.results/result.json").read_text())
    assert result["outcome"] in {"killed", "crashed"}


@pytest.mark.parametrize("state", ["idle", "running", "collecting"])
def test_rm_destroys_an_orphan_in_any_state_and_starts_nothing(shell: Shell, state: str) -> None:
    """Also one whose results have no place to go to, which nobody could end otherwise."""
    shell.host(more=", machines: 1")
    shell.job("echo ran\nwrite out.txt x\nsleep 1", "a")
    place = shell.folder / "place"
    place.mkdir()
    if state == "idle":
        shell.job("hang", "first")
        shell.vmf("run", "--detach", "first.yaml")
        shell.reaches("first", "running")
    with shell.start("run", "a.yaml", "--set", "results.folder=place/a") as process:
        shell.reaches("a", "idle" if state == "idle" else "running")
        if state == "collecting":
            place.rmdir()
            place.write_text("in the way")
            process.communicate(timeout=30)
        process.kill()
    if state == "idle":
        shell.vmf("rm", "first")
    assert [each.state for each in shell.records("a")] == [state]
    done = shell.vmf("rm", "a")
    assert done.returncode == 0
    assert ("starting" in done.stdout, "given up" in done.stdout) == (False, state == "collecting")
    assert shell.records("a") == []
    assert shell.left_behind() == []


def test_results_without_a_place_hold_no_room(shell: Shell) -> None:
    shell.host(more=", machines: 1")
    shell.job("sleep 1", "a")
    shell.job("exit 0", "b")
    place = shell.folder / "place"
    place.mkdir()
    with shell.start("run", "a.yaml", "--set", "results.folder=place/a") as process:
        shell.reaches("a", "running")
        place.rmdir()
        place.write_text("in the way")
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 79
    assert f"{place}/" in out
    assert shell.vmf("run", "b.yaml").returncode == 0
    place.unlink()
    place.mkdir()
    assert shell.vmf("wait", "a").returncode == 0


def test_the_results_of_a_try_that_did_not_start_make_way(shell: Shell) -> None:
    shell.fault("create", "job", "no such device")
    shell.job("write out.txt made\nexit 0")
    assert shell.vmf("run", "j.yaml").returncode == 76
    assert shell.vmf("run", "j.yaml").returncode == 0
    assert (shell.folder / "j.results/out.txt").read_text() == "made\n"
    assert "already there" in shell.vmf("run", "j.yaml").stderr
