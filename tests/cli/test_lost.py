"""Hosts that cannot be used or cannot be asked, as the user sees them."""

from __future__ import annotations

import signal

from faults import ALWAYS
from shell import Shell


def test_a_job_that_fits_nowhere_is_told_of_the_host_that_cannot_be_used_beside_the_others(shell: Shell) -> None:
    shell.host("barn")
    shell.fault("probe", "host", "out of order", times=ALWAYS, host="barn")
    shell.job("exit 0")
    said = shell.refused("j.yaml", "--set", "memory=1TiB", code=72)
    assert "barn: out of order" in said
    assert "farm: memory 1 TiB wanted, 4 GiB in all" in said


def test_where_no_host_can_be_used_the_fault_itself_is_told(shell: Shell) -> None:
    shell.fault("probe", "host", "out of order", times=ALWAYS)
    shell.job("exit 0")
    said = shell.refused(code=71)
    assert said.startswith("vmf: out of order")


def test_a_second_ctrl_c_gives_a_lost_host_up_and_the_job_is_left_to_be_adopted(shell: Shell) -> None:
    shell.job("hang")
    with shell.start("run", "j.yaml") as process:
        shell.reaches("j", "running")
        shell.fault("shut_down", "lost", "no route", times=ALWAYS)
        process.send_signal(signal.SIGINT)
        while "asking again" not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 80
    assert "no route; nothing can be forced now, the job is left as it is, to be adopted" in out
    assert "stopping, orphaned" in shell.row("j")
    shell.fault("shut_down", "lost", "no route", times=0)
    assert shell.vmf("wait", "j").returncode == 77
    assert shell.left_behind() == []


def test_an_orphan_on_a_lost_host_is_removed_once_the_host_is_back(shell: Shell) -> None:
    shell.orphan("hang")
    shell.fault("shut_down", "lost", "no route", times=ALWAYS)
    done = shell.vmf("rm", "j")
    assert done.returncode == 71
    assert "j could not be removed yet" in done.stderr
    assert "`vmf rm j` tries again" in done.stderr
    assert "stopping, orphaned" in shell.row("j")
    shell.fault("shut_down", "lost", "no route", times=0)
    assert shell.vmf("rm", "j").returncode == 0
    assert shell.records() == []
    assert shell.left_behind() == []
