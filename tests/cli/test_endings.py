"""Engines and guests that are killed, orphans, results that find no place."""

from __future__ import annotations

import dataclasses
import json
import os
import signal

from shell import DEADLINE, Shell, until


def test_a_killed_engines_job_is_shown_as_orphaned_and_carried_on_by_wait(shell: Shell) -> None:
    shell.orphan("write out.txt kept\nhear\nexit 6")
    shown = shell.vmf("ps")
    assert "running, orphaned" in shown.stdout
    assert "`vmf wait j` carries it on, `vmf rm j` removes it" in shown.stderr
    machines = shell.machines()
    shell.tell("j")
    assert shell.vmf("wait", "j").returncode == 6
    assert machines == ["vmf-1-1"]
    assert (shell.folder / "j.results/out.txt").read_text() == "kept\n"
    assert shell.left_behind() == []


def test_the_same_run_typed_again_carries_the_orphan_on(shell: Shell) -> None:
    shell.orphan("hear\nexit 6")
    with shell.start("run", "j.yaml") as again:
        until(lambda: "j: was orphaned, running; carrying it on" in again.stdout.readline(), "it is carried on")
        shell.tell("j")
        again.communicate(timeout=DEADLINE)
    assert again.returncode == 6
    assert [each.id for each in shell.records("j")] == [1]


def test_the_same_job_run_from_another_folder_is_another_and_the_orphan_keeps_the_name(shell: Shell) -> None:
    """Its results would go elsewhere."""
    shell.orphan("hang")
    elsewhere = dataclasses.replace(shell, folder=shell.folder / "elsewhere", hosts=("--hosts", "../hosts"))
    elsewhere.folder.mkdir()
    done = elsewhere.vmf("run", str(shell.folder / "j.yaml"))
    assert done.returncode == 78
    assert "a live job is already called 'j'" in done.stderr
    assert "running, orphaned" in shell.row("j")


def test_another_run_adopts_the_orphan_beside_its_own_job(shell: Shell) -> None:
    shell.orphan("hear\nexit 6")
    shell.tell("j")
    shell.job("exit 0", "other")
    assert shell.vmf("run", "other.yaml").returncode == 0
    assert [each.state for each in shell.records("j")] == ["completed"]


def test_a_guest_that_is_killed_is_told_apart(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        os.kill(int((shell.home / "hosts/farm/machines/vmf-1-1/pid").read_text()), signal.SIGKILL)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 75
    result = json.loads((shell.folder / "j.results/result.json").read_text())
    assert result["outcome"] in {"killed", "crashed"}


def test_results_without_a_place_hold_no_room(shell: Shell) -> None:
    shell.host(more=", machines: 1")
    shell.job("hear", "a")
    shell.job("exit 0", "b")
    place = shell.folder / "place"
    place.mkdir()
    with shell.start("run", "a.yaml", "--set", "results.folder=place/a") as process:
        shell.reaches("a", "running")
        place.rmdir()
        place.write_text("in the way")
        shell.tell("a")
        out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 79
    assert f"{place}; the job is kept" in out
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
